#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Programs from public bug reports that run into a SIGTRAP, and those that are easily blamed for it. Each has a twin that
# differs in one fact.
# guests: verdicts
# debian13
. "$(dirname "$0")/tap.bash"
readonly RECORDERS=4 # enough that most of them find the kernel busy when they ask what is mapped somewhere
start_daemon
sees_signals || skip_all "this tier sees no signals"

# goes PID: a fixture does what it is about, and ends; $RC
goes() {
        go "$1"
        ended "$1"
}
# gdb_looks PID: as people do who want a backtrace, and leave
gdb_looks() {
        timeout $((40 * T_SCALE)) gdb -q -nx -batch -iex 'set debuginfod enabled off' -ex bt -p "$1" >"$T/gdb.out" 2>&1 </dev/null
}

# ---- whoever was there (generated code has no file to compare with)
if need gdb gcore; then
        fixture jit mishap jit
        jit=$PID
        gdb_looks "$jit"
        goes "$jit"
        is "$RC" 133 "generated code runs a breakpoint of its own after gdb looked: it dies"
        concludes "gdb is not blamed for it" "$jit" 'orphan-breakpoint/[a-z-]+ 0' 'left in it|still holds'
        fixture jit mishap jit
        jit=$PID
        gcore -o "$T/core" "$jit" >/dev/null 2>&1
        goes "$jit"
        concludes "nor gcore" "$jit" 'orphan-breakpoint/[a-z-]+ 0' 'left in it|still holds'
        rm -f "$T"/core.*
else
        skip "gdb is not blamed for a breakpoint in generated code" "no gdb"
fi
fixture planted mishap tick
planted=$PID
spawn leaver "$FIXTURES/tracer" plant-dirty "$planted" "$(value planted probed)"
leaver=$PID
said leaver '^ready '
goes "$planted"
concludes "twin: a tracer that did leave one is named" "$planted" "orphan-breakpoint/dirty-detach $leaver"
go "$leaver"

# ---- a program that wrote the breakpoint itself
fixture patch mishap self-patch handle
patch=$PID
goes "$patch"
is "$RC $(value patch hits)" '0 1' "instrumentation handles its own breakpoint"
concludes "which is not blamed on a debugger" "$patch" '[a-z-]+/[a-z-]* 0(, [a-z-]+/[a-z-]* 0)*|' 'debugger that left|before recording'
fixture patch mishap self-patch
patch=$PID
goes "$patch"
is "$RC" 133 "without its handler it dies"
concludes "of what it wrote itself" "$patch" 'orphan-breakpoint/self-[a-z]+ 0' 'debugger that left|before recording'

if need gdb; then
        fixture patch mishap self-patch
        patch=$PID
        gdb_looks "$patch"
        goes "$patch"
        concludes "also when gdb had looked at it" "$patch" 'orphan-breakpoint/(unknown-writer|self-patched) 0' 'left in it'
fi

# ---- a library gives up; strace is not to blame
if fixture glib mishap glib 2>/dev/null; then
        glib=$PID
        goes "$glib"
        concludes "a fatal g_log() is part of the library" "$glib" 'orphan-breakpoint/hard-coded 0'
        like "$(words "$glib")" 'g_log' "with its symbol"
        if need strace; then
                spawn glib strace -f -qq -e trace=none -o "$T/strace.log" "$FIXTURES/mishap" glib
                said glib '^ready '
                app=$(value glib pid)
                go "$app"
                wait_for 10 gone "$app"
                concludes "also under strace" "$app" 'orphan-breakpoint/hard-coded 0' 'passed the SIGTRAP on|handle SIGTRAP'
                like "$(words "$app")" 'g_log' "with its symbol"
        else
                skip "a fatal g_log() under strace" "no strace"
        fi
else
        skip "a fatal g_log()" "no libglib"
fi

# ---- one death is told once
spawn timeout timeout 30 "$FIXTURES/target" int3
timeout=$PID
said timeout '^ready '
child=$(value timeout pid)
go "$child"
ended "$timeout"
concludes "a child of timeout dies of its own breakpoint" "$child" 'orphan-breakpoint/hard-coded 0'
is "$(ctl diagnose "$timeout" --json | jq -r '[.findings[] | select(.severity == "error")] | length')" 0 \
        "timeout, which raises the same signal, is no second error"
