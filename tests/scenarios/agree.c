/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Holds what the daemon says beforehand of an attach (GET /v1/processes/PID/why, asked by who would attach) against
 * what ptrace(2) then does, and against the cause that a finding names afterwards (GET /v1/diagnosis), over a whole
 * product of callers and targets.
 *
 *   agree SOCKET all|pairs [WHAT]   every row, or few, in which every two values of two columns meet; as root. WHAT is
 *                                   not to be seen in findings: "seccomp", or "everything"
 *   agree under FILTER CMD...       CMD under that filter: "ALLOW", "EPERM", ..., "KILL", "TRAP"
 *   agree target ...                what is attached to
 *
 * Prints a line for each row that does not agree, and a summary. Status 0: all agreed.
 */

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/scenarios/filter.h"
#include "tests/scenarios/fixture.h"

#define NOBODY_ID      65534
#define OTHER_ID       65533
#define SYS_PTRACE_BIT (1u << CAP_SYS_PTRACE)
#define ANSWER_SIZE    262144
#define WORD_SIZE      64
#define WAIT_MS        2
#define WAITS_MAX      2000
#define NO_SUCH_OPTION (1L << 31) /* as ptracectl why asks what a filter makes of ptrace */
#define UNKNOWN_SHARE  20         /* at most one row in so many */

enum caller {
        SAME_UID,
        ROOT,
        ROOT_NO_CAPS,
        AMBIENT,
        OTHER_UID,
        LIMITED_ROOT,
        _CALLERS
};
enum relation {
        SAME_NS,
        TARGET_IN_CALLERS,
        TARGET_IN_ROOTS,
        TARGET_ENTERED,
        CALLER_INSIDE,
        _RELATIONS
};
enum filter {
        NO_FILTER,
        ANSWERS_EPERM,
        ANSWERS_EACCES,
        ANSWERS_ENOSYS,
        KILLS,
        TRAPS,
        _FILTERS
};
enum column {
        CALLER,
        UNDUMPABLE,
        RELATION,
        FILTER,
        ZOMBIE,
        TRACED,
        _COLUMNS
};

#define VALUES_MAX 6 /* of a column */

static const int sizes[_COLUMNS] = {_CALLERS, 2, _RELATIONS, _FILTERS, 2, 2};
static const char *const words[_COLUMNS][VALUES_MAX] = {
        [CALLER] = {"same uid", "root", "root without capabilities, of such a root",
                    "ambient CAP_SYS_PTRACE", "another uid",
                    "root without CAP_SYS_PTRACE, of a root with it"},
        [UNDUMPABLE] = {"dumpable", "not dumpable"},
        [RELATION] = {"same namespace", "target in a namespace that the caller's uid made",
                      "target in one that root made", "target in one that it entered without an exec",
                      "caller in one below"},
        [FILTER] = {"no filter", "EPERM", "EACCES", "ENOSYS", "KILL", "TRAP"},
        [ZOMBIE] = {"main thread alive", "main thread ended"},
        [TRACED] = {"not traced", "traced"},
};

#define ROWS_MAX (_CALLERS * 2 * _RELATIONS * _FILTERS * 2 * 2)

struct row {
        int at[_COLUMNS];
};

/* What the caller has found out, in memory that outlives it. */
struct shared {
        bool asked, tried;
        int error; /* of the attach, 0: attached */
        char allowed[WORD_SIZE], error_name[WORD_SIZE], cause[WORD_SIZE], signal[WORD_SIZE];
        char answer[ANSWER_SIZE];
};

static const char *socket_path, *self_path = "/proc/self/exe";
static struct shared *shared;

static void nap(void)
{
        usleep(WAIT_MS * 1000);
}

static void need(bool good, const char *what)
{
        if (!good)
                die(what);
}

/* ---- capabilities and ids ---------------------------------------------------------------------------- */

/* Keep only these of the first 32; a mask of all ones keeps the others, too. */
static void keep_caps(uint32_t low)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2];
        uint32_t high = low & ~SYS_PTRACE_BIT ? UINT32_MAX : 0;

        need(syscall(SYS_capget, &header, data) == 0, "capget");
        data[0].permitted &= low;
        data[1].permitted &= high;
        data[0].effective = data[0].inheritable = data[0].permitted;
        data[1].effective = data[1].inheritable = data[1].permitted;
        need(syscall(SYS_capset, &header, data) == 0, "capset");
}

