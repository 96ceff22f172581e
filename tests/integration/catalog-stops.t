#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Tracers that end, do not know that they are tracers, or do not serve: each cause, and its silent twin.
# guests: catalog
. "$(dirname "$0")/tap.bash"
# A person at a prompt is left 30 minutes: here two seconds, or what gdb needs to start on an emulated machine.
printf '[thresholds]\ntracer-stale = %ss\n' $((T_SCALE > 1 ? 30 : 2)) >"$T/ptraced.conf"
start_daemon --config "$T/ptraced.conf"
sees_signals || skip_all "tier proc does not see signals"

# the child of PID that has that name: $REPLY
child_named() { # PID COMM
        local pid pids
        read -ra pids <"/proc/$1/task/$1/children" # which ends without a newline
        for pid in "${pids[@]}"; do
                REPLY=$pid
                [[ $(<"/proc/$pid/comm") == "$2" ]] && return
        done
        return 1
} 2>/dev/null

# played TOOL: the short form has one case and one twin of each code, and those that start at once
played() { ! in_short && need "$1"; }

# debugged PID: it runs sleep as its child, $CHILD
debugged() { child_named "$1" sleep && CHILD=$REPLY && has_state "$CHILD" S; }

# ---- killed-with-tracer
if played gdb; then
        spawn gdb gdb -q -nx -iex 'set confirm off' -iex 'set debuginfod enabled off' -ex run --args sleep 60
        gdb=$PID
        wait_for 20 debugged "$gdb"
        child=$CHILD
        kill -KILL "$gdb"
        ended "$gdb"
        concludes "gdb is killed, and its program with it" "$child" "killed-with-tracer/tracer-killed $gdb"
        like "$(words "$child")" "sent by PID $$ " "and who killed gdb is said"

        spawn gdb gdb -q -nx -iex 'set confirm off' -iex 'set debuginfod enabled off' -ex 'break write' -ex run -ex kill -ex quit --args sleep 60
        gdb=$PID
        wait_for 20 debugged "$gdb"
        child=$CHILD
        kill -INT "$gdb" # out of "run"; the rest follows
        ended "$gdb"
        is "$RC" 0 "gdb ends as told"
        twin_of killed-with-tracer concludes "a gdb that quits and kills what it started is silent" "$child" ""
elif ! in_short; then
        skip "gdb and its program" "gdb is not installed"
fi
fixture failing stops exitkill 3
failing=$PID
go "$failing"
ended "$failing"
concludes "a tracer fails, and its tracee is killed" "$(value failing child)" "killed-with-tracer/tracer-exited $failing"
fixture orderly stops exitkill 0
orderly=$PID
go "$orderly"
ended "$orderly"
twin_of killed-with-tracer concludes "a tracer that ends in good order and takes its tracee along is silent" "$(value orderly child)" ""

fixture part stops exitkill-thread
part=$PID
go "$part"
said part '^ended'
if ! in_short; then
        fixture leaver stops exitkill-thread detach
        leaver=$PID
        go "$leaver"
        said leaver '^ended'
fi
concludes "the thread that traces ends, and the tool runs on" "$(value part child)" "killed-with-tracer/tracer-thread-ended $part"
in_short || twin_of killed-with-tracer concludes "a thread that detaches before it ends is silent" "$(value leaver child)" ""
go "$part"
in_short || go "$leaver"

# ---- tracer-died-in-stop
# read_stop NAME TARGET: a tracer of TARGET that reads its first stop
read_stop() {
        spawn "$1" "$FIXTURES/stops" read-stop "$2"
        said "$1" '^ready '
}
fixture past target int3 3
past=$PID
read_stop reader "$past"
reader=$PID
go "$past"
said reader '^stopped sig=5'
kill -KILL "$reader"
if ! in_short; then
        fixture lost target idle
        lost=$PID
        read_stop other-reader "$lost"
        other_reader=$PID
        kill -USR2 "$lost"
        said other-reader '^stopped sig=12'
        kill -KILL "$other_reader"
