#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two tracers hold different threads of one process; one tracer that holds them all is silent.
# guests: debuggers
. "$(dirname "$0")/tap.bash"
start_daemon

fixture split target threads 2
split=$PID t1=$(value split tid1) t2=$(value split tid2)
fixture a tracer hold "$t1"
a=$PID
fixture b tracer hold "$t2"
b=$PID
finds "two tracers on two threads: split-tracers" split-tracers/ "$split"
text=$(finding_text "$split" split-tracers/)
like "$text" "$a" "the finding names one tracer"
like "$text" "$b" "and the other"
is "$(ctl who "$split" --json | jq -r '[.processes[] | select(.process.pid == '"$split"') | .threads[].tracer.pid] | sort | join(" ")')" \
        "$(printf '%s\n' "$a" "$b" | sort -n | paste -sd' ')" "who shows a tracer per thread"
go "$a"
go "$b"
ended "$a"
ended "$b"
go "$split"
ended "$split"
is "$RC" 0 "the program lives through it"

# ---- clean twin: strace -f
if need strace; then
        fixture one target threads 3
        one=$PID
        spawn strace strace -f -qq -o "$T/strace.log" -p "$one"
        strace=$PID
        wait_for 10 has_tracer "$(value one tid3)" "$strace"
        kill -INT "$strace"
        kill -TERM "$strace"
        ended "$strace"
        go "$one"
        ended "$one"
        twin_of split-tracers silent "strace -f on all threads gives no finding" "$one" "$strace"
else
        skip "strace -f on all threads" "strace is not installed"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
