#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Programs and their text: set-uid programs under a tracer, threads that never end, probes and breakpoints on one instruction,
# emulators and word sizes.
# guests: causes
. "$(dirname "$0")/tap.bash"
start_daemon

# ---- setuid-ignored ---------------------------------------------------------------------------------

# special NAME OWNER MODE: a copy of the fixture that gives its rights away
special() {
        cp "$FIXTURES/textcases" "$T/$1" && chown "$2" "$T/$1" && chmod "$3" "$T/$1"
}
# straced NAME COMMAND...: strace as nobody runs it; $PID of strace, $TRACEE
straced() {
        spawn "$1" "${NOBODY[@]}" strace -qq -e trace=none "${@:2}"
        said "$1" '^ready '
        TRACEE=$(value "$1" pid)
}
release() { # PID of the tracee, PID of what waits for it
        go "$1"
        ended "$2"
}

if ! need strace; then
        skip "set-uid programs" "strace is not installed"
elif [[ $(findmnt -no OPTIONS -T "$T") == *nosuid* ]]; then
        skip "set-uid programs" "$T is mounted with nosuid"
else
        special owner 0:0 4755
        special group 0:0 2755
        special plain 0:0 755
        straced suid "$T/owner" rights
        is "$(value suid euid)" 65534 "the kernel ignores set-uid under nobody's strace"
        concludes "set-uid" "$TRACEE" "setuid-ignored/set-uid $PID"
        release "$TRACEE" "$PID"
        if ! in_short; then
                straced sgid "$T/group" rights
                is "$(value sgid egid)" 65534 "and set-gid"
                concludes "set-gid" "$TRACEE" "setuid-ignored/set-gid $PID"
                release "$TRACEE" "$PID"
                if need setcap && setcap cap_net_raw=ep "$T/plain"; then
                        straced caps "$T/plain" rights
                        concludes "capabilities" "$TRACEE" "setuid-ignored/capabilities $PID"
                        release "$TRACEE" "$PID"
                        setcap -r "$T/plain"
                else
                        skip "capabilities" "setcap is not installed or does not work here"
                fi
        fi

        straced twin "$T/plain" rights
        twin_of setuid-ignored silent "twin: an ordinary program under nobody's strace" "$TRACEE"
        release "$TRACEE" "$PID"
        if ! in_short; then
                spawn twin strace -qq -e trace=none -u nobody "$T/owner" rights
                said twin '^ready '
                is "$(value twin uid) $(value twin euid)" "65534 0" "strace by root lets the program have its rights"
                twin_of setuid-ignored silent "twin: strace of a set-uid program by root" "$(value twin pid)"
                release "$(value twin pid)" "$PID"
                spawn twin setpriv --no-new-privs "${NOBODY[@]}" strace -qq -e trace=none "$T/owner" rights
                said twin '^ready '
                twin_of setuid-ignored silent "twin: they would have been ignored without a tracer as well (no_new_privs)" "$(value twin pid)"
                release "$(value twin pid)" "$PID"
                spawn twin "${NOBODY[@]}" "$T/owner" rights
                said twin '^ready '
                is "$(value twin euid)" 0 "without a tracer it has them"
                twin_of setuid-ignored silent "twin: a set-uid program without a tracer" "$PID"
                kill -KILL "$PID"
                ended "$PID"
        fi
fi

# ---- thread-leak ------------------------------------------------------------------------------------

fixture leak textcases leak 210
leak=$PID
said leak '^done'
concludes "threads that never end" "$leak" "thread-leak/ 0"
like "$(words "$leak")" "begun by $FIXTURES/textcases \(spawn_threads" "their creator is named: module and function"
kill -KILL "$leak"
if ! in_short && [[ -x $FIXTURES/blocked ]]; then
        fixture cgo blocked
        cgo=$PID
        said cgo '^done'
        concludes "a Go program whose threads wait in C code" "$cgo" "thread-leak/go-runtime 0"
        kill -KILL "$cgo"
