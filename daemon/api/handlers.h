/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The handlers, one for each address in the table of routes.c; api_status.c has api_status() and its like.
 */

struct api_call;

void api_healthz(struct api_call *call);
void api_readyz(struct api_call *call);
void api_metrics(struct api_call *call);
void api_status(struct api_call *call);
void api_doctor(struct api_call *call);
void api_tracers(struct api_call *call);
void api_process(struct api_call *call);
void api_why(struct api_call *call);
void api_heal(struct api_call *call);
void api_diagnosis(struct api_call *call);
void api_events(struct api_call *call);
void api_claims(struct api_call *call);
void api_claim_make(struct api_call *call);
void api_claim_renew(struct api_call *call);
void api_claim_enter(struct api_call *call);
void api_claim_release(struct api_call *call);
void api_guard(struct api_call *call);
void api_guard_set(struct api_call *call);
void api_policy(struct api_call *call);
void api_policy_reload(struct api_call *call);
void api_holds(struct api_call *call);
void api_hold_take(struct api_call *call);
void api_hold_release(struct api_call *call);
