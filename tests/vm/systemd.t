#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The installed units under a real systemd: install, socket activation, readiness, watchdog, what the hardening
# leaves possible, stop and uninstall. It changes the system it runs on, so: only in a guest (tests/vm/run).

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../integration/tap.bash"

[[ $(cat /proc/1/comm) == systemd && -e /run/vm/job ]] || skip_all "not in a guest with systemd"

PREFIX=/usr/local
PTRACECTL=$PREFIX/bin/ptracectl
OPTIONS=/etc/default/ptraced
TIER_NOW=${TIER:-full}

installed_files() { find $PREFIX/{bin,sbin,lib,share} -xdev \( -type f -o -type l \) -printf '%p %s %m\n' | sort; }
property() { systemctl show --value -p "$1" "${2:-ptraced.service}"; }
journal_says() { journalctl -b --no-pager -u ptraced | grep -E -- "$1" >/dev/null; }
active() { systemctl -q is-active "$1"; }
main_pid() { property MainPID; }
replaced() { active ptraced.service && [[ $(main_pid) != "$1" && $(main_pid) != 0 ]]; } # PID: of the one before
process() { curl -s --unix-socket /run/ptraced/ptraced.sock "http://ptraced/v1/processes/$1"; }
status_of() { ctl status --json | jq -r "$1"; }

test_install() {
        installed_files >"$T/before"
        ok "make install" make -s -C "$ROOT" install PREFIX=$PREFIX
        installed_files >"$T/after"
        diag "$(comm -13 "$T/before" "$T/after" | cut -d ' ' -f 1)"
        ok "sysusers.d" systemd-sysusers
        ok "the group exists" getent group ptraced
        ok "tmpfiles.d" systemd-tmpfiles --create $PREFIX/lib/tmpfiles.d/ptraced.conf
        systemctl daemon-reload
        is "$(systemd-analyze --man=no verify ptraced.service ptraced.socket 2>&1 | grep ptraced)" "" "the units are valid"
}

test_socket_activation() {
        ok "the socket starts" systemctl start ptraced.socket
        is "$(stat -c '%a %U' /run/ptraced/ptraced.sock)" "666 root" "anybody may connect"
        is "$(property ActiveState)" inactive "the daemon is not started yet"
        like "$(ctl status --wait $((20 * T_SCALE)) 2>&1)" "ptraced" "the first client starts it and gets its answer"
        ok "it is active" active ptraced.service
        is "$(status_of .pid)" "$(main_pid)" "the answer is the unit's"
        is "$(status_of .tier)" "$TIER_NOW" "it reaches tier $TIER_NOW with its capabilities"
        is "$(status_of .state_dir)" /var/lib/ptraced "it stores in StateDirectory"
        is "$(stat -c %a /var/lib/ptraced)" 700 "which is closed to others"
        is "$(property StatusErrno)" 0 "no error is reported to systemd"
        ok "the journal shows its readiness" wait_for 10 journal_says 'Started .*ptraced.service|Started Record'
        is "$(ctl doctor --json | jq -r '.hooks[] | select(.state == "missing") | .program' | sort)" \
                "$("$PREFIX/sbin/ptraced" --probe | jq -r '.hooks[] | select(.state == "missing") | .program' | sort)" \
                "the hardening costs no hook"
}

# run_int3 NAME DIR [COMMAND...]: a program in DIR runs into a breakpoint of its own; its symbol is told from its file.
run_int3() {
        local name=$1 dir=$2
        shift 2
        install -D "$FIXTURES/target" "$dir/target"
        chown "$DIR_OWNER" "$dir" && chmod "$DIR_MODE" "$dir"
        spawn sees "$@" "$dir/target" int3
        said sees '^ready '
        is "$(process "$PID" | jq -r .process.exe)" "$dir/target" "$name: its executable is named"
        go "$PID"
        finds "$name: an int3 of its own" orphan-breakpoint/hard-coded "$PID"
        like "$(finding_text "$PID" orphan-breakpoint/hard-coded)" hit_int3 "$name: its file can be read"
}

# Where the unit's hardening could blind it; the last takes CAP_SYS_PTRACE for the executable's name and
# CAP_DAC_READ_SEARCH for the file.
test_sees() {
        DIR_OWNER=0:0 DIR_MODE=755 run_int3 "a program in a home directory" /root/it
        DIR_OWNER=0:0 DIR_MODE=755 run_int3 "a program in /tmp" /tmp/it
        DIR_OWNER=65534:65534 DIR_MODE=700 run_int3 "a program in a closed directory" /var/tmp/it "${NOBODY[@]}"
}

test_who() {
        local target
        fixture traced target idle
        target=$PID
        gdb_on gdb "$target"
        wait_for 10 traced_in_who "$target"
        is "$(ctl who "$target" --json | jq -r '.processes[0].threads[0].tracer.comm')" gdb "who names the debugger"
        is "$("${NOBODY[@]}" "$PTRACECTL" who "$target" >/dev/null 2>&1; echo $?)" \
                4 "others are not told"
        ok "members of the group are" setpriv --reuid=65534 --regid=65534 \
                --groups="$(getent group ptraced | cut -d: -f3)" "$PTRACECTL" who "$target"
        tell gdb detach
        tell gdb quit
}

# Losses, which come last, left out
starts_are() { [[ $(ctl events --type daemon.start --json | jq -s 'map(select(.type == "daemon.start")) | length') == "$1" ]]; }

