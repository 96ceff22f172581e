#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Many clients wait for one process, and one takes it over from another, where the kernel keeps the claims.
# WAITERS, how many.
# guests: claims
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
WAITERS=${WAITERS:-50}
start_guard

# Each of many waiters gets its turn once, in order of arrival.
in_order() {
        local pid i clients=()
        fixture mine target idle
        pid=$PID
        spawn queued "$PTRACECTL" events --follow --type claim.queued --pid "$pid" --json
        wait_for 10 following
        spawn holder "$PTRACECTL" debug "$pid" -- "$FIXTURES/tracer" hold "$pid"
        clients+=("$PID")
        said holder '^ready '
        for ((i = 1; i <= WAITERS; i++)); do
                "$PTRACECTL" debug --wait "$pid" -- sh -c "$FIXTURES/tracer attach $pid >>$T/order.errno; echo $i >>$T/order" \
                        </dev/null >"$T/waiter.$i" 2>&1 &
                clients+=($!)
                PIDS+=($!)
                wait_for 10 waiting "$i" || break
        done
        is "$(waiters)" "$WAITERS" "$WAITERS clients wait"
        is "$(try "$pid")" EBUSY "the one that is in keeps others out"
        go "$(value holder pid)"
        wait_for 15 all_served || diag "$(ctl claims --json | cut -c 1-800)"
        for i in "${clients[@]}"; do wait_for 1 gone "$i"; done
        is "$(tr '\n' ' ' <"$T/order")" "$(seq -s ' ' "$WAITERS") " "they are served in order, each once"
        is "$(sort "$T/order.errno" | grep -c 'errno=0$')" "$WAITERS" "each gets in"
        ok "none leaves a claim behind" wait_for 5 claimed_times 0 "$pid"
        is "$(try "$pid")" 0 "then the process is free"
        end_fixture "$pid" "it lives through all of them"
}
waiters() { ctl claims --json | jq '.waiting | length'; }
waiting() { [[ $(wc -l <"$T/queued.out") -ge $1 ]]; }
all_served() { [[ -e $T/order && $(wc -l <"$T/order") -eq $WAITERS ]]; }
following() { [[ $(ctl status --json | jq .counts.followers) -gt 0 ]]; }

takeover() {
        local pid loser winner
        need gdb || { skip "takeover" "gdb is not installed"; return; }
        fixture mine target work
        pid=$PID
        spawn loser "$PTRACECTL" debug "$pid" -- gdb -q -nx -iex 'set confirm off' -iex 'set pagination off' -p "$pid"
        loser=$PID
        tell loser 'echo at-prompt\n'
        said loser at-prompt 40
        spawn winner "$PTRACECTL" debug --take "$pid" -- "$FIXTURES/tracer" attach "$pid"
        winner=$PID
        ended "$winner" 60
        is "$RC" 0 "who takes over gets in"
        like "$(out winner)" 'errno=0' "and attaches"
        like "$(cat "$T/winner.err")" 'gdb|uid|pid' "the risk and the loser are named before"
        ended "$loser" 30
        is "$RC" 4 "who lost it ends with status 4"
        like "$(cat "$T/loser.err")" "taken" "and is told"
        like "$(cat "$T/loser.err")" "$winner|tracer|uid" "by whom"
        end_fixture "$pid" "the process lives through it"
}

in_order
takeover

ok_no_slots "after all of them"
stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
