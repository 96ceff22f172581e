#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Policy rules in the kernel: by executable, command, user and cgroup; what each of them says; and that a rule for
# an executable holds from the first instruction of a process on. Processes that no rule matches stay free.
# guests: claims
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
ROUNDS=${EXEC_ROUNDS:-100}
start_guard
is "$(guard .attached)" false "without a rule no program is in the kernel's way"

# Copies of the fixture: a rule tells executables by their path.
mkdir -p "$T/apps" "$T/tools"
copy() { cp "$FIXTURES/$1" "$2"; }
# run_app PATH NAME: an idle target from this copy
run_app() {
        spawn "$2" "$1" idle
        said "$2" '^ready '
}
# held_by_other PID: hold it with a tracer of its own; $HOLDER
hold_it() {
        fixture holder tracer hold "$1"
        HOLDER=$PID
}
let_go() {
        go "$HOLDER"
        ended "$HOLDER"
}

# ---- single, by executable, for a file that comes into being after the rule was loaded
rule 10 '[apps]' "exe = $T/apps/*" 'say = single'
is "$(guard .attached)" true "a rule brings the programs into the kernel"
copy target "$T/apps/late"
copy target "$T/twin"
run_app "$T/apps/late" app
app=$PID
run_app "$T/twin" twin
twin=$PID
is "$(try "$app")" 0 "single: a lone tracer is let in"
fixture holder tracer hold "$app"
HOLDER=$PID
is "$(try "$app")" EBUSY "single: a second is refused by the guard, before the kernel would"
let_go
fixture app2 contest race 20 8 8 # not matched: only $T/apps is
ended "$PID" 60
is "$(value app2 won)" 160 "twin: races on what no rule matches are won by all"
copy contest "$T/apps/contest"
spawn race "$T/apps/contest" race 20 8 8
ended "$PID" 100
is "$(value race exactly_one)" 20 "single: races on what it matches by exactly one"
spawn cycle "$T/apps/contest" cycle
said cycle '^ready '
go "$PID"
said cycle '^cycle '
is "$(grep '^cycle ' "$T/cycle.out")" "cycle first=won second=EBUSY" "two processes cannot trace each other"
is_last cycle "and are told why" .reason ptrace.refused "$(value cycle first)"

# ---- deny, from the first instruction on
copy target "$T/apps/deny"
rule 05 '[shut]' "exe = $T/apps/deny*" 'say = deny'
copy target "$T/apps/deny-later"
spawn shut "$FIXTURES/contest" exec-race "$ROUNDS" "$T/apps/deny-later" idle
ended "$PID" 100
diag "$(out shut)"
is "$(value shut slipped)" 0 "deny: nobody gets in from the exec on, in $ROUNDS starts"
like "$(value shut EBUSY)" '^[1-9]' "deny: all who tried were refused"
spawn free "$FIXTURES/contest" exec-race $((ROUNDS / 5)) "$T/twin" idle
ended "$PID" 100
diag "$(out free)"
like "$(value free slipped)" '^[1-9]' "twin: of a program no rule matches, many get in"
is "$(value free EBUSY)" "" "twin: and nobody is refused"
# Not kept out: who traced the process before it became this program. gdb's `run` is such a one.
cp /bin/true "$T/apps/deny-true"
spawn run gdb -q -nx -batch -ex run "$T/apps/deny-true"
ended "$PID" 60
like "$(out run)" 'exited normally' "deny: a debugger that starts the program has it"
is "$(try "$app")" 0 "the first rule that matches counts: another application is single"

# ---- a mistake in a policy file leaves the former one
printf '[broken]\nexe = /x\nsay = perhaps\n' >"$POLICY/99.conf"
reload=$(ctl policy reload 2>&1)
is "$(($? != 0))" 1 "a policy with a mistake is not loaded"
like "$reload" '99.conf:3' "the file and line are named"
run_app "$T/apps/deny" denied
is "$(try "$PID")" EBUSY "the former policy holds on"
kill -USR1 "$PID"
rm "$POLICY/99.conf"

