/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Paths, query arguments and addresses of a request, as a client could send them. */

#include "lib/base/arguments.h"
#include "lib/event/event.h"
#include "lib/wire/request.h"
#include "lib/base/text.h"
#include "tests/fuzz/fuzz.h"

#define NOW 1795478400000000000ULL

static void check_text(const char *s)
{
        char buf[64], tiny[1], eight[8];

        text_escape(s, buf, sizeof(buf));
        for (const char *c = buf; *c; c++)
                must((unsigned char)*c >= ' ' && *c != 0x7f);
        text_escape(s, tiny, sizeof(tiny));
        text_utf8(s, tiny, sizeof(tiny));
        text_escape(s, eight, sizeof(eight));
        text_utf8(s, eight, sizeof(eight));
        must(strlen(text_utf8(s, buf, sizeof(buf))) < sizeof(buf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = {data, size};
        char *path = take_string(&in, '?'), error[128], host[16], port[8];
        struct request_args args = {};
        uint64_t time, number;
        uint32_t pid;

        request_path_match("/v1/processes/{pid}/why", path, &number, error, sizeof(error));
        request_path_match("/v1/processes/{pid}", path, &number, error, sizeof(error));
        request_path_match("/v1/claims/{id}", path, &number, error, sizeof(error));
        address_split(path, host, sizeof(host), port, sizeof(port));
        time_from_string(path, NOW, &time);
        pid_from_string(path, &pid, error, sizeof(error));
        signal_number(path);
        check_text(path);
        free(path);
        while (in.size) {
                char *key = take_string(&in, '='), *value = take_string(&in, '&');

                request_arg_set(&args, &(struct request_terms){UINT32_MAX, NOW}, key, value, error,
                                sizeof(error));
                free(key);
                free(value);
        }
        return 0;
}
