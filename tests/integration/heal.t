#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# heal puts back what a departed debugger's breakpoints replaced, and nothing else.
# guests: hold
# debian13
. "$(dirname "$0")/tap.bash"

# A uprobe outlives who made it. It is made through a tracefs that nobody else sees: every one is the same.
events=
heal_cleanup() {
        if [[ -n $events ]] && grep -q "ptracedtest/heal_$$ " "$events"; then
                echo 0 2>/dev/null >"${events%/*}/events/ptracedtest/heal_$$/enable"
                echo "-:ptracedtest/heal_$$" >>"$events"
        fi
        cleanup
}
trap heal_cleanup EXIT
start_daemon
sees_signals || skip_all "tier proc does not see signals"

# heal PID [OPTION]: its JSON in $J, its exit status in $RC
heal() {
        J=$(ctl heal "$@" --json)
        RC=$?
}
of() { jq -r "$1" <<<"$J"; }

# bereave NAME PID: its tracer is killed after it set a breakpoint at its work()
bereave() {
        fixture tracer tracer plant "$2" "$(value "$1" work)"
        kill -KILL "$PID"
        ended "$PID"
}
# orphan NAME STATE: a fixture in that state; $ORPHAN
orphan() {
        fixture "$1" target "$2"
        ORPHAN=$PID
        bereave "$1" "$ORPHAN"
}

# ---- nothing to heal
fixture clean target once
clean=$PID
heal "$clean"
is "$RC $(of '"\(.healed | length) \(.resumed) \(.refused)"')" "0 0 false null" "a clean process has nothing to heal"
go "$clean"
ended "$clean"
is "$RC" 0 "and goes on"

# ---- traced: the breakpoint is in use
fixture traced target once
traced=$PID
fixture tracer tracer plant "$traced" "$(value traced work)"
tracer=$PID
heal "$traced"
is "$RC $(of '.healed | length')" "4 0" "a traced process is refused"
like "$(of .refused)" "traced by PID $tracer \(tracer\)" "and the tracer is named"
heal "$traced" --dry-run
is "$RC" 4 "also in a dry run"
is "$(of '"\(.healed | length) \(.found | length) \(.found[0].symbol)"')" "0 1 work" "which lists what it found"
said=$(ctl heal "$traced" --dry-run)
like "$said" '^Found:.*work in .*a breakpoint, cc where' "for people, too"
like "$said" "a breakpoint.*traced by PID $tracer" "and then says why not"
has_tracer "$traced" "$tracer" || fail "its tracer still has it"

# ---- that tracer is killed: now it is a leftover
kill -KILL "$tracer"
ended "$tracer"
heal "$traced" --dry-run
is "$RC $(of '"\(.dry_run) \(.healed | length) \(.refused)"')" "0 true 1 null" "a dry run finds the breakpoint"
is "$(of '.healed[0] | "\(.address) \(.was) \(.symbol)"')" "$(value traced work) cc work" "with its address and function"
is "$(of '.healed[0].path')" "$FIXTURES/target" "and file"
before=$(of '.healed[0]')
heal "$traced" --dry-run
is "$(of '.healed[0]')" "$before" "the dry run changed nothing"
like "$(ctl heal "$traced" --dry-run)" 'work in .*to be taken out' "for people it says what it would do"
heal "$traced"
is "$RC $(of '"\(.dry_run) \(.refused)"')" "0 false null" "heal takes it out"
is "$(of '.healed[0]')" "$before" "the same one"
is "$(tracer_of "$traced")" 0 "nobody traces it afterwards"
heal "$traced"
is "$(of '.healed | length')" 0 "nothing is left to heal"
go "$traced"
ended "$traced"
is "$RC" 0 "the program passes the function alive"
like "$(out traced)" 'done worked=1' "and did its work"
silent "a healed process gives no finding" "$traced"

# ---- the same, not healed: the twin that shows that it was needed
orphan sick once
go "$ORPHAN"
ended "$ORPHAN"
is "$RC" 133 "the same process without heal dies of it"

# ---- all threads, one of them busy
fixture busy target threads 8
busy=$PID
fixture worker target side-thread
side=$PID
fixture tracer tracer plant "$side" "$(value worker work)"
kill -KILL "$PID"
ended "$PID"
heal "$side"
is "$(of '.healed | length')" 1 "a process with threads is healed"
go "$side"
ended "$side"
is "$RC" 0 "its other thread passes the function alive"
heal "$busy"
is "$RC $(of '.healed | length')" "0 0" "and eight threads have nothing to heal"

