<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// A request that takes longer than php-fpm's request_slowlog_timeout.
for ($i = 0; $i < 80; $i++) {
    usleep(100000);
}
echo "slow request done\n";
