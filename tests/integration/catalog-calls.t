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
if [[ -x $FIXTURES/gocalls ]]; then
        spawn go "$FIXTURES/gocalls" ask
        TRACER=$PID
        said go '^asked'
        concludes "a Go tool whose goroutine wanders" "$TRACER" "ptrace-wrong-thread/ $(value go child)"
        kill -KILL "$(value go child)"
        go "$TRACER"
        ended "$TRACER"
else
        skip "a Go tool whose goroutine wanders" "there is no Go"
fi

# ---- trap-leaked by a tracer that nobody knows by name: it plants, and passes everything on
fixture careless calls once
PROGRAM=$PID
fixture planter calls plant "$PROGRAM" "$(value careless probed)"
TRACER=$PID
go "$PROGRAM"
ended "$PROGRAM"
is "$RC" 133 "a tracer passes its own breakpoint on: the program dies"
concludes "and the tracer that planted it is told" "$PROGRAM" "trap-leaked/ $TRACER"
like "$(words "$PROGRAM")" 'had written that breakpoint there itself' "by what it wrote"
go "$TRACER"

# ---- breakpoint-lost-on-exec, fork-not-followed, untraced-threads: each is told some seconds later, so they begin together
planted() { # NAME MODE [OPTIONS]
        fixture "$1" calls $2
        PROGRAM=$PID
        fixture "$1-tracer" calls plant "$PROGRAM" "$(value "$1" probed)" ${3-}
        TRACER=$PID
        declare -g "P_$1=$PROGRAM" "T_$1=$TRACER"
}
planted lost execer
planted told execer 0x10 # PTRACE_O_TRACEEXEC
planted copied forker
planted followed forker 0x2 # PTRACE_O_TRACEFORK
planted another 'forker exec'
planted partly threads
fixture clean calls forker
P_clean=$PID
fixture clean-tracer calls unplant "$P_clean" "$(value clean probed)"
T_clean=$PID
for name in lost told copied followed another clean; do
        declare -n p=P_$name
        go "$p"
done
fixture whole calls threads
P_whole=$PID
fixture whole-other calls pass "$(ls "/proc/$P_whole/task" | tail -n 1)"
other=$PID
fixture whole-tracer calls plant "$P_whole" "$(value whole probed)"
T_whole=$PID
sleep 2
concludes "a debugger plants, and overlooks a thread" "$P_partly" "untraced-threads/ $T_partly"
concludes "twin: another tracer has that thread" "$P_whole" "split-tracers/ $T_whole"
sleep 1
concludes "breakpoints that an exec put away" "$P_lost" "breakpoint-lost-on-exec/ $T_lost"
concludes "twin: the tracer is told of the exec" "$P_told" ""
concludes "a child with its parent's breakpoints" "$P_copied" "fork-not-followed/ $T_copied"
concludes "the finding is the parent's" "$(value copied child)" ""
concludes "twin: the tracer follows" "$P_followed" ""
concludes "twin: the child calls exec" "$P_another" ""
concludes "twin: the breakpoint was taken out before" "$P_clean" ""
go "$other"
sleep 3
concludes "that other tracer leaves, and nobody takes the thread" "$P_whole" \
        "split-tracers/ $T_whole, untraced-threads/ $T_whole|untraced-threads/ $T_whole, split-tracers/ $T_whole"
for name in lost told copied followed another clean partly whole; do
        declare -n p=P_$name t=T_$name
        kill -KILL "$p" "$t"
done

# ---- the same with Delve, which asks neither to be told of an exec nor for all threads
if need dlv && [[ -x $FIXTURES/gocalls ]]; then
        spawn go "$FIXTURES/gocalls" replace
        P_exec=$PID
        said go '^ready '
        dlv_on dlv "$P_exec"
        T_exec=$PID
        tell dlv 'break main.replace'
        said dlv 'Breakpoint 1 set'
        tell dlv continue
        wait_for 10 has_state "$P_exec" S
        go "$P_exec"
        wait_for 10 file_has "/proc/$P_exec/comm" sleep
        sleep 3
        concludes "Delve's breakpoints that an exec put away" "$P_exec" "breakpoint-lost-on-exec/ $T_exec"
        kill -KILL "$P_exec" "$T_exec"
else
        skip "Delve's breakpoints that an exec put away" "dlv or the Go fixture is missing"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
