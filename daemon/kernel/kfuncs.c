/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/kernel/kfuncs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "bpf/records.h"
#include "lib/base/cleanup.h"

static const struct {
        int placeholder;
        const char *name;
} kfuncs[] = {
        {KFUNC_TASK_FROM_VPID, "bpf_task_from_vpid"},
        {KFUNC_TASK_RELEASE, "bpf_task_release"},
};

static int id_of(const struct btf *btf, const char *name)
{
        return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
}

/* The name of the function that an instruction is to call; NULL: it is something else. */
static const char *placeholder_of(const struct bpf_insn *insn)
{
        if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(kfuncs); i++)
                if (kfuncs[i].placeholder == insn->imm)
                        return kfuncs[i].name;
        return NULL;
}

/* Without btf a call becomes "nothing found": newer kernels look at calls that are never reached, too. */
static void replace_calls(struct bpf_insn *insns, size_t n, const struct btf *btf)
{
        static const struct bpf_insn nothing = {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0};

        for (size_t i = 0; i < n; i++) {
                const char *name = placeholder_of(&insns[i]);

                if (name && btf) {
                        insns[i].src_reg = BPF_PSEUDO_KFUNC_CALL;
                        insns[i].imm = id_of(btf, name);
                } else if (name)
                        insns[i] = nothing;
        }
}

bool kfuncs_usable(const struct btf *btf)
{
        struct bpf_insn insns[] = {
                {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = 1},
                {.code = BPF_JMP | BPF_CALL, .imm = KFUNC_TASK_FROM_VPID},
                {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = 2},
                {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_0},
                {.code = BPF_JMP | BPF_CALL, .imm = KFUNC_TASK_RELEASE},
                {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
                {.code = BPF_JMP | BPF_EXIT},
        };
        _cleanup_close_ int prog = -1;

        for (size_t i = 0; i < ELEMENTSOF(kfuncs); i++)
                if (id_of(btf, kfuncs[i].name) <= 0)
                        return false;
        replace_calls(insns, ELEMENTSOF(insns), btf);
        prog = bpf_prog_load(BPF_PROG_TYPE_TRACEPOINT, "probe", "GPL", insns, ELEMENTSOF(insns), NULL);
        return prog >= 0;
}

static int put_in_program(struct bpf_program *prog, const struct btf *btf)
{
        size_t n = bpf_program__insn_cnt(prog);
        _cleanup_free_ struct bpf_insn *insns = calloc(n, sizeof(*insns));

        if (!insns)
                return -ENOMEM;
        memcpy(insns, bpf_program__insns(prog), n * sizeof(*insns));
        replace_calls(insns, n, btf);
        return bpf_program__set_insns(prog, insns, n);
}

int kfuncs_put(struct bpf_object *obj, const struct btf *btf)
{
        struct bpf_program *prog;
        int r = 0;

        bpf_object__for_each_program(prog, obj)
        {
                if (bpf_program__autoload(prog))
                        r = put_in_program(prog, btf);
                if (r)
                        break;
        }
        return r;
}
