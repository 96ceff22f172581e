/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/claim/policy.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <ini.h>

#include "bpf/glob.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define SHOWN_MAX   64   /* bytes of a wrong word that are repeated in the error */
#define NEAR_MAX    2    /* typing mistakes at which a known word is still offered */
#define WORD_MAX    24   /* bytes of a word that is compared so */
#define PASSWD_MAX  8192 /* bytes of an entry of the users' database */
#define UID_LARGEST 4294967294U

static const char *const say_names[] = {
        [SAY_OFF] = "off", [SAY_SINGLE] = "single", [SAY_OWNER] = "owner-only", [SAY_DENY] = "deny"};
static_assert(ELEMENTSOF(say_names) == _GUARD_SAY_MAX, "a name for each");
static const char *const mode_names[] = {[GUARD_ENFORCE] = "enforce", [GUARD_AUDIT] = "audit"};
static_assert(ELEMENTSOF(mode_names) == _GUARD_MODE_MAX, "a name for each");
static const char *const state_names[] = {
        [GUARD_OFF] = "off", [GUARD_ON] = "on", [GUARD_ON_AUDIT] = "audit"};
static_assert(ELEMENTSOF(state_names) == _GUARD_STATE_MAX, "a name for each");

static int find_name(const char *const names[], size_t n, const char *s)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(names[i], s))
                        return (int)i;
        return -EINVAL;
}

const char *guard_say_to_string(enum guard_say say)
{
        return say < _GUARD_SAY_MAX ? say_names[say] : NULL;
}

const char *guard_mode_to_string(enum guard_mode m)
{
        return m < _GUARD_MODE_MAX ? mode_names[m] : NULL;
}

int guard_mode_from_string(const char *s)
{
        return find_name(mode_names, ELEMENTSOF(mode_names), s);
}

const char *guard_state_to_string(enum guard_state s)
{
        return s < _GUARD_STATE_MAX ? state_names[s] : NULL;
}

int guard_state_from_string(const char *s)
{
        return find_name(state_names, ELEMENTSOF(state_names), s);
}

/* ---- parsing ---------------------------------------------------------------------------------------- */

enum key_id {
        KEY_EXE,
        KEY_COMM,
        KEY_UID,
        KEY_CGROUP,
        KEY_SAY,
        KEY_MODE,
        KEY_TRACER_EXE,
        KEY_TRACER_UID,
        KEY_MEMORY,
        _KEY_MAX,
};
#define KEY(k)           (1U << (k))
#define KEYS_REPEATABLE  (KEY(KEY_TRACER_EXE) | KEY(KEY_TRACER_UID))
#define KEYS_OF_TRACERS  KEYS_REPEATABLE
#define KEYS_CONDITIONS  (KEY(KEY_EXE) | KEY(KEY_COMM) | KEY(KEY_UID) | KEY(KEY_CGROUP))
#define CONDITIONS_WORDS "exe, comm, uid or cgroup"

/* What goes on while one text is parsed. inih only tells the line of the first mistake, so it is kept here,
 * with the reason. Sections are found by next_line(), for inih cuts their names and does not report one that
 * is empty. */
struct parsing {
        const char *name, *at, *end;
        unsigned line;       /* counted by next_line() */
        unsigned wrong_at;   /* where reading had got to at the first mistake, 0: none */
        unsigned wrong_line; /* the line to name */
        char reason[POLICY_ERROR_MAX];
        struct policy *policy;         /* what is being made */
        struct policy_rule *rule;      /* the present section's, NULL: none yet, or one that is wrong */
        uint32_t given;                /* bits of its keys */
        bool says_audit, says_enforce; /* which contradict each other */
};

static _printf_(3, 4) void complain_of_line(struct parsing *p, unsigned line, const char *format, ...)
{
        va_list ap;

        if (p->wrong_at)
                return;
        p->wrong_at = p->line;
        p->wrong_line = line;
        va_start(ap, format);
        vsnprintf(p->reason, sizeof(p->reason), format, ap);
        va_end(ap);
}