static void become_user(uint32_t id)
{
        need(setgroups(0, NULL) == 0 && setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0,
             "setresuid");
}

static void become(enum caller who)
{
        switch (who) {
        case SAME_UID:
                become_user(NOBODY_ID);
                break;
        case OTHER_UID:
                become_user(OTHER_ID);
                break;
        case ROOT_NO_CAPS:
                keep_caps(0);
                break;
        case LIMITED_ROOT:
                keep_caps(~SYS_PTRACE_BIT);
                break;
        case AMBIENT:
                need(prctl(PR_SET_KEEPCAPS, 1) == 0, "keepcaps");
                become_user(NOBODY_ID);
                keep_caps(SYS_PTRACE_BIT);
                need(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_PTRACE, 0, 0) == 0, "ambient");
                break;
        default:
                break;
        }
}

/* ---- the target -------------------------------------------------------------------------------------- */

static void *work(void *arg)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
                pause();
        return arg;
}

/* Says on its output that it is there, and waits for a byte of its input. */
static void meet(void)
{
        char c = 0;

        need(write(STDOUT_FILENO, &c, 1) == 1 && read(STDIN_FILENO, &c, 1) == 1, "the driver");
}

/* agree target UNDUMPABLE ZOMBIE NO-CAPS ENTERS */
static int run_target(char **argv)
{
        pthread_t worker;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(fixture_seconds());
        if (*argv[2] == '1')
                keep_caps(0);
        if (*argv[3] == '1') {
                need(unshare(CLONE_NEWUSER) == 0, "unshare");
                meet();
        }
        prctl(PR_SET_DUMPABLE, *argv[0] == '1' ? 0 : 1);
        need(pthread_create(&worker, NULL, work, NULL) == 0, "thread");
        meet();
        if (*argv[1] == '1')
                pthread_exit(NULL);
        for (;;)
                pause();
}

struct target {
        pid_t pid;
        int in, out;
};

static void write_map(pid_t pid, const char *file, uint32_t root, bool nobody)
{
        char path[64], line[64];
        int fd, n;

        snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        n = snprintf(line, sizeof(line), "0 %u 1\n%s", root, nobody ? "65534 65534 1\n" : "");
        need(fd >= 0 && write(fd, line, (size_t)n) == n, path);
        close(fd);
}

static bool root_target(const struct row *r)
{
        return r->at[CALLER] == ROOT_NO_CAPS || r->at[CALLER] == LIMITED_ROOT;
}

/* It is started in one. */
static bool in_namespace(const struct row *r)
{
        return r->at[RELATION] == TARGET_IN_CALLERS || r->at[RELATION] == TARGET_IN_ROOTS;
}

/* Who unshares owns the namespace. */
static uint32_t maker_of(const struct row *r)
{
        if (r->at[RELATION] == TARGET_ENTERED)
                return root_target(r) ? 0 : NOBODY_ID;
        if (r->at[RELATION] == TARGET_IN_ROOTS || r->at[CALLER] == ROOT || root_target(r))
                return 0;
        return r->at[CALLER] == OTHER_UID ? OTHER_ID : NOBODY_ID;
}

static void exec_target(const struct row *r, int sync)
{
        char c = 0, flags[4][2] = {{(char)('0' + r->at[UNDUMPABLE])},
                                   {(char)('0' + r->at[ZOMBIE])},
                                   {(char)('0' + (r->at[CALLER] == ROOT_NO_CAPS))},
                                   {(char)('0' + (r->at[RELATION] == TARGET_ENTERED))}};

        if (in_namespace(r)) {
                if (maker_of(r))
                        become_user(maker_of(r));
                need(unshare(CLONE_NEWUSER) == 0, "unshare");
                need(write(sync, &c, 1) == 1 && read(sync, &c, 1) == 1, "sync");
                if (maker_of(r) != NOBODY_ID && !root_target(r))
                        need(setresgid(NOBODY_ID, NOBODY_ID, NOBODY_ID) == 0 &&
                                     setresuid(NOBODY_ID, NOBODY_ID, NOBODY_ID) == 0,
                             "setresuid inside");
        } else if (!root_target(r))
                become_user(NOBODY_ID);
        execl(self_path, "agree", "target", flags[0], flags[1], flags[2], flags[3], NULL);
        die("exec");
}

