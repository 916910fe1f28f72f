/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/launch.h"

#include <string.h>

#include "cli/binary.h"
#include "cli/format.h"
#include "cli/output.h"
#include "qmp/json.h"

void
cli_launch_options_clear(CliLaunchOptions *options)
{
    g_clear_pointer(&options->hugepages, g_free);
    g_clear_pointer(&options->user, g_free);
}

void
cli_launch_prepare(CliInvocation *invocation)
{
    char **arguments = invocation->arguments;

    for (size_t i = 0; arguments[i] && strcmp(arguments[i], "--") != 0; i++) {
        if (strcmp(arguments[i], "--hugepages") == 0) {
            g_free(arguments[i]);
            arguments[i] = g_strdup("--hugepages=2M");
        }
    }
}

static bool
parse_hugepages(const char *text, gint64 *ret_bytes, GError **error)
{
    static const struct {
        const char *name;
        gint64 bytes;
    } sizes[] = {{"2M", G_GINT64_CONSTANT(2) << 20}, {"1G", G_GINT64_CONSTANT(1) << 30}};

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        if (g_ascii_strcasecmp(text, sizes[i].name) == 0) {
            *ret_bytes = sizes[i].bytes;
            return true;
        }
    }
    cli_error_set(error, CLI_EXIT_USAGE, "--hugepages=%s: huge pages are 2M or 1G", text);
    return false;
}

/* QEMU starts as it would from this shell; what moult itself is told by the environment is none of QEMU's. */
static json_object *
make_environment(void)
{
    g_auto(GStrv) environment = g_get_environ();
    json_object *array = json_object_new_array();

    for (size_t i = 0; environment[i]; i++)
        if (!g_str_has_prefix(environment[i], "MOULT_"))
            json_object_array_add(array, qmp_json_string_new(environment[i]));
    return array;
}

/* JSON has no bytes, only text: rather refuse than start something else than was asked for. */
static bool
check_utf8(char *const *command, GError **error)
{
    for (size_t i = 0; command[i]; i++) {
        if (!g_utf8_validate(command[i], -1, NULL)) {
            cli_error_set(error, CLI_EXIT_USAGE, "QEMU's argument %zu is not UTF-8: '%s'", i, command[i]);
            return false;
        }
    }
    return true;
}

json_object *
cli_launch_make_parameters(const CliInvocation *invocation, const CliLaunchOptions *options, GError **error)
{
    g_autoptr(json_object) parameters = json_object_new_object();
    g_autofree char *cwd = g_get_current_dir();
    gint64 hugepage_size_bytes = 0;

    if (!check_utf8(invocation->command, error))
        return NULL;
    g_autofree char *binary = cli_binary_find(invocation->command[0], error);
    if (!binary)
        return NULL;
    if (options->hugepages && !parse_hugepages(options->hugepages, &hugepage_size_bytes, error))
        return NULL;
    qmp_json_add_string(parameters, "name", invocation->operands[0]);
    qmp_json_add_string(parameters, "binary", binary);
    qmp_json_add_strv(parameters, "argv", (const char *const *)(invocation->command + 1));
    qmp_json_add_string(parameters, "cwd", cwd);
    qmp_json_add_value(parameters, "environment", make_environment());
    qmp_json_add_string(parameters, "user", options->user);
    if (hugepage_size_bytes > 0)
        qmp_json_add_int64(parameters, "hugepage_size_bytes", hugepage_size_bytes);
    return g_steal_pointer(&parameters);
}

void
cli_launch_print(json_object *guest)
{
    g_autofree char *name = cli_output_quote(qmp_json_get_string(guest, "name"));
    g_autofree char *version = cli_format_version(qmp_json_get_object(guest, "qemu"));
    g_autofree char *pid = cli_format_int(guest, "pid");

    cli_output_line("%s: running on QEMU %s, pid %s", name, version, pid);
}
