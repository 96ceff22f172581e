/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the daemon and its hold helpers say to each other over STATE_DIR/hold/PID-START.sock. One message is
 * one packet of fixed size. The helper sends a notice to every client when something changed, and one with
 * the id of the request as its answer. A client that has just connected gets one unasked as soon as it is
 * known whether the target could be seized.
 *
 * Daemon and helper may be of different versions after an upgrade: another version, or another size, is not
 * understood, and such a helper is told to go by SIGTERM, which lets go of its target cleanly.
 */

#include "daemon/hold/hold_view.h"

#define HOLD_PROTOCOL    1
#define HOLD_DIR         "hold" /* below the state directory */
#define HOLD_CLIENTS_MAX 4      /* of one helper */

enum hold_ask {
        HOLD_ASK_STATE,
        HOLD_ASK_YIELD,
        HOLD_ASK_RESUME,
        HOLD_ASK_RELEASE,
        HOLD_ASK_CATCH, /* switch it */
        _HOLD_ASK_MAX,
};

struct hold_request {
        uint32_t version, ask;
        uint64_t id; /* not 0 */
        uint32_t catch;
        uint32_t owner_pid; /* of a yield; 0: anybody */
};

struct hold_notice {
        uint32_t version;
        int32_t error; /* negative errno: what was asked for, or the first seizing, failed */
        uint64_t id;   /* of the request that is answered; 0: unasked */
        struct hold_view view;
        struct task_ref holder; /* who is in the way, with -EPERM; pid 0: not known */
};
