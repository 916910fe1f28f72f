/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting, without blocking, for a QEMU that did not answer to do so again: it was stopped (SIGSTOP, a frozen control group), or
 * hung in a system call. Nothing is asked twice: its reply tells.
 */
#pragma once

#include "qmp/client.h"

typedef struct NodeAnswer NodeAnswer;

/*
 * CLIENT is taken. FUNC is called in the main loop, once, when QEMU has answered all that recovery asks; never when it closes the
 * connection or says something else.
 */
NodeAnswer *node_answer_await(QmpClient *client, void (*func)(gpointer user_data), gpointer user_data);
/* Also out of FUNC. */
void node_answer_free(NodeAnswer *answer);
