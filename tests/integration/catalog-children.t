#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a parent does not learn of its children, and whose handler it is: each finding with a cause, and beside it what is
# nearly the same and harmless.
# guests: catalog
. "$(dirname "$0")/tap.bash"
echo $'[watch]\nsignals = SIGUSR2 SIGURG' >"$T/conf"
start_daemon --config "$T/conf"

# play NAME MODE ARG: a fixture that has begun and said what came of it; $PID
play() {
        local name=$1
        shift
        fixture "$name" children "$@"
        go "$PID"
        said "$name" '^(waited|zombies|replaced)'
}

# ---- sigchld-coalesced: begun here, as it takes six seconds
play one burst one
one=$PID
play all burst all
all=$PID
late=
if ! in_short; then
        play late burst late
        late=$PID
fi
burst() { # PERL: one SIGCHLD for eight children
        perl -e '$|=1; use POSIX qw(:sys_wait_h :signal_h); my $set = POSIX::SigSet->new(SIGCHLD); my $n = 0;
                $SIG{CHLD} = sub { '"$1"' }; sigprocmask(SIG_BLOCK, $set);
                for (1..8) { fork or do { exec "true" } } select undef, undef, undef, 0.5; sigprocmask(SIG_UNBLOCK, $set);
                print "reaped $n\n"; for (1..60) { sleep 1 }'
}
perl=() php=()
if ! in_short && need perl; then
        for handler in 'wait; $n++' '$n++ while waitpid(-1, WNOHANG) > 0'; do
                spawn "perl${#perl[@]}" bash -c "$(declare -f burst); burst \"\$1\"" - "$handler"
                said "perl${#perl[@]}" '^reaped '
                perl+=("$(pgrep -P "$PID")")
        done
fi
if ! in_short && need php && [[ $(php -m) == *pcntl* ]]; then
        for handler in 'pcntl_waitpid(-1, $s, WNOHANG);' 'while (pcntl_waitpid(-1, $s, WNOHANG) > 0);'; do
                spawn "php${#php[@]}" php -r 'pcntl_async_signals(true); pcntl_signal(SIGCHLD, function () { '"$handler"' });
                        pcntl_sigprocmask(SIG_BLOCK, [SIGCHLD]); for ($i = 0; $i < 8; $i++) if (pcntl_fork() == 0) exit(0);
                        sleep(1); pcntl_sigprocmask(SIG_UNBLOCK, [SIGCHLD]); echo "done\n"; for (;;) sleep(60);'
                php+=("$PID")
        done
fi

# ---- wait-stolen
play thief steal thread
thief=$PID
is "$(value thief errno)" 10 "a thread that waits for any child: the waiter gets ECHILD"
concludes "... wait-stolen, by a thread" "$thief" 'wait-stolen/thread 0'
like "$(words "$thief")" "waited for its child $(value thief child) in vain: thread [0-9]+ of the same process" "... both are named"
like "$(words "$thief")" 'exited with status 3' "... and how the child ended"
if ! in_short; then
        play hand steal handler
        hand=$PID
        concludes "a handler that waits for any child" "$hand" 'wait-stolen/handler 0'
        unlike "$(words "$hand")" 'exited with' "... which did not ask how it ended: nor is it told"
fi
play own steal own
is "$(value own status)" 768 "twin: a thread that waits for its own child: the waiter gets its status"
twin_of wait-stolen silent "... no finding" "$PID"
if ! in_short; then
        play twice steal twice
        twin_of wait-stolen silent "twin: who asks twice is no victim" "$PID"
        if need python3; then
                spawn py python3 -c '
import os, subprocess, threading, time
threading.Thread(target=lambda: (time.sleep(0.2), os.waitpid(-1, 0)), daemon=True).start()
p = subprocess.Popen(["sleep", "0.4"])
time.sleep(0.8)
print("waited", p.wait(), flush=True)
time.sleep(60)'
                said py '^waited '
                concludes "Python: os.waitpid(-1) beside subprocess" "$PID" 'wait-stolen/thread 0'
                spawn py2 python3 -c '
