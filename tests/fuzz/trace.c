/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A saved trace: JSON Lines, compressed ones, or a store. For a store (the input begins with 'S') the input
 * says which bytes of a sound one to change: random bytes alone would never get past SQLite's header.
 */

#include "lib/store/store.h"
#include "lib/export/trace.h"
#include "tests/fuzz/fuzz.h"

#define TEMPLATE_MAX    (1u << 18)
#define TEMPLATE_EVENTS 40
#define CHANGES_MAX     64

static char dir[DIR_MAX], path[DIR_MAX + 16];
static uint8_t template[TEMPLATE_MAX];
static size_t template_size;

static void remove_files(void)
{
        static const char *const names[] = {"trace.sqlite", "trace.sqlite-wal", "trace.sqlite-shm", "lock",
                                            "trace"};
        char name[DIR_MAX + 32];

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                snprintf(name, sizeof(name), "%s/%s", dir, names[i]);
                unlink(name);
        }
}

static void remove_dir(void)
{
        remove_files();
        rmdir(dir);
}

static void make_template(void)
{
        struct store_limits limits;
        struct store *s;
        char error[512], name[DIR_MAX + 32];
        FILE *f;

        store_limits_default(&limits);
        must(store_open(&s, dir, &limits, error, sizeof(error)) == 0);
        for (uint64_t i = 1; i <= TEMPLATE_EVENTS; i++) {
                struct event e = {
                        .seq = i, .time_ns = i, .wall_ns = i, .type = EV_TASK_EXIT, .target = {.pid = 7}};

                must(store_append(s, &e) == 0);
        }
        store_close(s);
        snprintf(name, sizeof(name), "%s/trace.sqlite", dir);
        f = fopen(name, "r");
        must(f);
        template_size = fread(template, 1, sizeof(template), f);
        fclose(f);
        remove_files();
}

static void start(void)
{
        make_dir(dir);
        atexit(remove_dir);
        make_template();
        snprintf(path, sizeof(path), "%s/trace", dir);
}

static int take(void *userdata, const struct event *e)
{
        uint8_t packed[EVENT_PACKED_MAX];
        unsigned *n = userdata;

        must(event_pack(e, packed, sizeof(packed)) >= 0);
        return ++*n > 1000;
}

static void write_input(int fd, const uint8_t *data, size_t size)
{
        struct input in = {data + 1, size - 1};

        if (data[0] != 'S') {
                fill_file(fd, data, size);
                return;
        }
        fill_file(fd, template, template_size);
        for (int i = 0; in.size >= 4 && i < CHANGES_MAX; i++) {
                size_t at = take_byte(&in) | take_byte(&in) << 8 | (take_byte(&in) & 3) << 16;
                uint8_t byte = take_byte(&in);

                must(pwrite(fd, &byte, 1, (off_t)(at % template_size)) == 1);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char error[1024];
        unsigned n = 0;
        FILE *f;

        if (size == 0)
                return 0;
        if (!*path)
                start();
        f = fopen(path, "w");
        must(f);
        write_input(fileno(f), data, size);
        fclose(f);
        trace_read(path, take, &n, error, sizeof(error));
        return 0;
}
