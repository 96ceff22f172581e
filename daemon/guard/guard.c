/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/guard/guard.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "lib/base/cleanup.h"
#include "lib/proc/procfs.h"
#include "daemon/guard/guard_object.h"
#include "daemon/kernel/guard_pins.h"
#include "daemon/guard/guard_selftest.h"
#include "daemon/base/log.h"

#define REASON_MAX     256
#define ONE_REASON_MAX 110
#define BATCH          256
#define TEND_MAX       256 /* claims, and slots, looked at in one turn of guard_tend() */
#define LSM_LIST       "/sys/kernel/security/lsm"
#define LSM_LINE       256
#define FIRST_CLAIM    1

/* What is in the kernel, and may be relied on. */
enum guard_phase {
        PHASE_NONE,         /* nothing that works */
        PHASE_UNPROVED,     /* taken over and pinned, but what it ought to refuse was not refused */
        PHASE_PROVED,       /* it works; nothing is in force */
        PHASE_ATTACHED,     /* in force, and ends with the daemon */
        PHASE_PINNED,       /* in force, and stays when the daemon goes */
        PHASE_SWITCHED_OFF, /* somebody removed the pins; what they left of them goes in the next turn */
};

struct guard {
        struct loader *loader;
        struct guard_pins *pins;     /* NULL: nothing is pinned */
        struct guard_object *object; /* NULL: there is no guard */
        enum guard_mechanism mechanism;
        enum guard_phase phase;
        bool taken_over, was_attached;          /* ever, by this daemon */
        struct guard_config config;             /* what is in the map, once there is one */
        struct guard_process claim_at, slot_at; /* where guard_tend() goes on */
        char reason[REASON_MAX];
};

const char *guard_mechanism_to_string(enum guard_mechanism m)
{
        static const char *const names[] = {
                [MECHANISM_NONE] = "none",
                [MECHANISM_LSM] = "lsm",
                [MECHANISM_FMOD_RET] = "fmod_ret",
        };
        static_assert(ELEMENTSOF(names) == _MECHANISM_MAX, "a name per mechanism");

        return m >= 0 && m < _MECHANISM_MAX ? names[m] : NULL;
}

static bool is_attached(const struct guard *g)
{
        return g->phase == PHASE_UNPROVED || g->phase == PHASE_ATTACHED || g->phase == PHASE_PINNED;
}

static bool is_pinned(const struct guard *g)
{
        return g->phase == PHASE_UNPROVED || g->phase == PHASE_PINNED;
}

static bool is_working(const struct guard *g)
{
        return g->phase != PHASE_NONE && g->phase != PHASE_UNPROVED;
}

/* ---- maps -------------------------------------------------------------------------------------------- */

static int map_of(const struct guard *g, enum pinned_map which)
{
        return guard_object_map(g->object, which);
}

static int write_config(struct guard *g)
{
        if (!g->object)
                return 0;
        return bpf_map_update_elem(map_of(g, PINNED_CONFIG), &(uint32_t){0}, &g->config, BPF_ANY) ? -errno
                                                                                                  : 0;
}

static bool has_claims(const struct guard *g)
{
        struct guard_process key;

        return g->object && bpf_map_get_next_key(map_of(g, PINNED_CLAIMS), NULL, &key) == 0;
}

static bool in_force(const struct guard *g)
{
        return g->config.state != GUARD_OFF || g->config.n_rules || has_claims(g);
}

/* A hash, and room for BATCH of its entries. */
struct table_walk {
        int fd;
        void *keys, *values;
        size_t key_size, value_size;
        size_t max; /* entries, at most */
};

/* All entries, in batches, until fn returns non-zero. Returns that, or -errno. */
static int each_entry(const struct table_walk *w,
                      int (*fn)(void *userdata, const void *key, const void *value), void *userdata)
{
        LIBBPF_OPTS(bpf_map_batch_opts, opts);
        uint32_t cursor, n;
        int r = 0;

        for (size_t seen = 0; seen <= w->max && !r; seen += n) {
                n = BATCH;
                r = bpf_map_lookup_batch(w->fd, seen ? &cursor : NULL, &cursor, w->keys, w->values, &n,
                                         &opts);
                r = r ? -errno : 0;
                if (r && r != -ENOENT) /* ENOENT: this was the last batch */
                        return r;
                for (uint32_t i = 0; i < n; i++) {
                        int stop = fn(userdata, (char *)w->keys + i * w->key_size,
                                      (char *)w->values + i * w->value_size);

                        if (stop)
                                return stop;
                }
        }
        return r == -ENOENT ? 0 : r;
}

