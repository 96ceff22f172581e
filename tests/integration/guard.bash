# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Sourced by guard-*.t behind tap.bash: a daemon whose kernel guard is its own, and what tracers get from it.
# A file skips as a whole where the kernel has no guard; with GUARD=1, which the guests set, that is a failure.

# No dot: a BPF file system takes no name with one.
PINS=/sys/fs/bpf/ptraced-test-$$
POLICY=$T/policy.d

# What is in force outlives the daemon: it is ended first, and pins of one that was killed are removed.
guard_cleanup() {
        ctl guard off --all >/dev/null 2>&1
        cleanup
        [[ ! -d $PINS ]] || rm -r "$PINS"
}
trap guard_cleanup EXIT

# start_guard [OPTION...]: no rule, no claim, not on
start_guard() {
        mkdir -p "$POLICY"
        printf '[guard]\npolicy-dir = %s\ngrace = %s\n' "$POLICY" "${GRACE:-10s}" >"$T/ptraced.conf"
        start_daemon --config "$T/ptraced.conf" --pin-dir "$PINS" "$@"
        if [[ $(guard .working) != true ]]; then
                [[ -z ${GUARD-} ]] || { fail "the kernel has a guard" "$(ctl guard status --json 2>&1)"; done_testing; }
                skip_all "no kernel guard: $(guard .reason)"
        fi
        diag "guard by $(guard .mechanism)"
}
start_guard_again() { launch_daemon --config "$T/ptraced.conf" --pin-dir "$PINS" "$@"; }

guard() { ctl guard status --json | jq -r "$1"; }
guard_is() { [[ $(guard "$1") == "$2" ]]; } # FILTER VALUE
no_slots() { guard_is .slots 0; }
# Slots of attaches whose end the kernel did not tell end by themselves after 5 s.
ok_no_slots() { ok "$1: no slot is left taken" wait_for 10 no_slots; }

# rule FILE TEXT...: a policy file of these lines, loaded
rule() {
        local file=$1
        shift
        printf '%s\n' "$@" >"$POLICY/$file.conf"
        ctl policy reload >/dev/null || diag "policy reload failed"
}
no_rules() {
        rm -f "$POLICY"/*.conf
        ctl policy reload >/dev/null
}

# try PID [COMMAND...]: what PTRACE_ATTACH answers, "0" or "EBUSY"; as COMMAND runs it. It detaches again.
try() {
        local pid=$1
        shift
        "$@" "$FIXTURES/tracer" attach "$pid" 2>/dev/null | sed -n 's/.*errno=//p'
}
gets() { [[ $(try "$2" "${@:3}") == "$1" ]]; } # WANT PID [COMMAND...]

# events_of TYPE [PID]: JSON objects, also what was only counted of that type
events_of() {
        ctl events --type "$1,counter" ${2:+--pid "$2"} --json |
                jq -c --arg t "$1" --argjson p "${2:-0}" 'select((.type == $t or .of_type == $t) and ($p == 0 or .target.pid == $p))'
}
# How many: a counter stands for as many as its count says.
total_of() { events_of "$@" | jq -n 'reduce inputs as $e (0; . + if $e.type == "counter" then $e.count else 1 end)'; }
total_is() { [[ $(total_of "${@:2}") == "$1" ]]; } # WANT TYPE [PID]
# is_total WANT NAME TYPE [PID]: they arrive within seconds
is_total() {
        local want=$1 name=$2
        shift 2
        wait_for 3 total_is "$want" "$@" && pass "$name" && return
        is "$(total_of "$@")" "$want" "$name"
}
# FILTER of the last event of TYPE on PID
last_of() { events_of "$2" "$3" | jq -rs "last | $1"; }
last_like() { [[ $(last_of "${@:2}") =~ $1 ]]; } # REGEX FILTER TYPE PID
# is_last WANT NAME FILTER TYPE PID: it arrives within seconds
is_last() {
        wait_for 3 last_like "^$1\$" "${@:3}" && pass "$2" && return
        is "$(last_of "${@:3}")" "$1" "$2"
}
happened() { [[ $(events_of "$1" "$2" | jq -s 'length') -gt 0 ]]; } # TYPE PID
# Kernels that preempt skip an observing program now and then, or have no memory for it; then the losses tell. These
# are those that a refusal could be among.
ok_no_losses() {
        local losses
        losses=$(ctl status --json | jq -c .losses)
        is "$(jq '."ring-full" + ."counter-full" + ."guard-slot" + ."bad-record" + .store' <<<"$losses")" 0 "no refusal was lost" ||
                diag "$losses"
}

# claim ARG...: the answer in $CLAIM, its id in $ID; the exit status is the client's
claim() {
        local rc
        CLAIM=$(ctl claim "$@" --json 2>"$T/claim.err")
        rc=$?
        # One that was refused leaves the id of the one before.
        [[ $rc -ne 0 ]] || ID=$(jq -r .claim.id <<<"$CLAIM")
        return $rc
}
claims_on() { ctl claims --json | jq "[.claims[] | select(.pid == $1)] | length"; }
claimed_times() { [[ $(claims_on "$2") == "$1" ]]; } # N PID

# end_fixture PID NAME: it is told to go on, and ends well
end_fixture() {
        go "$1"
        ended "$1"
        is "$RC" 0 "$2"
}
