#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Eight tracers, eight threads of one process, the same instant: under the guard exactly one of them gets in, and
# when it has left, the next one does. GUARD_ROUNDS, how many races.
# guests: race alone
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
ROUNDS=${GUARD_ROUNDS:-1000} FEW=20
export FIXTURE_SECONDS=$((300 * T_SCALE))
start_guard

# race ROUNDS THREADS TRACERS [HOW]. After each round the next tracer may be refused until the slot is given back:
# those refusals are recorded as well, and $MORE says how many there were.
MORE=0
race() {
        spawn race "$FIXTURES/contest" race "$@"
        ended "$PID" 300 || ended "$PID" 300 # one wait is bounded: WAIT_SECONDS_MAX
        MORE=$((MORE + $(value race handover_refused)))
        diag "$(out race)" "$(cat "$T/race.err")"
}

race $FEW 8 8
is "$(value race exactly_one)" 0 "without the guard several get in"
is "$(value race won)" $((8 * FEW)) "in fact all of them"

ok "guard on" ctl guard on
MORE=0
began=$SECONDS
race "$ROUNDS" 8 8
diag "$ROUNDS races in $((SECONDS - began)) s"
is "$(value race exactly_one)" "$ROUNDS" "exactly one of eight gets in, in each of $ROUNDS races"
is "$(value race EBUSY)" $((7 * ROUNDS - $(value race EAGAIN || echo 0))) "the others are told EBUSY"
is "$(value race handover_stuck)" 0 "after each race the next tracer gets in"
ok_no_slots "after the races"
ok_no_losses
is_total $((7 * ROUNDS + MORE)) "each refusal is recorded" ptrace.refused

before=$(total_of ptrace.refused) MORE=0
race $FEW 8 8 mixed
is "$(value race exactly_one)" $FEW "PTRACE_ATTACH against PTRACE_SEIZE: exactly one"
race $FEW 2 8
is "$(value race exactly_one)" $FEW "eight tracers on two threads: exactly one"
race $FEW 8 2
is "$(value race exactly_one)" $FEW "two tracers on eight threads: exactly one"
is_total $((before + (7 + 7 + 1) * FEW + MORE)) "each of their refusals is recorded" ptrace.refused
ok_no_slots "after those races"

ok "guard off" ctl guard off
race $FEW 8 8
is "$(value race won)" $((8 * FEW)) "with the guard off again all get in"
is "$(guard .attached)" false "no program is left in their way"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
