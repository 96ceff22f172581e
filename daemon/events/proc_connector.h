/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The kernel's process events connector: fork, exec, exit and PTRACE_ATTACH/DETACH of every task, over
 * netlink. Only in the initial namespaces; before Linux 6.6 only with CAP_NET_ADMIN. Source:
 * linux/cn_proc.h, drivers/connector/cn_proc.c.
 */

#include <stddef.h>
#include <stdint.h>

#include <linux/cn_proc.h>

#define PROC_CONNECTOR_BUFFER      (1 << 20) /* bytes the kernel keeps for us */
#define PROC_CONNECTOR_BATCH       256       /* messages read in one turn of the event loop */
#define PROC_CONNECTOR_MESSAGE_MAX 1024      /* bytes of one; longer ones are cut */

/* A non-blocking socket that listens; the caller closes it. -errno with a reason: a sentence without a full
 * stop. */
int proc_connector_open(char *reason, size_t size);
/* The event in a netlink message. -EBADMSG: it is another's, or cut. */
int proc_connector_parse(const uint8_t *data, size_t size, struct proc_event *ret);
/* Call fn for what has arrived. 0; -ENOBUFS when the kernel dropped messages since the last call; -errno. */
int proc_connector_read(int fd, void (*fn)(void *userdata, const struct proc_event *e), void *userdata);
