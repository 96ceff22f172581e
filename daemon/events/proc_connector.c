/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events/proc_connector.h"

#include <errno.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define ACK_TIMEOUT_MS 200
#define ACK_ROUNDS     64 /* other events may come before the acknowledgement */

/* Copied: inside the message it is not aligned, and older kernels send less. */
int proc_connector_parse(const uint8_t *data, size_t size, struct proc_event *ret)
{
        struct nlmsghdr header;
        struct cn_msg message;
        struct proc_event event = {};
        size_t n = offsetof(struct proc_event, event_data);

        if (size < NLMSG_HDRLEN + sizeof(message))
                return -EBADMSG;
        memcpy(&header, data, sizeof(header));
        memcpy(&message, data + NLMSG_HDRLEN, sizeof(message));
        if (header.nlmsg_len > size || message.id.idx != CN_IDX_PROC || message.id.val != CN_VAL_PROC ||
            message.len < n || message.len > size - NLMSG_HDRLEN - sizeof(message))
                return -EBADMSG;
        memcpy(&event, data + NLMSG_HDRLEN + sizeof(message), MIN_OF((size_t)message.len, sizeof(event)));
        *ret = event;
        return 0;
}

/* 1 with an event, 0 when nothing (more) has come, -errno. Only the kernel is listened to. */
static int receive(int fd, struct proc_event *ret)
{
        for (unsigned i = 0; i < PROC_CONNECTOR_BATCH; i++) {
                uint8_t data[PROC_CONNECTOR_MESSAGE_MAX];
                struct sockaddr_nl from = {};
                socklen_t length = sizeof(from);
                ssize_t n =
                        recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from, &length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                if (from.nl_pid == 0 && proc_connector_parse(data, (size_t)n, ret) == 0)
                        return 1;
        }
        return 0;
}

int proc_connector_read(int fd, void (*fn)(void *userdata, const struct proc_event *e), void *userdata)
{
        for (unsigned i = 0; i < PROC_CONNECTOR_BATCH; i++) {
                struct proc_event event;
                int r = receive(fd, &event);

                if (r <= 0)
                        return r;
                fn(userdata, &event);
        }
        return 0;
}

static int subscribe(int fd)
{
        const enum proc_cn_mcast_op op = PROC_CN_MCAST_LISTEN;
        struct nlmsghdr header = {.nlmsg_type = NLMSG_DONE};
        struct cn_msg message = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof(op)};
        uint8_t data[NLMSG_SPACE(sizeof(message) + sizeof(op))] = {};

        header.nlmsg_len = NLMSG_LENGTH(sizeof(message) + sizeof(op));
        memcpy(data, &header, sizeof(header));
        memcpy(data + NLMSG_HDRLEN, &message, sizeof(message));
        memcpy(data + NLMSG_HDRLEN + sizeof(message), &op, sizeof(op));
        return send(fd, data, header.nlmsg_len, 0) < 0 ? -errno : 0;
}

/* Outside the initial namespaces the kernel takes the subscription and says nothing, ever. */
static int wait_acknowledged(int fd)
{
        for (unsigned i = 0; i < ACK_ROUNDS; i++) {
                struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
                struct proc_event event;
                int r;

                if (poll(&poll_fd, 1, ACK_TIMEOUT_MS) == 0)
                        return -ETIMEDOUT;
                r = receive(fd, &event);
                if (r < 0 && r != -ENOBUFS)
                        return r;
                if (r > 0 && event.what == PROC_EVENT_NONE)
                        return -(int)event.event_data.ack.err;
        }
        return -ETIMEDOUT;
}

static int explain_connector(int error, char *reason, size_t size)
{
        switch (-error) {
        case EPERM:
        case EACCES:
                snprintf(reason, size, "the proc connector needs CAP_NET_ADMIN");
                break;
        case EPROTONOSUPPORT:
                snprintf(reason, size, "this kernel has no proc connector (CONFIG_PROC_EVENTS)");
                break;
        case ETIMEDOUT:
        case ECONNREFUSED:
                snprintf(reason, size,
                         "the proc connector does not answer: this kernel has none, or this is "
                         "not the initial network, pid and user namespace");
                break;
        default:
                snprintf(reason, size, "the proc connector failed: %s", strerror(-error));
        }
        return error;
}

int proc_connector_open(char *reason, size_t size)
{
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
        const int buffer = PROC_CONNECTOR_BUFFER;
        _cleanup_close_ int fd = -1;
        int r;

        fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
        if (fd < 0)
                return explain_connector(-errno, reason, size);
        /* A full buffer drops events; without the privilege for a larger one the default has to do. */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return explain_connector(-errno, reason, size);
        r = subscribe(fd);
        if (r < 0)
                return explain_connector(r, reason, size);
        r = wait_acknowledged(fd);
        if (r < 0)
                return explain_connector(r, reason, size);
        return TAKE_FD(fd);
}