test_watchdog() {
        local pid
        is "$(property WatchdogUSec)" 30s "the watchdog is configured"
        ok "restart" systemctl restart ptraced
        pid=$(main_pid)
        sleep 40
        is "$(main_pid)" "$pid" "it feeds the watchdog"
        kill -STOP "$pid"
        ok "a hung daemon is replaced" wait_for 8 replaced "$pid"
        pid=$(main_pid)
        wait_for 10 starts_are 3
        kill -KILL "$pid"
        ok "so is a killed one" wait_for 8 replaced "$pid"
        ok "which answers on the same socket" ctl status --wait $((10 * T_SCALE))
        ok "and has the records of those before" wait_for 10 starts_are 4
}

guard() { ctl guard status --json | jq -r "$1"; }
attach() { "$FIXTURES/tracer" attach "$1" 2>/dev/null | sed -n 's/.*errno=//p'; }

# The guard: BPF programs that refuse, pins below a /sys that is else read-only; hold: helpers that outlive a restart.
test_guard() {
        local claimed held helper
        fixture claimed target idle
        claimed=$PID
        fixture held target idle
        held=$PID
        is "$(guard '"\(.working) \(.attached)"')" "true false" "the guard works under the unit"
        ok "a claim" ctl claim "$claimed" --owner-uid 65534
        is "$(guard '"\(.attached) \(.pinned) \(.reason)"')" "true true " "it is in force, and pinned"
        is "$(attach "$claimed")" EBUSY "and refuses"
        ok "a process is held" ctl hold "$held"
        helper=$(tracer_of "$held")
        ok "restart" systemctl restart ptraced
        is "$(attach "$claimed")" EBUSY "the claim outlives a restart"
        is "$(ctl claims --json | jq -r '.claims[].pid')" "$claimed" "and is known afterwards"
        is "$(tracer_of "$held")" "$helper" "the held process still is held"
        ok "stop" systemctl stop ptraced.socket ptraced.service
        is "$(attach "$claimed")" EBUSY "it refuses without the daemon"
        like "$(journalctl -b --no-pager -u ptraced)" "The guard stays in force without ptraced" "the journal says so"
        ok "start" systemctl start ptraced.socket
        ok "it answers" ctl status --wait $((20 * T_SCALE))
        ok "the held process is let go" ctl hold --off "$held"
        ok "guard off --all" ctl guard off --all
        is "$(attach "$claimed")" 0 "then nothing is refused"
        go "$claimed"
        go "$held"
}

# The unit may not mount tracefs for itself, so it has it mounted.
test_tracefs() {
        local at target
        systemctl stop ptraced.socket ptraced.service sys-kernel-tracing.mount sys-kernel-debug.mount
        for at in /sys/kernel/tracing /sys/kernel/debug; do
                while umount -R "$at" 2>/dev/null; do :; done
        done
        is "$(findmnt -n -t tracefs)" "" "tracefs is mounted nowhere"
        ok "start" systemctl start ptraced.socket ptraced.service
        like "$(findmnt -n -t tracefs)" '^/sys/kernel/tracing' "then it is"
        fixture healed target once
        target=$PID
        fixture plants tracer plant "$target" "$(value healed work)"
        kill -KILL "$PID"
        ended "$PID"
        is "$(ctl heal "$target" --json | jq -r '"\(.healed | length) \(.refused)"')" "1 null" "heal works under the unit"
        go "$target"
        ended "$target"
        is "$RC" 0 "and the program passes the function alive"
}

# Tier proc needs CAP_NET_ADMIN for the process connector.
test_tier_proc() {
        local target
        echo 'PTRACED_OPTIONS=--tier proc' >$OPTIONS
        ok "restart with PTRACED_OPTIONS" systemctl restart ptraced
        is "$(status_of .tier)" proc "they are obeyed"
        fixture target target idle
        target=$PID
        fixture tracer tracer hold "$target"
        ok "the process connector reports an attach" wait_for 10 traced_in_who "$target"
        rm $OPTIONS
}

test_stop() {
        ok "restart" systemctl restart ptraced
        ok "stop" systemctl stop ptraced
        is "$(property Result)" success "it stops cleanly"
        ok "the socket stays" active ptraced.socket
        ok "and starts it again" ctl status --wait $((20 * T_SCALE))
        systemctl stop ptraced.socket ptraced.service
        is "$(systemctl --failed --no-legend | grep ptraced)" "" "nothing failed"
        is "$(ctl status >/dev/null 2>&1; echo $?)" 3 "without it the client says so"
}

test_uninstall() {
        diag "$(systemd-analyze security --no-pager ptraced.service 2>&1 | tail -n 1)"
        ok "enable" systemctl -q enable --now ptraced.service
        ok "make uninstall" make -s -C "$ROOT" uninstall PREFIX=$PREFIX
        installed_files >"$T/removed"
        is "$(diff "$T/before" "$T/removed")" "" "it leaves nothing behind"
        systemctl daemon-reload
        is "$(property LoadState)" not-found "the unit is gone"
        is "$(pidof ptraced)" "" "the daemon too"
        is "$(find /etc/systemd/system -name 'ptraced*')" "" "and what enabled it"
}

test_install
test_socket_activation
test_sees
test_who
test_watchdog
test_guard
test_tracefs
test_tier_proc
test_stop
test_uninstall
done_testing
