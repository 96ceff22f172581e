#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Catch: a held process that runs into a breakpoint nobody owns is frozen instead of killed, and handed over.
# guests: hold alone
# debian13
. "$(dirname "$0")/tap.bash"
start_daemon

hold_field() { ctl hold --json 2>/dev/null | jq -r --argjson p "$1" ".holds[] | select(.pid == \$p) | $2"; }
is_in_state() { [[ $(hold_field "$1" .state) == "$2" ]]; }
catch() { ctl catch "$1" >/dev/null; }
let_go() { ctl hold --off "$1" >/dev/null; }
debug() {
        local pid=$1
        shift
        timeout $((60 * T_SCALE)) "$PTRACECTL" debug "$pid" -- "$@"
}
# All threads are in a ptrace-stop
frozen() { [[ $(cat /proc/"$1"/task/*/status 2>/dev/null | sed -n 's/^State:\t\(.\).*/\1/p' | sort -u) == t ]]; }

# ---- the program's own int3

fixture hard target int3
hard=$PID
ok "a process is held to be caught" catch "$hard"
go "$hard"
ok "its own int3: it is caught" wait_for 10 is_in_state "$hard" caught
ok "its own int3: it is frozen, not dead" wait_for 5 frozen "$hard"
is "$(hold_field "$hard" .caught.tid)" "$hard" "its own int3: the thread is named"
like "$(ctl hold)" "$hard +target +caught" "hold lists it"
like "$(ctl catch "$hard")" "thread $hard ran into a breakpoint" "catch says where"
silent "its own int3: nothing is lost, so there is no finding" "$hard"
let_go "$hard"
ended "$hard"
is "$RC" 133 "let go of, it dies of its SIGTRAP as it would have"

# ---- without catch, and with nothing to catch

fixture uncaught target int3
uncaught=$PID
ctl hold "$uncaught" >/dev/null
go "$uncaught"
ended "$uncaught"
is "$RC" 133 "held without catch: it dies as it would"

fixture twin target once
twin=$PID
catch "$twin"
go "$twin"
ended "$twin"
is "$RC" 0 "no breakpoint: never stopped"

fixture sent target raise 1
sent=$PID
catch "$sent"
go "$sent"
ended "$sent"
is "$RC $(value sent traps)" "0 1" "a SIGTRAP that is sent is no breakpoint: the handler runs"

fixture switched target int3
switched=$PID
catch "$switched"
is "$(hold_field "$switched" .catch)" true "catch is on"
ctl hold "$switched" >/dev/null
is "$(hold_field "$switched" .catch)" false "hold switches it off"
go "$switched"
ended "$switched"
is "$RC" 133 "switched off: it dies as it would"

# ---- an orphan: its tracer was killed

fixture orphan target side-thread
orphan=$PID
tid=$(value orphan tid1)
fixture tracer tracer plant "$tid" "$(value orphan work)"
kill -KILL "$PID"
ended "$PID"
catch "$orphan"
go "$orphan"
ok "orphan: it is caught" wait_for 10 is_in_state "$orphan" caught
is "$(hold_field "$orphan" .caught.tid)" "$tid" "orphan: in the thread that ran into it"
is "$(hold_field "$orphan" .caught.ip)" "$(value orphan work)" "orphan: at the byte that was left behind"
ok "orphan: all threads are frozen" wait_for 5 frozen "$orphan"

if need gdb; then
        debug "$orphan" gdb -q -nx -batch -p "$orphan" -ex 'thread apply all bt' -ex 'x/bx $pc' >"$T/gdb.txt" 2>&1
        like "$(cat "$T/gdb.txt")" 'work \(\) at' "gdb is let in and sees the function"
        ok "gdb has left: it is held again" wait_for 10 is_in_state "$orphan" caught
        is "$(hold_field "$orphan" .catch)" true "and still to be caught"
        is "$(tracer_of "$orphan")" "$(hold_field "$orphan" .helper.pid)" "by the helper that is named"
fi
let_go "$orphan"
ended "$orphan"
is "$RC" 133 "let go of, it dies of it"

# ---- gdb goes on with it: it sees the trap, and can take it away

if need gdb; then
        fixture handed target int3
        handed=$PID
        catch "$handed"
        go "$handed"
        wait_for 10 is_in_state "$handed" caught
        # Its stop is reported first: gdb's own and that of the hand-over. Then it runs the breakpoint.
        debug "$handed" gdb -q -nx -batch -p "$handed" -ex bt -ex continue -ex continue -ex continue >"$T/handed.txt" 2>&1
        like "$(cat "$T/handed.txt")" 'hit_int3' "gdb sees where it is"
        like "$(cat "$T/handed.txt")" 'received signal SIGTRAP' "gdb continues and sees the trap"
        ended "$handed"
        is "$RC" 0 "gdb has left: the process is continued and lives to its end"
else
        skip "gdb goes on" "gdb is not installed"
fi

# ---- nobody comes, somebody kills it

fixture left target int3
left=$PID
catch "$left"
go "$left"
wait_for 10 is_in_state "$left" caught
debug "$left" true
ok "its owner was let in and did nothing: it is held again" wait_for 15 is_in_state "$left" caught
let_go "$left"
ended "$left"
is "$RC" 133 "let go of after that: it dies of its SIGTRAP"

fixture killed target int3
killed=$PID
catch "$killed"
go "$killed"
wait_for 10 is_in_state "$killed" caught
kill -KILL "$killed"
ended "$killed"
is "$RC" 137 "SIGKILL ends a caught process, and its parent is told"

fixture robbed target int3
robbed=$PID
catch "$robbed"
go "$robbed"
wait_for 10 is_in_state "$robbed" caught
kill -KILL "$(tracer_of "$robbed")"
ended "$robbed"
is "$RC" 133 "its helper is killed: it dies as it would have"

# ---- the daemon is killed meanwhile

fixture survivor target int3
survivor=$PID
catch "$survivor"
kill -KILL "$DAEMON"
ended "$DAEMON"
go "$survivor"
wait_for 10 frozen "$survivor"
launch_daemon
ok "caught while the daemon was dead: the next one knows" wait_for 10 is_in_state "$survivor" caught
let_go "$survivor"
ended "$survivor"
is "$RC" 133 "and lets it go"

# ---- dlv is killed and leaves its breakpoints in a Go program

if need dlv && [[ -x $FIXTURES/worker ]]; then
        dlv_leaves_a_breakpoint
        go=$ORPHAN
        catch "$go"
        kill -USR1 "$go"
        ok "dlv killed: its breakpoint is caught" wait_for 10 is_in_state "$go" caught
        ok "dlv killed: all threads of the Go program are frozen" wait_for 5 frozen "$go"
        let_go "$go"
        ended "$go"
        ends_of_sigtrap "dlv killed: let go of, the Go program ends as it would have"
else
        skip "dlv killed" "dlv or the Go fixture is missing"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
