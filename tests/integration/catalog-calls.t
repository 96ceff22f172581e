#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What gets lost by what a tracer asks for: signals that it keeps back, requests from the wrong thread, breakpoints that an
# exec or a fork leaves behind. Each with a twin that does it right, and is to be silent.
# guests: catalog
. "$(dirname "$0")/tap.bash"
start_daemon
sees_signals || skip_all "tier proc does not see signals"

# traced NAME MODE TRACER-MODE [ARG...]: a program, and a tracer of it; $PROGRAM and $TRACER
traced() {
        fixture "$1" calls $2 || return
        PROGRAM=$PID
        fixture "$1-tracer" calls "$3" "$PROGRAM" "${@:4}"
        TRACER=$PID
}
leave() { # NAME: in good order
        go "$TRACER"
        ended "$TRACER"
        go "$PROGRAM"
        ended "$PROGRAM"
}

# ---- trap-swallowed
traced kept raise swallow
go "$PROGRAM"
said kept '^done handled=0'
concludes "a SIGTRAP of the program's own that its tracer keeps back" "$PROGRAM" "trap-swallowed/ $TRACER"
leave
traced passed raise pass
go "$PROGRAM"
said passed '^done handled=1'
concludes "twin: it is passed on" "$PROGRAM" ""
leave
traced foreign raise swallow
kill -TRAP "$PROGRAM"
concludes "twin: somebody else's SIGTRAP is kept back" "$PROGRAM" ""
leave
if need gdb; then
        fixture stopped calls raise
        PROGRAM=$PID
        gdb_on gdb "$PROGRAM"
        TRACER=$PID
        tell gdb continue
        wait_for 10 has_state "$PROGRAM" S
        go "$PROGRAM"
        said gdb 'SIGTRAP'
        tell gdb continue
        said stopped '^done handled=0'
        concludes "gdb's continue keeps it back" "$PROGRAM" "trap-swallowed/ $TRACER"
        like "$(words "$PROGRAM")" 'signal SIGTRAP' "and gdb's own way to pass it on is told"
        kill -INT "$TRACER"
        tell gdb 'quit'
        ended "$TRACER"
        go "$PROGRAM"
        fixture let calls raise
        PROGRAM=$PID
        gdb_on gdb "$PROGRAM"
        TRACER=$PID
        tell gdb continue
        wait_for 10 has_state "$PROGRAM" S
        go "$PROGRAM"
        said gdb 'SIGTRAP'
        tell gdb 'signal SIGTRAP'
        said let '^done handled=1'
        concludes "twin: gdb's signal SIGTRAP passes it on" "$PROGRAM" ""
        kill -INT "$TRACER"
        tell gdb quit
        ended "$TRACER"
        go "$PROGRAM"
else
        skip "gdb's continue keeps it back" "gdb is not installed"
fi

# ---- sigchld-swallowed
traced hangs reaper swallow
go "$PROGRAM"
said hangs '^child='
concludes "a SIGCHLD that a tracer keeps back: the child is never reaped" "$PROGRAM" "sigchld-swallowed/ $TRACER"
go "$TRACER"
ended "$TRACER"
kill -CHLD "$PROGRAM"
said hangs '^done' || fail "what is told to help helps"
go "$PROGRAM"
traced reaps reaper pass
go "$PROGRAM"
said reaps '^done handled=1'
concludes "twin: it is passed on" "$PROGRAM" ""
leave
traced looks 'reaper in-time' swallow
go "$PROGRAM"
said looks '^done handled=0'
concludes "twin: kept back, and the program reaps all the same" "$PROGRAM" ""
leave

# ---- ptrace-wrong-thread
traced asked idle wrong-thread
said asked-tracer '^asked'
concludes "requests from another thread than the one that traces" "$TRACER" "ptrace-wrong-thread/ $PROGRAM"
like "$(words "$TRACER")" "thread $TRACER of it traces" "and the thread that may ask is named"
leave
traced runs idle too-early
said runs-tracer '^asked'
concludes "twin: ESRCH because the tracee runs" "$TRACER" ""
leave
if [[ -x $FIXTURES/asker ]]; then
        spawn go "$FIXTURES/asker"
        TRACER=$PID
        said go '^asked'
        concludes "a Go tool whose goroutine wanders" "$TRACER" "ptrace-wrong-thread/ $(value go child)"
        kill -KILL "$(value go child)"
        go "$TRACER"
        ended "$TRACER"
else
        skip "a Go tool whose goroutine wanders" "there is no Go"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
