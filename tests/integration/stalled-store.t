#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The store's writer cannot commit: answers that need it wait, to a bound, and nobody else waits for them.
. "$(dirname "$0")/tap.bash"
need curl || skip_all "no curl"
need sqlite3 || skip_all "no sqlite3"
start_daemon

readonly PARKED=12
readonly SOON_MS=$((100 * T_SCALE))

# took_ms PATH: how long its answer takes; curl fails where it is none
took_ms() { curl -sf -m 20 -o /dev/null -w '%{time_total}' --unix-socket "$T/sock" "http://x$1" | awk '{print int($1 * 1000)}'; }
slowest_status() {
        local i ms worst=0
        for ((i = 0; i < 10; i++)); do
                ms=$(took_ms /v1/status) || return
                ((ms > worst)) && worst=$ms
        done
        echo "$worst"
}
descriptors() { find "/proc/$DAEMON/fd" -mindepth 1 | wc -l; }
they_wait() { (($(descriptors) >= before + PARKED)); }
few_descriptors() { (($(descriptors) <= before + 2)); }
# Something that the writer has to write, whatever else the machine does.
make_events() {
        local target
        fixture target target idle
        target=$PID
        fixture tracer tracer hold "$target"
        wait_for 10 traced_in_who "$target"
}

make_events
before=$(descriptors)
spawn locker sqlite3 -batch "$T/state/trace.sqlite"
tell locker 'PRAGMA busy_timeout=5000; BEGIN IMMEDIATE; SELECT 4711;'
ok "somebody else locks the store" said locker '^4711$'
make_events

for ((i = 0; i < PARKED; i++)); do
        took_ms /v1/diagnosis >"$T/parked.$i" &
        WAITING[i]=$!
done
ok "they wait" wait_for 2 they_wait
ms=$(slowest_status)
ok "status is answered at once meanwhile ($ms ms)" test "$ms" -lt "$SOON_MS"
for pid in "${WAITING[@]}"; do wait "$pid"; done
fastest=$(sort -n "$T"/parked.* | head -n 1)
slowest=$(sort -n "$T"/parked.* | tail -n 1)
ok "what needs the store waited for it ($fastest ms)" test "$fastest" -ge 1500
ok "but not longer than it should ($slowest ms)" test "$slowest" -lt $((2000 + 1500 * T_SCALE))

# ---- who waits may go away
curl -s -m 0.3 -o /dev/null --unix-socket "$T/sock" http://x/v1/events
ok "a client that hangs up is forgotten" wait_for 5 few_descriptors

# ---- and when it can
tell locker 'COMMIT; SELECT 4712;'
said locker '^4712$'
ok "the store goes on" wait_for 20 test "$(took_ms /v1/diagnosis)" -lt 1500
is "$(ctl status --json | jq -r .losses.total)" 0 "nothing was lost"
stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
