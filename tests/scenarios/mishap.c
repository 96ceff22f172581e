// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mishap STATE [ARG...]: programs from public bug reports, to which something befalls that is easily blamed on the wrong
 * party. As target.c: says "ready key=value ...", waits for SIGUSR1 from the test, does what the state is about. Built
 * for 32 bits, too, where the compiler can.
 */

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

#define THREADS_MAX  64
#define TICK_MS      10
#define PAGE         4096UL
#define LOG_ERROR    (1 << 2) /* G_LOG_LEVEL_ERROR of glib */
#define NO_LIBRARY   77
#define ABOVE_PROBED 4 /* bytes: past what a function begins with */

static volatile int counter;
static char **words; /* those behind STATE */

__attribute__((noinline, noclone)) static void probed(void)
{
        __asm__ volatile("nop; nop; nop; nop; nop; nop; nop; nop");
}

static void ready(void)
{
        printf("ready pid=%d probed=0x%lx counter=0x%lx\n", getpid(), (unsigned long)(uintptr_t)probed,
               (unsigned long)(uintptr_t)&counter);
}

/* tick: runs a function whose address it told. */
static int state_tick(void)
{
        ready();
        fixture_go(-1);
        probed();
        return 0;
}

/* count: writes a variable whose address it told. */
static int state_count(void)
{
        ready();
        fixture_go(-1);
        counter++;
        return 0;
}

/* jit: runs code that it wrote at run time, with a breakpoint instruction of its own in it. */
static int state_jit(void)
{
        static const unsigned char code[] = {0x90, 0x90, 0xcc, 0xc3};
        void *page =
                mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (page == MAP_FAILED)
                die("mmap");
        memcpy(page, code, sizeof(code));
        ready();
        fixture_go(-1);
        ((void (*)(void))page)();
        return 0;
}

static unsigned char *probe, displaced;

/* The pc is behind the probe; the function begins with instructions that may run twice. */
static void on_probe(int sig)
{
        (void)sig;
        counter++;
        *probe = displaced;
}

/* self-patch [handle]: writes a breakpoint over its own function, as instrumentation does, and counts it in a handler,
 * or has forgotten to set one. */
static int state_self_patch(void)
{
        uintptr_t page;

        if (words[0] && strcmp(words[0], "handle") == 0)
                signal(SIGTRAP, on_probe);
        probe = (unsigned char *)probed + ABOVE_PROBED;
        page = (uintptr_t)probe & ~(PAGE - 1);
        if (mprotect((void *)page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
                die("mprotect");
        ready();
        fixture_go(-1);
        displaced = *probe;
        *probe = 0xcc;
        probed();
        printf("done hits=%d\n", counter);
        return 0;
}

/* glib: a library gives up in its caller's name. */
static int state_glib(void)
{
        void *library = dlopen("libglib-2.0.so.0", RTLD_NOW);
        void (*g_log)(const char *, int, const char *, ...) = NULL;

        if (library)
                *(void **)&g_log = dlsym(library, "g_log");
        if (!g_log)
                return NO_LIBRARY;
        ready();
        fixture_go(-1);
        g_log("App", LOG_ERROR, "settings schema is not installed");
        return 0;
}

static void dump_threads(pid_t pid)
{
        char path[64];
        int tids[THREADS_MAX], n = 0;
        struct dirent *d;
        DIR *dir;

        snprintf(path, sizeof(path), "/proc/%d/task", pid);
        dir = opendir(path);
        while (dir && n < THREADS_MAX && (d = readdir(dir)))
                if (atoi(d->d_name) > 0)
                        tids[n++] = atoi(d->d_name);
        for (int i = 0; i < n; i++)
                if (ptrace(PTRACE_ATTACH, tids[i], NULL, NULL) == 0)
                        (void)waitpid(tids[i], NULL, __WALL);
        for (int i = 0; i < n; i++)
                (void)ptrace(PTRACE_DETACH, tids[i], NULL, NULL);
        fprintf(stderr, "dumped threads=%d\n", n);
}

/* As Breakpad does: a forked dumper attaches to its parent, which then dies of what it caught. */
static void on_fatal(int sig)
{
        pid_t pid = getpid(), dumper = fork();

        if (dumper == 0) {
                dump_threads(pid);
                _exit(0);
        }
        (void)prctl(PR_SET_PTRACER, dumper, 0, 0, 0);
        while (waitpid(dumper, NULL, __WALL) < 0 && errno == EINTR)
                ;
        signal(sig, SIG_DFL);
        raise(sig);
}

static void *idle_thread(void *unused)
{
        for (;;)
                usleep(TICK_MS * 1000);
        return unused;
}

/* crash-handler: dies of its own breakpoint, and dumps itself before. */
static int state_crash_handler(void)
{
        pthread_t thread;

        signal(SIGTRAP, on_fatal);
        if (pthread_create(&thread, NULL, idle_thread, NULL) != 0)
                die("pthread_create");
        ready();
        fixture_go(-1);
        __asm__ volatile("int3");
        return 0;
}

/* traceme [CMD...]: "trace me", so that nobody else can; then CMD, or wait. */
static int state_traceme(void)
{
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) {
                printf("ready pid=%d errno=%s\n", getpid(), strerrorname_np(errno));
                return 3;
        }
        ready();
        if (words[0])
                execvp(words[0], words);
        fixture_go(-1);
        return 0;
}

static void stop_it(pid_t pid)
{
        if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 || waitpid(pid, NULL, __WALL) != pid)
                die("PTRACE_ATTACH");
}

