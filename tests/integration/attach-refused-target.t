#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An attach refused for what the target is, not for who asked: root is refused too.
# guests: long
. "$(dirname "$0")/tap.bash"
start_daemon
sees_signals || skip_all "tier proc does not see refused attaches"

# refused NAME CAUSE ERRNO PID COMMAND...: COMMAND gets ERRNO, and the finding about PID says why
refused() {
        local name=$1 cause=$2 errno=$3 concerns=$4
        shift 4
        spawn caller "$@"
        ended "$PID"
        is "$(value caller errno)" "$errno" "$name: refused with $errno"
        finds "$name: attach-refused-target/$cause" "attach-refused-target/$cause" "$concerns"
}

refused "kernel thread" kernel-thread EPERM 2 "$FIXTURES/tracer" attach 2

fixture parent target zombie
refused "zombie" zombie EPERM "$(value parent zombie)" "$FIXTURES/tracer" attach "$(value parent zombie)"

fixture self tracer attach-self
self=$PID
is "$(value self errno)" EPERM "own thread: refused with EPERM"
finds "own thread: attach-refused-target/own-thread-group" attach-refused-target/own-thread-group "$self"
go "$self"

fixture short target idle
gone=$PID
go "$gone"
ended "$gone"
refused "a process that has ended" gone ESRCH "$gone" "$FIXTURES/tracer" attach "$gone"
is "$(ctl why "$gone" --json | jq -r '.cause // .error.code')" \
        "$(ctl why "$gone" --json | jq -r 'if .cause then "gone" else "no-such-process" end')" "why about a process that has ended"

fixture outer target idle
outer=$PID
if unshare -p -f true 2>/dev/null; then
        spawn inner unshare -p -f "$FIXTURES/tracer" attach "$outer"
        ended "$PID"
        is "$(value inner errno)" ESRCH "a pid of another pid namespace: refused with ESRCH"
        finds "a pid of another pid namespace: attach-refused-target/pid-namespace" attach-refused-target/pid-namespace "$outer"
else
        skip "a pid of another pid namespace" "unshare is not permitted"
fi

# ---- clean twin: a gdb on a process whose threads come and go meets tids that are gone
if need gdb; then
        fixture churn target threads 8
        churn=$PID
        spawn gdb gdb -q -nx -batch -p "$churn"
        gdb=$PID
        ended "$gdb"
        twin_of "attach-refused-target untraced-threads" silent "gdb on a process with threads gives no finding" "$churn" "$gdb"
else
        skip "gdb on a process with threads" "gdb is not installed"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
