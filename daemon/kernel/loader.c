/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/kernel/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/proc/procfs.h"
#include "daemon/kernel/backlog.h"
#include "daemon/kernel/guard_pins.h"
#include "daemon/kernel/kfuncs.h"
#include "daemon/kernel/member_offset.h"
#include "ptraced.skel.h"
#include "daemon/kernel/selftest.h"
#include "daemon/kernel/tracepoint.h"

#define F          (1u << TIER_FULL)
#define T          (1u << TIER_TRACEPOINT)
#define ON_REQUEST (1u << 31) /* among the tiers: it costs programs that are of no interest */

/* One row a program. A tier needs all its required hooks; of the others it makes do with what there is. */
static const struct hook_plan {
        const char *program, *section, *sees;
        uint32_t tiers;
        bool required;
        const char *kernel_function; /* that must be in the kernel's BTF */
} plans[] = {
        {"on_signal_generate", "tp_btf/signal_generate", "signals as they are sent", F | T, true, NULL},
        {"on_signal_deliver", "tp_btf/signal_deliver", "signals as they reach the program", F | T, true,
         NULL},
        {"on_fork", "tp_btf/sched_process_fork",
         "new processes and threads, and those attached with their parent", F | T, true, NULL},
        {"on_exec", "tp_btf/sched_process_exec", "exec of processes that matter", F | T, true, NULL},
        {"on_exit", "tp_btf/sched_process_exit", "the end of tracers and tracees", F | T, true, NULL},
        {"on_attach", "fexit/ptrace_attach",
         "attach and seize, allowed and refused, with the kernel's reasons", F, true, "ptrace_attach"},
        {"on_traceme", "fexit/ptrace_traceme", "processes that ask their parent to trace them", F, true,
         "ptrace_traceme"},
        {"on_unlink", "fentry/__ptrace_unlink", "every end of a tracing relation", F, true,
         "__ptrace_unlink"},
        {"on_ptrace_call", "fexit/__x64_sys_ptrace",
         "requests of tracers, attaches to pids that do not exist", F, false, "__x64_sys_ptrace"},
        {"on_request", "fentry/ptrace_request", "signals that a tracer does not pass on", F, false,
         "ptrace_request"},
        {"on_access_check", "fexit/security_ptrace_access_check", "what the security modules answered", F,
         false, "security_ptrace_access_check"},
        {"on_secure_computing", "fexit/__secure_computing", "attaches that a seccomp filter refuses",
         F | ON_REQUEST, false, "__secure_computing"},
        {"on_force_sig", "fentry/force_sig_info_to_task",
         "blocks and ignores that the kernel overrides for a trap", F, false, "force_sig_info_to_task"},
        {"on_wait", "fexit/do_wait", "who reaped whom, and failed waits", F, false, "do_wait"},
        {"on_sigaction", "fexit/do_sigaction", "changes of what SIGTRAP and SIGCHLD do", F, false,
         "do_sigaction"},
        {"on_socket_state", "tp_btf/inet_sock_set_state",
         "connections of Xdebug and Delve, and who listens at their ports", F | T, false, NULL},
        {"on_perf_event", "fexit/__x64_sys_perf_event_open", "who puts uprobes where", F, false,
         "__x64_sys_perf_event_open"},
        {"exit_perf_event", "tp/syscalls/sys_exit_perf_event_open", "who puts uprobes where", T, false,
         NULL},
        {"enter_ptrace", "tp/syscalls/sys_enter_ptrace", "ptrace calls that seccomp let in", T, true, NULL},
        {"exit_ptrace_call", "tp/syscalls/sys_exit_ptrace",
         "attach, seize, traceme and detach calls, with their errno", T, true, NULL},
        {"exit_wait4", "tp/syscalls/sys_exit_wait4", "who reaped whom, and failed waits", T, false, NULL},
        {"exit_waitid", "tp/syscalls/sys_exit_waitid", "who reaped whom, and failed waits (waitid)", T,
         false, NULL},
        {"exit_sigaction", "tp/syscalls/sys_exit_rt_sigaction", "changes of what SIGTRAP and SIGCHLD do", T,
         false, NULL},
        {"watch_mask", "tp/syscalls/sys_exit_rt_sigprocmask", "threads that block SIGTRAP", T, false, NULL},
};
#undef F
#undef T

