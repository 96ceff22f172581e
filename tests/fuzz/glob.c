/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A pattern of the policy and a path, against the definition of what a pattern matches. */

#include <stdbool.h>

#include "bpf/glob.h"
#include "tests/fuzz/fuzz.h"

/* matched[i][j]: the pattern from i on matches the text from j on. */
static bool matches_by_definition(const char *pattern, const char *text)
{
        static bool matched[GUARD_GLOB_MAX + 2][GUARD_PATH_MAX + 1];
        size_t n = strnlen(pattern, GUARD_GLOB_MAX), m = strnlen(text, GUARD_PATH_MAX);

        memset(matched, 0, sizeof(matched));
        matched[n][m] = true;
        for (size_t i = n; i-- > 0;) {
                bool quotes = pattern[i] == '\\' && i + 1 < n;
                char c = pattern[quotes ? i + 1 : i];

                for (size_t j = m + 1; j-- > 0;)
                        if (pattern[i] == '*')
                                matched[i][j] = matched[i + 1][j] || (j < m && matched[i][j + 1]);
                        else if (j < m && (pattern[i] == '?' || c == text[j]))
                                matched[i][j] = matched[i + 1 + quotes][j + 1];
        }
        return matched[0][0];
}

/* Any answer but a match may be for lack of steps. */
static bool runs_out_of_steps(const char *pattern, rec_u32 size, const char *text)
{
        struct glob g;
        rec_u32 steps = 0;

        glob_start(&g, 0);
        while (steps <= GLOB_STEPS_MAX && !glob_step(&g, pattern, size, text))
                steps++;
        return steps >= GLOB_STEPS_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = {data, size};
        rec_u32 pattern_size = take_byte(&in) % 2 ? REC_COMM_LEN : GUARD_GLOB_MAX;
        char *given = take_string(&in, '\n');
        char *pattern = calloc(1, pattern_size), *text = calloc(1, GUARD_PATH_MAX);
        char whole[GUARD_GLOB_MAX] = "";
        bool matched, expected;

        must(pattern && text);
        memcpy(pattern, given, strnlen(given, pattern_size));
        take_bytes(&in, text, GUARD_PATH_MAX);
        matched = glob_matches(pattern, pattern_size, text);
        memcpy(whole, pattern, pattern_size);
        expected = matches_by_definition(whole, text);
        must(matched == expected || (!matched && runs_out_of_steps(pattern, pattern_size, text)));
        free(given);
        free(pattern);
        free(text);
        return 0;
}
