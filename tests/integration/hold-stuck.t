#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Holds of a process that cannot be held now, because it is in the middle of an exec that does not end: whoever asks for
# them waits for the answer, and nobody else does.
. "$(dirname "$0")/tap.bash"
need curl || skip_all "no curl"
need jq || skip_all "no jq"
start_daemon

readonly HOLDS=12      # asked for at once
readonly STATUS_MS=100 # in which somebody else's status is answered meanwhile (x T_SCALE)

ask() { curl -s -m $((100 * T_SCALE)) --unix-socket "$T/sock" "$@"; }
as_nobody() { "${NOBODY[@]}" curl -s -m $((100 * T_SCALE)) --unix-socket "$T/sock" "$@"; }
code() { jq -r '.error.code // "none"'; }
# The request's own time, in microseconds; curl's start is not ptraced's.
status_us() {
        local s
        s=$(ask -o /dev/null -w '%{time_total}' http://x/v1/status)
        echo $((10#${s/./}))
}
# Helpers of this daemon's, and their tracers
helpers() { pgrep -c -f "^ptraced --hold .*$T/"; }

as_nobody_fixture stuck stuckexec
stuck=$PID pid=$(value stuck pid)
someone_asks() { kill -0 "${asking[@]}" 2>/dev/null; }
# Twelve clients at once, and status while they wait; its times go to $T/status.txt
ask_for_holds() {
        local n
        asking=()
        for ((n = 0; n < HOLDS; n++)); do
                as_nobody -X POST -d '{"pid":'"$pid"'}' http://x/v1/holds >"$T/hold.$n" &
                asking+=($!)
        done
        while someone_asks; do
                status_us
                read -rt 0.02 -u "$SILENCE"
        done >"$T/status.txt"
        wait "${asking[@]}"
}
# Machines that do other things at the same time answer late now and then, but not each time, and not by a second.
for ((n = 0; n < 3; n++)); do
        began=$SECONDS
        ask_for_holds
        most=$(sort -n "$T/status.txt" | tail -n 1)
        note "$HOLDS holds answered in $((SECONDS - began)) s; $(wc -l <"$T/status.txt") times status meanwhile: median $(sort -n "$T/status.txt" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}') us, most $most us"
        ((most > STATUS_MS * 1000 * T_SCALE && most < 10 * STATUS_MS * 1000 * T_SCALE)) || break
done
ok "status was asked for while the holds were waited for" test "$(wc -l <"$T/status.txt")" -ge 10
ok "and was answered within $STATUS_MS ms (x $T_SCALE) each time" test "$most" -le $((STATUS_MS * 1000 * T_SCALE))
answered=0
for ((n = 0; n < HOLDS; n++)); do
        [[ $(code <"$T/hold.$n") == failed ]] && answered=$((answered + 1))
done
is "$answered" "$HOLDS" "all $HOLDS are answered: it cannot be held"
like "$(jq -r .error.message "$T/hold.0")" "^Process $pid cannot be held: " "in a sentence"
no_helper_left() { [[ $(helpers) == 0 ]]; }
ok "no helper is left" wait_for 5 no_helper_left

# ---- who asks and does not wait
as_nobody -m 0.5 -X POST -d '{"pid":'"$pid"'}' http://x/v1/holds >/dev/null
ok "a client that hung up: its hold is called off" wait_for 3 no_helper_left

# ---- the same by a claim, where hold keeps it; with take, for its other thread is traced
if [[ $(ask http://x/v1/claims | jq -r .means) == hold ]]; then
        as_nobody -X POST -d '{"pid":'"$pid"',"take":true}' http://x/v1/claims >"$T/claim" &
        asking=($!)
        read -rt 0.3 -u "$SILENCE"
        us=$(status_us)
        ok "a claim under way: status within $STATUS_MS ms (x $T_SCALE)" test "$us" -le $((STATUS_MS * 1000 * T_SCALE))
        is "$(as_nobody -X POST -d '{"pid":'"$pid"'}' http://x/v1/claims | code)" claimed "it keeps others out already"
        wait "${asking[@]}"
        is "$(code <"$T/claim")" failed "it is not made, and that is answered"
        is "$(ask http://x/v1/claims | jq '.claims | length')" 0 "and leaves nothing behind"
        is "$(ctl events --pid "$pid" --json | grep -c 'claim\.')" 0 "nor was it ever told to be made"
        as_nobody -m 0.5 -X POST -d '{"pid":'"$pid"',"take":true}' http://x/v1/claims >/dev/null
        no_claim() { [[ $(ask http://x/v1/claims | jq '.claims | length') == 0 ]]; }
        ok "a client that hung up: its claim is called off" wait_for 3 no_claim
        ok "and its hold" wait_for 3 no_helper_left
else
        skip "a claim under way" "claims are kept by the kernel here"
fi

# ---- let go of
ok "another process is held meanwhile" ctl hold "$stuck"
ok "by a helper that is counted here" test "$(helpers)" -ge 1
ctl hold --off "$stuck" >/dev/null
go "$stuck"
ended "$stuck"
is "$RC" 0 "the exec ends well when its other thread may end"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
