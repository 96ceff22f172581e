#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Refused attaches from public bug reports whose cause is easily got wrong, and fixes that the one who asks cannot carry
# out. `why`, asked before, and `diagnose`, asked after, have to say the same.
# guests: long
. "$(dirname "$0")/tap.bash"
readonly HANDED_OVER=20
start_daemon
sees_signals || skip_all "tier proc does not see refused attaches"

# as NAME COMMAND...: run it to its end, as somebody; its pid in $CALLER
as() {
        spawn "$@"
        CALLER=$PID
        ended "$CALLER" 40
}
# finding_by PID FIELD: of the finding about the attaches of that process, or of its children's
finding_by() { ctl diagnose --json | jq -r --arg p "$1" "[.findings[] | select((.other_pid | tostring) == \$p or (.pid | tostring) == \$p)][0] | .$2 // \"\""; }

# ---- a sandbox: attach and traceme, whatever its answer
fixture plain target idle
plain=$PID
for answer in EPERM EACCES ENOSYS; do
        if [[ $TIER_NOW == full ]]; then
                skip "a sandbox answers ptrace with $answer" "tier full does not see what seccomp refuses"
                continue
        fi
        as boxed "$FIXTURES/moment" under $answer "$FIXTURES/tracer" attach "$plain"
        settle
        is "$(finding_by "$CALLER" code)/$(finding_by "$CALLER" cause)" attach-refused-permission/seccomp "a sandbox answers an attach with $answer"
        if need gdb; then
                since=$(date -u +%FT%T.%NZ)
                as boxed "$FIXTURES/moment" under $answer gdb -q -nx -batch -iex 'set debuginfod enabled off' -ex run --args /bin/true
                settle
                is "$(ctl diagnose --since "$since" --json | jq -r '[.findings[] | select(.code == "attach-refused-permission") | .cause] | unique | join(" ")')" \
                        seccomp "gdb in it starts a program: the answer $answer to its traceme"
        fi
done

# ---- root of a container: every capability but SYS_PTRACE
container() { setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace "$@"; }
if container true 2>/dev/null; then
        fixture all target idle
        all=$PID
        as_nobody_fixture other target idle
        other=$PID
        spawn hidden setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace "$FIXTURES/target" nodump
        hidden=$PID
        said hidden '^ready '
        while read -r pid cause what; do
                as why setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace "$PTRACECTL" why "$pid" --json
                is "$(out why | jq -r .cause)" "$cause" "why, asked by root without SYS_PTRACE: $what"
                unlike "$(out why)" 'sudo' "does not tell root to use sudo"
                like "$(out why)" 'SYS_PTRACE' "but what is missing"
                as caller setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace "$FIXTURES/tracer" attach "$pid"
                is "$(value caller errno)" EPERM "it is refused"
                concludes "diagnose says the same: $what" "$pid" "attach-refused-permission/$cause $CALLER" 'sudo'
        done <<PAIRS
$all capability a root with all capabilities
$other uid another user
$hidden not-dumpable a root that is not dumpable
PAIRS
        as caller "$FIXTURES/tracer" attach "$hidden"
        is "$(value caller errno)" 0 "twin: root with it attaches to what is not dumpable"
else
        skip "root of a container" "capabilities cannot be dropped here"
fi

# ---- user namespaces
if "${NOBODY[@]}" unshare -U true 2>/dev/null; then
        spawn own "${NOBODY[@]}" unshare -U --map-root-user "$FIXTURES/target" idle
        own=$PID
        said own '^ready '
        as why "${NOBODY[@]}" "$PTRACECTL" why "$own" --json
        is "$(out why | jq -r .allowed)" true "why: who made a user namespace may attach to what is in it"
        as caller "${NOBODY[@]}" "$FIXTURES/tracer" attach "$own"
        is "$(value caller errno)" 0 "which is so"
        as_nobody_fixture outside target idle
        outside=$PID
        as why "${NOBODY[@]}" unshare -U --map-root-user "$PTRACECTL" why "$outside" --json
        is "$(out why | jq -r .cause)" user-namespace "why: a tool in a user namespace, its target outside"
        unlike "$(out why)" 'nsenter|sudo' "it is not told to enter what refuses it"
        like "$(out why)" 'outside' "but to run outside"
        as caller "${NOBODY[@]}" unshare -U --map-root-user "$FIXTURES/tracer" attach "$outside"
        concludes "diagnose says the same" "$outside" "attach-refused-permission/user-namespace $CALLER" 'nsenter'
        as caller "${NOBODY[@]}" "$FIXTURES/tracer" attach "$outside"
        is "$(value caller errno)" 0 "twin: outside, the same user attaches"
else
        skip "user namespaces" "this machine lets nobody make one"
fi

# ---- a holder that lets go a moment later
as contest "$FIXTURES/moment" handed-over $HANDED_OVER
is "$(value contest refused)" $HANDED_OVER "a second tracer is refused, and the first one lets go, $HANDED_OVER times"
settle
is "$(ctl diagnose --json | jq --arg p "$CALLER" '[.findings[] | select(.code == "attach-refused-traced") | .count] | add')" $HANDED_OVER \
        "each is told to be refused because the process was traced"
is "$(ctl diagnose --json | jq '[.findings[] | select(.cause == "lsm")] | length')" 0 "no security module is accused"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