static int each_claim(const struct guard *g, int (*fn)(void *userdata, const void *key, const void *value),
                      void *userdata)
{
        _cleanup_free_ struct guard_claim *claims = calloc(BATCH, sizeof(*claims));
        struct guard_process keys[BATCH];

        if (!claims)
                return -ENOMEM;
        if (!g->object)
                return 0;
        return each_entry(&(struct table_walk){map_of(g, PINNED_CLAIMS), keys, claims, sizeof(keys[0]),
                                               sizeof(claims[0]), GUARD_CLAIMS_MAX},
                          fn, userdata);
}

static int count_claim(void *userdata, const void *key _unused_, const void *value _unused_)
{
        ++*(uint64_t *)userdata;
        return 0;
}

static int count_slot(void *userdata, const void *key _unused_, const void *value)
{
        *(uint64_t *)userdata += ((const struct guard_slot *)value)->taken != 0;
        return 0;
}

static uint64_t count_slots(const struct guard *g)
{
        struct guard_process keys[BATCH];
        struct guard_slot slots[BATCH];
        uint64_t n = 0;

        if (g->object)
                each_entry(&(struct table_walk){map_of(g, PINNED_SLOTS), keys, slots, sizeof(keys[0]),
                                                sizeof(slots[0]), GUARD_SLOTS_MAX},
                           count_slot, &n);
        return n;
}

/* Everything that could be in force is forgotten; the maps stay. */
static void forget_all(struct guard *g)
{
        struct guard_process key;

        g->config.state = GUARD_OFF;
        g->config.n_rules = 0;
        write_config(g);
        for (size_t i = 0; g->object && i < GUARD_CLAIMS_MAX &&
                           bpf_map_get_next_key(map_of(g, PINNED_CLAIMS), NULL, &key) == 0;
             i++)
                bpf_map_delete_elem(map_of(g, PINNED_CLAIMS), &key);
}

/* ---- from nothing to in force, and back -------------------------------------------------------------- */

/* The loader's maps, and those an earlier daemon left. */
static int load_object(struct guard *g, char *reason, size_t size)
{
        int maps[_PINNED_MAP_MAX];

        for (size_t i = 0; i < _PINNED_MAP_MAX; i++)
                maps[i] = pins_map(g->pins, i);
        maps[PINNED_RING] = loader_ring_fd(g->loader);
        maps[PINNED_SEQUENCE] = loader_sequence_fd(g->loader);
        maps[PINNED_COUNTERS] = loader_counters_fd(g->loader);
        maps[PINNED_LOSSES] = loader_losses_fd(g->loader);
        return guard_object_load(&g->object, g->mechanism, g->config.generation, maps, reason, size);
}

static int pin_maps(struct guard *g)
{
        int r = 0;

        for (size_t i = 0; i < _PINNED_MAP_MAX && !r; i++) {
                int fd = i == PINNED_COUNTERS_READ ? loader_counters_read_fd(g->loader)
                         : i == PINNED_LOSSES_READ ? loader_losses_read_fd(g->loader)
                                                   : map_of(g, i);

                r = fd < 0 ? -EBADF : pins_put(g->pins, pinned_layouts[i].name, fd);
        }
        return r;
}

static int pin_links(struct guard *g)
{
        const char *names[GUARD_PROGRAMS_MAX];
        size_t n = 0;
        int fd, r = 0;

        while (!r && n < ELEMENTSOF(names) && (fd = guard_object_link(g->object, n, &names[n])) >= 0)
                r = pins_put(g->pins, names[n++], fd);
        return r;
}

