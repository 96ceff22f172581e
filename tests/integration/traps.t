#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGTRAPs that are no breakpoint: sent by somebody, run by a handler, or forced through.
# guests: debian13 debuggers alone
# debian13
# Alone: of two daemons on one processor only one can ask which library a handler is in (bpf_find_vma).
. "$(dirname "$0")/tap.bash"
start_daemon
sees_signals || skip_all "tier proc does not see signals"

# ---- sent by kill, by the program itself; blocked
fixture sent target idle
sent=$PID
kill -TRAP "$sent"
ended "$sent"
is "$RC" 133 "kill -TRAP kills a program that does not handle it"
finds "kill -TRAP: trap-without-tracer" trap-without-tracer/ "$sent"
like "$(finding_text "$sent" trap-without-tracer/)" "$$" "kill -TRAP: the finding names the sender"

fixture raised target raise
raised=$PID
go "$raised"
ended "$raised"
finds "raise(SIGTRAP): trap-without-tracer" trap-without-tracer/ "$raised"

# ---- clean twin: the same under gdb
if need gdb; then
        fixture watched target raise
        watched=$PID
        gdb_on gdb "$watched"
        gdb=$PID
        tell gdb continue
        wait_for 10 has_state "$watched" S
        go "$watched"
        said gdb 'SIGTRAP'
        tell gdb continue
        ended "$watched"
        is "$RC" 0 "raise(SIGTRAP) under gdb: gdb takes it"
        tell gdb quit
        ended "$gdb"
        twin_of trap-without-tracer silent "raise(SIGTRAP) under gdb gives no finding" "$watched" "$gdb"
else
        skip "raise(SIGTRAP) under gdb" "gdb is not installed"
fi

# ---- a handler runs instead of a debugger
fixture handled target int3-handler
handled=$PID
go "$handled"
ended "$handled"
is "$RC" 0 "int3 with a handler: the program goes on"
is "$(value handled traps)" 1 "int3 with a handler: it ran once"
finds "int3 with a handler: trap-to-handler" trap-to-handler/ "$handled"
like "$(finding_text "$handled" trap-to-handler/)" "target" "int3 with a handler: the finding names the handler's module"

# ---- the handler of a library that took SIGTRAP over
spawn taken env LD_PRELOAD="$FIXTURES/preload.so" "$FIXTURES/target" int3
taken=$PID
said taken '^ready '
go "$taken"
ended "$taken"
is "$RC" 0 "int3 with a preloaded handler: the program goes on"
finds "int3 with a preloaded handler: trap-to-handler" trap-to-handler/ "$taken"
like "$(finding_text "$taken" trap-to-handler/)" 'preload\.so' "int3 with a preloaded handler: the finding names the library"

# ---- forced: blocked, ignored, within the handler
for how in blocked ignored in-handler; do
        fixture forced target "int3-$how"
        forced=$PID
        go "$forced"
        ended "$forced"
        is "$RC" 133 "int3 with SIGTRAP $how: killed all the same"
        finds "int3 with SIGTRAP $how: trap-forced" trap-forced/ "$forced"
done

# ---- clean twin: blocked and never sent, ignored and sent
fixture quiet target int3-ignored
quiet=$PID
kill -TRAP "$quiet"
kill -KILL "$quiet"
ended "$quiet"
twin_of trap-without-tracer silent "kill -TRAP to a program that ignores it gives no finding" "$quiet"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
