/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/error.h"

#include <stdio.h>
#include <string.h>

#include "qmp/json.h"
#include "qmp/text.h"

/* A message may hold what a QEMU printed in several lines. */
#define MESSAGE_MAX_BYTES 4096

typedef struct {
    char *guest, *code, *hint;
} CliErrorPrivate;

static void
cli_error_private_init(CliErrorPrivate *details)
{
    (void)details;
}

static void
cli_error_private_copy(const CliErrorPrivate *from, CliErrorPrivate *to)
{
    to->guest = g_strdup(from->guest);
    to->code = g_strdup(from->code);
    to->hint = g_strdup(from->hint);
}

static void
cli_error_private_clear(CliErrorPrivate *details)
{
    g_free(details->guest);
    g_free(details->code);
    g_free(details->hint);
}

G_DEFINE_EXTENDED_ERROR(CliError, cli_error)

void
cli_error_set(GError **error, CliExit code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_propagate_error(error, g_error_new_valist(CLI_ERROR, (int)code, format, arguments));
    va_end(arguments);
}

void
cli_error_set_refused(GError **error, const char *code, const char *hint, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    GError *refusal = g_error_new_valist(CLI_ERROR, (int)CLI_EXIT_REFUSED, format, arguments);
    va_end(arguments);
    CliErrorPrivate *details = cli_error_get_private(refusal);
    details->code = g_strdup(code);
    details->hint = g_strdup(hint);
    g_propagate_error(error, refusal);
}

/* The errors that a call can end with; everything else is the engine's failure to do what it was asked. */
static CliExit
exit_of_remote(const char *name)
{
    static const struct {
        const char *name;
        CliExit code;
    } exits[] = {
        {"io.moult.Refused", CLI_EXIT_REFUSED},
        {"io.moult.Failed", CLI_EXIT_FAILED},
        {"io.moult.TimedOut", CLI_EXIT_TIMED_OUT},
        {"io.moult.NeedsOperator", CLI_EXIT_NEEDS_OPERATOR},
        {"org.varlink.service.InvalidParameter", CLI_EXIT_USAGE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(exits); i++)
        if (strcmp(name, exits[i].name) == 0)
            return exits[i].code;
    return CLI_EXIT_FAILED;
}

/* For errors without a message of their own. */
static char *
describe_remote(const char *name, json_object *parameters)
{
    const char *parameter = qmp_json_get_string(parameters, "parameter");

    if (strcmp(name, "org.varlink.service.InvalidParameter") == 0)
        return g_strdup_printf("the engine does not accept '%s'", parameter ? parameter : "?");
    if (strcmp(name, "org.varlink.service.PermissionDenied") == 0)
        return g_strdup("permission denied");
    if (g_str_has_prefix(name, "org.varlink.service.Method"))
        return g_strdup("the engine that is running does not know this command; is it of another version?");
    return g_strdup_printf("the engine answered %s", name);
}

void
cli_error_set_remote(GError **error, const char *name, json_object *parameters)
{
    const char *message = qmp_json_get_string(parameters, "message");
    g_autofree char *description = message ? g_strdup(message) : describe_remote(name, parameters);
    GError *remote = g_error_new_literal(CLI_ERROR, (int)exit_of_remote(name), description);
    CliErrorPrivate *details = cli_error_get_private(remote);

    details->guest = g_strdup(qmp_json_get_string(parameters, "guest"));
    details->code = g_strdup(qmp_json_get_string(parameters, "code"));
    details->hint = g_strdup(qmp_json_get_string(parameters, "hint"));
    g_propagate_error(error, remote);
}

void
cli_error_add_hint(GError *error, const char *hint)
{
    CliErrorPrivate *details = cli_error_get_private(error);

    if (!details->hint)
        details->hint = g_strdup(hint);
}

CliExit
cli_error_get_exit(const GError *error)
{
    return error->domain == CLI_ERROR ? (CliExit)error->code : CLI_EXIT_FAILED;
}

static const CliErrorPrivate *
get_details(const GError *error)
{
    static const CliErrorPrivate none = {0};

    return error->domain == CLI_ERROR ? cli_error_get_private(error) : &none;
}

const char *
cli_error_get_code(const GError *error)
{
    return get_details(error)->code;
}

/* Lines after the first are indented, each of them quoted: a QEMU's last words may be several. */
static void
print_message(const char *message)
{
    g_autofree char *cut = g_strndup(message, MESSAGE_MAX_BYTES);
    g_auto(GStrv) lines = g_strsplit(g_strchomp(cut), "\n", -1);

    for (size_t i = 0; lines[i]; i++) {
        g_autofree char *quoted = qmp_text_quote(lines[i], MESSAGE_MAX_BYTES);
        fprintf(stderr, "%s%s", i > 0 ? "\n    " : "", quoted);
    }
}

void
cli_error_print_parts(const char *guest, const char *message, const char *code, const char *hint)
{
    fputs("moult: ", stderr);
    if (guest) {
        print_message(guest);
        fputs(": ", stderr);
    }
    print_message(message);
    if (code) {
        fputs(" (", stderr);
        print_message(code);
        fputs(")", stderr);
    }
    if (hint) {
        fputs("\nhint: ", stderr);
        print_message(hint);
    }
    fputs("\n", stderr);
}

void
cli_error_print(const GError *error)
{
    const CliErrorPrivate *details = get_details(error);

    cli_error_print_parts(details->guest, error->message, details->code, details->hint);
}

static json_object *
string_or_null(const char *text)
{
    return text ? qmp_json_string_new(text) : NULL;
}

json_object *
cli_error_to_json(const GError *error)
{
    const CliErrorPrivate *details = get_details(error);
    json_object *object = json_object_new_object();

    json_object_object_add(object, "guest", string_or_null(details->guest));
    json_object_object_add(object, "code", string_or_null(details->code));
    json_object_object_add(object, "message", string_or_null(error->message));
    json_object_object_add(object, "hint", string_or_null(details->hint));
    qmp_json_add_int64(object, "exit_status", (gint64)cli_error_get_exit(error));
    return object;
}
