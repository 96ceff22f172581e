/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lib/base/cleanup.h"
#include "lib/diagnosis/rule.h"
#include "lib/diagnosis/rules.h"

static const struct rule rules[] = {
#define ROW(code, function, name, severity, listens, meaning) \
        {FIND_##code, SEVERITY_##severity, listens, rule_##function},
        FINDINGS(ROW)
#undef ROW
};

void rules_run(struct diagnosis *d, const struct event *e)
{
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (rules[i].types & EVENT_BIT(e->type))
                        rules[i].check(d, &rules[i], e);
}