/* Maps first: links are what a next daemon must not find without them. */
static int pin(struct guard *g)
{
        int r = pins_own(g->pins);

        if (r == 0)
                r = pin_maps(g);
        if (r == 0)
                r = pin_links(g);
        if (r == 0)
                return 0;
        pins_empty(g->pins);
        snprintf(g->reason, sizeof(g->reason), "%s", pins_reason(g->pins));
        if (!g->reason[0])
                snprintf(g->reason, sizeof(g->reason), "nothing can be pinned in %s (%s)", pins_dir(g->pins),
                         strerrorname_np(-r) ?: "?");
        return r;
}

/* Not pinned is weaker, but no failure: the guard then ends with the daemon. Another daemon's guard is one.
 */
static int attach(struct guard *g)
{
        int r = guard_object_attach(g->object, g->reason, sizeof(g->reason));

        if (r < 0)
                return r;
        g->reason[0] = '\0';
        r = g->pins ? pin(g) : -EOPNOTSUPP;
        if (r == -EBUSY && pins_busy(g->pins)) {
                guard_object_close_links(g->object);
                return r;
        }
        g->was_attached = true;
        g->phase = r == 0 ? PHASE_PINNED : PHASE_ATTACHED;
        if (g->phase == PHASE_PINNED)
                guard_object_close_links(g->object);
        else if (g->pins)
                log_warning("The guard ends when ptraced does, as %s.", g->reason);
        log_info("The guard is in force (%s).", guard_mechanism_to_string(g->mechanism));
        return 0;
}

static void detach(struct guard *g)
{
        if (g->pins)
                pins_empty(g->pins);
        if (g->object)
                guard_object_close_links(g->object);
        if (is_attached(g))
                log_info("The guard is no longer in force: nothing is refused.");
        g->phase = is_working(g) ? PHASE_PROVED : PHASE_NONE;
}

/* After every change: attached exactly while something is in force. */
static int attach_if_needed(struct guard *g)
{
        if (!in_force(g)) {
                if (is_attached(g))
                        detach(g);
                return 0;
        }
        return is_attached(g) ? 0 : attach(g);
}

/* ---- proving, and taking over ------------------------------------------------------------------------- */

/* 1: `bpf` is active, 0: it is not, -errno: not known. */
static int lsm_is_active(void)
{
        _cleanup_close_ int fd = open(LSM_LIST, O_RDONLY | O_CLOEXEC);
        char line[LSM_LINE];
        ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
        char *save = NULL;

        if (n < 0)
                return -errno;
        line[n] = '\0';
        for (char *s = strtok_r(line, ",\n", &save); s; s = strtok_r(NULL, ",\n", &save))
                if (!strcmp(s, "bpf"))
                        return 1;
        return 0;
}

/* Two of them fit. */
static void add_reason(struct guard *g, enum guard_mechanism m, const char *reason)
{
        size_t used = strlen(g->reason);

        snprintf(g->reason + used, sizeof(g->reason) - used, "%s%s: %.*s", used ? "; " : "",
                 guard_mechanism_to_string(m), ONE_REASON_MAX, reason);
}

/*
 * Loads, attaches and tries the programs of one mechanism. In a takeover those of the earlier daemon run
 * beside them meanwhile, on the same claims and slots; only the generation in the settings speaks.
 * -EALREADY: it was they that refused; the programs stay loaded.
 */
static int try_mechanism(struct guard *g, enum guard_mechanism m, char *reason, size_t size)
{
        int r;

        g->mechanism = m;
        r = load_object(g, reason, size);
        if (r < 0)
                return r;
        r = guard_object_attach(g->object, reason, size);
        if (r == 0)
                r = write_config(g);
        if (r == 0)
                r = guard_selftest(g->object, g->config.generation, g->loader, reason, size);
        if (r == 0 || (r == -EALREADY && pins_found(g->pins)))
                return r;
        if (pins_found(g->pins)) {
                g->config.generation--;
                write_config(g);
                g->config.generation++;
        }
        g->object = guard_object_free(g->object);
        return r == -EALREADY ? -ENXIO : r; /* refused by a guard that is not to be taken over */
}