/* Levenshtein's distance of two short words; more than NEAR_MAX for long ones. */
static unsigned distance(const char *a, const char *b)
{
        unsigned row[WORD_MAX + 1], n = (unsigned)strlen(b);

        if (strlen(a) > WORD_MAX || n > WORD_MAX)
                return NEAR_MAX + 1;
        for (unsigned j = 0; j <= n; j++)
                row[j] = j;
        for (unsigned i = 0; a[i]; i++) {
                unsigned diagonal = row[0];

                row[0] = i + 1;
                for (unsigned j = 0; j < n; j++) {
                        unsigned swap = diagonal + (tolower((unsigned char)a[i]) != b[j]);

                        diagonal = row[j + 1];
                        row[j + 1] = MIN_OF(swap, MIN_OF(row[j], diagonal) + 1);
                }
        }
        return row[n];
}

/* ", did you mean WORD" or "". */
static const char *suggestion(const char *const names[], size_t n, const char *word, char buf[SHOWN_MAX])
{
        unsigned best = NEAR_MAX + 1;

        buf[0] = 0;
        for (size_t i = 0; i < n; i++) {
                unsigned d = distance(word, names[i]);

                if (d >= best || d >= strlen(names[i]))
                        continue;
                best = d;
                snprintf(buf, SHOWN_MAX, ", did you mean %s", names[i]);
        }
        return buf;
}

static const char *const key_names[] = {
        [KEY_EXE] = "exe",
        [KEY_COMM] = "comm",
        [KEY_UID] = "uid",
        [KEY_CGROUP] = "cgroup",
        [KEY_SAY] = "say",
        [KEY_MODE] = "mode",
        [KEY_MEMORY] = "memory",
        [KEY_TRACER_EXE] = "tracer-exe",
        [KEY_TRACER_UID] = "tracer-uid",
};
static_assert(ELEMENTSOF(key_names) == _KEY_MAX, "a name for each key");

/* One of a few words: its index, or -EINVAL and told. */
static int take_word(struct parsing *p, enum key_id key, const char *value, const char *const names[],
                     size_t n, const char *expected)
{
        char shown[SHOWN_MAX], near[SHOWN_MAX];
        int r = find_name(names, n, value);

        if (r < 0)
                complain_of_line(p, p->line, "%s cannot be '%s'%s: give %s", key_names[key],
                                 text_escape(value, shown, sizeof(shown)), suggestion(names, n, value, near),
                                 expected);
        return r;
}

/* A pattern that could never match is a mistake, and one that no kernel can compare with, too. */
static int take_pattern(struct parsing *p, enum key_id key, const char *value, char *to, size_t size)
{
        bool path = key != KEY_COMM;
        size_t quotes = 0, n = strlen(value);
        char shown[SHOWN_MAX];

        while (quotes < n && value[n - quotes - 1] == '\\')
                quotes++;
        text_escape(value, shown, sizeof(shown));
        if (n == 0)
                complain_of_line(p, p->line, "%s is empty: give a pattern such as %s", key_names[key],
                                 path ? "/usr/bin/*" : "php-fpm*");
        else if (n >= size)
                complain_of_line(p, p->line, "%s has %zu bytes: a pattern for it has at most %zu",
                                 key_names[key], n, size - 1);
        else if (quotes % 2)
                complain_of_line(p, p->line,
                                 "%s '%s' ends with a backslash, which quotes nothing there: write \\\\",
                                 key_names[key], shown);
        else if (path && value[0] != '/' && value[0] != '*' && value[0] != '?')
                complain_of_line(p, p->line,
                                 "%s '%s' can never match: paths begin with /, so write /... or */%s",
                                 key_names[key], shown, shown);
        else {
                memcpy(to, value, n + 1);
                return 0;
        }
        return -EINVAL;
}

