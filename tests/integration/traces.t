#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The committed traces (`make traces` records them again) are told as they were told live, without a daemon: those of the
# cases, and those of the clean corpus, which have no finding. All of them together stay small.
# debian13
. "$(dirname "$0")/tap.bash"
readonly BYTES_MAX=$((4 << 20))
TRACES_DIR=$ROOT/tests/traces

# replayed FILE [PID]: as told() says it
replayed() {
        ctl diagnose ${2:+"$2"} --file "$1" --json 2>/dev/null |
                jq -r '[.findings[] | "\(.code)/\(.cause // "") \(.other_pid // 0)"] | join(", ")'
}

n=0
for want in "$TRACES_DIR"/*.want; do
        name=$(basename "$want" .want)
        gzip -dc "$TRACES_DIR/$name.jsonl.gz" >"$T/trace.jsonl" || { fail "$name: can be read"; continue; }
        read -r pid told <"$want"
        [[ $pid != - ]] || pid=
        is "$(replayed "$T/trace.jsonl" $pid)" "$told" "$name"
        n=$((n + 1))
done
ok "there are traces" test $n -ge 60
ok "they are small" test "$(cat "$TRACES_DIR"/* | wc -c)" -le $BYTES_MAX
done_testing
