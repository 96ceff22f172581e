#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The client's contract: verbs, exit status, JSON that parses, text without escape codes, bad arguments.
. "$(dirname "$0")/tap.bash"

ESC=$'\e'
VERBS=(status doctor who why events watch diagnose record export claim renew release claims debug policy guard hold catch heal)

# exits WANT NAME COMMAND...: run it, output in $T/o and $T/e
exits() {
        local want=$1 name=$2
        shift 2
        timeout $((20 * T_SCALE)) "$@" >"$T/o" 2>"$T/e" </dev/null
        is $? "$want" "$name"
}
one_sentence() { like "$(head -n 1 "$T/e")" '[a-z].{8}' "$1: says why on standard error"; }

# ---- without a daemon
[[ -x $PTRACED && -x $PTRACECTL ]] || skip_all "not built: $PTRACED"
export PTRACED_SOCKET=$T/none
for verb in status who "why 1" "diagnose" "events" "export --format jsonl" "claim 1" "renew 1" "release 1" claims \
        "debug 1 -- true" "policy show" "policy reload" "guard on" "guard off" "guard status" hold "hold 1" "catch 1" "heal 1"; do
        # shellcheck disable=SC2086
        exits 3 "no daemon: $verb exits 3" "$PTRACECTL" $verb
done
like "$(cat "$T/e")" 'systemctl start ptraced|ptraced' "no daemon: says how to start it"
exits 3 "no daemon: --json" "$PTRACECTL" status --json
is "$(jq -r .schema "$T/o")" ptraced.error/1 "no daemon: --json prints an error object"
exits 2 "unknown verb" "$PTRACECTL" frobnicate
one_sentence "unknown verb"
for verb in "${VERBS[@]}"; do
        like "$(cat "$T/e")" "[ ,]$verb[,.]" "unknown verb: $verb is among those that are known"
done
exits 2 "unknown option" "$PTRACECTL" who --frobnicate
one_sentence "unknown option"
exits 2 "no verb" "$PTRACECTL"
exits 2 "missing pid" "$PTRACECTL" why
exits 2 "too many arguments" "$PTRACECTL" who 1 2
exits 2 "unknown export format" "$PTRACECTL" export --format pdf
exits 2 "record without a command" "$PTRACECTL" record
for bad in abc -1 0 1x 99999999999999999999 ''; do
        exits 2 "pid '$bad'" "$PTRACECTL" why -- "$bad"
done
exits 2 "bad time" "$PTRACECTL" events --since yesterday-ish
usage() { # WORD ARGUMENT...: wrong, and told with that word
        exits 2 "usage: ${*:2}" "$PTRACECTL" "${@:2}"
        like "$(cat "$T/e")" "$1" "usage: ${*:2}: says $1"
}
usage 'one owner' claim 1 --owner-pid 1 --owner-uid 0
usage 'no such file' claim 1 --owner-exe no-such-debugger
usage 'no such user' claim 1 --owner-uid no-such-user
usage 'no such user' claim 1 --owner-uid 4294967295
usage '8 to 63' claim 1 --token short
usage '8 to 63' claim 1 --token 'has a space in it'
usage 'over at once' claim 1 --lease 0
usage 'number of seconds' claim 1 --lease 1h
usage 'enforce or audit' claim 1 --mode strict
usage 'takes no value' claim 1 --wait=5
usage 'Say which claim' release
usage 'Say which claim' release 1 --pid 1
usage 'not the id' release 0
usage 'not the id' renew 99999999999999999999
usage 'too few' debug 1
usage 'too few' debug -- true
usage 'too many' debug 1 true
usage 'makes none' debug --token new 1 -- true
usage 'too few' policy
usage "'sideways' is unknown" policy sideways
usage 'neither' policy show x
usage 'neither' guard on --all
usage 'neither' guard off --audit
usage 'needs the PID' hold --off
usage 'too few' heal
exits 0 "--help" "$PTRACECTL" --help
exits 0 "--version" "$PTRACECTL" --version
for verb in "${VERBS[@]}"; do
        exits 0 "$verb --help" "$PTRACECTL" "$verb" --help
        like "$(cat "$T/o")" "Usage: ptracectl $verb" "$verb --help: shows its usage"
