#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Claims over HTTP: who may, what is refused and in which words, the queue, leases, tokens, takeovers, and what
# a restart finds again. Where the kernel has no guard they are kept by hold, and all of this holds as well.
# guests: hold
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
need curl || skip_all "no curl"
need jq || skip_all "no jq"
export STATE=$T/state
printf '[guard]\ngrace = %ss\n' $((10 * T_SCALE)) >"$T/ptraced.conf"
begin() { start_daemon --config "$T/ptraced.conf" --pin-dir "$PINS"; }
begin
chmod 755 "$T"

ask() { curl -s -m $((20 * T_SCALE)) --unix-socket "$T/sock" "$@"; }
get() { ask "http://x$1"; }
# post PATH BODY [CURL-OPTION...], with status_post its HTTP status alone
post() { ask -X POST --data-binary "$2" "${@:3}" "http://x$1"; }
status_post() { post "$1" "$2" -o /dev/null -w '%{http_code}' "${@:3}"; }
as_nobody() { "${NOBODY[@]}" curl -s -m $((20 * T_SCALE)) --unix-socket "$T/sock" "$@"; }
code() { jq -r '.error.code // "none"'; }
claim_of() { get "/v1/claims?pid=$1" | jq -r ".claims[0].$2"; }
claims_are() { [[ $(get /v1/claims | jq '.claims | length') == "$1" ]]; }
waiters_are() { [[ $(get /v1/claims | jq '.waiting | length') == "$1" ]]; }
unclaimed() { [[ $(get "/v1/claims?pid=$1" | jq '.claims | length') == 0 ]]; }
release() { ask -X DELETE "http://x/v1/claims/$1"; }
descriptors() { find "/proc/$DAEMON/fd" -mindepth 1 | wc -l; }
# events PID TYPE FILTER: losses, which come last, left out
events() { ctl events --pid "$1" --type "$2" --json | jq -r "select(.type == \"$2\") | $3"; }

fixture target target idle
pid=$PID
as_nobody_fixture theirs target idle
theirs=$PID
means=$(get /v1/claims | jq -r .means)
like "$means" '^(kernel|hold)$' "claims are kept by $means"

# ---- requests that are none
bad() { is "$(status_post /v1/claims "$1")" 400 "refused: $2"; }
bad '' "no body"
bad '[]' "a list"
bad '{"pid":'"$pid" "half a body"
bad '{"pid":"'"$pid"'"}' "a pid in quotes"
bad '{"pid":'"$pid"',"colour":1}' "an unknown key"
bad '{"pid":0}' "pid 0"
bad '{"pid":'"$pid"',"lease":-1}' "a lease below zero"
bad '{"pid":'"$pid"',"token":"short"}' "a short token"
bad '{"pid":'"$pid"',"owner":{"pid":1,"uid":0}}' "two owners"
# 503, "try again", where the kernel does not remember that it is not there: on a tmpfs it never does.
like "$(status_post /v1/claims '{"pid":'"$pid"',"owner":{"exe":"/no/such/file"}}')" '^(400|503)$' \
        "refused: an executable that is not there"
bad '{"pid":'"$DAEMON"'}' "ptraced itself"
bad '{"pid":2}' "a thread of the kernel"
bad "$(printf '[%.0s' {1..50000})" "fifty thousand brackets"
like "$(post /v1/claims '{"pid":1,"colour":1}' | jq -r .error.message)" "'colour'" "the unknown key is named"
is "$(status_post /v1/claims '{"pid":4194304}')" 404 "a process that is not there"
is "$(head -c 1000000 /dev/zero | status_post /v1/claims @-)" 413 "a body of a megabyte"
is "$(head -c 1000000 /dev/zero | ask -X POST -H 'Transfer-Encoding: chunked' -o /dev/null -w '%{http_code}' \
        --data-binary @- http://x/v1/claims)" 413 "the same without its length"
is "$(ask -X PUT http://x/v1/claims | jq -r .error.message)" "This address takes only these requests: GET, HEAD, POST." \
        "a wrong method is told the right ones"
is "$(ask -X DELETE http://x/v1/claims/nothing | code)" bad-claim "a claim that is no number"
is "$(ask -X DELETE http://x/v1/claims/99 | code)" no-such-claim "a claim that is not there"
ok "nothing was claimed by all that" claims_are 0

