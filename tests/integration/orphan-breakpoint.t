#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An int3 runs where no tracer is: each way it got there, by real debuggers and by raw tracers.
# guests: debuggers
# debian13
. "$(dirname "$0")/tap.bash"
start_daemon
sees_signals || skip_all "tier proc does not see signals"

# ---- a raw tracer dies with its breakpoint armed
fixture died target once
died=$PID
fixture tracer tracer plant "$died" "$(value died work)"
tracer=$PID
kill -KILL "$tracer"
ended "$tracer"
go "$died"
ended "$died"
is "$RC" 133 "tracer died: the breakpoint it left kills the program"
finds "tracer died: orphan-breakpoint/tracer-died" orphan-breakpoint/tracer-died "$died"
like "$(finding_text "$died" orphan-breakpoint/tracer-died)" "$tracer" "tracer died: the finding names it"

# ---- clean twin: it disarms and detaches
fixture clean target once
clean=$PID
fixture tracer tracer plant "$clean" "$(value clean work)"
tracer=$PID
go "$tracer"
ended "$tracer"
go "$clean"
ended "$clean"
is "$RC" 0 "clean detach: the program goes on"
twin_of orphan-breakpoint silent "clean detach gives no finding" "$clean" "$tracer"

# ---- detached without disarming
fixture dirty target once
dirty=$PID
fixture tracer tracer plant-dirty "$dirty" "$(value dirty work)"
go "$dirty"
ended "$dirty"
is "$RC" 133 "dirty detach: the breakpoint kills the program"
finds "dirty detach: orphan-breakpoint/dirty-detach" orphan-breakpoint/dirty-detach "$dirty"

# ---- a thread that the debugger does not trace
fixture partly target side-thread
partly=$PID
fixture tracer tracer plant "$partly" "$(value partly work)"
go "$partly"
ended "$partly"
is "$RC" 133 "untraced thread: the breakpoint kills the process"
finds "untraced thread: orphan-breakpoint/untraced-thread" orphan-breakpoint/untraced-thread "$partly"

# ---- a forked child
fixture forker target forker
forker=$PID
fixture tracer tracer plant "$forker" "$(value forker work)"
go "$forker"
said forker '^done '
child=$(value forker child)
is "$(value forker signal)" 5 "forked child: it dies from the parent's breakpoint"
finds "forked child: orphan-breakpoint/inherited-by-fork" orphan-breakpoint/inherited-by-fork "$child"
go "$PID"
go "$forker"

# ---- clean twin: gdb follows the parent and cleans the child
if need gdb; then
        fixture followed target forker
        followed=$PID
        gdb_on gdb "$followed"
        gdb=$PID
        tell gdb 'break work'
        tell gdb 'continue'
        tell gdb 'echo continued\n'
        wait_for 10 has_state "$followed" S
        go "$followed"
        said followed '^done '
        is "$(value followed signal)" 0 "gdb, detach-on-fork: the child lives"
        kill -INT "$gdb"
        said gdb 'continued'
        tell gdb detach
        said gdb detached
        tell gdb quit
        ended "$gdb"
        go "$followed"
        ended "$followed"
        twin_of orphan-breakpoint silent "gdb, detach-on-fork gives no finding" "$followed" "$(value followed child)" "$gdb"
else
        skip "gdb, detach-on-fork" "gdb is not installed"
fi

# ---- the program's own int3
fixture own target int3
own=$PID
go "$own"
ended "$own"
is "$RC" 133 "hard-coded: the program's own int3 kills it"
finds "hard-coded: orphan-breakpoint/hard-coded" orphan-breakpoint/hard-coded "$own"
like "$(finding_text "$own" orphan-breakpoint/hard-coded)" 'hit_int3' "hard-coded: the finding names the function"

# ---- a storm of them is told once
for _ in 1 2 3 4; do
        fixture own target int3
        go "$PID"
        ended "$PID"
        wait_for 10 has_finding orphan-breakpoint/hard-coded "$PID"