like "$(words "$timeout")" "$child" "what is said of it points to the child"
fixture raise target raise
raise=$PID
goes "$raise"
concludes "twin: a program that raises it by itself has" "$raise" 'trap-without-tracer/[a-z-]* [0-9]+'

# ---- a program that steps itself
fixture step target trap-flag
step=$PID
goes "$step"
is "$RC" 133 "a program sets its own trap flag, and dies of the step"
concludes "nobody else is to blame" "$step" 'trap-without-tracer/single-step 0'
fixture handled target trap-flag-handler
handled=$PID
goes "$handled"
is "$RC" 0 "its twin has a handler for that"
concludes "... and it is not said to have died" "$handled" '[a-z-]+/[a-z-]* 0' 'died of'

# ---- a SIGTRAP that a tracer hands on as it should
# sent_under_strace NAME SIGNAL: strace has an idle program, which that ends; $PID of the program, $RC
sent_under_strace() {
        local program strace
        fixture "$1" target idle
        program=$PID
        spawn strace strace -qq -o /dev/null -e trace=none -p "$program"
        strace=$PID
        wait_for 10 has_tracer "$program" "$strace"
        kill "-$2" "$program"
        ended "$strace"
        ended "$program"
        PID=$program
}
if need strace; then
        sent_under_strace sent TRAP
        is "$RC" 133 "somebody sends SIGTRAP to what strace traces"
        concludes "the sender is named, not strace" "$PID" "trap-without-tracer/passed-on $$" 'strace [^ ]* *passed|handle SIGTRAP'
        sent_under_strace other USR2
        twin_of trap-without-tracer silent "twin: another signal" "$PID"
else
        skip "a SIGTRAP that a tracer hands on" "strace is not installed"
fi

# ---- a crash handler: the breakpoint is the cause, handler and raise() are its consequences
fixture handler mishap crash-handler
handler=$PID
goes "$handler"
is "$RC" 133 "a crash handler dumps and dies"
concludes "one error, and it died" "$handler" 'orphan-breakpoint/hard-coded 0' 'without that module|is blocked there and waits|LD_PRELOAD'
is "$(ctl diagnose "$handler" --json | jq -r '.findings[0].severity')" error "and an error it is"

# ---- an emulator's guest
if need qemu-x86_64; then
        spawn guest qemu-x86_64 "$FIXTURES/target" int3
        guest=$PID
        said guest '^ready '
        goes "$guest"
        is "$RC" 133 "the guest of an emulator runs its own breakpoint, and the emulator dies of it"
        concludes "what ran cannot be seen from here" "$guest" '[a-z-]+/[a-z-]* [0-9]+' 'is blocked there and waits'
        is "$(ctl diagnose "$guest" --json | jq -r '.findings[0].severity')" error "which is an error"
else
        skip "the guest of an emulator" "no qemu-user"
fi

# ---- what a killed debugger leaves in the debug registers
if need gdb; then
        fixture count mishap count
        count=$PID
        gdb_on gdb "$count"
        gdb=$PID
        tell gdb "watch *(int *)$(value count counter)"
        tell gdb continue
        said gdb Continuing
        wait_for 10 has_state "$count" S
        kill -KILL "$gdb"
        ended "$gdb"
        goes "$count"
        is "$RC" 133 "a program dies of a watchpoint whose gdb was killed"
        concludes "who left it" "$count" "orphan-watchpoint/[a-z-]* $gdb"
        fixture count mishap count
        count=$PID
        gdb_on gdb "$count"
        gdb=$PID
        tell gdb "watch *(int *)$(value count counter)"
        tell gdb detach
        said gdb detached
        tell gdb quit
        ended "$gdb"
        goes "$count"
        is "$RC" 0 "twin: of one that detached it does not"
        twin_of orphan-watchpoint concludes "and there is no finding" "$count" ""
else
        skip "a watchpoint left behind" "no gdb"
fi

