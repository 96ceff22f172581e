#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Policy files: what is wrong with one is told with its line, with or without a daemon, and a bad one never
# replaces a good one. What rules do to tracers is shown where the kernel can refuse (guard-policy.t).
. "$(dirname "$0")/tap.bash"
. "$(dirname "$0")/guard.bash"
need jq || skip_all "no jq"
[[ -x $PTRACED && -x $PTRACECTL ]] || skip_all "not built: $PTRACED"
umask 022

# ---- without a daemon
export PTRACED_SOCKET=$T/none
F=$T/x.conf
# check STATUS STDERR NAME LINE...: a file of these lines
check() {
        local status=$1 want=$2 name=$3 said rc
        shift 3
        printf '%s\n' "$@" >"$F"
        said=$("$PTRACECTL" policy check "$F" 2>&1 >/dev/null)
        rc=$?
        is "$rc: $said" "$status: ${want:+ptracectl: $want}" "check: $name"
}
check 0 '' "a good file" '# who may' '[a]' 'exe = */php*' 'say = single'
check 1 "$F:3: say cannot be 'sinlge', did you mean single: give single, owner-only, deny, audit or off." \
        "a wrong word" '[a]' 'exe = */php*' 'say = sinlge'
check 1 "$F:2: there is no key 'exes' in a rule, did you mean exe: the keys are exe, comm, uid or cgroup, say, mode, tracer-exe, tracer-uid and memory." \
        "a wrong key" '[a]' 'exes = */php*'
check 1 "$F:1: [a] has no condition and would hold for every process: add exe, comm, uid or cgroup, or exe = * if every process is meant." \
        "no condition" '[a]' 'say = deny'
check 0 '' "no condition, and nothing refused" '[a]' 'say = audit'
check 0 '' "every process, and said so" '[a]' 'exe = *' 'say = deny'
check 1 "$F:4: there is a rule [a] already, at $F:1: give it another name." \
        "two rules of a name" '[a]' 'exe = /a' 'say = off' '[a]'
check 1 "$F:2: exe 'php' can never match: paths begin with /, so write /... or */php." "no path" '[a]' 'exe = php'
check 1 "$F:2: uid cannot be 'nobody-at-all': there is no such user here; give a user's name, or a number from 0 to 4294967294." \
        "no user" '[a]' 'uid = nobody-at-all'
check 1 "$F:2: this is neither [rule] nor key = value nor a # comment." "no INI" '[a]' 'say'
ln -s "$(readlink -f /bin/true)" "$T/link"
check 0 "$F:1: [a] exe $T/link leads to $(readlink -f /bin/true), and never matches: a process is compared by its own path." \
        "a link to an executable" '[a]' "exe = $T/link" 'say = single'
check 0 "$F:1: [a] exe $T/none is not there now (No such file or directory)." "a file that is not there" \
        '[a]' "exe = $T/none" 'say = single'

"$PTRACECTL" policy check "$T/none.conf" >/dev/null 2>"$T/e"
is "$? $(cat "$T/e")" "1 ptracectl: Policy $T/none.conf cannot be read: No such file or directory." "check: no such file"
printf '[a]\nsay = off\n' >"$F"
chmod 646 "$F"
"$PTRACECTL" policy check "$F" >/dev/null 2>"$T/e"
is "$? $(cat "$T/e")" "1 ptracectl: Policy $F can be written by others than its owner: chmod go-w $F." "check: a file that others may write"
chmod 644 "$F"
printf '[b]\nnonsense = 1\n' >"$F"
is "$("$PTRACECTL" policy check "$F" --json 2>/dev/null | jq -r '"\(.schema) \(.error.code)"')" "ptraced.error/1 bad-policy" \
        "check --json: an error object"
printf '[b]\nuid = 0\nsay = owner-only\ntracer-uid = 0\n' >"$F"
is "$("$PTRACECTL" policy check "$F" --json | jq -c '[.schema, (.rules[0] | .name, .line, .say, .uid, .exe, .tracer_uid)]')" \
        '["ptraced.policy/1","b",1,"owner-only",0,null,[0]]' "check --json: the rules"

# The sample is harmless as it comes, and right when its rules are switched on.
cp "$ROOT/daemon/policy.conf" "$F"
is "$("$PTRACECTL" policy check "$F" --json | jq '.rules | length')" 0 "the sample has no rule"
sed -i 's/^#\(\[\|[a-z-]* = \)/\1/' "$F"
is "$("$PTRACECTL" policy check "$F" --json 2>/dev/null | jq -c '[.rules[].say]')" '["single","single","owner-only","deny"]' \
        "and good ones in its comments"

