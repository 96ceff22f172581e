/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/base/findings.h"

#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/event/finding.h"
#include "lib/base/text.h"
#include "cli/base/json.h"
#include "cli/base/out_of_reach.h"

#define LABEL_FORMAT "  %-10s"

static enum paint severity_paint(const char *severity)
{
        if (!strcmp(severity, severity_to_string(SEVERITY_ERROR)))
                return PAINT_RED;
        return strcmp(severity, severity_to_string(SEVERITY_WARNING)) ? PAINT_NONE : PAINT_YELLOW;
}

static void print_part(const struct cli *c, const char *label, const char *text)
{
        char prefix[32];

        if (!*text)
                return;
        snprintf(prefix, sizeof(prefix), LABEL_FORMAT, label);
        print_wrapped(c, prefix, text);
}

static void print_when(const struct cli *c, struct json_object *f)
{
        char first[TIME_STRING_MAX], last[TIME_STRING_MAX], text[256];
        uint64_t count = member_u64(f, "count");

        local_time(member_time(f, "first"), true, first);
        local_time(member_time(f, "last"), true, last);
        if (count <= 1)
                snprintf(text, sizeof(text), "%s", first);
        else
                snprintf(text, sizeof(text), "%s to %s, %lu times", first, last, count);
        print_part(c, "When:", text);
}

/* Which of those that had the pid it is about. */
static void print_life(const struct cli *c, struct json_object *f)
{
        char started[START_TEXT_MAX];

        if ((c->args.given & OPTION(OPT_EARLIER)) && member_u64(f, "start"))
                print_part(c,
                           "Process:", start_text(member_u64(f, "start"), member_time(f, "last"), started));
}

static void print_evidence(const struct cli *c, struct json_object *f)
{
        struct json_object *ids = member_array(f, "evidence");
        char text[512] = "";
        size_t n = 0;

        for (size_t i = 0; i < array_length(ids) && n < sizeof(text); i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%lu", i ? ", " : "event ",
                                      json_object_get_uint64(json_object_array_get_idx(ids, i)));
        print_part(c, "Evidence:", text);
}

static void print_headline(const struct cli *c, struct json_object *f, uint64_t times, const char *whom)
{
        const char *severity = member_string(f, "severity"), *cause = member_string(f, "cause");
        char raw[256], safe[256], more[32] = "";

        if (times > 1)
                snprintf(more, sizeof(more), " x%lu", times);
        snprintf(raw, sizeof(raw), "%s: %s%s%s%s%s", severity, member_string(f, "code"), *cause ? " (" : "",
                 cause, *cause ? ")" : "", more);
        paint(c, severity_paint(severity), text_escape(raw, safe, sizeof(safe)));
        if (*whom) {
                snprintf(raw, sizeof(raw), "  %s", whom);
                paint(c, PAINT_BOLD, text_escape(raw, safe, sizeof(safe)));
        }
        putchar('\n');
        print_wrapped(c, "  ", member_string(f, "summary"));
}

static void print_advice(const struct cli *c, struct json_object *f)
{
        print_part(c, "Fix:", member_string(f, "remedy"));
        print_part(c, "Risk:", member_string(f, "risk"));
}

void finding_print(const struct cli *c, struct json_object *f)
{
        uint64_t pid = member_u64(f, "pid"), tid = member_u64(f, "tid");
        char whom[128] = "", thread[32] = "";

        if (tid && tid != pid)
                snprintf(thread, sizeof(thread), "/%lu", tid);
        if (pid)
                snprintf(whom, sizeof(whom), "%s(%lu%s)", member_string(f, "comm"), pid, thread);
        print_headline(c, f, 1, whom);
        print_life(c, f);
        print_when(c, f);
        print_evidence(c, f);
        print_advice(c, f);
}

/* ---- many of a kind -------------------------------------------------------------------------------- */

#define STORM_MIN  4 /* findings that differ in nothing but the process: fewer are told one by one */
#define STORM_PIDS 8 /* that are named */

/* Who else has to do with it; what a process did to itself, others may have done to themselves. */
static uint64_t other_of(struct json_object *f)
{
        uint64_t other = member_u64(f, "other_pid");

        return other == member_u64(f, "pid") ? 0 : other;
}

static bool same_kind(struct json_object *a, struct json_object *b)
{
        static const char *const members[] = {"severity", "code", "cause", "comm"};

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (strcmp(member_string(a, members[i]), member_string(b, members[i])) != 0)
                        return false;
        return other_of(a) == other_of(b);
}