elif ! in_short; then
        skip "a Go program whose threads wait in C code" "the Go fixture is missing"
fi
if ! in_short; then
        fixture twin textcases pool 250
        twin_of thread-leak concludes "twin: a pool of threads that a program starts with" "$PID" ""
        kill -KILL "$PID"
        fixture twin textcases churn 250
        churn=$PID
        said twin '^done'
        twin_of thread-leak concludes "twin: as many threads, of a program that ends others" "$churn" ""
        kill -KILL "$churn"
fi
fixture twin textcases leak 100
few=$PID
said twin '^done'
twin_of thread-leak concludes "twin: a hundred threads that never end" "$few" ""
kill -KILL "$few"

# ---- uprobe-overlap ---------------------------------------------------------------------------------

# probe NAME FILE ADDRESS|FUNCTION: a uprobe of bpftrace's, which is there when this returns
probe() {
        BPFTRACE_STRLEN=64 spawn "$1" bpftrace --unsafe -e "BEGIN { printf(\"begun\\n\"); } uprobe:$2:$3 { @hits = count(); }"
        said "$1" '^begun'
}
# lldb_breaks NAME PID ADDRESS: lldb attached, with a breakpoint there, and the process running
lldb_breaks() {
        spawn "$1" "${LLDB[@]}" -p "$2"
        said "$1" '^Architecture set' 60
        tell "$1" "breakpoint set --address $3"
        said "$1" 'Breakpoint 1:'
        tell "$1" 'process continue'
        wait_for 10 has_state "$2" S
}
if in_short; then
        skip "bpftrace and lldb on one instruction" "it takes 270 s in a guest"
elif need bpftrace lldb && (probe try "$FIXTURES/target" work && kill -KILL "$PID"); then
        orders=(uprobe breakpoint)
        if in_short; then orders=(uprobe); fi
        for order in "${orders[@]}"; do
                fixture "$order" target idle
                target=$PID
                address=$(value "$order" work)
                [[ $order == breakpoint ]] && lldb_breaks lldb "$target" "$address" && lldb=$PID
                probe bpftrace "$FIXTURES/target" work
                agent=$PID
                [[ $order == uprobe ]] && lldb_breaks lldb "$target" "$address" && lldb=$PID
                concludes "bpftrace and lldb at one function, the $order first" "$target" "uprobe-overlap/$order-first $agent"
                like "$(words "$target")" "lldb.*bpftrace.*work" "both are named, and the function"
                kill -KILL "$lldb" "$target" "$agent"
                ended "$agent"
                ended "$target"
        done
        fixture twin target idle
        target=$PID
        probe bpftrace "$FIXTURES/target" main
        agent=$PID
        lldb_breaks lldb "$target" "$(value twin work)"
        twin_of uprobe-overlap concludes "twin: bpftrace and lldb at two functions" "$target" ""
        kill -KILL "$PID" "$target" "$agent"
        ended "$target"
        ended "$agent"
        if ! in_short; then
                fixture twin target idle
                target=$PID
                lldb_breaks lldb "$target" "$(value twin work)"
                twin_of uprobe-overlap concludes "twin: lldb where bpftrace was, and is no more" "$target" ""
                kill -KILL "$PID" "$target"
                ended "$target"
        fi
else
        skip "bpftrace and lldb on one instruction" "bpftrace or lldb is not installed, or no uprobe can be set"
fi

# agent NAME N: one that puts N uprobes into a function, takes one out again, and lives; then a debugger there
agent() {
        fixture target textcases probe 0
        target=$PID
        fixture "$1" textcases probe "$2"
        agent=$PID
        fixture debugger tracer plant "$target" "$(value target place)"
        debugger=$PID
}
if [[ -r /sys/bus/event_source/devices/uprobe/type ]]; then
        agent some 2
        concludes "an agent took one of its two uprobes out" "$target" "uprobe-overlap/uprobe-first $agent"
        kill -KILL "$debugger" "$target" "$agent"
        ended "$target"
        ended "$agent"
        agent none 1
        concludes "twin: an agent took its uprobe out, and lives" "$target" ""
        kill -KILL "$debugger" "$target" "$agent"
        ended "$target"
