/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Claims in a file of the state directory, for the next daemon of this boot: all that hold keeps, and the
 * words for what the kernel keeps. */

#include "lib/base/list.h"
#include "lib/claim/claim.h"

/* Claims that were found again. */
struct found_claim {
        struct list link;
        struct claim claim;
        bool our_hold; /* the target was held for its sake */
};
struct claims_found {
        struct list list; /* of found_claim */
        size_t n, n_bad;  /* GUARD_CLAIMS_MAX at most; others, and what makes no sense, are bad */
        uint64_t next_id; /* above those that were ever given; 0: not known */
};

void claims_found_init(struct claims_found *f);
void claims_found_done(struct claims_found *f);
void claims_found_add(struct claims_found *f, const struct claim *c, bool our_hold);

/* What is to be written. */
struct claims_to_save {
        const struct claim_book *book;
        uint64_t next_id;
        bool (*holds)(void *userdata, const struct task_ref *target); /* for its claim's sake */
        void *userdata;
};
/* Renamed into place: a daemon that is killed leaves the former file or this one. What goes wrong is logged.
 */
void claims_file_save(const char *state_dir, const struct claims_to_save *what);
/* Adds the claims of this boot in order of their making. What cannot be read is logged and forgotten. */
void claims_file_read(const char *state_dir, struct claims_found *found);
