/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/guard/guard_object.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/base/cleanup.h"
#include "ptraced_guard.skel.h"

#define LSM  (1u << MECHANISM_LSM)
#define FMOD (1u << MECHANISM_FMOD_RET)

static const struct {
        const char *program, *pin;
        uint32_t mechanisms;
} plans[] = {
        {"guard_lsm_access", "link_guard_lsm_access", LSM},
        {"guard_lsm_traceme", "link_guard_lsm_traceme", LSM},
        {"guard_fmod_access", "link_guard_fmod_access", FMOD},
        {"guard_fmod_traceme", "link_guard_fmod_traceme", FMOD},
        {"guard_settle_attach", "link_guard_settle_attach", LSM | FMOD},
        {"guard_settle_traceme", "link_guard_settle_traceme", LSM | FMOD},
        {"guard_exit", "link_guard_exit", LSM | FMOD},
};
static_assert(ELEMENTSOF(plans) <= GUARD_PROGRAMS_MAX, "room for each link");

struct guard_object {
        enum guard_mechanism mechanism;
        struct ptraced_guard_bpf *skel;
        struct bpf_link *links[ELEMENTSOF(plans)];
};

static struct bpf_map *find_map(const struct guard_object *o, enum pinned_map which)
{
        return bpf_object__find_map_by_name(o->skel->obj, pinned_layouts[which].name);
}

/* Maps that only user space writes are not in the object. */
static bool is_programs(enum pinned_map which)
{
        return which != PINNED_COUNTERS_READ && which != PINNED_LOSSES_READ;
}

/* What the programs were compiled with is what is pinned, or a takeover would mix them up. */
static int check_layout(const struct guard_object *o)
{
        for (size_t i = 0; i < _PINNED_MAP_MAX; i++) {
                const struct pinned_layout *l = &pinned_layouts[i];
                const struct bpf_map *m = find_map(o, i);

                if (!is_programs(i))
                        continue;
                if (!m || bpf_map__type(m) != l->type || bpf_map__key_size(m) != l->key ||
                    bpf_map__value_size(m) != l->value || bpf_map__max_entries(m) != l->entries)
                        return -EBADMSG;
        }
        return 0;
}

static int reuse(const struct guard_object *o, const int maps[_PINNED_MAP_MAX])
{
        int r = 0;

        for (size_t i = 0; i < _PINNED_MAP_MAX && !r; i++)
                if (is_programs(i) && maps[i] >= 0)
                        r = bpf_map__reuse_fd(find_map(o, i), maps[i]);
        return r;
}

static int choose_guard_programs(const struct guard_object *o)
{
        for (size_t i = 0; i < ELEMENTSOF(plans); i++) {
                struct bpf_program *prog = bpf_object__find_program_by_name(o->skel->obj, plans[i].program);

                if (!prog)
                        return -ENOENT;
                bpf_program__set_autoload(prog, plans[i].mechanisms & (1u << o->mechanism));
        }
        return 0;
}

static const char *explain_guard_load(int r)
{
        switch (-r) {
        case EPERM:
        case EACCES:
                return "this kernel does not permit programs that refuse an attach";
        case ESRCH:
        case ENOENT:
                return "this kernel has no hook to refuse an attach at";
        case ENOTSUP:
        case EINVAL:
                return "this kernel cannot run the guard's programs";
        default:
                return strerror(-r);
        }
}

static int load_programs(struct guard_object *o, uint32_t generation, const int *maps)
{
        int r;

        o->skel = ptraced_guard_bpf__open();
        if (!o->skel)
                return -errno;
        r = check_layout(o);
        if (!r)
                r = choose_guard_programs(o);
        if (!r)
                r = reuse(o, maps);
        if (r)
                return r;
        o->skel->rodata->generation = generation;
        return ptraced_guard_bpf__load(o->skel);
}

int guard_object_load(struct guard_object **ret, enum guard_mechanism mechanism, uint32_t generation,
                      const int maps[_PINNED_MAP_MAX], char *reason, size_t size)
{
        struct guard_object *o = calloc(1, sizeof(*o));
        int r = -ENOMEM;

        if (o) {
                o->mechanism = mechanism;
                r = load_programs(o, generation, maps);
        }
        if (r < 0) {
                snprintf(reason, size, "%s (%s)", explain_guard_load(r), strerrorname_np(-r) ?: "?");
                guard_object_free(o);
                return r;
        }
        *ret = o;
        return 0;
}

struct guard_object *guard_object_free(struct guard_object *o)
{
        if (!o)
                return NULL;
        guard_object_close_links(o);
        if (o->skel)
                ptraced_guard_bpf__destroy(o->skel);
        free(o);
        return NULL;
}

uint64_t guard_object_skipped(const struct guard_object *o)
{
        uint64_t n = 0;

        for (size_t i = 0; o && i < ELEMENTSOF(plans); i++) {
                const struct bpf_program *prog;
                struct bpf_prog_info info = {};
                uint32_t size = sizeof(info);

                if (!(plans[i].mechanisms & (1u << o->mechanism)) || plans[i].mechanisms == (LSM | FMOD))
                        continue;
                prog = bpf_object__find_program_by_name(o->skel->obj, plans[i].program);
                if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size) == 0)
                        n += info.recursion_misses;
        }
        return n;
}

int guard_object_map(const struct guard_object *o, enum pinned_map which)
{
        const struct bpf_map *m = o && is_programs(which) ? find_map(o, which) : NULL;

        return m ? bpf_map__fd(m) : -1;
}

int guard_object_attach(struct guard_object *o, char *reason, size_t size)
{
        for (size_t i = 0; i < ELEMENTSOF(plans); i++) {
                struct bpf_program *prog = bpf_object__find_program_by_name(o->skel->obj, plans[i].program);
                int r;

                if (!bpf_program__autoload(prog) || o->links[i])
                        continue;
                o->links[i] = bpf_program__attach(prog);
                if (o->links[i])
                        continue;
                r = -errno;
                snprintf(reason, size, "%s: %s (%s)", plans[i].program, explain_guard_load(r),
                         strerrorname_np(-r) ?: "?");
                guard_object_close_links(o);
                return r;
        }
        return 0;
}

void guard_object_close_links(struct guard_object *o)
{
        for (size_t i = 0; i < ELEMENTSOF(plans); i++) {
                bpf_link__destroy(o->links[i]);
                o->links[i] = NULL;
        }
}

int guard_object_link(const struct guard_object *o, size_t i, const char **ret_name)
{
        for (size_t j = 0; j < ELEMENTSOF(plans); j++)
                if (o->links[j] && i-- == 0) {
                        *ret_name = plans[j].pin;
                        return bpf_link__fd(o->links[j]);
                }
        return -1;
}

size_t guard_object_pins(const struct guard_object *o, const char *names[GUARD_PROGRAMS_MAX])
{
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(plans); i++)
                if (plans[i].mechanisms & (1u << o->mechanism))
                        names[n++] = plans[i].pin;
        return n;
}
