// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stops MODE ARG...: tracers that end or do not serve, and programs that suffer from it. Says "ready pid=..." and
 * waits for SIGUSR1 from the test (fixture.h).
 */

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tests/scenarios/fixture.h"

static void wait_for_ever(void)
{
        for (;;)
                pause();
}

static pid_t start_child(void)
{
        pid_t child = fork();

        if (child < 0)
                die("fork");
        if (child == 0) {
                fixture_guard();
                wait_for_ever();
        }
        return child;
}

/* exitkill STATUS: trace a child that dies with us, and exit with that status when told. */
static int mode_exitkill(int n, char **args)
{
        pid_t child = start_child();

        if (ptrace(PTRACE_SEIZE, child, NULL, (unsigned long)PTRACE_O_EXITKILL) < 0)
                die("PTRACE_SEIZE");
        printf("ready pid=%d child=%d\n", getpid(), child);
        fixture_go(-1);
        return n > 0 ? atoi(args[0]) : 0;
}

struct thread_trace {
        pid_t child;
        bool detaches;
};

static void *trace_in_thread(void *arg)
{
        const struct thread_trace *t = arg;

        if (ptrace(PTRACE_SEIZE, t->child, NULL, (unsigned long)PTRACE_O_EXITKILL) < 0)
                die("PTRACE_SEIZE");
        printf("ready pid=%d child=%d\n", getpid(), t->child);
        fixture_go(-1);
        if (t->detaches &&
            (ptrace(PTRACE_INTERRUPT, t->child, NULL, NULL) < 0 ||
             waitpid(t->child, NULL, __WALL) != t->child || ptrace(PTRACE_DETACH, t->child, NULL, NULL) < 0))
                die("PTRACE_DETACH");
        printf("ended\n");
        return NULL;
}

/* exitkill-thread [detach]: a thread traces a child that dies with it, and ends when told; we live on until told
 * again. */
static int mode_exitkill_thread(int n, char **args)
{
        struct thread_trace t = {.child = start_child(),
                                 .detaches = n > 0 && strcmp(args[0], "detach") == 0};
        pthread_t thread;

        if (pthread_create(&thread, NULL, trace_in_thread, &t) != 0 || pthread_join(thread, NULL) != 0)
                die("pthread");
        fixture_go(-1);
        kill(t.child, SIGKILL);
        return 0;
}

/* read-stop PID: trace it, read its first stop, and leave it there until we end without a detach. */
static int mode_read_stop(int n, char **args)
{
        pid_t pid = n > 0 ? atoi(args[0]) : -1;
        int status;

        if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
                die("PTRACE_SEIZE");
        printf("ready pid=%d\n", getpid());
        if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
                die("waitpid");
        printf("stopped sig=%d\n", WSTOPSIG(status));
        fixture_go(-1);
        return 0;
}

/* blind PID: trace it, and read none of its stops. */
static int mode_blind(int n, char **args)
{
        if (ptrace(PTRACE_SEIZE, n > 0 ? atoi(args[0]) : -1, NULL, NULL) < 0)
                die("PTRACE_SEIZE");
        printf("ready pid=%d\n", getpid());
        fixture_go(-1);
        return 0;
}

/* traceme [COMMAND...]: become our parent's tracee, and run COMMAND; or stop, as with any signal. */
static int mode_traceme(int n, char **args)
{
        printf("ready pid=%d\n", getpid());
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                die("PTRACE_TRACEME");
        if (n > 0) {
                execvp(args[0], args);
                die(args[0]);
        }
        raise(SIGWINCH);
        return 0;
}

/* vfork: be inside vfork() until its child is told to end. */
static int mode_vfork(int n, char **args)
{
        (void)n;
        (void)args;
        printf("ready pid=%d\n", getpid());
        if (vfork() == 0) {
                fixture_go(-1);
                _exit(0);
        }
        return 0;
}

struct page {
        int faults;
        char *at;
};

/* Its page comes when the test says so. */
static void *bring_page(void *arg)
{
        const struct page *p = arg;
        struct uffdio_zeropage zero = {.range = {(unsigned long)p->at, (unsigned long)getpagesize()}};

        fixture_go(-1);
        if (ioctl(p->faults, UFFDIO_ZEROPAGE, &zero) < 0)
                die("UFFDIO_ZEROPAGE");
        return NULL;
}

/* page kernel|user: wait for a page that does not come, as with a disk that does not answer. A page that the kernel
 * reads for a call is waited for in state D; one that the program itself touches, in state S. */
static int mode_page(int n, char **args)
{
        struct uffdio_api api = {.api = UFFD_API};
        struct page p = {.faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC)};
        struct uffdio_register area = {.mode = UFFDIO_REGISTER_MODE_MISSING};
        struct iovec to = {.iov_len = 1}, from = {.iov_len = 1};
        pthread_t thread;
        char byte;

        p.at = mmap(NULL, (size_t)getpagesize(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p.faults < 0 || p.at == MAP_FAILED || ioctl(p.faults, UFFDIO_API, &api) < 0)
                die("userfaultfd");
        area.range = (struct uffdio_range){(unsigned long)p.at, (unsigned long)getpagesize()};
        if (ioctl(p.faults, UFFDIO_REGISTER, &area) < 0 ||
            pthread_create(&thread, NULL, bring_page, &p) != 0)
                die("UFFDIO_REGISTER");
        printf("ready pid=%d\n", getpid());
        if (n > 0 && strcmp(args[0], "user") == 0)
                return *(volatile char *)p.at;
        to.iov_base = &byte;
        from.iov_base = p.at;
        return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1 ? 0 : 98;
}

static const struct mode {
        const char *name;
        int (*run)(int n, char **args);
} modes[] = {
        {"blind", mode_blind}, {"exitkill", mode_exitkill},   {"exitkill-thread", mode_exitkill_thread},
        {"page", mode_page},   {"read-stop", mode_read_stop}, {"traceme", mode_traceme},
        {"vfork", mode_vfork},
};

int main(int argc, char **argv)
{
        fixture_guard();
        for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
                if (strcmp(argv[1], modes[i].name) == 0)
                        return modes[i].run(argc - 2, argv + 2);
        fprintf(stderr, "usage: stops MODE ARG...\n");
        return 2;
}
