/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A place in the kernel where a program of ours looks on, and what is known of it. */

enum hook_state {
        HOOK_UNUSED, /* not needed in this tier */
        HOOK_ATTACHED,
        HOOK_WORKING, /* attached, and has run since (its run count or our own self-test says so) */
        HOOK_MISSING, /* the kernel does not have or does not allow it: see reason */
        _HOOK_STATE_MAX,
};

struct hook {
        const char *program; /* name of the BPF program, "sys_exit_ptrace" */
        const char *section; /* "tp/syscalls/sys_exit_ptrace" */
        const char *sees;    /* what it tells us, for people */
        enum hook_state state;
        char reason[160]; /* why it is missing, a sentence without a full stop; "" otherwise */
};
