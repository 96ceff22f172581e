#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Several recorders on one machine: the kernel's own answer to "what is mapped there" serves one of them at a time, and
# each is to name the file all the same.
# guests: long
. "$(dirname "$0")/tap.bash"
readonly RECORDERS=3
readonly TIMES=3
start_daemon
sees_signals || skip_all "tier proc sees no signals"

OTHERS=()
for ((i = 1; i < RECORDERS; i++)); do
        "$PTRACED" --socket "$T/sock$i" --state-dir "$T/state$i" --pin-dir "/sys/fs/bpf/ptraced-test-$$-$i" \
                ${TIER:+--tier "$TIER"} 2>>"$T/daemon$i.log" &
        OTHERS+=("$!")
        PIDS+=("$!")
        ctl --socket "$T/sock$i" status --wait $((10 * T_SCALE)) >/dev/null || fail "recorder $i starts"
done

# scan_of SOCKET PID: path, symbol and whether the file has the int3, of the newest text.scan
scan_of() { ctl --socket "$1" events --pid "$2" --json | jq -r 'select(.type == "text.scan") | "\(.path) \(.symbol) \(.found_int3)"' | tail -n 1; }
has_scan() { [[ -n $(scan_of "$@") ]]; }

named=0
for ((n = 0; n < TIMES; n++)); do
        spawn died env LD_PRELOAD="$FIXTURES/library.so" "$FIXTURES/target" idle
        pid=$PID
        ended "$pid"
        [[ $RC == 133 ]] || fail "it dies of its library's int3" "status $RC"
        for ((i = 0; i < RECORDERS; i++)); do
                socket=$T/sock$( ((i == 0)) || echo $i)
                wait_for 10 has_scan "$socket" "$pid"
                scan=$(scan_of "$socket" "$pid")
                if [[ $scan =~ /library\.so\ fatal_message.*\ true$ ]]; then named=$((named + 1)); else diag "recorder $i: $scan"; fi
        done
done
is $named $((RECORDERS * TIMES)) "each recorder names the library, its function, and that the file has the int3"

for pid in "${OTHERS[@]}"; do
        kill "$pid"
        ended "$pid" 10
        is "$RC" 0 "a recorder stops cleanly"
done
stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
