/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A policy file, and each process that its own patterns describe. */

#include "lib/claim/policy.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct policy p;
        char error[POLICY_ERROR_MAX];
        size_t i;

        p.n = 0;
        if (policy_parse(&p, "FILE", (const char *)data, size, error, sizeof(error)) < 0) {
                must(!strncmp(error, "FILE:", 5) && p.n == 0);
                return 0;
        }
        must(p.n <= GUARD_RULES_MAX);
        for (i = 0; i < p.n; i++) {
                const struct guard_rule *r = &p.rules[i].rule;
                const struct policy_subject s = {
                        .exe = r->exe, .comm = r->comm, .cgroup = r->cgroup, .uid = r->uid};

                must(r->say < _GUARD_SAY_MAX && r->mode < _GUARD_MODE_MAX);
                must(r->n_tracer_exe <= GUARD_TRACERS_MAX && r->n_tracer_uid <= GUARD_TRACERS_MAX);
                policy_admits(r, &s);
                must(policy_match(&p, &s) <= p.n);
                json_object_put(policy_rule_to_json(&p.rules[i]));
        }
        return 0;
}