/* Its maker is root in there, and nobody, if that is another one, is nobody. */
static void map_namespace(const struct row *r, pid_t pid)
{
        write_map(pid, "uid_map", maker_of(r), !root_target(r) && maker_of(r) != NOBODY_ID);
        write_map(pid, "gid_map", maker_of(r), !root_target(r) && maker_of(r) != NOBODY_ID);
}

static char state_of(pid_t pid)
{
        char path[64], text[512], *end;
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return 0;
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
        text[n > 0 ? n : 0] = '\0';
        end = strrchr(text, ')');
        return end && end[1] ? end[2] : 0;
}

static struct target start_target(const struct row *r)
{
        int in[2], out[2], sync[2];
        struct target t;
        char c = 0;

        need(pipe(in) == 0 && pipe(out) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sync) == 0, "pipe");
        t.pid = fork();
        need(t.pid >= 0, "fork");
        if (t.pid == 0) {
                dup2(in[0], STDIN_FILENO);
                dup2(out[1], STDOUT_FILENO);
                close(in[1]);
                close(out[0]);
                close(sync[0]);
                exec_target(r, sync[1]);
        }
        close(in[0]);
        close(out[1]);
        close(sync[1]);
        if (in_namespace(r)) {
                need(read(sync[0], &c, 1) == 1, "sync");
                map_namespace(r, t.pid);
                need(write(sync[0], &c, 1) == 1, "sync");
        }
        close(sync[0]);
        need(read(out[0], &c, 1) == 1, "the target is ready");
        if (r->at[RELATION] == TARGET_ENTERED) {
                map_namespace(r, t.pid);
                need(write(in[1], &c, 1) == 1 && read(out[0], &c, 1) == 1, "the target has entered");
        }
        if (r->at[TRACED])
                need(ptrace(PTRACE_SEIZE, t.pid, 0, 0) == 0, "trace the target");
        need(write(in[1], &c, 1) == 1, "tell the target");
        for (int i = 0; r->at[ZOMBIE] && state_of(t.pid) != 'Z' && i < WAITS_MAX; i++)
                nap();
        t.in = in[1];
        t.out = out[0];
        return t;
}

static void end_target(struct target *t)
{
        int status;

        kill(t->pid, SIGKILL);
        while (waitpid(t->pid, &status, __WALL) == t->pid && !WIFEXITED(status) && !WIFSIGNALED(status))
                ;
        close(t->in);
        close(t->out);
}

/* ---- the caller -------------------------------------------------------------------------------------- */

static void enter_filter(enum filter which)
{
        static const uint32_t does[_FILTERS] = {
                [NO_FILTER] = SECCOMP_RET_ALLOW,
                [ANSWERS_EPERM] = SECCOMP_RET_ERRNO | EPERM,
                [ANSWERS_EACCES] = SECCOMP_RET_ERRNO | EACCES,
                [ANSWERS_ENOSYS] = SECCOMP_RET_ERRNO | ENOSYS,
                [KILLS] = SECCOMP_RET_KILL_PROCESS,
                [TRAPS] = SECCOMP_RET_TRAP,
        };

        filter_ptrace(does[which]);
}

/* As ptracectl why does: a child tries. "" without a filter. */
static void try_filter(enum filter which, char *buf, size_t size)
{
        int status;
        pid_t pid;

        buf[0] = '\0';
        if (which == NO_FILTER)
                return;
        pid = fork();
        if (pid == 0) {
                errno = 0;
                (void)syscall(SYS_ptrace, PTRACE_SEIZE, getppid(), 0, NO_SUCH_OPTION);
                _exit(errno == EIO ? 0 : errno);
        }
        need(waitpid(pid, &status, 0) == pid, "wait");
        if (WIFSIGNALED(status))
                snprintf(buf, size, "?seccomp=SIGSYS");
        else
                snprintf(buf, size, "?seccomp=%d", WEXITSTATUS(status));
}