static int take_uid(struct parsing *p, enum key_id key, const char *value, uint32_t *ret)
{
        char shown[SHOWN_MAX], buf[PASSWD_MAX];
        struct passwd entry, *found = NULL;
        uint64_t n = 0;
        const char *c;

        for (c = value; isdigit((unsigned char)*c) && n <= UID_LARGEST; c++)
                n = n * 10 + (uint64_t)(*c - '0');
        if (*value && !*c && n <= UID_LARGEST) {
                *ret = (uint32_t)n;
                return 0;
        }
        if (*value && !isdigit((unsigned char)*value) &&
            getpwnam_r(value, &entry, buf, sizeof(buf), &found) == 0 && found) {
                *ret = found->pw_uid;
                return 0;
        }
        text_escape(value, shown, sizeof(shown));
        complain_of_line(p, p->line, "%s cannot be '%s': %sgive a user's name, or a number from 0 to %u",
                         key_names[key], shown,
                         *value && !isdigit((unsigned char)*value) ? "there is no such user here; " : "",
                         UID_LARGEST);
        return -EINVAL;
}

/* A condition that is a pattern. One of nothing but * holds for every process, also for one whose path is
 * not known, so it is not compared with. */
static void take_condition(struct parsing *p, enum key_id key, const char *value, char *to, size_t size,
                           uint32_t flag)
{
        if (take_pattern(p, key, value, to, size) == 0 && strspn(value, "*") != strlen(value))
                p->rule->rule.flags |= flag;
}

static void take_tracer(struct parsing *p, enum key_id key, const char *value)
{
        struct guard_rule *r = &p->rule->rule;
        uint32_t *n = key == KEY_TRACER_EXE ? &r->n_tracer_exe : &r->n_tracer_uid;
        int error;

        if (*n == GUARD_TRACERS_MAX) {
                complain_of_line(p, p->line,
                                 "%s is given more than %d times: use a pattern, or a second rule",
                                 key_names[key], GUARD_TRACERS_MAX);
                return;
        }
        if (key == KEY_TRACER_EXE)
                error = take_pattern(p, key, value, r->tracer_exe[*n], sizeof(r->tracer_exe[*n]));
        else
                error = take_uid(p, key, value, &r->tracer_uid[*n]);
        *n += error == 0;
}

static void take_say(struct parsing *p, const char *value)
{
        static const char *const names[] = {[SAY_OFF] = "off",
                                            [SAY_SINGLE] = "single",
                                            [SAY_OWNER] = "owner-only",
                                            [SAY_DENY] = "deny",
                                            [_GUARD_SAY_MAX] = "audit"};
        int r = take_word(p, KEY_SAY, value, names, ELEMENTSOF(names),
                          "single, owner-only, deny, audit or off");

        if (r < 0)
                return;
        p->says_audit = r == _GUARD_SAY_MAX;
        p->rule->rule.say = p->says_audit ? SAY_SINGLE : (uint32_t)r;
        if (p->says_audit)
                p->rule->rule.mode = GUARD_AUDIT;
}

static void take_mode(struct parsing *p, const char *value)
{
        int r = take_word(p, KEY_MODE, value, mode_names, ELEMENTSOF(mode_names), "enforce or audit");

        if (r >= 0 && !p->says_audit)
                p->rule->rule.mode = (uint32_t)r;
        p->says_enforce = r == GUARD_ENFORCE;
}

static void take_memory(struct parsing *p, const char *value)
{
        static const char *const names[] = {"allow", "deny"};

        if (take_word(p, KEY_MEMORY, value, names, ELEMENTSOF(names), "allow or deny") == 1)
                p->rule->rule.flags |= RULE_F_MEMORY_DENY;
}

