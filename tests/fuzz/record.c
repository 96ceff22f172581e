/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Records as the ring could hold them, decoded and given to the model one after the other. */

#include "lib/diagnosis/diagnosis.h"
#include "lib/event/record.h"
#include "tests/fuzz/fuzz.h"

#define RECORDS_MAX    64
#define STEP_NS        100000000ULL /* between two records */
#define RAW            0x80         /* the input says how long the record is, else its type does */
#define SHORT_TASK_MAX 8            /* pids and start times collide when there are few of them */

static const size_t sizes[_REC_TYPE_MAX] = {
        [REC_SIGNAL] = sizeof(struct rec_signal),
        [REC_TEXT] = sizeof(struct rec_text),
        [REC_ATTACH] = sizeof(struct rec_attach),
        [REC_DETACH] = sizeof(struct rec_detach),
        [REC_TRACER_EXIT] = sizeof(struct rec_exit),
        [REC_WAIT] = sizeof(struct rec_wait),
        [REC_SIGACTION] = sizeof(struct rec_sigaction),
        [REC_FORK] = sizeof(struct rec_fork),
        [REC_EXEC] = sizeof(struct rec_exec),
        [REC_EXIT] = sizeof(struct rec_exit),
        [REC_SUPPRESSED] = sizeof(struct rec_suppressed),
        [REC_PLANT] = sizeof(struct rec_plant),
        [REC_CONNECT] = sizeof(struct rec_connect),
        [REC_THREADS] = sizeof(struct rec_threads),
        [REC_UPROBE] = sizeof(struct rec_uprobe),
};

static void shrink(uint32_t *pid)
{
        *pid %= SHORT_TASK_MAX;
}

/* The same few processes again and again, or no two records would ever concern each other. */
static void shrink_tasks(struct event *e)
{
        struct task_ref *tasks[] = {&e->target, &e->actor, &e->tracer, &e->parent};

        for (size_t i = 0; i < 4; i++) {
                shrink(&tasks[i]->pid);
                shrink(&tasks[i]->tid);
                tasks[i]->start %= 3;
                tasks[i]->tid_start %= 3;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = {data, size};
        struct model_thresholds t;
        struct diagnosis *d;
        struct event e;

        model_thresholds_default(&t);
        must(diagnosis_new(&d, &t, &(struct model_sink){}, NULL) == 0);
        for (uint64_t i = 1; in.size && i <= RECORDS_MAX; i++) {
                uint8_t how = take_byte(&in);
                uint16_t type = how & 0x1f;
                size_t n = type < _REC_TYPE_MAX ? sizes[type] : 0;
                _Alignas(8) uint8_t buf[sizeof(struct rec_text)] = {};

                if (how & RAW)
                        n = take_byte(&in);
                take_bytes(&in, buf, n);
                memcpy(buf, &type, sizeof(type));
                if (record_to_event(buf, n, &e) < 0)
                        continue;
                if (how & 0x40)
                        shrink_tasks(&e);
                e.seq = i;
                e.time_ns = how & 0x20 ? e.time_ns : i * STEP_NS;
                e.wall_ns = e.time_ns;
                diagnosis_apply(d, &e);
        }
        diagnosis_free(d);
        return 0;
}