struct loader {
        enum tier tier;
        bool requested; /* so are those that are only loaded on request */
        struct ptraced_bpf *skel;
        struct bpf_link *links[ELEMENTSOF(plans)];
        struct hook hooks[ELEMENTSOF(plans)];
        const struct guard_pins *pins; /* while loading */
        struct backlog *backlog;
        int counters_read, losses_read; /* maps of user space's, -1: none */
        uint64_t losses_before[_REC_LOSS_MAX];
        uint64_t attached_ns;
        struct port_list dbgp_ports; /* that are watched; none in tier proc */
        char reason[256];
};

/* ---- one attempt at a tier --------------------------------------------------------------------------- */

/* libbpf is chatty about what we probe on purpose; what failed is told by the caller, in one sentence. */
static int swallow_log(enum libbpf_print_level level _unused_, const char *format _unused_,
                       va_list ap _unused_)
{
        return 0;
}

static void set_missing(struct hook *h, const char *why)
{
        h->state = HOOK_MISSING;
        snprintf(h->reason, sizeof(h->reason), "%s", why);
}

/* Root may have been left without these; then it is not the kernel that refuses. */
static bool may_load(void)
{
        const uint64_t both = 1ULL << CAP_BPF | 1ULL << CAP_PERFMON;
        struct proc_status self;

        if (procfs_status((uint32_t)getpid(), 0, &self) < 0)
                return geteuid() == 0;
        return (self.cap_effective & both) == both || self.cap_effective & 1ULL << CAP_SYS_ADMIN;
}

static const char *explain_load(int r)
{
        switch (-r) {
        case EPERM:
        case EACCES:
                return may_load() ? "this kernel refuses programs of this kind"
                                  : "not permitted without CAP_BPF and CAP_PERFMON";
        case ESRCH:
        case ENOENT:
                return "this kernel has no such hook";
        case ENOTSUP:
        case EINVAL:
                return "this kernel cannot run it";
        default:
                return strerror(-r);
        }
}

static void explain_hook(struct hook *h, int r)
{
        h->state = HOOK_MISSING;
        snprintf(h->reason, sizeof(h->reason), "%s (%s)", explain_load(r), strerrorname_np(-r) ?: "?");
}

/*
 * Would the kernel run a program at this function? Asked with an empty one, which costs a millisecond; the
 * only question about hooks that a kernel answers truly.
 */
static int probe_function(const struct btf *btf, const struct hook_plan *p)
{
        static const struct bpf_insn nothing[] = {
                {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
                {.code = BPF_JMP | BPF_EXIT},
        };
        LIBBPF_OPTS(bpf_prog_load_opts, opts);
        _cleanup_close_ int prog = -1, link = -1;
        int id = btf__find_by_name_kind(btf, p->kernel_function, BTF_KIND_FUNC);

        if (id < 0)
                return -ESRCH;
        opts.attach_btf_id = id;
        opts.expected_attach_type = strncmp(p->section, "fentry/", 7) ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY;
        prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, "probe", "GPL", nothing, ELEMENTSOF(nothing), &opts);
        if (prog < 0)
                return -errno;
        link = bpf_raw_tracepoint_open(NULL, prog);
        return link < 0 ? -errno : 0;
}

/* Which programs this tier loads. A hook that is not to be had is left out; a required one ends the attempt.
 */
static int choose_programs(struct loader *l, struct ptraced_bpf *skel, enum tier tier, const struct btf *btf,
                           bool with_optional)
{
        int r, result = 0;

        for (size_t i = 0; i < ELEMENTSOF(plans); i++) {
                const struct hook_plan *p = &plans[i];
                struct bpf_program *prog = bpf_object__find_program_by_name(skel->obj, p->program);
                bool wanted = p->tiers & (1u << tier) && (p->required || with_optional) &&
                              (l->requested || !(p->tiers & ON_REQUEST));

                if (!prog)
                        return -ENOENT;
                r = wanted && p->kernel_function ? probe_function(btf, p) : 0;
                if (r) {
                        explain_hook(&l->hooks[i], r);
                        wanted = false;
                        if (p->required)
                                result = r;
                }
                bpf_program__set_autoload(prog, wanted);
        }
        return result;
}

static void detach_all(struct loader *l)
{
        for (size_t i = 0; i < ELEMENTSOF(plans); i++) {
                bpf_link__destroy(l->links[i]);
                l->links[i] = NULL;
        }
        if (l->skel)
                ptraced_bpf__destroy(l->skel);
        l->skel = NULL;
}