import os, subprocess, threading, time
t = threading.Thread(target=lambda: subprocess.run(["sleep", "0.4"])); t.start()
print("waited", subprocess.run(["sleep", "0.4"]).returncode, flush=True)
t.join(); time.sleep(60)'
                said py2 '^waited 0'
                twin_of wait-stolen silent "twin: two threads of Python, each with its own child" "$PID"
        else
                skip "Python: os.waitpid(-1) beside subprocess" "python3 is not installed"
        fi
        if need perl; then
                spawn pl perl -e '$|=1; use POSIX ":sys_wait_h"; $SIG{CHLD} = sub { 1 while waitpid(-1, WNOHANG) > 0 };
                my $p = fork; if (!$p) { exec "sleep", "0.1" } sleep 5; print "waited ", waitpid($p, 0), "\n"; sleep 60'
                said pl '^waited -1'
                concludes "Perl: a handler that waits for any child" "$PID" 'wait-stolen/handler 0'
                spawn pl2 perl -e '$|=1; $SIG{CHLD} = sub {}; my $p = fork; if (!$p) { exec "sleep", "0.1" } sleep 5;
                print "waited ", waitpid($p, 0), "\n"; sleep 60'
                said pl2 '^waited [1-9]'
                twin_of wait-stolen silent "twin: a handler of Perl that waits for nobody" "$PID"
        else
                skip "Perl: a handler that waits for any child" "perl is not installed"
        fi
fi

# ---- sigchld-ignored
ready_again() { [[ $(grep -c '^ready ' "$T/$1.out") == 2 ]]; }
if ! in_short; then
        play self ignore self
        is "$(value self errno)" 10 "twin: who ignores SIGCHLD on purpose gets ECHILD"
        twin_of sigchld-ignored silent "... and no finding" "$PID"
fi
fixture exec children ignore exec
go "$PID"
wait_for 10 ready_again exec
go "$PID" # of the program that it has executed
said exec '^waited '
concludes "SIGCHLD was ignored before the exec" "$PID" 'sigchld-ignored/before-exec 0'
if ! in_short; then
        fixture parent children ignore parent
        above=$PID
        go "$above"
        wait_for 10 pgrep -P "$above" >/dev/null
        child=$(pgrep -P "$above")
        wait_for 10 file_has "$T/parent.out" "ready pid=$child"
        go "$child"
        said parent '^waited '
        concludes "an ancestor ignores SIGCHLD" "$child" "sigchld-ignored/inherited $above"
        like "$(words "$child")" "PID $above \(children\) above it ignores SIGCHLD" "... and is named"
        go "$child"
fi
fixture plain children wait
go "$PID"
said plain '^waited '
is "$(value plain status)" 768 "twin: SIGCHLD at its default: the status comes"
twin_of sigchld-ignored silent "... no finding" "$PID"
if ! in_short; then
        if need python3 perl; then
                # Perl itself takes an ignored SIGCHLD back when it starts, Python does not.
                spawn launcher perl -e '$|=1; $SIG{CHLD} = "IGNORE"; system("python3", "-c", $ARGV[0]); sleep 60' \
                        'import os, subprocess, time; print("python", os.getpid(), subprocess.run(["sh", "-c", "exit 3"]).returncode, flush=True); time.sleep(60)'
                above=$PID
                said launcher '^python '
                child=$(sed -n 's/^python \([0-9]*\) .*/\1/p' "$T/launcher.out")
                is "$(sed -n 's/^python [0-9]* //p' "$T/launcher.out")" 0 "Python below a Perl that ignores SIGCHLD takes a failure for success"
                concludes "... sigchld-ignored" "$child" "sigchld-ignored/inherited $above"
                kill "$child"
        else
                skip "Python below a Perl that ignores SIGCHLD" "python3 or perl is not installed"
        fi
fi

# ---- handler-replaced, also where others fork all day
forks() { for ((i = 0; i < 20000; i++)); do /bin/true; done; }
FORKS=()
in_short || for cpu in 0 1; do spawn "forks$cpu" bash -c "$(declare -f forks); forks"; FORKS+=("$PID"); done
replacing=(back default same) replaced=(5 17)
if in_short; then replacing=(back) replaced=(17); fi
for sig in "${replaced[@]}"; do
        signal=$([[ $sig == 5 ]] && echo sigtrap || echo sigchld)
        play other replace other "$FIXTURES/preload.so" $sig
        other=$PID twins=()
        for twin in "${replacing[@]}"; do
                play "$twin" replace "$twin" "$FIXTURES/preload.so" $sig
                twins+=("$PID")
        done
        concludes "a library takes ${signal^^} over" "$other" "handler-replaced/$signal 0"
        like "$(words "$other")" "the one at reap_any.*/children\) was replaced by the one at take.*/preload.so\)" "... both handlers and modules are named"
        twin_of handler-replaced silent "twins: it is given back; there was none; it is another one of the same program" "${twins[@]}"