fi
if ! in_short; then
        # A stop that nobody has read is not dropped: what the program then dies of is told by itself, and once.
        fixture fatal target int3
        fatal=$PID
        fixture fatal-tracer stops blind "$fatal"
        fatal_tracer=$PID
        go "$fatal"
        wait_for 5 has_state "$fatal" t
        kill -KILL "$fatal_tracer"
        ended "$fatal"
        is "$RC" 133 "a breakpoint's stop that its tracer had not read: the program dies of it"
        fixture wanted target idle
        wanted=$PID
        fixture wanted-tracer stops blind "$wanted"
        wanted_tracer=$PID
        kill -USR2 "$wanted"
        wait_for 5 has_state "$wanted" t
        kill -KILL "$wanted_tracer"
        ended "$wanted"
        is "$RC" 140 "and of the signal that was sent to it"
fi
# what a debugger stops with is nothing that the program misses
fixture halted-only target idle
halted_only=$PID
if played gdb; then
        gdb_on at-once "$halted_only"
        at_once=$PID
        kill -KILL "$at_once"
        fixture told target idle
        told=$PID
        gdb_on teller "$told"
        teller=$PID
        tell teller continue
        wait_for 5 has_state "$told" S
        kill -USR2 "$told"
        said teller 'received signal SIGUSR2'
        kill -KILL "$teller"
        ended "$teller"
fi
if need strace; then
        fixture calls target idle
        calls=$PID
        spawn call-reader strace -o /dev/null -p "$calls"
        call_reader=$PID
        wait_for 10 has_tracer "$calls" "$call_reader"
        kill -KILL "$call_reader"
fi
concludes "a tracer is killed at a breakpoint's stop that it has read" "$past" "tracer-died-in-stop/dropped-breakpoint $reader"
like "$(words "$past")" "sent by PID $$ " "and who killed it is said"
in_short || twin_of tracer-died-in-stop concludes "at one that it has not read: the breakpoint is told, and once" "$fatal" "orphan-breakpoint/[a-z-]+ [0-9]+"
in_short || twin_of tracer-died-in-stop silent "the signal was read by nobody, and did what it does: silent" "$wanted"
in_short || concludes "and at that of another signal" "$lost" "tracer-died-in-stop/dropped $other_reader"
if played gdb; then
        concludes "gdb is, at its prompt" "$told" "tracer-died-in-stop/dropped $teller"
        twin_of tracer-died-in-stop silent "gdb is killed at its first prompt: silent" "$halted_only"
fi
need strace && twin_of tracer-died-in-stop silent "strace is killed: silent" "$calls"
kill -KILL "$past" 2>/dev/null

# ---- tracer-unaware. Their shell does not wait for them: it would be told of their stop.
under_shell() { # NAME COMMAND...
        local name=$1
        shift
        spawn "$name" bash -c '"$@" & echo "child=$!"; read -r' _ "$@"
        said "$name" '^child='
}
under_shell shell "$FIXTURES/stops" traceme sleep 60
execs=$(value shell child) shell=$PID
if ! in_short; then
        under_shell other "$FIXTURES/stops" traceme
        raises=$(value other child) other=$PID
fi
if played python3; then
        under_shell asks python3 -c 'import ctypes, os; ctypes.CDLL(None).ptrace(0, 0, 0, 0); os.execvp("sleep", ["sleep", "60"])'
        python=$(value asks child) python_shell=$PID
fi
if need strace; then
        spawn strace strace -o /dev/null sleep 60
        strace=$PID
        wait_for 20 debugged "$strace"
        straced=$CHILD
fi
if played gdb; then
        spawn gdb gdb -q -nx -iex 'set confirm off' -iex 'set debuginfod enabled off' -ex starti --args sleep 60
        gdb=$PID
        wait_for 20 child_named "$gdb" sleep
        started=$REPLY
fi

# ---- parent-blinded
fixture held target idle
held=$PID
fixture serves target idle
serves=$PID
spawn server "$FIXTURES/tracer" hold "$serves"
said server '^ready '
fixture frozen target idle
frozen=$PID
fixture freezer tracer stop "$frozen"
freezer=$PID
kill -STOP "$freezer"
wait_for 5 has_state "$freezer" T
kill -KILL "$frozen" # before it is told of as hung
played gdb && gdb_on prompt "$held" && prompt=$PID
kill -KILL "$held" "$serves"

# ---- attach-stuck
fixture inside stops vfork
inside=$PID
wait_for 5 has_state "$inside" D
read -r inner <"/proc/$inside/task/$inside/children"
[[ ! ${prompt-} ]] || { spawn stuck gdb -q -nx -iex 'set debuginfod enabled off' -batch -ex bt -p "$inside"; stuck=$PID; }
fixture seized stops vfork
seized=$PID
wait_for 5 has_state "$seized" D
read -r seized_inner <"/proc/$seized/task/$seized/children"
need strace && { spawn stuck-strace strace -o /dev/null -p "$seized"; stuck_strace=$PID; }
fixture only stops vfork
only=$PID
wait_for 5 has_state "$only" D
read -r only_inner <"/proc/$only/task/$only/children"
fixture watcher tracer hold "$only"
watcher=$PID