done
text=$(ctl diagnose 2>&1)
like "$text" 'orphan-breakpoint \(hard-coded\) x5  target' "a storm is told once, with its number"
is "$(grep -c 'orphan-breakpoint (hard-coded)' <<<"$text")" 1 "and not one by one"
is "$(ctl diagnose --json | jq '[.findings[] | select(.cause == "hard-coded")] | length')" 5 "for programs each is there"

# ---- what each of them did to itself has a sender in each, and is a storm all the same
for _ in 1 2 3 4; do
        bash -c 'kill -TRAP $$' &
        PID=$!
        wait "$PID"
        wait_for 10 has_finding trap-without-tracer/ "$PID"
done 2>/dev/null
like "$(ctl diagnose 2>&1)" 'trap-without-tracer x4  bash' "a storm of those that sent it to themselves is told once"

# ---- clean twin: the same under gdb
if need gdb; then
        fixture stopped target int3
        stopped=$PID
        gdb_on gdb "$stopped"
        gdb=$PID
        tell gdb 'continue'
        wait_for 10 has_state "$stopped" S
        go "$stopped"
        said gdb 'SIGTRAP'
        tell gdb 'continue'
        ended "$stopped"
        tell gdb quit
        ended "$gdb"
        twin_of orphan-breakpoint silent "hard-coded under gdb gives no finding" "$stopped" "$gdb"
else
        skip "hard-coded under gdb" "gdb is not installed"
fi

# ---- dlv is SIGKILLed while the Go program runs with a breakpoint armed
if need dlv && [[ -x $FIXTURES/worker ]]; then
        dlv_leaves_a_breakpoint
        go=$ORPHAN dlv=$PID
        kill -USR1 "$go"
        ended "$go"
        ends_of_sigtrap "dlv killed: the Go program dies later"
        finds "dlv killed: orphan-breakpoint/tracer-died" orphan-breakpoint/tracer-died "$go"
        text=$(finding_text "$go" orphan-breakpoint/tracer-died)
        like "$text" "dlv" "dlv killed: the finding names dlv"
        like "$text" "$dlv" "dlv killed: and its pid"
        like "$text" "main.report" "dlv killed: and the function" ||
                diag "$(ctl events --pid "$go" --type text.scan --json 2>&1)"
        like "$text" 'handler ran at runtime\.' "dlv killed: and the Go runtime's handler"
        is "$(ctl diagnose "$go" --json | jq '.findings | length')" 1 "dlv killed: one accident, one finding"

        # clean twin: dlv stops there, clears and detaches
        spawn go "$FIXTURES/worker"
        go=$PID
        said go '^ready '
        dlv_on dlv "$go"
        dlv=$PID
        tell dlv 'break main.report'
        said dlv 'Breakpoint 1 set'
        tell dlv continue
        wait_for 10 has_state "$go" S
        kill -USR1 "$go"
        said dlv 'main.report.*hits'
        tell dlv quit
        tell dlv n
        ended "$dlv"
        ended "$go"
        is "$RC" 0 "dlv detached: the Go program ends well"
        twin_of orphan-breakpoint silent "dlv that stops and detaches gives no finding" "$go" "$dlv"
else
        skip "dlv killed" "dlv or the Go fixture is missing"
fi

# ---- lldb, which leaves its int3 in the text at its prompt too
if need lldb; then
        fixture lclean target once
        lclean=$PID
        spawn lldb "${LLDB[@]}" -p "$lclean"
        lldb=$PID
        tell lldb 'breakpoint set -n work'
        said lldb 'Breakpoint 1: ' 60
        tell lldb continue
        wait_for 10 has_state "$lclean" S
        go "$lclean"
        said lldb 'stop reason = breakpoint' 40
        tell lldb 'process detach'
        said lldb 'detached' 40
        tell lldb quit
        ended "$lldb"
        ended "$lclean"
        is "$RC" 0 "lldb detached: the program ends well"
        twin_of orphan-breakpoint silent "lldb that stops and detaches gives no finding" "$lclean" "$lldb"
else
        skip "lldb detached" "lldb is not installed"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
