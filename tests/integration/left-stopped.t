#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A process left stopped by a tracer that is gone; a user's own stop and clean detaches are silent.
# guests: long
. "$(dirname "$0")/tap.bash"
start_daemon
sees_signals || skip_all "tier proc does not see signals"

fixture left target idle
left=$PID
spawn attacher "$FIXTURES/tracer" attach-exit "$left"
attacher=$PID
ended "$attacher"
wait_for 5 has_state "$left" T
is "$(state_of "$left")" T "a tracer that attaches and ends leaves the process stopped"
finds "left-stopped" left-stopped/ "$left"
like "$(finding_text "$left" left-stopped/)" "$left" "the finding names the process"
kill -CONT "$left"
go "$left"
ended "$left"
is "$RC" 0 "SIGCONT heals it"

# The main thread has ended: the state that counts is that of the others.
fixture headless target leader-gone
headless=$PID
wait_for 10 has_state "$headless" Z
spawn attacher "$FIXTURES/tracer" attach-exit "$(value headless tid1)"
ended "$PID"
finds "left-stopped, without a main thread" left-stopped/ "$headless"
is "$(ctl heal "$headless" --json | jq .resumed)" true "and it is resumed"
go "$headless"
ended "$headless"
is "$RC" 0 "and ends well"

# ---- clean twins
fixture user target idle
user=$PID
kill -STOP "$user"
wait_for 5 has_state "$user" T
twin_of left-stopped silent "a user's kill -STOP gives no finding" "$user"
kill -CONT "$user"
go "$user"
ended "$user"

# stopped by a user, and looked at by a tracer: still the user's stop
stop_of() { ctl heal "$1" --dry-run --json | jq -r '"\(.left_stopped) \(.resumed)"'; }
for mode in attach attach-exit; do
        fixture looked target idle
        looked=$PID
        kill -STOP "$looked"
        wait_for 5 has_state "$looked" T
        spawn attacher "$FIXTURES/tracer" $mode "$looked"
        attacher=$PID
        ended "$attacher"
        wait_for 5 has_state "$looked" T
        twin_of left-stopped silent "a stop that is older than the tracer gives no finding ($mode)" "$looked" "$attacher"
        is "$(stop_of "$looked")" "false false" "and heal would leave it"
        like "$(ctl heal "$looked" --dry-run)" "stopped since .*before PID $attacher \(tracer\) came" "and says whose it is"
        kill -CONT "$looked"
        go "$looked"
        ended "$looked"
done
if need gdb; then
        for try in 1 2 3; do
                fixture looked target idle
                looked=$PID
                kill -STOP "$looked"
                wait_for 5 has_state "$looked" T
                spawn gdb gdb -q -nx -iex 'set debuginfod enabled off' -batch -ex bt -p "$looked"
                gdb=$PID
                ended "$gdb" 60
                read -rt 0.5 -u "$SILENCE"
                twin_of left-stopped silent "gdb -batch on a stopped process gives no finding ($try)" "$looked" "$gdb"
                kill -CONT "$looked"
                go "$looked"
                ended "$looked"
        done
else
        skip "gdb -batch on a stopped process" "gdb is not installed"
fi

fixture detached target idle
detached=$PID
spawn attacher "$FIXTURES/tracer" attach "$detached"
attacher=$PID
ended "$attacher"
is "$(value attacher errno)" 0 "attach, wait, detach works"
twin_of left-stopped silent "attach, wait, detach gives no finding" "$detached" "$attacher"
go "$detached"
ended "$detached"

if need gcore; then
        fixture dumped target threads 2
        dumped=$PID
        spawn gcore gcore -o "$T/core" "$dumped"
        gcore=$PID
        ended "$gcore"
        is "$RC" 0 "gcore writes a core"
        twin_of left-stopped silent "gcore gives no finding" "$dumped" "$gcore"
else
        skip "gcore" "gcore is not installed"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
