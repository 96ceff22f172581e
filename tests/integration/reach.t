#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The findings that a tier cannot make: doctor and diagnose say which, and why, of this daemon and of a trace.
# guests: causes
. "$(dirname "$0")/tap.bash"
start_daemon

# rows FILTER: "code reach" of each row of "unseen" in $T/o
rows() { jq -r ".unseen[] | select($1) | \"\(.code) \(.reach)\"" "$T/o"; }
# lists NAME TIER CODE REACH: so it stands in $T/o, with a reason, and whatever is listed is of that tier
lists() {
        is "$(rows ".code == \"$3\"" | sort -u)" "$3 $4" "$1: $3 is made ${4/#none/never}"
        is "$(jq -r '[.unseen[] | select(.tier != "'"$2"'" or .why == "")] | length' "$T/o")" 0 "$1: each row has tier $2 and a reason"
}

fixture idle target threads 1
ctl doctor --json >"$T/o"
case $TIER_NOW in
full) lists doctor full orphan-breakpoint part ;;
tracepoint) lists doctor tracepoint trap-forced part ;;
proc) lists doctor proc trap-forced none ;;
esac
jq -c .unseen "$T/o" >"$T/doctor"
ctl diagnose --json >"$T/o"
is "$(jq -r .tier "$T/o")" "$TIER_NOW" "diagnose names the tier"
is "$(jq -c .unseen "$T/o")" "$(cat "$T/doctor")" "diagnose lists what doctor lists"
like "$(ctl diagnose)" "Tier $TIER_NOW (never )?makes [0-9]+ finding.*: see ptracectl doctor\\." "for people it counts them"
is "$(ctl doctor | awk 'length > 80 && /^  [a-z-]+ +[a-z]/ && found {n++} /^Findings that/ {found = 1} END {print n + 0}')" 0 \
        "and doctor has a line of 80 characters for each"

# What is listed as unseen is not found, and what is not is: one of each.
if sees_signals; then
        settle
        ctl doctor --json >"$T/o"
        is "$(rows '.code == "trap-without-tracer"')" "" "a finding that was made is not on the list"
fi

# ---- the tier that sees least, next to it
spawn least "$PTRACED" --socket "$T/least.sock" --state-dir "$T/least.state" --tier proc
PTRACED_SOCKET=$T/least.sock ctl status --wait $((10 * T_SCALE)) >/dev/null
PTRACED_SOCKET=$T/least.sock ctl doctor --json >"$T/o"
lists "doctor in tier proc" proc attach-refused-traced none
is "$(rows '.code == "tracer-hung"')" "" "doctor in tier proc: what /proc shows is not on the list"
like "$(PTRACED_SOCKET=$T/least.sock ctl doctor)" $'Findings that are never made here:\n  attach-refused-traced +refused attaches are not seen' \
        "doctor in tier proc: in words"
# A trap that the other daemon, if it can, has a finding for.
fixture trapped target raise 1
trapped=$PID
go "$trapped"
fixture held target idle
held=$PID
fixture tracer tracer hold "$held"
seen_there() { [[ $(PTRACED_SOCKET=$T/least.sock ctl who "$held" --json | jq '[.processes[].threads[]] | length') -gt 0 ]]; }
wait_for 10 seen_there
is "$(PTRACED_SOCKET=$T/least.sock ctl diagnose --json | jq '.findings | length')" 0 "tier proc does not find the trap"
PTRACED_SOCKET=$T/least.sock ctl diagnose "$held" --json >"$T/o"
lists "diagnose PID in tier proc" proc trap-without-tracer none
like "$(PTRACED_SOCKET=$T/least.sock ctl diagnose "$held" 2>/dev/null)" 'Tier proc never makes [0-9]+ findings, and [0-9]+ in part: see ptracectl doctor\.' \
        "diagnose PID in tier proc: one line says so"

# ---- a trace has the tier that it was recorded in
PTRACED_SOCKET=$T/least.sock ctl export --format jsonl -o "$T/least.jsonl"
ctl diagnose --file "$T/least.jsonl" --json >"$T/o" 2>/dev/null
lists "a trace of tier proc" proc trap-without-tracer none
like "$(ctl diagnose --file "$T/least.jsonl" 2>/dev/null)" 'Tier proc never makes .*: see --json\.' "a trace of tier proc: one line says so"
ctl export --format jsonl -o "$T/here.jsonl"
ctl diagnose --file "$T/here.jsonl" --json >"$T/o" 2>/dev/null
is "$(jq -r '[.unseen[].tier] | unique | join(" ")' "$T/o")" "$TIER_NOW" "a trace of tier $TIER_NOW has the rows of that"

done_testing
