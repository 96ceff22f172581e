/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/heal/heal.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/proc/elf_text.h"
#include "lib/proc/procfs.h"
#include "daemon/heal/heal_probes.h"
#include "daemon/heal/heal_scan.h"
#include "daemon/heal/heal_write.h"
#include "lib/event/tools.h"

static bool is_emulated(struct heal *h)
{
        char link[64], exe[EVENT_PATH_MAX];
        ssize_t n;

        snprintf(link, sizeof(link), "/proc/%" PRIu32 "/exe", h->reader);
        n = readlink(link, exe, sizeof(exe) - 1);
        exe[MAX_OF(n, 0)] = '\0';
        if (!is_emulator(exe))
                return false;
        heal_refuse(h,
                    "Process %" PRIu32 " runs under an emulator: the breakpoints of its program are the "
                    "emulator's, and not in its text.",
                    h->target.pid);
        return true;
}

static bool is_stopped(const struct heal *h)
{
        struct proc_status st;

        return procfs_living_thread(h->target.pid, &st) == 0 && st.state == 'T' &&
               st.task.start == h->target.start;
}

static void tell_of_handler(struct heal *h)
{
        struct proc_status st;

        if (h->plan.n && procfs_status(h->target.pid, 0, &st) == 0 && st.sig_caught & 1ULL << (SIGTRAP - 1))
                heal_note(
                        h,
                        "The program handles SIGTRAP itself: if it sets breakpoints in its own code, these "
                        "are gone, too.");
}

/* Frozen at a breakpoint that is gone now, it may go on; at one that is not, it would die. */
static bool caught_is_healed(const struct heal *h)
{
        return h->caught_ip && heal_site_behind(&h->plan, h->caught_ip + 1);
}

/* stopped: as it was before its threads were stopped and let go of, which takes them a moment. */
static void let_go_on(struct heal *h, bool stopped)
{
        if (h->caught_ip ? !caught_is_healed(h) : h->helper || !stopped)
                return;
        if (!h->left_stopped && !h->caught_ip) {
                heal_note(h,
                          "It is stopped%s%s, and not by what a tracer left behind: it stays so. To go on: "
                          "kill -CONT %" PRIu32,
                          h->stop[0] ? " " : "", h->stop, h->target.pid);
                return;
        }
        if (!h->dry_run && kill((pid_t)h->target.pid, SIGCONT) < 0) {
                heal_note(h, "It could not be resumed: %s.", strerror(errno));
                return;
        }
        h->resumed = true;
}

static void find_symbols(struct heal *h)
{
        char link[32];

        for (size_t i = 0; i < h->plan.n; i++) {
                const struct heal_site *site = &h->plan.sites[i];

                snprintf(link, sizeof(link), "/proc/self/fd/%d", h->files[site->file].fd);
                if (elf_text_symbol(link, site->offset, h->symbols[i], sizeof(h->symbols[i])) < 0)
                        h->symbols[i][0] = '\0';
        }
}

/* What is there is told also where nothing may be done about it. The reason for that stays what it was. */
static void look_only(struct heal *h)
{
        char why[HEAL_TEXT_MAX];

        memcpy(why, h->refused, sizeof(why));
        h->refused[0] = '\0';
        heal_scan(h);
        memcpy(h->refused, why, sizeof(why));
}

static void look_and_heal(struct heal *h, bool stopped)
{
        if (!heal_may_touch(h) || is_emulated(h)) {
                look_only(h);
                return;
        }
        if (!heal_scan(h))
                return;
        if (h->plan.n && !heal_no_probes(h))
                return;
        if (h->plan.n && !h->dry_run && !heal_write(h))
                return;
        tell_of_handler(h);
        let_go_on(h, stopped);
}

void heal_run(struct heal *h)
{
        bool stopped = is_stopped(h);

        h->left_stopped = h->left_stopped && stopped;
        h->looked = heal_may_look(h);
        if (!h->looked)
                return;
        look_and_heal(h, stopped);
        find_symbols(h);
}
