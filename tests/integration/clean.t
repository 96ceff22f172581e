#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The clean corpus: sessions that end well, of debuggers, tracers, profilers, supervisors and whoever else uses signals.
# None of them may give a finding. In tier full only the first are played, unless CORPUS_ALL is set.
# guests: verdicts alone
. "$(dirname "$0")/tap.bash"
readonly GUEST_SESSIONS=12
readonly LATE_SECONDS=6 # the longest that a finding about an end or a stop waits, but for tracers that are idle for half an hour
start_daemon
G=(gdb -q -nx -batch -iex 'set debuginfod enabled off' -iex 'set confirm off')
W=$T/work
mkdir "$W"

# ---- what the sessions are made of
idle() { fixture "$1" target idle; } # $PID
gone_quietly() { kill -TERM "$1" 2>/dev/null; ended "$1"; }
attach_with() { "${G[@]}" "$@" </dev/null; }

gdb_run() { "${G[@]}" -ex 'break work' -ex run -ex bt -ex finish -ex 'next' -ex kill --args "$FIXTURES/target" work; }
gdb_start_and_quit() { "${G[@]}" -ex start --args /bin/true; } # gdb kills what it started
gdb_attach_bt() { idle a && attach_with -ex 'thread apply all bt' -p "$PID" && gone_quietly "$PID"; }
gdb_attach_break_detach() {
        fixture a target work
        attach_with -p "$PID" -ex 'break work' -ex continue -ex bt -ex 'delete' -ex detach
        gone_quietly "$PID"
}
gdb_watch_detach() {
        fixture a mishap count
        attach_with -p "$PID" -ex "watch *(int *)$(value a counter)" -ex 'delete' -ex detach
        go "$PID"
        ended "$PID"
        ((RC == 0))
}
gdb_steps() { "${G[@]}" -ex 'break work' -ex run -ex 'stepi 20' -ex 'kill' --args "$FIXTURES/target" work; }
gdb_catches_fork() { "${G[@]}" -ex 'catch vfork' -ex run -ex 'delete' -ex continue --args /bin/sh -c '/bin/true; /bin/true'; }
gdb_follows_child() { "${G[@]}" -ex 'set follow-fork-mode child' -ex run --args /bin/sh -c '/bin/true & wait'; }
gdb_runs_to_exit() { "${G[@]}" -ex run --args /bin/echo hello; }
gdb_calls_function() { "${G[@]}" -ex 'break work' -ex run -ex 'print (int)getpid()' -ex kill --args "$FIXTURES/target" work; }
gdb_core() { idle a && gcore -o "$W/core" "$PID" && gone_quietly "$PID"; }
gdbserver_session() {
        spawn server gdbserver --once 127.0.0.1:0 /bin/echo hello
        local server=$PID port
        wait_for 10 file_has "$T/server.err" 'Listening on port' || return 1
        port=$(sed -n 's/.*Listening on port \([0-9]*\).*/\1/p' "$T/server.err")
        "${G[@]}" -ex "target remote 127.0.0.1:$port" -ex continue /bin/echo
        ended "$server"
}
lldb_run() { "${LLDB[@]}" --batch -o 'breakpoint set -n work' -o run -o bt -o kill -- "$FIXTURES/target" work; }
lldb_attach() { idle a && "${LLDB[@]}" --batch -o "process attach -p $PID" -o bt -o detach && gone_quietly "$PID"; }
dlv_exec() { printf 'break main.main\ncontinue\nstack\nclearall\nexit\n' | timeout 60 dlv exec "$FIXTURES/worker" --allow-non-terminal-interactive=true --check-go-version=false; }
dlv_attach_detach() {
        spawn w "$FIXTURES/worker"
        local worker=$PID
        said w '^ready '
        printf 'goroutines\nexit\nn\n' | dlv attach "$worker" --allow-non-terminal-interactive=true --check-go-version=false
        gone_quietly "$worker"
        return 0
}
go_module() {
        mkdir -p "$W/$1" && cd "$W/$1" || return 1
        export GOCACHE=$W/go-cache GOFLAGS=-mod=mod GOTOOLCHAIN=local
        [[ -e go.mod ]] || {
                printf 'module m\n\ngo 1.19\n' >go.mod
                printf 'package m\n\nimport (\n\t"os/exec"\n\t"testing"\n)\n\nfunc TestExec(t *testing.T) {\n\tif err := exec.Command("/bin/true").Run(); err != nil {\n\t\tt.Fatal(err)\n\t}\n}\n' >m_test.go
                printf 'package m\n' >m.go
        }
}
go_test() { (go_module m && command go test ./...); }
dlv_test() { (go_module m && printf 'break m.TestExec\ncontinue\nclearall\ncontinue\nexit\n' | dlv test --allow-non-terminal-interactive=true --check-go-version=false); }
strace_command() { strace -f -qq -o "$W/strace" /bin/sh -c '/bin/true; /bin/true | /bin/cat'; }
strace_make() {
        printf 'all: a b\na b:\n\t@/bin/true && sleep 0.1\n' >"$W/Makefile"
        strace -f -qq -o "$W/strace" make -s -j2 -C "$W"
}
strace_attach() {
        fixture a target fork-server 20
        local server=$PID
        spawn s strace -f -qq -o "$W/strace" -p "$server"
        wait_for 10 has_tracer "$server" "$PID"
        go "$server"
        ended "$server"
        ended "$PID"
}
strace_interrupted() {
        idle a
        local target=$PID
        spawn s strace -qq -o "$W/strace" -p "$target"
        wait_for 10 has_tracer "$target" "$PID"
        kill -INT "$PID"
        ended "$PID"
        gone_quietly "$target"
}
ltrace_command() { ltrace -o "$W/ltrace" /bin/echo hello; }
ltrace_attach() { idle a && timeout 3 ltrace -o "$W/ltrace" -p "$PID"; gone_quietly "$PID"; }
valgrind_memcheck() { valgrind -q --vgdb=no /bin/true; }
valgrind_vgdb() {
        spawn v valgrind -q --vgdb=yes --vgdb-error=0 --vgdb-prefix="$W/vgdb" /bin/sleep 1
        local v=$PID
        wait_for 20 file_has "$T/v.err" 'vgdb' || return 1
        "${G[@]}" -ex "target remote | vgdb --vgdb-prefix=$W/vgdb --pid=$v" -ex continue /bin/sleep
        ended "$v" 40
}
perf_stat() { perf stat -e task-clock -o "$W/perf" /bin/true; }
perf_record() { perf record -q -o "$W/perf.data" -e cpu-clock /bin/sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'; }
bpftrace_uprobe() {
        spawn b timeout 20 bpftrace -e "uprobe:$FIXTURES/target:work { @n = count(); } interval:s:2 { exit(); }"
        local b=$PID
        sleep 1
        fixture a target work
        local target=$PID
        ended "$b" 40
        gone_quietly "$target"
}
jvm_jstack() {
        jvm_start || return 1
        jstack "$JVM" >/dev/null && jcmd "$JVM" VM.version >/dev/null && jmap -histo "$JVM" >/dev/null
        local rc=$?
        gone_quietly "$JVM"
        return $rc
}
jvm_start() {
        printf 'public class S { public static void main(String[] a) throws Exception { System.out.println("ready"); Thread.sleep(60000); } }\n' >"$W/S.java"
        [[ -e $W/S.class ]] || (cd "$W" && javac S.java) || return 1
        spawn jvm java -cp "$W" S
        JVM=$PID
        said jvm ready 40
}
jvm_jhsdb() { jvm_start && jhsdb jstack --pid "$JVM" >/dev/null; local rc=$?; gone_quietly "$JVM"; return $rc; }
node_inspect() { (echo cont; sleep 1; echo .exit) | timeout 20 node inspect --port=0 -e 'console.log(1)'; }
node_children() { node -e 'const c = require("child_process"); for (let i = 0; i < 20; i++) c.spawnSync("/bin/true")'; }
python_asyncio() {
        python3 -c '
import asyncio
async def main():
    ps = [await asyncio.create_subprocess_exec("/bin/true") for _ in range(20)]
    assert [await p.wait() for p in ps] == [0] * 20
asyncio.run(main())'
}
python_subprocess() { python3 -c 'import subprocess; [subprocess.run(["/bin/true"], check=True) for _ in range(20)]'; }
php_cli() { php -r 'for ($i = 0; $i < 20; $i++) { exec("/bin/true"); } echo "done\n";'; }
php_pcntl() { php -r 'for ($i = 0; $i < 10; $i++) { if (($p = pcntl_fork()) == 0) exit(0); pcntl_waitpid($p, $s); }'; }
shell_jobs() { bash -ic 'sleep 0.3 & sleep 0.2; kill -STOP %1; kill -CONT %1; wait; (exit 3); exit 0' </dev/null; }
job_control() { setsid -w bash -m -c 'sleep 5 & p=$!; kill -TSTP $p; sleep 0.2; kill -CONT $p; kill $p; wait; exit 0'; }
many_children() { bash -c 'for ((i = 0; i < 200; i++)); do /bin/true & done; wait'; }
supervisor() { # restarts its child three times
        bash -c 'for i in 1 2 3; do sleep 60 & p=$!; kill -TERM $p; wait $p; done; exit 0'
}
timeout_kills() { timeout 0.3 sleep 10; [[ $? -eq 124 ]]; }
double_fork() { bash -c '(setsid sleep 0.2 &) ; sleep 0.4'; }
leak_sanitizer() { fixture a leak && local leak=$PID && go "$leak" && ended "$leak" && ((RC == 0)); }
crash_handler_helper() { fixture a target own-helper && local t=$PID && go "$t" && said a '^done helper=attached' && go "$t" && ended "$t"; }
sigchld_ignored() { fixture a target children 1 && local t=$PID && go "$t" && ended "$t" && ((RC == 0)); }
sigchld_default() { fixture a target children 0 && local t=$PID && go "$t" && ended "$t" && ((RC == 0)); }
fork_server() { fixture a target fork-server 200 && local t=$PID && go "$t" && ended "$t" && ((RC == 0)); }
vfork_spawn() { python3 -c 'import os; [os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0) for _ in range(20)]'; }
raw_tracer() {
        idle a && local t=$PID && fixture tr tracer hold "$t" && go "$PID" && ended "$PID" && gone_quietly "$t"
}
planted_and_disarmed() {
        fixture a mishap tick
        local t=$PID tr
        fixture tr tracer plant "$t" "$(value a probed)"
        tr=$PID
        go "$t"
        wait_for 5 gone "$t"
        go "$tr"
        ended "$tr"
        ended "$t"
}
segfault() { bash -c 'bash -c "kill -SEGV \$\$"; exit 0'; }
abort() { bash -c 'bash -c "kill -ABRT \$\$"; exit 0'; }
gdb_leaves_a_forked_child() { # which it detaches, and takes its breakpoints from, by itself
        "${G[@]}" -ex 'set breakpoint pending on' -ex 'break fork' -ex run -ex continue -ex delete -ex continue \
                --args /bin/sh -c '(sleep 0.2; /bin/true) & /bin/true; wait' | tee "$W/forked"
        grep -q 'Breakpoint 1, ' "$W/forked"
}
gdb_of_32_bits() { # a gdb for both debugs both
        "${G[@]}" -ex 'break main' -ex run -ex bt -ex kill --args "$FIXTURES/mishap32" tick | tee "$W/small"
        grep -q 'Breakpoint 1, ' "$W/small"
}
strace_script() {
        printf '#!/bin/sh\nfor i in 1 2 3; do\n  (exit $i) || :\n  echo $i | cat >/dev/null\n  sleep 0.01 &\ndone\nwait\nexec /bin/true\n' >"$W/script"
        chmod +x "$W/script"
        strace -f -qq -o "$W/strace" "$W/script"
}
strace_set_uid() { strace -f -qq -o "$W/strace" passwd -S root; } # by root, who is that already
strace_signalfd() { strace -f -qq -o "$W/strace" python3 -c "$SIGCHLD_WAITED"; }
readonly SIGCHLD_WAITED='
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
for i in range(10):
    child = os.fork()
    if child == 0:
        os._exit(0)
    signal.sigwait([signal.SIGCHLD])
    assert os.waitpid(child, 0)[0] == child'
python_sigwait() { python3 -c "$SIGCHLD_WAITED"; }
python_multiprocessing() { python3 -c 'import multiprocessing as m; p = m.Pool(4); assert p.map(abs, range(-50, 0)) == list(range(50, 0, -1)); p.close(); p.join()'; }
python_threads() { # each waits for its own child
        python3 -c '
import subprocess, threading
t = [threading.Thread(target=lambda: subprocess.run(["/bin/true"], check=True)) for _ in range(20)]
[x.start() for x in t]
[x.join() for x in t]'
}
perl_ignores_sigchld() { # a server: nobody waits for its children
        perl -e '$SIG{CHLD} = "IGNORE"; for (1 .. 50) { fork // die or exit 0 } select undef, undef, undef, 0.3'
}
perl_reaps_in_a_handler() {
        perl -MPOSIX=:sys_wait_h -e '$n = 0; $SIG{CHLD} = sub { $n++ while waitpid(-1, WNOHANG) > 0 };
                for (1 .. 50) { fork // die or exit 0 } select undef, undef, undef, 0.1 while $n < 50'
}
perl_sets_handlers() { perl -e 'for (1 .. 20) { $SIG{CHLD} = sub { 1 }; $SIG{CHLD} = "DEFAULT"; system("/bin/true") and die }'; }
runit_restarts() { # one service that stays, one that ends again and again
        local name
        for name in stays ends; do
                mkdir -p "$W/services/$name"
                printf '#!/bin/sh\nexec sleep %s\n' "$([[ $name == stays ]] && echo 60 || echo 0.1)" >"$W/services/$name/run"
                chmod +x "$W/services/$name/run"
        done
        spawn runsvdir runsvdir -P "$W/services"
        local runsvdir=$PID
        wait_for 10 file_has "$W/services/stays/supervise/stat" run || return 1
        sleep 1
        sv force-stop "$W/services/stays" "$W/services/ends" && sv exit "$W/services/stays" "$W/services/ends"
        kill -HUP "$runsvdir" && ended "$runsvdir"
}
loops_of() { "$1" -c 'i=0; while [ $i -lt 50 ]; do /bin/true & i=$((i + 1)); done; wait; for i in 1 2 3 4 5; do (exit $i) || :; x=$(/bin/echo $i | /bin/cat); done'; }
dash_loops() { loops_of dash; }
zsh_loops() { loops_of zsh; }
bash_waits_for_any() { bash -c 'for i in 1 2 3 4 5; do /bin/true & done; while wait -n; do :; done; trap : CHLD; /bin/true; /bin/true & wait; wait'; }
make_jobs() {
        printf 'all: %s\n%%.x:\n\t@/bin/true; sleep 0.02\n' "$(printf '%d.x ' {1..24})" >"$W/jobs.mk"
        make -s -j4 -C "$W" -f jobs.mk
}
test_runner() {
        local i
        mkdir -p "$W/t"
        for i in {1..8}; do printf 'print "1..1\\n"; system("/bin/true"); sleep 0; print "ok 1\\n";\n' >"$W/t/$i.t"; done
        prove -Q -j4 "$W/t"
}
ssh_agent() {
        local said agent
        said=$(ssh-agent -s -a "$W/agent.sock") && agent=$(sed -n 's/^SSH_AGENT_PID=\([0-9]*\);.*/\1/p' <<<"$said")
        kill "$agent" && wait_for 5 gone "$agent"
}
daemonized() {
        start-stop-daemon --start --background --make-pidfile --pidfile "$W/daemon.pid" --startas /bin/sleep -- 60 &&
                wait_for 5 test -s "$W/daemon.pid" && start-stop-daemon --stop --pidfile "$W/daemon.pid" --retry 5
}
tmux_session() {
        local tmux=(tmux -L "clean-$$" -f /dev/null)
        "${tmux[@]}" new-session -d 'sleep 0.2; true' && "${tmux[@]}" new-window -d 'sleep 60' || return 1
        sleep 0.4
        "${tmux[@]}" kill-server
}
timeout_of_a_group() { timeout -k 1 0.2 sh -c 'sleep 10 & sleep 10; wait'; [[ $? -eq 124 ]]; }
jvm_threads() { # many, of which some end
        printf '%s\n' 'public class Threads { public static void main(String[] a) throws Exception {' \
                '  var all = new java.util.ArrayList<Thread>(); Object never = new Object();' \
                '  for (int i = 0; i < 250; i++) { int n = i; Thread t = new Thread(() -> { try { Thread.sleep(n % 5 == 0 ? 1 : 400); } catch (Exception e) { } }); t.start(); all.add(t); }' \
                '  for (Thread t : all) t.join(); } }' >"$W/Threads.java"
        java -Xshare:auto -XX:TieredStopAtLevel=1 "$W/Threads.java"
}
# A request that is stepped through from its first line to its last.
fpm_is_stepped() {
        local fpm
        printf '<?php\n$n = 1;\n$n++;\necho "slow request done $n\\n";\n' >"$W/page.php"
        spawn ide php -d xdebug.mode=off "$SCRIPTS/dbgp.php"
        local ide=$PID
        said ide '^ready ' || return 1
        printf '%s\n' '[global]' "error_log = $W/fpm.log" 'daemonize = no' '[www]' 'user = nobody' 'group = nogroup' "listen = $W/fpm.sock" \
                'pm = static' 'pm.max_children = 2' >"$W/fpm.conf"
        spawn fpm "$(compgen -c php-fpm | head -n 1)" -F -y "$W/fpm.conf" -d xdebug.mode=debug -d xdebug.start_with_request=yes \
                -d xdebug.client_host=127.0.0.1 -d "xdebug.client_port=$(value ide port)"
        fpm=$PID
        wait_for 10 test -S "$W/fpm.sock" || return 1
        timeout 20 php -d xdebug.mode=off "$SCRIPTS/fcgi.php" "$W/fpm.sock" "$W/page.php" >"$W/page.out"
        gone_quietly "$fpm"
        ended "$ide"
        file_has "$W/page.out" 'slow request done 2' && file_has "$T/ide.out" '^connected '
}
dlv_cgo() { # goroutines in C meanwhile
        mkdir -p "$W/cgo"
        printf '%s\n' 'package main' '' '// #include <unistd.h>' 'import "C"' 'import "sync"' '' 'func report() {}' '' 'func main() {' \
                '	var w sync.WaitGroup' '	for i := 0; i < 8; i++ {' '		w.Add(1)' '		go func() { C.usleep(100000); w.Done() }()' '	}' \
                '	w.Wait()' '	report()' '}' >"$W/cgo/main.go"
        [[ -x $W/cgo/prog ]] || (cd "$W/cgo" && GOCACHE=$W/go-cache GO111MODULE=off command go build -gcflags='-N -l' -o prog main.go) || return 1
        printf 'break main.report\ncontinue\ngoroutines\nclearall\ncontinue\nexit\n' |
                timeout 60 dlv exec "$W/cgo/prog" --allow-non-terminal-interactive=true --check-go-version=false
}

# ---- the corpus: NAME FUNCTION TOOL...; those that the machine lacks a tool for are skipped. The first are for guests.
readonly CORPUS='
gdb starts a program, stops, steps, kills it|gdb_run|gdb
gdb attaches, takes a backtrace, leaves|gdb_attach_bt|gdb
gdb attaches, breaks, deletes, detaches|gdb_attach_break_detach|gdb
gdb quits and kills what it started|gdb_start_and_quit|gdb
strace -f of a command|strace_command|strace
strace attached to a fork server|strace_attach|strace
Delve runs a Go program|dlv_exec|dlv go
Delve attaches and detaches|dlv_attach_detach|dlv go
LeakSanitizer|leak_sanitizer|
a helper that traces its parent|crash_handler_helper|
a raw tracer holds and lets go|raw_tracer|
a shell with job control|job_control|setsid
gdb sets and deletes a watchpoint|gdb_watch_detach|gdb
gdb steps by instruction|gdb_steps|gdb
gdb catches a fork|gdb_catches_fork|gdb
gdb follows the child|gdb_follows_child|gdb
gdb runs a program to its end|gdb_runs_to_exit|gdb
gdb calls a function in the program|gdb_calls_function|gdb
gcore|gdb_core|gcore
gdbserver|gdbserver_session|gdbserver gdb
lldb runs a program|lldb_run|lldb
lldb attaches and detaches|lldb_attach|lldb
go test|go_test|go
dlv test|dlv_test|dlv go
strace -f make|strace_make|strace make
strace is interrupted|strace_interrupted|strace
ltrace|ltrace_command|ltrace
ltrace attaches|ltrace_attach|ltrace
valgrind|valgrind_memcheck|valgrind
valgrind with vgdb and gdb|valgrind_vgdb|valgrind vgdb gdb
perf stat|perf_stat|perf
perf record|perf_record|perf
a uprobe of bpftrace|bpftrace_uprobe|bpftrace
jstack, jcmd and jmap|jvm_jstack|java javac jstack jcmd jmap
jhsdb|jvm_jhsdb|java javac jhsdb
node inspect|node_inspect|node
node and its children|node_children|node
asyncio and its children|python_asyncio|python3
Python and its children|python_subprocess|python3
PHP and its children|php_cli|php
PHP forks|php_pcntl|php
an interactive shell|shell_jobs|
two hundred children at once|many_children|
a supervisor restarts its child|supervisor|
timeout kills its child|timeout_kills|timeout
a daemon forks twice|double_fork|setsid
SIGCHLD ignored|sigchld_ignored|
SIGCHLD at its default|sigchld_default|
a fork server|fork_server|
vfork|vfork_spawn|python3
a breakpoint planted and disarmed|planted_and_disarmed|
a program dies of SIGSEGV|segfault|
a program aborts|abort|
gdb leaves a forked child alone|gdb_leaves_a_forked_child|gdb
gdb and a program of 32 bits|gdb_of_32_bits|gdb
strace -f of a shell script|strace_script|strace
strace of a set-uid program by root|strace_set_uid|strace passwd
strace of a program that waits for SIGCHLD|strace_signalfd|strace python3
Python waits for SIGCHLD|python_sigwait|python3
Python and a pool of processes|python_multiprocessing|python3
Python and threads with children|python_threads|python3
Perl ignores SIGCHLD on purpose|perl_ignores_sigchld|perl
Perl reaps in a handler|perl_reaps_in_a_handler|perl
Perl changes its handler|perl_sets_handlers|perl
runit restarts services|runit_restarts|runsvdir sv
loops of dash|dash_loops|dash
loops of zsh|zsh_loops|zsh
bash waits for any child|bash_waits_for_any|
make -j|make_jobs|make
a test runner with four jobs|test_runner|prove
ssh-agent|ssh_agent|ssh-agent
start-stop-daemon|daemonized|start-stop-daemon
tmux|tmux_session|tmux
timeout kills a group|timeout_of_a_group|timeout
Java and 250 threads, some of which end|jvm_threads|java
php-fpm and Xdebug, stepped to the end|fpm_is_stepped|php
Delve and goroutines in C|dlv_cgo|dlv go
'

# what is found of the whole machine since, except the markers of settle()
MARKERS=' '
found_since() {
        ctl diagnose --since "$1" --json 2>/dev/null |
                jq -r --arg markers "$MARKERS" '.findings[] | select(" \(.pid) " as $pid | $markers | contains($pid) | not) | "\(.code)/\(.cause // "") \(.pid) (\(.comm)): \(.summary)"'
}

# Not every compiler can make all of them, and not every PHP has Xdebug.
lacks_fixture() { # SESSION
        case $1 in
        leak_sanitizer) [[ ! -x $FIXTURES/leak ]] ;;
        gdb_of_32_bits) [[ ! -x $FIXTURES/mishap32 ]] ;;
        fpm_is_stepped) [[ -z $(compgen -c php-fpm) || $(php -m) != *[Xx]debug* ]] ;;
        *) false ;;
        esac
}

