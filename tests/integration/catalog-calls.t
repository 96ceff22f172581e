#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What gets lost by what a tracer asks for: signals that it keeps back, requests from the wrong thread, breakpoints that an
# exec, a fork or a thread escapes. Each with a twin that does it right, and is to be silent. Most is told some seconds
# after it began: all begin first, and are judged together.
# guests: causes
. "$(dirname "$0")/tap.bash"
start_daemon
sees_signals || skip_all "tier proc does not see signals"
declare -A P=() TR=() # program and tracer of each case

# traced NAME MODE TRACER-MODE: a program, and a tracer of it
traced() {
        # shellcheck disable=SC2086 # a mode may have an argument
        fixture "$1" calls $2 || return
        P[$1]=$PID
        fixture "$1-tracer" calls "$3" "${P[$1]}" "${@:4}"
        TR[$1]=$PID
}
# planted NAME MODE [OPTIONS]: by its tracer, at a function that it runs
planted() {
        # shellcheck disable=SC2086
        fixture "$1" calls $2 || return
        P[$1]=$PID
        fixture "$1-tracer" calls "${PLANT:-plant}" "${P[$1]}" "$(value "$1" probed)" ${3-}
        TR[$1]=$PID
}
# in_gdb NAME MODE: under gdb, which runs it on
in_gdb() {
        fixture "$1" calls "$2" || return
        P[$1]=$PID
        gdb_on "$1-gdb" "${P[$1]}"
        TR[$1]=$PID
        tell "$1-gdb" continue
        wait_for 10 has_state "${P[$1]}" S
}
# judged NAME WANT WHAT: of the program
judged() { concludes "$3" "${P[$1]}" "$2"; }
# in_tracer NAME WANT WHAT: of its tracer
in_tracer() { concludes "$3" "${TR[$1]}" "$2"; }

# ---- begin
traced kept raise swallow
traced passed raise pass
traced foreign raise swallow
traced hangs reaper swallow
traced reaps reaper pass
traced looks 'reaper in-time' swallow
planted lost execer
planted told execer 0x10 # PTRACE_O_TRACEEXEC
planted copied forker
planted followed forker 0x2 # PTRACE_O_TRACEFORK
planted another 'forker exec'
PLANT=unplant planted clean forker
planted partly threads
planted careless once
for name in kept passed hangs reaps looks lost told copied followed another clean careless; do
        go "${P[$name]}"
done
kill -TRAP "${P[foreign]}"
fixture whole calls threads
P[whole]=$PID
fixture whole-other calls pass "$(ls "/proc/${P[whole]}/task" | tail -n 1)"
other=$PID
fixture whole-tracer calls plant "${P[whole]}" "$(value whole probed)"
TR[whole]=$PID
traced asks idle wrong-thread
traced early idle too-early
if need gdb; then
        in_gdb gdb raise
        in_gdb gdb-passes raise
        for name in gdb gdb-passes; do
                go "${P[$name]}"
                said "$name-gdb" 'SIGTRAP'
        done
        tell gdb-gdb continue
        tell gdb-passes-gdb 'signal SIGTRAP'
        said gdb '^done handled=0'
        said gdb-passes '^done handled=1'
fi
if [[ -x $FIXTURES/gocalls ]]; then
        spawn go "$FIXTURES/gocalls" ask
        TR[go]=$PID
        if need dlv; then
                spawn exec "$FIXTURES/gocalls" replace
                P[exec]=$PID
                said exec '^ready '
                dlv_on exec-dlv "${P[exec]}"
                TR[exec]=$PID
                tell exec-dlv 'break main.replace'
                said exec-dlv 'Breakpoint 1 set'
                tell exec-dlv continue
                wait_for 10 has_state "${P[exec]}" S
                go "${P[exec]}"
                # Somebody has one of its threads while Delve attaches, and then lets go.
                spawn partly-go "$FIXTURES/gocalls" replace
                P[partly-go]=$PID
                said partly-go '^ready '
                fixture holds calls pass "$(ls "/proc/${P[partly-go]}/task" | tail -n 1)"
                holds=$PID
                dlv_on partly-dlv "${P[partly-go]}"
                TR[partly-go]=$PID
                tell partly-dlv continue
                wait_for 10 has_state "${P[partly-go]}" S
                go "$holds"
                ended "$holds"
        fi
