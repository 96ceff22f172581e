/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Rows of /proc/PID/net/tcp and tcp6, which have the TCP sockets of a network namespace. Pure but for the
 * last one. */

#include <stdbool.h>
#include <stdint.h>

#include "lib/event/event.h"

#define NET_TABLE_BYTES_MAX (256 * 1024) /* read of a table; those who listen come first in it */

struct net_row {
        char local[EVENT_ADDRESS_MAX], remote[EVENT_ADDRESS_MAX]; /* "127.0.0.1:9003", "[::1]:9003" */
        uint16_t local_port;
        bool listens, established;
        uint64_t inode; /* of the socket, as "socket:[INODE]" has it */
};

/* -EINVAL: no row. */
int net_row_parse(const char *line, struct net_row *ret);
/* The rows of both tables, as that process has them, until fn returns non-zero. -errno: there is no table. */
int net_table_each(uint32_t pid, int (*fn)(void *userdata, const struct net_row *row), void *userdata);