# ---- a process whose main thread has ended alone: its memory is that of the others
fixture headless target leader-gone
headless=$PID
wait_for 10 has_state "$headless" Z
like "$(ctl who "$headless")" "alive.*Thread $(value headless tid1), for one, goes on" "who says that it lives"
fixture tracer tracer plant "$(value headless tid1)" "$(value headless work)"
kill -KILL "$PID"
ended "$PID"
heal "$headless"
is "$RC $(of '"\(.healed | length) \(.refused)"')" "0 1 null" "a process whose main thread has ended is healed"
go "$headless"
ended "$headless"
is "$RC" 0 "its other thread passes the function alive"
fixture over target zombie
zombie=$(value over zombie)
heal "$zombie"
is "$RC" 4 "one that has ended as a whole has nothing to heal"
like "$(of .refused)" 'has ended' "and that is said"

# ---- a thread whose trap is on its way already
fixture late target side-thread
late=$PID
spawn trapper "$FIXTURES/tracer" trap-pending "$late" "$(value late tid1)" "$(value late work)"
said trapper '^ready ' 60
if [[ $(value trapper pending) == 1 ]]; then
        is "$(state_of "$late")" T "it is stopped with its trap pending"
        heal "$late"
        like "$(of '.notes[]')" 'had already run into a breakpoint' "heal sets it back"
        kill -CONT "$late"
        ended "$late"
        is "$RC" 0 "and it goes on alive"
else
        skip "a thread whose trap is on its way" "it did not happen in $(value trapper tries) tries"
fi

# ---- a thread that cannot be stopped
orphan stuck vfork
stuck=$ORPHAN
go "$stuck"
wait_for 5 has_state "$stuck" D
child=$(pgrep -P "$stuck")
ctl heal "$stuck" --json >"$T/stuck.json" &
healing=$!
# The least of several: a client may have to wait for a processor, and a daemon that waits itself delays them all.
least=999999999
while kill -0 "$healing" 2>/dev/null; do
        began=$EPOCHREALTIME
        ctl status >/dev/null
        took=$((${EPOCHREALTIME/./} - ${began/./}))
        ((took >= least)) || least=$took
done
ok "the daemon answers meanwhile ($((least / 1000)) ms)" test "$least" -lt $((1000000 * T_SCALE))
wait "$healing"
is "$?" 4 "a process that cannot be stopped is refused"
like "$(jq -r .refused "$T/stuck.json")" "Thread $stuck does not stop" "and the thread is named"
is "$(tracer_of "$stuck")" 0 "it is let go of"
heal "$stuck" --dry-run
is "$(of '.healed | length')" 1 "and unchanged"
kill -KILL "$child"
ended "$stuck"

# ---- the program's own int3 is none of our business
orphan own int3
heal "$ORPHAN"
is "$(of '.healed | length')" 1 "beside an int3 of the program only the leftover is taken out"
go "$ORPHAN"
ended "$ORPHAN"
is "$RC" 133 "the program's own int3 is still there"

# ---- text that is changed in another way
orphan patched once
fixture poker tracer poke "$ORPHAN" "$(printf '0x%x' $(($(value patched work) + 4)))"
ended "$PID"
heal "$ORPHAN" --dry-run
is "$RC $(of '.healed | length')" "4 0" "changed text is refused"
like "$(of .refused)" 'changed in another way' "and said to be"
is "$(of '.found[0].symbol')" work "the leftover beside it is listed"
heal "$ORPHAN"
is "$RC" 4 "for real as well"
byte=$(dd if="/proc/$ORPHAN/mem" bs=1 count=1 skip=$(($(value patched work))) iflag=skip_bytes 2>/dev/null | od -An -tx1)
is "${byte// /}" cc "nothing of it was touched"

# ---- a file that was replaced
cp "$FIXTURES/target" "$T/copy"
spawn gone "$T/copy" once
said gone '^ready '
gone=$PID
fixture tracer tracer plant "$gone" "$(value gone work)"
kill -KILL "$PID"
ended "$PID"
rm "$T/copy"
heal "$gone"
is "$RC" 4 "without its file it is refused"
like "$(of .refused)" 'deleted or replaced' "and said why"

