#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# From public bug reports: threads that are taken for processes, names and tracers that /proc knows better, a stop that is
# older than the tracer, a pid that was used before. Each has a twin that differs in one fact.
# guests: long
# debian13
. "$(dirname "$0")/tap.bash"
readonly OTHERS=1300 # findings of the rest of the machine: more than are kept in memory
start_daemon

# ---- the main thread has ended, the process has not
fixture leaderless target leader-gone
leaderless=$PID worker=$(value leaderless tid1)
wait_for 10 has_state "$leaderless" Z
spawn attach "$FIXTURES/tracer" attach "$leaderless"
said attach '^ready '
go "$PID"
concludes "an attach to a main thread that has ended" "$leaderless" 'attach-refused-target/[a-z-]+ [0-9]+' 'has ended already and waits'
like "$(words "$leaderless")" "$worker" "a living worker is named"
like "$(ctl why "$worker")" '^(Verdict: +)?Allowed|llowed' "why says that the worker can be attached to"
spawn attach "$FIXTURES/tracer" attach "$worker"
said attach '^ready ' && is "$(value attach errno)" 0 "which is so"
go "$PID"
unlike "$(ctl why "$leaderless")" 'has ended already and waits' "why of the process does not take it for ended"
fixture zombie target zombie
zombie=$(value zombie zombie) || zombie=$(value zombie child)
parent=$PID
spawn attach "$FIXTURES/tracer" attach "$zombie"
said attach '^ready '
go "$PID"
concludes "twin: a process that has ended is told to be" "$zombie" 'attach-refused-target/[a-z-]+ [0-9]+'
like "$(words "$zombie")" 'ended' "in these words"
go "$parent"

# ---- names of now, and of the process
if need strace; then
        spawn strace strace -o "$T/strace.log" sleep 30
        strace=$PID
        wait_for 10 test -s "$T/strace.log"
        wait_for 10 pgrep -P "$strace" -x sleep >/dev/null
        sleep=$(pgrep -P "$strace" -x sleep)
        read -rt 1 -u "$SILENCE" # nothing else happens to it
        like "$(ctl who "$sleep")" "sleep\\($sleep\\)" "who calls sleep, which strace started, sleep"
        unlike "$(ctl who "$sleep")" "strace\\($sleep\\)" "and not strace"
        kill "$sleep"
        ended "$strace"
fi
if need java javac jhsdb; then
        cat >"$T/Sleeper.java" <<'JAVA'
public class Sleeper { public static void main(String[] a) throws Exception { System.out.println("ready"); Thread.sleep(60000); } }
JAVA
        (cd "$T" && javac Sleeper.java)
        spawn jvm java -cp "$T" Sleeper
        jvm=$PID
        said jvm ready
        spawn hsdb jhsdb clhsdb --pid "$jvm"
        hsdb=$PID
        # The kernel numbers a tracer by its thread.
        is_traced() { ! has_tracer "$jvm" 0; }
        if wait_for 30 is_traced; then
                settle
                name=$(</proc/"$hsdb"/comm)
                like "$(ctl who "$jvm")" "$name\\($hsdb(/[0-9]+)?\\)" "who names a tracer as its process, not as its thread"
                unlike "$(ctl who "$jvm"; ctl why "$jvm")" 'Thread-[0-9]+\(' "nor does why"
        fi
        kill -KILL "$hsdb" "$jvm"
else
        skip "who names a tracer as its process" "no JDK"
fi

# ---- a stop that is older than the tracer is somebody's wish
if need gdb && sees_signals; then
        fixture meant target idle
        meant=$PID
        kill -STOP "$meant"
        wait_for 10 has_state "$meant" T
        settle
        timeout 40 gdb -q -nx -batch -iex 'set debuginfod enabled off' -ex bt -p "$meant" >"$T/gdb.out" 2>&1 </dev/null
        read -rt 1 -u "$SILENCE"
        concludes "an operator's stop outlasts gdb's visit: no finding" "$meant" ''
        is "$(state_of "$meant")" T "it is stopped as meant"
        like "$(ctl heal --dry-run "$meant" 2>&1)" '[Nn]othing|operator|not touched|older|left alone' "heal leaves it"
        kill -CONT "$meant"
        fixture left target idle
        left=$PID
        spawn leaver "$FIXTURES/tracer" attach-exit "$left"
        wait_for 10 has_state "$left" T
        wait_for 10 has_finding left-stopped/ "$left"
        concludes "twin: a stop that a tracer left is one" "$left" 'left-stopped/[a-z-]* [0-9]+'
        kill -CONT "$left"
else
        skip "a stop that is older than the tracer" "no gdb, or a tier that sees no signals"
fi

# ---- a pid that was used before
if sees_signals; then
        fixture first target raise
        first=$PID
        go "$first"
        ended "$first"
        settle
        is "$(findings "$first" | wc -l)" 1 "a program that has ended has its finding"
        spawn second "$FIXTURES/target" reuse "$first"
        reuser=$PID
        if said second "^ready pid=$first "; then
                settle
                is "$(told "$first")" '' "the program that has its pid now has none"
                ctl diagnose "$first" --exit-code >/dev/null
                is "$?" 0 "nor does its exit status say so"
                is "$(ctl diagnose "$first" --earlier --json | jq '.findings | length')" 1 "it is told when asked for"
                is "$(ctl events --pid "$first" --json | jq -r 'select(.type | startswith("signal.")) | .type' | wc -l)" 0 \
                        "events of the living one are not mixed with it"
                ok "those of the earlier one are told when asked for" \
                        grep -q signal. <(ctl events --pid "$first" --earlier --json)
                go "$first"
        else
                skip "a pid that was used before" "pids cannot be chosen here"
        fi
        ended "$reuser"
fi

# ---- record tells of its command, whatever the machine is doing
if sees_signals; then
        spawn record "$PTRACECTL" record -o "$T/trace.jsonl" ${TIER:+--tier "$TIER"} -- \
                sh -c '"$0" int3 & read -r go; kill -USR1 $!; wait $!; echo over; read -r go; exit 0' "$FIXTURES/target"
        record=$PID
        said record '^ready '
        tell record go
        said record over
        ("${BASH}" -c 'for ((i = 0; i < $1; i++)); do (kill -TRAP "$BASHPID"); done' - $OTHERS) 2>/dev/null
        tell record go
        ended "$record" 60
        like "$(out record)" 'orphan-breakpoint' "record tells its command's finding beside $OTHERS others"
        unlike "$(out record)" 'trap-without-tracer' "and none of the others"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
