#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Codes of the catalog that no other file provokes, and clean twins that no other file has: tracers in each other's way, SIGTRAPs
# that are pending, blocked or handled.
# guests: causes
. "$(dirname "$0")/tap.bash"
start_daemon
sees_signals || skip_all "this tier sees no signals"

# ---- tracers that trace each other
fixture cycle entangled cycle
cycle=$PID other=$(value cycle other)
concludes "two tracers trace each other" "$cycle" "tracer-cycle/ ($cycle|$other)"
go "$cycle"
ended "$cycle"
fixture chain entangled chain
chain=$PID
twin_of tracer-cycle silent "twin: a chain of tracers is none" "$chain" "$(value chain second)" "$(value chain third)"
go "$chain"
ended "$chain"

# ---- a refused attach that is repeated
fixture held target idle
held=$PID
fixture holder tracer hold "$held"
holder=$PID
fixture storm entangled retry "$held" 400 1
storm=$PID
ended "$storm"
is "$(value storm refused)" 400 "somebody is refused 400 times"
concludes "a storm, and why each was refused" "$held" "attach-refused-traced/[a-z-]* $storm, attach-storm/[a-z-]* $storm|attach-storm/[a-z-]* $storm, attach-refused-traced/[a-z-]* $storm"
fixture few entangled retry "$held" 15 20
few=$PID
ended "$few"
is "$(told "$held" | grep -o "attach-storm/[a-z-]* $few")" "" "twin: 15 refusals are no storm"
TWIN_OF=attach-storm is_twin
go "$holder"
go "$held"
ended "$held"

# ---- a breakpoint while another SIGTRAP is pending
for state in pending unblocked; do
        fixture hit entangled $state
        hit=$PID
        fixture plants tracer plant "$hit" "$(value hit function)"
        plants=$PID
        go "$hit"
        ended "$hit"
        is "$RC" 0 "$state: the program goes on"
        if [[ $state == pending ]]; then
                concludes "a breakpoint collides with a SIGTRAP that was pending" "$hit" \
                        "(trap-forced/[a-z-]* $plants, )?breakpoint-collided/[a-z-]* $plants(, trap-forced/[a-z-]* $plants)?"
        else
                twin_of "breakpoint-collided trap-leaked" concludes "twin: with no other SIGTRAP it does not" "$hit" ""
        fi
        go "$plants"
        ended "$plants"
done

# ---- a program that takes what is to stop it
for way in sigwait signalfd; do
        for sig in TRAP INT; do
                fixture taker entangled $way
                taker=$PID
                fixture halt entangled halt "$taker" "$(kill -l $sig)"
                halt=$PID
                cause=sigwait
                [[ $way == sigwait ]] || cause=blocked
                concludes "SIG$sig is taken by $way()" "$taker" "signal-bypassed-tracer/$cause $halt"
                go "$taker"
                go "$halt"
                ended "$taker"
        done
done
if need gdb; then
        fixture taker entangled sigwait
        taker=$PID
        gdb_on gdb "$taker"
        gdb=$PID
        tell gdb continue
        said gdb Continuing
        wait_for 10 has_state "$taker" S
        kill -INT "$gdb" # as Ctrl-C does
        concludes "so is what gdb sends at Ctrl-C" "$taker" "signal-bypassed-tracer/sigwait $gdb"
        go "$taker"
        ended "$taker"
        tell gdb quit
        ended "$gdb"
else
        skip "what gdb sends at Ctrl-C" "gdb is not installed"
fi
fixture waits target idle
waits=$PID
fixture halt entangled halt "$waits" "$(kill -l INT)"
halt=$PID
read -rt 2 -u "$SILENCE"
twin_of signal-bypassed-tracer silent "twin: one that takes nothing stops" "$waits" "$halt"
go "$waits"
go "$halt"

# ---- SIGTRAP blocked and handled, and nothing runs into a trap
fixture quiet entangled pending
quiet=$PID
kill -KILL "$quiet"
ended "$quiet"
twin_of trap-forced silent "twin: SIGTRAP blocked, and no trap" "$quiet"

# ---- a handler for SIGTRAP, and a debugger that takes the signal first
if need gdb; then
        fixture handled target int3-handler
        handled=$PID
        gdb_on gdb "$handled"
        gdb=$PID
        tell gdb continue
        wait_for 10 has_state "$handled" S
        go "$handled"
        said gdb 'SIGTRAP'
        tell gdb continue
        ended "$handled"
        tell gdb quit
        ended "$gdb"
        twin_of trap-to-handler silent "twin: gdb takes the SIGTRAP before the handler" "$handled" "$gdb"

        # ---- a debugger that steps, and lets go
        fixture step target work
        step=$PID
        gdb_on gdb "$step"
        gdb=$PID
        tell gdb stepi
        tell gdb stepi
        tell gdb detach
        said gdb detached
        tell gdb quit
        ended "$gdb"
        go "$step"
        ended "$step"
        twin_of orphan-step silent "twin: gdb steps and detaches" "$step" "$gdb"
else
        skip "twins with gdb" "gdb is not installed"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
