/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/unit/child.h"
#include "lib/base/cleanup.h"
#include "lib/base/line_reader.h"
#include "lib/proc/auxv.h"
#include "lib/proc/procfs.h"

#define NOBODY 65534

static uint32_t own_pid(void)
{
        return (uint32_t)getpid();
}

/* ---- text ------------------------------------------------------------------------------------------ */

START_TEST(parses_a_stat_line)
{
        struct proc_stat stat;

        ck_assert_int_eq(procfs_parse_stat("42 (cat) S 41 42 42 34819 42 4194304 1 2 3 4 5 6 7 8 20 0 3 0 "
                                           "987654321 1 2 3",
                                           &stat),
                         0);
        ck_assert_str_eq(stat.comm, "cat");
        ck_assert_int_eq(stat.state, 'S');
        ck_assert_uint_eq(stat.ppid, 41);
        ck_assert_uint_eq(stat.tty, 34819);
        ck_assert_uint_eq(stat.flags, 4194304);
        ck_assert_uint_eq(stat.n_threads, 3);
        ck_assert_uint_eq(stat.start, 987654321);
}
END_TEST

START_TEST(a_name_cannot_pass_for_fields)
{
        struct proc_stat stat;

        ck_assert_int_eq(procfs_parse_stat("42 (a) R 1 (b\n) Z) T 41 42 42 0 42 64 1 2 3 4 5 6 7 8 20 0 1 0 "
                                           "77 1",
                                           &stat),
                         0);
        ck_assert_str_eq(stat.comm, "a) R 1 (b\n) Z");
        ck_assert_int_eq(stat.state, 'T');
        ck_assert_uint_eq(stat.start, 77);

        /* Kernel workers have long ones. */
        ck_assert_int_eq(
                procfs_parse_stat("42 (kworker/u8:2-events_unbound) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 "
                                  "0 0 20 0 1 0 9 0",
                                  &stat),
                0);
        ck_assert_str_eq(stat.comm, "kworker/u8:2-ev");
}
END_TEST

START_TEST(refuses_what_is_no_stat_line)
{
        static const char *const bad[] = {
                "", ")", "(", ")(", "42 (cat)", "42 (cat) S 1 2 3", "42 (cat) S 1 2 )"};
        struct proc_stat stat = {.start = 5};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_int_eq(procfs_parse_stat(bad[i], &stat), -EBADMSG);
        ck_assert_uint_eq(stat.start, 5);
}
END_TEST

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
        const char *cgroup, *unit;
} units[] = {
        {"/", ""},
        {"", ""},
        {"/system.slice/ssh.service", "ssh.service"},
        {"/user.slice/user-1000.slice/session-3.scope", "session-3.scope"},
        {"/user.slice/user-1000.slice/user@1000.service/app.slice/app-gdb.scope", "app-gdb.scope"},
        {"/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope"},
        {"/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"},
        {"/system.slice/docker-" ID ".scope", "docker:0123456789ab"},
        {"/docker/" ID, "docker:0123456789ab"},
        {"/docker/" ID "/system.slice/cron.service", "docker:0123456789ab"},
        {"/machine.slice/libpod-" ID ".scope/container", "podman:0123456789ab"},
        {"/kubepods.slice/kubepods-burstable.slice/cri-containerd-" ID ".scope", "containerd:0123456789ab"},
        {"/kubepods/burstable/pod1234/" ID, "kubernetes:0123456789ab"},
        {"/crio-" ID ".scope", "crio:0123456789ab"},
        {"/something/" ID, "container:0123456789ab"},
        {"/system.slice/docker.service", "docker.service"},
        {"/system.slice/docker-abc.scope", "docker-abc.scope"},
        {"/.service/.scope", ""},
        {"/../../x.service", "x.service"},
        {"//a.service//", "a.service"},
        {"/-" ID "-.scope", "-" ID "-.scope"},
};

