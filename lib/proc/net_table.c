/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/proc/net_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"

#define STATE_ESTABLISHED 0x01
#define STATE_LISTEN      0x0a
#define HEX_V4            8  /* digits of an address */
#define HEX_V6            32 /* four words, each in the order of the machine */
#define ROW_BYTES_MAX     512

/* An address in hex, as words of the machine. */
static int parse_address(const char *hex, unsigned port, char ret[EVENT_ADDRESS_MAX])
{
        static const uint32_t mapped[3] = {0, 0, 0xffff0000};
        size_t n = strlen(hex) / HEX_V4;
        char text[INET6_ADDRSTRLEN];
        uint32_t words[4] = {};
        bool v4;

        if (strlen(hex) != HEX_V4 && strlen(hex) != HEX_V6)
                return -EINVAL;
        for (size_t i = 0; i < n; i++)
                if (sscanf(hex + i * HEX_V4, "%8" SCNx32, &words[i]) != 1)
                        return -EINVAL;
        v4 = n == 1 || memcmp(words, mapped, sizeof(mapped)) == 0;
        if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 && n == 4 ? &words[3] : &words[0], text, sizeof(text)))
                return -EINVAL;
        snprintf(ret, EVENT_ADDRESS_MAX, v4 ? "%s:%u" : "[%s]:%u", text, port);
        return 0;
}

int net_row_parse(const char *line, struct net_row *ret)
{
        char local[HEX_V6 + 1], remote[HEX_V6 + 1];
        unsigned local_port, remote_port, state;
        struct net_row row = {};

        if (sscanf(line, " %*u: %32[0-9A-F]:%4x %32[0-9A-F]:%4x %2x %*s %*s %*s %*u %*u %" SCNu64, local,
                   &local_port, remote, &remote_port, &state, &row.inode) != 6)
                return -EINVAL;
        if (parse_address(local, local_port, row.local) < 0 ||
            parse_address(remote, remote_port, row.remote) < 0)
                return -EINVAL;
        row.local_port = (uint16_t)local_port;
        row.listens = state == STATE_LISTEN;
        row.established = state == STATE_ESTABLISHED;
        *ret = row;
        return 0;
}

static int each_row(FILE *f, int (*fn)(void *userdata, const struct net_row *row), void *userdata)
{
        char line[ROW_BYTES_MAX];
        size_t total = 0;
        int r = 0;

        while (r == 0 && total < NET_TABLE_BYTES_MAX && fgets(line, sizeof(line), f)) {
                struct net_row row;

                total += strlen(line);
                if (net_row_parse(line, &row) == 0)
                        r = fn(userdata, &row);
        }
        return r;
}

int net_table_each(uint32_t pid, int (*fn)(void *userdata, const struct net_row *row), void *userdata)
{
        static const char *const tables[] = {"tcp", "tcp6"};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(tables) && r == 0; i++) {
                _cleanup_fclose_ FILE *f = NULL;
                char path[40];

                snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, tables[i]);
                f = fopen(path, "re");
                if (f)
                        r = each_row(f, fn, userdata);
                else if (i == 0) /* without IPv6 there is no second one */
                        r = -errno;
        }
        return r;
}