static int attach_one(struct bpf_link **ret, struct bpf_program *prog, const char *section)
{
        _cleanup_close_ int event = -1;

        if (strncmp(section, "tp/", 3)) {
                *ret = bpf_program__attach(prog);
                return *ret ? 0 : -errno;
        }
        event = tracepoint_open(section + 3);
        if (event < 0)
                return event;
        *ret = bpf_program__attach_perf_event(prog, event);
        if (!*ret)
                return -errno;
        TAKE_FD(event); /* the link closes it */
        return 0;
}

static int attach_all(struct loader *l, enum tier tier)
{
        int r;

        for (size_t i = 0; i < ELEMENTSOF(plans); i++) {
                struct bpf_program *prog = bpf_object__find_program_by_name(l->skel->obj, plans[i].program);

                if (!(plans[i].tiers & (1u << tier)) || !bpf_program__autoload(prog))
                        continue;
                r = attach_one(&l->links[i], prog, plans[i].section);
                if (!r) {
                        l->hooks[i].state = HOOK_ATTACHED;
                        continue;
                }
                explain_hook(&l->hooks[i], r);
                if (plans[i].required)
                        return r;
        }
        return 0;
}

/* Those of an earlier daemon, if it left any. */
static int reuse_maps(const struct loader *l)
{
        const struct {
                struct bpf_map *map;
                enum pinned_map which;
        } shared[] = {
                {l->skel->maps.ring, PINNED_RING},
                {l->skel->maps.counters, PINNED_COUNTERS},
                {l->skel->maps.losses, PINNED_LOSSES},
                {l->skel->maps.sequence, PINNED_SEQUENCE},
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(shared) && !r && pins_found(l->pins); i++) {
                int fd = pins_map(l->pins, shared[i].which);

                if (fd >= 0)
                        r = bpf_map__reuse_fd(shared[i].map, fd);
        }
        return r;
}

/* The number under which this kernel has uprobes as events. 0: it has none. */
static uint32_t read_uprobe_source(void)
{
        _cleanup_close_ int fd = open("/sys/bus/event_source/devices/uprobe/type", O_RDONLY | O_CLOEXEC);
        char text[16] = "";

        if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
                return 0;
        return (uint32_t)strtoul(text, NULL, 10);
}

/* btf NULL: without them. */
static int put_kfuncs(struct loader *l, const struct btf *btf)
{
        bool usable = btf && kfuncs_usable(btf);

        l->skel->rodata->finds_tasks = usable;
        l->skel->rodata->uprobe_source = read_uprobe_source();
        return kfuncs_put(l->skel->obj, usable ? btf : NULL);
}

/* Only read where a task has an exec_state; then the struct is there, too. */
static void put_offsets(struct loader *l, const struct btf *btf)
{
        l->skel->rodata->exec_state_dumpable = kernel_member_offset(btf, "task_exec_state", "dumpable");
        l->skel->rodata->exec_state_user_ns = kernel_member_offset(btf, "task_exec_state", "user_ns");
}

static void mark_port(uint8_t *ports, uint16_t port)
{
        ports[port >> 3] |= (uint8_t)(1u << (port & 7));
}

/* Else what a program itself has ignored would pass for what it inherited. */
static bool sees_handlers(const struct loader *l)
{
        for (size_t i = 0; i < ELEMENTSOF(plans); i++)
                if (strstr(plans[i].program, "_sigaction") && l->hooks[i].state == HOOK_ATTACHED)
                        return true;
        return false;
}

/* -errno of what stopped it; l->skel is set only on success. */
static int try_tier(struct loader *l, enum tier tier, const struct btf *btf, bool with_optional)
{
        int r;

        l->skel = ptraced_bpf__open();
        if (!l->skel)
                return -errno;
        put_offsets(l, btf);
        r = choose_programs(l, l->skel, tier, btf, with_optional);
        if (!r)
                r = put_kfuncs(l, (tier == TIER_TRACEPOINT || l->requested) && with_optional ? btf : NULL);
        if (!r)
                r = reuse_maps(l);
        if (!r)
                r = ptraced_bpf__load(l->skel);
        l->attached_ns = clock_boot_ns();
        if (!r)
                r = attach_all(l, tier);
        if (r)
                detach_all(l);
        else if (sees_handlers(l))
                l->skel->bss->observing_since_ns = clock_boot_ns();
        return r;
}

