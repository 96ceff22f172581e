#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A process left stopped by a tracer that is gone; a user's own stop and clean detaches are silent.
# guests: debuggers
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

# ---- clean twins
fixture user target idle
user=$PID
kill -STOP "$user"
wait_for 5 has_state "$user" T
silent "a user's kill -STOP gives no finding" "$user"
kill -CONT "$user"
go "$user"
ended "$user"

fixture detached target idle
detached=$PID
spawn attacher "$FIXTURES/tracer" attach "$detached"
attacher=$PID
ended "$attacher"
is "$(value attacher errno)" 0 "attach, wait, detach works"
silent "attach, wait, detach gives no finding" "$detached" "$attacher"
go "$detached"
ended "$detached"

if need gcore; then
        fixture dumped target threads 2
        dumped=$PID
        spawn gcore gcore -o "$T/core" "$dumped"
        gcore=$PID
        ended "$gcore"
        is "$RC" 0 "gcore writes a core"
        silent "gcore gives no finding" "$dumped" "$gcore"
else
        skip "gcore" "gcore is not installed"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
