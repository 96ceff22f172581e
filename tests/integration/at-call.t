#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a refused attach's event says was looked at in the call: nobody can be asked afterwards.
# guests: long
. "$(dirname "$0")/tap.bash"
printf '[watch]\nseccomp = yes\n' >"$T/ptraced.conf"
start_daemon --config "$T/ptraced.conf"
sees_signals || skip_all "tier proc does not see refused attaches"

readonly HANDED_OVER=$([[ $TIER_NOW == full ]] && echo 5 || echo 20) # a guest takes seconds to ask once
# ATT_F_* of bpf/records.h
readonly F_UID_MATCH=$((1 << 6)) F_CAP=$((1 << 7)) F_SECCOMP=$((1 << 9)) F_FILTER=$((1 << 14)) F_CAP_TARGET=$((1 << 15))
readonly F_AT_CALL=$((1 << 16)) F_HEADLESS=$((1 << 18)) F_CAP_CRED=$((1 << 19))

# refusal PID FILTER: the newest ptrace.refused that PID made or met, by a jq filter
refusal() { ctl events --pid "$1" --json | jq -r "select(.type == \"ptrace.refused\" and ($2))" | jq -sc 'last // empty'; }
was_refused() { [[ -n $(refusal "$@") ]]; }
has() { ((($(jq -r .facts <<<"$1") & $2) == $2)); }
lacks() { ((($(jq -r .facts <<<"$1") & $2) == 0)); }

fixture probe target idle
victim=$(value probe pid)
spawn caller "${NOBODY[@]}" "$FIXTURES/tracer" attach "$victim"
caller=$PID
ended "$caller"
wait_for 10 was_refused "$caller" true
event=$(refusal "$caller" true)
if ! has "$event" $F_AT_CALL; then
        skip_all "this kernel has no function that finds a task by its number"
fi
ok "a caller that is gone: its uid was compared in the call" lacks "$event" $((F_UID_MATCH | F_CAP | F_CAP_TARGET | F_FILTER))
like "$(jq -r '.security_modules' <<<"$event")" '^[a-z,?]*$' "the security modules are named"
is "$(jq -r '.kernel_seq > 0' <<<"$event")" true "the record has its number"

# ---- the holder lets go at once
spawn contest "$FIXTURES/moment" handed-over $HANDED_OVER
said contest '^done ' 60
is "$(value contest refused)" $HANDED_OVER "a second tracer is refused, and the first one lets go"
settle
right=0
while IFS='= ' read -r _ second _ holder; do
        event=$(refusal "$second" ".caller.pid == $second")
        [[ $(jq -r '.tracer.pid // 0' <<<"$event") != "$holder" ]] || right=$((right + 1))
done < <(grep '^second=' "$T/contest.out")
is $right $HANDED_OVER "each refusal names who traced the target at the call"

# ---- seccomp
[[ $TIER_NOW == full ]] && hook=fexit/__secure_computing || hook=tp/syscalls/sys_exit_ptrace
seen=$(ctl doctor --json | jq -r ".hooks[] | select(.section == \"$hook\") | .state")
for answer in EPERM EACCES ENOSYS TRAP; do
        for call in attach traceme; do
                [[ $call == attach ]] && args=("$FIXTURES/tracer" attach "$victim") || args=("$FIXTURES/mishap" traceme)
                spawn boxed "$FIXTURES/moment" under $answer "${args[@]}"
                boxed=$PID
                ended "$boxed"
                if [[ $seen != working && $seen != attached ]]; then
                        skip "$call, answered by $answer" "nothing sees what filters answer: $seen"
                        continue
                fi
                wait_for 10 was_refused "$boxed" ".caller.pid == $boxed"
                event=$(refusal "$boxed" ".caller.pid == $boxed")
                is "$(jq -r '.errno // "TRAP"' <<<"$event")" $answer "$call under a filter that answers $answer: recorded"
                ok "$call, $answer: it was seccomp" has "$event" $((F_SECCOMP | F_FILTER))
                # In tier full the target of such an attach is known by its number alone.
                [[ $call == attach && $TIER_NOW == full ]] ||
                        ok "$call, $answer: both were looked at in the call" has "$event" $F_AT_CALL
        done
done
spawn boxed "${NOBODY[@]}" "$FIXTURES/moment" under ALLOW "$FIXTURES/tracer" attach "$victim"
boxed=$PID
ended "$boxed"
wait_for 10 was_refused "$boxed" true
event=$(refusal "$boxed" true)
ok "a filter that lets ptrace through is known" has "$event" $F_FILTER
ok "and is not what refused" lacks "$event" $F_SECCOMP

spawn boxed "$FIXTURES/moment" under ZERO "$FIXTURES/tracer" attach "$victim"
boxed=$PID
ended "$boxed"
settle
is "$(ctl events --pid "$boxed" --json | jq -r 'select(.type == "ptrace.attach") | .type')" "" "an answer of 0 from a filter is no attach"

# ---- user namespaces
as_nobody_fixture inside target leader-gone
if "${NOBODY[@]}" unshare -U true 2>/dev/null; then
        as_nobody_fixture outside target idle
        spawn caller "${NOBODY[@]}" unshare -Ur "$FIXTURES/tracer" attach "$(value outside pid)"
        caller=$PID
        ended "$caller"
        wait_for 10 was_refused "$caller" true
        event=$(refusal "$caller" true)
        ok "root of a user namespace has the capability there" has "$event" $F_CAP
        ok "and none over what is outside" lacks "$event" $((F_CAP_TARGET | F_CAP_CRED))

        spawn made "${NOBODY[@]}" unshare -U "$FIXTURES/target" idle
        said made '^ready '
        fixture holder tracer hold "$PID"
        spawn caller "${NOBODY[@]}" "$FIXTURES/tracer" attach "$PID"
        made=$(value made pid)
        spawn caller "${NOBODY[@]}" "$FIXTURES/tracer" attach "$made"
        caller=$PID
        ended "$caller"
        wait_for 10 was_refused "$caller" true
        event=$(refusal "$caller" true)
        ok "who made a user namespace has all capabilities over it" has "$event" $((F_CAP_TARGET | F_CAP_CRED))
        ok "whatever its own are" lacks "$event" $F_CAP
else
        skip "user namespaces" "they are not permitted here, as in a chroot"
fi

# ---- a main thread that has ended
headless=$(value inside pid)
wait_for 10 has_state "$headless" Z
spawn caller "$FIXTURES/tracer" attach "$headless"
caller=$PID
ended "$caller"
wait_for 10 was_refused "$caller" true
ok "the main thread has ended, the process lives" has "$(refusal "$caller" true)" $F_HEADLESS

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
