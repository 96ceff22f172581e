/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The body of a request, as a client could send it. */

#include "lib/wire/request_body.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct request_body body;
        char error[128] = "";

        if (request_body_parse(&body, &(struct body_terms){UINT32_MAX, 0}, (const char *)data, size, error,
                               sizeof(error)) < 0) {
                must(*error);
                return 0;
        }
        must(!body.token[0] || (strlen(body.token) >= TOKEN_MIN && strlen(body.token) < GUARD_TOKEN_MAX));
        must(!!(body.given & BODY_OWNER) == (body.owner.kind != BODY_OWNER_NONE));
        must(!!(body.given & BODY_PID) == (body.pid != 0));
        must(memchr(body.owner.path, 0, sizeof(body.owner.path)));
        return 0;
}
