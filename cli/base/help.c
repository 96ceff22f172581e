/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/help.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/wrap.h"

#define HELP_WIDTH 100 /* lines are not made longer than this, however wide the terminal is */

static unsigned help_width(const struct cli *c)
{
        return c->width && c->width < HELP_WIDTH ? c->width : HELP_WIDTH;
}

/* "  name          text", the text wrapped under itself. */
static void print_entry(const struct cli *c, const char *name, int column, const char *text)
{
        char prefix[64];

        snprintf(prefix, sizeof(prefix), "  %-*s  ", column, name);
        text_wrap(stdout, prefix, text, help_width(c));
}

static void print_options(const struct cli *c, uint32_t mask)
{
        char name[48];

        puts("\nOptions:");
        for (size_t i = 0; i < _OPT_MAX; i++) {
                const struct option_spec *o = &option_specs[i];
                char letter[] = {'-', o->letter, ',', ' ', 0};

                if (!(mask & OPTION(i)))
                        continue;
                snprintf(name, sizeof(name), "%s--%s%s%s", o->letter ? letter : "", o->name,
                         o->value ? " " : "", o->value ?: "");
                print_entry(c, name, 20, o->help);
        }
}

int help_all(const struct cli *c)
{
        puts("Usage: ptracectl VERB [OPTION...] [ARGUMENT...]\n\n"
             "Who debugs what on this machine, who may, and why a breakpoint or an attach was "
             "lost.\n\nVerbs:");
        for (const struct verb *v = c->verbs; v->name; v++) {
                char name[48];

                snprintf(name, sizeof(name), "%s %s", v->name, v->args);
                print_entry(c, name, 24, v->summary);
        }
        print_options(c, OPTION(OPT_JSON) | OPTION(OPT_SOCKET) | OPTION(OPT_HELP) | OPTION(OPT_VERSION));
        puts("\n'ptracectl VERB --help' says more about a verb; so does ptracectl(1).\n"
             "Exit status: 0 done, 1 failed, 2 usage, 3 ptraced not reachable, 4 refused by a claim, the "
             "policy\n"
             "or permission, 10 diagnose --exit-code with findings.");
        return EXIT_DONE;
}

int help_verb(const struct cli *c)
{
        const struct verb *v = c->verb;
        char paragraph[1024];

        printf("Usage: ptracectl %s [OPTION...]%s%s\n\n%s.\n", v->name, *v->args ? " " : "", v->args,
               v->summary);
        for (const char *s = v->help; *s;) {
                size_t n = strcspn(s, "\n");

                snprintf(paragraph, sizeof(paragraph), "%.*s", (int)n, s);
                putchar('\n');
                text_wrap(stdout, "", paragraph, help_width(c));
                s += n + !!s[n];
        }
        print_options(c, v->options | OPTION(OPT_JSON) | OPTION(OPT_SOCKET) | OPTION(OPT_HELP));
        return EXIT_DONE;
}

void help_list_verbs(const struct verb *verbs, char *buf, size_t size)
{
        size_t n = 0;

        for (const struct verb *v = verbs; v->name && n < size; v++)
                n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", v->name);
}