/* Afterwards the programs are attached. */
static int choose_mechanism(struct guard *g)
{
        static const enum guard_mechanism order[] = {MECHANISM_LSM, MECHANISM_FMOD_RET};
        char reason[REASON_MAX];
        int r = -EOPNOTSUPP;

        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                if (order[i] == MECHANISM_LSM && lsm_is_active() == 0)
                        continue;
                r = try_mechanism(g, order[i], reason, sizeof(reason));
                if (r == 0 || r == -EALREADY) {
                        g->reason[0] = '\0';
                        return r;
                }
                add_reason(g, order[i], reason);
        }
        return r;
}

static int adopt_config(struct guard *g)
{
        struct guard_config c;

        if (bpf_map_lookup_elem(pins_map(g->pins, PINNED_CONFIG), &(uint32_t){0}, &c))
                return -errno;
        if (c.state >= _GUARD_STATE_MAX || c.n_rules > GUARD_RULES_MAX ||
            (c.rules_at != 0 && c.rules_at != GUARD_RULES_MAX))
                return -EBADMSG;
        g->config = c;
        g->config.generation++;
        return 0;
}

/* Its programs have fallen silent when ours began to speak; what they had said until then is in their ring. */
static void drop_earlier(struct guard *g)
{
        loader_take_earlier(g->loader, pins_earlier_ring(g->pins));
        pins_drop_earlier(g->pins);
}

/* The new links take the places of the old: there is no moment without a guard. */
static int replace_links(struct guard *g, bool proved)
{
        const char *names[GUARD_PROGRAMS_MAX];
        size_t n = guard_object_pins(g->object, names);
        char reason[REASON_MAX];
        int r = pins_earlier(g->pins) ? pin(g) : pin_links(g);

        if (r < 0) {
                snprintf(g->reason, sizeof(g->reason), "its links cannot be pinned (%s)",
                         strerrorname_np(-r) ?: "?");
                return r;
        }
        pins_keep_links(g->pins, names, n);
        drop_earlier(g);
        guard_object_close_links(g->object);
        g->was_attached = g->taken_over = true;
        g->phase = PHASE_UNPROVED;
        log_notice("Took over the guard of an earlier ptraced from %s.", pins_dir(g->pins));
        if (proved ||
            guard_selftest(g->object, g->config.generation, g->loader, reason, sizeof(reason)) == 0)
                g->phase = PHASE_PINNED;
        else
                log_error("The guard that was taken over does not work: %s.", reason);
        return attach_if_needed(g);
}

static void refuse_mechanism(struct guard *g, const char *why)
{
        g->object = guard_object_free(g->object);
        g->mechanism = MECHANISM_NONE;
        g->phase = PHASE_NONE;
        if (why != g->reason)
                snprintf(g->reason, sizeof(g->reason), "%s", why);
        if (pins_found(g->pins))
                log_warning("The guard of an earlier ptraced is in force, and this one does not look after "
                            "it, as %s. To end it: rm -r %s",
                            g->reason, pins_dir(g->pins));
}

static void prove_or_adopt(struct guard *g)
{
        bool found = pins_found(g->pins);
        int r;

        if (pins_busy(g->pins)) {
                refuse_mechanism(g, pins_reason(g->pins));
                log_notice("No guard here: %s.", g->reason);
                return;
        }
        if (loader_tier(g->loader) != TIER_FULL) {
                snprintf(g->reason, sizeof(g->reason),
                         "attaches can be refused in tier full, and this is tier %s",
                         tier_to_string(loader_tier(g->loader)));
                refuse_mechanism(g, g->reason);
                return;
        }
        if (found && adopt_config(g) < 0) {
                refuse_mechanism(g, "its settings are not ours");
                return;
        }
        r = choose_mechanism(g);
        if (r < 0 && r != -EALREADY) {
                refuse_mechanism(g, g->reason);
                return;
        }
        g->phase = PHASE_PROVED;
        if (found) {
                if (replace_links(g, r == 0) < 0)
                        refuse_mechanism(g, g->reason);
                return;
        }
        guard_object_close_links(g->object);
        r = g->pins ? pins_own(g->pins) : 0;
        if (r == -EBUSY && pins_busy(g->pins))
                refuse_mechanism(g, pins_reason(g->pins));
        else if (r < 0)
                snprintf(g->reason, sizeof(g->reason), "%s", pins_reason(g->pins));
}

/* ---- public ------------------------------------------------------------------------------------------ */

