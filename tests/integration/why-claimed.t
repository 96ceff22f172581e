#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Refusals of a claim, a hold and the policy, explained: before an attach to the owner and to a stranger, and
# after one by its finding. Where the kernel has no guard, claims are kept by hold, and the words say so.
# guests: hold
. "$(dirname "$0")/tap.bash"

# What is in force outlives the daemon: it is ended first, and pins of one that was killed are removed.
# No dot: a BPF file system takes no name with one.
PINS=/sys/fs/bpf/ptraced-test-$$
why_cleanup() {
        ctl guard off --all >/dev/null 2>&1
        cleanup
        [[ ! -d $PINS ]] || rm -r "$PINS"
}
trap why_cleanup EXIT

mkdir -p "$T/policy.d"
printf '[guard]\npolicy-dir = %s\n' "$T/policy.d" >"$T/ptraced.conf"
start_daemon --config "$T/ptraced.conf" --pin-dir "$PINS"
sees_signals || skip_all "tier proc does not see refused attaches"
means=$(ctl guard status --json | jq -r .means)
if [[ $means == kernel ]]; then error=EBUSY source=claim words='is claimed by'; else error=EPERM source=hold words='held by ptraced for'; fi
diag "claims are kept by $means"

# why PID [COMMAND...]: its JSON in $J, asked by COMMAND
why() {
        J=$("${@:2}" "$PTRACECTL" why "$1" --json)
}
of() { jq -r "$1" <<<"$J"; }
verdict() { of '"\(.allowed) \(.errno) \(.cause)"'; }
try() { "${@:2}" "$FIXTURES/tracer" attach "$1" 2>/dev/null | sed -n 's/.*errno=//p'; }
claimed() { ctl claim "$@" --json | jq -r .claim.id; }
# Only the finding of the guard, none that blames a debugger or a permission
blames_nobody_else() {
        settle
        unlike "$(findings "$1")" 'attach-refused-(traced|permission|target)' "$2"
}

# ---- not claimed: nothing in the way
as_nobody_fixture target target idle
pid=$(value target pid)
why "$pid"
is "$(verdict) $(of .claim)" "true null null null" "not claimed: root may attach"
why "$pid" "${NOBODY[@]}"
yama_asks || is "$(verdict) $(of .claim)" "true null null null" "and so may its user"

# ---- claimed for root: its own user is the stranger
id=$(claimed "$pid" --owner-uid 0 --lease 600)
why "$pid" "${NOBODY[@]}"
is "$(verdict)" "false $error claimed" "claimed: the stranger is told before trying"
is "$(of '"\(.claim.id) \(.claim.owner) \(.claim.admits)"')" "$id uid 0 (root) false" "with the claim and its owner"
like "$(of .claim.lease_ends)" '^20..-' "and the end of its lease"
like "$(of .summary)" "$words uid 0 \(root\) \(claim $id\), for [0-9]+ (min|s)" "in a sentence"
unlike "$(of .summary)" 'traced by' "which blames no debugger"
unlike "$(of '.summary, .remedy, .facts[]')" '[Yy]ama|ptrace_scope' "nor Yama"
like "$(of .remedy)" "ptracectl debug --wait $pid .*ptracectl release $id.*ptracectl debug --take $pid" "the fixes, smallest first"
like "$(of .risk)" 'no debugger of theirs is in the program now' "and what taking it would cost"
is "$(try "$pid" "${NOBODY[@]}")" "$error" "the attach gets the errno that was foretold"
finds "attach-refused-claimed/claimed" attach-refused-claimed/claimed "$pid"
text=$(finding_text "$pid" attach-refused-claimed/claimed)
like "$text" "$words uid 0 \(root\) \(claim $id\): |$words uid 0 \(root\) \(claim $id\)" "the finding names the claim"
like "$text" "got $error" "and the errno"
blames_nobody_else "$pid" "and no other finding blames a debugger or a permission"
like "$("${NOBODY[@]}" "$PTRACECTL" diagnose --json | jq -r '.findings[].code')" 'attach-refused-claimed' "who was refused sees it"
J=$(ctl events --pid "$pid" --type ptrace.refused --json | jq -c 'select(.type == "ptrace.refused")' | tail -n 1)
is "$(of '"\(.errno) \(.reason) \(.source) \(.claim) \(.owner)"')" "$error claimed $source $id uid 0 (root)" "the event names it, too"
like "$("${NOBODY[@]}" "$PTRACECTL" why "$pid")" "Refused lately:.*$error, (claimed by|held by ptraced for) uid 0" "why lists the refusal"
like "$(ctl who "$pid")" "Claim: +uid 0 \(root\) \(claim $id\)" "who shows the claim"
"${NOBODY[@]}" "$PTRACECTL" debug "$pid" -- true >/dev/null 2>&1
is "$?" 4 "debug by the stranger exits with status 4"

# ---- the owner
why "$pid"
is "$(of .claim.admits)" true "the owner is told that the claim admits them"
if [[ $means == kernel ]]; then
        is "$(verdict)" "true null null" "and may attach"
        is "$(try "$pid")" 0 "and does"
else
        is "$(verdict)" "false EPERM claimed" "kept by hold, a bare attach of theirs is refused as well"
        like "$(of .remedy)" "ptracectl debug $pid" "and how ptraced lets them in is said"
        unlike "$(of .remedy)" '--take' "without taking anything from anybody"
