<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// A PHP program to step through: a loop that never runs out of lines. Ends after FIXTURE_SECONDS.
$end = microtime(true) + (int) (getenv('FIXTURE_SECONDS') ?: 90);
$n = 0;
while (microtime(true) < $end) {
    $n++;
    $n += 2;
    usleep(1000);
}
