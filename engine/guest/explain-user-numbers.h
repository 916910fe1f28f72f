/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The numbers of user networks: internal to explain*.c.
 */
#pragma once

#include "guest/explain-private.h"

/*
 * USERS: the names of those there are, without placeholders, in the order of their making, all of which are in the command line
 * by now. Where one was removed before others, a placeholder comes into its place.
 */
void explain_user_numbers(Explanation *explanation, const GPtrArray *users);