/* Say of every hook of a tier that did not come up, and has no reason of its own, why. */
static void blame_tier(struct loader *l, enum tier tier, bool optional_only, int r)
{
        for (size_t i = 0; i < ELEMENTSOF(plans); i++)
                if (plans[i].tiers == (1u << tier) && l->hooks[i].state != HOOK_MISSING &&
                    !(optional_only && plans[i].required))
                        explain_hook(&l->hooks[i], r);
}

static int load_tier(struct loader *l, enum tier tier, const struct btf *btf)
{
        int r = try_tier(l, tier, btf, true), again;

        if (!r)
                return 0;
        if (r != -EPERM && r != -ESRCH) {
                again = try_tier(l, tier, btf, false);
                blame_tier(l, tier, !again, r);
                return again;
        }
        blame_tier(l, tier, false, r);
        return r;
}

/* ---- public ------------------------------------------------------------------------------------------ */

static void init_hooks(struct loader *l)
{
        for (size_t i = 0; i < ELEMENTSOF(plans); i++)
                l->hooks[i] = (struct hook){
                        .program = plans[i].program,
                        .section = plans[i].section,
                        .sees = plans[i].sees,
                };
}

static void say_reason(struct loader *l, enum tier refused, int r)
{
        char text[160];

        snprintf(text, sizeof(text), "%stier %s: %s (%s)", l->reason[0] ? "; " : "", tier_to_string(refused),
                 explain_load(r), strerrorname_np(-r) ?: "?");
        strncat(l->reason, text, sizeof(l->reason) - strlen(l->reason) - 1);
}

static int load_best(struct loader *l, int wanted)
{
        enum tier first = wanted == TIER_BEST ? TIER_FULL : (enum tier)wanted;
        enum tier last = wanted == TIER_BEST ? TIER_TRACEPOINT : (enum tier)wanted;
        struct btf *btf = btf__load_vmlinux_btf();
        int r = 0;

        if (!btf) {
                r = -errno;
                snprintf(l->reason, sizeof(l->reason),
                         "the kernel's type information (BTF) cannot be read from /sys/kernel/btf/vmlinux; "
                         "kernels built with CONFIG_DEBUG_INFO_BTF have it");
                for (size_t i = 0; i < ELEMENTSOF(plans); i++)
                        set_missing(&l->hooks[i], "the kernel's type information (BTF) cannot be read");
                return r;
        }
        for (enum tier t = first; t <= last; t++) {
                r = load_tier(l, t, btf);
                if (!r) {
                        l->tier = t;
                        break;
                }
                say_reason(l, t, r);
        }
        btf__free(btf);
        if (r && !may_load())
                snprintf(l->reason, sizeof(l->reason),
                         "BPF is not permitted (%s): run ptraced as root, or with CAP_BPF and CAP_PERFMON",
                         strerrorname_np(-r) ?: "?");
        return r;
}

static int dup_or_create(const struct guard_pins *pins, enum pinned_map which, uint32_t flags)
{
        const struct pinned_layout *m = &pinned_layouts[which];
        LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
        int fd = pins_found(pins) ? fcntl(pins_map(pins, which), F_DUPFD_CLOEXEC, 3)
                                  : bpf_map_create(m->type, m->name, m->key, m->value, m->entries, &opts);

        return fd < 0 ? -1 : fd;
}

/* How far things were told is remembered where the next daemon finds it. Without that a restart only forgets
 * what nobody had read. */
static void open_notebook(struct loader *l, const struct guard_pins *pins)
{
        l->counters_read = dup_or_create(pins, PINNED_COUNTERS_READ, BPF_F_NO_PREALLOC);
        l->losses_read = dup_or_create(pins, PINNED_LOSSES_READ, 0);
        for (uint32_t cause = 0; cause < _REC_LOSS_MAX && l->losses_read >= 0; cause++)
                if (bpf_map_lookup_elem(l->losses_read, &cause, &l->losses_before[cause]))
                        l->losses_before[cause] = 0;
}

