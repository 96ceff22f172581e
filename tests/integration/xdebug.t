#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# php with Xdebug, stepped over DBGp by a small client, while gdb holds the worker: Xdebug takes no part in
# SIGTRAP, and a ptrace-stop is what stalls it.
# guests: long
# debian13
. "$(dirname "$0")/tap.bash"
need php gdb || skip_all "php or gdb is not installed"
[[ $(php -m) == *[Xx]debug* ]] || skip_all "Xdebug is not installed"
start_daemon

spawn ide php -d xdebug.mode=off "$SCRIPTS/dbgp.php"
ide=$PID
said ide '^ready '
spawn php php -d xdebug.mode=debug -d xdebug.start_with_request=yes -d xdebug.client_host=127.0.0.1 \
        -d "xdebug.client_port=$(value ide port)" "$SCRIPTS/steps.php"
php=$PID
said ide '^connected '
said ide '^steps 20 '
is "$(sed -n 's/^connected pid=//p' "$T/ide.out")" "$php" "the client steps through the php process"
if sees_signals; then
        settle
        is "$(ctl events --pid "$php" --type signal.generate,signal.deliver --json | jq -r 'select(.sig == 5 and .target.pid == '"$php"')' | wc -l)" 0 \
                "stepping over DBGp makes no SIGTRAP"
        is "$(ctl events --pid "$php" --type sigaction --json | jq -r 'select(.sig == 5) | .handler' | wc -l)" 0 \
                "Xdebug installs no SIGTRAP handler"
else
        skip "stepping over DBGp makes no SIGTRAP" "tier proc does not see signals"
fi

gdb_on gdb "$php"
gdb=$PID
said ide '^stalled '
has_tracer "$php" "$gdb"
is "$(ctl who "$php" --json | jq -r '.processes[] | select(.process.pid == '"$php"') | .threads[0] | "\(.tracer.pid) \(.tracer.comm)"')" "$gdb gdb" \
        "while the client waits, who shows that gdb holds the process"
is "$(ctl why "$php" --json | jq -r .cause)" traced "and why says that it is traced"
tell gdb detach
said gdb detached
tell gdb quit
ended "$gdb"
said ide '^resumed '
pass "stepping goes on after gdb has left"
tell ide end
ended "$ide"
silent "no false finding about php, its client or gdb" "$php" "$ide" "$gdb"
is "$(ctl who "$php" --json | jq -r '[.ended[] | select(.tracer.pid == '"$gdb"')] | length')" 1 "gdb's hold is in the history"
kill -KILL "$php"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