static void take_value(struct parsing *p, enum key_id key, const char *value)
{
        struct guard_rule *r = &p->rule->rule;

        switch (key) {
        case KEY_EXE:
                take_condition(p, key, value, r->exe, sizeof(r->exe), RULE_F_EXE);
                break;
        case KEY_COMM:
                take_condition(p, key, value, r->comm, sizeof(r->comm), RULE_F_COMM);
                break;
        case KEY_CGROUP:
                take_condition(p, key, value, r->cgroup, sizeof(r->cgroup), RULE_F_CGROUP);
                break;
        case KEY_UID:
                if (take_uid(p, key, value, &r->uid) == 0)
                        r->flags |= RULE_F_UID;
                break;
        case KEY_SAY:
                take_say(p, value);
                break;
        case KEY_MODE:
                take_mode(p, value);
                break;
        case KEY_MEMORY:
                take_memory(p, value);
                break;
        case KEY_TRACER_EXE:
        case KEY_TRACER_UID:
                take_tracer(p, key, value);
                break;
        case _KEY_MAX:
                break;
        }
}

/* Callback of inih. It goes on after a mistake, but only the first one is kept. Returns 1: understood. */
static int take_setting(void *userdata, const char *section _unused_, const char *name, const char *value)
{
        char shown[SHOWN_MAX], near[SHOWN_MAX];
        struct parsing *p = userdata;
        int key = find_name(key_names, ELEMENTSOF(key_names), name);

        text_escape(name, shown, sizeof(shown));
        if (!p->rule)
                complain_of_line(p, p->line, "'%s' stands before the first [rule]", shown);
        else if (key < 0)
                complain_of_line(p, p->line,
                                 "there is no key '%s' in a rule%s: the keys are " CONDITIONS_WORDS
                                 ", say, mode, tracer-exe, tracer-uid and memory",
                                 shown, suggestion(key_names, ELEMENTSOF(key_names), name, near));
        else if (p->given & KEY(key) & ~KEYS_REPEATABLE)
                complain_of_line(p, p->line, "%s is given twice in [%s]: use a pattern, or a second rule",
                                 key_names[key], text_escape(p->rule->name, shown, sizeof(shown)));
        else {
                p->given |= KEY(key);
                take_value(p, (enum key_id)key, value);
        }
        return !p->wrong_at;
}

/* The present rule is complete: do its keys make sense together? */
static void finish_rule(struct parsing *p)
{
        struct policy_rule *rule = p->rule;
        char name[POLICY_NAME_MAX * 4];
        bool refuses;

        if (!rule || p->wrong_at)
                return;
        text_escape(rule->name, name, sizeof(name));
        refuses = rule->rule.mode == GUARD_ENFORCE &&
                  (rule->rule.say != SAY_OFF || rule->rule.flags & RULE_F_MEMORY_DENY);
        if (!(p->given & KEY(KEY_SAY)))
                complain_of_line(
                        p, rule->line,
                        "[%s] does not say what holds: add say = single, owner-only, deny, audit or off",
                        name);
        else if (p->says_audit && p->says_enforce)
                complain_of_line(
                        p, rule->line,
                        "[%s] says audit, which refuses nothing, and mode = enforce: write say = single, "
                        "or leave out mode",
                        name);
        else if (p->given & KEYS_OF_TRACERS && rule->rule.say != SAY_OWNER)
                complain_of_line(
                        p, rule->line,
                        "[%s] names tracers, who count with say = owner-only alone: write that, or leave "
                        "out tracer-exe and tracer-uid",
                        name);
        else if (!(p->given & KEYS_CONDITIONS) && refuses)
                complain_of_line(
                        p, rule->line,
                        "[%s] has no condition and would hold for every process: add " CONDITIONS_WORDS
                        ", or exe = * if every process is meant",
                        name);
        else
                p->policy->n++;
        p->rule = NULL;
}

