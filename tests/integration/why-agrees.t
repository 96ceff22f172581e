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

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
