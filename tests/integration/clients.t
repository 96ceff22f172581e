#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Clients that mean no good: crowds, garbage, bodies without end, followers that never read. The daemon goes
# on answering the others.
. "$(dirname "$0")/tap.bash"
need curl || skip_all "no curl"
need perl || skip_all "no perl"
start_daemon

USERS=3 EACH=140 # more than the limits for one user, and for all unprivileged ones
HELD=()

# One process that holds as many connections as it gets, each with a request whose answer does not end.
CROWD='
use IO::Socket::UNIX;
my ($path, $n) = @ARGV;
my @held;
for (1 .. $n) {
        my $s = IO::Socket::UNIX->new(Peer => $path) or last;
        $s->autoflush(1);
        print $s "GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n";
        push @held, $s;
}
sleep 600;
'

# as UID COMMAND... &: becomes the command, so that $! is its pid
as() {
        local uid=$1
        shift
        exec setpriv --reuid "$uid" --regid "$uid" --clear-groups -- "$@"
}
ask() { curl -s -m 10 --unix-socket "$T/sock" "http://x$1"; }
status_of() { curl -s -m 10 -o /dev/null -w '%{http_code}' --unix-socket "$T/sock" "$@"; }
descriptors() { find "/proc/$DAEMON/fd" -mindepth 1 | wc -l; }
few_descriptors() { (($(descriptors) <= before + 2)); }
all_followers_gone() { [[ $(ask /v1/status | jq .counts.followers) == 0 ]]; }
release() {
        kill "${HELD[@]}" 2>/dev/null
        wait "${HELD[@]}" 2>/dev/null
        HELD=()
}
chmod 755 "$T"
before=$(descriptors)

# ---- a crowd of several users, each with as many connections as it gets
crowd_of_users() {
        for ((u = 0; u < USERS; u++)); do
                as $((60000 + u)) perl -e "$CROWD" "$T/sock" "$EACH" &
                HELD+=($!)
        done
        sleep 2
}
crowd_of_users
is "$(status_of http://x/v1/status)" 200 "root is answered while users hold all they can get"
curl -s -N -D "$T/head" -o /dev/null --unix-socket "$T/sock" 'http://x/v1/events?follow=1' &
HELD+=($!)
ok "root can follow while users hold all followers they can get" wait_for 10 file_has "$T/head" ' 200 '
release
ok "followers that vanished are forgotten" wait_for 10 all_followers_gone
ok "and their descriptors closed" wait_for 10 few_descriptors

# ---- requests that are none
head -c 200000 /dev/urandom | timeout 10 curl -s -m 5 -o /dev/null --unix-socket "$T/sock" -X POST -T - http://x/v1/status
is "$(head -c 1000000 /dev/zero | status_of --data-binary @- http://x/v1/status)" 413 "a body too large is refused"
is "$(status_of "http://x/$(head -c 30000 /dev/zero | tr '\0' a)")" 414 "a path too long is refused"
is "$(status_of 'http://x/v1/processes/4294967297/why')" 400 "a pid too large is refused"
is "$(status_of 'http://x/v1/events?type=%ff%fe')" 400 "an argument that is no text is refused"
is "$(status_of http://x/healthz)" 200 "the daemon answers on"

# ---- followers that do not read lose events, and nobody else does
for ((i = 0; i < 8; i++)); do
        curl -s -N --limit-rate 1 -o /dev/null --unix-socket "$T/sock" 'http://x/v1/events?follow=1' &
        HELD+=($!)
done
fixture target target idle
idle=$PID
fixture tracer tracer hold "$idle"
ok "events are stored meanwhile" wait_for 10 traced_in_who "$idle"
release
# ---- the same where the daemon may open less than it has clients at a time
stop_daemon
ulimit -n 256
start_daemon
crowd_of_users
is "$(status_of http://x/v1/status)" 200 "root is answered where few descriptors are to be had"
like "$(ctl status 2>&1)" "^ptraced" "the client is, too"
release

stop_daemon
is "$RC" 0 "the daemon stops cleanly"
done_testing
