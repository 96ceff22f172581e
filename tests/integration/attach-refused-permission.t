#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An attach refused for what the caller is: each cause, and the same attach allowed.
# guests: debuggers
. "$(dirname "$0")/tap.bash"
start_daemon
sees_signals || skip_all "tier proc does not see refused attaches"

# refused NAME CAUSE TARGET COMMAND...: COMMAND gets EPERM on TARGET and the finding says why
refused() {
        local name=$1 cause=$2 pid=$3
        shift 3
        spawn caller "$@" "$pid"
        ended "$PID"
        is "$(value caller errno)" EPERM "$name: refused with EPERM"
        finds "$name: attach-refused-permission/$cause" "attach-refused-permission/$cause" "$pid"
        unlike "$(finding_text "$pid" "attach-refused-permission/$cause")" '[Yy]ama|ptrace_scope' "$name: Yama is not blamed"
}

fixture root target idle
refused "root's process" uid "$PID" "${NOBODY[@]}" "$FIXTURES/tracer" attach
why=$("${NOBODY[@]}" "$PTRACECTL" why "$(value root pid)" --json)
is "$(jq -r '"\(.allowed) \(.errno) \(.cause)"' <<<"$why")" "false EPERM uid" "why tells an unprivileged caller what is in the way"
unlike "$why" "$FIXTURES" "and nothing more of somebody else's process"
go "$(value root pid)"

as_nobody_fixture nodump target nodump
nodump=$(value nodump pid)
refused "non-dumpable process of the same user" not-dumpable "$nodump" "${NOBODY[@]}" "$FIXTURES/tracer" attach

as_nobody_fixture plain target idle
plain=$(value plain pid)
if "${NOBODY[@]}" unshare -U true 2>/dev/null; then
        refused "from another user namespace" user-namespace "$plain" "${NOBODY[@]}" unshare -U "$FIXTURES/tracer" attach
else
        skip "from another user namespace" "user namespaces are not permitted here, as in a chroot"
fi

if [[ $TIER_NOW == tracepoint ]]; then
        as_nobody_fixture filtered target idle
        filtered=$(value filtered pid)
        refused "under a seccomp filter" seccomp "$filtered" "${NOBODY[@]}" "$FIXTURES/moment" under EPERM "$FIXTURES/tracer" attach
else
        skip "under a seccomp filter" "tier full has no hook at the entry of system calls, where seccomp answers"
fi

spawn capable setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+net_raw --ambient-caps=+net_raw "$FIXTURES/target" idle
said capable '^ready '
refused "process with more capabilities" capability "$PID" "${NOBODY[@]}" "$FIXTURES/tracer" attach

# ---- clean twins: the same calls, allowed
as_nobody_fixture own target idle
own=$(value own pid)
spawn caller "${NOBODY[@]}" "$FIXTURES/tracer" attach "$own"
caller=$PID
ended "$caller"
is "$(value caller errno)" 0 "a user's own process can be attached"
twin_of attach-refused-permission silent "a user on a process of their own gives no finding" "$own" "$caller"
if yama_asks; then
        skip "why says yes to its user" "Yama is on"
else
        is "$("${NOBODY[@]}" "$PTRACECTL" why "$own" --json | jq -r .allowed)" true "why says yes to its user"
fi

fixture byroot target nodump
spawn caller "$FIXTURES/tracer" attach "$(value byroot pid)"
caller=$PID
ended "$caller"
twin_of attach-refused-permission silent "root on a non-dumpable process gives no finding" "$(value byroot pid)" "$caller"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
