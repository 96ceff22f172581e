/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/heal/heal_report.h"

#include <stdarg.h>
#include <stdio.h>

void heal_refuse(struct heal *h, const char *format, ...)
{
        va_list ap;

        if (h->refused[0])
                return;
        va_start(ap, format);
        vsnprintf(h->refused, sizeof(h->refused), format, ap);
        va_end(ap);
}

void heal_note(struct heal *h, const char *format, ...)
{
        va_list ap;

        if (h->n_notes == HEAL_NOTES_MAX)
                return;
        va_start(ap, format);
        vsnprintf(h->notes[h->n_notes++], sizeof(h->notes[0]), format, ap);
        va_end(ap);
}
