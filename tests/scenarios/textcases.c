// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * textcases WHAT [ARG]: programs and their text, for catalog-text.t. Says "ready pid=...", waits for SIGUSR1 from the test
 * (fixture.h), and exits 0.
 */

#include <limits.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "tests/scenarios/fixture.h"

#define STACK_BYTES (64 * 1024)
#define MAPS_LINE   512

/* rights: as whom do we run? */
static int what_rights(int arg)
{
        (void)arg;
        printf("ready pid=%d uid=%d euid=%d egid=%d\n", getpid(), getuid(), geteuid(), getegid());
        fixture_go(-1);
        return 0;
}

static void *sleeper(void *arg)
{
        (void)arg;
        pause();
        return NULL;
}

static void *passer(void *arg)
{
        return arg;
}

/* Begins n threads, one every pause_us, in a function of its own. */
__attribute__((noinline)) static void spawn_threads(int n, long pause_us, void *(*fn)(void *arg), int keep)
{
        pthread_attr_t attr;
        pthread_t thread;

        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, STACK_BYTES);
        for (int i = 0; i < n; i++) {
                if (pthread_create(&thread, &attr, fn, NULL) != 0)
                        die("pthread_create");
                if (!keep)
                        pthread_join(thread, NULL);
                if (pause_us)
                        usleep((useconds_t)pause_us);
        }
}

/* leak: threads that never end, one every few milliseconds */
static int what_leak(int n)
{
        printf("ready pid=%d\n", getpid());
        spawn_threads(n, 3000, sleeper, 1);
        printf("done\n");
        fixture_go(-1);
        return 0;
}

/* pool: all at once, as the program starts */
static int what_pool(int n)
{
        spawn_threads(n, 0, sleeper, 1);
        printf("ready pid=%d\n", getpid());
        fixture_go(-1);
        return 0;
}

/* churn: many that stay, and many more that end */
static int what_churn(int n)
{
        printf("ready pid=%d\n", getpid());
        for (int i = 0; i < n; i++) {
                spawn_threads(1, 0, sleeper, 1);
                spawn_threads(1, 0, passer, 0);
        }
        printf("done\n");
        fixture_go(-1);
        return 0;
}

/* Where in our file that address lies. */
static uint64_t offset_in_file(uintptr_t address)
{
        unsigned long start, end, offset;
        char line[MAPS_LINE];
        FILE *maps = fopen("/proc/self/maps", "re");

        while (maps && fgets(line, sizeof(line), maps))
                if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) == 3 && address >= start &&
                    address < end)
                        return offset + (address - start);
        die("/proc/self/maps");
        return 0;
}

static int open_uprobe(const char *path, uint64_t offset)
{
        struct perf_event_attr attr = {.size = sizeof(attr)};
        FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
        int fd;

        if (!f || fscanf(f, "%u", &attr.type) != 1)
                die("uprobe/type");
        fclose(f);
        attr.config1 = (uintptr_t)path;
        attr.config2 = offset;
        fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
        if (fd < 0)
                die("perf_event_open");
        return fd;
}

/* probe N: put N uprobes into a function of our own file, and take one out again */
static int what_probe(int n)
{
        uintptr_t place = (uintptr_t)passer;
        char path[PATH_MAX] = "";
        int fd = -1;

        if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
                die("/proc/self/exe");
        for (int i = 0; i < n; i++)
                fd = open_uprobe(path, offset_in_file(place));
        if (n)
                close(fd);
        printf("ready pid=%d place=0x%lx\n", getpid(), (unsigned long)place);
        fixture_go(-1);
        return 0;
}

static const struct {
        const char *name;
        int (*run)(int arg);
} whats[] = {
        {"rights", what_rights}, {"leak", what_leak},   {"pool", what_pool},
        {"churn", what_churn},   {"probe", what_probe},
};

int main(int argc, char **argv)
{
        fixture_guard();
        for (size_t i = 0; argc > 1 && i < sizeof(whats) / sizeof(whats[0]); i++)
                if (strcmp(argv[1], whats[i].name) == 0)
                        return whats[i].run(argc > 2 ? atoi(argv[2]) : 0);
        fprintf(stderr, "usage: textcases WHAT [ARG]\n");
        return 2;
}
