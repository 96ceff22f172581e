/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads one pair of signal programs and drains what they write: the floor's (empty, count, ring), or
 * ptraced's own with the flood limit moved (flood: each event is counted; edge: each event is a record). The
 * same loop reads them all, so that their costs differ by the programs alone.
 *
 * Prints "ready"; then a pid on standard input is answered by
 *   pid=P generated=N delivered=N lost=N generate_ns=NS deliver_ns=NS
 * for the events that had that process as target, since the start. End of input ends it. The last two are
 * there with -s only: the run time of each program by the kernel's own statistics, which a busy machine
 * disturbs less than a clock around the generator; but taking it costs time in each run.
 */
#include <errno.h>
#include <error.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/base/cleanup.h"
#include "tests/bench/floor.h"
#include "floor.skel.h"
#include "ptraced.skel.h"

#define DRAIN_MS  5
#define PIDS_SIZE (1 << 22) /* pid_max of 64-bit kernels */

struct floor {
        struct floor_bpf *floor;
        struct ptraced_bpf *ptraced;
        struct bpf_object *obj;
        struct bpf_link *generate, *deliver;
        int programs[2];
        bool with_stats;
        struct ring_buffer *ring;
        uint32_t (*seen)[2]; /* by pid: records of signals generated and delivered */
};

static const struct mode {
        const char *name, *what, *generate, *deliver;
        bool of_ptraced;
        uint32_t burst;
} modes[] = {
        {"empty", "programs that do nothing", "empty_generate", "empty_deliver", false, 0},
        {"count", "a hash look-up, an addition, a clock", "count_generate", "count_deliver", false, 0},
        {"ring", "a 64-byte record without a wake-up", "ring_generate", "ring_deliver", false, 0},
        {"flood", "ptraced's programs when they count", "on_signal_generate", "on_signal_deliver", true, 0},
        {"edge", "ptraced's programs when they record", "on_signal_generate", "on_signal_deliver", true,
         UINT32_MAX},
};

/* ---- loading ------------------------------------------------------------------------------------------ */

static void die(int r, const char *what, const char *name)
{
        error(1, -r, "%s %s", what, name);
}

static void choose_programs(struct bpf_object *obj, const struct mode *m)
{
        struct bpf_program *p;

        bpf_object__for_each_program(p, obj)
        {
                const char *name = bpf_program__name(p);

                bpf_program__set_autoload(p, !strcmp(name, m->generate) || !strcmp(name, m->deliver));
        }
}

static void open_object(struct floor *f, const struct mode *m)
{
        if (m->of_ptraced) {
                f->ptraced = ptraced_bpf__open();
                f->obj = f->ptraced ? f->ptraced->obj : NULL;
                if (f->ptraced)
                        f->ptraced->rodata->burst = m->burst;
        } else {
                f->floor = floor_bpf__open();
                f->obj = f->floor ? f->floor->obj : NULL;
        }
        if (!f->obj)
                die(-errno, "cannot open the programs of", m->name);
}

static struct bpf_link *attach(struct bpf_object *obj, const char *name, int *ret_program)
{
        struct bpf_program *program = bpf_object__find_program_by_name(obj, name);
        struct bpf_link *link = bpf_program__attach(program);

        if (!link)
                die(-errno, "cannot attach", name);
        *ret_program = bpf_program__fd(program);
        return link;
}

