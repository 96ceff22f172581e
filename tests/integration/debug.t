#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ptracectl debug: a debugger as the owner of a claim. Its exit status, signals and terminal are the debugger's;
# the claim is released on every way out; queue, takeover, lease and token. In every tier: by the kernel's guard
# where there is one, else by hold.
# guests: long
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
need jq || skip_all "no jq"
export STATE=$T/state
start_daemon --pin-dir "$PINS"

fixture target target idle
pid=$PID
claims() { ctl claims --json | jq '.claims | length'; }
claims_are() { [[ $(claims) == "$1" ]]; }
waiters_are() { [[ $(ctl claims --json | jq '.waiting | length') == "$1" ]]; }
claim_of() { ctl claims "$pid" --json | jq -r ".claims[0].$1"; }
note "claims are kept by $(ctl claims --json | jq -r .means)"

# debug STATUS NAME ARG...: output in $T/o and $T/e; afterwards there is no claim
debug() {
        local want=$1 name=$2
        shift 2
        timeout $((30 * T_SCALE)) "$PTRACECTL" debug "$@" >"$T/o" 2>"$T/e" </dev/null
        is $? "$want" "$name: exit status"
        ok "$name: no claim is left" wait_for 5 claims_are 0
        [[ $want == 1 ]] || is "$(last_end)" released "$name: it was released"
}
# Not only did its owner go away.
last_end() { ctl events --pid "$pid" --type claim.ended --json | jq -r 'select(.type == "claim.ended") | .end' | tail -n 1; }

# ---- the command
debug 0 "a command that ends well" "$pid" -- true
debug 7 "a command that fails" "$pid" -- sh -c 'exit 7'
debug 143 "a command that is killed" "$pid" -- sh -c 'kill -TERM $$'
debug 127 "a command that is not there" "$pid" -- "$T/no-such-command"
like "$(cat "$T/e")" "no-such-command cannot be run" "a command that is not there: says so"
debug 0 "a debugger" "$pid" -- "$FIXTURES/tracer" attach "$pid"
is "$(sed -n 's/.*errno=//p' "$T/o")" 0 "a debugger: it attaches"
debug 0 "a debugger of a shell's" "$pid" -- sh -c "$FIXTURES/tracer attach $pid; true"
is "$(sed -n 's/.*errno=//p' "$T/o")" 0 "a debugger of a shell's: it attaches"
debug 0 "descriptors" "$pid" -- sh -c 'ls -l /proc/self/fd'
unlike "$(cat "$T/o")" 'socket:|anon_inode' "descriptors: the command has none of ptracectl's"
debug 0 "signals" "$pid" -- grep -E '^Sig(Blk|Ign)' /proc/self/status
is "$(tr -d '\t\n' <"$T/o")" "$(grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\t\n')" "signals: as they were"
debug 0 "--json" --json "$pid" -- true
is "$(jq -r '"\(.schema) \(.status) \(.taken) \(.claim.pid)"' "$T/o")" "ptraced.debug/1 0 false $pid" "--json: the result"
debug 1 "a process that is not there" 4194304 -- true
"$PTRACECTL" debug "$DAEMON" -- touch "$T/ran" >"$T/o" 2>"$T/e"
ok "what is refused is not run" test ! -e "$T/ran"

# ---- users
as_nobody_fixture theirs target idle
theirs=$PID
timeout $((30 * T_SCALE)) "${NOBODY[@]}" "$PTRACECTL" debug "$theirs" -- "$FIXTURES/tracer" attach "$theirs" >"$T/o" 2>"$T/e" </dev/null
is "$? $(sed -n 's/.*errno=//p' "$T/o")" "0 0" "a user debugs a process of their own"
"${NOBODY[@]}" "$PTRACECTL" debug "$pid" -- touch "$T/ran" >"$T/o" 2>"$T/e" </dev/null
is "$?" 4 "and not another's"
"${NOBODY[@]}" "$PTRACECTL" guard on >"$T/o" 2>"$T/e"
is "$?" 4 "nor may they switch the guard"
ok "nothing was run" test ! -e "$T/ran"
go "$theirs"

