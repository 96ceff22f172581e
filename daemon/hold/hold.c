/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hold/hold.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/hold/hold_impl.h"

#define ENTRIES_MAX 1024 /* of the directory, looked at */

static const char *const state_names[] = {
        [HOLD_HOLDING] = "holding",
        [HOLD_YIELDED] = "yielded",
        [HOLD_CAUGHT] = "caught",
        [HOLD_GONE] = "gone",
};

const char *hold_state_to_string(enum hold_state s)
{
        return (size_t)s < ELEMENTSOF(state_names) ? state_names[s] : "?";
}

/* ---- after a restart --------------------------------------------------------------------------------- */

/* One that is silent holds all the same. What it is doing is told when it says so. */
static int hear_first_word(struct held *e, uint64_t deadline_ms)
{
        struct hold_notice n;
        int r = hold_link_first_word(&e->link, deadline_ms, &n);

        if (r == 0)
                r = n.view.state == HOLD_GONE ? -ECONNRESET : n.error;
        if (r == 0)
                held_learn(e, &n);
        if (r == -EPROTO)
                hold_link_signal(&e->link, SIGTERM);
        if (r != -ETIMEDOUT)
                return r;
        log_warning("The helper that holds process %u does not answer yet. To let go, kill process %u.",
                    e->view.target.pid, e->link.pid);
        e->view.state = HOLD_HOLDING;
        e->view.helper.pid = e->link.pid;
        return 0;
}

static int adopt_helper(struct hold *h, const char *name, const struct task_ref *target,
                        uint64_t deadline_ms)
{
        struct hold_link link;
        struct held *e;
        int r = hold_link_find(&h->directory, name, &link);

        if (r < 0)
                return r;
        r = held_enter(h, target, &e);
        if (r < 0) {
                hold_link_close(&link);
                return r;
        }
        e->link = link;
        e->claimed = true;
        r = hear_first_word(e, deadline_ms);
        if (r >= 0)
                r = held_watch(e);
        if (r < 0) {
                h->n_held--;
                held_free(e);
                return r;
        }
        e->phase = HELD_TAKEN;
        e->told = e->view.state;
        return 0;
}

static int adopt_all(struct hold *h)
{
        _cleanup_closedir_ DIR *d = NULL;
        uint64_t deadline = clock_mono_ms() + HOLD_ADOPT_MS;
        int fd = openat(h->directory.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent *entry;

        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d)
                return -errno;
        for (size_t i = 0; i < ENTRIES_MAX && (entry = readdir(d)); i++) {
                struct task_ref target;
                int r;

                if (!hold_link_parse_name(entry->d_name, &target))
                        continue;
                r = adopt_helper(h, entry->d_name, &target, deadline);
                if (r < 0 && r != -ECONNREFUSED && r != -ECONNRESET)
                        log_warning(
                                "The helper that holds process %u does not answer (%s): it is left as it "
                                "is. To let go, kill the process that traces %u.",
                                target.pid, strerror(-r), target.pid);
        }
        return 0;
}

/* ---- from beginning to end --------------------------------------------------------------------------- */

static int open_hold(struct hold *h, const char *state_dir)
{
        int r = hold_directory_open(&h->directory, state_dir);

        if (r >= 0)
                r = held_tell_from(h, h->event);
        return r < 0 ? r : adopt_all(h);
}

int hold_new(struct hold **ret, sd_event *event, const char *state_dir,
             void (*on_change)(void *userdata, const struct hold_view *v), void *userdata)
{
        struct hold *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        h->event = sd_event_ref(event);
        h->on_change = on_change;
        h->userdata = userdata;
        list_init(&h->answers);
        r = open_hold(h, state_dir);
        if (r < 0) {
                hold_free(h);
                return r;
        }
        *ret = h;
        return 0;
}

struct hold *hold_free(struct hold *h)
{
        if (!h)
                return NULL;
        for (size_t i = 0; i < h->n_held; i++)
                held_free(h->held[i]);
        held_free_asks(&h->answers);
        sd_event_source_disable_unref(h->teller);
        sd_event_source_disable_unref(h->ticker);
        hold_directory_close(&h->directory);
        sd_event_unref(h->event);
        free(h);
        return NULL;
}
