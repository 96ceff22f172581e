#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Real tools under the rule `single` for every process: a second debugger is refused with an error that it shows;
# whatever is no second debugger works as ever.
# guests: debian13 long alone
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
start_guard
ok "guard on" ctl guard on

# refused NAME ERROR-REGEX CALLER-REGEX PID: the tool named $1 has ended; its output says so, and the record who it was
refused() {
        like "$(out "$1")$(cat "$T/$1.err")" "$2" "$1 is refused and shows why"
        ok "$1: the refusal is recorded" wait_for 10 last_like "^EBUSY $3 single$" \
                '"\(.errno) \(.caller.comm) \(.source)"' ptrace.refused "$4"
}
readonly BUSY='[Dd]evice or resource busy'

# ---- gdb, and gdb again; gcore of a stranger, and of the holder
if need gdb strace; then
        fixture held target threads 2
        held=$PID
        gdb_on first "$held"
        first=$PID
        spawn second gdb -q -nx -batch -p "$held"
        ended "$PID" 40
        refused second "$BUSY" gdb "$held"
        like "$(ctl why "$held" --json | jq -r '"\(.allowed) \(.holder.pid)"')" "^false $first$" "why names the holder"
        like "$(ctl diagnose "$held" --json | jq -r '[.findings[].summary] | join(" ")')" "$first" "so does the diagnosis"
        spawn strace strace -p "$(value held tid2)"
        ended "$PID"
        refused strace "$BUSY" strace "$held"
        spawn stranger gcore -o "$T/core" "$held"
        ended "$PID" 40
        refused stranger "$BUSY" gdb "$held"
        tell first "generate-core-file $T/own.core"
        ok "gcore by the holder" said first 'Saved corefile' 60
        before=$(total_of ptrace.refused "$held")
        tell first detach
        said first 'detached'
        tell first quit
        ended "$first"
        spawn third gdb -q -nx -batch -p "$held"
        ended "$PID" 60
        unlike "$(out third)$(cat "$T/third.err")" "$BUSY" "a second gdb gets in when the first has left"
        spawn alone gcore -o "$T/core" "$held"
        ended "$PID" 60
        ok "gcore of a process that nobody debugs" test -s "$T/core.$held"
        is "$(total_of ptrace.refused "$held")" "$before" "neither is refused"
        end_fixture "$held" "the program lives through it"
else
        skip "two gdb" "gdb or strace is not installed"
fi

# ---- gdb on a process of which something else traces another thread
if need gdb; then
        fixture split target threads 2
        split=$PID
        fixture tracer tracer hold "$(value split tid2)"
        tracer=$PID
        spawn late gdb -q -nx -batch -p "$split"
        ended "$PID" 40
        refused late "$BUSY" gdb "$split"
        go "$tracer"
        ended "$tracer"
        end_fixture "$split" "a process with a traced thread lives through it"
else
        skip "gdb on a process with a traced thread" "gdb is not installed"
fi

# ---- Delve twice
if need dlv && [[ -x $FIXTURES/worker ]]; then
        spawn go "$FIXTURES/worker"
        go=$PID
        said go '^ready '
        dlv_on first "$go"
        first=$PID
        spawn dlv2 dlv attach "$go" --allow-non-terminal-interactive=true --check-go-version=false
        ended "$PID" 40
        refused dlv2 "$BUSY" dlv "$go"
        tell first quit
        tell first n
        ended "$first" 40
        kill -USR1 "$go"
        ended "$go"
        is "$RC" 0 "the Go program ends well"
else
        skip "two dlv" "dlv or the Go fixture is missing"
fi

# ---- lldb second
if need lldb; then
        fixture busy target idle
        busy=$PID
        fixture tracer tracer hold "$busy"
        tracer=$PID
        spawn lldb timeout $((60 * T_SCALE)) "${LLDB[@]}" --batch -p "$busy"
        ended "$PID" 60
        refused lldb 'attach failed' 'lldb.*' "$busy"
        go "$tracer"
        ended "$tracer"
        end_fixture "$busy" "the program lives through lldb"
else
        skip "lldb as the second" "lldb is not installed"
fi

# ---- what is no second debugger
before=$(total_of ptrace.refused)
if need strace; then
        spawn children strace -f -qq -o "$T/strace.log" /bin/sh -c '/bin/true; /bin/true | /bin/cat; exec /bin/true'
        ended "$PID" 40
        is "$RC" 0 "strace -f traces a command and its children"
        fixture many target threads 4
        many=$PID
        spawn strace strace -f -qq -o "$T/strace.log" -p "$many"
        strace=$PID
        ok "strace -f traces every thread" wait_for 20 has_tracer "$(value many tid4)" "$strace"
        kill -INT "$strace"
        ended "$strace"
        end_fixture "$many" "and lets it go on"
else
        skip "strace -f" "strace is not installed"
fi
if need gdb; then
        spawn run gdb -q -nx -batch -ex 'set detach-on-fork off' -ex 'set follow-fork-mode child' -ex run --args /bin/sh -c '/bin/true; exit 0'
        ended "$PID" 60
        like "$(out run)" 'exited normally' "gdb runs a program and keeps its children"
fi
if [[ -x $FIXTURES/leak ]]; then
        fixture leak leak
        go "$PID"
        ended "$PID" 40
        is "$RC" 0 "LeakSanitizer attaches to its own process"
        is "$(cat "$T/leak.err")" "" "and has nothing to say"
else
        skip "LeakSanitizer" "the fixture is missing"
fi
fixture crash target own-helper
crash=$PID
fixture tracer tracer hold "$crash"
tracer=$PID
go "$crash"
said crash '^done '
is "$(value crash helper)" attached "a crash handler attaches to its own process, though it is traced"
go "$tracer"
ended "$tracer"
end_fixture "$crash" "which ends well"
is "$(total_of ptrace.refused)" "$before" "nothing of this was refused"

# ---- readers of memory, held process or not: not refused, but recorded
fixture read target idle
read=$PID
fixture tracer tracer hold "$read"
tracer=$PID
word=$(value read work)
ok "process_vm_readv is let through" "$FIXTURES/tracer" read-vm "$read" "$word"
is_total 1 "and recorded as memory.access" memory.access "$read"
ok "/proc/PID/mem is let through" "$FIXTURES/tracer" read-mem "$read" "$word"
is_total 2 "and recorded as memory.access" memory.access "$read"
is "$(last_of '"\(.caller.comm) \(.errno) \(.target.pid)"' memory.access "$read")" "tracer null $read" "with who read"
if need perf; then
        perf record -q -o "$T/perf.data" -p "$read" -- sleep 0.5 >"$T/perf.out" 2>&1
        unlike "$(cat "$T/perf.out")" "$BUSY|Permission|not permitted" "perf record -p is let through"
else
        skip "perf record -p" "perf is not installed"
fi
ps auxww >"$T/ps.out"
top -b -n 1 -p "$read" >"$T/top.out"
like "$(cat "$T/ps.out" "$T/top.out")" "$read .*target" "ps and top show it"
is_total 2 "and are no readers of memory" memory.access "$read"
is "$(total_of ptrace.refused "$read")" 0 "nobody was refused"
go "$tracer"
ended "$tracer"
end_fixture "$read" "the process that was read ends well"

ok_no_slots "after all of them"
ok_no_losses
stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
