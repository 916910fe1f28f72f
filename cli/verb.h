/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A verb of `moult`: what it is called, and what runs it. One file each, verb-NAME.c.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "cli/error.h"
#include "qmp/json.h"

typedef struct CliVerb CliVerb;

/* One run of a verb. */
typedef struct {
    const CliVerb *verb;
    char **arguments; /* those after the verb; NULL-terminated; owned */
    /* After cli_verb_parse: */
    gboolean json;   /* GOption's type */
    char **operands; /* what is no option; NULL-terminated; owned */
    guint n_operands;
    char **command; /* what follows "--"; NULL where there is no "--"; NULL-terminated; owned */
} CliInvocation;

struct CliVerb {
    const char *name;
    const char *synopsis;             /* operands: "NAME -- QEMU ARGS..." */
    const char *summary;              /* one line, for the list of verbs */
    const char *details;              /* for --help; may be NULL */
    guint min_operands, max_operands; /* G_MAXUINT: any number */
    bool takes_command;               /* "--" and a command line must follow */
    /* The exit status; with an ERROR set, that of the error. */
    CliExit (*run)(CliInvocation *invocation, GError **error);
};

extern const CliVerb cli_verb_run, cli_verb_define, cli_verb_start, cli_verb_stop, cli_verb_undefine,
    cli_verb_list, cli_verb_show, cli_verb_check, cli_verb_upgrade, cli_verb_jobs, cli_verb_cancel,
    cli_verb_watch, cli_verb_history, cli_verb_capabilities, cli_verb_adopt, cli_verb_release, cli_verb_resolve;

/*
 * Takes the options out of the arguments: ENTRIES (NULL-terminated list; NULL for none) and --json. --help
 * prints and exits. Checks the number of operands. CLI_ERROR USAGE.
 */
bool cli_verb_parse(CliInvocation *invocation, const GOptionEntry *entries, GError **error);

/*
 * The shape of most verbs: one call, one reply (owned by the caller; NULL on failure), which is printed here
 * when
 * --json was given. PARAMETERS is taken.
 */
json_object *cli_verb_call(const CliInvocation *invocation, const char *method, json_object *parameters,
                           gint64 timeout_ms, GError **error);
/* {"name": the first operand}; owned by the caller. */
json_object *cli_verb_name_parameter(const CliInvocation *invocation);
/* Seconds as given to an option, to milliseconds; true with RET_MS untouched when TEXT is NULL. USAGE. */
bool cli_verb_parse_seconds(const char *text, gint64 *ret_ms, GError **error);
