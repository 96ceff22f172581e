/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/base/line_reader.h"
#include "lib/proc/procfs.h"
#include "daemon/claims/arbiter_impl.h"

#define CGROUP_DEPTH    64
#define PATH_TEXT_MAX   4096
#define NSS_BUFFER_SIZE 4096
#define KERNEL_MINOR    20 /* bits of a minor number in the kernel's dev_t */

/* ---- identities -------------------------------------------------------------------------------------- */

struct guard_process arbiter_key(const struct task_ref *t)
{
        return (struct guard_process){.pid = t->pid, .start = t->start};
}

/* Of version 2, "" if there is none. */
static void cgroup_path(uint32_t pid, char *buf, size_t size)
{
        _cleanup_close_ int fd = -1;
        struct line_reader reader;
        char path[64], *line;

        *buf = '\0';
        snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        line_reader_init(&reader, fd);
        while (line_reader_next(&reader, &line) > 0)
                if (!strncmp(line, "0::", 3))
                        snprintf(buf, size, "%s", line + 3);
}

static void exe_path(uint32_t pid, char *buf, size_t size)
{
        char path[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%u/exe", pid);
        n = readlink(path, buf, size - 1);
        buf[n < 0 ? 0 : n] = '\0';
}

/* ---- owners ------------------------------------------------------------------------------------------ */

void arbiter_describe_owner(const struct guard_owner *o, char text[CLAIM_OWNER_TEXT_MAX])
{
        char buf[NSS_BUFFER_SIZE];
        struct passwd pw, *found = NULL;
        struct task_ref t;

        switch ((enum guard_owner_kind)o->kind) {
        case OWNER_PROCESS:
                if (procfs_task(o->process.pid, &t) == 0 && t.start == o->process.start)
                        snprintf(text, CLAIM_OWNER_TEXT_MAX, "pid %u (%s)", o->process.pid, t.comm);
                else
                        snprintf(text, CLAIM_OWNER_TEXT_MAX, "pid %u", o->process.pid);
                return;
        case OWNER_UID:
                if (getpwuid_r(o->uid, &pw, buf, sizeof(buf), &found) == 0 && found)
                        snprintf(text, CLAIM_OWNER_TEXT_MAX, "uid %u (%.32s)", o->uid, pw.pw_name);
                else
                        snprintf(text, CLAIM_OWNER_TEXT_MAX, "uid %u", o->uid);
                return;
        case OWNER_EXE:
                snprintf(text, CLAIM_OWNER_TEXT_MAX, "exe of inode %" PRIu64 " on device %u:%u", o->inode,
                         o->dev >> KERNEL_MINOR, o->dev & ((1U << KERNEL_MINOR) - 1));
                return;
        case OWNER_CGROUP:
                snprintf(text, CLAIM_OWNER_TEXT_MAX, "cgroup %" PRIu64, o->cgroup);
                return;
        default:
                snprintf(text, CLAIM_OWNER_TEXT_MAX, "whoever shows its token");
        }
}

int arbiter_find_owner(const struct owner_wish *wish, struct guard_owner *ret,
                       char text[CLAIM_OWNER_TEXT_MAX])
{
        struct guard_owner o = {.kind = wish->kind};
        struct task_ref t;
        int r = 0;

        if (wish->kind == OWNER_PROCESS) {
                r = procfs_task(wish->number, &t);
                if (r == 0 && (t.pid != wish->number || (wish->start && t.start != wish->start)))
                        r = -ESRCH; /* a thread of it: its process is meant, but not said */
                if (r == 0)
                        o.process = arbiter_key(&t);
        } else if (wish->kind == OWNER_UID)
                o.uid = wish->number;
        else if (wish->kind == OWNER_EXE)
                r = lookup_file(wish->rights, wish->path, &o.dev, &o.inode);
        else if (wish->kind == OWNER_CGROUP)
                r = lookup_cgroup(wish->rights, wish->path, &o.cgroup);
        if (r < 0)
                return r;
        arbiter_describe_owner(&o, text);
        if (wish->path)
                snprintf(text, CLAIM_OWNER_TEXT_MAX, "%s %s", wish->kind == OWNER_EXE ? "exe" : "cgroup",
                         wish->path);
        *ret = o;
        return 0;
}

/* The tracer itself, or a generation above it. */
static bool descends(const struct task_ref *tracer, const struct guard_process *owner)
{
        uint32_t pid = tracer->pid;
        struct proc_stat st;

        for (int i = 0; i <= GUARD_ANCESTORS_MAX && pid > 1; i++) {
                if (procfs_stat(pid, 0, &st) < 0)
                        return false;
                if (pid == owner->pid)
                        return st.start == owner->start;
                pid = st.ppid;
        }
        return false;
}

static bool runs_exe(const struct task_ref *tracer, const struct guard_owner *o)
{
        uint64_t inode;
        uint32_t dev;

        return lookup_exe_of(tracer->pid, &dev, &inode) == 0 && inode == o->inode && dev == o->dev;
}

static bool has_uid(const struct task_ref *tracer, uint32_t uid)
{
        struct proc_status st;

        return procfs_status(tracer->pid, 0, &st) == 0 && st.ruid == uid;
}

static bool in_cgroup(const struct task_ref *tracer, uint64_t id)
{
        char path[PATH_TEXT_MAX];
        uint64_t this_id;

        cgroup_path(tracer->pid, path, sizeof(path));
        for (int i = 0; i < CGROUP_DEPTH && *path; i++) {
                char *slash;

                if (lookup_cgroup(NULL, path, &this_id) == 0 && this_id == id)
                        return true;
                slash = strrchr(path, '/');
                if (!slash || !slash[1])
                        break;
                slash[slash == path] = '\0';
        }
        return false;
}

static bool admits_pid(const struct guard_owner *o, const struct task_ref *tracer)
{
        switch ((enum guard_owner_kind)o->kind) {
        case OWNER_PROCESS:
                return descends(tracer, &o->process);
        case OWNER_EXE:
                return runs_exe(tracer, o);
        case OWNER_UID:
                return has_uid(tracer, o->uid);
        case OWNER_CGROUP:
                return in_cgroup(tracer, o->cgroup);
        default:
                return false;
        }
}

/* What was read of a pid that is another process's by now counts for nobody. */
bool arbiter_admits(const struct guard_owner *o, const struct task_ref *tracer)
{
        struct proc_stat st;

        return admits_pid(o, tracer) &&
               (!tracer->start || (procfs_stat(tracer->pid, 0, &st) == 0 && st.start == tracer->start));
}

/* ---- tracers ----------------------------------------------------------------------------------------- */

struct search {
        struct arbiter *arbiter;
        uint32_t helper; /* of hold: nobody's debugger */
        const struct guard_owner *admitted_by, *strange_to;
        struct task_ref found;
        uint32_t last; /* tracer looked at before: threads mostly share one */
        unsigned n;
};

static bool fits(const struct search *s, const struct task_ref *t)
{
        if (s->helper && t->pid == s->helper)
                return false;
        if (s->admitted_by)
                return arbiter_admits(s->admitted_by, t);
        return !s->strange_to || !arbiter_admits(s->strange_to, t);
}

static int look_at_thread(void *userdata, uint32_t pid, uint32_t tid)
{
        struct search *s = userdata;
        struct task_ref t;
        uint32_t tracer;

        if (s->n++ >= GUARD_THREADS_MAX)
                return 1;
        if (procfs_tracer_tid(pid, tid, &tracer) < 0 || !tracer || tracer == s->last)
                return 0;
        s->last = tracer;
        if (procfs_task(tracer, &t) < 0 || !fits(s, &t))
                return 0;
        s->found = t;
        return 1;
}

/* What the model knows is asked first: one thread of thousands may be traced. */
static int look_at_session(void *userdata, const struct session *session)
{
        struct search *s = userdata;

        return session->target.tid ? look_at_thread(s, session->target.pid, session->target.tid) : 0;
}

struct task_ref arbiter_tracer(struct arbiter *a, const struct task_ref *target,
                               const struct guard_owner *admitted_by, const struct guard_owner *strange_to)
{
        struct search s = {.arbiter = a, .admitted_by = admitted_by, .strange_to = strange_to};
        struct task_ref now;
        struct hold_view v;

        if (procfs_task(target->pid, &now) < 0 || now.start != target->start)
                return (struct task_ref){};
        if (a->hold && hold_get(a->hold, target->pid, &v) == 0)
                s.helper = v.helper.pid;
        model_each_session(pump_model(a->pump), target->pid, false, look_at_session, &s);
        s.n = 0;
        if (!s.found.pid)
                procfs_each_thread(target->pid, look_at_thread, &s);
        return s.found;
}

/* ---- before an attach -------------------------------------------------------------------------------- */

bool arbiter_claim_holds(const struct claim *c)
{
        const struct claim_request *r = &c->request;
        struct proc_status st;

        return r->asker.privileged || procfs_status(r->target.pid, 0, &st) < 0 ||
               (st.ruid == r->asker.uid && st.euid == r->asker.uid && st.suid == r->asker.uid);
}

struct subject_text {
        char exe[PATH_TEXT_MAX], cgroup[PATH_TEXT_MAX];
        struct task_ref task;
};

static struct policy_subject subject_of(uint32_t pid, struct subject_text *text)
{
        struct policy_subject s = {};
        struct proc_status st;

        exe_path(pid, text->exe, sizeof(text->exe));
        cgroup_path(pid, text->cgroup, sizeof(text->cgroup));
        if (procfs_status(pid, 0, &st) == 0) {
                text->task = st.task;
                s.comm = text->task.comm;
                s.uid = st.ruid;
        }
        s.exe = *text->exe ? text->exe : NULL;
        s.cgroup = *text->cgroup ? text->cgroup : NULL;
        return s;
}

static void add_rule(struct arbiter *a, const struct task_ref *tracer, const struct task_ref *target,
                     struct arbiter_opinion *o)
{
        struct subject_text *texts = calloc(2, sizeof(*texts));
        struct policy_subject who, whom;
        const struct guard_rule *rule;

        if (texts && a->policy && a->rules_in_force) {
                who = subject_of(tracer->pid, &texts[0]);
                whom = subject_of(target->pid, &texts[1]);
                o->rule = policy_match(a->policy, &whom);
                rule = o->rule ? &a->policy->rules[o->rule - 1].rule : NULL;
                if (rule) {
                        o->facts.has_rule = true;
                        o->facts.rule_say = rule->say;
                        o->facts.rule_mode = rule->mode;
                        o->facts.rule_memory_deny = !!(rule->flags & RULE_F_MEMORY_DENY);
                        o->facts.rule_admits = policy_admits(rule, &who);
                }
        }
        free(texts);
}

/* Its own memory, or its child: LeakSanitizer, a crash handler. */
static bool is_own_helper(const struct task_ref *tracer, const struct task_ref *target)
{
        struct proc_stat st;

        return (procfs_stat(tracer->pid, 0, &st) == 0 && st.ppid == target->pid) ||
               syscall(SYS_kcmp, tracer->pid, target->pid, KCMP_VM, 0, 0) == 0;
}

/* Does the target trace the tracer, perhaps through others? */
static bool is_cycle(struct arbiter *a, const struct task_ref *tracer, const struct task_ref *target)
{
        struct task_ref t = *tracer;

        for (int i = 0; i < GUARD_CHAIN_MAX; i++) {
                t = arbiter_tracer(a, &t, NULL, NULL);
                if (!t.pid)
                        return false;
                if (t.pid == target->pid)
                        return true;
        }
        return false;
}

static uint32_t holder_fact(struct arbiter *a, const struct task_ref *tracer, const struct task_ref *target)
{
        const struct guard_owner self = {.kind = OWNER_PROCESS, .process = arbiter_key(tracer)};
        struct task_ref t = arbiter_tracer(a, target, NULL, NULL);

        if (!t.pid)
                return FACT_FREE;
        if (t.pid != tracer->pid)
                return FACT_HELD_BY_OTHER;
        t = arbiter_tracer(a, target, NULL, &self);
        return t.pid && t.pid != tracer->pid ? FACT_HELD_BY_OTHER : FACT_HELD_BY_CALLER;
}

static bool in_force(const struct claim *c)
{
        uint64_t now = arbiter_now();

        return (!c->end_ns || c->end_ns > now) && arbiter_claim_holds(c);
}

void arbiter_ask(struct arbiter *a, const struct task_ref *tracer, const struct task_ref *target,
                 struct arbiter_opinion *ret)
{
        const struct claim *c = claim_of(a->book, target->pid);
        struct guard_facts *f = &ret->facts;

        *ret = (struct arbiter_opinion){};
        if (c && task_same_process(&c->request.target, target) && in_force(c)) {
                ret->claim = c;
                f->claim_mode = c->request.mode;
                f->claim = arbiter_admits(&c->request.owner, tracer) ? FACT_CLAIM_OURS : FACT_CLAIM_OTHERS;
        }
        f->own_helper = is_own_helper(tracer, target);
        f->state = arbiter_state(a);
        add_rule(a, tracer, target, ret);
        if (guard_single_source(f) != SOURCE_NONE) {
                f->cycle = is_cycle(a, tracer, target);
                f->holder = holder_fact(a, tracer, target);
        }
        guard_decide(f, &ret->verdict);
}
