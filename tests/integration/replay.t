#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A trace that was exported and is diagnosed offline says what the live diagnosis said.
. "$(dirname "$0")/tap.bash"
start_daemon
sees_signals || skip_all "tier proc does not see signals"

provoked=()
run_to_end() { # NAME PROGRAM ARG...
        fixture "$@"
        provoked+=("$PID")
        go "$PID"
        ended "$PID"
}
run_to_end raise target raise
run_to_end handler target int3-handler
run_to_end ignored target int3-ignored
run_to_end int3 target int3
fixture split target threads 2
provoked+=("$PID")
fixture a tracer hold "$(value split tid1)"
fixture b tracer hold "$(value split tid2)"
fixture once target once
once=$PID
provoked+=("$once")
fixture tracer tracer plant "$once" "$(value once work)"
"$FIXTURES/tracer" attach "$once" >/dev/null
kill -KILL "$PID"
ended "$PID"
go "$once"
ended "$once"
fixture left target idle
provoked+=("$PID")
"$FIXTURES/tracer" attach-exit "$PID"
wait_for 10 has_finding left-stopped/ "$PID"
wait_for 10 has_finding orphan-breakpoint/tracer-died "$once"
settle

for pid in "${provoked[@]}"; do
        ctl diagnose "$pid" --json
done | jq -r '.findings[] | "\(.code)/\(.cause // "") \(.pid) \(.other_pid // 0) \(.count)"' | sort -u >"$T/live"
ctl export --format jsonl -o "$T/trace.jsonl"
for pid in "${provoked[@]}"; do
        ctl diagnose "$pid" --file "$T/trace.jsonl" --json
done | jq -r '.findings[] | "\(.code)/\(.cause // "") \(.pid) \(.other_pid // 0) \(.count)"' | sort -u >"$T/replayed"
ok "seven processes gave findings" test "$(cut -d' ' -f2 "$T/live" | sort -u | wc -l)" -ge 7
if cmp -s "$T/live" "$T/replayed"; then
        pass "a replayed trace gives the live findings"
else
        fail "a replayed trace gives the live findings" "$(diff "$T/live" "$T/replayed")"
fi
gzip -k "$T/trace.jsonl"
ok "a compressed trace is read too, or refused with a sentence" bash -c \
        "'$PTRACECTL' diagnose --file '$T/trace.jsonl.gz' --json | jq -e .schema"

# Recorded later, in a tier that sees less: what was found before is judged by the tier of then.
tier=$(ctl status --json | jq -r .tier)
{
        cat "$T/trace.jsonl"
        jq -c 'select(.type == "daemon.start") | .tier = "proc" | .path = "proc" | .seq = 99999999 | .time = "2099-01-01T00:00:00Z" |
                .boottime_ns += 1000000000000' "$T/trace.jsonl" | head -n 1
} >"$T/two.jsonl"
is "$(ctl diagnose --file "$T/two.jsonl" --json 2>/dev/null | jq -r '.findings[].tier' | sort -u)" "$tier" \
        "a finding has the tier that it was recorded in"
like "$(ctl diagnose --file "$T/two.jsonl" 2>&1 >/dev/null)" 'From 20.* to 20.*tier proc' "the part in another tier is named"
unlike "$(ctl diagnose --file "$T/trace.jsonl" 2>&1 >/dev/null)" 'tier proc' "and only that"

# ---- totals
totals() { ctl status --json | jq -r '"\(.counts.findings) \(.counts.sessions_ended)"'; }
metric() { curl -s --unix-socket "$PTRACED_SOCKET" http://x/metrics | awk -v m="$1" 'index($1, m) == 1 { n += $2 } END { print n + 0 }'; }
before=$(totals)
ok "findings and sessions are counted" test "${before% *}" -ge 7 -a "${before#* }" -ge 2
if need curl; then
        is "$(metric ptraced_findings_total) $(metric ptraced_sessions_ended_total)" "$before" "and are the same in the metrics"
        ok "by code and severity" test "$(metric 'ptraced_findings_total{code="left-stopped",severity="error"}')" -ge 1
else
        skip "the metrics" "curl is not installed"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"

# ---- a new daemon on the same state directory still knows
start_daemon
for pid in "${provoked[@]}"; do
        ctl diagnose "$pid" --json
done | jq -r '.findings[] | "\(.code)/\(.cause // "") \(.pid) \(.other_pid // 0) \(.count)"' | sort -u >"$T/restarted"
after=$(totals)
is "${after% *}" "${before% *}" "the total of findings outlives it, too"
ok "and that of sessions" test "${after#* }" -ge "${before#* }"
if cmp -s "$T/live" "$T/restarted"; then
        pass "the findings outlive a restart of the daemon"
else
        fail "the findings outlive a restart of the daemon" "$(diff "$T/live" "$T/restarted")"
fi
done_testing