BEGAN=$(date -u +%FT%T.%NZ)
n=0
while IFS='|' read -r name run tools; do
        [[ $name ]] || continue
        # shellcheck disable=SC2086 # a list of words
        if ! need $tools || lacks_fixture "$run"; then
                skip "$name" "it needs $tools"
                continue
        fi
        ((n++ < GUEST_SESSIONS)) || [[ $TIER_NOW != full || ${CORPUS_ALL-} ]] || break
        since=$(date -u +%FT%T.%NZ)
        began=$SECONDS
        if ! $run >"$W/session.out" 2>&1 </dev/null; then
                fail "$name: the session itself" "status $?, it said: $(tail -n 6 "$W/session.out")"
                continue
        fi
        until=$(date -u +%FT%T.%NZ)
        settle && MARKERS+="$PID "
        found=$(found_since "$since")
        if [[ $found ]]; then verdict_is false; else verdict_is right; fi
        is "$found" '' "$name" && TRACE_SINCE=$since keep_trace "$name" - '' "$until"
        diag "$((SECONDS - began)) s, $(wc -l <"$W/session.out") lines: $name"
done <<<"$CORPUS"
# Some findings are made only when a state has lasted.
sleep "$LATE_SECONDS"
is "$(found_since "$BEGAN")" '' "nothing is found later, either"
((n >= 40)) || diag "$n sessions were played"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