# ---- a claim, and who may end it
answer=$(post /v1/claims '{"pid":'"$pid"',"owner":{"uid":0}}')
id=$(jq .claim.id <<<"$answer")
is "$(jq -r '.schema + " " + .claim.owner.text' <<<"$answer")" "ptraced.claim/1 uid 0 (root)" "root claims for root"
is "$(status_post /v1/claims '{"pid":'"$pid"'}')" 409 "a second claim is refused"
like "$(post /v1/claims '{"pid":'"$pid"'}' | jq -r .error.message)" "claimed for uid 0 \(root\)" "and says for whom it is claimed"
is "$(as_nobody -X DELETE "http://x/v1/claims/$id" | code)" not-permitted "another user may not release it"
is "$(as_nobody http://x/v1/claims | jq '.claims | length')" 0 "nor see it"
is "$(as_nobody -X POST -d '{"pid":'"$pid"',"take":true}' http://x/v1/claims | code)" not-permitted "nor take it"
is "$(as_nobody -X POST -d '{"state":"clear"}' http://x/v1/guard | code)" not-permitted "nor switch the guard"
is "$(as_nobody -X POST http://x/v1/policy/reload | code)" not-permitted "nor reload the policy"
is "$(as_nobody -X POST -d '{"pid":'"$theirs"',"owner":{"uid":65534}}' http://x/v1/claims | jq -r .schema)" \
        ptraced.claim/1 "they may claim their own"
is "$(as_nobody http://x/v1/claims | jq '.claims | length')" 1 "and see that"
is "$(status_post "/v1/claims/$(claim_of "$theirs" id)/renew" '{"lease":60}')" 200 "root renews it"
is "$(release "$(claim_of "$theirs" id)" | jq -r .schema)" ptraced.released/1 "and releases it"
is "$(release "$id" | jq .claim.id)" "$id" "root's is released"
ok "no claim is left" claims_are 0

