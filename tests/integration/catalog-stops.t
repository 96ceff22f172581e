#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Tracers that end, do not know that they are tracers, or do not serve: each cause, and its silent twin.
# guests: catalog
. "$(dirname "$0")/tap.bash"
start_daemon
sees_signals || skip_all "tier proc does not see signals"

# the child of PID that has that name: $REPLY
child_named() { # PID COMM
        local pid pids
        read -ra pids <"/proc/$1/task/$1/children" # which ends without a newline
        for pid in "${pids[@]}"; do
                REPLY=$pid
                [[ $(<"/proc/$pid/comm") == "$2" ]] && return
        done
        return 1
} 2>/dev/null

# debugged PID: it runs sleep as its child, $CHILD
debugged() { child_named "$1" sleep && CHILD=$REPLY && has_state "$CHILD" S; }

# ---- killed-with-tracer
if need gdb; then
        spawn gdb gdb -q -nx -iex 'set confirm off' -iex 'set debuginfod enabled off' -ex run --args sleep 60
        gdb=$PID
        wait_for 20 debugged "$gdb"
        child=$CHILD
        kill -KILL "$gdb"
        ended "$gdb"
        concludes "gdb is killed, and its program with it" "$child" "killed-with-tracer/tracer-killed $gdb"
        like "$(words "$child")" "sent by PID $$ " "and who killed gdb is said"

        spawn gdb gdb -q -nx -iex 'set confirm off' -iex 'set debuginfod enabled off' -ex 'break write' -ex run -ex kill -ex quit --args sleep 60
        gdb=$PID
        wait_for 20 debugged "$gdb"
        child=$CHILD
        kill -INT "$gdb" # out of "run"; the rest follows
        ended "$gdb"
        is "$RC" 0 "gdb ends as told"
        concludes "a gdb that quits and kills what it started is silent" "$child" ""
else
        skip "gdb and its program" "gdb is not installed"
fi
fixture failing stops exitkill 3
failing=$PID
go "$failing"
ended "$failing"
concludes "a tracer fails, and its tracee is killed" "$(value failing child)" "killed-with-tracer/tracer-exited $failing"
fixture orderly stops exitkill 0
orderly=$PID
go "$orderly"
ended "$orderly"
concludes "a tracer that ends in good order and takes its tracee along is silent" "$(value orderly child)" ""

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