/* attach PID: a tracer, of whatever word size this is. */
static int state_attach(void)
{
        stop_it(atoi(words[0]));
        if (ptrace(PTRACE_CONT, atoi(words[0]), NULL, NULL) < 0)
                die("PTRACE_CONT");
        ready();
        fixture_go(-1);
        return 0;
}

static void plant_and_run(pid_t pid, unsigned long where)
{
        long word;

        stop_it(pid);
        errno = 0;
        word = ptrace(PTRACE_PEEKTEXT, pid, (void *)where, NULL);
        if (errno != 0 ||
            ptrace(PTRACE_POKETEXT, pid, (void *)where, (void *)((word & ~0xffL) | 0xcc)) < 0 ||
            ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
                die("PTRACE_POKETEXT");
}

/* plant PID ADDRESS: a tracer with a breakpoint, of whatever word size this is. */
static int state_plant(void)
{
        plant_and_run(atoi(words[0]), strtoul(words[1], NULL, 0));
        ready();
        fixture_go(-1);
        return 0;
}

static void *plant_and_leave(void *unused)
{
        plant_and_run(atoi(words[0]), strtoul(words[1], NULL, 0));
        usleep(100 * TICK_MS);
        return unused;
}

/* plant-by-thread PID ADDRESS: the thread that traces ends without a detach, its process goes on. */
static int state_plant_by_thread(void)
{
        pthread_t thread;

        if (pthread_create(&thread, NULL, plant_and_leave, NULL) != 0)
                die("pthread_create");
        pthread_join(thread, NULL);
        ready();
        fixture_go(-1);
        return 0;
}

static const struct state {
        const char *name;
        int (*run)(void);
        int n_words; /* at least */
} states[] = {
        {"tick", state_tick, 0},       {"count", state_count, 0},
        {"jit", state_jit, 0},         {"self-patch", state_self_patch, 0},
        {"glib", state_glib, 0},       {"crash-handler", state_crash_handler, 0},
        {"traceme", state_traceme, 0}, {"attach", state_attach, 1},
        {"plant", state_plant, 2},     {"plant-by-thread", state_plant_by_thread, 2},
};

int main(int argc, char **argv)
{
        fixture_guard();
        words = argv + (argc > 2 ? 2 : argc);
        for (size_t i = 0; argc > 1 && i < sizeof(states) / sizeof(states[0]); i++)
                if (strcmp(argv[1], states[i].name) == 0 && argc - 2 >= states[i].n_words)
                        return states[i].run();
        fprintf(stderr, "usage: mishap STATE [ARG...]\n");
        return 2;
}
