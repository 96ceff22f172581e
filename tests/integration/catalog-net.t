#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debuggers that are reached over TCP: Xdebug that finds nobody, or nobody who speaks DBGp, at its port; a PHP program that
# is held while its client waits; a Delve whose client is gone. Each has its silent twin. All of it happens in a network
# namespace of its own, where the ports are free whoever uses them on this machine.
# guests: causes
. "$(dirname "$0")/tap.bash"
need php python3 nsenter || skip_all "php, python3 or nsenter is not installed"
[[ $(php -m) == *[Xx]debug* ]] || skip_all "Xdebug is not installed"
printf '[thresholds]\ndbgp-stalled = 1s\nclient-gone = 1s\n[watch]\ndbgp-ports = 9003 9000 9020\n' >"$T/conf"
[[ $EUID -eq 0 ]] || skip_all "not root"
fixture apart apart
APART=$PID

# A command in that namespace
inside=(nsenter -t "$APART" -n)
# delve_at NAME PORT: a headless one, on a Go program of its own; $GO and $PID
delve_at() {
        spawn "$1-go" "$FIXTURES/worker"
        GO=$PID
        said "$1-go" '^ready '
        spawn "$1" "${inside[@]}" dlv attach "$GO" --headless --accept-multiclient --listen="127.0.0.1:$2" --api-version=2 --check-go-version=false
        said "$1" 'listening at'
}
DLV=
if need dlv && [[ -x $FIXTURES/worker ]]; then
        delve_at dlv 2345
        DLV=$PID held=$GO
fi
start_daemon --config "$T/conf"
sees_signals || skip_all "tier proc does not see sockets"

# xdebug NAME PHP-ARGUMENT...: a program whose Xdebug is to start a session at once
xdebug() {
        spawn "$1" "${inside[@]}" php -d xdebug.mode=debug -d xdebug.start_with_request=yes -d xdebug.client_host=127.0.0.1 "${@:2}"
}
# listener NAME CODE [PORT]: Python at a port, with the code to run for what it accepts
listener() {
        spawn "$1" "${inside[@]}" python3 -uc "import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', ${3:-9003})); s.listen(0)
print('ready', flush=True)
$2
time.sleep(90)"
        said "$1" '^ready'
}
connections() { ctl who "$1" --json | jq -c '[.processes[] | select(.process.pid == '"$1"') | .connections[]]'; }
has_connection() { [[ $(connections "$1") == *"$2"* ]]; }

# ---- nobody listens -------------------------------------------------------------------------------------
xdebug alone -r 'usleep(1);'
alone=$PID
ended "$alone"
concludes "nobody listens at Xdebug's port" "$alone" 'debugger-port-conflict/nobody-listens 0' 'SIGTRAP handler|ptrace_scope'
like "$(finding_text "$alone" debugger-port-conflict/)" "xdebug.client_port .*127.0.0.1:9003.*neither ptrace nor SIGTRAP.*network namespace of its own" \
        "it names the port, the setting and the namespace, and that it is no matter of ptrace"
