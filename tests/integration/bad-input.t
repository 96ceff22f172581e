#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# State directories and daemons that are not as they should be: each gets one sentence, and nothing stored
# is lost or overwritten.
. "$(dirname "$0")/tap.bash"
start_daemon

# refuses NAME REGEX ARG...: a daemon with these arguments ends soon, not with 0, and says why
refuses() {
        local name=$1 regex=$2
        shift 2
        timeout -k 5 $((15 * T_SCALE)) "$PTRACED" "$@" >"$T/o" 2>"$T/e" </dev/null
        local rc=$?
        ok "$name: refused (status $rc)" test $rc -ne 0 -a $rc -ne 124 -a $rc -lt 128
        like "$(cat "$T/e")" "$regex" "$name: says why"
}

refuses "unknown option" 'frobnicate' --frobnicate
refuses "unknown tier" 'best' --tier best
refuses "option without its value" 'state-dir' --state-dir
refuses "bad listen address" 'nonsense' --socket "$T/s2" --state-dir "$T/state2" --metrics-listen nonsense
refuses "config that is not there" "$T/none.conf" --socket "$T/s2" --state-dir "$T/state2" --config "$T/none.conf"

# ---- two daemons
refuses "second daemon on one state directory" "$T/state" --socket "$T/s2" --state-dir "$T/state"
refuses "second daemon on one socket" "$T/sock" --socket "$T/sock" --state-dir "$T/state2"
ok "the first daemon answers on" ctl status

# ---- an unprivileged user
mkdir -m 777 "$T/anyone"
timeout -k 5 $((15 * T_SCALE)) "${NOBODY[@]}" "$PTRACED" --socket "$T/anyone/s" --state-dir "$T/anyone/state" >/dev/null 2>"$T/anyone.err" &
pid=$!
PIDS+=("$pid")
wait_for 10 test -s "$T/anyone.err"
like "$(cat "$T/anyone.err")" 'root.*CAP_BPF' "started by nobody: says what is missing"
kill "$pid" 2>/dev/null
stop_daemon
is "$RC" 0 "the daemon stops cleanly"

# ---- stale socket of a daemon that was killed
start_daemon
kill -KILL "$DAEMON"
ended "$DAEMON"
DAEMON=
start_daemon
pass "a socket left behind by a killed daemon is taken over"
fixture marked target idle
marked=$PID
fixture tracer tracer hold "$marked"
wait_for 10 traced_in_who "$marked"
stop_daemon

# ---- what is stored is not what it should be
if need sqlite3; then
        version=$(sqlite3 "$T/state/trace.sqlite" 'PRAGMA user_version')
        sqlite3 "$T/state/trace.sqlite" 'PRAGMA journal_mode=DELETE; PRAGMA user_version=9999' >/dev/null
        sum=$(sha256sum <"$T/state/trace.sqlite")
        refuses "store with a newer schema" "$T/state" --socket "$T/sock" --state-dir "$T/state"
        is "$(sha256sum <"$T/state/trace.sqlite")" "$sum" "store with a newer schema: not a byte is changed"
        sqlite3 "$T/state/trace.sqlite" "PRAGMA user_version=$version"
        start_daemon
        ok "and once the version fits, its events are there" bash -c "'$PTRACECTL' events --pid $marked --json | jq -se 'length > 0'"
        stop_daemon
else
        skip "store with a newer schema" "sqlite3 is not installed"
fi
mkdir "$T/garbage"
head -c 20000 /dev/urandom >"$T/garbage/trace.sqlite"
sum=$(sha256sum <"$T/garbage/trace.sqlite")
refuses "store that is garbage" "$T/garbage" --socket "$T/sock" --state-dir "$T/garbage"
is "$(sha256sum <"$T/garbage/trace.sqlite")" "$sum" "store that is garbage: not a byte is changed"

# ---- the directory
refuses "state directory whose parent is missing" "$T/no/such" --socket "$T/sock" --state-dir "$T/no/such/dir"
touch "$T/file"
refuses "state directory that is a file" "$T/file" --socket "$T/sock" --state-dir "$T/file"
mkdir "$T/ro" "$T/small"
if mount -t tmpfs -o ro none "$T/ro" 2>/dev/null; then
        refuses "read-only state directory" "$T/ro" --socket "$T/sock" --state-dir "$T/ro"
        umount "$T/ro"
else
        skip "read-only state directory" "mount is not permitted"
fi
if mount -t tmpfs -o size=16k none "$T/small" 2>/dev/null; then
        head -c 16k /dev/zero >"$T/small/filler" 2>/dev/null
        refuses "full state directory" "$T/small" --socket "$T/sock" --state-dir "$T/small"
        umount "$T/small"
else
        skip "full state directory" "mount is not permitted"
fi

# ---- a disk that fills up while the daemon runs
if mount -t tmpfs -o size=4m none "$T/small" 2>/dev/null; then
        STATE=$T/small start_daemon
        head -c 8m /dev/zero >"$T/small/filler" 2>/dev/null
        fixture pair target idle
        pair=$PID
        for _ in $(seq 60); do
                "$FIXTURES/tracer" attach "$pair" >/dev/null
        done
        full() { [[ $(ctl status --json | jq '.store.last_error != null or .losses.store > 0') == true ]]; }
        if sees_signals; then
                for _ in 1 2 3; do
                        fixture burst target burst 20000
                        go "$PID"
                        ended "$PID"
                done
        fi
        if wait_for 10 full; then
                pass "a disk that fills up: status says so"
        else
                fail "a disk that fills up: status says so" "$(ctl status --json | jq -c '.store, .losses')"
        fi
        ok "a disk that fills up: the daemon answers on" ctl who
        rm "$T/small/filler"
        better() { [[ $(ctl status --json | jq '.store.last_error == null') == true ]]; }
        "$FIXTURES/tracer" attach "$pair" >/dev/null
        ok "a disk with room again: writing resumes" wait_for 10 better
        stop_daemon
        is "$RC" 0 "a disk that filled up: the daemon stops cleanly"
        umount "$T/small"
else
        skip "a disk that fills up" "mount is not permitted"
fi

done_testing
