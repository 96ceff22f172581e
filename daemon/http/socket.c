/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/socket.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "lib/base/cleanup.h"
#include "lib/wire/request.h"

#define DIRECTORY_MODE 0755
#define SOCKETS_FLAGS  (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
#define HOST_MAX       64
#define PORT_MAX       8

static int socket_address(const char *path, struct sockaddr_un *ret, char *error, size_t size)
{
        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        if (strlen(path) >= sizeof(ret->sun_path) || !*path) {
                snprintf(error, size, "Socket path '%.200s' has %zu bytes; 1 to %zu are possible.", path,
                         strlen(path), sizeof(ret->sun_path) - 1);
                return -ENAMETOOLONG;
        }
        strcpy(ret->sun_path, path);
        return 0;
}

/*
 * Makes way for a new socket at the address: whatever lies there goes only if it is a socket that refuses
 * connections, which is what a killed daemon leaves behind.
 */
static int remove_stale(const struct sockaddr_un *a, char *error, size_t size)
{
        _cleanup_close_ int fd = -1;
        struct stat st;

        if (lstat(a->sun_path, &st) < 0)
                return 0; /* bind() finds the words for everything else */
        if (!S_ISSOCK(st.st_mode)) {
                snprintf(error, size, "%s exists and is not a socket: give another --socket or remove it.",
                         a->sun_path);
                return -EEXIST;
        }
        fd = socket(AF_UNIX, SOCKETS_FLAGS, 0);
        if (fd < 0)
                return -errno;
        /* EAGAIN: its queue is full, so somebody listens. */
        if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 || errno == EAGAIN) {
                snprintf(error, size,
                         "Another daemon answers on %s: stop it, or give this one its own --socket and "
                         "--state-dir.",
                         a->sun_path);
                return -EADDRINUSE;
        }
        if (errno == ECONNREFUSED)
                unlink(a->sun_path);
        return 0;
}

static const char *advice(int error)
{
        switch (error) {
        case ENOENT:
        case ENOTDIR:
                return "Create its directory, or give another --socket.";
        case EADDRINUSE:
                return "Remove what is there, or give another --socket.";
        default:
                return "Give another --socket.";
        }
}

int socket_listen_unix(const char *path, int *ret_fd, char *error, size_t size)
{
        _cleanup_close_ int fd = -1;
        struct sockaddr_un a;
        int r = socket_address(path, &a, error, size);

        if (r < 0)
                return r;
        if (!strcmp(path, SOCKET_DEFAULT_PATH)) {
                char directory[] = SOCKET_DEFAULT_PATH;

                *strrchr(directory, '/') = '\0';
                mkdir(directory, DIRECTORY_MODE); /* if that failed bind() says why it matters */
        }
        r = remove_stale(&a, error, size);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCKETS_FLAGS, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || chmod(path, SOCKET_MODE) < 0 ||
            listen(fd, SOCKET_BACKLOG) < 0) {
                r = -errno;
                snprintf(error, size, "Socket %s cannot be created: %s. %s", path, strerror(-r), advice(-r));
                return r;
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int socket_from_systemd(int *ret_fd, char *path, size_t path_size, char *error, size_t size)
{
        struct sockaddr_un a = {};
        socklen_t length = sizeof(a);
        int fd = SD_LISTEN_FDS_START;
        int n = sd_listen_fds(1);

        if (n <= 0) {
                *ret_fd = -1;
                return 0;
        }
        if (n > 1 || sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0) {
                snprintf(error, size,
                         "The service manager passed %d file descriptors: one listening Unix stream socket "
                         "is expected.",
                         n);
                return -EINVAL;
        }
        if (getsockname(fd, (struct sockaddr *)&a, &length) < 0)
                return -errno;
        snprintf(path, path_size, "%.*s", (int)sizeof(a.sun_path), a.sun_path);
        *ret_fd = fd;
        return 0;
}

static int bind_tcp(const struct addrinfo *a, int *ret_fd)
{
        _cleanup_close_ int fd = socket(a->ai_family, SOCKETS_FLAGS, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
            bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, SOCKET_BACKLOG) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int socket_listen_tcp(const char *address, int *ret_fd, char *error, size_t size)
{
        /* Numbers only: a daemon that starts early must not wait for a name server. */
        const struct addrinfo hints = {
                .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
                .ai_socktype = SOCK_STREAM,
        };
        char host[HOST_MAX], port[PORT_MAX];
        struct addrinfo *found = NULL;
        int r;

        if (address_split(address, host, sizeof(host), port, sizeof(port)) < 0 ||
            getaddrinfo(*host ? host : NULL, port, &hints, &found) != 0) {
                snprintf(error, size,
                         "'%.100s' is no address to listen on: give ADDRESS:PORT in numbers, such as "
                         "127.0.0.1:9732 or [::1]:9732.",
                         address);
                return -EINVAL;
        }
        r = bind_tcp(found, ret_fd);
        freeaddrinfo(found);
        if (r < 0)
                snprintf(error, size, "Metrics cannot be served on %.100s: %s.", address, strerror(-r));
        return r;
}
