/* SPDX-License-Identifier: GPL-2.0-or-later */

/* uprobe-overlap: a uprobe and a breakpoint on one instruction, found while it does no harm yet. */

#include <inttypes.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/diagnosis/rule.h"
#include "lib/event/wording.h"

#define PATH_HASH_START 14695981039346656037ULL /* FNV-1a */
#define PATH_HASH_PRIME 1099511628211ULL

static uint64_t hash_of_path(const char *path)
{
        uint64_t hash = PATH_HASH_START;

        while (*path)
                hash = (hash ^ (unsigned char)*path++) * PATH_HASH_PRIME;
        return hash;
}

static struct text_claim text_claim_of(const struct event *e)
{
        bool probe = e->type == EV_UPROBE_REGISTER;
        struct text_claim c = {
                .who = probe ? e->target : e->tracer,
                .target = probe ? (struct task_ref){} : e->target,
                .only = probe ? e->vpid : 0,
                .dev = e->dev,
                .inode = e->inode,
                .offset = e->file_offset,
                .path_hash = hash_of_path(e->path),
                .seq = e->seq,
        };

        if (probe)
                say(SENTENCE(c.symbol), "%s", e->symbol);
        return c;
}

/* One file: some file systems show another device to whoever asks by path than where it is mapped. */
static bool same_place(const struct text_claim *a, const struct text_claim *b)
{
        return a->inode && a->inode == b->inode && a->offset == b->offset &&
               (a->dev == b->dev || a->path_hash == b->path_hash);
}

static bool share_instruction(const struct text_claim *probe, const struct text_claim *planted)
{
        return same_place(probe, planted) && (!probe->only || probe->only == planted->target.pid);
}

static bool same_claim(const struct text_claim *a, const struct text_claim *b)
{
        return same_place(a, b) && task_same_process(&a->who, &b->who) && a->target.pid == b->target.pid &&
               a->only == b->only;
}

/* False: it is there already. */
static bool keep_claim(struct text_claim *ring, size_t *n, const struct text_claim *c)
{
        for (size_t i = 0; i < PROBES_MAX; i++)
                if (same_claim(&ring[i], c))
                        return false;
        ring[(*n)++ % PROBES_MAX] = *c;
        return true;
}

/* ---- what it says ---------------------------------------------------------------------------------------- */

static void say_overlap(struct finding *f, const struct text_claim *probe, const struct task_ref *agent,
                        const struct task_ref *debugger, bool probe_first)
{
        char target[WORD_MAX], who[WORD_MAX], by[WORD_MAX], symbol[2 * sizeof(probe->symbol)];

        say(SENTENCE(f->cause), "%s", probe_first ? "uprobe-first" : "breakpoint-first");
        say(SENTENCE(f->summary), "a breakpoint of %s in %s is on the instruction that a uprobe of %s is on",
            word_process(debugger, by), word_process(&f->target, target), word_process(agent, who));
        if (probe->symbol[0])
                say(SENTENCE(f->summary), " (%s)", text_escape(probe->symbol, symbol, sizeof(symbol)));
        say(SENTENCE(f->summary),
            probe_first
                    ? ": the kernel takes the hits for the uprobe's, so the breakpoint never fires; and the "
                      "debugger took the uprobe's int3 for the program's own instruction: where it puts that "
                      "back after the uprobe is gone, the program dies of SIGTRAP"
                    : ": since the uprobe came the breakpoint does not fire any more, and when the uprobe goes "
                      "the kernel takes the breakpoint away with it");
        say(SENTENCE(f->remedy),
            "delete the breakpoint while the uprobe is there, end %s, and set the breakpoint again",
            word_tool(agent, who));
        say(SENTENCE(f->risk), "none in that order; the other way round the program may die of SIGTRAP");
}

static void report_overlap(struct model *m, const struct rule *r, const struct event *e,
                           const struct text_claim *probe, const struct text_claim *planted)
{
        struct task_ref agent = probe->who, debugger = planted->who;
        bool probe_first = e->type == EV_PTRACE_PLANT;
        struct finding f;

        finding_begin(m, &f, r, e);
        f.target = planted->target;
        process_name(m, &f.target);
        process_name(m, &agent);
        process_name(m, &debugger);
        f.other_pid = agent.pid;
        if (e->seq) {
                f.evidence[0] = probe_first ? probe->seq : planted->seq;
                f.evidence[1] = e->seq;
                f.n_evidence = 2;
        }
        say_overlap(&f, probe, &agent, &debugger, probe_first);
        model_report(m, &f);
}

/* ---- what comes and goes ------------------------------------------------------------------------------- */

static void match_text_claims(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        bool probe = e->type == EV_UPROBE_REGISTER;
        struct text_claim c = text_claim_of(e);
        const struct text_claim *others = probe ? d->planted : d->probes;

        if (!c.inode ||
            !(probe ? keep_claim(d->probes, &d->n_probes, &c) : keep_claim(d->planted, &d->n_planted, &c)))
                return;
        for (size_t i = 0; i < PROBES_MAX; i++)
                if (probe ? share_instruction(&c, &others[i]) : share_instruction(&others[i], &c))
                        report_overlap(d->model, r, e, probe ? &c : &others[i], probe ? &others[i] : &c);
}

static void remove_claim(struct text_claim *ring, const struct event *e)
{
        struct text_claim c = text_claim_of(e);

        for (size_t i = 0; i < PROBES_MAX; i++)
                if (same_claim(&ring[i], &c))
                        ring[i] = (struct text_claim){};
}

/* A process has ended or has other text now; or a tracer has left one, or has ended. */
static void forget_claims(struct text_claim *ring, const struct task_ref *who, const struct task_ref *target)
{
        for (size_t i = 0; i < PROBES_MAX; i++)
                if (ring[i].inode && (!who || task_same_process(&ring[i].who, who)) &&
                    (!target || task_same_process(&ring[i].target, target)))
                        ring[i] = (struct text_claim){};
}

void rule_uprobe_overlap(struct diagnosis *d, const struct rule *r, const struct event *e)
{
        switch (e->type) {
        case EV_UPROBE_REGISTER:
                if (e->removed)
                        remove_claim(d->probes, e);
                else
                        match_text_claims(d, r, e);
                break;
        case EV_PTRACE_PLANT:
                if (e->removed)
                        remove_claim(d->planted, e);
                else if (e->executable)
                        match_text_claims(d, r, e);
                break;
        case EV_PTRACE_DETACH:
                forget_claims(d->planted, &e->tracer, &e->target);
                break;
        case EV_TASK_EXEC:
                forget_claims(d->planted, NULL, &e->target);
                break;
        default: /* the end of a whole process */
                if (!e->group_dead)
                        break;
                forget_claims(d->planted, NULL, &e->target);
                forget_claims(d->planted, &e->target, NULL);
                forget_claims(d->probes, &e->target, NULL);
        }
}
