#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Programs whose names, paths and arguments are no UTF-8, or are and no ASCII: every verb reads what the daemon says of
# them, and prints JSON that any reader takes.
# debian13
. "$(dirname "$0")/tap.bash"
start_daemon

# Bytes that are no UTF-8, a control character, and characters that are fine.
odd=$'caf\xc3\xa9 \xff\xc3\x1b\xed\xa0\x80' fine=$'d\xc3\xa9bogueur'
mkdir "$T/$odd"
cp "$FIXTURES/target" "$T/$odd/$odd"
cp "$FIXTURES/tracer" "$T/$odd/$odd-2"
cp "$FIXTURES/tracer" "$T/$fine"
cp "$(type -P true)" "$T/$odd/true"

# is_utf8 NAME STATUSES COMMAND...: ends with one of these, and prints JSON, strictly
is_utf8() {
        local name=$1 statuses=$2 rc
        shift 2
        "$@" >"$T/o" 2>"$T/e" </dev/null
        rc=$?
        if [[ " $statuses " != *" $rc "* ]]; then
                fail "$name" "exit status $rc, not $statuses: $(cat "$T/e")"
        elif ! iconv -f UTF-8 -t UTF-8 "$T/o" >/dev/null 2>"$T/iconv" || ! jq -es 'length > 0' "$T/o" >/dev/null; then
                fail "$name" "$(cat "$T/iconv"; cut -c 1-400 "$T/o" | head -n 4)"
        else
                pass "$name"
        fi
}

# A thread of it is traced and another is not: `why` names the tracer of the other.
spawn odd "$T/$odd/$odd" side-thread "$odd"
odd_pid=$PID
said odd '^ready '
spawn odd2 "$T/$odd/$odd-2" hold "$(value odd tid1)"
tracer=$PID
said odd2 '^ready '
spawn fine "$T/$fine" hold "$odd_pid"
fine_pid=$PID
said fine '^ready '
wait_for 10 traced_in_who "$odd_pid"

for verb in who why diagnose events; do
        arguments=("$verb" "$odd_pid")
        [[ $verb != events ]] || arguments=(events --pid "$odd_pid")
        is_utf8 "$verb --json" "0 1 3 4" ctl "${arguments[@]}" --json
        ctl "${arguments[@]}" >"$T/o" 2>"$T/e"
        ok "$verb says it for people, too" test $? -lt 5 -a -s "$T/o"
done
kill "$fine_pid"
ended "$fine_pid"
is_utf8 "why --json, with another thread traced" "0 1 3 4" ctl why "$odd_pid" --json
like "$(cat "$T/o")" 'an attach to all threads is refused' "and that thread's tracer is told"
is_utf8 "status --json" 0 ctl status --json
for format in jsonl chrome; do is_utf8 "export --format $format" 0 ctl export --format "$format"; done
ctl export --format csv >"$T/csv"
ok "export --format csv is UTF-8" iconv -f UTF-8 -t UTF-8 "$T/csv"
is_utf8 "record --json" 0 timeout $((30 * T_SCALE)) "$PTRACECTL" record --json -o "$T/$odd.jsonl" -- "$T/$odd/true" "$odd"
ctl export --format jsonl -o "$T/$fine.jsonl"
is_utf8 "an exported trace is read" "0 1" ctl diagnose --file "$T/$fine.jsonl" --json

fixture free target idle
is_utf8 "a claim for an executable with such a name" 0 ctl claim "$PID" --owner-exe "$T/$fine" --json
like "$(jq -r .claim.owner.text "$T/o")" "$T/$fine" "it is for that one"
is_utf8 "claims --json" 0 ctl claims --json
is_utf8 "one with a name that is no UTF-8 is refused" 2 ctl claim "$PID" --owner-exe "$T/$odd/$odd" --json
like "$(cat "$T/e")" 'not UTF-8' "and why is said"

# ---- the names of now, and of the process
# thread_names PID: command and tracer of each of its traced threads, as who tells them
thread_names() { ctl who "$1" --json | jq -r --arg p "$1" '.processes[] | select(.process.pid == ($p | tonumber)) |
        .process.comm as $c | .threads[] | "\($c) \(.comm) \(.tracer.comm)"'; }
fixture named target idle
named=$PID
fixture holder tracer thread-hold "$named"
holder=$PID
wait_for 10 eval '[[ -n $(thread_names $named) ]]'
is "$(thread_names "$named")" "target target tracer" "a tracer is called as its process, not as its thread"
unlike "$(ctl who "$named") $(ctl why "$named")" 'a-thread-of-it' "for people too, and in why"
go "$holder"
ended "$holder"
like "$(ctl who "$named" --json | jq -r '.ended[].tracer.comm')" '^tracer$' "also when it has left"
go "$named"
if need strace; then
        spawn strace strace -qq -o "$T/strace.log" sleep 30
        strace=$PID
        has_child() { slept=$(pgrep -P "$strace" -x sleep); }
        wait_for 10 has_child
        wait_for 10 eval '[[ -n $(thread_names $slept) ]]'
        is "$(thread_names "$slept")" "sleep sleep strace" "a program that its tracer started is called as it is now"
        kill "$slept"
        ended "$strace"
else
        skip "a program that its tracer started" "strace is not installed"
fi

go "$tracer"
go "$odd_pid"
stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