# ---- by command, user and cgroup
no_rules
is "$(guard .attached)" false "without rules the programs leave the kernel"
copy target "$T/by-comm"
rule 10 '[comm]' 'comm = by-co*' 'say = deny'
run_app "$T/by-comm" comm
is "$(try "$PID")" EBUSY "by command"
is "$(try "$twin")" 0 "twin: another command is free"
go "$PID"

rule 10 '[uid]' 'uid = 65533' 'say = deny'
SOMEBODY=(setpriv --reuid=65533 --regid=65533 --clear-groups) # not nobody, whom other tests use
spawn user "${SOMEBODY[@]}" "$FIXTURES/target" idle
said user '^ready '
is "$(try "$PID")" EBUSY "by user"
is "$(try "$PID" "${SOMEBODY[@]}")" EBUSY "by user: that user's own tracers, too"
is "$(try "$twin")" 0 "twin: another user's is free"
go "$PID"

cgroup=/sys/fs/cgroup/ptraced-test-$$
if grep -qs cgroup2 /proc/mounts && mkdir "$cgroup" 2>/dev/null; then
        rule 10 '[cgroup]' 'cgroup = /ptraced-test-*' 'say = deny'
        run_app "$FIXTURES/target" inside
        inside=$PID
        is "$(try "$inside")" 0 "by cgroup: outside it is free"
        echo "$inside" >"$cgroup/cgroup.procs"
        is "$(try "$inside")" EBUSY "by cgroup: inside it is not"
        go "$inside"
        ended "$inside"
        rmdir "$cgroup"
else
        skip "by cgroup" "no cgroup v2 is mounted"
fi

# ---- owner-only
copy tracer "$T/tools/admitted"
rule 10 '[owner]' "exe = $T/apps/*" 'say = owner-only' "tracer-exe = $T/tools/*" 'tracer-uid = 65534'
is "$(try "$app")" EBUSY "owner-only: a tracer that is not named is refused"
is_last "owner policy owner" "and told by which rule" '"\(.reason) \(.source) \(.rule)"' ptrace.refused "$app"
is "$("$T/tools/admitted" attach "$app" | sed -n 's/.*errno=//p')" 0 "owner-only: the named executable gets in"
spawn own "${NOBODY[@]}" "$T/apps/late" idle
said own '^ready '
is "$(try "$PID" "${NOBODY[@]}")" 0 "owner-only: the named user gets in"
go "$PID"
like "$(ctl why "$app" --json | jq -r '"\(.allowed) \(.errno)"')" "^false EBUSY$" "why says so before it is tried"

# ---- memory
rule 10 '[memory]' "exe = $T/apps/*" 'say = off' 'memory = deny'
word=$(value app work)
# The kernel has its own errnos for those.
like "$("$FIXTURES/tracer" read-vm "$app" "$word")" 'errno=EPERM' "memory = deny: process_vm_readv is refused"
like "$("$FIXTURES/tracer" read-mem "$app" "$word")" 'errno=EACCES' "memory = deny: /proc/PID/mem is refused"
is_last "memory EBUSY" "and recorded" '"\(.reason) \(.errno)"' memory.access "$app"
is "$(try "$app")" 0 "memory = deny: an attach is not"
like "$("$FIXTURES/tracer" read-vm "$twin" "$(value twin work)")" 'errno=0' "twin: other memory may be read"

# ---- audit
rule 10 '[audit]' "exe = $T/apps/*" 'say = deny' 'mode = audit'
before=$(total_of ptrace.refused "$app")
is "$(try "$app")" 0 "audit: the attach goes on"
is_total 1 "audit: what would have been refused is recorded" claim.audit "$app"
is "$(last_of '"\(.reason) \(.rule)"' claim.audit "$app")" "denied audit" "audit: with the reason and the rule"
is "$(total_of ptrace.refused "$app")" "$before" "audit: and is no refusal"
is "$(try "$twin")" 0 "twin: nothing is recorded of a process that no rule matches"
is_total 0 "twin: indeed" claim.audit "$twin"

no_rules
is "$(total_of ptrace.refused "$twin")" 0 "twin: it was never refused"
end_fixture "$app" "the application ends well"
end_fixture "$twin" "so does the twin"
ok_no_slots "after all rules"
ok_no_losses
stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