fi
for name in kept hangs looks; do said "$name" '^(done handled=0|child=)'; done
for name in passed reaps; do said "$name" '^done handled=1'; done
said asks-tracer '^asked'
said early-tracer '^asked'
sleep 3
settle || fail "the marker was seen"

# ---- and judge: what comes later is of other programs
settle() { :; }
judged whole "split-tracers/ ${TR[whole]}" "twin: another tracer has the thread that a debugger overlooks"
go "$other"
judged kept "trap-swallowed/ ${TR[kept]}" "a SIGTRAP of the program's own that its tracer keeps back"
twin_of trap-swallowed judged passed '' "twin: it is passed on"
twin_of trap-swallowed judged foreign '' "twin: somebody else's is kept back"
judged hangs "sigchld-swallowed/ ${TR[hangs]}" "a SIGCHLD that a tracer keeps back: the child is never reaped"
twin_of sigchld-swallowed judged reaps '' "twin: it is passed on"
twin_of sigchld-swallowed judged looks '' "twin: it is kept back, and the program reaps all the same"
go "${TR[hangs]}"
ended "${TR[hangs]}"
kill -CHLD "${P[hangs]}"
ok "and what is told to help helps" said hangs '^done'
in_tracer asks "ptrace-wrong-thread/ ${P[asks]}" "requests from another thread than the one that traces"
like "$(words "${TR[asks]}")" "thread ${TR[asks]} of it traces" "and the thread that may ask is named"
twin_of ptrace-wrong-thread in_tracer early '' "twin: ESRCH because the tracee runs"
ended "${P[careless]}"
is "$RC" 133 "a tracer passes its own breakpoint on: the program dies"
judged careless "trap-leaked/ ${TR[careless]}" "and the tracer that planted it is told"
like "$(words "${P[careless]}")" 'had written that breakpoint there itself' "by what it wrote"
judged partly "untraced-threads/ ${TR[partly]}" "a debugger plants, and overlooks a thread"
judged lost "breakpoint-lost-on-exec/ ${TR[lost]}" "breakpoints that an exec put away"
twin_of breakpoint-lost-on-exec judged told '' "twin: the tracer is told of the exec"
judged copied "fork-not-followed/ ${TR[copied]}" "a child with its parent's breakpoints"
concludes "which is the parent's finding" "$(value copied child)" ''
twin_of fork-not-followed judged followed '' "twin: the tracer follows"
twin_of fork-not-followed judged another '' "twin: the child calls exec"
twin_of fork-not-followed judged clean '' "twin: the breakpoint was taken out before"
if need gdb; then
        judged gdb "trap-swallowed/ ${TR[gdb]}" "gdb's continue keeps a SIGTRAP back"
        like "$(words "${P[gdb]}")" 'signal SIGTRAP' "and gdb's own way to pass it on is told"
        twin_of trap-swallowed judged gdb-passes '' "twin: gdb's signal SIGTRAP passes it on"
else
        skip "gdb's continue keeps a SIGTRAP back" "gdb is not installed"
fi
if [[ -x $FIXTURES/gocalls ]]; then
        in_tracer go "ptrace-wrong-thread/ $(value go child)" "a Go tool whose goroutine wanders"
        kill -KILL "$(value go child)"
else
        skip "a Go tool whose goroutine wanders" "there is no Go"
fi
if [[ ${P[exec]-} ]]; then
        judged exec "breakpoint-lost-on-exec/ ${TR[exec]}" "Delve's breakpoints that an exec put away"
        # What it was told while that other tracer was there is true, too.
        judged partly-go "([a-z-]+/ ${TR[partly-go]}(, )?){2,3}" "a thread that Delve overlooked, without a word"
        like "$(told "${P[partly-go]}")" "untraced-threads/ ${TR[partly-go]}" "is told"
else
        skip "Delve's breakpoints that an exec put away" "dlv or the Go fixture is missing"
fi
sleep 2
both="split-tracers/ ${TR[whole]}, untraced-threads/ ${TR[whole]}"
judged whole "$both|untraced-threads/ ${TR[whole]}, split-tracers/ ${TR[whole]}" \
        "that other tracer leaves, and nobody takes the thread"

kill -KILL "${P[@]}" "${TR[@]}" 2>/dev/null
stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