static int read_info(const struct loader *l, size_t i, struct bpf_prog_info *ret)
{
        uint32_t len = sizeof(*ret);
        struct bpf_program *prog;

        if (i >= ELEMENTSOF(plans) || !l->links[i])
                return -ENOENT;
        prog = bpf_object__find_program_by_name(l->skel->obj, plans[i].program);
        *ret = (struct bpf_prog_info){};
        return bpf_obj_get_info_by_fd(bpf_program__fd(prog), ret, &len) ? -errno : 0;
}

/* Hooks whose programs leave no record of their own: the kernel counted their runs during the self-test. */
static void mark_those_that_ran(struct loader *l)
{
        struct bpf_prog_info info;

        for (size_t i = 0; i < ELEMENTSOF(plans); i++)
                if (l->hooks[i].state == HOOK_ATTACHED && read_info(l, i, &info) >= 0 && info.run_cnt > 0)
                        l->hooks[i].state = HOOK_WORKING;
}

int loader_new(struct loader **ret, int wanted, bool watch_seccomp, const struct guard_pins *pins,
               char *error, size_t size)
{
        struct loader *l = calloc(1, sizeof(*l));
        int r = 0;

        if (!l) {
                snprintf(error, size, "Out of memory while loading BPF programs.");
                return -ENOMEM;
        }
        libbpf_set_print(swallow_log);
        init_hooks(l);
        l->tier = TIER_PROC;
        l->requested = watch_seccomp;
        l->pins = pins;
        l->counters_read = l->losses_read = -1;
        if (wanted != TIER_PROC)
                open_notebook(l, pins);
        loader_take_earlier(l, pins_earlier_ring(pins));
        if (pins_found(pins) && pins_map(pins, PINNED_RING) >= 0)
                backlog_take(&l->backlog, pins_map(pins, PINNED_RING), NULL, NULL);
        if (wanted != TIER_PROC)
                r = load_best(l, wanted);
        if (r && wanted != TIER_BEST) {
                snprintf(error, size,
                         "Tier %s was asked for and is not to be had: %s. Leave out --tier to use what is.",
                         tier_to_string(wanted), l->reason);
                loader_free(l);
                return r;
        }
        if (l->skel) {
                selftest_run(loader_ring_fd(l), &l->backlog, l->hooks, ELEMENTSOF(plans));
                mark_those_that_ran(l);
        }
        l->pins = NULL;
        *ret = l;
        return 0;
}

struct loader *loader_free(struct loader *l)
{
        if (!l)
                return NULL;
        detach_all(l);
        if (l->counters_read >= 0)
                close(l->counters_read);
        if (l->losses_read >= 0)
                close(l->losses_read);
        backlog_free(l->backlog);
        free(l);
        return NULL;
}

enum tier loader_tier(const struct loader *l)
{
        return l->tier;
}

const char *loader_reason(const struct loader *l)
{
        return l->reason;
}

const struct hook *loader_hooks(const struct loader *l, size_t *ret_n)
{
        *ret_n = ELEMENTSOF(plans);
        return l->hooks;
}

bool loader_runs(const struct loader *l, const char *program)
{
        for (size_t i = 0; i < ELEMENTSOF(plans); i++)
                if (!strcmp(l->hooks[i].program, program))
                        return l->hooks[i].state == HOOK_ATTACHED || l->hooks[i].state == HOOK_WORKING;
        return false;
}

bool loader_watches_seccomp(const struct loader *l)
{
        return l->tier == TIER_TRACEPOINT || (l->requested && l->tier == TIER_FULL && l->skel &&
                                              bpf_program__autoload(l->skel->progs.on_secure_computing));
}

bool loader_finds_targets(const struct loader *l)
{
        return l->tier == TIER_FULL || (l->skel && l->skel->rodata->finds_tasks);
}

int loader_ring_fd(const struct loader *l)
{
        return l->skel ? bpf_map__fd(l->skel->maps.ring) : -1;
}

int loader_sequence_fd(const struct loader *l)
{
        return l->skel ? bpf_map__fd(l->skel->maps.sequence) : -1;
}

int loader_counters_fd(const struct loader *l)
{
        return l->skel ? bpf_map__fd(l->skel->maps.counters) : -1;
}

int loader_losses_fd(const struct loader *l)
{
        return l->skel ? bpf_map__fd(l->skel->maps.losses) : -1;
}

int loader_counters_read_fd(const struct loader *l)
{
        return l->counters_read;
}

int loader_losses_read_fd(const struct loader *l)
{
        return l->losses_read;
}

const struct backlog *loader_backlog(const struct loader *l)
{
        return l->backlog;
}

