#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A second debugger is refused because a first one holds the process; a lone debugger yields nothing.
# guests: debuggers
# debian13
. "$(dirname "$0")/tap.bash"
start_daemon

# ---- two gdb on one process
if need gdb; then
        fixture held target work
        held=$PID
        gdb_on first "$held"
        first=$PID
        has_tracer "$held" "$first" || diag "the first gdb does not trace"
        spawn second gdb -q -nx -batch -p "$held"
        second=$PID
        ended "$second"
        like "$(out second)$(cat "$T/second.err")" "already traced by process $first" "gdb: a second gdb is refused"
        is "$(ctl who "$held" --json | jq -r '.processes[] | select(.process.pid == '"$held"') | .threads[0].tracer.pid')" "$first" \
                "gdb: who names the first as tracer"
        like "$(ctl who "$held")" "gdb" "gdb: who says so to people"
        if sees_signals; then
                finds "gdb: attach-refused-traced" attach-refused-traced/ "$held"
                like "$(finding_text "$held" attach-refused-traced/)" "$first" "gdb: the finding names the holder's pid"
                like "$(finding_text "$held" attach-refused-traced/)" "gdb" "gdb: the finding names the holder's command"
        else
                skip "gdb: attach-refused-traced" "tier proc does not see refused attaches"
        fi
        why=$(ctl why "$held" --json)
        is "$(jq -r '"\(.allowed) \(.errno) \(.cause) \(.holder.pid)"' <<<"$why")" "false EPERM traced $first" "gdb: why says who is in the way"
        tell first detach
        said first 'detached'
        tell first quit
        ended "$first"
        is "$(ctl why "$held" --json | jq -r .allowed)" true "gdb: why says yes once the first has left"
        go "$held"
        ended "$held"
        is "$RC" 0 "gdb: the program lives through it"
else
        skip "two gdb on one process" "gdb is not installed"
fi

# ---- clean twin: one gdb, a breakpoint, detach
if need gdb; then
        fixture clean target work
        clean=$PID
        gdb_on alone "$clean"
        alone=$PID
        tell alone 'break work'
        tell alone 'continue'
        said alone 'Breakpoint 1, work'
        tell alone 'continue'
        tell alone 'detach'
        said alone 'detached'
        tell alone 'quit'
        ended "$alone"
        go "$clean"
        ended "$clean"
        is "$RC" 0 "clean gdb: the program ends well"
        twin_of attach-refused-traced silent "clean gdb: attach, break, continue, detach give no finding" "$clean" "$alone"
        is "$(ctl who "$clean" --json | jq -r '[.ended[] | select(.pid == '"$clean"' and .tracer.pid == '"$alone"')][0].ended_by')" detach \
                "clean gdb: its session is in the history, ended by detach"
else
        skip "one gdb alone" "gdb is not installed"
fi

# ---- strace on what dlv holds
if need dlv strace && [[ -x $FIXTURES/worker ]]; then
        spawn go "$FIXTURES/worker"
        go=$PID
        said go '^ready '
        dlv_on dlv "$go"
        dlv=$PID
        spawn strace strace -p "$go"
        strace=$PID
        ended "$strace"
        like "$(cat "$T/strace.err")" "Operation not permitted" "dlv: strace is refused"
        if sees_signals; then
                finds "dlv: attach-refused-traced" attach-refused-traced/ "$go"
                like "$(finding_text "$go" attach-refused-traced/)" "dlv.*strace|strace.*dlv" "dlv: the finding names both"
        else
                skip "dlv: attach-refused-traced" "tier proc does not see refused attaches"
        fi
        tell dlv quit
        tell dlv n
        ended "$dlv"
        kill -USR1 "$go"
        ended "$go"
        is "$RC" 0 "dlv: the program ends well after its detach"
else
        skip "strace on what dlv holds" "dlv, strace or the Go fixture is missing"
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
