/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ports that are forwarded, or no longer, since the start. Internal to explain*.c.
 */
#pragma once

#include "guest/explain-private.h"

/*
 * What hostfwd= would say of all that is forwarded to NETWORK; USERNET is the answer to "info usernet". NULL: it cannot be
 * told. Owned, with its free function.
 */
GPtrArray *explain_hostfwd_of(const Explanation *explanation, const char *usernet, const char *network);

/* The user networks of the command line, of which USERS (names in the order of their making) there are. */
void explain_hostfwd(Explanation *explanation, const char *usernet, const GPtrArray *users);