if played strace; then
        # A page that does not come: awaited by the kernel, and by the program
        fixture disk stops page kernel
        disk=$PID
        wait_for 5 has_state "$disk" D
        spawn disk-strace strace -o /dev/null -p "$disk"
        disk_strace=$PID
        fixture touches stops page user
        touches=$PID
        spawn touch-strace strace -o /dev/null -p "$touches"
        wait_for 10 has_tracer "$touches" "$PID"
fi

# ---- tracer-stale
fixture halted target idle
halted=$PID
fixture halter tracer stop "$halted"
halter=$PID
fixture paused target idle
paused=$PID
need strace && { kill -STOP "$paused"; wait_for 5 has_state "$paused" T; spawn follower strace -o /dev/null -p "$paused"; follower=$PID; }

finds "tracer-unaware: it execs" tracer-unaware/ "$execs"
concludes "a program that asks to be traced, under a shell" "$execs" "tracer-unaware/traceme $shell"
why=$(ctl why "$execs" 2>&1)
like "$why" "by its own PTRACE_TRACEME; PID $shell \(bash\) has never called ptrace" "... and why says so"
unlike "$why" 'detach in|kill -HUP|end it: kill [0-9]' "... and nobody is sent to that shell"
risk=$(ctl claim --take --owner-uid nobody --json "$execs" 2>"$T/claim.err" | jq -r .risk)
like "$risk" 'It does not know that it does, .*\(PTRACE_TRACEME\)' "... nor does a claim that takes it say what debuggers leave"
unlike "$risk" 'breakpoints|EXITKILL' "... which a shell does not"
ctl release "$(ctl claims --json | jq -r --argjson p "$execs" '.claims[] | select(.pid == $p) | .id')" >/dev/null 2>&1
in_short || concludes "the same, and a signal stops it" "$raises" "tracer-unaware/traceme $other"
[[ ! ${python-} ]] || concludes "the same in Python" "$python" "tracer-unaware/traceme $python_shell"
[[ ! ${strace-} ]] || twin_of tracer-unaware silent "strace starts a program: silent" "$straced" "$strace"
[[ ! ${gdb-} ]] || concludes "gdb starts a program, and nobody sits at its prompt" "$started" "tracer-stale/idle $gdb"
[[ ! ${prompt-} ]] || concludes "killed while gdb is at its prompt" "$held" "parent-blinded/not-reaped $prompt"
concludes "killed while its tracer is stopped" "$frozen" "parent-blinded/tracer-stopped $freezer"
like "$(words "$frozen")" "its parent PID $$ " "and the parent that waits is named"
twin_of parent-blinded silent "killed under a tracer that reaps: silent" "$serves"
[[ ! ${stuck-} ]] || concludes "gdb waits for a target inside vfork" "$inside" "attach-stuck/vfork $stuck"
[[ ! ${stuck-} ]] || like "$(words "$inside")" "its child PID $inner " "and the child is named"
[[ ! ${stuck_strace-} ]] || concludes "strace does" "$seized" "attach-stuck/vfork $stuck_strace"
if [[ ${disk-} ]]; then
        concludes "strace waits for a target in state D" "$disk" "attach-stuck/uninterruptible $disk_strace"
        like "$(words "$disk")" "waits in the kernel, in handle_userfault, where it takes no signal" "and what it waits in is named"
        twin_of attach-stuck silent "it stops at once in state S: silent" "$touches"
        go "$disk"
        go "$touches"
fi
twin_of attach-stuck silent "a tracer that asks for no stop: silent" "$only"
concludes "a tracer leaves its tracee stopped and does nothing" "$halted" "tracer-stale/idle $halter"
[[ ! ${follower-} ]] || twin_of tracer-stale silent "strace waits for a stopped process: silent" "$paused"
kill -CONT "$freezer" "$paused"
kill -USR1 "$inner" "$seized_inner" "$only_inner" "$halter" "$watcher"
ended "$inside"
kill -KILL "$execs" ${raises+"$raises"} ${python+"$python"}

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
