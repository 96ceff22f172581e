/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/wire/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include <ini.h>

#include "lib/claim/claim.h"
#include "lib/base/cleanup.h"
#include "lib/claim/policy.h"
#include "lib/base/text.h"
#include "lib/event/event.h"

#define SPACES    " \t,"
#define SHOWN_MAX 64 /* bytes of a wrong key or value that are repeated in the error */

struct unit {
        const char *name;
        uint64_t factor;
};

static const struct unit units_bytes[] = {
        {"", 1}, {"K", 1ULL << 10}, {"M", 1ULL << 20}, {"G", 1ULL << 30}, {"T", 1ULL << 40}, {NULL, 0},
};
static const struct unit units_seconds[] = {
        {"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}, {NULL, 0},
};
static const struct unit units_nanoseconds[] = {
        {"", NSEC_PER_SEC},         {"ms", NSEC_PER_MSEC},      {"s", NSEC_PER_SEC},
        {"min", 60 * NSEC_PER_SEC}, {"h", 3600 * NSEC_PER_SEC}, {NULL, 0},
};
static const struct unit units_count[] = {{"", 1}, {NULL, 0}};

/* What is no number with a unit. */
static const struct unit level_name[1], absolute_path[1], yes_or_no[1], signal_names[1], port_numbers[1];

struct setting {
        const char *section, *key;
        const struct unit *units;
        size_t offset, width; /* in struct config */
        uint64_t min, max;    /* in the smallest unit, as stored */
        const char *expected; /* completes "give ..." */
};

#define IN_CONFIG(m) offsetof(struct config, m), sizeof(((struct config *)0)->m)

static const struct setting settings[] = {
        {"store", "max-size", units_bytes, IN_CONFIG(store.max_bytes), 1ULL << 20, 1ULL << 50,
         "a size from 1M up, such as 512M or 2G"},
        {"store", "max-age", units_seconds, IN_CONFIG(store.max_age_s), 0, 100ULL * 365 * 86400,
         "a time such as 12h or 7d, or 0 for no limit"},
        {"thresholds", "tracer-hung", units_nanoseconds, IN_CONFIG(thresholds.tracer_hung_ns), NSEC_PER_MSEC,
         86400 * NSEC_PER_SEC, "a time from 1ms to 24h, such as 3s"},
        {"thresholds", "left-stopped", units_nanoseconds, IN_CONFIG(thresholds.left_stopped_ns),
         NSEC_PER_MSEC, 86400 * NSEC_PER_SEC, "a time from 1ms to 24h, such as 300ms"},
        {"thresholds", "attach-storm", units_count, IN_CONFIG(thresholds.attach_storm_per_s), 1, 1000000,
         "a number of refusals a second from 1 to 1000000"},
        {"thresholds", "tracer-stale", units_nanoseconds, IN_CONFIG(thresholds.tracer_stale_ns),
         NSEC_PER_MSEC, 7 * 86400 * NSEC_PER_SEC, "a time from 1ms to 168h, such as 30min"},
        {"thresholds", "dbgp-stalled", units_nanoseconds, IN_CONFIG(thresholds.dbgp_stalled_ns),
         NSEC_PER_MSEC, 86400 * NSEC_PER_SEC, "a time from 1ms to 24h, such as 2s"},
        {"thresholds", "client-gone", units_nanoseconds, IN_CONFIG(thresholds.client_gone_ns), NSEC_PER_MSEC,
         86400 * NSEC_PER_SEC, "a time from 1ms to 24h, such as 5s"},
        {"thresholds", "thread-leak", units_count, IN_CONFIG(thresholds.thread_leak), 64, 1000000,
         "a number of threads from 64 to 1000000"},
        {"watch", "seccomp", yes_or_no, IN_CONFIG(watch.seccomp), 0, 0, "yes or no"},
        {"watch", "signals", signal_names, IN_CONFIG(watch.signals), 0, 0,
         "signals by name, or by number from 1 to 64, with spaces between, such as SIGSEGV SIGUSR1 34"},
        {"watch", "dbgp-ports", port_numbers, IN_CONFIG(watch.dbgp_ports), 1, UINT16_MAX,
         "at most 16 ports, each from 1 to 65535, with spaces between, such as 9003 9000"},
        {"guard", "policy-dir", absolute_path, IN_CONFIG(guard.policy_dir), 0, 0,
         "a directory, with its whole path"},
        {"guard", "grace", units_nanoseconds, IN_CONFIG(guard.grace_ns), 0, 86400 * NSEC_PER_SEC,
         "a time from 0 to 24h, such as 10s"},
        {"log", "level", level_name, IN_CONFIG(log_level), 0, 0, "error, warning, notice, info or debug"},
};

static const struct {
        const char *name;
        int level;
} log_levels[] = {
        {"error", LOG_ERR}, {"warning", LOG_WARNING}, {"notice", LOG_NOTICE},
        {"info", LOG_INFO}, {"debug", LOG_DEBUG},
};

const char *log_level_to_string(int level)
{
        for (size_t i = 0; i < ELEMENTSOF(log_levels); i++)
                if (log_levels[i].level == level)
                        return log_levels[i].name;
        return NULL;
}

int log_level_from_string(const char *s)
{
        for (size_t i = 0; i < ELEMENTSOF(log_levels); i++)
                if (!strcmp(log_levels[i].name, s))
                        return log_levels[i].level;
        return -EINVAL;
}

void config_default(struct config *ret)
{
        *ret = (struct config){
                .guard = {.policy_dir = POLICY_DEFAULT_DIR, .grace_ns = CLAIM_GRACE_DEFAULT_NS},
                /* Xdebug 3's port, and that of Xdebug 2. */
                .watch = {.dbgp_ports = {.list = {9003, 9000}, .n = 2}},
                .log_level = LOG_INFO,
        };
        store_limits_default(&ret->store);
        model_thresholds_default(&ret->thresholds);
}

/* Digits, then a unit of the table, with or without a space between. -EINVAL, -ERANGE. */
static int parse_amount(const char *s, const struct unit *units, uint64_t *ret)
{
        uint64_t n = 0;

        if (!isdigit((unsigned char)*s))
                return -EINVAL;
        for (; isdigit((unsigned char)*s); s++)
                if (__builtin_mul_overflow(n, 10U, &n) ||
                    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
                        return -ERANGE;
        while (*s == ' ')
                s++;
        for (; units->name; units++) {
                if (strcmp(units->name, s))
                        continue;
                return __builtin_mul_overflow(n, units->factor, ret) ? -ERANGE : 0;
        }
        return -EINVAL;
}

/* "SIGSEGV USR1 34", as bits. -EINVAL. */
static int parse_signals(const char *s, uint64_t *ret)
{
        uint64_t signals = 0;
        char name[16];

        for (s += strspn(s, SPACES); *s; s += strspn(s, SPACES)) {
                size_t n = strcspn(s, SPACES);
                int sig;

                if (n >= sizeof(name))
                        return -EINVAL;
                memcpy(name, s, n);
                name[n] = '\0';
                sig = signal_number(name);
                if (sig < 1 || sig > 64)
                        return -EINVAL;
                signals |= 1ULL << (sig - 1);
                s += n;
        }
        *ret = signals;
        return 0;
}

/* One word, that ends with a space or the string. */
static int parse_port(const char *word, size_t length, const struct setting *s, uint16_t *ret)
{
        char number[8];
        uint64_t n;

        if (length >= sizeof(number))
                return -EINVAL;
        memcpy(number, word, length);
        number[length] = '\0';
        if (parse_amount(number, units_count, &n) < 0 || n < s->min || n > s->max)
                return -EINVAL;
        *ret = (uint16_t)n;
        return 0;
}

/* "9003 9000". None at all is fine, too. -EINVAL. */
static int parse_ports(const char *text, const struct setting *s, struct port_list *ret)
{
        struct port_list ports = {};

        for (text += strspn(text, SPACES); *text; text += strspn(text, SPACES)) {
                size_t length = strcspn(text, SPACES);

                if (ports.n == PORT_LIST_MAX || parse_port(text, length, s, &ports.list[ports.n]) < 0)
                        return -EINVAL;
                ports.n++;
                text += length;
        }
        *ret = ports;
        return 0;
}

/* What goes on while one file is parsed. inih only tells the line of the first mistake, so it is kept here,
 * with the reason. */
struct config_parsing {
        const char *at, *end;
        unsigned line;       /* of the file, counted by next_config_line() */
        unsigned wrong_line; /* of the first mistake, 0: none */
        char reason[CONFIG_ERROR_MAX];
        struct config config;
};

static _printf_(2, 3) void complain_of_setting(struct config_parsing *p, const char *format, ...)
{
        va_list ap;

        if (p->wrong_line)
                return;
        p->wrong_line = p->line;
        va_start(ap, format);
        vsnprintf(p->reason, sizeof(p->reason), format, ap);
        va_end(ap);
}

static int apply_setting(const struct setting *s, const char *value, struct config *c)
{
        void *to = (char *)c + s->offset;
        uint64_t n;
        int r;

        if (s->units == level_name) {
                r = log_level_from_string(value);
                if (r >= 0)
                        memcpy(to, &r, sizeof(r));
                return r < 0 ? r : 0;
        }
        if (s->units == yes_or_no) {
                bool yes = !strcmp(value, "yes");

                if (!yes && strcmp(value, "no"))
                        return -EINVAL;
                memcpy(to, &yes, sizeof(yes));
                return 0;
        }
        if (s->units == signal_names) {
                r = parse_signals(value, &n);
                if (r == 0)
                        memcpy(to, &n, sizeof(n));
                return r;
        }
        if (s->units == port_numbers)
                return parse_ports(value, s, to);
        if (s->units == absolute_path) {
                if (value[0] != '/' || strlen(value) >= s->width)
                        return -EINVAL;
                strcpy(to, value);
                return 0;
        }
        r = parse_amount(value, s->units, &n);
        if (r < 0)
                return r;
        if (n < s->min || n > s->max)
                return -ERANGE;
        if (s->width == sizeof(uint64_t))
                memcpy(to, &n, sizeof(n));
        else
                memcpy(to, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
        return 0;
}

/* Callback of inih. It goes on after a mistake, but only the first one is kept. Returns 1: understood. */
static int take_config(void *userdata, const char *section, const char *key, const char *value)
{
        struct config_parsing *p = userdata;
        char shown_section[SHOWN_MAX], shown_key[SHOWN_MAX], shown_value[SHOWN_MAX];
        bool section_known = false;

        text_escape(section, shown_section, sizeof(shown_section));
        text_escape(key, shown_key, sizeof(shown_key));
        text_escape(value, shown_value, sizeof(shown_value));
        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                const struct setting *s = &settings[i];

                if (strcmp(s->section, section))
                        continue;
                section_known = true;
                if (strcmp(s->key, key))
                        continue;
                if (apply_setting(s, value, &p->config) == 0)
                        return 1;
                complain_of_setting(p, "%s in [%s] cannot be '%s': give %s", s->key, s->section, shown_value,
                                    s->expected);
                return 0;
        }
        if (section_known)
                complain_of_setting(p, "there is no setting '%s' in section [%s]", shown_key, shown_section);
        else if (*section)
                complain_of_setting(
                        p,
                        "there is no section [%s]: the sections are [store], [thresholds], [watch], "
                        "[guard] and [log]",
                        shown_section);
        else
                complain_of_setting(p, "'%s' stands before the first section", shown_key);
        return 0;
}

/* Reader of inih: like fgets(), but a line that does not fit is a mistake instead of two lines. */
static char *next_config_line(char *line, int size, void *stream)
{
        struct config_parsing *p = stream;
        const char *eol;
        size_t length;

        if (p->at == p->end)
                return NULL;
        p->line++;
        eol = memchr(p->at, '\n', (size_t)(p->end - p->at));
        length = (size_t)((eol ? eol + 1 : p->end) - p->at);
        if (memchr(p->at, '\0', length)) {
                complain_of_setting(p, "the line holds a NUL byte");
                p->at = p->end;
                return NULL;
        }
        if (length >= (size_t)size) {
                complain_of_setting(p, "the line is longer than %d bytes", size - 1);
                strcpy(line, "\n");
        } else {
                memcpy(line, p->at, length);
                line[length] = '\0';
        }
        p->at += length;
        return line;
}

int config_parse(const char *name, const char *text, size_t length, struct config *ret, char *error,
                 size_t size)
{
        struct config_parsing p = {.at = text, .end = text + length};
        int r;

        config_default(&p.config);
        r = ini_parse_stream(next_config_line, &p, take_config, &p);
        if (r < 0) {
                snprintf(error, size, "%s: not enough memory to read it.", name);
                return -ENOMEM;
        }
        if (r > 0 && (!p.wrong_line || (unsigned)r < p.wrong_line)) {
                snprintf(error, size, "%s:%d: this is neither [section] nor key = value nor a # comment.",
                         name, r);
                return -EINVAL;
        }
        if (p.wrong_line) {
                snprintf(error, size, "%s:%u: %s.", name, p.wrong_line, p.reason);
                return -EINVAL;
        }
        *ret = p.config;
        return 0;
}

int config_load(const char *path, struct config *ret, char *error, size_t size)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        _cleanup_free_ char *text = NULL;
        size_t length = 0;
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0) {
                n = -errno;
                snprintf(error, size, "Configuration %s cannot be read: %s.", path, strerror((int)-n));
                return (int)n;
        }
        if (!S_ISREG(st.st_mode)) {
                snprintf(error, size, "Configuration %s is not a regular file.", path);
                return -EINVAL;
        }
        text = malloc(CONFIG_FILE_MAX + 1);
        if (!text) {
                snprintf(error, size, "Not enough memory to read %s.", path);
                return -ENOMEM;
        }
        while (length <= CONFIG_FILE_MAX &&
               (n = read(fd, text + length, CONFIG_FILE_MAX + 1 - length)) != 0) {
                if (n < 0) {
                        n = -errno;
                        snprintf(error, size, "Configuration %s cannot be read: %s.", path,
                                 strerror((int)-n));
                        return (int)n;
                }
                length += (size_t)n;
        }
        if (length > CONFIG_FILE_MAX) {
                snprintf(error, size, "Configuration %s is larger than %d KiB.", path,
                         CONFIG_FILE_MAX / 1024);
                return -EFBIG;
        }
        return config_parse(path, text, length, ret, error, size);
}