done
unlike "$(cat "$T/o")" "$ESC" "help in a pipe has no escape codes"
exits 1 "diagnose --file: no such file" "$PTRACECTL" diagnose --file "$T/nothing.jsonl"
one_sentence "diagnose --file: no such file"
printf '{"type":"signal.generate","time":12}\ngarbage\n' >"$T/corrupt.jsonl"
exits 1 "diagnose --file: corrupt trace" "$PTRACECTL" diagnose --file "$T/corrupt.jsonl"
like "$(cat "$T/e")" 'line 1|:1' "diagnose --file: corrupt trace: says where"

# ---- with one
start_daemon
fixture quiet target threads 1
quiet=$PID tid=$(value quiet tid1)
fixture held target idle
held=$PID
fixture tracer tracer stop "$held"
if sees_signals; then
        fixture trapped target raise 1
        trapped=$PID
        go "$trapped"
        wait_for 10 has_finding trap-without-tracer/ "$trapped"
fi
wait_for 10 traced_in_who "$held"

check_json() { # NAME SCHEMA COMMAND...
        local name=$1 schema=$2
        shift 2
        exits 0 "$name --json exits 0" "$PTRACECTL" "$@" --json
        is "$(jq -r .schema "$T/o" 2>&1)" "$schema" "$name --json is valid"
}
check_json status ptraced.status/1 status
is "$(jq -r .tier "$T/o")" "${TIER:-$TIER_NOW}" "status names the tier"
check_json doctor ptraced.doctor/1 doctor
is "$(jq '.hooks | length > 0' "$T/o")" true "doctor lists hooks"
check_json who ptraced.tracers/1 who
check_json "who PID" ptraced.tracers/1 who "$held"
check_json why ptraced.why/1 why "$held"
is "$(jq -r .cause "$T/o")" traced "why: the cause"
check_json diagnose ptraced.diagnosis/1 diagnose
check_json "diagnose PID" ptraced.diagnosis/1 diagnose "$quiet"
exits 0 "events --json exits 0" "$PTRACECTL" events --json
is "$(jq -s 'length > 0 and all(has("type"))' "$T/o" 2>&1)" true "events --json: every line is an event"
exits 0 "events --type" "$PTRACECTL" events --json --type daemon.start,ptrace.seize
is "$(jq -s 'map(select(.type != "loss") | .type) - ["daemon.start","ptrace.seize"] | length' "$T/o")" 0 "events --type: only those"
exits 2 "events: unknown type" "$PTRACECTL" events --type signal.nonsense

for verb in status doctor who "who $held" "why $held" "why $quiet" diagnose events; do
        # shellcheck disable=SC2086
        exits 0 "$verb exits 0" "$PTRACECTL" $verb
        unlike "$(cat "$T/o" "$T/e")" "$ESC" "$verb in a pipe has no escape codes"
        ok "$verb prints something" test -s "$T/o"
done

# ---- a pid that is none
for verb in who why diagnose; do
        exits 1 "$verb: no such process" "$PTRACECTL" "$verb" 4194303
        one_sentence "$verb: no such process"
        exits 1 "$verb: no such process, --json" "$PTRACECTL" "$verb" 4194303 --json
        is "$(jq -r .error.code "$T/o")" no-such-process "$verb: no such process, --json: an error object"
done
"$PTRACECTL" who "$tid" >"$T/o" 2>"$T/e"
like "$(cat "$T/o" "$T/e")" "thread.*$quiet|$quiet.*thread" "who on a thread id says whose thread it is"

# ---- exit status of diagnose
exits 0 "diagnose --exit-code without findings" "$PTRACECTL" diagnose "$quiet" --exit-code
if sees_signals; then
        exits 10 "diagnose --exit-code with findings" "$PTRACECTL" diagnose "$trapped" --exit-code
        exits 0 "diagnose without --exit-code" "$PTRACECTL" diagnose "$trapped"
else
        skip "diagnose --exit-code with findings" "tier proc does not see signals"
fi

# ---- untrusted text: a process that carries escape codes in its name and arguments
evil="$T/"$'\e[31mevil\e]0;x\a'
cp "$FIXTURES/target" "$evil"
spawn evil "$evil" idle $'\e[2J' $'a\nb'
evil=$PID
said evil '^ready '
fixture eviltracer tracer hold "$evil"
wait_for 10 traced_in_who "$evil"
for verb in who why diagnose; do
        exits 0 "$verb on a hostile name" "$PTRACECTL" "$verb" "$evil"
        unlike "$(cat "$T/o" "$T/e")" "$ESC" "$verb on a hostile name prints no escape codes"
        exits 0 "$verb on a hostile name, --json" "$PTRACECTL" "$verb" "$evil" --json
        ok "$verb on a hostile name: valid JSON" jq -es "length > 0" "$T/o"
