#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the daemon, which is root, does not do for those who are not: give a claim's secret away, take one process
# for another, look behind closed doors, wait for somebody's file system, trace what its asker may not.
# guests: claims
#
# It has mounts of its own, which the daemon sees.
if [[ ! ${OWN_MOUNTS-} ]] && unshare -m true 2>/dev/null; then
        export OWN_MOUNTS=1
        exec unshare -m "$BASH" "$0"
fi
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
need curl || skip_all "no curl"
need jq || skip_all "no jq"
start_daemon --pin-dir "$PINS"

# ---- it needs no more than its unit gives it
unit_capabilities() { sed -n 's/^CapabilityBoundingSet=//p' "$ROOT/systemd/ptraced.service" | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g'; }
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null # the unit has it mounted
is "$(setpriv --bounding-set="-all,$(unit_capabilities)" --inh-caps=-all "$PTRACED" --probe | jq -r .tier)" "$TIER_NOW" \
        "with the capabilities of its unit it reaches the same tier"

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
        spawn fault strace -qq -o "$T/random" -e trace=getrandom -e inject=getrandom:error=EAGAIN -p "$DAEMON"
        wait_for 10 has_tracer "$DAEMON" "$PID"
        post /v1/claims '{"pid":'"$root"',"owner":{"token":true}}' >"$T/claim"
        kill "$PID"
        ended "$PID"
        if [[ -s $T/random ]]; then
                is "$(code <"$T/claim")" no-token "no token can be made: no claim"
                is "$(get "/v1/claims?pid=$root" | jq '.claims | length')" 0 "that nobody could ever use"
        else
                skip "no token can be made" "this C library asks the kernel for random bytes without a system call"
                release "$(jq .claim.id "$T/claim")"
        fi
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
        like "$(inherited "$mode" POST /v1/holds '{"pid":'"$mine"'}')" '^403 .*no-caller' "$mode: nothing is held for it"
        like "$(inherited "$mode" POST /v1/claims '{"pid":'"$mine"',"owner":{"exe":"/bin/sh"}}')" '^403 .*no-caller' \
                "$mode: no path is looked up for it"
        [[ $mode == gone ]] || {
                id=$(post /v1/claims '{"pid":'"$root"',"owner":{"pid":'"$HEIR"'}}' | jq .claim.id)
                like "$(inherited "$mode" POST "/v1/claims/$id/enter")" '^403 .*no-caller' \
                        "$mode: who has its pid now is not let in by its connection"
                release "$id"
        }
        if [[ $means == kernel ]]; then
                like "$(inherited "$mode" POST /v1/claims '{"pid":'"$mine"',"owner":{"uid":65534}}')" '^201 ' "$mode: a claim for the user"
                like "$(inherited "$mode" DELETE "/v1/claims/$(get "/v1/claims?pid=$mine" | jq '.claims[0].id')")" '^200 ' "$mode: is theirs"
        else
                like "$(inherited "$mode" POST /v1/claims '{"pid":'"$mine"',"owner":{"uid":65534}}')" '^403 .*no-caller' \
                        "$mode: no claim that would be a hold"
                id=$(nobody_post /v1/claims '{"pid":'"$mine"',"owner":{"uid":65534}}' | jq .claim.id)
                like "$(inherited "$mode" DELETE "/v1/claims/$id")" '^200 ' "$mode: the user's claim may be released"
        fi
        kill "$PID"
        ended "$PID"
done

passwd=$(command -v passwd) && [[ -u $passwd ]] && {
        as_nobody_fixture hidden target nodump
        hidden=$PID
        heir raised raised
        is_raised() { [[ $(awk '$1 == "Uid:" {print $3}' "/proc/$HEIR/status") == 0 ]]; }
        ok "a process that connected as a user runs as root" wait_for 10 is_raised
        like "$(inherited raised POST /v1/holds '{"pid":'"$hidden"'}')" '^403 .*runs as another user now' \
                "and gives its rights to nobody"
        like "$(inherited raised GET "/v1/processes/$hidden/why")" '^403 .*no-caller' "nor lends them"
}

# ---- a path: as who asks sees it, and at once
mkdir "$T/closed" "$T/open" "$T/hang"
cp /bin/true "$T/closed/there"
cp /bin/true "$T/open/there"
chmod 711 "$T/open"
chmod 700 "$T/closed"
ln -s "$T/closed/there" "$T/open/link"
# found PATH [HINT]: what nobody, who looked at it before, is answered
found() {
        "${NOBODY[@]}" stat "$1" >/dev/null 2>&1
        nobody_post /v1/claims '{"pid":'"$mine"',"owner":{"exe":"'"$1"'"},"mode":"audit"}' >"$T/found"
        jq -r '.error.message // "found"' "$T/found"
        [[ $(jq -r .schema "$T/found") != ptraced.claim/1 ]] || release "$(jq .claim.id "$T/found")"
}
is "$(found "$T/open/there")" found "a file that its asker can see"
# An overlay follows none without waiting: found by the name without links, as ptracectl sends it.
if [[ $(stat -fc %T /bin/) == overlayfs ]]; then
        like "$(found /bin/sh)" "is not in the kernel's memory" "a symbolic link of an overlay cannot be followed"
        like "$(jq -r .error.hint "$T/found")" 'readlink -f' "and what to name instead"
        is "$(found "$(readlink -f /bin/sh)")" found "that is found"
else
        is "$(found /bin/sh)" found "by a symbolic link, too"
fi
# A tmpfs has nothing in memory of what is not there.
missing='No such file'
[[ $(stat -fc %T "$T") != tmpfs ]] || missing='not there'
like "$(found "$T/open/none")" "$missing" "one that is not there"
closed='Permission denied|closed to you'
like "$(found "$T/closed/there")" "$closed" "behind a closed door: whether there is one"
is "$(found "$T/closed/none" | sed 's/none/there/')" "$(found "$T/closed/there")" "or not, the answer is the same"
like "$(found "$T/open/link")" "$closed" "also by a link"
like "$(found /proc/1/exe)" "$closed|symbolic links" "nor what root's processes run"
is "$(post /v1/claims '{"pid":'"$mine"',"owner":{"exe":"'"$T/closed/there"'"},"mode":"audit"}' | jq -r .schema)" ptraced.claim/1 \
        "root sees it"
release "$(get "/v1/claims?pid=$mine" | jq '.claims[0].id')"
is "$(stat -c %u:%g "/proc/$DAEMON")/$(awk '$1 == "Uid:" || $1 == "Gid:" {print $5}' "/proc/$DAEMON/status" | xargs)" \
        "0:0/0 0" "the daemon is itself afterwards"
mkdir "$T/elsewhere"
"${NOBODY[@]}" unshare -Ur true 2>/dev/null && {
        answer=$("${NOBODY[@]}" unshare -Urm bash -c '
                mount -t tmpfs none "$1" && cp /bin/true "$1/tool" && stat "$1/tool" >/dev/null &&
                        curl -s --unix-socket "$2" -d "{\"pid\":$3,\"owner\":{\"exe\":\"$1/tool\"},\"mode\":\"audit\"}" http://x/v1/claims' \
                - "$T/elsewhere" "$T/sock" "$mine")
        is "$(jq -r .schema <<<"$answer")" ptraced.claim/1 "a file that is only in its asker's mounts" || diag "$answer"
        release "$(get "/v1/claims?pid=$mine" | jq '.claims[0].id')"
}
groups=/sys/fs/cgroup
[[ $(stat -fc %T $groups) == cgroup2fs ]] || groups+=/unified
if [[ $(stat -fc %T $groups 2>/dev/null) == cgroup2fs ]]; then
        of_cgroup() {
                nobody_post /v1/claims '{"pid":'"$mine"',"owner":{"cgroup":"'"$1"'"},"mode":"audit"}' >"$T/found"
                jq -r '.error.message // "found"' "$T/found"
                [[ $(jq -r .schema "$T/found") != ptraced.claim/1 ]] || release "$(jq .claim.id "$T/found")"
        }
        is "$(of_cgroup /)" found "the root of cgroups"
        like "$(of_cgroup "/../../../..$T/closed")" 'No such file' "a cgroup's path leads nowhere else"
fi
# A file system that never answers: nobody serves what the descriptor is for.
if [[ ${OWN_MOUNTS-} && -c /dev/fuse ]] && exec {fuse}<>/dev/fuse &&
        mount -t fuse -o "fd=$fuse,rootmode=40000,user_id=0,group_id=0,allow_other" none "$T/hang" 2>/dev/null; then
        began=$SECONDS
        ask -m $((15 * T_SCALE)) -d '{"pid":'"$mine"',"owner":{"exe":"'"$T/hang/there"'"}}' http://x/v1/claims >"$T/hung" &
        hung=$!
        read -rt 0.5 -u "$SILENCE"
        is "$(ask -m $((5 * T_SCALE)) http://x/healthz)" ok "a file system that hangs stops nobody"
        wait_for 6 gone "$hung"
        is "$(code <"$T/hung")" try-again "a path that would have to be waited for is refused"
        ok "at once" test $((SECONDS - began)) -lt $((5 * T_SCALE))
        exec {fuse}>&-
        umount -l "$T/hang"
else
        skip "a file system that hangs" "no FUSE here"
fi

# ---- what ptraced traces for somebody is what they may trace
spawn capable setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+net_raw --ambient-caps=+net_raw "$FIXTURES/target" idle
said capable '^ready '
capable=$PID
as_nobody_fixture nodump target nodump
nodump=$PID
# may_not NAME PID RULE
may_not() {
        local what
        answer=$(nobody_post /v1/holds '{"pid":'"$2"'}' -w '%{http_code}')
        is "${answer: -3}" 403 "$1: not held"
        like "$answer" "$3" "and it says which rule"
        is "$(nobody_post /v1/holds '{"pid":'"$2"',"catch":true}' | code)" not-permitted "$1: not caught"
        for what in true false; do
                like "$(nobody_post /v1/heal '{"pid":'"$2"',"dry_run":'$what'}' | message)" "may not heal .*$3" "$1: not healed (dry run: $what)"
        done
        answer=$(nobody_post /v1/claims '{"pid":'"$2"'}')
        if [[ $means == hold ]]; then
                like "$(message <<<"$answer")" "may not claim .*$3" "$1: not held by a claim"
        else
                is "$(jq -r .schema <<<"$answer")" ptraced.claim/1 "$1: claimed in the kernel, which traces nothing"
                release "$(jq .claim.id <<<"$answer")"
        fi
        "${NOBODY[@]}" "$PTRACECTL" hold "$2" >/dev/null 2>"$T/e"
        is "$?" 4 "$1: ptracectl ends with 4"
        is "$(tracer_of "$2")" 0 "$1: nobody traces it"
        is "$(post /v1/holds '{"pid":'"$2"'}' | jq -r .schema)" ptraced.hold/1 "$1: root may"
        ask -X DELETE "http://x/v1/holds/$2" >/dev/null
}
may_not "more capabilities" "$capable" "has capabilities that the caller lacks"
may_not "not dumpable" "$nodump" "is not dumpable"
spawn walled setpriv --reuid=65534 --regid=65534 --clear-groups unshare -U "$FIXTURES/target" idle
if said walled '^ready ' 5; then
        is "$(nobody_post /v1/holds '{"pid":'"$PID"'}' | jq -r '.schema // .error.message')" ptraced.hold/1 \
                "a namespace below, which the user made: held, as the kernel would let them"
        ask -X DELETE "http://x/v1/holds/$PID" >/dev/null
        answer=$("${NOBODY[@]}" unshare -U curl -s --unix-socket "$T/sock" -d '{"pid":'"$mine"'}' http://x/v1/holds)
        like "$(message <<<"$answer")" "lives in another user namespace" "from within such a namespace: not held outside"
fi
is "$(nobody_post /v1/holds '{"pid":'"$mine"'}' | jq -r .schema)" ptraced.hold/1 "their own they may hold"
is "$(as_nobody -X DELETE "http://x/v1/holds/$mine" | jq -r .schema)" ptraced.hold/1 "and let go"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
