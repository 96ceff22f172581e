/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the auxiliary vector of a process tells, getauxval(3): the kernel keeps it for the process itself, so that
 * nobody has to open the program's file, which could lie on a disk that hangs.
 */

#include <stddef.h>
#include <stdint.h>

/* 32 or 64: the words of the program that this vector was made for. 0: it cannot be told. */
uint32_t auxv_word_bits(const void *auxv, size_t size);
/* The same of a process, as /proc/PID/auxv has it. 0 also where that cannot be read. */
uint32_t auxv_read_word_bits(uint32_t pid);