done
exits 4 "claim of a hostile name, traced by another" "$PTRACECTL" claim --owner-uid 65534 "$evil"
like "$(cat "$T/e")" "traced by pid $PID" "claim of a hostile name: names the tracer"
exits 0 "claim --take of a hostile name" "$PTRACECTL" claim --owner-uid 65534 --take "$evil"
cp "$T/o" "$T/o1"
cat "$T/e" >>"$T/o1"
exits 0 "claims with a hostile name" "$PTRACECTL" claims
unlike "$(cat "$T/o" "$T/e" "$T/o1")" "$ESC" "claims of a hostile name print no escape codes"
exits 0 "release of a hostile name" "$PTRACECTL" release --pid "$evil"
unlike "$(cat "$T/o" "$T/e")" "$ESC" "nor does its release"
if need script; then
        script -qec "'$PTRACECTL' export --format csv --pid $evil" /dev/null </dev/null >"$T/o"
        like "$(cat "$T/o")" '\\u001b' "export of a hostile name to a terminal: is there"
        unlike "$(cat "$T/o")" "$ESC" "export of a hostile name to a terminal prints no escape codes"
else
        skip "export of a hostile name to a terminal" "script is not installed"
fi

# ---- an unprivileged caller
exits 0 "nobody: status" "${NOBODY[@]}" "$PTRACECTL" status
exits 0 "nobody: who" "${NOBODY[@]}" "$PTRACECTL" who --json
is "$(jq '[.processes[] | select(.process.uid == 0)] | length' "$T/o")" 0 "nobody: who does not show root's processes"
exits 4 "nobody: diagnose on root's process" "${NOBODY[@]}" "$PTRACECTL" diagnose "$held"
one_sentence "nobody: diagnose on root's process"
mkdir -m 700 "$T/private"
exits 4 "nobody: a socket that is not permitted" "${NOBODY[@]}" "$PTRACECTL" --socket "$T/private/sock" status
one_sentence "nobody: a socket that is not permitted"

# ---- HTTP
if need curl; then
        http() { curl -s -m 10 --unix-socket "$T/sock" -o "$T/o" -w '%{http_code}' "$@"; }
        is "$(http http://x/healthz)" 200 "GET /healthz"
        is "$(http http://x/readyz)" 200 "GET /readyz"
        is "$(http http://x/metrics)" 200 "GET /metrics"
        is "$(grep -Evc '^(# (HELP|TYPE) .*|[a-z_]+(\{[^}]*\})? [-+0-9.eE]+(nf)?|)$' "$T/o")" 0 "metrics: every line is in Prometheus form"
        is "$(http http://x/v1/nothing)" 404 "unknown path: 404"
        is "$(jq -r .schema "$T/o")" ptraced.error/1 "unknown path: an error object"
        is "$(http -X POST http://x/v1/status)" 405 "POST: 405"
        is "$(http http://x/v1/processes/abc)" 400 "pid that is no number: 400"
        is "$(http "http://x/v1/events?since=never")" 400 "bad time: 400"
        is "$("${NOBODY[@]}" curl -s -m 10 --unix-socket "$T/sock" -o /dev/null -w '%{http_code}' "http://x/v1/processes/$held")" 403 \
                "somebody else's process: 403"
        head -c 200000 /dev/zero >"$T/big"
        like "$(http -X POST --data-binary "@$T/big" http://x/v1/status)" '413|405' "a body that is too large: refused"
        is "$(http http://x/healthz)" 200 "and the daemon answers on"
else
        skip "HTTP" "curl is not installed"
fi

# ---- exports
for format in jsonl csv chrome; do
        exits 0 "export --format $format" "$PTRACECTL" export --format "$format" -o "$T/trace.$format"
done
ok "export jsonl: every line parses" jq -se 'length > 0' "$T/trace.jsonl"
like "$(head -n 1 "$T/trace.csv")" '^seq,type,time' "export csv: has a header"
columns=$(head -n 1 "$T/trace.csv" | tr -cd , | wc -c)
ok "export csv: columns" test "$columns" -gt 5
is "$(jq -r '.traceEvents | length > 0' "$T/trace.chrome" 2>&1)" true "export chrome: traceEvents"
exits 0 "export to a pipe" "$PTRACECTL" export --format jsonl --pid "$held"
is "$(jq -s 'length > 0' "$T/o")" true "export --pid: parses"
exits 0 "export --gzip" "$PTRACECTL" export --format jsonl --gzip -o "$T/trace.gz"
ok "export --gzip: gunzips and parses" bash -c "gzip -dc '$T/trace.gz' | jq -se 'length > 0' >/dev/null"
exits 1 "export to a directory that is not there" "$PTRACECTL" export --format jsonl -o "$T/no/such/file"
one_sentence "export to a directory that is not there"