# ---- somebody else's process
orphan root once
J=$("${NOBODY[@]}" "$PTRACECTL" heal "$ORPHAN" --json)
is "$? $(of .error.code)" "4 not-permitted" "another user may not heal it"
is "$(of .found)" null "and is not told what is in it"
heal 999999999
is "$RC" 2 "a pid that is none is a usage error"
fixture ended-one target idle
go "$PID"
ended "$PID"
heal "$PID"
is "$RC $(of .error.code)" "1 no-such-process" "a process that is gone is told to be"

# ---- a user heals their own
as_nobody_fixture mine target once
mine=$(value mine pid)
spawn tracer "${NOBODY[@]}" "$FIXTURES/tracer" plant "$mine" "$(value mine work)"
said tracer '^ready '
kill -KILL "$PID"
ended "$PID"
J=$("${NOBODY[@]}" "$PTRACECTL" heal "$mine" --json)
is "$? $(of '.healed | length')" "0 1" "a user heals a process of their own"
go "$mine"
ended "$mine"
is "$RC" 0 "and it passes the function alive"

# ---- left stopped
fixture left target idle
left=$PID
spawn attacher "$FIXTURES/tracer" attach-exit "$left"
ended "$PID"
finds "left-stopped" left-stopped/ "$left"
heal "$left" --dry-run
is "$RC $(of .resumed) $(state_of "$left")" "0 true T" "a dry run would resume it, and does not"
like "$(of .summary)" "left stopped by PID [0-9]+ \(tracer\)" "and says by whom it was left so"
heal "$left"
is "$RC $(of .resumed)" "0 true" "a left-stopped process is resumed"
wait_for 5 has_state "$left" S
is "$(state_of "$left")" S "and runs"
kill -STOP "$left"
wait_for 5 has_state "$left" T
heal "$left"
is "$RC $(of .resumed) $(state_of "$left")" "0 false T" "stopped by a user later, it stays stopped"
like "$(of '.notes[]')" "kill -CONT $left" "and how to go on is said"
kill -CONT "$left"
go "$left"
ended "$left"
is "$RC" 0 "it ends well"

# ---- left stopped, and not to be healed
fixture stop target once
stop=$PID
bereave stop "$stop"
spawn attacher "$FIXTURES/tracer" attach-exit "$stop"
ended "$PID"
finds "left-stopped, with a breakpoint" left-stopped/ "$stop"
printf '\x90' | dd of="/proc/$stop/mem" bs=1 seek=$(($(value stop work) + 4)) oflag=seek_bytes conv=notrunc 2>/dev/null
heal "$stop"
is "$RC $(of '"\(.left_stopped) \(.found | length) \(.resumed)"') $(state_of "$stop")" "4 true 1 false T" \
        "the stop is told, and stays"
like "$(ctl heal "$stop" --dry-run)" 'Found:.*work in .*It is stopped, and a tracer left it so.*changed in another way' \
        "for people, too"
kill -KILL "$stop"

fixture user target idle
user=$PID
kill -STOP "$user"
wait_for 5 has_state "$user" T
heal "$user"
is "$(of .resumed) $(state_of "$user")" "false T" "a user's own stop is not touched"
kill -CONT "$user"
go "$user"

# ---- held by ptraced itself, and caught at the breakpoint
is_in_hold() { [[ $(ctl hold --json | jq -r --argjson p "$1" '.holds[] | select(.pid == $p) | .state') == "$2" ]]; }
orphan held once
held=$ORPHAN
ctl hold "$held" >/dev/null
heal "$held" --dry-run
is "$RC $(of '.healed | length')" "0 1" "held by ptraced: a dry run looks beside the helper"
heal "$held"
is "$RC $(of '"\(.healed | length) \(.resumed)"')" "0 1 false" "held by ptraced: it is healed"
ok "and held again" wait_for 5 is_in_hold "$held" holding
go "$held"
ended "$held"
is "$RC" 0 "it passes the function alive"

orphan caught once
caught=$ORPHAN
ctl catch "$caught" >/dev/null
go "$caught"
ok "caught: frozen at the breakpoint" wait_for 10 is_in_hold "$caught" caught
heal "$caught" --dry-run
is "$RC $(of '"\(.healed | length) \(.resumed)"')" "0 1 true" "caught: a dry run would let it go on"
ok "and does not" is_in_hold "$caught" caught
heal "$caught"
is "$RC $(of '"\(.healed | length) \(.resumed)"')" "0 1 true" "caught: healed, it goes on"
ended "$caught"
is "$RC" 0 "caught: it passes the function alive"