else
        skip "uprobes that an agent takes out while it lives" "this kernel has no uprobes"
fi

# ---- abi-mismatch -----------------------------------------------------------------------------------

# Who of the two is small: a word-size has been looked at, and there was something to see.
known_bits() { [[ $(ctl events --type task.info --pid "$1" --json | jq -s 'last | .word_bits') == "$2" ]]; }
if [[ -x $FIXTURES/mishap32 ]]; then
        fixture wide mishap count
        wide=$PID
        fixture small mishap32 attach "$wide"
        small=$PID
        ok "a 32-bit tracer has a 64-bit program" wait_for 10 known_bits "$small" 32
        concludes "... which it cannot know whole" "$wide" "abi-mismatch/word-size $small"
        like "$(words "$wide")" "PID $wide \(mishap\) is a 64-bit program, and its tracer PID $small \(mishap32\) is a 32-bit one" "... both are named"
        kill -KILL "$small" "$wide"
        ended "$small"
        ended "$wide"

        fixture narrow mishap32 count
        narrow=$PID
        fixture wide mishap attach "$narrow"
        wide=$PID
        ok "a 64-bit tracer has a 32-bit program" wait_for 10 known_bits "$narrow" 32
        twin_of abi-mismatch silent "twin: it can" "$narrow"
        kill -KILL "$wide" "$narrow"
        ended "$wide"
        ended "$narrow"

        if ! in_short; then
                fixture narrow mishap32 count
                narrow=$PID
                fixture small mishap32 attach "$narrow"
                small=$PID
                # Its attach is not seen in every tier.
                wait_for 5 has_tracer "$narrow" "$small"
                ctl who "$narrow" >/dev/null
                ok "a 32-bit tracer has a 32-bit program" wait_for 10 known_bits "$small" 32
                twin_of abi-mismatch silent "twin: they fit" "$narrow"
                kill -KILL "$small" "$narrow"
                ended "$small"
                ended "$narrow"
        fi
else
        skip "tracers and programs of different word sizes" "the compiler has no libraries of 32 bits"
fi

if in_short; then
        :
elif need gdb qemu-x86_64; then
        spawn guest qemu-x86_64 "$FIXTURES/target" work
        guest=$PID
        said guest '^ready '
        gdb_on gdb "$guest"
        concludes "gdb on the emulator of a program" "$guest" "abi-mismatch/emulated $PID"
        like "$(words "$guest")" 'is an emulator by its name .*qemu-ARCH -g PORT' "... and what helps"
        is "$(ctl diagnose "$guest" --json | jq -r '.findings[0].severity')" info "... for it may be meant"
        tell gdb detach
        tell gdb quit
        ended "$PID"
        kill -KILL "$guest"
        ended "$guest"

        spawn guest qemu-x86_64 "$FIXTURES/target" work
        guest=$PID
        said guest '^ready '
        spawn strace strace -qq -e trace=none -p "$guest"
        strace=$PID
        wait_for 10 has_tracer "$guest" "$strace"
        wait_for 10 known_bits "$guest" 64
        twin_of abi-mismatch silent "twin: strace, which sets no breakpoints" "$guest"
        kill -INT "$strace"
        ended "$strace"
        kill -KILL "$guest"
        ended "$guest"

        # As a program that is only called like one: its file is another.
        cp "$FIXTURES/target" "$T/qemu-arm-notes"
        spawn notes "$T/qemu-arm-notes" work
        notes=$PID
        said notes '^ready '
        gdb_on gdb "$notes"
        wait_for 10 known_bits "$notes" 64
        twin_of abi-mismatch silent "twin: gdb on a program that is no emulator, though its name begins so" "$notes"
        tell gdb kill
        tell gdb quit
        ended "$PID"
else
        skip "gdb on the emulator of a program" "gdb or qemu-user is not installed"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
