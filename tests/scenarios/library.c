// SPDX-License-Identifier: GPL-2.0-or-later
/* A library for LD_PRELOAD whose code is an int3, as that of a fatal message is in GLib. */

void fatal_message(void);

__attribute__((noinline)) void fatal_message(void)
{
        __asm__ volatile("int3");
}

__attribute__((constructor)) static void complain(void)
{
        fatal_message();
}
