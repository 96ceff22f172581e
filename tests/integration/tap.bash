# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Sourced by every *.t here: TAP 13 output on top of tests/scenarios/drive.bash, whose environment it has.
# A test file is: source this, start_daemon, scenarios, done_testing.

# shellcheck source=../scenarios/drive.bash
. "$(dirname "${BASH_SOURCE[0]}")/../scenarios/drive.bash"

TAP_N=0 TAP_FAILED=0

# ---- TAP --------------------------------------------------------------------------------------------

echo "TAP version 13"

# diag TEXT...: lines that a reader of a failure wants
diag() { printf '%s\n' "$@" | sed 's/^/# /'; }
note() { diag "$@"; }

# pass NAME, fail NAME [DETAIL]
pass() {
        TAP_N=$((TAP_N + 1))
        echo "ok $TAP_N - $1"
}
fail() {
        TAP_N=$((TAP_N + 1))
        TAP_FAILED=$((TAP_FAILED + 1))
        echo "not ok $TAP_N - $1"
        [[ -z ${2-} ]] || diag "$2"
        return 1
}
# skip NAME REASON
skip() {
        TAP_N=$((TAP_N + 1))
        echo "ok $TAP_N - $1 # SKIP $2"
}
# ok NAME COMMAND...
ok() {
        local name=$1
        shift
        if "$@" >/dev/null; then pass "$name"; else fail "$name" "failed: $*"; fi
}
# is GOT WANT NAME
is() {
        if [[ $1 == "$2" ]]; then pass "$3"; else fail "$3" "got '$1', want '$2'"; fi
}
# like GOT REGEX NAME, unlike GOT REGEX NAME
like() {
        if [[ $1 =~ $2 ]]; then pass "$3"; else fail "$3" "no match for '$2' in: $1"; fi
}
unlike() {
        if [[ ! $1 =~ $2 ]]; then pass "$3"; else fail "$3" "match for '$2' in: $1"; fi
}
skip_all() {
        echo "1..0 # SKIP $1"
        exit 0
}
done_testing() {
        echo "1..$TAP_N"
        exit $((TAP_FAILED > 0))
}

# ---- the daemon and its findings --------------------------------------------------------------------

start_daemon() {
        [[ -x $PTRACED && -x $PTRACECTL ]] || skip_all "not built: $PTRACED"
        [[ $EUID -eq 0 ]] || skip_all "not root"
        launch_daemon "$@" && return
        fail "the daemon starts" "$(cat "$T/wait.err" "$T/daemon.log")"
        done_testing
}

# finds NAME CODE/CAUSE PID: this finding appears
finds() {
        if wait_for 10 has_finding "$2" "$3"; then
                pass "$1"
        else
                fail "$1" "no $2 for $3; found: $(findings "$3")"
                diag "$(ctl events --pid "$3" --json 2>&1 | cut -c 1-400 | tail -n 12)"
        fi
}

# ends_of_sigtrap NAME: so did the Go program "go", with $RC. Its runtime says so and ends it with status 2; since Go 1.24
# it may meet a second breakpoint in there, and is killed by that.
ends_of_sigtrap() {
        if [[ $RC == 133 ]]; then
                pass "$1"
        else
                like "$RC $(cat "$T/go.err")" '^2 .*SIGTRAP: trace trap' "$1"
        fi
}

unknown() { [[ $(ctl diagnose "$1" --json 2>/dev/null | jq -r .error.code) == no-such-process ]]; }

# silent NAME PID...: after everything was seen, there is no finding about these
silent() {
        local name=$1 pid found=
        shift
        settle || diag "the marker was not seen: what follows proves less"
        for pid; do
                # A process that did nothing worth a record is not known, and has no finding either.
                found+=$(findings "$pid") || unknown "$pid" || found+="diagnose $pid failed"
        done
        is "$found" "" "$name"
}
