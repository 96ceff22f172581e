#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Short attaches by tools are seen after they ended: php-fpm's slow log, gcore, strace.
. "$(dirname "$0")/tap.bash"
start_daemon

# session PID COMM: the ended session of that tracer on PID, as "ended_by"
session() {
        ctl who "$1" --json | jq -r --arg c "$2" '[.ended[] | select(.pid == '"$1"' and .tracer.comm == $c)][0].ended_by'
}
session_is() { [[ $(session "$1" "$2") == "$3" ]]; }

fpm=$(compgen -c php-fpm | head -n 1) # its name has PHP's version in it
if [[ -n $fpm ]] && need php; then
        mkdir -p "$T/fpm"
        cp "$SCRIPTS/slow.php" "$T/fpm/slow.php"
        cat >"$T/fpm/fpm.conf" <<CONF
[global]
pid = $T/fpm/fpm.pid
error_log = $T/fpm/error.log
daemonize = no
[www]
user = nobody
group = nogroup
listen = $T/fpm/fpm.sock
pm = static
pm.max_children = 1
slowlog = $T/fpm/slow.log
request_slowlog_timeout = 1s
CONF
        spawn fpm "$fpm" -n -F -y "$T/fpm/fpm.conf"
        fpm=$PID
        wait_for 10 test -S "$T/fpm/fpm.sock"
        # The socket is there before the first of its children.
        has_worker() { worker=$(pgrep -P "$fpm" | head -n 1) && [[ -n $worker ]]; }
        wait_for 10 has_worker
        spawn fcgi php -d xdebug.mode=off "$SCRIPTS/fcgi.php" "$T/fpm/fpm.sock" "$T/fpm/slow.php"
        fcgi=$PID
        ended "$fcgi"
        like "$(out fcgi)" 'slow request done' "php-fpm answers the slow request"
        like "$(cat "$T/fpm/slow.log" 2>/dev/null)" 'script_filename' "php-fpm wrote its slow log"
        comm=$(cat "/proc/$fpm/comm")
        if sees_signals; then
                wait_for 10 session_is "$worker" "$comm" detach
                is "$(session "$worker" "$comm")" detach "php-fpm's short attach is in the history"
                like "$(ctl events --pid "$worker" --json | jq -r .type | paste -sd' ')" 'ptrace.attach.* ptrace.detach' \
                        "and its attach and detach are events"
        else
                skip "php-fpm's short attach is in the history" "tier proc may miss it"
        fi
        silent "php-fpm's slow log gives no finding" "$fpm" "$worker"
        kill -TERM "$fpm"
        ended "$fpm"
else
        skip "php-fpm's slow log" "php-fpm is not installed"
fi

fixture target target work
target=$PID
if need gcore; then
        spawn gcore gcore -o "$T/core" "$target"
        ended "$PID" 60
        wait_for 10 session_is "$target" gdb detach
        is "$(session "$target" gdb)" detach "gcore's attach is in the history"
else
        skip "gcore's attach is in the history" "gcore is not installed"
fi
if need strace; then
        spawn strace strace -qq -o "$T/strace.log" -p "$target"
        strace=$PID
        wait_for 10 has_tracer "$target" "$strace"
        kill -TERM "$strace"
        ended "$strace"
        wait_for 10 eval "[[ \$(session $target strace) =~ detach|tracer-exit ]]"
        like "$(session "$target" strace)" 'detach|tracer-exit' "strace's attach is in the history"
        like "$(ctl who "$target")" strace "who shows it to people"
else
        skip "strace's attach is in the history" "strace is not installed"
fi

