#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A daemon whose root is not the machine's, and no mount point either: the kernel's paths begin above it. What programs
# run into is told as from outside, and nobody is accused of what cannot be seen.
# guests: long
# debian13
. "$(dirname "$0")/tap.bash"
[[ $EUID -eq 0 ]] || skip_all "not root"
unshare -m --propagation private true 2>/dev/null || skip_all "no mount namespace of its own can be made here"

below=$T/below
mkdir -p "$below"/{proc,sys,dev,run,bin}
# with_libraries PROGRAM: copied there, with what it is linked with
with_libraries() {
        local library
        cp "$1" "$below/bin/"
        ldd "$1" | grep -o '/[^ ]*' | while read -r library; do
                [[ -e $below$library ]] || { mkdir -p "$below$(dirname "$library")" && cp -L "$library" "$below$library"; }
        done
}
for program in "$PTRACED" "$FIXTURES/target" "$FIXTURES/tracer"; do with_libraries "$program"; done

# Mounts below it are those of a namespace of its own, and go with it.
cat >"$T/chrooted" <<END
#!/bin/sh
exec unshare -m --propagation private sh -c '
        for dir in proc sys dev; do mount --rbind /\$dir "$below/\$dir" || exit; done
        exec chroot "$below" "\$@"' - "\$@"
END
chmod 755 "$T/chrooted"

# The socket and the store are below, too; the client is not.
"$T/chrooted" "/bin/$(basename "$PTRACED")" --socket /run/sock --state-dir /run/state ${TIER:+--tier "$TIER"} 2>"$T/daemon.log" &
DAEMON=$!
export PTRACED_SOCKET=$below/run/sock
if ! ctl status --wait $((10 * T_SCALE)) >/dev/null 2>"$T/wait.err"; then
        fail "the daemon starts" "$(cat "$T/wait.err" "$T/daemon.log")"
        done_testing
fi
TIER_NOW=$(ctl status --json | jq -r .tier)
sees_signals || skip_all "tier proc does not see signals"

# below_fixture NAME PROGRAM ARG...: as fixture, in that root
below_fixture() {
        local name=$1 program=$2
        shift 2
        spawn "$name" "$T/chrooted" "/bin/$program" "$@"
        said "$name" '^ready '
}

# ---- a program in that root, which nobody has traced and somebody has
below_fixture own target int3
own=$PID
go "$own"
ended "$own"
is "$RC" 133 "a program below: its own int3 kills it"
finds "a program below: it is the program's own" orphan-breakpoint/hard-coded "$own"
text=$(finding_text "$own" orphan-breakpoint/hard-coded)
like "$text" 'part of the program itself' "a program below: which the file shows"
like "$text" 'hit_int3' "a program below: the finding names the function"
like "$text" '\(/bin/target\)' "a program below: and the file as it sees it"

# traced_once PID: a tracer was there, has stopped it, and has left well
traced_once() {
        fixture visitor tracer plant "$1" "$2"
        local visitor=$PID
        go "$visitor"
        ended "$visitor"
}
below_fixture visited target int3
visited=$PID
traced_once "$visited" "$(value visited work)"
go "$visited"
ended "$visited"
finds "a program below that was traced: it is the program's own" orphan-breakpoint/hard-coded "$visited"

below_fixture left target once
left=$PID
below_fixture leaver tracer plant-dirty "$left" "$(value left work)"
go "$left"
ended "$left"
finds "a breakpoint that was left below" orphan-breakpoint/dirty-detach "$left"
like "$(finding_text "$left" orphan-breakpoint/dirty-detach)" 'at work[^ ]* \(/bin/target\)' "it names the function"

# ---- a program above: from below its file is seen with luck, by what the machine's first process sees
fixture above target int3
above=$PID
traced_once "$above" "$(value above work)"
go "$above"
ended "$above"
finds "a program above that was traced" "orphan-breakpoint/\(hard-coded\|file-unseen\)" "$above"
unlike "$(findings "$above")" dirty-detach "a program above: nobody is accused"

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