# ---- a process that is traced already
need gdb && {
        gdb_on gdb "$pid"
        gdb=$PID
        is "$(post /v1/claims '{"pid":'"$pid"'}' | code)" traced "a traced process is not claimed"
        is "$(post /v1/claims '{"pid":'"$pid"',"owner":{"pid":'"$gdb"'}}' | jq -r .claim.attached)" true \
                "but it is for its own tracer"
        release "$(claim_of "$pid" id)" >/dev/null
        is "$(post /v1/claims '{"pid":'"$gdb"',"owner":{"uid":1}}' | jq -r '.schema, .claim.tracer' | paste -sd ' ')" \
                "ptraced.claim/1 null" "who traces it is not taken for its own tracer"
        release "$(claim_of "$gdb" id)" >/dev/null
        # Each kind of owner admits it, and its opposite does not.
        for owner in '"uid":0' '"exe":"'"$(readlink -f "$(command -v gdb)")"'"' '"pid":'$$; do
                is "$(post /v1/claims '{"pid":'"$pid"',"owner":{'"$owner"'}}' | jq -r .claim.attached)" true \
                        "as for {$owner}"
                release "$(claim_of "$pid" id)" >/dev/null
        done
        shell=$(readlink -f /bin/sh) # an overlay follows no symbolic link without waiting
        for owner in '"uid":1' '"exe":"'"$shell"'"' '"pid":'"$theirs" '"token":true'; do
                is "$(post /v1/claims '{"pid":'"$pid"',"owner":{'"$owner"'}}' | code)" traced "but not for {$owner}"
        done
        # A cgroup of its own, where version 2 is mounted and we may make one.
        groups=/sys/fs/cgroup
        [[ $(stat -fc %T $groups) == cgroup2fs ]] || groups+=/unified
        inner=/ptraced-test-$$/inner
        if [[ $(stat -fc %T $groups 2>/dev/null) == cgroup2fs ]] && mkdir -p "$groups$inner" 2>/dev/null; then
                of_cgroup() { post /v1/claims '{"pid":'"$pid"',"owner":{"cgroup":"'"$1"'"}}'; }
                is "$(of_cgroup "$inner" | code)" traced "a cgroup that the tracer is not in does not admit it"
                echo "$gdb" >"$groups$inner/cgroup.procs"
                is "$(of_cgroup "$inner" | jq -r .claim.attached)" true "its own does"
                release "$(claim_of "$pid" id)" >/dev/null
                is "$(of_cgroup "${inner%/*}" | jq -r .claim.attached)" true "so does the one above"
                release "$(claim_of "$pid" id)" >/dev/null
                echo "$gdb" >"$groups/cgroup.procs"
                rmdir "$groups$inner" "$groups${inner%/*}"
        else
                skip "a cgroup as the owner" "no cgroup of version 2 can be made here"
        fi
        answer=$(post /v1/claims '{"pid":'"$pid"',"owner":{"uid":65534},"take":true}')
        like "$(jq -r .risk <<<"$answer")" "pid $gdb .*nobody can detach it" "a takeover says its risk"
        release "$(jq .claim.id <<<"$answer")" >/dev/null
        post /v1/claims '{"pid":'"$pid"',"owner":{"uid":65534},"wait":true}' >"$T/turn" &
        waiter=$!
        ok "who waits for a tracer is queued" wait_for 10 waiters_are 1
        is "$(claim_of "$pid" id)" null "without a claim meanwhile"
        tell gdb 'detach'
        tell gdb 'quit'
        wait "$waiter"
        is "$(jq -r .claim.owner.uid "$T/turn")" 65534 "and served when it has left"
        release "$(jq .claim.id "$T/turn")" >/dev/null
}

# ---- a claim that only looks on
if need strace; then
        audited() { [[ -n $(events "$pid" claim.audit '.caller.comm') ]]; }
        id=$(post /v1/claims '{"pid":'"$pid"',"owner":{"uid":65534},"mode":"audit"}' | jq .claim.id)
        spawn watched strace -qq -p "$pid"
        ok "a tracer gets in" wait_for 10 has_tracer "$pid" "$PID"
        ok "and is told of" wait_for 10 audited
        is "$(events "$pid" claim.audit '[.caller.pid, .claim, .reason, .source, .owner] | @tsv' | head -n 1)" \
                "$PID	$id	claimed	claim	uid 65534 (nobody)" "with whom it was not for"
        kill -INT "$PID"
        ended "$PID"
        release "$id" >/dev/null
fi

# ---- nobody keeps root out of what runs as root
passwd=$(command -v passwd) && [[ -u $passwd ]] && {
        spawn changer "${NOBODY[@]}" bash -c 'echo ready; read -r _; exec passwd'
        changer=$PID
        said changer ready
        is "$(as_nobody -d '{"pid":'"$changer"',"owner":{"uid":65534}}' http://x/v1/claims | jq -r .schema)" \
                ptraced.claim/1 "nobody claims a process of theirs"
        tell changer go
        ok "which ends when it runs as root" wait_for 10 unclaimed "$changer"
        is "$(events "$changer" claim.ended .end)" target-gone "and is told so"
        kill "$changer" 2>/dev/null
}

# ---- fifty waiters: each is served once, in order. Their owner is curl, which ends with its answer.
id=$(post /v1/claims '{"pid":'"$pid"',"owner":{"uid":0}}' | jq .claim.id)
before=$(descriptors)
waiting=()
for ((i = 1; i <= 50; i++)); do
        post /v1/claims '{"pid":'"$pid"',"wait":true}' >"$T/w$i" &
        waiting+=($!)
done
ok "fifty clients of one user wait" wait_for 20 waiters_are 50
is "$(claim_of "$pid" waiters)" 50 "the claim knows how many"
curl -s --unix-socket "$T/sock" -d '{"pid":'"$pid"',"wait":true}' http://x/v1/claims >"$T/quitter" &
quitter=$!
ok "one more comes" wait_for 10 waiters_are 51
kill "$quitter"
wait "$quitter" 2>/dev/null
ok "and leaves the queue with its client" wait_for 10 waiters_are 50
release "$id" >/dev/null
for p in "${waiting[@]}"; do wait "$p"; done
is "$(cat "$T"/w[0-9]* | jq -r .claim.id | sort -n | uniq | wc -l)" 50 "each of them got a claim of its own"
ok "and it is free in the end" wait_for 10 unclaimed "$pid"
queued=$(events "$pid" claim.queued 'select(.caller.pid != '"$quitter"') | .claim' | tail -n 50 | xargs)
served=$(events "$pid" claim.made '.claim' | tail -n 50 | xargs)
is "$served" "$queued" "they were served in the order they came"
ok "no connection is left of them" wait_for 10 eval "((\$(descriptors) <= before + 2))"

# ---- a lease, and a waiter who gets what it leaves
began=$SECONDS
post /v1/claims '{"pid":'"$pid"',"owner":{"uid":0},"lease":2}' >"$T/leased"
like "$(jq -r .claim.lease_left_s "$T/leased")" '^([01]\.|2\.000)' "a lease of two seconds"
is "$(status_post /v1/claims '{"pid":'"$pid"',"wait":true}')" 201 "who waits gets it"
ok "when the lease is over" test $((SECONDS - began)) -ge 1
ok "it is free again" wait_for 10 unclaimed "$pid"
is "$(events "$pid" claim.ended .end | tail -n 2 | head -n 1)" lease-over "and the events say that the lease was over"

# ---- a token outlives its client, for the grace time
spawn owner sleep 600
owner=$PID
id=$(post /v1/claims '{"pid":'"$pid"',"owner":{"pid":'"$owner"'},"token":"open-sesame"}' | jq .claim.id)
kill "$owner"
in_grace() { [[ $(claim_of "$pid" grace_left_s) != null ]]; }
ok "its client gone, the claim is in grace" wait_for 10 in_grace
is "$(post "/v1/claims/$id/renew" '{"token":"open-simsim"}' | code)" wrong-token "a wrong token does not help"
spawn heir sleep 600
heir=$PID
is "$(as_nobody -X POST -d '{"token":"open-sesame","owner":{"pid":'"$heir"'}}' "http://x/v1/claims/$id/renew" |
        jq -r .claim.owner.pid)" "$heir" "who shows it makes somebody else the owner"
is "$(claim_of "$pid" grace_left_s)" null "and the grace time is over"
is "$(as_nobody -X DELETE "http://x/v1/claims/$id?token=wrong-sesame" | code)" wrong-token "no release with a wrong one"

# ---- a takeover
answer=$(post /v1/claims '{"pid":'"$pid"',"owner":{"uid":0},"token":"second-token","lease":300,"take":true}')
is "$(jq -r .claim.owner.text <<<"$answer")" "uid 0 (root)" "it is taken over"
is "$(events "$pid" claim.taken .claim)" "$id" "of which the events tell"
id=$(jq .claim.id <<<"$answer")

# ---- a restart
kept() { get "/v1/claims?pid=$pid" | jq -c '.claims[] | [.id, .owner.text, .token, .lease_ends[:19], .comm]'; }
before=$(kept)
post /v1/claims '{"pid":'"$theirs"',"owner":{"pid":'"$heir"'}}' >/dev/null
wait_for 5 file_has "$STATE/claims.json" second-token # it is written a moment later
kill -KILL "$DAEMON"
wait "$DAEMON" 2>/dev/null
kill "$heir"
begin
is "$(kept)" "$before" "a daemon that was killed finds its claim again"
ok "but not one whose owner ended meanwhile" wait_for 10 unclaimed "$theirs"
is "$(status_post "/v1/claims/$id/renew" '{"token":"second-token"}')" 200 "its token is still good"
next=$(post /v1/claims '{"pid":'"$theirs"'}' | jq .claim.id)
ok "numbers are not used twice" test "$next" -gt "$id"
stop_daemon
is "$RC" 0 "the daemon stops with a claim in force"
begin
is "$(claim_of "$pid" id)" "$id" "and finds it again"
stop_daemon
if [[ $means == hold ]]; then
        for broken in '{' '[]' '{"schema":"ptraced.claims-state/1","boot_id":1,"claims":{}}' '{"claims":[{"id":-1}]}'; do
                echo "$broken" >"$STATE/claims.json"
                begin
                is "$(get /healthz)" ok "the daemon starts with claims.json: $broken"
                stop_daemon
        done
        is "$RC" 0 "and stops"
        begin
        post /v1/claims '{"pid":'"$pid"',"owner":{"uid":0}}' >/dev/null
        chmod 644 "$STATE/claims.json"
        stop_daemon
        chmod 644 "$STATE/claims.json"
        begin
        ok "a file that others may read is not believed" claims_are 0
        stop_daemon
fi
begin
post /v1/claims '{"pid":'"$pid"',"owner":{"uid":0},"take":true}' >/dev/null

# ---- the end of the target, and of all
kill "$theirs"
post /v1/claims '{"pid":'"$pid"',"wait":true}' >"$T/last" &
last=$!
ok "somebody waits" wait_for 10 waiters_are 1
is "$(post /v1/guard '{"state":"clear"}' | jq -r .claims)" 0 "the emergency switch ends every claim"
wait "$last"
is "$(code <"$T/last")" not-claimed "and tells who waits"
post /v1/claims '{"pid":'"$pid"',"owner":{"uid":0}}' >/dev/null
post /v1/claims '{"pid":'"$pid"',"wait":true}' >"$T/last" &
last=$!
ok "somebody waits again" wait_for 10 waiters_are 1
kill "$pid"
wait "$last"
is "$(code <"$T/last")" no-such-process "and is told that the process ended"
ok "its claim ended with it" wait_for 10 claims_are 0
stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
