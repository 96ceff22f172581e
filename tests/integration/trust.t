#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the daemon, which is root, does not do for those who are not: give a claim's secret away, take one process
# for another.
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
need curl || skip_all "no curl"
need jq || skip_all "no jq"
start_daemon --pin-dir "$PINS"

ask() { curl -s -m $((20 * T_SCALE)) --unix-socket "$T/sock" "$@"; }
get() { ask "http://x$1"; }
post() { ask -X POST --data-binary "$2" "${@:3}" "http://x$1"; }
as_nobody() { "${NOBODY[@]}" curl -s -m $((20 * T_SCALE)) --unix-socket "$T/sock" "$@"; }
nobody_post() { as_nobody -X POST --data-binary "$2" "${@:3}" "http://x$1"; }
code() { jq -r '.error.code // "none"'; }
message() { jq -r '.error.message // "none"'; }
release() { ask -X DELETE "http://x/v1/claims/$1" >/dev/null; }
means=$(get /v1/claims | jq -r .means)
diag "claims are kept by $means"
fixture root target idle
root=$PID
as_nobody_fixture mine target idle
mine=$PID

# ---- the token of a claim: told once, to who made it
answer=$(post /v1/claims '{"pid":'"$root"',"owner":{"uid":65534},"token":"open-sesame"}')
id=$(jq .claim.id <<<"$answer")
is "$(jq -r .token <<<"$answer")" open-sesame "its maker is told the token"
answer=$(nobody_post "/v1/claims/$id/enter" '')
is "$(jq -r '.schema' <<<"$answer")" ptraced.claim/1 "its owner, another user, is let in"
unlike "$answer" open-sesame "and is not told the token"
is "$(as_nobody -X DELETE "http://x/v1/claims/$id" | code)" not-permitted "so cannot release it"
unlike "$(nobody_post "/v1/claims/$id/renew" '{"token":"open-sesame"}')" open-sesame "who shows it is not told it again"
unlike "$(post "/v1/claims/$id/renew" '{"lease":600}')" open-sesame "nor who renews without it"
everything=$(get /v1/claims; get "/v1/claims?pid=$root"; get "/v1/processes/$root"; get "/v1/processes/$root/why"
        get "/v1/processes/$root/why"; get /v1/holds; get /v1/tracers; get /v1/status; get /v1/guard; get /metrics
        get /v1/events; get /v1/diagnosis; ctl export --format jsonl; cat "$T/daemon.log"
        ask -X DELETE "http://x/v1/claims/$id?token=open-sesame")
like "$everything" '"claim.made"' "all that is told was asked for"
unlike "$everything" open-sesame "and has no token in it"
answer=$(post /v1/claims '{"pid":'"$root"',"owner":{"uid":0}}')
id=$(jq .claim.id <<<"$answer")
is "$(post "/v1/claims/$id/renew" '{"owner":{"token":true}}' | code)" no-token "a claim without one is not given to who shows it"
release "$id"

# Whoever lists processes sees arguments, ptraced among them.
spawn show "$PTRACECTL" claim "$root" --token sesame-in-sight --mode audit
ended "$PID"
id=$(get "/v1/claims?pid=$root" | jq '.claims[0].id')
spawn show "$PTRACECTL" debug "$root" --token sesame-in-sight -- "$FIXTURES/tracer" hold "$root"
shower=$PID
said show '^ready '
unlike "$(tr '\0' ' ' <"/proc/$shower/cmdline")" in-sight "a token is not among the arguments of a running ptracectl"
wait_for 10 traced_in_who "$root"
everything=$(get /v1/tracers; get "/v1/processes/$root"; get /v1/events)
like "$everything" 'tracer hold' "the daemon tells arguments"
unlike "$everything" in-sight "but no token"
kill "$shower"
ended "$shower"
release "$id"

if need strace; then
        spawn fault strace -qq -o /dev/null -e trace=getrandom -e inject=getrandom:error=EAGAIN -p "$DAEMON"
        wait_for 10 has_tracer "$DAEMON" "$PID"
        is "$(post /v1/claims '{"pid":'"$root"',"owner":{"token":true}}' | code)" no-token "no token can be made: no claim"
        is "$(get "/v1/claims?pid=$root" | jq '.claims | length')" 0 "that nobody could ever use"
        kill "$PID"
        ended "$PID"
fi

# ---- the process that asks: not another one with its connection, or its pid
# heir NAME MODE: a connection that lost its process; $HEIR is the pid that it had
heir() {
        spawn "$1" "$FIXTURES/heir" "$T/sock" "$2"
        if [[ $2 == early ]]; then
                wait_for 10 file_has "$T/$1.out" '^ready '
                kill -CONT "$DAEMON"
        fi
        said "$1" '^ready ' || diag "$(cat "$T/$1.err")"
        HEIR=$(value "$1" pid)
}
# inherited NAME REQUEST...: what it is answered, "STATUS BODY"
inherited() {
        local name=$1 n
        shift
        n=$(wc -l <"$T/$name.out")
        tell "$name" "$@"
        answered() { (($(wc -l <"$T/$name.out") > n)); }
        wait_for 10 answered
        tail -n 1 "$T/$name.out"
}
for mode in gone reused early; do
        if [[ $mode == early ]]; then
                [[ $(value gone pidfd) == 1 ]] || { skip "a pid that is another's before accept()" "no SO_PEERPIDFD"; continue; }
                kill -STOP "$DAEMON"
        fi
        heir "$mode" "$mode"
        like "$(inherited "$mode" GET /v1/claims)" '^200 ' "$mode: what the user may, the connection may"
        like "$(inherited "$mode" POST /v1/claims '{"pid":'"$mine"'}')" "^403 .*Process $HEIR,.* has ended: nobody else" \
                "$mode: no claim for a process that has ended"
        like "$(inherited "$mode" GET "/v1/processes/$mine/why")" '^403 .*no-caller' "$mode: nothing is said of its rights"
        [[ $mode == gone ]] || {
                id=$(post /v1/claims '{"pid":'"$root"',"owner":{"pid":'"$HEIR"'}}' | jq .claim.id)
                like "$(inherited "$mode" POST "/v1/claims/$id/enter")" '^403 .*no-caller' \
                        "$mode: who has its pid now is not let in by its connection"
                release "$id"
        }
        like "$(inherited "$mode" POST /v1/claims '{"pid":'"$mine"',"owner":{"uid":65534}}')" '^201 ' "$mode: a claim for the user"
        like "$(inherited "$mode" DELETE "/v1/claims/$(get "/v1/claims?pid=$mine" | jq '.claims[0].id')")" '^200 ' "$mode: is theirs"
        kill "$PID"
        ended "$PID"
done

passwd=$(command -v passwd) && [[ -u $passwd ]] && {
        as_nobody_fixture hidden target nodump
        hidden=$PID
        heir raised raised
        is_raised() { [[ $(awk '$1 == "Uid:" {print $3}' "/proc/$HEIR/status") == 0 ]]; }
        ok "a process that connected as a user runs as root" wait_for 10 is_raised
        like "$(inherited raised GET "/v1/processes/$hidden/why")" '^403 .*no-caller' "and lends its rights to nobody"
}

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
