/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * May this caller attach to that target, and if not, why not. One decision for both questions: `why` asks
 * before an attach was tried (error is 0), the rules ask after one was refused (error is its errno).
 *
 * The order is the kernel's (ptrace_attach() and __ptrace_may_access()), except that a target that is
 * traced is reported as traced even where the kernel stopped earlier: both facts are then told. Claims and
 * policy come after what no claim can change. A security module is named only where one is active and
 * everything before it is known to have passed. A refusal that is recorded as the guard's own is the guard's,
 * whatever else is true. Only what is known refuses: where nothing does, and something that decides is not
 * known, the cause is ACCESS_UNKNOWN, and the summary says what it is. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/access/access_facts.h"

enum access_cause {
        ACCESS_NONE,    /* allowed */
        ACCESS_UNKNOWN, /* it cannot be told whether it is allowed, or why it was refused */
        ACCESS_GONE,
        ACCESS_PID_NAMESPACE,
        ACCESS_SECCOMP,
        ACCESS_KERNEL_THREAD,
        ACCESS_OWN_THREAD_GROUP,
        ACCESS_ZOMBIE_LEADER, /* the main thread has ended, others live */
        ACCESS_ZOMBIE,
        ACCESS_TRACED,
        ACCESS_USER_NAMESPACE,
        ACCESS_UID,
        ACCESS_NOT_DUMPABLE,
        ACCESS_CAPABILITY,
        ACCESS_CLAIMED, /* a claim, also one that is kept by hold */
        ACCESS_POLICY,  /* a rule of the policy */
        ACCESS_HELD,    /* ptraced itself traces it, on nobody's behalf */
        ACCESS_CYCLE,   /* the target traces the caller */
        ACCESS_BUSY,    /* somebody is attaching at this moment, or there was no memory: try again */
        ACCESS_YAMA,
        ACCESS_LSM,
        _ACCESS_MAX,
};

/* "traced", "uid", ...; "" for ACCESS_NONE. */
const char *access_cause_to_string(enum access_cause c);

#define ACCESS_SENTENCE_MAX 256
#define ACCESS_SENTENCES    12

struct access_verdict {
        bool allowed;  /* cause is ACCESS_NONE */
        int32_t error; /* positive errno it gives or gave; 0: none, allowed or not known */
        bool killed;   /* the caller would be sent SIGSYS instead */
        enum access_cause cause;
        char summary[ACCESS_TEXT_MAX];                     /* one sentence */
        char remedy[ACCESS_TEXT_MAX];                      /* the smallest fix, "" if allowed */
        char risk[ACCESS_TEXT_MAX];                        /* of that fix, "" for none */
        char facts[ACCESS_SENTENCES][ACCESS_SENTENCE_MAX]; /* everything that refuses or matters */
        size_t n_facts;
};
void access_decide(const struct access_facts *f, struct access_verdict *ret);

/*
 * Do the kernel's rules of user namespaces, ids, dumpable and capabilities let the caller trace the target,
 * whoever traces it now and whatever the guard says? ACCESS_NONE if so, else which rule refuses, and why[]
 * has the words for it; ACCESS_UNKNOWN: not all of it could be seen. Yama counts from ptrace_scope 2 on: 1 asks
 * who descends from whom, and whoever has ptraced act for it descends from nobody.
 */
enum access_cause access_rights(const struct access_facts *f, char why[ACCESS_TEXT_MAX]);
