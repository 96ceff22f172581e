#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Claims in the kernel: whom they admit and keep out, when they end, and that they end with their process.
# guests: claims
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
LEASE=$((4 + T_SCALE)) # seconds, in which a few commands must run
GRACE=2s start_guard

claim_at_all() {
        local pid id
        fixture mine target idle
        pid=$PID
        ok "a claim for a user" claim "$pid" --owner-uid 65534
        id=$ID
        is "$(jq -r '"\(.claim.pid) \(.claim.mode) \(.claim.means) \(.claim.owner.kind) \(.claim.owner.uid)"' <<<"$CLAIM")" \
                "$pid enforce kernel uid 65534" "the answer says what was claimed"
        is "$(try "$pid")" EBUSY "others are kept out, root too"
        is "$(last_of '"\(.reason) \(.source) \(.claim)"' ptrace.refused "$pid")" "claimed claim $id" "the record names the claim"
        like "$(ctl why "$pid" --json | jq -r '"\(.allowed) \(.errno) \(.cause)"')" '^false EBUSY claimed' "why says so before it is tried"
        ok "a second claim is refused" status_is 4 claim "$pid" --owner-uid 1
        ok "it is released" ctl release "$id"
        is "$(try "$pid")" 0 "then others get in"
        end_fixture "$pid" "the process ends well"
}
status_is() { # STATUS COMMAND...
        local want=$1
        shift
        "$@" >"$T/status.out" 2>&1
        local rc=$?
        [[ $rc == "$want" ]] || diag "exit status $rc" "$(cat "$T/status.out" "$T/claim.err")"
        [[ $rc == "$want" ]]
}

claim_owners() {
        local pid tools
        fixture mine target threads 2
        pid=$PID
        tools=$T/tools
        mkdir -p "$tools"
        cp "$FIXTURES/tracer" "$tools/admitted"
        claim "$pid" --owner-exe "$tools/admitted"
        is "$("$tools/admitted" attach "$pid" | sed -n 's/.*errno=//p')" 0 "an executable: the owner gets in"
        is "$(try "$pid")" EBUSY "an executable: another file with the same bytes does not"
        ctl release "$ID" >/dev/null
        claim "$pid" --owner-pid $$
        is "$(try "$pid")" 0 "a process: its descendants get in"
        is "$(try "$pid" setsid)" 0 "a process: also from a session of their own"
        sh -c "setsid sh -c 'until [ -e $T/left ]; do sleep 0.1; done; exec $FIXTURES/tracer attach $pid' >$T/orphan &"
        : >"$T/left"
        wait_for 20 file_has "$T/orphan" 'errno='
        like "$(cat "$T/orphan")" 'errno=EBUSY' "a process: who has left the family does not"
        fixture one tracer hold "$(value mine tid1)"
        is "$(try "$(value mine tid2)")" EBUSY "two tracers of one owner: one at a time"
        go "$PID"
        ended "$PID"
        ctl release "$ID" >/dev/null
        end_fixture "$pid" "the process ends well"
}

claim_by_users() {
        local pid other
        as_nobody_fixture mine target idle
        pid=$PID
        fixture other target idle
        other=$PID
        ok "a user claims a process of their own" status_is 0 "${NOBODY[@]}" "$PTRACECTL" claim "$pid"
        is "$(try "$pid")" EBUSY "which keeps root out"
        is "$(try "$pid" "${NOBODY[@]}")" 0 "and lets the user in"
        ok "a user cannot claim another's process" status_is 4 "${NOBODY[@]}" "$PTRACECTL" claim "$other"
        is "$(claims_on "$other")" 0 "nor is it claimed"
        is "$(try "$other")" 0 "nor kept from others"
        ok "another user cannot release it" status_is 4 setpriv --reuid=65533 --regid=65533 --clear-groups "$PTRACECTL" release \
                "$(ctl claims --json | jq ".claims[] | select(.pid == $pid) | .id")"
        ok "root can" ctl release "$(ctl claims --json | jq ".claims[] | select(.pid == $pid) | .id")"
        is "$(try "$pid")" 0 "and then gets in"
        end_fixture "$other" "the other's process ends well"
        end_fixture "$pid" "the user's process ends well"
}

# The claim of an unprivileged user keeps nobody out of a set-uid program.
claim_then_setuid() {
        local pid
        install -D -m 4755 "$FIXTURES/target" "$T/suid/target"
        chmod 755 "$T/suid"
        if [[ $(findmnt -n -o OPTIONS --target "$T/suid") == *nosuid* ]]; then
                skip "exec of a set-uid program" "$T is mounted nosuid"
                return
        fi
        as_nobody_fixture mine target exec "$T/suid/target" idle
        pid=$PID
        "${NOBODY[@]}" "$PTRACECTL" claim "$pid" >/dev/null
        is "$(try "$pid")" EBUSY "a user's claim holds before the exec"
        go "$pid"
        wait_for 10 runs_as "$pid" 0
        is "$(try "$pid")" 0 "after the exec of a set-uid program root is let in"
        ok "and the claim ends" wait_for 10 claimed_times 0 "$pid"
        go "$pid"
        ended "$pid"

        as_nobody_fixture mine target exec "$T/suid/target" idle
        pid=$PID
        claim "$pid" --owner-exe /bin/true
        go "$pid"
        wait_for 10 runs_as "$pid" 0
        is "$(try "$pid")" EBUSY "a claim made by root holds on"
        ctl release "$ID" >/dev/null
        go "$pid"
        ended "$pid"
}
runs_as() { [[ $(awk '/^Uid:/ { print $3 }' "/proc/$1/status") == "$2" ]]; } # PID EUID

