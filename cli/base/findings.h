/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A diagnosis for people. It is printed from its JSON form, so that a live one, one of a saved trace, and
 * one of a newer daemon with findings this program does not know all look alike.
 */

#include "cli/base/output.h"

/* One finding: headline, summary, when, evidence, fix and risk. */
void finding_print(const struct cli *c, struct json_object *finding);

/*
 * All findings of a "ptraced.diagnosis/1" object, worst first, with what was lost and how many findings
 * could not be made. With none: a sentence
 * saying whom it is about ("any process") and since when. since_wall_ns 0: not known. Many that differ in
 * nothing but the process are told once, with their number.
 */
void diagnosis_print(const struct cli *c, struct json_object *diagnosis, const char *whom,
                     uint64_t since_wall_ns);

/* Tier proc sees neither signals nor refusals: no findings there means little, and that is said on stderr.
 */
void diagnosis_note_tier(const char *tier, const char *reason);
