/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fills a store with as many records as a busy machine makes in weeks, for the measurement of questions to
 * it. One process, the one that will be asked about, takes part in one record of a thousand.
 */
#include <errno.h>
#include <error.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/store/store.h"

#define OTHERS        5000 /* processes that take part in the other records */
#define FIRST_OTHER   100000
#define ASKED_EVERY   1000
#define FINDING_EVERY 500 /* events; the store keeps the newest 20,000 findings */
#define STEP_NS       50000

struct fill {
        struct store *store;
        uint64_t first_wall_ns, first_seq;
        uint32_t asked;
};

static struct task_ref some_task(uint32_t pid, const char *comm)
{
        struct task_ref t = {.pid = pid, .tid = pid, .start = 1000 + pid, .tid_start = 1000 + pid};

        snprintf(t.comm, sizeof(t.comm), "%s", comm);
        return t;
}

static void make_signal(struct event *e, uint64_t i)
{
        e->type = i & 1 ? EV_SIGNAL_GENERATE : EV_SIGNAL_DELIVER;
        e->sig = i % 3 ? SIGTRAP : SIGCHLD;
        e->code = SI_KERNEL;
        e->disposition = DISP_HANDLER;
        e->handler = 0x401000 + i % 4096;
        e->ip = 0x402000 + i % 4096;
}

static void make_relation(struct event *e, uint64_t i)
{
        static const enum event_type types[] = {EV_PTRACE_ATTACH, EV_PTRACE_DETACH, EV_TASK_FORK,
                                                EV_TASK_EXIT};

        e->type = types[i / 10 % ELEMENTSOF(types)];
        e->request = PTRACE_ATTACH;
        e->cause = DETACHED_BY_CALL;
        e->tracer = some_task(FIRST_OTHER + OTHERS + i % 7, "gdb");
}

static void make_event(const struct fill *f, uint64_t i, struct event *e)
{
        uint32_t pid = i % ASKED_EVERY ? FIRST_OTHER + (uint32_t)(i * 2654435761u % OTHERS) : f->asked;

        *e = (struct event){
                .seq = f->first_seq + i,
                .time_ns = i * STEP_NS,
                .wall_ns = f->first_wall_ns + i * STEP_NS,
                .target = some_task(pid, "worker"),
                .actor = some_task(pid, "worker"),
                .parent = some_task(FIRST_OTHER + OTHERS + 100, "master"),
        };
        if (i % 10)
                make_signal(e, i);
        else
                make_relation(e, i);
}

static void make_finding(const struct event *e, struct finding *ret)
{
        *ret = (struct finding){
                .code = FIND_TRAP_TO_HANDLER,
                .severity = SEVERITY_WARNING,
                .target = e->target,
                .other_pid = (uint32_t)(e->seq / FINDING_EVERY % 50),
                .first_ns = e->time_ns,
                .last_ns = e->time_ns,
                .first_wall_ns = e->wall_ns,
                .last_wall_ns = e->wall_ns,
                .count = 1,
                .evidence = {e->seq},
                .n_evidence = 1,
        };
        snprintf(ret->summary, sizeof(ret->summary), "A SIGTRAP of process %u (%s) ran a handler.",
                 e->target.pid, e->target.comm);
}

/* The queue is what bounds memory: when it is full, let the writer catch up. */
static void append(struct fill *f, const struct event *e)
{
        int r;

        while ((r = store_append(f->store, e)) == -ENOBUFS)
                usleep(2000);
        if (r)
                error(1, -r, "cannot append record %ju", (uintmax_t)e->seq);
}

static void fill(struct fill *f, uint64_t n)
{
        struct finding finding;
        struct event e;

        for (uint64_t i = 0; i < n; i++) {
                make_event(f, i, &e);
                append(f, &e);
                if (i % FINDING_EVERY)
                        continue;
                make_finding(&e, &finding);
                while (store_put_finding(f->store, &finding) == -ENOBUFS)
                        usleep(2000);
        }
}

int main(int argc, char **argv)
{
        struct store_limits limits = {.max_bytes = 1ULL << 40};
        struct fill f = {.first_wall_ns = (time(NULL) - 86400ULL) * NSEC_PER_SEC};
        uint64_t n = argc == 4 ? strtoull(argv[2], NULL, 10) : 0;
        struct store_stats stats;
        char sentence[512];
        int r;

        if (!n) {
                fprintf(stderr, "Usage: fill DIRECTORY RECORDS PID\n");
                return 2;
        }
        f.asked = strtoul(argv[3], NULL, 10);
        r = store_open(&f.store, argv[1], &limits, sentence, sizeof(sentence));
        if (r)
                error(1, 0, "%s", sentence);
        f.first_seq = store_next_seq(f.store);
        fill(&f, n);
        r = store_sync(f.store, 60000);
        store_get_stats(f.store, &stats);
        printf("records=%ju bytes=%ju\n", (uintmax_t)stats.events, (uintmax_t)stats.bytes);
        store_close(f.store);
        if (r)
                error(1, -r, "the last records are not written yet");
        return 0;
}