claim_and_reuse() {
        local pid
        fixture mine target idle
        pid=$PID
        claim "$pid" --owner-exe /bin/true
        is "$(try "$pid")" EBUSY "a claimed pid"
        end_fixture "$pid" "its process ends"
        if ! fixture again target reuse "$pid"; then
                skip "a reused pid" "$(cat "$T/again.err")"
                return
        fi
        is "$(value again pid)" "$pid" "another process has its pid"
        is "$(try "$pid")" 0 "the claim does not pass to it"
        ok "and is over" wait_for 10 claimed_times 0 "$pid"
        is "$(ctl events --pid "$pid" --earlier --type claim.ended --json | jq -rs 'last | .end')" target-gone \
                "because its process is gone, which had the pid before"
        go "$pid"
}

claim_in_pid_namespace() {
        local pid
        spawn inner unshare --pid --fork --mount-proc -- "$FIXTURES/target" idle
        said inner '^ready '
        pid=$(pgrep -P "$PID" | head -n 1)
        is "$(value inner pid)" 1 "a process is pid 1 of its container"
        claim "$pid" --owner-exe /bin/true
        is "$(try "$pid")" EBUSY "claimed by its outer pid: refused from outside"
        is "$(try 1 nsenter --target "$pid" --pid --mount)" EBUSY "refused from inside, where its pid is another"
        is "$(last_of '"\(.target.pid) \(.vpid)"' ptrace.refused "$pid")" "$pid 1" "the record has both pids"
        ctl release "$ID" >/dev/null
        is "$(try 1 nsenter --target "$pid" --pid --mount)" 0 "released: let in from inside"
        go "$pid"
}

claim_audit() {
        local pid
        fixture mine target idle
        pid=$PID
        claim "$pid" --owner-exe /bin/true --mode audit
        is "$(try "$pid")" 0 "audit: an attach goes on"
        is_total 1 "audit: what would have been refused is recorded" claim.audit "$pid"
        is "$(last_of '"\(.reason) \(.source) \(.claim)"' claim.audit "$pid")" "claimed claim $ID" "audit: with reason and claim"
        is "$(total_of ptrace.refused "$pid")" 0 "audit: it is no refusal"
        ctl release "$ID" >/dev/null
        is "$(try "$pid")" 0 "audit: over"
        is "$(total_of claim.audit "$pid")" 1 "audit: nothing more is recorded"
        end_fixture "$pid" "audit: the process ends well"
}

# The kernel itself compares a lease's end: a daemon that hangs or is dead locks nobody out.
claim_leases() {
        local pid
        fixture mine target idle
        pid=$PID
        claim "$pid" --owner-exe /bin/true --lease $LEASE
        is "$(try "$pid")" EBUSY "a lease keeps others out"
        ok "renewed" ctl renew "$ID" --lease $LEASE
        kill -STOP "$DAEMON"
        is "$(try "$pid")" EBUSY "also while the daemon hangs"
        ok "until it ends" wait_for 10 gets 0 "$pid"
        kill -CONT "$DAEMON"
        ok "which the daemon tells when it can" wait_for 10 happened claim.ended "$pid"
        is "$(last_of .end claim.ended "$pid")" lease-over "as the end of the lease"

        claim "$pid" --owner-exe /bin/true --lease $LEASE
        kill -KILL "$DAEMON"
        ended "$DAEMON"
        is "$(try "$pid")" EBUSY "a lease outlives the daemon"
        ok "until it ends" wait_for 10 gets 0 "$pid"
        ok "another daemon starts" start_guard_again
        is "$(try "$pid")" 0 "and keeps nobody out"
        ok "the claim is over" wait_for 10 claimed_times 0 "$pid"
        is "$(total_of ptrace.refused "$pid")" "$(count_refused "$pid")" "what was refused meanwhile is recorded"
        end_fixture "$pid" "the process ends well"
}
count_refused() { events_of ptrace.refused "$1" | wc -l; }

claim_by_token() {
        local pid
        fixture mine target idle
        pid=$PID
        claim "$pid" --token secret-of-a-client --owner-pid $$
        is "$(try "$pid")" 0 "a token's first owner gets in"
        ok "a wrong token does not renew" status_is 4 "$PTRACECTL" renew "$ID" --token another-one-entirely
        ctl release "$ID" --token secret-of-a-client >/dev/null
        ok "released by token" wait_for 5 claimed_times 0 "$pid"
        end_fixture "$pid" "the process ends well"
}

claim_at_all
claim_owners
claim_by_users
claim_then_setuid
claim_and_reuse
claim_in_pid_namespace
claim_audit
claim_leases
claim_by_token

ok_no_slots "after all claims"
is "$(guard .attached)" false "without a claim no program is left in the kernel's way"
stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