/* The text or the literal of a member, the first of that name. */
static void member(const char *json, const char *key, char value[static WORD_SIZE])
{
        char quoted[WORD_SIZE];
        const char *p;
        size_t n;

        snprintf(quoted, sizeof(quoted), "\"%s\":", key);
        p = strstr(json, quoted);
        value[0] = '\0';
        if (!p)
                return;
        p += strlen(quoted);
        p += strspn(p, " ");
        n = *p == '"' ? strcspn(++p, "\"") : strcspn(p, ",} ");
        snprintf(value, WORD_SIZE, "%.*s", (int)(n < WORD_SIZE ? n : WORD_SIZE - 1), p);
}

/* GET: the answer, with its head, is in shared->answer. */
static void get(const char *path)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        char request[256];
        size_t have = 0;
        ssize_t n;
        int fd;

        snprintf(a.sun_path, sizeof(a.sun_path), "%s", socket_path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        need(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect");
        n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                     path);
        need(write(fd, request, (size_t)n) == n, "ask");
        while (have < ANSWER_SIZE - 1 && (n = read(fd, shared->answer + have, ANSWER_SIZE - 1 - have)) > 0)
                have += (size_t)n;
        shared->answer[have] = '\0';
        close(fd);
}

static void ask(const struct row *r, pid_t target)
{
        char path[128], trial[32];

        try_filter((enum filter)r->at[FILTER], trial, sizeof(trial));
        snprintf(path, sizeof(path), "/v1/processes/%d/why%s", target, trial);
        get(path);
        member(shared->answer, "allowed", shared->allowed);
        member(shared->answer, "errno", shared->error_name);
        member(shared->answer, "cause", shared->cause);
        member(shared->answer, "signal", shared->signal);
        shared->asked = shared->allowed[0] != '\0';
}

static void attach(const struct row *r, pid_t target)
{
        bool seize = r->at[FILTER] % 2 || r->at[UNDUMPABLE];
        int status;

        shared->tried = true;
        errno = 0;
        if (ptrace(seize ? PTRACE_SEIZE : PTRACE_ATTACH, target, 0, 0) < 0) {
                shared->error = errno;
                return;
        }
        if (!seize && waitpid(target, &status, __WALL) == target)
                ptrace(PTRACE_DETACH, target, 0, 0);
}

static int run_caller(const struct row *r, pid_t target)
{
        int status = 0;
        pid_t pid;

        memset(shared, 0, offsetof(struct shared, answer));
        shared->answer[0] = '\0';
        pid = fork();
        need(pid >= 0, "fork");
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
                alarm(fixture_seconds());
                become((enum caller)r->at[CALLER]);
                if (r->at[RELATION] == CALLER_INSIDE)
                        need(unshare(CLONE_NEWUSER) == 0, "unshare");
                if (r->at[FILTER] != NO_FILTER)
                        enter_filter((enum filter)r->at[FILTER]);
                ask(r, target);
                attach(r, target);
                _exit(0);
        }
        need(waitpid(pid, &status, 0) == pid, "wait");
        return status;
}

/* ---- what was to be ---------------------------------------------------------------------------------- */

/* Rows in which it cannot be told beforehand, and why. */
static const char *not_to_be_told(const struct row *r)
{
        bool below = in_namespace(r) || r->at[RELATION] == TARGET_ENTERED;

        if (below && root_target(r) && r->at[FILTER] == NO_FILTER && !r->at[ZOMBIE] && !r->at[TRACED])
                return "root is uid 0 in both namespaces: of which one the memory is, and whether it is dumpable, "
                       "shows nowhere outside the kernel";
        return NULL;
}

/* The cause where it follows from a column, else NULL. */
static const char *cause_of(const struct row *r)
{
        if (r->at[FILTER] != NO_FILTER)
                return "seccomp";
        if (r->at[ZOMBIE])
                return "zombie-leader";
        if (r->at[TRACED])
                return "traced";
        if (r->at[RELATION] == CALLER_INSIDE)
                return "user-namespace";
        if (r->at[RELATION] == TARGET_IN_ROOTS ||
            (r->at[RELATION] == TARGET_ENTERED && r->at[CALLER] == OTHER_UID))
                return "user-namespace";
        if (r->at[CALLER] == OTHER_UID)
                return "uid";
        if (r->at[UNDUMPABLE])
                return "not-dumpable";
        return r->at[CALLER] == LIMITED_ROOT ? "capability" : NULL;
}