START_TEST(names_a_unit_or_container)
{
        char buf[EVENT_UNIT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                ck_assert_str_eq(procfs_unit_from_cgroup(units[i].cgroup, buf, sizeof(buf)), units[i].unit);
        ck_assert_str_eq(procfs_unit_from_cgroup("/ssh.service", buf, 4), "ssh");
}
END_TEST

START_TEST(names_terminals)
{
        static const struct {
                uint32_t tty;
                const char *name;
        } names[] = {
                {0, ""},
                {136 << 8 | 3, "pts/3"},
                {0x88 << 8 | 0x34 | 0x12 << 20, "pts/4660"},
                {137 << 8 | 1, "pts/257"},
                {4 << 8 | 1, "tty1"},
                {4 << 8 | 64, "ttyS0"},
                {5 << 8 | 1, "console"},
                {229 << 8, "hvc0"},
                {99 << 8 | 7, "99:7"},
        };
        char buf[32];

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                ck_assert_str_eq(procfs_tty_name(names[i].tty, buf, sizeof(buf)), names[i].name);
}
END_TEST

/* ---- the line reader ------------------------------------------------------------------------------- */

static int file_with(const char *text, size_t n)
{
        int fd = memfd_create("lines", MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

START_TEST(a_long_line_is_dropped_whole)
{
        /* The evil line's tail begins exactly where a second buffer would. */
        size_t n = LINE_READER_SIZE + 200;
        _cleanup_free_ char *text = malloc(n);
        struct line_reader reader;
        _cleanup_close_ int fd = -1;
        char *line;

        memset(text, 'x', n);
        memcpy(text, "first\n", 6);
        memcpy(text + 6 + LINE_READER_SIZE, "TracerPid:\t1", 12);
        memcpy(text + n - 6, "\nlast", 5);
        text[n - 1] = '\n';
        fd = file_with(text, n);

        line_reader_init(&reader, fd);
        ck_assert_int_eq(line_reader_next(&reader, &line), 1);
        ck_assert_str_eq(line, "first");
        ck_assert_int_eq(line_reader_next(&reader, &line), 1);
        ck_assert_str_eq(line, "last");
        ck_assert_int_eq(line_reader_next(&reader, &line), 0);
}
END_TEST

START_TEST(a_last_line_needs_no_newline)
{
        _cleanup_close_ int fd = file_with("a\n\nb", 4);
        struct line_reader reader;
        char *line;

        line_reader_init(&reader, fd);
        ck_assert_int_eq(line_reader_next(&reader, &line), 1);
        ck_assert_str_eq(line, "a");
        ck_assert_int_eq(line_reader_next(&reader, &line), 1);
        ck_assert_str_eq(line, "");
        ck_assert_int_eq(line_reader_next(&reader, &line), 1);
        ck_assert_str_eq(line, "b");
        ck_assert_int_eq(line_reader_next(&reader, &line), 0);
}
END_TEST

START_TEST(an_endless_line_ends)
{
        _cleanup_free_ char *text = malloc(5 * LINE_READER_SIZE);
        _cleanup_close_ int fd = -1;
        struct line_reader reader;
        char *line;

        memset(text, 'x', 5 * LINE_READER_SIZE);
        fd = file_with(text, 5 * LINE_READER_SIZE);
        line_reader_init(&reader, fd);
        ck_assert_int_eq(line_reader_next(&reader, &line), 0);
}
END_TEST

/* ---- live tasks ------------------------------------------------------------------------------------ */

START_TEST(knows_ourselves)
{
        struct proc_status status;
        struct proc_stat stat;

        ck_assert_int_eq(procfs_status(own_pid(), 0, &status), 0);
        ck_assert_int_eq(procfs_stat(own_pid(), 0, &stat), 0);
        ck_assert_uint_eq(status.task.pid, own_pid());
        ck_assert_uint_eq(status.task.tid, own_pid());
        ck_assert_uint_eq(status.task.start, stat.start);
        ck_assert_uint_eq(status.task.tid_start, stat.start);
        ck_assert_uint_gt(stat.start, 0);
        ck_assert_str_eq(status.task.comm, "test_procfs");
        ck_assert_uint_eq(status.ppid, (uint32_t)getppid());
        ck_assert_uint_eq(status.tracer_tid, 0);
        ck_assert_int_eq(status.state, 'R');
        ck_assert_uint_eq(status.ruid, getuid());
        ck_assert_uint_eq(status.fsgid, getegid());
        ck_assert(!status.kthread);
        ck_assert_uint_ge(status.n_nspid, 1);
        ck_assert_uint_eq(status.nspid[0], own_pid());
        ck_assert_int_ge(status.seccomp, 0);
}
END_TEST

START_TEST(start_is_when_it_began)
{
        uint32_t pid = child_new(NULL);
        struct timespec now;
        struct task_ref task;
        uint64_t ticks;

        clock_gettime(CLOCK_BOOTTIME, &now);
        ticks = (uint64_t)now.tv_sec * 100 + (uint64_t)now.tv_nsec / 10000000;
        ck_assert_int_eq(procfs_task(pid, &task), 0);
        ck_assert_uint_le(task.start, ticks);
        ck_assert_uint_ge(task.start + 1000, ticks);
        child_end(pid);
}
END_TEST

static pthread_barrier_t barrier;
static uint32_t thread_tid;

static void *thread_main(void *arg)
{
        thread_tid = (uint32_t)syscall(SYS_gettid);
        prctl(PR_SET_NAME, "worker");
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        return arg;
}

static int count_thread(void *userdata, uint32_t pid, uint32_t tid)
{
        ck_assert_uint_eq(pid, own_pid());
        ck_assert(tid == pid || tid == thread_tid);
        (*(unsigned *)userdata)++;
        return 0;
}

START_TEST(a_thread_belongs_to_its_process)
{
        struct task_ref leader, thread;
        struct proc_status status;
        unsigned n = 0;
        pthread_t t;

        pthread_barrier_init(&barrier, NULL, 2);
        ck_assert_int_eq(pthread_create(&t, NULL, thread_main, NULL), 0);
        pthread_barrier_wait(&barrier);

        ck_assert_int_eq(procfs_task(own_pid(), &leader), 0);
        ck_assert_int_eq(procfs_task(thread_tid, &thread), 0);
        ck_assert_uint_eq(thread.pid, own_pid());
        ck_assert_uint_eq(thread.tid, thread_tid);
        ck_assert_uint_eq(thread.start, leader.start);
        ck_assert_uint_ge(thread.tid_start, leader.start);
        ck_assert_str_eq(thread.comm, "worker");
        ck_assert_int_eq(procfs_status(own_pid(), thread_tid, &status), 0);
        ck_assert_uint_eq(status.task.tid, thread_tid);
        ck_assert_int_eq(procfs_each_thread(own_pid(), count_thread, &n), 0);
        ck_assert_uint_ge(n, 2);

        /* Another process's thread is not one of ours. */
        ck_assert_int_eq(procfs_status((uint32_t)getppid(), thread_tid, &status), -ESRCH);
        pthread_barrier_wait(&barrier);
        pthread_join(t, NULL);
}
END_TEST

START_TEST(a_task_that_is_gone_is_esrch)
{
        uint32_t pid = child_new(NULL), tid = 7;
        struct proc_status status;
        struct proc_stat stat;
        struct task_ref task;
        struct event e;
        bool flag;

        child_end(pid);
        ck_assert_int_eq(procfs_status(pid, 0, &status), -ESRCH);
        ck_assert_int_eq(procfs_stat(pid, 0, &stat), -ESRCH);
        ck_assert_int_eq(procfs_task(pid, &task), -ESRCH);
        ck_assert_int_eq(procfs_tracer_tid(pid, 0, &tid), -ESRCH);
        ck_assert_int_eq(procfs_dumpable(pid, &flag), -ESRCH);
        ck_assert_int_eq(procfs_same_ns(pid, own_pid(), "user", &flag), -ESRCH);
        ck_assert_int_eq(procfs_task_info(pid, &e), -ESRCH);
        ck_assert_int_eq(procfs_resolve_vpid(pid, 1, &tid), -ESRCH);
        ck_assert_int_eq(procfs_task(0, &task), -ESRCH);
        ck_assert_int_eq(procfs_task(UINT32_MAX, &task), -ESRCH);
        ck_assert_uint_eq(tid, 7);
}
END_TEST

static void take_hostile_name(void)
{
        prctl(PR_SET_NAME, ") R 1 (\nState:");
}

START_TEST(a_hostile_name_changes_nothing)
{
        uint32_t pid = child_new(take_hostile_name);
        struct proc_status status;

        ck_assert_int_eq(procfs_status(pid, 0, &status), 0);
        ck_assert_str_eq(status.task.comm, ") R 1 (\nState:");
        ck_assert_uint_eq(status.task.pid, pid);
        ck_assert_uint_eq(status.ppid, own_pid());
        child_end(pid);
}
END_TEST

static void join_many_groups(void)
{
        gid_t *groups = calloc(65536, sizeof(*groups));

        for (unsigned i = 0; i < 65536; i++)
                groups[i] = 1000000 + i;
        setgroups(65536, groups);
}

START_TEST(many_groups_change_nothing)
{
        struct proc_status status;
        uint32_t pid;

        if (geteuid() != 0)
                return;
        pid = child_new(join_many_groups);
        ck_assert_int_eq(procfs_status(pid, 0, &status), 0);
        ck_assert_uint_eq(status.nspid[0], pid);
        ck_assert_uint_ne(status.cap_bounding, 0);
        ck_assert_int_ge(status.seccomp, 0);
        child_end(pid);
}
END_TEST

START_TEST(tells_stopped_from_traced_from_dead)
{
        uint32_t pid = child_new(NULL), tracer;
        struct task_ref task, wrong;
        struct event e;
        siginfo_t info;

        ck_assert_int_eq(procfs_task(pid, &task), 0);
        ck_assert_int_eq(kill((pid_t)pid, SIGSTOP), 0);
        ck_assert_int_eq(waitid(P_PID, pid, &info, WSTOPPED), 0);
        ck_assert_int_eq(procfs_task_state(&task, &e), 0);
        ck_assert_int_eq(e.type, EV_TASK_STATE);
        ck_assert_int_eq(e.state, 'T');
        ck_assert_uint_eq(e.tracer.pid, 0);
        ck_assert_int_eq(e.tracer_state, 0);

        ck_assert_int_eq(kill((pid_t)pid, SIGCONT), 0);
        child_trace(pid);
        ck_assert_int_eq(procfs_task_state(&task, &e), 0);
        ck_assert_int_eq(e.state, 't');
        ck_assert_uint_eq(e.target.tid, pid);
        ck_assert_uint_eq(e.tracer.pid, own_pid());
        ck_assert_int_eq(e.tracer_state, 'R');
        ck_assert_int_eq(procfs_tracer_tid(pid, 0, &tracer), 0);
        ck_assert_uint_eq(tracer, own_pid());

        wrong = task;
        wrong.start--;
        ck_assert_int_eq(procfs_task_state(&wrong, &e), -ESRCH);

        ck_assert_int_eq(kill((pid_t)pid, SIGKILL), 0);
        ck_assert_int_eq(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
        ck_assert_int_eq(procfs_task_state(&task, &e), 0);
        ck_assert_int_eq(e.state, 'Z');
        ck_assert_uint_eq(e.parent.pid, own_pid());
        ck_assert_int_eq(e.parent_state, 'R');
        ck_assert_uint_eq(e.parent_tracer, 0);
        ck_assert_uint_eq(e.parent_pending, 0);
        child_end(pid);
        ck_assert_int_eq(procfs_task_state(&task, &e), -ESRCH);
}
END_TEST

struct traced_seen {
        uint32_t tid;
        unsigned n;
};

static int note_traced(void *userdata, const struct proc_status *thread, const struct task_ref *tracer)
{
        struct traced_seen *seen = userdata;

        if (thread->task.tid != seen->tid)
                return 0;
        ck_assert_uint_eq(tracer->pid, own_pid());
        ck_assert_uint_eq(thread->tracer_tid, own_pid());
        seen->n++;
        return 0;
}

static int stop_walk(void *userdata, const struct proc_status *thread, const struct task_ref *tracer)
{
        (void)userdata;
        (void)thread;
        (void)tracer;
        return 42;
}

START_TEST(finds_every_traced_thread_once)
{
        uint32_t traced = child_new(NULL), free_one = child_new(NULL);
        struct traced_seen seen = {.tid = traced}, other = {.tid = free_one};

        child_trace(traced);
        ck_assert_int_eq(procfs_each_traced(note_traced, &seen), 0);
        ck_assert_uint_eq(seen.n, 1);
        ck_assert_int_eq(procfs_each_traced(note_traced, &other), 0);
        ck_assert_uint_eq(other.n, 0);
        ck_assert_int_eq(procfs_each_traced(stop_walk, NULL), 42);
        child_end(traced);
        child_end(free_one);
}
END_TEST

/* ---- access ---------------------------------------------------------------------------------------- */

static void become_nobody(void)
{
        if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
                _exit(1);
        prctl(PR_SET_DUMPABLE, 1);
}

static void become_nobody_undumpable(void)
{
        become_nobody();
        prctl(PR_SET_DUMPABLE, 0);
}

START_TEST(tells_dumpable)
{
        uint32_t yes, no;
        siginfo_t info;
        bool dumpable;

        ck_assert_int_eq(procfs_dumpable(own_pid(), &dumpable), 0);
        ck_assert(dumpable);
        if (geteuid() != 0)
                return;
        yes = child_new(become_nobody);
        no = child_new(become_nobody_undumpable);
        ck_assert_int_eq(procfs_dumpable(yes, &dumpable), 0);
        ck_assert(dumpable);
        ck_assert_int_eq(procfs_dumpable(no, &dumpable), 0);
        ck_assert(!dumpable);

        /* A zombie has no memory: that does not make it undumpable. */
        kill((pid_t)yes, SIGKILL);
        ck_assert_int_eq(waitid(P_PID, yes, &info, WEXITED | WNOWAIT), 0);
        ck_assert_int_eq(procfs_dumpable(yes, &dumpable), 0);
        ck_assert(dumpable);
        child_end(yes);
        child_end(no);
}
END_TEST

START_TEST(compares_namespaces)
{
        uint32_t child = child_new(NULL);
        bool same = false;

        ck_assert_int_eq(procfs_same_ns(own_pid(), child, "user", &same), 0);
        ck_assert(same);
        ck_assert_int_eq(procfs_ns_within(child, own_pid(), "pid", &same), 0);
        ck_assert(same);
        ck_assert_int_lt(procfs_same_ns(own_pid(), child, "nonsense", &same), 0);
        ck_assert_int_eq(procfs_same_ns(own_pid(), child,
                                        "a-name-that-is-far-too-long-for-any-namespace-there-is-or-will-be",
                                        &same),
                         -EINVAL);
        child_end(child);
}
END_TEST

static uint32_t *shared_pid; /* written by a child */

static void add_inner_children(void)
{
        child_new(NULL);
        child_new(NULL);
}

/* A first process in a pid namespace of its own, with two children (2 and 3 there). Not by us: a process
 * that has unshared its pid namespace cannot start threads any more. */
static void start_family(void)
{
        if (unshare(CLONE_NEWPID) < 0)
                _exit(1);
        *shared_pid = child_new(add_inner_children);
}

START_TEST(resolves_a_pid_of_another_namespace)
{
        struct proc_status status;
        uint32_t helper, init, tid;
        bool within;

        ck_assert_int_eq(procfs_resolve_vpid(own_pid(), own_pid(), &tid), 0);
        ck_assert_uint_eq(tid, own_pid());
        if (geteuid() != 0)
                return;

        shared_pid =
                mmap(NULL, sizeof(*shared_pid), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(shared_pid, MAP_FAILED);
        helper = child_new(start_family);
        init = *shared_pid;
        ck_assert_int_eq(procfs_resolve_vpid(init, 1, &tid), 0);
        ck_assert_uint_eq(tid, init);
        ck_assert_int_eq(procfs_resolve_vpid(init, 3, &tid), 0);
        ck_assert_int_eq(procfs_status(tid, 0, &status), 0);
        ck_assert_uint_eq(status.ppid, init);
        ck_assert_uint_eq(status.nspid[status.n_nspid - 1], 3);
        ck_assert_int_eq(procfs_resolve_vpid(init, 4, &tid), -ESRCH);
        ck_assert_int_eq(procfs_resolve_vpid(init, own_pid(), &tid), -ESRCH);

        ck_assert_int_eq(procfs_same_ns(init, own_pid(), "pid", &within), 0);
        ck_assert(!within);
        ck_assert_int_eq(procfs_ns_within(init, own_pid(), "pid", &within), 0);
        ck_assert(within);
        ck_assert_int_eq(procfs_ns_within(own_pid(), init, "pid", &within), 0);
        ck_assert(!within);
        child_end(helper);
}
END_TEST

static void start_namespace(void)
{
        if (unshare(CLONE_NEWPID) < 0)
                _exit(1);
        child_new(NULL);
}

START_TEST(does_not_guess_between_namespaces)
{
        uint32_t first, second, tid = 9;
        struct proc_status status;

        ck_assert_int_eq(procfs_resolve_vpid_at(PROC_NSPID_MAX, 1, &tid), -ESRCH);
        ck_assert_int_eq(procfs_resolve_vpid_at(1, 0, &tid), -ESRCH);
        if (geteuid() != 0)
                return;
        ck_assert_int_eq(procfs_status(own_pid(), 0, &status), 0);
        first = child_new(start_namespace);
        second = child_new(start_namespace);
        ck_assert_int_eq(procfs_resolve_vpid_at((uint32_t)status.n_nspid, 1, &tid), -ENOTUNIQ);
        ck_assert_uint_eq(tid, 9);
        child_end(first);
        child_end(second);
}
END_TEST

/* ---- a process as a person knows it ---------------------------------------------------------------- */

START_TEST(describes_a_process)
{
        char exe[EVENT_PATH_MAX] = "";
        struct event e;

        ck_assert_int_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
        ck_assert_int_eq(procfs_task_info(own_pid(), &e), 0);
        ck_assert_int_eq(e.type, EV_TASK_INFO);
        ck_assert_uint_eq(e.target.pid, own_pid());
        ck_assert_uint_eq(e.target.tid, 0);
        ck_assert_uint_eq(e.parent.pid, (uint32_t)getppid());
        ck_assert_uint_eq(e.uid, geteuid());
        ck_assert_str_eq(e.path, exe);
        ck_assert(strstr(e.args, "test_procfs"));
        ck_assert_uint_gt(e.inner_pid, 0);
        ck_assert_uint_eq(e.word_bits, 8 * sizeof(void *));
}
END_TEST

/* As a 64-bit kernel keeps it: in the words of the program. */
static const uint64_t auxv_of_64[] = {33, 0x7ffd12345000, 16, 0xbfebfbff, 3, 0x400040, 4, 56, 5, 13, 0, 0};
static const uint32_t auxv_of_32[] = {32, 0xf7f00550, 33, 0xf7f00000, 3, 0x56555034, 4, 32, 5, 12, 0, 0};

START_TEST(the_vector_tells_the_words)
{
        char odd[sizeof(auxv_of_64) + 1];

        ck_assert_uint_eq(auxv_word_bits(auxv_of_64, sizeof(auxv_of_64)), 64);
        ck_assert_uint_eq(auxv_word_bits(auxv_of_32, sizeof(auxv_of_32)), 32);
        memcpy(odd + 1, auxv_of_64, sizeof(auxv_of_64));
        ck_assert_uint_eq(auxv_word_bits(odd + 1, sizeof(auxv_of_64)), 64);
        ck_assert_uint_eq(auxv_word_bits(auxv_of_64, 6 * sizeof(uint64_t)), 0);
        ck_assert_uint_eq(auxv_word_bits(auxv_of_32, 7 * sizeof(uint32_t)), 0);
        ck_assert_uint_eq(auxv_word_bits("", 0), 0);
        ck_assert_uint_eq(auxv_read_word_bits(own_pid()), 8 * sizeof(void *));
        ck_assert_uint_eq(auxv_read_word_bits(0), 0);
}
END_TEST

START_TEST(describes_arguments_of_any_length)
{
        _cleanup_free_ char *evil = malloc(100001);
        char *argv[] = {"evil\x1b[31m", "", "two words", evil, NULL};
        struct event e;
        pid_t pid;
        int status;

        memset(evil, 'a', 100000);
        evil[100000] = 0;
        pid = fork();
        if (pid == 0) {
                ptrace(PTRACE_TRACEME, 0, 0, 0);
                execv("/bin/true", argv);
                _exit(1);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSTOPPED(status));
        ck_assert_int_eq(procfs_task_info((uint32_t)pid, &e), 0);
        ck_assert_uint_eq(strlen(e.args), EVENT_ARGS_MAX - 1);
        ck_assert_int_eq(strncmp(e.args, "evil\x1b[31m  two words aaaa", 25), 0);
        ck_assert(strstr(e.path, "/true"));
        child_end((uint32_t)pid);
}
END_TEST

START_TEST(describes_a_kernel_thread)
{
        struct proc_status status;
        struct event e;

        if (procfs_status(2, 0, &status) < 0 || strcmp(status.task.comm, "kthreadd") != 0)
                return;
        ck_assert(status.kthread);
        ck_assert_int_eq(procfs_task_info(2, &e), 0);
        ck_assert_str_eq(e.path, "");
        ck_assert_str_eq(e.args, "");
}
END_TEST

START_TEST(knows_ancestors)
{
        uint32_t parent = (uint32_t)getppid();
        struct proc_stat own, of_parent;

        ck_assert_int_eq(procfs_stat(own_pid(), 0, &own), 0);
        ck_assert_int_eq(procfs_stat(parent, 0, &of_parent), 0);
        ck_assert_uint_eq(procfs_ancestor(own_pid(), own_pid(), 0), own.start);
        ck_assert_uint_eq(procfs_ancestor(own_pid(), parent, 0), 0);
        ck_assert_uint_eq(procfs_ancestor(own_pid(), parent, 1), of_parent.start);
        ck_assert_uint_eq(procfs_ancestor(parent, own_pid(), 64), 0);
        ck_assert_uint_eq(procfs_ancestor(4194304, own_pid(), 64), 0); /* there is none */
}
END_TEST

START_TEST(knows_the_boot)
{
        char id[37];

        ck_assert_int_eq(procfs_boot_id(id), 0);
        ck_assert_uint_eq(strlen(id), 36);
        ck_assert_int_ge(procfs_yama_scope(), -1);
        ck_assert_int_le(procfs_yama_scope(), 3);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("procfs");
        TCase *t = tcase_create("procfs");
        int failed;

        tcase_add_test(t, parses_a_stat_line);
        tcase_add_test(t, a_name_cannot_pass_for_fields);
        tcase_add_test(t, refuses_what_is_no_stat_line);
        tcase_add_test(t, names_a_unit_or_container);
        tcase_add_test(t, names_terminals);
        tcase_add_test(t, a_long_line_is_dropped_whole);
        tcase_add_test(t, a_last_line_needs_no_newline);
        tcase_add_test(t, an_endless_line_ends);
        tcase_add_test(t, knows_ourselves);
        tcase_add_test(t, start_is_when_it_began);
        tcase_add_test(t, a_thread_belongs_to_its_process);
        tcase_add_test(t, a_task_that_is_gone_is_esrch);
        tcase_add_test(t, a_hostile_name_changes_nothing);
        tcase_add_test(t, many_groups_change_nothing);
        tcase_add_test(t, tells_stopped_from_traced_from_dead);
        tcase_add_test(t, finds_every_traced_thread_once);
        tcase_add_test(t, tells_dumpable);
        tcase_add_test(t, compares_namespaces);
        tcase_add_test(t, resolves_a_pid_of_another_namespace);
        tcase_add_test(t, does_not_guess_between_namespaces);
        tcase_add_test(t, describes_a_process);
        tcase_add_test(t, the_vector_tells_the_words);
        tcase_add_test(t, describes_arguments_of_any_length);
        tcase_add_test(t, describes_a_kernel_thread);
        tcase_add_test(t, knows_ancestors);
        tcase_add_test(t, knows_the_boot);
        suite_add_tcase(s, t);

        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
