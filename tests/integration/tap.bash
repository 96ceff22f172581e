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

# An emulated guest has no time for every cause: with CATALOG_SHORT=1 a file of the catalog plays, of each code, one case
# and one twin.
in_short() { [[ ${CATALOG_SHORT-} ]]; }

# ---- the daemon and its findings --------------------------------------------------------------------

start_daemon() {
        [[ -x $PTRACED && -x $PTRACECTL ]] || skip_all "not built: $PTRACED"
        [[ $EUID -eq 0 ]] || skip_all "not root"
        launch_daemon "$@" && return
        fail "the daemon starts" "$(cat "$T/wait.err" "$T/daemon.log")"
        done_testing
}

# Every fixture that provokes a finding, and every clean one, is a verdict on ptraced itself. tests/integration/run adds
# them up per tier: right, wrong (another cause or culprit), missing, false (one too many), cannot-tell (said so, where
# the fixture does not list this tier as unable).
verdict_is() { echo "# verdict $TIER_NOW $1"; } # right|wrong|missing|false|cannot-tell

# For the table of the catalog (tests/catalog): a case that provokes a finding, or one that differs from such a case in
# one fact and has none of that code.
provokes() { local each; for each in $1; do echo "# catalog $TIER_NOW case ${each%%/*}"; done; } # "CODE/CAUSE..."
is_twin() { local each; for each in ${TWIN_OF-}; do echo "# catalog $TIER_NOW twin $each"; done; }
# twin_of CODES silent|concludes ...: the clean twin of a case of each of these codes
twin_of() {
        local TWIN_OF=$1
        "${@:2}"
}

# finds NAME CODE/CAUSE PID: this finding appears
finds() {
        if wait_for 10 has_finding "$2" "$3"; then
                verdict_is right
                provokes "$2"
                pass "$1"
        else
                verdict_is missing
                fail "$1" "no $2 for $3; found: $(findings "$3")"
                diag "$(ctl events --pid "$3" --json 2>&1 | cut -c 1-400 | tail -n 12)"
        fi
}

# What a finding says where the evidence is not there.
readonly CANNOT_TELL='/(unknown|file-unseen|not-known|cannot-tell|generated-code)( |$)'

# told PID [OPTION...]: "code/cause culprit" of each finding about it, in order, ", " between
told() {
        ctl diagnose "$@" --json 2>/dev/null |
                jq -r '[.findings[] | "\(.code)/\(.cause // "") \(.other_pid // 0)"] | join(", ")'
}
is_told() { [[ $(told "$1") =~ ^($2)$ ]]; } # PID REGEX
# words PID: all that a person reads about it
words() {
        ctl diagnose "$1" --json 2>/dev/null | jq -r '.findings[] | "\(.summary) \(.remedy // "") \(.risk // "")"'
}
# judge GOT WANT: which kind of verdict GOT is
judge() {
        local code got_codes want_codes
        got_codes=$(grep -oE '[a-z-]+/' <<<"$1" | sort) want_codes=$(grep -oE '[a-z-]+/' <<<"$2" | sort)
        for code in $got_codes; do
                grep -qx -e "$code" <<<"$want_codes" || { echo false; return; }
        done
        if [[ ! $1 ]]; then
                echo missing
        elif [[ $got_codes != "$want_codes" ]]; then
                [[ $(wc -l <<<"$got_codes") -gt $(wc -l <<<"$want_codes") ]] && echo false || echo missing
        elif [[ $1 =~ $CANNOT_TELL ]]; then
                echo cannot-tell
        else
                echo wrong
        fi
}
# ---- traces that are kept ---------------------------------------------------------------------------

# `make traces` has TRACES in the environment, a directory: what was recorded for a verdict is written there as FILE-NAME.jsonl.gz,
# without this machine's names, and beside it, in FILE-NAME.want, the pid that was asked about ("-": none) and what was told.
TRACE_SINCE=
trace_begins() { [[ ! ${TRACES-} ]] || TRACE_SINCE=$(date -u +%FT%T.%NZ); }
neutral() {
        sed -E "s#$T#/test#g; s#$FIXTURES#/src/build/tests/scenarios#g; s#$ROOT#/src#g; s#$(uname -n)#host#g; s#$(uname -r)#release#g
                s#(\"boot_id\":)\"[^\"]*\"#\\1\"00000000-0000-0000-0000-000000000000\"#; s#(\"(unit|tty)\":)\"[^\"]*\"#\\1\"\"#g"
}
# keep_trace NAME PID|- WANT [UNTIL]
keep_trace() {
        [[ ${TRACES-} && $PTRACED_SOCKET == "$T/sock" ]] || return 0
        local name
        name=$(basename "$0" .t)-$(tr -cs 'a-zA-Z0-9\n' - <<<"$1" | cut -c 1-60)
        { ctl export --format jsonl 2>/dev/null | head -n 1; ctl export --format jsonl ${TRACE_SINCE:+--since "$TRACE_SINCE"} ${4:+--until "$4"} 2>/dev/null; } |
                awk 'NR == 1 {first = $0} NR == 1 || $0 != first' | neutral | gzip -9n >"$TRACES/$name.jsonl.gz"
        printf '%s %s\n' "$2" "$3" >"$TRACES/$name.want"
        trace_begins
}

# concludes NAME PID WANT [NEVER]: the findings about PID are these and no other; WANT is an extended regex of what told()
# says, "" for none. NEVER: a regex of what must not stand in any text a person reads.
concludes() {
        local got
        settle || diag "the marker was not seen: what follows proves less"
        if wait_for 3 is_told "$2" "$3"; then
                keep_trace "$1" "$2" "$(told "$2")"
                if [[ ${4-} && $(words "$2") =~ $4 ]]; then
                        verdict_is wrong
                        fail "$1" "'${BASH_REMATCH[0]}' stands in: $(words "$2")"
                        return
                fi
                verdict_is right
                provokes "$(told "$2" | grep -oE '[a-z-]+/')"
                is_twin
                pass "$1"
        else
                got=$(told "$2")
                verdict_is "$(judge "$got" "$3")"
                fail "$1" "got '$got', want '$3'; it says: $(words "$2")"
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
        if [[ $found ]]; then
                verdict_is false
        else
                verdict_is right
                is_twin
        fi
        is "$found" "" "$name"
}
