#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What why says before an attach, what ptrace then does, and what diagnose says afterwards: over every caller, target,
# user namespace and seccomp filter. In a guest, which is slow, over enough rows that every two of them meet.
# guests: debuggers
. "$(dirname "$0")/tap.bash"
start_daemon
unshare -U true 2>/dev/null || skip_all "user namespaces are not permitted here, as in a chroot"

rows=all
((T_SCALE == 1)) || rows=pairs
# seccomp answers before anything that tier full sees; tier proc sees no refusal.
case $TIER_NOW in
full) unseen=seccomp ;;
proc) unseen=everything ;;
*) unseen=nothing ;;
esac
"$FIXTURES/agree" "$PTRACED_SOCKET" $rows $unseen >"$T/agree" 2>"$T/agree.err"
is "$?" 0 "why, the kernel and diagnose agree"
diag "$(cat "$T/agree" "$T/agree.err")"
like "$(tail -n 1 "$T/agree")" '^rows [1-9][0-9]*, refused [1-9]' "rows were tried, and some were refused"

# ---- ptracectl, under a filter, tries it on a child; the daemon takes that for a question and not for a refusal
fixture target target idle
target=$PID
under() { "$FIXTURES/agree" under "$1" "$PTRACECTL" why "$target" --json | jq -r '"\(.allowed) \(.errno) \(.signal) \(.cause)"'; }
for answer in EPERM EACCES ENOSYS; do
        is "$(under $answer)" "false $answer null seccomp" "why under a filter that answers $answer"
done
is "$(under KILL)" "false null SIGSYS seccomp" "why under a filter that kills"
is "$(under TRAP)" "false null SIGSYS seccomp" "why under a filter that traps"
is "$(under ALLOW)" "true null null null" "why under a filter that lets it through"
if need curl; then
        url=http://x/v1/processes/$target/why
        unix=(curl -s -m $((20 * T_SCALE)) --unix-socket "$PTRACED_SOCKET")
        is "$("${unix[@]}" "$url" | jq -r '"\(.allowed) \(.cause)"')" "true null" "who has no filter need not try"
        is "$("$FIXTURES/agree" under EPERM "${unix[@]}" "$url" | jq -r '"\(.allowed) \(.cause)"')" "false not-known" \
                "who has one and has not tried cannot be told"
fi
settle
is "$(ctl diagnose --json | jq -r '.findings[] | select(.summary | test("\\(ptracectl\\)")) | .summary')" "" "asking is no refusal"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