/* How many of the findings from i on are of its kind; before: whether one before it is, too. */
static size_t count_kind(struct json_object *findings, size_t i, bool *ret_before)
{
        struct json_object *f = json_object_array_get_idx(findings, i);
        size_t n = 0;

        *ret_before = false;
        for (size_t k = 0; k < array_length(findings); k++) {
                if (!same_kind(json_object_array_get_idx(findings, k), f))
                        continue;
                n++;
                *ret_before |= k < i;
        }
        return n;
}

static void print_others(const struct cli *c, struct json_object *findings, size_t i, size_t n)
{
        struct json_object *f = json_object_array_get_idx(findings, i), *last = f;
        char first[TIME_STRING_MAX], until[TIME_STRING_MAX], text[256];
        size_t len = 0, named = 0;

        for (size_t k = i + 1; k < array_length(findings); k++) {
                struct json_object *other = json_object_array_get_idx(findings, k);

                if (!same_kind(other, f))
                        continue;
                last = other;
                if (named++ < STORM_PIDS)
                        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%lu",
                                                named > 1 ? ", " : "the same of PID ",
                                                member_u64(other, "pid"));
        }
        if (n - 1 > STORM_PIDS)
                snprintf(text + len, sizeof(text) - len, " and %zu more", n - 1 - STORM_PIDS);
        print_part(c, "Others:", text);
        local_time(member_time(f, "first"), true, first);
        local_time(member_time(last, "last"), true, until);
        snprintf(text, sizeof(text), "%s to %s", first, until);
        print_part(c, "When:", text);
}

static void print_storm(const struct cli *c, struct json_object *findings, size_t i, size_t n)
{
        struct json_object *f = json_object_array_get_idx(findings, i);

        print_headline(c, f, n, member_string(f, "comm"));
        print_others(c, findings, i, n);
        print_advice(c, f);
}

static void print_findings(const struct cli *c, struct json_object *findings)
{
        /* Former owners of one pid are told apart. */
        bool any = false, before, grouped = !(c->args.given & OPTION(OPT_EARLIER));

        for (size_t i = 0; i < array_length(findings); i++) {
                size_t n = count_kind(findings, i, &before);
                bool storm = n >= STORM_MIN && grouped;

                if (storm && before)
                        continue;
                if (any)
                        putchar('\n');
                any = true;
                if (storm)
                        print_storm(c, findings, i, n);
                else
                        finding_print(c, json_object_array_get_idx(findings, i));
        }
}

/* Worst first, then oldest first. */
static int by_severity(const void *a, const void *b)
{
        struct json_object *x = *(struct json_object *const *)a, *y = *(struct json_object *const *)b;
        int sx = (int)severity_from_string(member_string(x, "severity"));
        int sy = (int)severity_from_string(member_string(y, "severity"));

        return sx != sy ? sy - sx : strcmp(member_string(x, "first"), member_string(y, "first"));
}

static void print_none(const struct cli *c, const char *whom, uint64_t since_wall_ns)
{
        char since[TIME_STRING_MAX + 16] = "", time[TIME_STRING_MAX], text[256];

        if (since_wall_ns)
                snprintf(since, sizeof(since), " since %s", local_time(since_wall_ns, false, time));
        snprintf(text, sizeof(text), "No findings: nothing that was recorded%s shows a problem with %s.",
                 since, whom);
        print_wrapped(c, "", text);
}

static void print_loss(const struct cli *c, struct json_object *losses, bool any)
{
        char causes[256], text[512];
        uint64_t total = losses_text(losses, causes, sizeof(causes));

        if (total == 0) {
                if (!any)
                        puts("No events were lost.");
                return;
        }
        if (any)
                putchar('\n');
        snprintf(text, sizeof(text), "%lu %s lost (%s): findings may be missing, and counts too small.",
                 total, total == 1 ? "event was" : "events were", causes);
        print_wrapped(c, "", text);
}

void diagnosis_print(const struct cli *c, struct json_object *diagnosis, const char *whom,
                     uint64_t since_wall_ns)
{
        struct json_object *findings = member_array(diagnosis, "findings");
        uint64_t omitted = member_u64(diagnosis, "omitted");
        size_t n = array_length(findings);

        if (n == 0)
                print_none(c, whom, since_wall_ns);
        else
                json_object_array_sort(findings, by_severity);
        print_findings(c, findings);
        if (omitted)
                printf("\n%lu older findings are left out: ask for one process, or with --since.\n",
                       omitted);
        print_loss(c, member_object(diagnosis, "losses"), n > 0);
        out_of_reach_count(c, member_array(diagnosis, "unseen"),
                           c->args.given & OPTION(OPT_FILE) ? "--json" : "ptracectl doctor");
}

void diagnosis_note_tier(const char *tier, const char *reason)
{
        if (!strcmp(tier, "proc"))
                cli_note("Recorded in tier proc, which sees neither signals nor refused attaches%s%s.",
                         *reason ? ": " : "", reason);
}
