/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Processes, sessions, tracers and claims, as all answers show them. */

#include "daemon/api/answer.h"

/* P of one process (args, user, parent, unit, ...); T of one session. */
struct json_object *api_process_json(const struct api *api, const struct process_view *v);
struct json_object *api_session_json(const struct api *api, const struct session *s);
/* Sockets at debuggers' ports: its connections that last, and where it listens (a Delve, a DBGp client). */
struct json_object *api_connections_json(const struct api *api, const struct task_ref *process);
struct json_object *api_listening_json(const struct api *api, const struct task_ref *process);
/* Who traces, inside a session or as the holder of a slot. */
struct json_object *api_tracer_json(const struct api *api, const struct task_ref *t);
/* A claim, as all answers show it; with exact /proc is asked who traces its target. NULL for NULL. */
struct json_object *api_claim_json(const struct api *api, const struct claim *c, bool exact);
