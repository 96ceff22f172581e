#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Records and counters together are the exact number of signals a generator sent, with nothing lost.
# guests: long
. "$(dirname "$0")/tap.bash"
start_daemon
sees_signals || skip_all "tier proc does not see signals"

N=500000
((T_SCALE == 1)) || N=50000
fixture burst target burst "$N"
burst=$PID
go "$burst"
ended "$burst" 60
is "$(value burst traps)" "$N" "the generator ran its handler $N times"

# total TYPE: events plus counted ones, of SIGTRAP to the generator
total() {
        ctl events --pid "$burst" --json | jq -s --arg t "$1" --argjson p "$burst" '
                map(select(.target.pid == $p and .sig == 5)) |
                (map(select(.type == $t)) | length) + (map(select(.type == "counter" and .of_type == $t) | .count) | add // 0)'
}
total_is() { [[ $(total "$1") == "$2" ]]; }
for type in signal.generate signal.deliver; do
        wait_for 10 total_is "$type" "$N"
        is "$(total "$type")" "$N" "$type: records + counters = $N"
done
is "$(ctl events --pid "$burst" --json | jq -s --argjson p "$burst" '[.[] | select(.type == "signal.generate" and .target.pid == $p and .sig == 5)] | length < 1000')" \
        true "the flood is counted, not recorded one by one"
is "$(ctl status --json | jq '.losses | del(.total) | to_entries | map(select(.value > 0)) | length')" 0 "nothing was lost"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
