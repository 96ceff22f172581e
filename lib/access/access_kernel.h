/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The part of access.c that is about the kernel: what it refuses for, how that is told, and what somebody who is
 * refused can do, which depends on who they are. Only access.c looks in here. Each pair refuses_/tell_ is a row
 * of its table. A check refuses only what is known to be refused.
 */

#include <stdbool.h>

#include "lib/access/access_facts.h"
#include "lib/access/access_guard.h"

/* The first thing that decides and is not known, in words; NULL: nothing. rights_only: of the caller's right over
 * the target, see access_rights(). */
const char *access_gap(const struct access_facts *f, bool rights_only);

bool refuses_gone(const struct access_facts *f);
bool refuses_pid_namespace(const struct access_facts *f);
bool refuses_seccomp(const struct access_facts *f);
bool refuses_kernel_thread(const struct access_facts *f);
bool refuses_own_thread_group(const struct access_facts *f);
bool refuses_zombie_leader(const struct access_facts *f);
bool refuses_zombie(const struct access_facts *f);
bool refuses_traced(const struct access_facts *f);
bool refuses_user_namespace(const struct access_facts *f);
bool refuses_uid(const struct access_facts *f);
bool refuses_not_dumpable(const struct access_facts *f);
bool refuses_capability(const struct access_facts *f);
bool refuses_yama(const struct access_facts *f);
bool refuses_lsm(const struct access_facts *f);
void tell_gone(const struct telling *t, const struct reasons *out);
void tell_pid_namespace(const struct telling *t, const struct reasons *out);
void tell_seccomp(const struct telling *t, const struct reasons *out);
void tell_kernel_thread(const struct telling *t, const struct reasons *out);
void tell_own_thread_group(const struct telling *t, const struct reasons *out);
void tell_zombie_leader(const struct telling *t, const struct reasons *out);
void tell_zombie(const struct telling *t, const struct reasons *out);
void tell_traced(const struct telling *t, const struct reasons *out);
void tell_user_namespace(const struct telling *t, const struct reasons *out);
void tell_uid(const struct telling *t, const struct reasons *out);
void tell_not_dumpable(const struct telling *t, const struct reasons *out);
void tell_capability(const struct telling *t, const struct reasons *out);
void tell_yama(const struct telling *t, const struct reasons *out);
void tell_lsm(const struct telling *t, const struct reasons *out);
