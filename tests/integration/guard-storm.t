#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Thousands of attachers, started by eight threads, want one process of eight threads. One gets in and keeps it;
# each of the others is refused and recorded. ATTACHERS, how many.
# guests: race alone
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
ATTACHERS=${ATTACHERS:-2000}
export FIXTURE_SECONDS=$((300 * T_SCALE))
start_guard
ok "guard on" ctl guard on

fixture storm contest storm "$ATTACHERS" 8
storm=$PID target=$(value storm target)
said storm '^storm ' 300
diag "$(out storm)"
winner=$(value storm winner)
is "$(value storm won)" 1 "exactly one gets in"
is "$(value storm EBUSY)" $((ATTACHERS - 1)) "each of the others is told EBUSY"
is "$(cat /proc/"$target"/task/*/status | sed -n 's/^TracerPid:\t//p' | sort -nu | tr '\n' ' ')" "0 $winner " \
        "it is the only tracer, of one thread"
is_total $((ATTACHERS - 1)) "each refusal is recorded or counted" ptrace.refused "$target"
ok_no_losses
is "$(last_of .reason ptrace.refused "$target")" held "with the reason"

# A slot of an attach under way ends by itself after 5 s; who has attached stays.
sleep 6
is "$(try "$target")" EBUSY "the winner keeps it"
ok_no_slots "with a tracer in"
is "$(ctl who "$target" --json | jq -r '.processes[0].threads[0].tracer.pid')" "$winner" "who names the winner"
go "$storm"
ended "$storm"
is "$RC" 0 "it detaches, and the process ends well"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