done
if ! in_short; then
        # It keeps its place from before main() to the first handler of the program.
        spawn preload env LD_PRELOAD="$FIXTURES/preload.so" "$FIXTURES/target" raise 1
        said preload '^ready '
        concludes "a preloaded library's handler does not stay" "$PID" 'handler-replaced/sigtrap 0'
if need php && [[ $(php -m) == *pcntl* ]]; then
        spawn phps php -r 'pcntl_signal(SIGCHLD, function () {}); pcntl_signal(SIGTRAP, function () {});
                        pcntl_signal(SIGCHLD, "trim"); pcntl_signal(SIGTRAP, "trim"); echo "done\n"; sleep(60);'
        said phps '^done'
        twin_of handler-replaced silent "twin: PHP changes its handlers" "$PID"
fi
fi

in_short || kill "${FORKS[@]}"

# ---- sigchld-coalesced, the rest
is "$(value one n)" 7 "one wait for eight children leaves seven"
ok "... which is told" wait_for 10 has_finding sigchld-coalesced/ "$one"
concludes "... sigchld-coalesced" "$one" 'sigchld-coalesced/ 0'
like "$(words "$one")" "PID $one \(children\) left [67] children unreaped" "... with how many there are"
twin_of sigchld-coalesced silent "twin: as many waits as there are children; and who reaps late" "$all" ${late:+"$late"}
if ! in_short; then
        if ((${#perl[@]})); then
                concludes "Perl: one wait in the handler" "${perl[0]}" 'sigchld-coalesced/ 0'
                twin_of sigchld-coalesced silent "twin: Perl waits until there is no more" "${perl[1]}"
        else
                skip "Perl: one wait in the handler" "perl is not installed"
        fi
        if ((${#php[@]})); then
                concludes "PHP: one pcntl_waitpid() for each SIGCHLD" "${php[0]}" 'sigchld-coalesced/ 0'
                twin_of sigchld-coalesced silent "twin: PHP waits until there is no more" "${php[1]}"
        else
                skip "PHP: one pcntl_waitpid() for each SIGCHLD" "php or its pcntl is not installed"
        fi
fi

# ---- [watch] signals
if sees_signals; then
        # seen PID SIGNAL TYPE: how many were recorded or counted
        seen() {
                ctl events --pid "$1" --json | jq -s --argjson sig "$2" --arg type "$3" \
                        '[.[] | select(.sig == $sig and (.type == $type or .of_type == $type)) | .count // 1] | add // 0'
        }
        saw() { [[ $(seen "${@:2}") == "$1" ]]; }
        is "$(ctl status --json | jq -c .watched_signals)" '["SIGUSR2","SIGURG"]' "status says which signals are watched"
        spawn trap bash -c 'trap "echo got" USR2 WINCH; echo ready; for ((i = 0; i < '$((600 * T_SCALE))'; i++)); do read -rt 0.1; done'
        trap=$PID
        said trap '^ready'
        kill -USR2 "$trap"
        said trap '^got'
        kill -WINCH "$trap"
        for ((i = 0; i < 300; i++)); do kill -URG "$trap"; done
        settle
        is "$(seen "$trap" 12 signal.generate) $(seen "$trap" 12 signal.deliver)" "1 1" "a watched signal is recorded as it is sent and delivered"
        is "$(seen "$trap" 28 signal.generate)" 0 "... and others are not"
        ok "... of a flood each is recorded or counted" wait_for 5 saw 300 "$trap" 23 signal.generate
        is "$(ctl events --pid "$trap" --type signal.generate --json | jq -s '[.[] | select(.sig == 23)] | length < 300')" true \
                "... and most are only counted"
        echo $'[watch]\nsignals = WINCH 64' >"$T/conf"
        kill -HUP "$DAEMON"
        ok "SIGHUP changes them" wait_for 5 eval '[[ $(ctl status --json | jq -c .watched_signals) == '"'"'["SIGWINCH","SIG64"]'"'"' ]]'
        kill -USR2 "$trap"
        kill -WINCH "$trap"
        ok "... at once" wait_for 5 saw 1 "$trap" 28 signal.generate
        is "$(seen "$trap" 12 signal.generate)" 1 "... and the former ones are not recorded any more"
        echo $'[watch]\nsignals = SIGFOO' >"$T/conf"
        kill -HUP "$DAEMON"
        ok "a name that there is not is told" wait_for 5 file_has "$T/daemon.log" "conf:2: signals in \[watch\] cannot be 'SIGFOO'"
        is "$(ctl status --json | jq -c .watched_signals)" '["SIGWINCH","SIG64"]' "... and the former ones stay"
        silent "signals alone are no finding" "$trap"
else
        skip "[watch] signals" "tier proc sees none"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
