/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/netns.h"

#include <sys/stat.h>

/* 0: it cannot be told. */
static uint32_t own_netns(void)
{
        struct stat st;

        return stat("/proc/self/ns/net", &st) < 0 ? 0 : (uint32_t)st.st_ino;
}

void netns_compare(struct event *e)
{
        uint32_t own = e->netns ? own_netns() : 0;

        e->other_netns = own && e->netns != own;
}