static int map_of(const struct floor *f, const char *name)
{
        return bpf_object__find_map_fd_by_name(f->obj, name);
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static void see(struct floor *f, uint32_t pid, bool delivered)
{
        if (pid < PIDS_SIZE)
                f->seen[pid][delivered]++;
}

static int on_record(void *userdata, void *data, size_t size)
{
        struct floor *f = userdata;
        const struct rec_signal *s = data;
        const struct floor_record *r = data;

        if (!f->ptraced)
                see(f, r->pid, r->kind == COUNT_DELIVER);
        else if (size >= sizeof(*s) && s->h.type == REC_SIGNAL)
                see(f, s->target.pid, s->flags & SIG_F_DELIVER);
        return 0;
}

static void load(struct floor *f, const struct mode *m)
{
        int r;

        open_object(f, m);
        choose_programs(f->obj, m);
        r = bpf_object__load(f->obj);
        if (r)
                die(r, "cannot load the programs of", m->name);
        f->ring = ring_buffer__new(map_of(f, "ring"), on_record, f, NULL);
        if (!f->ring)
                die(-errno, "cannot map the ring of", m->name);
        f->generate = attach(f->obj, m->generate, &f->programs[0]);
        f->deliver = attach(f->obj, m->deliver, &f->programs[1]);
}

static void add_counters(const struct floor *f, uint32_t pid, uint64_t n[2])
{
        struct count_key *at = NULL, key;
        struct count_value v;
        int fd = map_of(f, "counters");

        while (!bpf_map_get_next_key(fd, at, &key)) {
                at = &key;
                if (key.pid == pid && !bpf_map_lookup_elem(fd, &key, &v))
                        n[key.kind == COUNT_DELIVER] += v.count;
        }
}

static void add_floor_counters(const struct floor *f, uint32_t pid, uint64_t n[2])
{
        struct floor_value v;

        for (uint32_t kind = COUNT_GENERATE; kind <= COUNT_DELIVER; kind++) {
                struct floor_key key = {.pid = pid, .kind = kind};

                if (!bpf_map_lookup_elem(map_of(f, "counters"), &key, &v))
                        n[kind == COUNT_DELIVER] += v.count;
        }
}

static uint64_t lost(const struct floor *f)
{
        int cpus = libbpf_num_possible_cpus();
        uint64_t n = 0;

        if (!f->ptraced)
                return f->floor->bss->lost;
        if (cpus <= 0)
                return 0;
        uint64_t values[cpus];

        for (uint32_t cause = 0; cause < _REC_LOSS_MAX; cause++)
                if (!bpf_map_lookup_elem(map_of(f, "losses"), &cause, values))
                        for (int i = 0; i < cpus; i++)
                                n += values[i];
        return n;
}

static double run_time(int program)
{
        struct bpf_prog_info info = {};
        uint32_t size = sizeof(info);

        if (bpf_obj_get_info_by_fd(program, &info, &size) || !info.run_cnt)
                return 0;
        return (double)info.run_time_ns / (double)info.run_cnt;
}

static void answer(struct floor *f, uint32_t pid)
{
        uint64_t n[2] = {};

        ring_buffer__consume(f->ring);
        if (pid < PIDS_SIZE) {
                n[0] = f->seen[pid][0];
                n[1] = f->seen[pid][1];
        }
        if (f->ptraced)
                add_counters(f, pid, n);
        else
                add_floor_counters(f, pid, n);
        printf("pid=%u generated=%ju delivered=%ju lost=%ju", pid, (uintmax_t)n[0], (uintmax_t)n[1],
               (uintmax_t)lost(f));
        if (f->with_stats)
                printf(" generate_ns=%.1f deliver_ns=%.1f", run_time(f->programs[0]),
                       run_time(f->programs[1]));
        putchar('\n');
        fflush(stdout);
}

static void serve(struct floor *f)
{
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        char line[32];
        ssize_t n;

        for (;;) {
                if (poll(&in, 1, DRAIN_MS) > 0) {
                        n = read(STDIN_FILENO, line, sizeof(line) - 1);
                        if (n <= 0)
                                return;
                        line[n] = '\0';
                        answer(f, strtoul(line, NULL, 10));
                }
                ring_buffer__consume(f->ring);
        }
}

/* ---- main --------------------------------------------------------------------------------------------- */

static int quiet(enum libbpf_print_level level, const char *format, va_list ap)
{
        return level == LIBBPF_WARN ? vfprintf(stderr, format, ap) : 0;
}

static const struct mode *find_mode(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(modes); i++)
                if (!strcmp(modes[i].name, name))
                        return &modes[i];
        return NULL;
}

static int usage(void)
{
        fprintf(stderr, "Usage: floor [-s] MODE\n\n");
        for (size_t i = 0; i < ELEMENTSOF(modes); i++)
                fprintf(stderr, "  %-6s %s\n", modes[i].name, modes[i].what);
        return 2;
}

int main(int argc, char **argv)
{
        struct floor f = {.with_stats = argc == 3 && !strcmp(argv[1], "-s")};
        const struct mode *m = argc == 2 || f.with_stats ? find_mode(argv[argc - 1]) : NULL;
        _cleanup_close_ int stats = -1;

        if (!m)
                return usage();
        libbpf_set_print(quiet);
        f.seen = calloc(PIDS_SIZE, sizeof(*f.seen));
        if (!f.seen)
                die(-ENOMEM, "cannot start", m->name);
        load(&f, m);
        if (f.with_stats) {
                stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
                if (stats < 0)
                        die(-errno, "no run-time statistics for", m->name);
        }
        puts("ready");
        fflush(stdout);
        serve(&f);
        bpf_link__destroy(f.generate);
        bpf_link__destroy(f.deliver);
        ring_buffer__free(f.ring);
        floor_bpf__destroy(f.floor);
        ptraced_bpf__destroy(f.ptraced);
        free(f.seen);
        return 0;
}
