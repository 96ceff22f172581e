<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// fcgi.php SOCKET SCRIPT: send one FastCGI request to php-fpm's Unix socket, print what it answers.

const BEGIN = 1, PARAMS = 4, INPUT = 5, OUTPUT = 6, END = 3;

function record(int $type, string $body): string
{
    return pack('CCnnCx', 1, $type, 1, strlen($body), 0) . $body;
}

[, $socket, $script] = $argv + [null, '', ''];
$conn = stream_socket_client("unix://$socket", $no, $text, 5);
if (!$conn) {
    fwrite(STDERR, "fcgi: $socket: $text\n");
    exit(1);
}
$params = '';
foreach (['SCRIPT_FILENAME' => $script, 'REQUEST_METHOD' => 'GET', 'SCRIPT_NAME' => '/slow.php'] as $k => $v) {
    $params .= pack('CN', strlen($k), 0x80000000 | strlen($v)) . $k . $v;
}
fwrite($conn, record(BEGIN, pack('nCx5', 1, 0)) . record(PARAMS, $params) . record(PARAMS, '') . record(INPUT, ''));
while (strlen($head = (string) stream_get_contents($conn, 8)) == 8) {
    ['type' => $type, 'len' => $len, 'pad' => $pad] = unpack('Cversion/Ctype/nid/nlen/Cpad', $head);
    $body = $len ? stream_get_contents($conn, $len) : '';
    if ($pad) {
        stream_get_contents($conn, $pad);
    }
    if ($type == OUTPUT) {
        echo $body;
    }
    if ($type == END) {
        exit(0);
    }
}
fwrite(STDERR, "fcgi: connection closed early\n");
exit(1);
