/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which guests `check` and `upgrade` are about, to which QEMU, and how what became of several of them makes
 * one exit status.
 */
#pragma once

#include "cli/verb.h"

/*
 * Adds `guests` (the operands) or `all` to PARAMETERS; exactly one must be given. WITHOUT says that something
 * else
 * (--outdated) selects. USAGE.
 */
bool cli_selection_add(const CliInvocation *invocation, bool all, bool otherwise, json_object *parameters,
                       GError **error);
/* Adds `to`, the absolute path of what TO names; nothing when TO is NULL. USAGE. */
bool cli_selection_add_target(const char *to, json_object *parameters, GError **error);

/* --method and --max-downtime as they were given; each may be NULL. USAGE. */
bool cli_selection_add_method(const char *method, const char *max_downtime, json_object *parameters,
                              GError **error);

/* The exit statuses of several guests so far. */
typedef struct {
    guint n_done, n_failed;
    CliExit exit; /* of all that failed; SOME_FAILED when they differ */
} CliTally;

void cli_tally_add(CliTally *tally, CliExit exit);
/* DONE when all are, the one status when all failed with it, SOME_FAILED otherwise. */
CliExit cli_tally_get_exit(const CliTally *tally);
