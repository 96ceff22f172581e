// SPDX-License-Identifier: GPL-2.0-or-later
/* Built with LeakSanitizer, which attaches to its own process from a helper thread at exit. Leaks nothing.
 */

#include "tests/scenarios/fixture.h"

int main(void)
{
        char *volatile p = malloc(64);

        fixture_guard();
        printf("ready pid=%d\n", getpid());
        fixture_go(-1);
        free(p);
        return 0;
}