# ---- the SIGTRAP of an exec has no reader any more
if [[ -x $FIXTURES/starter ]]; then
        spawn starter "$FIXTURES/starter"
        starter=$PID
        ended "$starter"
        child=$(value starter child)
        like "$(out starter)" 'trace/breakpoint trap' "a child that Go started with Ptrace dies when the thread that traces it ends"
        concludes "the tracing thread ended" "$child" "orphan-step/[a-z-]* $starter"
        spawn starter "$FIXTURES/starter" stay
        ended "$PID"
        twin_of orphan-step concludes "twin: a thread that stays and detaches" "$(value starter child)" ""
else
        skip "the SIGTRAP of an exec" "no Go"
fi

# ---- a tracer's thread is not the tracer
fixture tick mishap tick
tick=$PID
spawn tool "$FIXTURES/mishap" plant-by-thread "$tick" "$(value tick probed)"
tool=$PID
said tool '^ready '
goes "$tick"
is "$RC" 133 "a tool's thread left a breakpoint"
concludes "the thread ended, the tool goes on" "$tick" "orphan-breakpoint/[a-z-]+ $tool" 'exited with status|before ending it'
like "$(words "$tick")" 'thread' "and the text says so"
go "$tool"

# ---- a tracer that this tier may not see
if [[ -x $FIXTURES/mishap32 ]]; then
        fixture tick mishap32 tick
        tick=$PID
        spawn tool "$FIXTURES/mishap32" plant "$tick" "$(value tick probed)"
        tool=$PID
        said tool '^ready '
        wait_for 5 has_tracer "$tick" "$tool"
        like "$(ctl who "$tick")" "$tool" "who names a 32-bit tracer"
        kill -KILL "$tool"
        ended "$tool"
        goes "$tick"
        is "$RC" 133 "its tracee runs into the breakpoint it left"
        concludes "which is not said to be older than the program" "$tick" "orphan-breakpoint/[a-z-]+ ($tool|0)" 'before recording'
else
        skip "a 32-bit tracer" "the compiler has no libraries of 32 bits"
fi

# ---- what a program does that asks to be traced
fixture asked mishap traceme
asked=$PID
wait_for 10 traced_in_who "$asked"
if need gdb; then
        gdb_looks "$asked"
        settle
        unlike "$(words "$asked")" 'LeakSanitizer' "a program that traces itself is not taken for LeakSanitizer"
fi
go "$asked"

# ---- several recorders on one machine: the same from all
if need gdb && [[ $TIER_NOW == tracepoint ]]; then
        sockets=()
        for ((i = 1; i < RECORDERS; i++)); do
                "$PTRACED" --socket "$T/sock$i" --state-dir "$T/state$i" 2>>"$T/daemon.log" &
                PIDS+=($!)
                PTRACED_SOCKET=$T/sock$i ctl status --wait 10 >/dev/null && sockets+=("$T/sock$i")
        done
        if fixture glib mishap glib 2>/dev/null; then
                glib=$PID
                gdb_looks "$glib"
                goes "$glib"
                concludes "a library's breakpoint, gdb was there, $RECORDERS recorders: the first" "$glib" 'orphan-breakpoint/hard-coded 0' \
                        'left in it'
                for socket in "${sockets[@]}"; do
                        PTRACED_SOCKET=$socket concludes "and another" "$glib" 'orphan-breakpoint/[a-z-]+ 0' 'left in it'
                done
        else
                skip "several recorders, a library" "no libglib"
        fi
        if need node; then
                spawn node node --abort-on-uncaught-exception -e 'setTimeout(() => { throw new Error("x") }, 2500); console.log("ready")'
                node=$PID
                said node ready
                gdb_looks "$node"
                ended "$node"
                concludes "node's abort, gdb was there: the first" "$node" 'orphan-breakpoint/hard-coded 0' 'left in it'
                for socket in "${sockets[@]}"; do
                        PTRACED_SOCKET=$socket concludes "and another" "$node" 'orphan-breakpoint/[a-z-]+ 0' 'left in it'
                done
        else
                skip "several recorders, node" "no node"
        fi
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