int guard_new(struct guard **ret, struct loader *loader, struct guard_pins *pins)
{
        struct guard *g = calloc(1, sizeof(*g));

        if (!g) {
                pins_free(pins);
                return -ENOMEM;
        }
        g->loader = loader;
        g->pins = pins;
        g->config = (struct guard_config){.generation = 1, .next_claim_id = FIRST_CLAIM};
        prove_or_adopt(g);
        *ret = g;
        return 0;
}

struct guard *guard_free(struct guard *g)
{
        if (!g)
                return NULL;
        if (is_pinned(g) && in_force(g))
                log_notice("The guard stays in force without ptraced. To end it: start ptraced and run "
                           "'ptracectl guard off --all', or rm -r %s",
                           pins_dir(g->pins));
        else if (guard_available(g)) {
                if (is_attached(g) && in_force(g))
                        log_notice("The guard ends with ptraced, as it is not pinned.");
                if (g->pins)
                        pins_remove(g->pins);
        }
        guard_object_free(g->object);
        pins_free(g->pins);
        free(g);
        return NULL;
}

void guard_get_status(struct guard *g, struct guard_status *ret)
{
        *ret = (struct guard_status){
                .mechanism = g->mechanism,
                .working = is_working(g),
                .attached = is_attached(g),
                .pinned = is_pinned(g),
                .taken_over = g->taken_over,
                .state = g->config.state,
                .n_rules = g->config.n_rules,
                .generation = g->config.generation,
                .pin_dir = pins_dir(g->pins),
                .reason = g->reason,
        };
        ret->n_skipped = guard_object_skipped(g->object);
        each_claim(g, count_claim, &ret->n_claims);
        ret->n_slots = count_slots(g);
}

bool guard_was_attached(const struct guard *g)
{
        return g->was_attached;
}

bool guard_available(const struct guard *g)
{
        return g->mechanism != MECHANISM_NONE && is_working(g);
}

int guard_set_state(struct guard *g, enum guard_state state)
{
        enum guard_state before = g->config.state;
        int r;

        if (state == before)
                return 0;
        if (!guard_available(g))
                return -EOPNOTSUPP;
        g->config.state = state;
        r = write_config(g);
        if (r == 0)
                r = attach_if_needed(g);
        if (r < 0) {
                g->config.state = before;
                write_config(g);
        }
        return r;
}

/* A place in a bank that is not used must match nothing: no process is without a name. */
static int write_bank(const struct guard *g, uint32_t at, const struct guard_rule *rules, size_t n)
{
        static const struct guard_rule nothing = {.flags = RULE_F_COMM};

        for (uint32_t i = 0; i < GUARD_RULES_MAX; i++) {
                uint32_t index = at + i;

                if (bpf_map_update_elem(map_of(g, PINNED_RULES), &index, i < n ? &rules[i] : &nothing,
                                        BPF_ANY))
                        return -errno;
        }
        return 0;
}

/*
 * The programs read the number of rules and where they begin one after the other. So the number is first
 * made enough for both policies, then the place changes, then the number is set right: at no moment does a
 * rule that is in both policies not count.
 */
static int switch_bank(struct guard *g, uint32_t at, uint32_t n)
{
        int r;

        g->config.n_rules = MAX_OF(g->config.n_rules, n);
        r = write_config(g);
        if (r < 0)
                return r;
        g->config.rules_at = at;
        r = write_config(g);
        if (r < 0)
                return r;
        g->config.n_rules = n;
        return write_config(g);
}

int guard_set_rules(struct guard *g, const struct guard_rule *rules, size_t n)
{
        struct guard_config before = g->config;
        int r;

        if (n > GUARD_RULES_MAX)
                return -E2BIG;
        if (n == 0 && g->config.n_rules == 0)
                return 0;
        if (!guard_available(g))
                return -EOPNOTSUPP;
        r = write_bank(g, GUARD_RULES_MAX - g->config.rules_at, rules, n);
        if (r == 0)
                r = switch_bank(g, GUARD_RULES_MAX - g->config.rules_at, (uint32_t)n);
        if (r == 0)
                r = attach_if_needed(g);
        if (r < 0) {
                g->config.n_rules = before.n_rules;
                g->config.rules_at = before.rules_at;
                write_config(g);
        }
        return r;
}

