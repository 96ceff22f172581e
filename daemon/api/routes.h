/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Every address, in one table: who may ask, with which arguments and body, what must be known before, and
 * the handler that answers. The server is handed it and knows no handler.
 */

#include "daemon/http/call.h"

struct http_routes routes_of(struct api *api);