static const char *name_of(int error)
{
        return error == EPERM    ? "EPERM"
               : error == EACCES ? "EACCES"
               : error == ENOSYS ? "ENOSYS"
               : error == EBUSY  ? "EBUSY"
               : error == ESRCH  ? "ESRCH"
                                 : "another";
}

/* What does not agree; NULL: all. */
static const char *disagreement(const struct row *r, int status)
{
        bool allowed = !strcmp(shared->allowed, "true"), unknown = !strcmp(shared->cause, "not-known");
        bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
        const char *cause = cause_of(r);

        if (!shared->asked)
                return "it was not answered";
        if (!shared->tried || (!WIFEXITED(status) && !killed))
                return "it was not tried";
        if (unknown)
                return not_to_be_told(r) ? NULL : "not known, and the table does not say why";
        if (killed)
                return strcmp(shared->signal, "SIGSYS") || strcmp(shared->cause, "seccomp") ? "it was killed"
                                                                                            : NULL;
        if (allowed != (shared->error == 0))
                return "one allows it, the other does not";
        if (allowed)
                return NULL;
        if (strcmp(shared->error_name, name_of(shared->error)))
                return "another errno";
        if (!shared->cause[0] || !strcmp(shared->cause, "null"))
                return "no cause";
        return cause && strcmp(cause, shared->cause) ? "another cause" : NULL;
}

static void print_row(const struct row *r, const char *what)
{
        printf("%s:", what);
        for (int c = 0; c < _COLUMNS; c++)
                printf(" %s%s", words[c][r->at[c]], c + 1 < _COLUMNS ? "," : "");
        printf(": why says %s %s %s, ptrace %s\n", shared->allowed, shared->error_name, shared->cause,
               !shared->tried  ? "was not called"
               : shared->error ? name_of(shared->error)
                               : "succeeded or killed");
}

/* ---- findings ---------------------------------------------------------------------------------------- */

#define CAUSES_MAX 8
#define MISSES_MAX 5

/* What findings about a target are to name, and what they do name. */
struct causes {
        size_t n;
        char list[CAUSES_MAX][WORD_SIZE];
        bool open; /* why did not know all of them */
};

static bool is_among(const struct causes *c, const char *cause)
{
        for (size_t i = 0; i < c->n; i++)
                if (!strcmp(c->list[i], cause))
                        return true;
        return false;
}

static void add_cause(struct causes *c, const char *cause)
{
        if (!is_among(c, cause) && c->n < CAUSES_MAX)
                snprintf(c->list[c->n++], WORD_SIZE, "%s", cause);
}

static void read_findings(pid_t target, struct causes *ret)
{
        char path[64], code[WORD_SIZE], cause[WORD_SIZE];

        ret->n = 0;
        snprintf(path, sizeof(path), "/v1/diagnosis?pid=%d", target);
        get(path);
        /* What the tier cannot find is listed before, with codes, too. */
        for (const char *p = strstr(shared->answer, "\"findings\":"); p && (p = strstr(p, "\"code\":"));
             p++) {
                member(p, "code", code);
                member(p, "cause", cause);
                if (!strcmp(code, "attach-refused-traced"))
                        add_cause(ret, "traced");
                else if (!strncmp(code, "attach-refused-", strlen("attach-refused-")))
                        add_cause(ret, cause);
        }
}

static const char *first_missing(const struct causes *of, const struct causes *among)
{
        for (size_t i = 0; i < of->n; i++)
                if (!is_among(among, of->list[i]))
                        return of->list[i];
        return NULL;
}

/* Prints what they do not agree in. The records take a moment. */
static unsigned check_findings(pid_t target, const struct causes *wanted)
{
        static int patience = MISSES_MAX; /* a daemon that tells nothing would be waited for all day */
        struct causes told, allowed = *wanted;
        const char *cause;
        unsigned wrong = 0;

        for (int i = 0; i < (patience ? WAITS_MAX : 1); i++) {
                read_findings(target, &told);
                if (!first_missing(wanted, &told))
                        break;
                nap();
        }
        cause = first_missing(wanted, &told);
        patience -= cause && patience;
        if (cause && ++wrong)
                printf("no finding names %s, of %d\n", cause, target);
        add_cause(&allowed, "seccomp"); /* of a caller that its filter has killed it may be told of, too */
        cause = wanted->open ? NULL : first_missing(&told, &allowed);
        if (cause && ++wrong)
                printf("a finding names %s, of %d, which why did not\n", cause, target);
        return wrong;
}