static bool is_gone(const struct guard_process *p)
{
        struct task_ref t;

        return procfs_task(p->pid, &t) < 0 || t.start != p->start;
}

int guard_put_claim(struct guard *g, const struct guard_process *target, const struct guard_claim *claim)
{
        struct guard_process key = {.pid = target->pid, .start = target->start};
        struct guard_claim before;
        bool replaces;
        int r;

        if (!guard_available(g))
                return -EOPNOTSUPP;
        replaces = bpf_map_lookup_elem(map_of(g, PINNED_CLAIMS), &key, &before) == 0;
        if (bpf_map_update_elem(map_of(g, PINNED_CLAIMS), &key, claim, BPF_ANY))
                return -errno;
        r = is_gone(&key) ? -ESRCH : attach_if_needed(g);
        if (r == 0)
                return 0;
        if (replaces && r != -ESRCH)
                bpf_map_update_elem(map_of(g, PINNED_CLAIMS), &key, &before, BPF_ANY);
        else
                bpf_map_delete_elem(map_of(g, PINNED_CLAIMS), &key);
        attach_if_needed(g);
        return r;
}

int guard_remove_claim(struct guard *g, const struct guard_process *target)
{
        struct guard_process key = {.pid = target->pid, .start = target->start};

        if (!g->object || bpf_map_delete_elem(map_of(g, PINNED_CLAIMS), &key))
                return -ENOENT;
        return attach_if_needed(g);
}

struct claim_reader {
        int (*fn)(void *userdata, const struct guard_process *target, const struct guard_claim *claim);
        void *userdata;
};

static int read_claim(void *userdata, const void *key, const void *value)
{
        const struct claim_reader *r = userdata;

        return r->fn(r->userdata, key, value);
}

int guard_each_claim(struct guard *g,
                     int (*fn)(void *userdata, const struct guard_process *target,
                               const struct guard_claim *claim),
                     void *userdata)
{
        struct claim_reader r = {fn, userdata};

        return each_claim(g, read_claim, &r);
}

uint64_t guard_next_claim_id(struct guard *g)
{
        uint64_t id = g->config.next_claim_id++;

        write_config(g);
        return id;
}

/* Some entries each time, going on where it stopped: nobody waits for a large table to be walked. */
static void remove_gone(int fd, struct guard_process *at)
{
        struct guard_process key, next = {};
        bool more = bpf_map_get_next_key(fd, at->pid ? at : NULL, &key) == 0;

        for (size_t i = 0; i < TEND_MAX && more; i++) {
                more = bpf_map_get_next_key(fd, &key, &next) == 0;
                *at = key;
                if (is_gone(&key))
                        bpf_map_delete_elem(fd, &key);
                key = next;
        }
        if (!more)
                *at = (struct guard_process){};
}

/* Anybody with the right to it may remove the pins, and need not ask us. */
static bool was_switched_off(struct guard *g)
{
        const char *names[GUARD_PROGRAMS_MAX];
        size_t n = is_pinned(g) ? guard_object_pins(g->object, names) : 0;

        for (size_t i = 0; i < n; i++)
                if (!pins_has(g->pins, names[i]))
                        return true;
        return false;
}

bool guard_tend(struct guard *g)
{
        if (!g->object)
                return false;
        if (was_switched_off(g)) {
                log_notice("The guard's pins in %s were removed: nothing is refused any more, and all "
                           "claims ended.",
                           pins_dir(g->pins));
                forget_all(g);
                /* The rest of the pins is not swept now, under the hands of who is at it. */
                g->phase = is_working(g) ? PHASE_SWITCHED_OFF : PHASE_NONE;
                return true;
        }
        if (g->phase == PHASE_SWITCHED_OFF) {
                pins_empty(g->pins);
                g->phase = PHASE_PROVED;
        }
        remove_gone(map_of(g, PINNED_CLAIMS), &g->claim_at);
        remove_gone(map_of(g, PINNED_SLOTS), &g->slot_at);
        attach_if_needed(g);
        return false;
}

int guard_clear(struct guard *g)
{
        forget_all(g);
        return attach_if_needed(g);
}