# ---- a tracer whose thread ends without a detach, and whose process goes on
fixture left target once
left=$PID
fixture thread tracer thread-plant "$left" "$(value left work)"
thread=$PID
ended_sessions() { ctl who "$1" --json | jq -r --arg p "$1" '.ended[] | select(.pid == ($p | tonumber)) |
        "\(.tracer.pid) \(.tracer.tid) \(.ended_by) \(.thread_only)"'; }
wait_for 10 eval '[[ -n $(ended_sessions $left) ]]'
is "$(ended_sessions "$left")" "$thread $(value thread tid) tracer-exit true" "only the tracer's thread ended"
like "$(ctl who "$left")" 'its thread ended' "who says so to people"
go "$thread"
ended "$thread"
go "$left"
ended "$left"
# the clean twin: all of it ends
fixture left target once
left=$PID
fixture whole tracer plant "$left" "$(value left work)"
whole=$PID
kill -KILL "$whole"
ended "$whole"
wait_for 10 eval '[[ -n $(ended_sessions $left) ]]'
is "$(ended_sessions "$left")" "$whole $whole tracer-exit false" "a tracer that was killed does not go on"
go "$left"
ended "$left"

# ---- what cannot stop
fixture vfork target vfork
vfork=$PID
go "$vfork"
wait_for 10 has_state "$vfork" D
spawn seizer "$FIXTURES/tracer" hold "$vfork"
seizer=$PID
wait_for 10 has_tracer "$vfork" "$seizer"
thread_state() { ctl who "$1" --json | jq -r --arg p "$1" '.processes[] | select(.process.pid == ($p | tonumber)) | .threads[0].state'; }
is "$(thread_state "$vfork")" D "a thread in state D is not shown as running"
like "$(ctl who "$vfork")" 'waits \(D\)' "nor to people"
kill -KILL "$seizer"
for child in $(cat "/proc/$vfork/task/$vfork/children"); do kill -KILL "$child"; done
ended "$vfork"

# ---- a tracer whose calls are not seen in tier tracepoint
traced_by() { ctl who "$1" --json | jq -r --arg p "$1" '.processes[] | select(.process.pid == ($p | tonumber)) |
        .threads[] | "\(.tracer.pid) \(.missed)"'; }
fixture unseen target idle
unseen=$PID
fixture small tracer seize32 "$unseen"
small=$PID
if [[ $(value small errno) == 0 ]]; then
        like "$(traced_by "$unseen")" "^$small (true|false)$" "a tracer with 32-bit calls is shown"
        if [[ $(ctl status --json | jq -r .tier) == tracepoint ]]; then
                is "$(traced_by "$unseen")" "$small true" "its attach was not seen in tier tracepoint"
                like "$(ctl who "$unseen")" "traced by tracer\\($small\\), says /proc; .*does not see 32-bit calls" "and who says so"
        fi
        kill -KILL "$small"
        ended "$small"
        wait_for 10 eval '[[ -n $(ended_sessions $unseen) ]]'
        is "$(ended_sessions "$unseen")" "$small $small tracer-exit false" "its end is seen"
        # nobody asks: the table has it after a while
        fixture other tracer seize32 "$unseen"
        other=$PID
        in_table() { ctl who --json | jq -e --argjson p "$unseen" --argjson t "$other" \
                'any(.processes[]; .process.pid == $p and .threads[0].tracer.pid == $t)'; }
        ok "it comes into the table without being asked for" wait_for 30 in_table
        go "$other"
        ended "$other"
        # what it leaves is told to be its own
        fixture small_target target once
        small_target=$PID
        fixture planter tracer seize32 "$small_target" "$(value small_target work)"
        planter=$PID
        like "$(traced_by "$small_target")" "^$planter " "one that set a breakpoint is shown"
        kill -KILL "$planter"
        ended "$planter"
        wait_for 10 eval '[[ -n $(ended_sessions $small_target) ]]'
        go "$small_target"
        ended "$small_target"
        if sees_signals; then
                finds "its breakpoint, after it was killed" orphan-breakpoint/tracer-died "$small_target"
                like "$(finding_text "$small_target" orphan-breakpoint/tracer-died)" "PID $planter" "the finding names it"
        fi
else
        skip "a tracer with 32-bit calls" "this kernel takes none: $(value small errno)"
        go "$small"
fi
go "$unseen"

# ---- a tracer older than the daemon
fixture old target idle
old=$PID
fixture older tracer hold "$old"
older=$PID
stop_daemon
start_daemon
is "$(ctl who "$old" --json | jq -r '.processes[] | select(.process.pid == '"$old"') | .threads[0].tracer.pid')" "$older" \
        "a tracer older than the daemon is known"
is "$(ctl events --pid "$target" --json | jq -r 'select(.type | startswith("ptrace.")) | .type' | head -n 1 | cut -c 1-7)" ptrace. \
        "events of before the restart are still there"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