# ---- who is in the way, and the queue
spawn holder "$PTRACECTL" debug "$pid" -- sh -c 'echo in; read -r x; exit 3'
holder=$PID
said holder '^in'
is "$(claim_of owner.pid)" "$holder" "while it runs the process is claimed for it"
timeout $((30 * T_SCALE)) "$PTRACECTL" debug "$pid" -- touch "$T/ran" >"$T/o" 2>"$T/e" </dev/null
is "$?" 4 "another one is refused"
like "$(cat "$T/e")" "claimed for pid $holder .*--wait" "and told for whom it is claimed, and how to wait"
is "$(timeout $((30 * T_SCALE)) "$PTRACECTL" debug --json "$pid" -- true 2>/dev/null </dev/null | jq -r .error.code)" claimed "--json: an error object"
ok "the command of one that is refused is not run" test ! -e "$T/ran"
spawn quitter "$PTRACECTL" debug --wait "$pid" -- touch "$T/ran"
quitter=$PID
ok "with --wait it is queued" wait_for 10 waiters_are 1
ok "and says behind whom" wait_for 10 file_has "$T/quitter.err" "Waiting for process $pid: it is claimed for pid $holder .*place 1"
spawn second "$PTRACECTL" debug --wait "$pid" -- sh -c 'echo served'
second=$PID
ok "behind the first" wait_for 10 waiters_are 2
# Ctrl-Z, which also stops the process that is to become the command; and fg.
waiting=$(pgrep -P "$second")
kill -STOP "$waiting" "$second"
wait_for 5 has_state "$waiting" T
wait_for 5 has_state "$second" T
kill -CONT "$waiting" "$second"
like "$(ctl claims)" "PLACE.*PID.*ASKED BY.*2 +$pid .*pid $second, uid 0" "claims lists who waits"
kill -INT "$quitter"
ended "$quitter"
is "$RC" 130 "Ctrl-C gives up"
ok "and leaves the queue" wait_for 10 waiters_are 1
ok "the next one moves up" wait_for 10 file_has "$T/second.err" "place 1"
tell holder x
ended "$holder"
is "$RC" 3 "the holder's exit status"
ended "$second"
is "$RC $(cat "$T/second.out")" "0 served" "who waited is served"
ok "what gave up was not run" test ! -e "$T/ran"
ok "and it is free" wait_for 5 claims_are 0

# claim waits in the same queue.
spawn holder "$PTRACECTL" debug "$pid" -- sh -c 'echo in; read -r x'
holder=$PID
said holder '^in'
spawn second "$PTRACECTL" claim --wait --json "$pid"
second=$PID
ok "claim --wait is queued, and says behind whom" wait_for 10 file_has "$T/second.err" "claimed for pid $holder .*place 1"
tell holder x
ended "$second"
is "$RC $(jq -r .claim.owner.kind "$T/second.out")" "0 uid" "and served when it is free"
ctl release --pid "$pid" >/dev/null

# A tracer without a claim is waited for as well, and named.
fixture rival tracer hold "$pid"
rival=$PID
spawn second "$PTRACECTL" debug --wait "$pid" -- "$FIXTURES/tracer" attach "$pid"
second=$PID
ok "a tracer without a claim is named" wait_for 10 file_has "$T/second.err" "it is traced by tracer\($rival\); place 1"
go "$rival"
ended "$rival"
ended "$second"
is "$RC $(sed -n 's/.*errno=//p' "$T/second.out")" "0 0" "and when it has left, who waited is served"
ok "and it is free again" wait_for 5 claims_are 0

# ---- signals to ptracectl are the command's
spawn told "$PTRACECTL" debug "$pid" -- sh -c 'trap "exit 42" TERM; trap "" INT; echo in; while :; do sleep 0.1; done'
told=$PID
said told '^in'
kill -INT "$told"
kill -QUIT "$told"
sleep 0.3
ok "SIGINT and SIGQUIT are left to the terminal" test -d "/proc/$told"
kill -TERM "$told"
ended "$told"
is "$RC" 42 "SIGTERM is passed on"
ok "and there is no claim left" wait_for 5 claims_are 0
is "$(last_end)" released "because it was released"

spawn stopped "$PTRACECTL" debug "$pid" -- sh -c 'echo in; kill -TSTP $$; echo back; exit 5'
stopped=$PID
said stopped '^in'
ok "it stops with the command" wait_for 10 has_state "$stopped" T
kill -CONT "$stopped"
ended "$stopped"
is "$RC $(tail -n 1 "$T/stopped.out")" "5 back" "and goes on with it"

spawn killed "$PTRACECTL" debug "$pid" -- sh -c 'echo in; exec sleep 30'
killed=$PID
said killed '^in'
child=$(pgrep -P "$killed")
kill -KILL "$killed"
ended "$killed"
ok "killed, its claim ends with it" wait_for 10 claims_are 0
is "$(last_end)" owner-gone "as its owner is gone"
kill "$child"

if need script; then
        : >"$T/o"
        { wait_for 20 file_has "$T/o" '^in' && printf '\003'; } |
                timeout $((30 * T_SCALE)) script -qec "exec '$PTRACECTL' debug $pid -- sh -c 'trap \"exit 44\" INT; echo in; while :; do sleep 0.1; done'" /dev/null >"$T/o" 2>&1
        is "${PIPESTATUS[1]}" 44 "Ctrl-C in a terminal reaches the command alone"
        ok "and the claim is released" wait_for 5 claims_are 0