# ---- other ports ------------------------------------------------------------------------------------------
xdebug elsewhere -d xdebug.client_port=9015 -r 'usleep(1);'
ended "$PID"
concludes "a port that nobody was told of is learned from Xdebug" "$PID" 'debugger-port-conflict/nobody-listens 0'
xdebug web -d xdebug.start_with_request=no -r '@stream_socket_client("tcp://127.0.0.1:9015"); @stream_socket_client("tcp://127.0.0.1:9016");'
ended "$PID"
twin_of debugger-port-conflict silent "the program's own connects to such ports are not" "$PID"
cp "$(readlink -f "$(type -P php)")" "$T/server" # a name as that of a web server with PHP inside
renamed() { spawn "$1" "${inside[@]}" "$T/server" -d xdebug.mode=debug -d xdebug.start_with_request=yes -d xdebug.client_host=127.0.0.1 -d "xdebug.client_port=$2" -r 'usleep(1);'; }
is "$(ctl status --json | jq -c .dbgp_ports)" '[9003,9000,9020]' "status says which ports are watched"
renamed listed 9020
ended "$PID"
concludes "Xdebug of any program at a port of the list" "$PID" 'debugger-port-conflict/nobody-listens 0'
renamed unlisted 9021
ended "$PID"
twin_of debugger-port-conflict silent "and at no other" "$PID"
sed -i 's/^dbgp-ports.*/dbgp-ports = 9003 9021/' "$T/conf"
kill -HUP "$DAEMON"
ok "SIGHUP changes them" wait_for 5 eval '[[ $(ctl status --json | jq -c .dbgp_ports) == "[9003,9021]" ]]'
renamed listed2 9021
ended "$PID"
concludes "at once" "$PID" 'debugger-port-conflict/nobody-listens 0'
xdebug off -d xdebug.mode=off -r 'usleep(1);'
ended "$PID"
twin_of debugger-port-conflict silent "with Xdebug switched off nothing is said" "$PID"
if ! in_short; then
        xdebug trigger -d xdebug.start_with_request=trigger -r 'usleep(1);'
        ended "$PID"
        twin_of debugger-port-conflict silent "nor while nothing triggers it" "$PID"
        # ClickHouse, MinIO and others listen at 9000, too.
        xdebug own -d xdebug.start_with_request=no -r '@fsockopen("127.0.0.1", 9000); @stream_socket_client("tcp://127.0.0.1:9003");'
        ended "$PID"
        twin_of debugger-port-conflict silent "nor where the program itself connects to such a port" "$PID"
        ctl record -o "$T/record.jsonl" -- "${inside[@]}" php -d xdebug.mode=debug -d xdebug.start_with_request=yes -r '1;' >"$T/record.out" 2>&1
        is "$(ctl diagnose --file "$T/record.jsonl" --json | jq -r '[.findings[] | "\(.code)/\(.cause) \(.count)"] | join(", ")')" \
                "debugger-port-conflict/nobody-listens 1" "record of a php without a listener has one finding"
fi

fpm=$(compgen -c php-fpm | head -n 1) # its name has PHP's version in it
if ! in_short && [[ -n $fpm ]]; then
        printf '[global]\nerror_log = %s\n[www]\nuser = nobody\ngroup = nogroup\nlisten = %s\npm = static\npm.max_children = 3\npm.max_requests = 1\n' \
                "$T/fpm.log" "$T/fpm.sock" >"$T/fpm.conf"
        spawn fpm "${inside[@]}" "$fpm" -n -d zend_extension=xdebug -d xdebug.mode=debug -d xdebug.start_with_request=yes -d xdebug.log_level=0 -F -y "$T/fpm.conf"
        fpm=$PID
        wait_for 10 test -S "$T/fpm.sock"
        echo '<?php echo "done";' >"$T/page.php"
        for i in 1 2 3; do php -d xdebug.mode=off "$SCRIPTS/fcgi.php" "$T/fpm.sock" "$T/page.php" >/dev/null; done
        concludes "what a server's workers run into is told of their master" "$fpm" 'debugger-port-conflict/nobody-listens 0'
        is "$(ctl diagnose "$fpm" --json | jq -r '.findings[0].count')" 3 "once, with a count"
        kill "$fpm"
        ended "$fpm"
fi

# ---- a client that takes its time, and then does its work ----------------------------------------------------
spawn ide "${inside[@]}" php -d xdebug.mode=off "$SCRIPTS/dbgp.php" 9003
ide=$PID
said ide '^ready '
xdebug stepped -d xdebug.client_host=localhost "$SCRIPTS/steps.php"
php=$PID
said ide '^connected '
ok "who shows the connection" wait_for 5 has_connection "$php" '"remote":"127.0.0.1:9003"'
is "$(connections "$php" | jq -c '[.[] | [.protocol, .port, .client.pid, .other_netns]]')" "[[\"dbgp\",9003,$ide,true]]" "with its port and client"
like "$(ctl who "$php" | tr '\n' ' ')" "debugged over DBGp, which uses neither ptrace +nor SIGTRAP: client php\($ide\)" "in words, too"
twin_of debugger-port-conflict silent "a session with a client has no finding, whatever address was tried first" "$php" "$ide"