fi

# ---- the owner's debugger is in the program
ctl release "$id" >/dev/null
is "$?" 0 "the claim is released"
spawn debug "$PTRACECTL" debug "$pid" -- "$FIXTURES/tracer" hold "$pid"
debug=$PID
said debug '^ready '
tracer=$(value debug pid)
wait_for 5 has_tracer "$pid" "$tracer"
why "$pid" "${NOBODY[@]}"
is "$(verdict)" "false $error traced" "a debugger of the owner: the stranger hears that it is traced"
like "$(of .summary)" "already traced by PID $tracer \(tracer\).*would be refused anyway: .*claimed by pid $debug" "and by whom it is claimed, both"
is "$(of .holder.pid)" "$tracer" "the holder is the debugger"
is "$(try "$pid" "${NOBODY[@]}")" "$error" "and the errno is right"
go "$tracer"
ended "$debug"
is "$RC" 0 "debug ends with its command"

# ---- free again
why "$pid" "${NOBODY[@]}"
yama_asks || is "$(verdict)" "true null null" "released: nothing is in the way"
is "$(try "$pid" "${NOBODY[@]}")" 0 "and the attach works"
go "$pid"

# ---- clean twin: claimed, and nobody was refused
fixture calm target idle
calm=$PID
id=$(claimed "$calm" --owner-uid 0)
ctl debug "$calm" -- "$FIXTURES/tracer" attach "$calm" >/dev/null 2>&1
ctl release "$id" >/dev/null 2>&1
twin_of attach-refused-claimed silent "a claim whose owner debugs gives no finding" "$calm"
go "$calm"

# ---- held by ptraced itself, for nobody
fixture held target idle
held=$PID
ctl hold "$held" >/dev/null
why "$held"
is "$(verdict) $(of .claim)" "false EPERM held null" "held: the cause is ptraced itself"
like "$(of .summary)" 'held by ptraced itself' "in words"
is "$(try "$held")" EPERM "the attach gets EPERM"
finds "attach-refused-claimed/held" attach-refused-claimed/held "$held"
blames_nobody_else "$held" "held: no other finding"
ctl hold --off "$held" >/dev/null
why "$held"
is "$(verdict)" "true null null" "let go of: nothing is in the way"
go "$held"

# ---- what is gone comes before any claim
fixture ended-one target idle
gone=$PID
id=$(claimed "$gone")
go "$gone"
ended "$gone"
why "$gone"
# Whether it is known at all depends on whether anything of it was recorded.
like "$(of '.cause // .error.code')" '^(gone|no-such-process)$' "a claimed process that ended is gone"

# ---- a heal of a claimed process says who may
if [[ $means == kernel ]]; then
        fixture sick target once
        sick=$PID
        fixture tracer tracer plant "$sick" "$(value sick work)"
        kill -KILL "$PID"
        ended "$PID"
        id=$(claimed "$sick" --owner-uid 65534)
        J=$(ctl heal "$sick" --json)
        is "$?" 4 "heal is refused by somebody's claim"
        like "$(of .refused)" "claimed by uid 65534 .*ptracectl release $id" "and names it"
        ctl release "$id" >/dev/null
        J=$(ctl heal "$sick" --json)
        is "$(of '.healed | length')" 1 "released, it is healed"
        go "$sick"
        ended "$sick"
        is "$RC" 0 "and lives"

        # ---- policy
        # A file of its own: the policy is the kernel's, and other tests trace the fixture meanwhile.
        cp "$FIXTURES/target" "$T/secret"
        spawn secret "$T/secret" idle
        secret=$PID
        said secret '^ready '
        printf '[no debuggers]\nexe = %s\nsay = deny\n' "$T/secret" >"$T/policy.d/secret.conf"
        ctl policy reload >/dev/null
        why "$secret"
        is "$(verdict)" "false EBUSY policy" "policy: the cause is the policy"
        like "$(of .summary)" 'rule "no debuggers" of .*secret\.conf:1 lets nobody trace' "with the rule and its place"
        is "$(try "$secret")" EBUSY "the attach gets EBUSY"
        finds "attach-refused-claimed/policy" attach-refused-claimed/policy "$secret"
        like "$(finding_text "$secret" attach-refused-claimed/policy)" 'rule "no debuggers"' "the finding names the rule"
        rm "$T/policy.d/secret.conf"
        ctl policy reload >/dev/null

        # ---- audit
        id=$(claimed "$secret" --owner-uid 65534 --mode audit)
        why "$secret"
        is "$(verdict)" "true null null" "audit: nothing is refused"
        like "$(of '.facts[]')" 'audit only' "and that it would be is a fact"
        fixture watched target idle
        watched=$PID
        id=$(claimed "$watched" --owner-uid 65534 --mode audit)
        is "$(try "$watched")" 0 "audit: the attach works"
        wait_for 5 eval "ctl events --pid $watched --type claim.audit | grep -q 'it would be refused'"
        like "$(ctl events --pid "$watched" --type claim.audit)" 'would be refused' "audit: it is recorded"
        silent "audit: and gives no finding" "$watched"
        go "$watched"
        go "$secret"
fi

ctl guard off --all >/dev/null
stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