fixture hard target int3
hard=$PID
ctl catch "$hard" >/dev/null
go "$hard"
if wait_for 3 is_in_hold "$hard" caught; then
        heal "$hard"
        is "$RC $(of '"\(.healed | length) \(.resumed)"')" "0 0 false" "caught at its own int3 it is not let go"
        ok "and stays caught" wait_for 5 is_in_hold "$hard" caught
else
        pass "an int3 of its own does not catch it"
fi
kill -KILL "$hard"

# The same, where the thread that is handed over gets no processor until it is taken hold of again
if ((T_SCALE == 1)); then
        fixture starved target int3
        starved=$PID
        ctl catch "$starved" >/dev/null
        go "$starved"
        wait_for 10 is_in_hold "$starved" caught
        busy=()
        for n in 1 2 3; do
                taskset -c 0 sh -c 'while :; do :; done' &
                busy+=($!)
        done
        PIDS+=("${busy[@]}")
        chrt --idle -p 0 "$starved"
        taskset -cp 0 "$starved" >/dev/null
        heal "$starved"
        ok "caught at its own int3 it stays caught, also if it does not run meanwhile" wait_for 10 is_in_hold "$starved" caught
        kill "${busy[@]}"
        kill -KILL "$starved"
else
        skip "a thread that does not run meanwhile" "an emulated machine would take minutes"
fi

# ---- many at once: each in its turn, so that none takes another's helper for a debugger
orphan wanted once
crowd=()
for ((i = 0; i < 10; i++)); do
        ctl heal "$ORPHAN" --json $( ((i % 2)) && echo --dry-run) >"$T/crowd.$i" 2>&1 &
        crowd+=($!)
done
codes=()
for client in "${crowd[@]}"; do
        ended "$client"
        codes+=("$RC")
done
is "${codes[*]}" "0 0 0 0 0 0 0 0 0 0" "ten at once: none is refused"
is "$(jq -s '[.[] | select(.dry_run | not) | .healed | length] | add' "$T"/crowd.*)" 1 "and one of them heals it, once"
go "$ORPHAN"
ended "$ORPHAN"
is "$RC" 0 "it passes the function alive"

# ---- clients that hang up, more than are let in
orphan left-alone once
crowd=()
for ((i = 0; i < 40; i++)); do
        timeout 0.0$((i % 9 + 1)) "$PTRACECTL" heal "$ORPHAN" >/dev/null 2>&1 &
        crowd+=($!)
        ctl heal "$ORPHAN" --dry-run >/dev/null 2>&1 &
        crowd+=($!)
done
for client in "${crowd[@]}"; do ended "$client"; done
answers() { heal "$ORPHAN" && return; ((RC != 1)); } # 1: busy, as long as it has not seen them all hang up
ok "the daemon answers" wait_for 10 answers
is "$RC $(of .refused)" "0 null" "clients that hang up and come in crowds do no harm"
go "$ORPHAN"
ended "$ORPHAN"
is "$RC" 0 "and the process is healed"

# ---- a user who asks for more than others can wait for
as_nobody_fixture theirs target vfork
theirs=$PID
bereave theirs "$theirs"
go "$theirs"
wait_for 5 has_state "$theirs" D
child=$(pgrep -P "$theirs")
crowd=()
for ((i = 0; i < 20; i++)); do
        "${NOBODY[@]}" "$PTRACECTL" heal "$theirs" >/dev/null 2>>"$T/crowd.err" &
        crowd+=($!)
done
ok "a user has so many requests at a time" wait_for 10 file_has "$T/crowd.err" 'Too many requests to heal wait'
fixture calm target once
heal "$PID"
is "$RC $(of .refused)" "0 null" "and does not keep root from healing"
kill "${crowd[@]}" 2>/dev/null
for client in "${crowd[@]}"; do ended "$client"; done
kill -KILL "$child"
ended "$theirs"

