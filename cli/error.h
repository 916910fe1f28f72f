/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a command ends: its exit status, and the one kind of error that leads there. The code of an error is
 * the exit status; what the engine says of a failure beyond its message (guest, code, hint) travels with it.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

/* The exit status of `moult`, as moult(1) documents it. */
typedef enum {
    CLI_EXIT_DONE = 0,
    CLI_EXIT_FAILED = 1, /* the guest still runs on its old QEMU */
    CLI_EXIT_USAGE = 2,
    CLI_EXIT_REFUSED = 3,     /* by preflight; nothing was changed */
    CLI_EXIT_SOME_FAILED = 4, /* of several guests */
    CLI_EXIT_TIMED_OUT = 5,   /* and rolled back */
    CLI_EXIT_UNREACHABLE = 6, /* no engine, or it went away */
    CLI_EXIT_NEEDS_OPERATOR = 7
} CliExit;

#define CLI_ERROR cli_error_quark()
GQuark cli_error_quark(void);

/* CODE is a CliExit other than DONE. */
void cli_error_set(GError **error, CliExit code, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* As the engine refuses something: CODE is one of moult-check(7). */
void cli_error_set_refused(GError **error, const char *code, const char *hint, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
/* Out of an error reply: NAME ("io.moult.Refused") and its PARAMETERS (may be NULL). Both are borrowed. */
void cli_error_set_remote(GError **error, const char *name, json_object *parameters);
/* Gives ERROR, which is one of ours, HINT unless it has one. */
void cli_error_add_hint(GError *error, const char *hint);
/* ERROR's code where it is one of ours, FAILED otherwise. */
CliExit cli_error_get_exit(const GError *error);
/* What the engine gave as the error's stable code ("unknown-guest"); NULL where there is none. Borrowed. */
const char *cli_error_get_code(const GError *error);

/* "moult: web1: it is shut off (shut-off)", and the hint on a line of its own; to stderr. */
void cli_error_print(const GError *error);
/* The same as an object: {"guest", "code", "message", "hint", "exit_status"}. Owned by the caller. */
json_object *cli_error_to_json(const GError *error);

/* One failure of several, printed like an error. GUEST, CODE and HINT may be NULL. */
void cli_error_print_parts(const char *guest, const char *message, const char *code, const char *hint);