static void begin_rule(struct parsing *p, const char *name, size_t length)
{
        struct policy *policy = p->policy;
        struct policy_rule *rule;
        char shown[SHOWN_MAX];

        if (p->wrong_at)
                return;
        if (policy->n == GUARD_RULES_MAX) {
                complain_of_line(p, p->line, "this is rule %d of the policy, which can hold %d",
                                 GUARD_RULES_MAX + 1, GUARD_RULES_MAX);
                return;
        }
        rule = &policy->rules[policy->n];
        *rule = (struct policy_rule){.line = p->line};
        snprintf(rule->file, sizeof(rule->file), "%s", p->name);
        if (length == 0 || length >= sizeof(rule->name)) {
                complain_of_line(p, p->line, "the name of a rule has 1 to %zu bytes, this one %zu",
                                 sizeof(rule->name) - 1, length);
                return;
        }
        memcpy(rule->name, name, length);
        for (size_t i = 0; i < policy->n; i++)
                if (!strcmp(policy->rules[i].name, rule->name)) {
                        complain_of_line(p, p->line,
                                         "there is a rule [%s] already, at %s:%u: give it another name",
                                         text_escape(rule->name, shown, sizeof(shown)),
                                         policy->rules[i].file, policy->rules[i].line);
                        return;
                }
        p->rule = rule;
        p->given = 0;
        p->says_audit = p->says_enforce = false;
}

/* Lines that begin a rule, as inih understands them; those it does not are told by it. */
static void look_for_rule(struct parsing *p, const char *line)
{
        const char *close, *rest;

        if (p->line == 1 && !strncmp(line, "\xef\xbb\xbf", 3))
                line += 3;
        if (*line != '[' || !(close = strchr(line, ']')))
                return;
        rest = close + 1 + strspn(close + 1, " \t\r\n");
        finish_rule(p);
        if (*rest && *rest != ';' && *rest != '#')
                complain_of_line(p, p->line, "something follows the name of a rule behind its ]");
        else
                begin_rule(p, line + 1, (size_t)(close - line - 1));
}

/* Reader of inih: like fgets(), but a line that does not fit is a mistake instead of two lines, and an
 * indented line is none that continues the one above. */
static char *next_line(char *line, int size, void *stream)
{
        struct parsing *p = stream;
        const char *begin, *eol;
        size_t length;

        if (p->at == p->end)
                return NULL;
        p->line++;
        eol = memchr(p->at, '\n', (size_t)(p->end - p->at));
        length = (size_t)((eol ? eol + 1 : p->end) - p->at);
        begin = p->at;
        p->at += length;
        if (memchr(begin, '\0', length)) {
                complain_of_line(p, p->line, "the line holds a NUL byte");
                p->at = p->end;
                return NULL;
        }
        while (length > 1 && (*begin == ' ' || *begin == '\t')) {
                begin++;
                length--;
        }
        if (length >= (size_t)size) {
                complain_of_line(p, p->line, "the line is longer than %d bytes", size - 1);
                return strcpy(line, "\n");
        }
        memcpy(line, begin, length);
        line[length] = '\0';
        look_for_rule(p, line);
        return line;
}

/* Into the policy at hand; a mistake leaves it half made. */
static int parse(struct parsing *p, char *error, size_t size)
{
        int r = ini_parse_stream(next_line, p, take_setting, p);

        if (r < 0) {
                snprintf(error, size, "%s: not enough memory to read it.", p->name);
                return -ENOMEM;
        }
        if (r > 0 && (!p->wrong_at || (unsigned)r < p->wrong_at)) {
                snprintf(error, size, "%s:%d: this is neither [rule] nor key = value nor a # comment.",
                         p->name, r);
                return -EINVAL;
        }
        p->line++;
        finish_rule(p);
        if (p->wrong_at) {
                snprintf(error, size, "%s:%u: %s.", p->name, p->wrong_line, p->reason);
                return -EINVAL;
        }
        return 0;
}

