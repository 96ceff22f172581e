/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PTRACED_GLOB_H
#define PTRACED_GLOB_H

/*
 * Patterns of the policy: * matches any bytes, also none and also '/'; ? one byte; \ makes the next byte
 * stand for itself. One source for the kernel and for user space, so that `policy check`, `why` and the
 * guard agree.
 *
 * A match takes at most GLOB_STEPS_MAX steps, one byte each; one that would take more is no match. Only a
 * text that nearly matches behind a star again and again needs so many. No match is the safe answer: a
 * process that a rule does not match is left to the rules after it and to `single`, and a tracer it does not
 * match is not let in.
 */

#include "bpf/guard_maps.h"

#define GLOB_STEPS_MAX 4096

#ifdef __bpf__
#include "bpf/kernel_types.h"
#define GLOB_INLINE static __always_inline
#else
#define GLOB_INLINE static inline
#endif

/* Sizes are powers of two up to these: an index is cut to them, which is what the verifier wants to see. */
#define GLOB_PATTERN_MASK (GUARD_GLOB_MAX - 1)
#define GLOB_TEXT_MASK    (GUARD_PATH_MAX - 1)

struct glob {
        rec_u32 pattern, text;     /* places looked at */
        rec_u32 after_star, taken; /* go back to: behind the last star, and how far it has taken the text */
        rec_u32 starred, matched;
};

GLOB_INLINE void glob_start(struct glob *g, rec_u32 text)
{
        g->pattern = g->after_star = g->taken = g->starred = g->matched = 0;
        g->text = text;
}

/* The end of the array ends a string as a NUL does. */
GLOB_INLINE char glob_pattern_at(const char *pattern, rec_u32 size, rec_u32 i)
{
        return i < size ? pattern[i & GLOB_PATTERN_MASK] : 0;
}

GLOB_INLINE char glob_text_at(const char *text, rec_u32 i)
{
        return i < GUARD_PATH_MAX ? text[i & GLOB_TEXT_MASK] : 0;
}

/* The last star takes one byte more, and what is behind it is tried again. */
GLOB_INLINE int glob_go_back(struct glob *g)
{
        g->pattern = g->after_star;
        g->text = ++g->taken;
        return !g->starred;
}

GLOB_INLINE int glob_star(struct glob *g, char next)
{
        g->pattern++;
        g->after_star = g->pattern;
        g->taken = g->text;
        g->starred = 1;
        g->matched = !next;
        return !next;
}

/* Non-zero: done, and g->matched says how. text is in an array of GUARD_PATH_MAX bytes. */
GLOB_INLINE int glob_step(struct glob *g, const char *pattern, rec_u32 size, const char *text)
{
        char p = glob_pattern_at(pattern, size, g->pattern);
        char next = p ? glob_pattern_at(pattern, size, g->pattern + 1) : 0;
        char c = glob_text_at(text, g->text);
        rec_u32 width = 1;

        if (p == '*')
                return glob_star(g, next);
        if (!c) {
                g->matched = !p;
                return 1;
        }
        if (p == '\\' && next) {
                p = next;
                width = 2;
        } else if (p == '?')
                p = c;
        if (p != c)
                return glob_go_back(g);
        g->pattern += width;
        g->text++;
        return 0;
}

#ifndef __bpf__
/* pattern in an array of size bytes, text in one of GUARD_PATH_MAX; either may lack its NUL. */
static inline int glob_matches(const char *pattern, rec_u32 size, const char *text)
{
        struct glob g;

        glob_start(&g, 0);
        for (rec_u32 i = 0; i < GLOB_STEPS_MAX; i++)
                if (glob_step(&g, pattern, size, text))
                        return g.matched;
        return 0;
}
#endif

#endif
