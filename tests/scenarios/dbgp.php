<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// dbgp.php: a small DBGp client, the part of an IDE that listens and steps.
//
// dbgp.php [PORT]: listens on that port of 127.0.0.1, or a free one ("ready port=N"), takes one Xdebug
// connection ("connected pid=N"), sends step_into every 20 ms and says "steps N line L" for each tenth. No
// answer within a second: "stalled N"; when it comes at last: "resumed N after S". A line on standard input,
// or its end, makes it send detach and end.

const TICK_US = 20000;
const STALL_S = 1.0;

function fail(string $what): never
{
    fwrite(STDERR, "dbgp: $what\n");
    exit(1);
}

/** One packet is: length NUL xml NUL. Null when nothing complete came within $seconds. */
function packet($conn, string &$buf, float $seconds): ?string
{
    $until = microtime(true) + $seconds;
    do {
        if (preg_match('/^(\d+)\0/', $buf, $m) && strlen($buf) >= strlen($m[0]) + (int) $m[1] + 1) {
            $xml = substr($buf, strlen($m[0]), (int) $m[1]);
            $buf = substr($buf, strlen($m[0]) + (int) $m[1] + 1);
            return $xml;
        }
        $left = max(0, $until - microtime(true));
        $read = [$conn];
        $none = null;
        if (stream_select($read, $none, $none, (int) $left, (int) (fmod($left, 1) * 1e6)) < 1) {
            return null;
        }
        $more = fread($conn, 65536);
        if ($more === '' || $more === false) {
            exit(0); // the program ended
        }
        $buf .= $more;
    } while (true);
}

function told(): bool
{
    $read = [STDIN];
    $none = null;
    return stream_select($read, $none, $none, 0, 0) > 0;
}

$life = (int) (getenv('FIXTURE_SECONDS') ?: 90);
pcntl_alarm($life);
$server = stream_socket_server('tcp://127.0.0.1:' . (int) ($argv[1] ?? 0), $no, $text) ?: fail($text);
echo 'ready pid=', getmypid(), ' port=', explode(':', stream_socket_get_name($server, false))[1], "\n";
$conn = stream_socket_accept($server, $life) ?: fail('nobody connected');
stream_set_blocking($conn, false);
$buf = '';
$init = packet($conn, $buf, $life) ?? fail('no init packet');
preg_match('/appid="(\d+)"/', $init, $m);
echo 'connected pid=', $m[1] ?? 0, "\n";

for ($n = 1; !told(); $n++) {
    fwrite($conn, "step_into -i $n\0");
    $sent = microtime(true);
    $answer = packet($conn, $buf, STALL_S);
    if ($answer === null) {
        echo "stalled $n\n";
        while (($answer = packet($conn, $buf, STALL_S)) === null) {
            if (told()) {
                exit(0);
            }
        }
        printf("resumed %d after %.1f\n", $n, microtime(true) - $sent);
    }
    if (str_contains($answer, 'status="stopp')) {
        break;
    }
    if ($n % 10 == 0) {
        echo "steps $n line ", preg_match('/lineno="(\d+)"/', $answer, $m) ? $m[1] : '?', "\n";
    }
    usleep(TICK_US);
}
fwrite($conn, "detach -i 0\0");