int policy_parse(struct policy *p, const char *name, const char *text, size_t length, char *error,
                 size_t size)
{
        _cleanup_free_ struct policy *made = malloc(sizeof(*made));
        struct parsing parsing = {.name = name, .at = text, .end = text + length, .policy = made};
        int r;

        if (!made) {
                snprintf(error, size, "%s: not enough memory to read it.", name);
                return -ENOMEM;
        }
        *made = *p;
        r = parse(&parsing, error, size);
        if (r == 0)
                *p = *made;
        return r;
}

/* ---- what it says ----------------------------------------------------------------------------------- */

static bool matches(const char *pattern, size_t size, const char *text)
{
        return text && strlen(text) < GUARD_PATH_MAX && glob_matches(pattern, (rec_u32)size, text);
}
#define MATCHES(pattern, text) matches(pattern, sizeof(pattern), text)

static bool policy_rule_matches(const struct guard_rule *r, const struct policy_subject *s)
{
        return (!(r->flags & RULE_F_EXE) || MATCHES(r->exe, s->exe)) &&
               (!(r->flags & RULE_F_COMM) || MATCHES(r->comm, s->comm)) &&
               (!(r->flags & RULE_F_CGROUP) || MATCHES(r->cgroup, s->cgroup)) &&
               (!(r->flags & RULE_F_UID) || r->uid == s->uid);
}

size_t policy_match(const struct policy *p, const struct policy_subject *s)
{
        for (size_t i = 0; i < p->n; i++)
                if (policy_rule_matches(&p->rules[i].rule, s))
                        return i + 1;
        return 0;
}

bool policy_admits(const struct guard_rule *r, const struct policy_subject *tracer)
{
        for (size_t i = 0; i < MIN_OF(r->n_tracer_exe, (uint32_t)GUARD_TRACERS_MAX); i++)
                if (MATCHES(r->tracer_exe[i], tracer->exe))
                        return true;
        for (size_t i = 0; i < MIN_OF(r->n_tracer_uid, (uint32_t)GUARD_TRACERS_MAX); i++)
                if (r->tracer_uid[i] == tracer->uid)
                        return true;
        return false;
}

static void add_policy_text(struct json_object *o, const char *key, const char *s)
{
        char buf[GUARD_GLOB_MAX * 3];

        json_object_object_add(o, key, *s ? json_object_new_string(text_utf8(s, buf, sizeof(buf))) : NULL);
}

struct json_object *policy_rule_to_json(const struct policy_rule *rule)
{
        const struct guard_rule *r = &rule->rule;
        struct json_object *o = json_object_new_object(), *exes = json_object_new_array(),
                           *uids = json_object_new_array();
        char buf[GUARD_GLOB_MAX * 3];

        if (!o || !exes || !uids) {
                json_object_put(o);
                json_object_put(exes);
                json_object_put(uids);
                return NULL;
        }
        add_policy_text(o, "name", rule->name);
        add_policy_text(o, "file", rule->file);
        json_object_object_add(o, "line", json_object_new_int64(rule->line));
        add_policy_text(o, "say", guard_say_to_string(r->say));
        add_policy_text(o, "mode", guard_mode_to_string(r->mode));
        add_policy_text(o, "exe", r->exe);
        add_policy_text(o, "comm", r->comm);
        json_object_object_add(o, "uid", r->flags & RULE_F_UID ? json_object_new_int64(r->uid) : NULL);
        add_policy_text(o, "cgroup", r->cgroup);
        for (size_t i = 0; i < r->n_tracer_exe; i++)
                json_object_array_add(exes,
                                      json_object_new_string(text_utf8(r->tracer_exe[i], buf, sizeof(buf))));
        for (size_t i = 0; i < r->n_tracer_uid; i++)
                json_object_array_add(uids, json_object_new_int64(r->tracer_uid[i]));
        json_object_object_add(o, "tracer_exe", exes);
        json_object_object_add(o, "tracer_uid", uids);
        add_policy_text(o, "memory", r->flags & RULE_F_MEMORY_DENY ? "deny" : "allow");
        return o;
}