else
        skip "Ctrl-C in a terminal" "script is not installed"
fi

# ---- lease and token
lease=$((6 + T_SCALE / 4)) # seconds, in which a few commands must run
spawn leased "$PTRACECTL" debug --lease $lease "$pid" -- sh -c "echo in; read -r x; '$PTRACECTL' claims --json"
leased=$PID
said leased '^in'
id=$(claim_of id)
sleep $((lease + 2))
is "$(claim_of id)" "$id" "a lease is renewed while the command runs"
tell leased x
ended "$leased"
ok "and released after it" wait_for 5 claims_are 0

is "$(ctl claim "$pid" --token new --json | jq -r '.claim.owner.kind + " " + (.token | length | tostring)')" "token 32" "--token new makes one"
token=$(ctl claim "$pid" --json 2>/dev/null | jq -r .token)
ctl release --pid "$pid" >/dev/null
ok "release --pid" claims_are 0
token=$(ctl claim "$pid" --token new --json | jq -r .token)
id=$(claim_of id)
timeout $((30 * T_SCALE)) "$PTRACECTL" debug --token wrong-token-here "$pid" -- touch "$T/ran" >"$T/o" 2>"$T/e" </dev/null
is "$?" 4 "debug with a wrong token is refused"
timeout $((30 * T_SCALE)) "$PTRACECTL" debug --token "$token" "$pid" -- "$FIXTURES/tracer" attach "$pid" >"$T/o" 2>"$T/e" </dev/null
is "$? $(sed -n 's/.*errno=//p' "$T/o")" "0 0" "with the right one its command attaches"
is "$(claim_of id) $(claim_of owner.kind)" "$id token" "afterwards the claim is the token's again"
is "$(ctl renew --pid "$pid" --token "$token" --lease 100 --json | jq -r '.claim.owner | "\(.kind) \(.uid)"')" "uid 0" \
        "renew by token makes it the user's"
is "$(ctl release "$id" --json | jq -r .schema)" ptraced.released/1 "release by id"
debug 0 "a token that there is no claim for yet" --token first-of-its-kind "$pid" -- true

# ---- a takeover is told to both
spawn loser "$PTRACECTL" debug "$pid" -- "$FIXTURES/tracer" hold "$pid"
loser=$PID
said loser '^ready '
spawn winner "$PTRACECTL" debug --take "$pid" -- "$FIXTURES/tracer" attach "$pid"
winner=$PID
ended "$winner" 30
is "$RC $(sed -n 's/.*errno=//p' "$T/winner.out")" "0 0" "who takes over waits until the former debugger has left, and attaches"
like "$(cat "$T/winner.err")" "Taking over process $pid .*from pid $loser .*tracer\([0-9]*\) traces it now" "and is told from whom it takes"
ended "$loser"
is "$RC" 4 "who loses it exits with 4"
like "$(cat "$T/loser.err")" "taken over: it is for pid $winner .*Hanging up" "and is told by whom"
unlike "$(cat "$T/loser.err")" 'still traces' "its debugger was hung up, and let go"
ok "nothing is left of both" wait_for 5 claims_are 0

spawn deaf "$PTRACECTL" debug "$pid" -- sh -c 'trap "" HUP; echo in; exec sleep '$((20 * T_SCALE))
deaf=$PID
said deaf '^in'
child=$(pgrep -P "$deaf")
spawn winner "$PTRACECTL" debug --take "$pid" -- sh -c 'echo in'
ended "$PID" 30
is "$RC" 0 "a command that does not trace is in nobody's way"
ended "$deaf" 20
is "$RC" 4 "a loser whose command does not hang up ends after 5 s"
like "$(cat "$T/deaf.err")" "sh \(pid $child\) still traces" "and says that the command is still there"
ok "which it is" test -d "/proc/$child"
kill -KILL "$child"

# ---- the daemon goes away, and comes back
spawn patient "$PTRACECTL" debug "$pid" -- sh -c 'echo in; read -r x; exit 6'
patient=$PID
said patient '^in'
kill -KILL "$DAEMON"
ended "$DAEMON"
ok "without a daemon the command goes on, and that is said" wait_for 10 file_has "$T/patient.err" 'cannot be followed: .* sh goes on'
launch_daemon --pin-dir "$PINS"
ok "the claim is there again with the daemon" wait_for 10 claims_are 1
sleep "$((T_SCALE > 1 ? 5 : 1)).5" # it looks for the daemon now and then
tell patient x
ended "$patient"
is "$RC" 6 "and the exit status is the command's"
ok "and the claim is released" wait_for 5 claims_are 0

go "$pid"
ended "$pid"
is "$RC" 0 "the process lived through all of it"
stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
