#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is in force outlives the daemon: claims and records over kill -9 and restart without a gap, the pins' owner,
# the emergency switch, and what happens to pins that are not ours.
# guests: pins alone
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
PAUSE=5       # ms between two attaches of the loop
ATTEMPTS=1000 # during kills and restarts, of which there are about four
RESTARTS_MAX=6
start_guard

kill_daemon() {
        kill -KILL "$DAEMON"
        ended "$DAEMON" 10
        DAEMON=
}
again() { ok "$1" start_guard_again; }
pins() { find "$PINS" -mindepth 2 -printf '%f\n' 2>/dev/null | sort; }
links() { pins | grep -c '^link_'; }
log_says() { grep -Eq -- "$1" "$T/daemon.log"; }
attached_is() { guard_is .attached "$1"; }

nothing_at_first() {
        is "$(pins)" "" "nothing is pinned while nothing is in force"
        is "$(guard .attached)" false "and no program is attached"
        is "$(stat -c '%a %U' "$PINS")" "700 root" "only root may look into the directory"
}

# Beside a guard that keeps everybody out of ptraced's own processes: those of the self-test, too
beside_another() {
        local second
        rule 05 '[shut]' "exe = $(readlink -f "$PTRACED")" 'say = deny'
        is "$(try "$DAEMON")" EBUSY "another guard keeps everybody out of ptraced"
        "$PTRACED" --socket "$T/sock2" --state-dir "$T/state2" --pin-dir "$PINS-2" --config "$T/ptraced.conf" 2>"$T/second.log" &
        second=$!
        PIDS+=("$second")
        ok "a second daemon starts beside it" ctl --socket "$T/sock2" status --wait $((10 * T_SCALE))
        is "$(ctl --socket "$T/sock2" guard status --json | jq -r '"\(.working) \(.reason)"')" "true " "and tells its own refusals from those"
        ctl --socket "$T/sock2" guard off --all >/dev/null
        kill -TERM "$second"
        ended "$second"
        is "$RC" 0 "it stops cleanly"
        no_rules
}

over_kill() {
        local pid id before
        fixture mine target idle
        pid=$PID
        ok "a claim" claim "$pid" --owner-uid 65534
        id=$ID
        ok "guard on" ctl guard on
        is "$(guard '"\(.attached) \(.pinned)"')" "true true" "it is attached, and pinned"
        is "$(try "$pid")" EBUSY "an attach is refused"
        is_total 1 "and recorded" ptrace.refused "$pid"
        sleep 2 # a record is on the disk after a second
        kill_daemon
        is "$(try "$pid")" EBUSY "killed: attaches are still refused"
        spawn down "$FIXTURES/contest" hammer 99 "$pid"
        ended "$PID"
        like "$(out down)" 'tried=99.* EBUSY=99' "99 more"
        again "it starts again"
        is "$(guard '"\(.taken_over) \(.attached) \(.pinned) \(.state)"')" "true true true on" "it takes the guard over, which is still on"
        is "$(ctl claims --json | jq -r ".claims[] | select(.pid == $pid) | .id")" "$id" "the claim is the same"
        is_total 101 "every refusal was recorded, once" ptrace.refused "$pid"
        is "$(events_of ptrace.refused "$pid" | jq -r 'select(.type != "counter") | "\(.reason) \(.claim) \(.owner)"' | sort -u)" \
                "claimed $id uid 65534 (nobody)" "with its reason"
        ok_no_losses
        before=$(links)
        stop_daemon
        ok "SIGTERM: a notice says that it stays in force" log_says 'The guard stays in force without ptraced'
        is "$(links)" "$before" "the links stay"
        is "$(try "$pid")" EBUSY "attaches are refused"
        again "it starts again"
        ok "the claim is released" ctl release "$id"
        ok "guard off" ctl guard off
        is "$(try "$pid")" 0 "attaches are allowed"
        is "$(guard .attached)" false "no program stays attached"
        is "$(pins)" "" "and nothing stays pinned"
        end_fixture "$pid" "the process ends well"
}