# ---- held by a tracer ------------------------------------------------------------------------------------------
if need gdb strace; then
        if ! in_short; then
                spawn strace strace -f -o "$T/strace" -p "$php"
                strace=$PID
                wait_for 10 has_tracer "$php" "$strace"
                read -rt 2.5 -u "$SILENCE"
                kill -INT "$strace"
                ended "$strace"
                twin_of dbgp-stalled silent "a tracer that lets it run stalls no session" "$php"
        fi
        gdb_on gdb "$php"
        gdb=$PID
        concludes "a session that gdb holds is stalled" "$php" "dbgp-stalled/ $gdb" 'SIGTRAP handler'
        tell gdb detach
        said gdb detached
        tell gdb quit
        ended "$gdb"
fi
tell ide end
ended "$ide"
ended "$php" 1 || kill -KILL "$php"

# ---- others at the port --------------------------------------------------------------------------------------
if ! in_short; then
        listener slow 'c, _ = s.accept(); c.recv(1); time.sleep(2); c.sendall(b"detach -i 1\0"); c.recv(100000); time.sleep(0.3); c.close()'
        slow=$PID
        xdebug waits -r 'usleep(1);'
        waits=$PID
        ended "$waits"
        twin_of debugger-port-conflict silent "a client that is slow has the port all the same" "$waits" "$slow"
        kill "$slow"
        ended "$slow"
        listener foreign $'while True:\n  c, _ = s.accept(); c.recv(100000); c.close()'
        foreign=$PID
        xdebug refused -r 'usleep(1);'
        refused=$PID
        ended "$refused"
        concludes "whoever closes without a word is no client" "$refused" "debugger-port-conflict/held-by-other $foreign"
        kill "$foreign"
        ended "$foreign"
        # A queue of one that is full: what comes then is dropped, as a firewall does.
        listener deaf $'q = [socket.socket() for i in range(4)]\nfor c in q:\n  c.setblocking(False); c.connect_ex(("127.0.0.1", 9003))\nprint("full", flush=True)'
        deaf=$PID
        said deaf '^full'
        xdebug unheard -r 'usleep(1);'
        unheard=$PID
        ended "$unheard"
        concludes "a connect without an answer" "$unheard" 'debugger-port-conflict/timed-out 0'
        silent "others that connect to such a port are not looked at" "$deaf"
        kill "$deaf"
fi

# ---- Delve ---------------------------------------------------------------------------------------------------
if [[ $DLV ]]; then
        delve_at idle 2346
        idle=$GO
        like "$(ctl who "$PID" | tr '\n' ' ')" "listens at 127.0.0.1:2346, and no client came yet" "who shows where Delve listens"
        like "$(ctl who "$DLV" | tr '\n' ' ')" "listens at 127.0.0.1:2345, and no client" "also where it did before the daemon came"
        spawn client "${inside[@]}" dlv connect 127.0.0.1:2345 --allow-non-terminal-interactive=true
        client=$PID
        tell client 'print 123454321'
        said client 123454321 40
        ok "and its client" has_connection "$DLV" '"protocol":"delve"'
        kill -KILL "$client"
        ended "$client"
        concludes "a Delve whose client is gone is stale" "$held" "tracer-stale/client-gone $DLV"
        like "$(finding_text "$held" tracer-stale/)" "holds in a stop .*still listens at 127.0.0.1:2345" "it says that the program is stopped"
        twin_of tracer-stale silent "one that waits for its first client is not" "$idle"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
