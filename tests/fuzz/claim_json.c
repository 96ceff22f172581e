/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Claims of an earlier daemon, as somebody could have written them: what is believed can be kept again. */

#include "lib/claim/claim_json.h"
#include "tests/fuzz/fuzz.h"

#define DEPTH_MAX 4

static void check_claim(struct json_object *o)
{
        struct json_object *again;
        struct claim c, d;
        bool ours;

        if (claim_from_json(o, &c, &ours) < 0)
                return;
        must(c.id && c.request.target.pid && c.request.owner.kind < _GUARD_OWNER_MAX);
        must(memchr(c.request.token, 0, sizeof(c.request.token)));
        must(memchr(c.request.owner_text, 0, sizeof(c.request.owner_text)));
        again = claim_to_json(&c, ours);
        must(claim_from_json(again, &d, &ours) == 0);
        must(c.id == d.id && c.end_ns == d.end_ns && c.request.lease_ns == d.request.lease_ns);
        must(!memcmp(&c.request.owner, &d.request.owner, sizeof(c.request.owner)));
        json_object_put(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
        struct json_object *o = json_tokener_parse_ex(t, (const char *)data, (int)size);

        if (json_tokener_get_error(t) == json_tokener_success)
                check_claim(o);
        json_object_put(o);
        json_tokener_free(t);
        return 0;
}