# ---- a pid that is used again: what is told is about who has it now, or had it last
exits 2 "--earlier without a pid" "$PTRACECTL" diagnose --earlier
one_sentence "--earlier without a pid"
if sees_signals; then
        fixture first target raise 1
        reused=$PID
        go "$reused"
        ended "$reused"
        wait_for 10 has_finding trap-without-tracer/ "$reused"
        exits 10 "the newest one that ended is told" "$PTRACECTL" diagnose "$reused" --exit-code
        trapped() { ctl events --pid "$reused" --json "$@" | jq -s '[.[] | select(.type == "signal.generate" and .sig == 5)] | length'; }
        ok "and its events" test "$(trapped)" -gt 0
        if fixture again target reuse "$reused"; then
                exits 0 "not for the living one that has its pid now" "$PTRACECTL" diagnose "$reused" --exit-code
                is "$(ctl diagnose "$reused" --json | jq '.findings | length')" 0 "which has no findings"
                is "$(trapped)" 0 "nor events of the former one"
                is "$(ctl export --format jsonl --pid "$reused" | jq -s '[.[] | select(.sig? == 5)] | length')" 0 "nor in an export"
                exits 10 "--earlier has those before it" "$PTRACECTL" diagnose "$reused" --earlier --exit-code
                like "$(ctl diagnose "$reused" --earlier)" 'Process: +started 20' "told apart by when they started"
                ok "with their events" test "$(trapped --earlier)" -gt 0
                like "$(ctl events --pid "$reused" --earlier)" "PID $reused, started 20" "told apart, too"
                ctl export --format jsonl --pid "$reused" --earlier -o "$T/reused.jsonl"
                is "$(ctl diagnose "$reused" --file "$T/reused.jsonl" --earlier --json | jq '.findings | length')" \
                        "$(ctl diagnose "$reused" --earlier --json | jq '.findings | length')" "an export tells the same"
                kill -KILL "$PID"
                ended "$PID"
        else
                skip "a pid that is used again" "$(cat "$T/again.err")"
        fi
fi

stop_daemon
is "$RC" 0 "the daemon stops cleanly"

# ---- record, without a daemon
export PTRACED_SOCKET=$T/none
cd "$T" || exit 1
if sees_signals; then
        exits 133 "record: exits as the command did" "$PTRACECTL" record -o "$T/rec.jsonl" -- bash -c 'kill -TRAP $$'
        ok "record: the file parses" jq -se 'length > 0' "$T/rec.jsonl"
        like "$(cat "$T/o" "$T/e")" trap-without-tracer "record: prints the finding"
        is "$("$PTRACECTL" diagnose --file "$T/rec.jsonl" --json | jq -r '.findings[0].code')" trap-without-tracer "record: the file can be diagnosed"
fi
# its own finding, although the rest of the machine has more than one answer takes
if sees_signals; then
        spawn recorded "$PTRACECTL" record --json -o "$T/beside.jsonl" -- bash -c 'echo ready; (kill -TRAP $BASHPID); read -r; exit 0'
        recorded=$PID
        said recorded '^ready' 30
        for ((i = 0; i < 1300; i++)); do (kill -TRAP "$BASHPID"); done 2>/dev/null
        tell recorded go
        ended "$recorded" 60
        is "$(sed 1d "$T/recorded.out" | jq -r '.findings[].code')" trap-without-tracer "record: the command's finding, beside 1300 others"
fi
exits 0 "record of a quiet command" "$PTRACECTL" record -o "$T/true.jsonl" -- true
exits 7 "record of a failing command" "$PTRACECTL" record -o "$T/seven.jsonl" -- bash -c 'exit 7'
timeout $((20 * T_SCALE)) "$PTRACECTL" record -o "$T/none.jsonl" -- "$T/no-such-command" >"$T/o" 2>"$T/e"
rc=$?
ok "record of a command that is not there fails" test $rc -ne 0
one_sentence "record of a command that is not there"

done_testing
