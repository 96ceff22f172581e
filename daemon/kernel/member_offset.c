/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/kernel/member_offset.h"

#include <string.h>

uint32_t kernel_member_offset(const struct btf *btf, const char *structure, const char *member)
{
        int id = btf__find_by_name_kind(btf, structure, BTF_KIND_STRUCT);
        const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);

        for (uint16_t i = 0; t && i < btf_vlen(t); i++)
                if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), member))
                        return btf_member_bit_offset(t, i) / 8;
        return 0;
}
