# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Sourced by the integration tests and the demo: a private daemon, fixtures and debuggers that are driven
# through pipes and ended by pid, and waiting that polls with a bound. The caller defines note TEXT...
#
# From the environment: O (build directory, default build), TIER (tier to force), T_SCALE (how much slower
# than a workstation this machine is: all bounds are multiplied by it), KEEP (leave the temporary directory).

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
export LC_ALL=C DEBUGINFOD_URLS=
export PATH # bash has one where nobody set any, and strace and Delve look for programs, too
unset PTRACED_SOCKET

PIDS=()
DAEMON=
NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# ---- a machine that somebody has set up in their own way --------------------------------------------

umask 022
ulimit -Sc 0 # programs die here by the dozen, and some machines keep a core file of each, in the working directory

# nobody_reaches FILE: without what setpriv itself still may when it starts a program
nobody_reaches() { "${NOBODY[@]}" test -x "$1"; }

# A socket's path is short by law, and nobody's programs are to reach it: a TMPDIR that is long, one user's own
# (libpam-tmpdir) or not there is passed over.
readonly TMPDIR_LENGTH_MAX=60
tmp=${TMPDIR:-/tmp}
((${#tmp} <= TMPDIR_LENGTH_MAX)) && [[ $tmp == /tmp || -w $tmp ]] && nobody_reaches "$tmp" || tmp=/tmp
T=$(mktemp -d "$tmp/ptraced-test.XXXXXX") || exit 1
chmod 755 "$T"
# Nobody's settings of gdb, lldb and Delve.
export HOME=$T/home
mkdir "$HOME"

# Built below a closed directory, as /root is, or under a umask of 077: nobody's programs run from copies.
if [[ $EUID -eq 0 && -x $PTRACED && -x $FIXTURES/target ]] &&
        ! { nobody_reaches "$FIXTURES/target" && nobody_reaches "$PTRACECTL"; }; then
        mkdir "$T/built" "$T/built/scenarios"
        cp "$PTRACED" "$PTRACECTL" "$T/built"
        find "$FIXTURES" -maxdepth 1 -type f -perm -u+x -exec cp -t "$T/built/scenarios" {} +
        chmod -R a+rX "$T/built"
        PTRACED=$T/built/${PTRACED##*/} PTRACECTL=$T/built/${PTRACECTL##*/} FIXTURES=$T/built/scenarios
fi

# It starts ten times as fast as jq 1.6, and an emulated guest starts it thousands of times.
if command -v gojq >/dev/null; then jq() { gojq "$@"; }; fi

# ---- waiting ----------------------------------------------------------------------------------------

# Waiting is most of what a test does, and an emulated guest takes 50 ms to start the smallest program: what is
# asked in a loop starts none.

# A pipe that says nothing: to read from it with a limit is to sleep.
exec {SILENCE}<> <(:)

# What does not come by then does not come; who waits for it is to say so before its test file's time is up.
readonly WAIT_SECONDS_MAX=200

# wait_for SECONDS COMMAND...: poll until COMMAND succeeds, at most SECONDS x T_SCALE or WAIT_SECONDS_MAX.
wait_for() {
        local limit=$(($1 * T_SCALE))
        local end=$((SECONDS + (limit < WAIT_SECONDS_MAX ? limit : WAIT_SECONDS_MAX) + 1))
        shift
        until "$@"; do
                ((SECONDS < end)) || return 1
                read -rt 0.05 -u "$SILENCE"
        done
        return 0 # not what read said
}

# Whole files by mapfile: `read` keeps what it has read ahead when it cannot seek back, as in the status of a process
# that has just gone, and says it of the next file.

# file_has FILE REGEX: one of its lines matches (an extended regular expression)
file_has() {
        local line lines=()
        [[ -f $1 ]] && mapfile -t lines <"$1"
        for line in "${lines[@]}"; do
                [[ $line =~ $2 ]] && return 0
        done
        return 1
}
# read_status PID FIELD: the first word of a field of /proc/PID/status, or nothing, in $REPLY
read_status() {
        local line lines=()
        REPLY=
        mapfile -t lines 2>/dev/null <"/proc/$1/status"
        for line in "${lines[@]}"; do
                [[ $line == "$2:"* ]] || continue
                line=${line#*:}
                line=${line#[[:blank:]]}
                REPLY=${line%%[[:blank:]]*}
                return
        done
}
gone() { read_status "$1" State; [[ -z $REPLY || $REPLY == Z ]]; }
state_of() { read_status "$1" State; echo "$REPLY"; }
tracer_of() { read_status "$1" TracerPid; echo "$REPLY"; }
has_state() { read_status "$1" State; [[ $REPLY == "$2" ]]; }
has_tracer() { read_status "$1" TracerPid; [[ $REPLY == "$2" ]]; }

# ---- processes --------------------------------------------------------------------------------------

# spawn NAME COMMAND...: run it in the background; $PID, and output in $T/NAME.out and $T/NAME.err.
# Its standard input is a pipe that `tell NAME TEXT` writes to.
declare -A FEED=()
spawn() {
        local name=$1 fd
        shift
        [[ -z ${FEED[$name]-} ]] || exec {FEED[$name]}>&-
        unset "FEED[$name]"
        rm -f "$T/$name.in"
        : >"$T/$name.out" >"$T/$name.err"
        mkfifo "$T/$name.in"
        exec {fd}<>"$T/$name.in"
        (
                for other in "${FEED[@]}" "$SILENCE"; do exec {other}>&-; done
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
        note "$1 did not say '$2'; it said:" "$(tail -n 20 "$T/$1.out" "$T/$1.err")"
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
value() {
        local line lines=() key="\\b$2=([^ ]*)"
        mapfile -t lines <"$T/$1.out"
        for line in "${lines[@]}"; do
                [[ $line =~ $key ]] && echo "${BASH_REMATCH[1]}" && return
        done
        return 1
}
go() { kill -USR1 "$1"; }
# ended PID: wait for one of our children, bounded; its exit status in $RC
ended() {
        RC=999
        wait_for "${2:-20}" gone "$1" || return 1
        wait "$1" 2>/dev/null
        RC=$?
        return 0
}

# why cannot see that a fixture has let in everybody whom Yama asks for it
yama_asks() { [[ -r /proc/sys/kernel/yama/ptrace_scope && $(</proc/sys/kernel/yama/ptrace_scope) != 0 ]]; }

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
# lldb gives up its own server after 5 s of silence, which an emulated machine may need for one answer.
readonly LLDB=(lldb -x -O "settings set plugin.process.gdb-remote.packet-timeout $((10 * T_SCALE))")
# dlv_on NAME PID: the same with Delve
dlv_on() {
        spawn "$1" dlv attach "$2" --allow-non-terminal-interactive=true --check-go-version=false
        tell "$1" 'print 123454321'
        said "$1" '123454321' 40
}
# dlv_leaves_a_breakpoint: a Go program "go" with one at main.report, whose Delve was killed; $ORPHAN, and $PID of Delve
dlv_leaves_a_breakpoint() {
        spawn go "$FIXTURES/worker"
        ORPHAN=$PID
        said go '^ready '
        dlv_on dlv "$ORPHAN"
        tell dlv 'break main.report'
        said dlv 'Breakpoint 1 set'
        tell dlv continue
        wait_for 10 has_state "$ORPHAN" S
        kill -KILL "$PID"
        ended "$PID"
        # One that was about to stop a thread leaves its SIGSTOP behind, and all of them stop.
        kill -CONT "$ORPHAN"
}

# ---- the daemon -------------------------------------------------------------------------------------

readonly CTL_SECONDS=$((30 * T_SCALE < WAIT_SECONDS_MAX ? 30 * T_SCALE : WAIT_SECONDS_MAX))
ctl() { timeout $CTL_SECONDS "$PTRACECTL" "$@"; }

# launch_daemon [OPTION...]: start it and wait until it is ready. $DAEMON, $TIER_NOW; what went wrong is in
# $T/daemon.log and $T/wait.err. STATE overrides its state directory.
# On a busy machine its BPF programs take seconds to be verified, and helpers that do not answer three more.
launch_daemon() {
        export PTRACED_SOCKET=$T/sock
        "$PTRACED" --socket "$T/sock" --state-dir "${STATE:-$T/state}" ${TIER:+--tier "$TIER"} "$@" 2>>"$T/daemon.log" &
        DAEMON=$!
        "$PTRACECTL" status --wait "$CTL_SECONDS" >/dev/null 2>"$T/wait.err" || return 1
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
        ctl diagnose "$@" --json 2>/dev/null |
                jq -r '.findings[] | "\(.code)/\(.cause // "") \(.pid) \(.other_pid // 0) \(.count)"'
}
# has_finding CODE/CAUSE PID; "CODE/" is any cause of it
has_finding() { findings "$2" 2>/dev/null | grep "^$1[^ ]* " >/dev/null; }

# The text of the first finding of that code/cause: finding_text PID CODE/CAUSE
finding_text() {
        ctl diagnose "$1" --json |
                jq -r --arg k "$2" '[.findings[] | select("\(.code)/\(.cause // "")" | startswith($k))][0] | "\(.summary) \(.remedy) \(.risk)"'
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

# ---- the end ----------------------------------------------------------------------------------------

cleanup() {
        local pid
        trap - EXIT
        trap '' INT TERM HUP # it is under way
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
trap 'exit 129' HUP
trap 'exit 143' TERM