# ---- with one. Only rules that refuse nothing: those that do need the kernel's guard.
mkdir "$POLICY"
printf '[guard]\npolicy-dir = %s\n' "$POLICY" >"$T/ptraced.conf"
put() { printf '%s\n' "${@:2}" >"$POLICY/$1.conf"; }
rules() { ctl policy show --json | jq -c '[.rules[].name]'; }
rules_are() { [[ $(rules) == "$1" ]]; }
error_is() { [[ $(ctl policy show --json | jq -r '.error // "none"') == "$1" ]]; }
events_are() { [[ $(ctl events --type "$2" --json | jq -s 'map(select(.type != "loss")) | length') -ge $1 ]]; }

put 20 '[second]' 'uid = 0' 'say = off'
put 10 '[first]' 'exe = */php*' 'say = off'
start_daemon --config "$T/ptraced.conf" --pin-dir "$PINS"
is "$(rules)" '["first","second"]' "the start reads the files in the order of their names"
like "$(ctl policy show)" "2 rules of $POLICY.*first .*exe=\*/php\*.* off .*$POLICY/10.conf:1.*second .*uid=0 " "show: a table"
put 30 '[third]' 'comm = x*' 'say = off'
is "$(rules)" '["first","second"]' "a new file waits for a reload"
ctl policy reload >"$T/o" 2>"$T/e"
is "$? $(rules)" '0 ["first","second","third"]' "reload by the verb"
rm "$POLICY/30.conf"
kill -HUP "$DAEMON"
ok "reload by SIGHUP" wait_for 10 rules_are '["first","second"]'

if [[ $(ctl guard status --json | jq .working) == true ]]; then
        is "$(ctl policy show --json | jq .enforced)" true "the rules hold"
        is "$(ctl policy show 2>&1 >/dev/null)" "" "and show has nothing to add"
else
        is "$(ctl policy show --json | jq .enforced)" false "without the kernel's guard no rule holds"
        like "$(ctl policy show 2>&1 >/dev/null)" "hold for nobody" "which show says"
fi

put 30 '[third]' 'comm = x*' 'say = of'
bad="$POLICY/30.conf:3: say cannot be 'of', did you mean off: give single, owner-only, deny, audit or off."
ctl policy reload >"$T/o" 2>"$T/e"
is "$? $(head -n 1 "$T/e")" "1 ptracectl: $bad The former policy stays." "a mistake is told by reload"
is "$(rules)" '["first","second"]' "and the former policy stays, whole"
ok "show tells the mistake, too" error_is "$bad"
like "$(ctl policy show 2>&1 >/dev/null)" "former policy holds: $POLICY/30.conf:3" "show: in words"
is "$(ctl policy reload --json 2>/dev/null | jq -r '"\(.schema) \(.error.code)"')" "ptraced.error/1 bad-policy" "reload --json: an error object"
kill -HUP "$DAEMON"
ok "a mistake is told by SIGHUP, too: in the log" wait_for 10 file_has "$T/daemon.log" '30.conf:3: say cannot be'
is "$(rules)" '["first","second"]' "and the former policy stays"
ok "an event tells each rejection" wait_for 10 events_are 3 policy.rejected

chmod 666 "$POLICY/10.conf"
rm "$POLICY/30.conf"
ctl policy reload >"$T/o" 2>"$T/e"
is "$? $(rules)" '1 ["first","second"]' "a file that others may write is not read"
chmod 644 "$POLICY/10.conf"
ln -s "$POLICY/10.conf" "$POLICY/40.conf"
ctl policy reload >"$T/o" 2>"$T/e"
is "$? $(rules)" '1 ["first","second"]' "nor a symbolic link"
like "$(cat "$T/e")" "$POLICY/40.conf is a symbolic link" "which is told"
rm "$POLICY/40.conf"
"${NOBODY[@]}" "$PTRACECTL" policy reload >"$T/o" 2>"$T/e"
is "$?" 4 "others than root may not reload"
ctl policy reload >/dev/null
ok "a good policy clears the mistake" error_is none
rm "$POLICY"/*.conf
ctl policy reload >/dev/null
is "$(rules)" '[]' "no file, no rule"
rmdir "$POLICY"
ctl policy reload >"$T/o" 2>"$T/e"
is "$? $(rules)" '0 []' "no directory, no rule"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