void loader_skim_ring(struct loader *l,
                      bool (*keep)(void *userdata, const struct rec_header *h, size_t size), void *userdata)
{
        if (l->skel)
                backlog_take(&l->backlog, loader_ring_fd(l), keep, userdata);
}

void loader_take_earlier(struct loader *l, int ring_fd)
{
        if (ring_fd >= 0)
                backlog_take_earlier(&l->backlog, ring_fd);
}

uint64_t loader_attached_ns(const struct loader *l)
{
        return l->attached_ns;
}

int loader_watch_fd(const struct loader *l)
{
        return l->skel ? bpf_map__fd(l->skel->maps.watched) : -1;
}

static uint64_t skipped_runs(const struct loader *l)
{
        struct bpf_prog_info info;
        uint64_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(plans); i++)
                if (read_info(l, i, &info) >= 0)
                        n += info.recursion_misses;
        return n;
}

void loader_losses(struct loader *l, uint64_t losses[_REC_LOSS_MAX])
{
        int cpus = libbpf_num_possible_cpus();

        memset(losses, 0, _REC_LOSS_MAX * sizeof(*losses));
        if (!l->skel || cpus <= 0)
                return;
        uint64_t values[cpus];

        for (uint32_t cause = 0; cause < _REC_LOSS_MAX; cause++) {
                if (bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.losses), &cause, values))
                        continue;
                for (int i = 0; i < cpus; i++)
                        losses[cause] += values[i];
                losses[cause] -= MIN_OF(losses[cause], l->losses_before[cause]);
        }
        losses[LOSS_PROG_SKIPPED] += skipped_runs(l);
        losses[LOSS_RING_FULL] += backlog_lost(l->backlog);
}

void loader_told_losses(struct loader *l, const uint64_t losses[_REC_LOSS_MAX])
{
        for (uint32_t cause = 0; cause < _REC_LOSS_MAX && l->losses_read >= 0; cause++) {
                uint64_t told = l->losses_before[cause] + losses[cause];

                if (cause == LOSS_RING_FULL)
                        told -= backlog_lost(l->backlog);
                if (cause != LOSS_PROG_SKIPPED) /* each daemon's programs count from 0 */
                        bpf_map_update_elem(l->losses_read, &cause, &told, BPF_ANY);
        }
}

void loader_arm_wakeup(struct loader *l, bool armed)
{
        if (l->skel)
                __atomic_store_n(&l->skel->bss->wakeup_armed, armed, __ATOMIC_SEQ_CST);
}

int loader_watch(struct loader *l, uint32_t pid, uint32_t bits)
{
        _cleanup_close_ int pidfd = -1;
        struct watch w = {};

        if (!l->skel)
                return 0;
        pidfd = syscall(SYS_pidfd_open, pid, 0);
        if (pidfd < 0)
                return -errno;
        if (bpf_map_lookup_elem(loader_watch_fd(l), &pidfd, &w) && errno != ENOENT)
                return -errno;
        if ((w.bits & bits) == bits)
                return 0;
        w.bits |= bits;
        return bpf_map_update_elem(loader_watch_fd(l), &pidfd, &w, BPF_ANY) ? -errno : 0;
}

void loader_watch_delve_port(struct loader *l, uint16_t port)
{
        if (l->skel)
                mark_port(l->skel->bss->dlv_ports, port);
}

/* No port that stays is missing for a moment: each byte goes from what it was to what it is to be. */
void loader_watch_dbgp_ports(struct loader *l, const struct port_list *ports)
{
        uint8_t marks[sizeof(l->skel->bss->dbgp_ports)] = {};

        if (!l->skel)
                return;
        for (size_t i = 0; i < ports->n; i++)
                mark_port(marks, ports->list[i]);
        memcpy(l->skel->bss->dbgp_ports, marks, sizeof(marks));
        l->dbgp_ports = *ports;
}

const struct port_list *loader_dbgp_ports(const struct loader *l)
{
        return &l->dbgp_ports;
}

void loader_watch_signals(struct loader *l, uint64_t signals)
{
        if (l->skel)
                __atomic_store_n(&l->skel->bss->extra_signals, signals, __ATOMIC_SEQ_CST);
}

uint64_t loader_watched_signals(const struct loader *l)
{
        return l->skel ? l->skel->bss->extra_signals : 0;
}
