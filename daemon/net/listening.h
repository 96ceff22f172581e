/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who listened at debuggers' ports before the daemon came: DBGp clients in its own network namespace, and
 * each Delve in the one it is in, with the clients it has. At the start only: one look at each process, and
 * at no more than LISTENING_FDS_MAX descriptors in all.
 */

#include "lib/event/event.h"
#include "lib/wire/config.h"

#define LISTENING_FDS_MAX     65536
#define LISTENING_SOCKETS_MAX 64 /* of one namespace, as far as they are a debugger's */

typedef int (*listening_emit)(void *userdata, struct event *e);

/* One net.connect for each. Returns what emit returned if that is not 0, or -errno. */
int listening_scan(const struct port_list *dbgp, listening_emit emit, void *userdata);
