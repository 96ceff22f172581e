#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A tracee waits in its stop for a tracer that is itself stopped; a gdb at its prompt is silent.
# guests: debuggers
# debian13
. "$(dirname "$0")/tap.bash"
start_daemon

fixture waiting target idle
waiting=$PID
fixture hung tracer stop "$waiting"
hung=$PID
fixture prompt target idle
prompt=$PID
fixture patient tracer stop "$prompt"
patient=$PID
kill -STOP "$hung"
wait_for 5 has_state "$hung" T
finds "a stopped tracer: tracer-hung" tracer-hung/ "$waiting"
like "$(finding_text "$waiting" tracer-hung/)" "$hung" "the finding names the tracer"
twin_of tracer-hung silent "a tracer that only waits, for as long, gives no finding" "$prompt" "$patient"
kill -CONT "$hung"
go "$hung"
ended "$hung"
go "$waiting"
ended "$waiting"
is "$RC" 0 "both go on after SIGCONT"

if need gdb; then
        fixture read target work
        read=$PID
        gdb_on gdb "$read"
        gdb=$PID
        # Longer than the threshold: a person reads code at the prompt.
        sleep 5
        twin_of tracer-hung silent "gdb at its prompt gives no finding" "$read" "$gdb"
        tell gdb detach
        said gdb detached
        tell gdb quit
        ended "$gdb"
        go "$read"
        ended "$read"
else
        skip "gdb at its prompt" "gdb is not installed"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