/* ---- rows -------------------------------------------------------------------------------------------- */

static size_t all_rows(struct row *rows)
{
        struct row r = {};
        size_t n = 0;
        int c;

        do {
                rows[n++] = r;
                /* The filter turns fastest: its rows share a target. */
                static const int order[_COLUMNS] = {FILTER, TRACED, ZOMBIE, RELATION, UNDUMPABLE, CALLER};

                for (c = 0; c < _COLUMNS && ++r.at[order[c]] == sizes[order[c]]; c++)
                        r.at[order[c]] = 0;
        } while (c < _COLUMNS);
        return n;
}

static bool covered[_COLUMNS][_COLUMNS][VALUES_MAX][VALUES_MAX];

static int gain(const struct row *r, bool take)
{
        int n = 0;

        for (int a = 0; a < _COLUMNS; a++)
                for (int b = a + 1; b < _COLUMNS; b++) {
                        bool *pair = &covered[a][b][r->at[a]][r->at[b]];

                        n += !*pair;
                        *pair |= take;
                }
        return n;
}

/* The row that brings the most new pairs, until none brings any. */
static size_t few_rows(struct row *rows, size_t n)
{
        size_t kept = 0;

        for (;;) {
                size_t best = n;

                for (size_t i = kept; i < n; i++)
                        if (gain(&rows[i], false) &&
                            (best == n || gain(&rows[i], false) > gain(&rows[best], false)))
                                best = i;
                if (best == n)
                        return kept;
                struct row r = rows[best];

                gain(&r, true);
                rows[best] = rows[kept];
                rows[kept++] = r;
        }
}

static bool same_target(const struct row *a, const struct row *b)
{
        for (int c = 0; c < _COLUMNS; c++)
                if (c != FILTER && a->at[c] != b->at[c])
                        return false;
        return true;
}

struct counts {
        unsigned refused, wrong, unknown;
};

static void run_row(const struct row *r, pid_t target, const char *unseen, struct causes *wanted,
                    struct counts *c)
{
        const char *what = disagreement(r, run_caller(r, target));

        if (what) {
                print_row(r, what);
                c->wrong++;
        }
        c->refused += shared->error != 0;
        if (!strcmp(shared->cause, "not-known")) {
                c->unknown++;
                wanted->open = true;
        } else if (shared->error && strcmp(unseen, shared->cause))
                add_cause(wanted, shared->cause);
}

static void run_rows(const struct row *rows, size_t n, const char *unseen, struct counts *c)
{
        for (size_t i = 0; i < n;) {
                const struct row *first = &rows[i];
                struct target t = start_target(first);
                struct causes wanted = {};

                for (; i < n && same_target(&rows[i], first); i++)
                        run_row(&rows[i], t.pid, unseen, &wanted, c);
                if (strcmp(unseen, "everything"))
                        c->wrong += check_findings(t.pid, &wanted);
                end_target(&t);
        }
}

static int run_under(char **argv)
{
        for (int f = 0; f < _FILTERS; f++)
                if (!strcmp(argv[0], f == NO_FILTER ? "ALLOW" : words[FILTER][f]))
                        enter_filter((enum filter)f);
        execvp(argv[1], argv + 1);
        die(argv[1]);
        return 1;
}

int main(int argc, char **argv)
{
        static struct row rows[ROWS_MAX];
        struct counts c = {};
        size_t n;

        if (argc == 6 && !strcmp(argv[1], "target"))
                return run_target(argv + 2);
        if (argc >= 4 && !strcmp(argv[1], "under"))
                return run_under(argv + 2);
        need(argc >= 3 && geteuid() == 0, "agree SOCKET all|pairs [WHAT], as root");
        socket_path = argv[1];
        setvbuf(stdout, NULL, _IOLBF, 0);
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        need(shared != MAP_FAILED, "mmap");
        n = all_rows(rows);
        if (!strcmp(argv[2], "pairs"))
                n = few_rows(rows, n);
        run_rows(rows, n, argc > 3 ? argv[3] : "", &c);
        printf("rows %zu, refused %u, not agreed %u, not known %u\n", n, c.refused, c.wrong, c.unknown);
        return c.wrong || c.unknown * UNKNOWN_SHARE > n;
}
