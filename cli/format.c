/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/format.h"

#include <string.h>

#include "qmp/json.h"

#define UNKNOWN "-"

char *
cli_format_bytes(json_object *object, const char *key)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    guint64 bytes;
    double value;
    size_t unit = 0;

    if (!qmp_json_get_uint64(object, key, &bytes))
        return g_strdup(UNKNOWN);
    for (value = (double)bytes; value >= 1024 && unit + 1 < G_N_ELEMENTS(units); unit++)
        value /= 1024;
    if (value == (double)(guint64)value)
        return g_strdup_printf("%" G_GUINT64_FORMAT " %s", (guint64)value, units[unit]);
    return g_strdup_printf("%.1f %s", value, units[unit]);
}

char *
cli_format_int(json_object *object, const char *key)
{
    gint64 value;

    if (!qmp_json_get_int64(object, key, &value))
        return g_strdup(UNKNOWN);
    return g_strdup_printf("%" G_GINT64_FORMAT, value);
}

char *
cli_format_ms(json_object *object, const char *key)
{
    json_object *member = NULL;

    if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &member) ||
        !(json_object_is_type(member, json_type_double) || json_object_is_type(member, json_type_int)))
        return g_strdup(UNKNOWN);
    double ms = json_object_get_double(member);
    if (ms >= 1000)
        return g_strdup_printf("%.2f s", ms / 1000);
    return g_strdup_printf(ms >= 100 ? "%.0f ms" : "%.1f ms", ms);
}

char *
cli_format_version(json_object *qemu)
{
    const char *version = qmp_json_get_string(qemu, "version");

    return g_strdup(version ? version : UNKNOWN);
}

char *
cli_format_qemu(json_object *qemu)
{
    const char *package = qmp_json_get_string(qemu, "package");
    g_autofree char *version = cli_format_version(qemu);

    if (package && package[0] != '\0')
        return g_strdup_printf("%s (%s)", version, package);
    return g_steal_pointer(&version);
}

char *
cli_format_time(json_object *object, const char *key)
{
    const char *text = qmp_json_get_string(object, key);
    g_autoptr(GDateTime) time = text ? g_date_time_new_from_iso8601(text, NULL) : NULL;
    g_autoptr(GDateTime) local = time ? g_date_time_to_local(time) : NULL;

    if (!local)
        return g_strdup(text ? text : UNKNOWN);
    return g_date_time_format(local, "%Y-%m-%d %H:%M:%S");
}

static bool
needs_quotes(const char *argument)
{
    if (argument[0] == '\0')
        return true;
    while (g_ascii_isalnum(*argument) || (*argument && strchr("_-+=,./:@%", *argument)))
        argument++;
    return *argument != '\0';
}

static void
append_argument(GString *line, const char *argument)
{
    g_autofree char *quoted = needs_quotes(argument) ? g_shell_quote(argument) : g_strdup(argument);

    g_string_append_printf(line, "%s%s", line->len > 0 ? " " : "", quoted);
}

char *
cli_format_command_line(const char *program, json_object *arguments)
{
    g_autoptr(GString) line = g_string_new(NULL);

    if (!arguments || json_object_array_length(arguments) == 0)
        return g_strdup("");
    if (program)
        append_argument(line, program);
    for (size_t i = 0; i < json_object_array_length(arguments); i++) {
        const char *argument = qmp_json_as_string(json_object_array_get_idx(arguments, i));
        if (argument)
            append_argument(line, argument);
    }
    return g_string_free(g_steal_pointer(&line), FALSE);
}

char *
cli_format_step(json_object *progress)
{
    const char *phase = qmp_json_get_string(progress, "phase"), *step = qmp_json_get_string(progress, "step");

    if (phase && step && g_str_has_prefix(step, phase) && step[strlen(phase)] == '.')
        step += strlen(phase) + 1;
    return g_strdup(step ? step : UNKNOWN);
}