# One tracer tries all the time, while the daemon is killed, starts, is killed while it starts, and starts.
without_a_gap() {
        local pid result n
        fixture mine target idle
        pid=$PID
        claim "$pid" --owner-uid 65534
        spawn loop "$FIXTURES/contest" hammer 1000000 "$pid" $PAUSE
        wait_for 10 file_has "$T/loop.out" 'result=EBUSY'
        kill_daemon
        sleep 1
        again "it starts while somebody tries to attach all the time"
        kill_daemon
        "$PTRACED" --socket "$T/sock" --state-dir "$T/state" --config "$T/ptraced.conf" --pin-dir "$PINS" 2>>"$T/daemon.log" &
        DAEMON=$!
        sleep 0.$((RANDOM % 900 + 100))
        kill_daemon
        again "it starts after it was killed while it started"
        sleep 2
        stop_daemon
        again "and after SIGTERM"
        for ((n = 0; n < RESTARTS_MAX && $(total_of ptrace.refused "$pid") < ATTEMPTS; n++)); do
                kill_daemon
                again "and once more"
        done
        go "$(value loop pid)"
        ended "$(value loop pid)"
        result=$(out loop | tail -n 1)
        diag "$result"
        ok "there were 1,000 attempts at least" test "$(value loop tried)" -ge $ATTEMPTS
        like "$result" ' won=0 ' "none of them slipped through"
        diag "recorded $(total_of ptrace.refused "$pid") of them"
        ok "the claim is released" ctl release "$(ctl claims --json | jq -r '.claims[0].id')"
        end_fixture "$pid" "the process ends well"
}

one_owner() {
        "$PTRACED" --socket "$T/sock2" --state-dir "$T/state2" --pin-dir "$PINS" --config "$T/ptraced.conf" 2>"$T/second.log" &
        local second=$!
        PIDS+=("$second")
        ok "a second daemon starts" ctl --socket "$T/sock2" status --wait $((10 * T_SCALE))
        like "$(ctl --socket "$T/sock2" guard status --json | jq -r '"\(.working) \(.reason)"')" "^false another ptraced keeps the guard" \
                "it has no guard, and says why"
        ok "its log too" grep -q 'No guard here: another ptraced' "$T/second.log"
        kill -TERM "$second"
        ended "$second"
}

emergency() {
        local pid
        fixture mine target idle
        pid=$PID
        ok "a claim" claim "$pid" --owner-uid 65534
        is "$(try "$pid")" EBUSY "an attach is refused"
        rm -r "$PINS"
        # The kernel ends a link whose last pin is gone a moment later.
        ok "the pins are removed: then it is not" wait_for 5 gets 0 "$pid"
        ok "the daemon notices" wait_for 5 attached_is false
        ok "and says so" log_says "The guard's pins in $PINS were removed"
        is "$(claims_on "$pid")" 0 "the claim has ended"
        ok "a new claim puts it in force again" claim "$pid" --owner-uid 65534
        is "$(try "$pid")" EBUSY "an attach is refused"
        ok "it is pinned" guard_is .pinned true
        ok "guard off --all" ctl guard off --all
        is "$(try "$pid")" 0 "then it is not"
        is "$(pins)" "" "and nothing stays pinned"
        end_fixture "$pid" "the process ends well"
}

# make_map NAME: a hash of no use, pinned where ours would be
make_map() { bpftool map create "$PINS/v2/$1" type hash key 4 value 4 entries 1 name other; }

not_ours() {
        local pid
        fixture mine target idle
        pid=$PID
        stop_daemon
        is "$(ls -d "$PINS" 2>&1)" "ls: cannot access '$PINS': No such file or directory" "nothing in force: the directory goes with the daemon"
        if ! need bpftool; then
                skip "pins of another kind" "no bpftool"
        else
                mkdir -p "$PINS/v2"
                make_map ring
                make_map guard_claims
                again "pins of another kind are found"
                ok "and removed" log_says 'what is pinned there is removed'
                is "$(guard .working)" true "the guard works"
                ok "a claim" claim "$pid" --owner-uid 65534
                is "$(try "$pid")" EBUSY "and is obeyed"
                ctl guard off --all >/dev/null
                stop_daemon
        fi
        mkdir "$PINS" && chown 65534 "$PINS" && chmod 777 "$PINS"
        again "a directory of somebody else's is found"
        is "$(stat -c '%a %U' "$PINS")" "700 root" "and made anew"
        is "$(guard .working)" true "the guard works"
        end_fixture "$pid" "the process ends well"
}

# GUARD_SHORT: what depends on how the kernel schedules
if [[ -z ${GUARD_SHORT-} ]]; then
        nothing_at_first
        one_owner
        beside_another
        over_kill
        emergency
        not_ours
fi
without_a_gap
done_testing
