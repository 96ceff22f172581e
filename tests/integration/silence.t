#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What looks like trouble and is none. Every one of these is legal, and must give no finding.
# guests: long
# debian13
. "$(dirname "$0")/tap.bash"
start_daemon

# lone NAME PROGRAM ARG...: run a fixture to its end
lone() {
        local name=$1
        shift
        fixture lone "$@"
        local pid=$PID
        go "$pid"
        ended "$pid"
        is "$RC" 0 "$name: ends well"
        silent "$name: no finding" "$pid"
}

if [[ -x $FIXTURES/leak ]]; then
        lone "LeakSanitizer by itself" leak
else
        skip "LeakSanitizer by itself" "the fixture is missing"
fi
lone "SIGCHLD at its default" target children 0
lone "SIGCHLD ignored" target children 1
is "$(value lone reaped)" 0 "SIGCHLD ignored: nothing was there to reap"
lone "a fork server that reaps in a loop" target fork-server 200
is "$(value lone reaped)" 200 "a fork server that reaps in a loop: all reaped"

if need strace; then
        fixture server target fork-server 50
        server=$PID
        spawn strace strace -f -qq -o "$T/strace.log" -p "$server"
        strace=$PID
        wait_for 10 has_tracer "$server" "$strace"
        go "$server"
        ended "$server" 40
        ended "$strace"
        is "$(value server reaped)" 50 "strace -f: all children reaped"
        silent "strace -f on a fork server gives no finding" "$server" "$strace"
        spawn ran strace -f -qq -o "$T/strace.log" /bin/sh -c '/bin/true; /bin/true | /bin/cat'
        ran=$PID
        ended "$ran"
        silent "strace -f of a command gives no finding" "$ran" $(sed 's/ .*//' "$T/strace.log" | sort -u)
else
        skip "strace -f" "strace is not installed"
fi

if need gdb; then
        spawn run gdb -q -nx -batch -iex 'set debuginfod enabled off' -ex 'break work' -ex run -ex bt -ex step -ex step -ex 'kill' \
                --args "$FIXTURES/target" work
        run=$PID
        ended "$run" 60
        like "$(out run)" 'Breakpoint 1, work' "gdb run: stops"
        silent "gdb run, break, step, kill gives no finding" "$run" "$(value run pid)"
else
        skip "gdb run" "gdb is not installed"
fi

if need ltrace; then
        spawn ltrace ltrace -o "$T/ltrace.log" /bin/echo hello
        ltrace=$PID
        ended "$ltrace" 40
        silent "ltrace gives no finding" "$ltrace"
else
        skip "ltrace" "ltrace is not installed"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
