/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A settings file. */

#include "lib/wire/config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char error[CONFIG_ERROR_MAX];
        struct config c;

        config_parse("FILE", (const char *)data, size, &c, error, sizeof(error));
        return 0;
}