# ---- uprobes: the kernel's int3 are no leftovers
mkdir "$T/tracing"
# shellcheck disable=SC2016 # for the inner shell
spawn tracing unshare -m sh -c 'mount -t tracefs nodev "$1" && echo ready && exec cat' - "$T/tracing"
if said tracing '^ready' 5; then
        events=/proc/$PID/root$T/tracing/uprobe_events
        # A file of its own: other tests heal the fixture meanwhile, and are to find no probes on it.
        probed=$T/probed_$$
        cp "$FIXTURES/target" "$probed"
        spawn probed "$probed" once
        ORPHAN=$PID
        said probed '^ready '
        bereave probed "$ORPHAN"
        offset=$(printf '0x%x' $(($(ctl heal "$ORPHAN" --dry-run --json | jq -r '.healed[0].file_offset'))))
        if echo "p:ptracedtest/heal_$$ $probed:$offset" >>"$events"; then
                heal "$ORPHAN"
                is "$RC $(of '.found | length')" "4 1" "a file with a uprobe is refused"
                like "$(of .refused)" 'uprobes on .*/probed_' "and said why"
                echo "-:ptracedtest/heal_$$" >>"$events"
        else
                skip "a file with a uprobe is refused" "no uprobe can be made"
        fi
        heal "$ORPHAN"
        is "$RC $(of '.healed | length')" "0 1" "without the uprobe it is healed"

        # A probe that is in use, in a process that no debugger has touched
        enable=${events%/*}/events/ptracedtest/heal_$$/enable
        if echo "p:ptracedtest/heal_$$ $probed:$offset" >>"$events" && echo 1 >"$enable"; then
                heal "$ORPHAN" --dry-run
                is "$RC" 4 "the kernel's own int3 is not taken out"
                like "$(of .refused)" "There is a uprobe at $offset of .*/probed_" "it is seen in a mapping of our own"
                go "$ORPHAN"
                ended "$ORPHAN"
                is "$RC" 0 "the probed process passes the function alive"
                echo 0 >"$enable"
        else
                skip "the kernel's own int3 is not taken out" "no uprobe can be switched on"
        fi
        echo "-:ptracedtest/heal_$$" >>"$events"
else
        skip "uprobes" "tracefs cannot be mounted"
fi

# ---- tracefs is not mounted, as on a machine without systemd: the daemon opens it for itself, if it may
readonly NO_TRACEFS='for at in /sys/kernel/tracing /sys/kernel/debug; do
        while umount -R "$at" 2>/dev/null; do :; done
done
exec "$@"'
# heal_elsewhere NAME [COMMAND...]: a dry run by a daemon that runs under COMMAND, where tracefs is not mounted
heal_elsewhere() {
        local name=$1
        shift
        spawn "$name" unshare -m sh -c "$NO_TRACEFS" - "$@" "$PTRACED" --socket "$T/$name.sock" \
                --state-dir "$T/$name.state" --tier proc
        PTRACED_SOCKET=$T/$name.sock ctl status --wait $((10 * T_SCALE)) >/dev/null
        PTRACED_SOCKET=$T/$name.sock heal "$ORPHAN" --dry-run
}
orphan elsewhere once
heal_elsewhere bare
is "$RC $(of '"\(.healed | length) \(.refused)"')" "0 1 null" "heal needs no mounted tracefs"
heal_elsewhere poor setpriv --bounding-set -sys_admin
poor=$PID
is "$RC" 4 "without the right to mount it, it cannot be seen whether uprobes are set"
like "$(of .refused)" "tracefs is not mounted, .*\(EPERM\).* mount -t tracefs nodev /sys/kernel/tracing" \
        "and why, and how to go on"
remedy=$(of .refused | grep -o 'mount -t .*')
ok "the remedy" nsenter -t "$poor" -m -r sh -c "$remedy"
PTRACED_SOCKET=$T/poor.sock heal "$ORPHAN" --dry-run
is "$RC $(of '"\(.healed | length) \(.refused)"')" "0 1 null" "is enough"
go "$ORPHAN"
ended "$ORPHAN"

# ---- dlv is SIGKILLed while the Go program runs with a breakpoint armed
if need dlv && [[ -x $FIXTURES/worker ]]; then
        dlv_leaves_a_breakpoint
        go=$ORPHAN
        heal "$go" --dry-run
        like "$(of '.healed[].symbol')" 'main\.report' "dlv killed: a dry run names the function"
        heal "$go"
        is "$RC $(of .refused)" "0 null" "dlv killed: heal takes all its breakpoints out"
        kill -USR1 "$go"
        ended "$go"
        is "$RC" 0 "dlv killed: the Go program passes the function alive"
        silent "dlv killed and healed gives no orphan-breakpoint" "$go"
else
        skip "dlv killed" "dlv or the Go fixture is missing"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
