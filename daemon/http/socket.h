/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The sockets people reach the daemon on. A Unix socket left behind by a daemon that was killed is replaced;
 * one that somebody answers on is not. Errors are sentences; nothing is logged.
 */

#include <stddef.h>

#define SOCKET_DEFAULT_PATH "/run/ptraced/ptraced.sock"
#define SOCKET_MODE         0666 /* whoever connects is told apart by SO_PEERCRED */
#define SOCKET_BACKLOG      64

/* A listening socket at path; the default path's directory is created. -errno with a sentence. */
int socket_listen_unix(const char *path, int *ret_fd, char *error, size_t size);
/* The one socket systemd passed to us. 0 and -1 in *ret_fd: none was passed. Its path goes into path. */
int socket_from_systemd(int *ret_fd, char *path, size_t path_size, char *error, size_t size);
/* A listening TCP socket at "ADDRESS:PORT". -EINVAL for a text that is no address. */
int socket_listen_tcp(const char *address, int *ret_fd, char *error, size_t size);
