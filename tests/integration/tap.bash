# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Sourced by every *.t here: TAP 13 output, a private daemon, processes that are ended by pid, and waiting
# that polls with a bound. A test file is: source this, start_daemon, scenarios, done_testing.
#
# From the environment: O (build directory, default build), TIER (tier to force), T_SCALE (how much slower
# than a workstation this machine is; all bounds are multiplied by it).

set -u
set -o pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
O=${O:-build}
[[ $O == /* ]] || O=$ROOT/$O
T_SCALE=${T_SCALE:-1}
PTRACED=${PTRACED:-$O/ptraced}
PTRACECTL=${PTRACECTL:-$O/ptracectl}
FIXTURES=${FIXTURES:-$O/tests/scenarios}
SCRIPTS=${SCRIPTS:-$ROOT/tests/scenarios}
export FIXTURE_SECONDS=$((90 * T_SCALE))
export HOME=${HOME:-/root} LC_ALL=C NO_COLOR= DEBUGINFOD_URLS=
unset NO_COLOR PTRACED_SOCKET

TAP_N=0 TAP_FAILED=0
PIDS=()
DAEMON=
NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)

T=$(mktemp -d "${TMPDIR:-/tmp}/ptraced-test.XXXXXX") || exit 1
chmod 755 "$T"

# ---- TAP --------------------------------------------------------------------------------------------

echo "TAP version 13"

diag() {
        local line
        while IFS= read -r line; do
                echo "# $line"
        done <<<"$*"
}

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
        if "$@"; then pass "$name"; else fail "$name" "failed: $*"; fi
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

# ---- waiting ----------------------------------------------------------------------------------------

# wait_for SECONDS COMMAND...: poll until COMMAND succeeds, at most SECONDS x T_SCALE.
wait_for() {
        local end=$((SECONDS + $1 * T_SCALE + 1))
        shift
        until "$@"; do
                ((SECONDS < end)) || return 1
                sleep 0.05
        done
}

file_has() { [[ -f $1 ]] && grep -Eq -- "$2" "$1"; }
gone() { [[ ! -d /proc/$1 || $(state_of "$1") == Z ]]; }
state_of() { sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null; }
tracer_of() { sed -n 's/^TracerPid:\t//p' "/proc/$1/status" 2>/dev/null; }
has_state() { [[ $(state_of "$1") == "$2" ]]; }
has_tracer() { [[ $(tracer_of "$1") == "$2" ]]; }

# ---- processes --------------------------------------------------------------------------------------

# spawn NAME COMMAND...: run it in the background; $PID, and output in $T/NAME.out and $T/NAME.err.
# Its standard input is a pipe that `tell NAME TEXT` writes to.
declare -A FEED=()
spawn() {
        local name=$1 fd
        shift
        rm -f "$T/$name.in"
        mkfifo "$T/$name.in"
        exec {fd}<>"$T/$name.in"
        (
                for other in "${FEED[@]}"; do exec {other}>&-; done
                exec "$@" <"$T/$name.in" {fd}>&-
        ) >"$T/$name.out" 2>"$T/$name.err" &
        PID=$!
        FEED[$name]=$fd
        PIDS+=("$PID")
}
tell() { echo "${@:2}" >&"${FEED[$1]}"; }
out() { cat "$T/$1.out"; }
# said NAME REGEX [SECONDS]: wait until its output has a matching line.
said() {
        wait_for "${3:-20}" file_has "$T/$1.out" "$2" && return
        diag "$1 did not say '$2'; it said:" "$(tail -n 20 "$T/$1.out" "$T/$1.err")"
        return 1
}
# fixture NAME PROGRAM ARG...: spawn a fixture and wait until it is ready.
fixture() {
        local name=$1 program=$2
        shift 2
        spawn "$name" "$FIXTURES/$program" "$@"
        said "$name" '^ready '
}
# as_nobody_fixture NAME PROGRAM ARG...
as_nobody_fixture() {
        local name=$1 program=$2
        shift 2
        spawn "$name" "${NOBODY[@]}" "$FIXTURES/$program" "$@"
        said "$name" '^ready '
}
# value NAME KEY: of the first key=value in its output
value() { grep -om1 "\b$2=[^ ]*" "$T/$1.out" | head -n 1 | cut -d= -f2; }
go() { kill -USR1 "$1"; }
# ended PID: wait for one of our children, bounded; its exit status in $RC
ended() {
        RC=999
        wait_for "${2:-20}" gone "$1" || return 1
        wait "$1" 2>/dev/null
        RC=$?
        return 0
}

# ---- debuggers --------------------------------------------------------------------------------------

need() {
        local tool
        for tool; do
                command -v "$tool" >/dev/null || return 1
        done
}
# gdb_on NAME PID: gdb attached and at its prompt; commands go by tell
gdb_on() {
        spawn "$1" gdb -q -nx -iex 'set confirm off' -iex 'set debuginfod enabled off' -iex 'set pagination off' -p "$2"
        tell "$1" 'echo at-prompt\n'
        said "$1" at-prompt 40
}
# dlv_on NAME PID: the same with Delve
dlv_on() {
        spawn "$1" dlv attach "$2" --allow-non-terminal-interactive=true --check-go-version=false
        tell "$1" 'print 123454321'
        said "$1" '123454321' 40
}

# ---- the daemon -------------------------------------------------------------------------------------

ctl() { timeout $((30 * T_SCALE)) "$PTRACECTL" "$@"; }

start_daemon() {
        [[ -x $PTRACED && -x $PTRACECTL ]] || skip_all "not built: $PTRACED"
        [[ $EUID -eq 0 ]] || skip_all "not root"
        export PTRACED_SOCKET=$T/sock
        "$PTRACED" --socket "$T/sock" --state-dir "$T/state" ${TIER:+--tier "$TIER"} "$@" 2>"$T/daemon.log" &
        DAEMON=$!
        if ! ctl status --wait $((10 * T_SCALE)) >/dev/null 2>"$T/wait.err"; then
                fail "daemon starts" "$(cat "$T/wait.err" "$T/daemon.log")"
                done_testing
        fi
        TIER_NOW=$(ctl status --json | jq -r .tier)
}

# Ends it as an administrator would; its exit status in $RC.
stop_daemon() {
        [[ -n $DAEMON ]] || return 0
        kill -TERM "$DAEMON" 2>/dev/null
        ended "$DAEMON" 10 || kill -KILL "$DAEMON"
        DAEMON=
}

sees_signals() { [[ $TIER_NOW != proc ]]; }

# findings [PID]: one line each, "code/cause pid other_pid count"
findings() {
        ctl diagnose "$@" --json |
                jq -r '.findings[] | "\(.code)/\(.cause // "") \(.pid) \(.other_pid // 0) \(.count)"'
}
has_finding() { findings "$2" 2>/dev/null | grep -q "^$1 "; }

# finds NAME CODE/CAUSE PID: this finding appears
finds() {
        if wait_for 10 has_finding "$2" "$3"; then
                pass "$1"
        else
                fail "$1" "no $2 for $3; found: $(findings "$3")"
                diag "$(ctl events --pid "$3" --json 2>&1 | cut -c 1-300 | tail -n 12)"
        fi
}
# The text of the first finding of that code/cause: finding_text PID CODE/CAUSE
finding_text() {
        ctl diagnose "$1" --json |
                jq -r --arg k "$2" '[.findings[] | select("\(.code)/\(.cause // "")" == $k)][0] | "\(.summary) \(.remedy) \(.risk)"'
}

# Everything that happened before this call has been seen: a marker of our own went all the way through.
settle() {
        fixture marker target raise 1 || return 1
        local pid=$PID
        if sees_signals; then
                go "$pid"
                wait_for 10 has_finding trap-without-tracer/ "$pid"
        else
                fixture marker-tracer tracer hold "$pid"
                wait_for 10 traced_in_who "$pid"
                kill "$PID" "$pid"
        fi
}
traced_in_who() { [[ $(ctl who "$1" --json 2>/dev/null | jq '[.processes[].threads[]] | length') -gt 0 ]]; }

# silent NAME PID...: after everything was seen, there is no finding about these
silent() {
        local name=$1 pid found=
        shift
        settle || diag "the marker was not seen: what follows proves less"
        for pid; do
                found+=$(findings "$pid")
        done
        is "$found" "" "$name"
}

# ---- the end ----------------------------------------------------------------------------------------

cleanup() {
        local pid
        trap - EXIT INT TERM
        stop_daemon
        for pid in "${PIDS[@]}"; do
                # Only what is still our child: a pid that was waited for may be somebody else's by now.
                [[ $(ps -o ppid= -p "$pid" 2>/dev/null | tr -d ' ') == "$$" ]] && kill -KILL "$pid" 2>/dev/null
        done
        wait 2>/dev/null
        [[ -n ${KEEP-} ]] || rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
