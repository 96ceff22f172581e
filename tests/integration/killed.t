#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A daemon that is killed while it starts leaves nothing behind: no process of its self-test, and no lock that keeps
# the next one from starting.
# guests: long
. "$(dirname "$0")/tap.bash"
ROUNDS=3 SLICES=20000

# Forks have the command line of the daemon, and of no other test's.
left() { pgrep -f -- "--socket $T/sock " >/dev/null; }
none_left() { ! left; }
children_of() { REPLY=$(<"/proc/$1/task/$1/children"); } 2>/dev/null

# The self-test's tracer is let run in short slices, until it has a second child: that is the one which only waits to
# be killed by it.
second_child() {
        local tracer=$1 first= i
        for ((i = 0; i < SLICES; i++)); do
                kill -STOP "$tracer" 2>/dev/null || return
                children_of "$tracer"
                first=${first:-$REPLY}
                [[ -z $REPLY || $REPLY == "$first" ]] || return 0
                kill -CONT "$tracer"
        done
        return 1
}

met=0
for ((round = 0; round < ROUNDS; round++)); do
        "$PTRACED" --socket "$T/sock" --state-dir "$T/state" ${TIER:+--tier "$TIER"} 2>>"$T/daemon.log" &
        DAEMON=$!
        PIDS+=("$DAEMON")
        until children_of "$DAEMON"; [[ -n $REPLY ]] || gone "$DAEMON"; do :; done
        second_child "${REPLY% }" && met=$((met + 1))
        kill -KILL "$DAEMON"
        ended "$DAEMON"
done
DAEMON=
note "killed in the middle of the self-test $met times of $ROUNDS"
ok "of daemons that were killed while they started no process is left" wait_for 5 none_left
left && pkill -KILL -f -- "--socket $T/sock "
start_daemon
stop_daemon
is "$RC" 0 "the next one starts, and stops cleanly"
done_testing
