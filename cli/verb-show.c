/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include <string.h>

#include "cli/client.h"
#include "cli/format.h"
#include "cli/output.h"
#include "qmp/json.h"

/* "name:          value"; nothing for what is not known. */
static void
print_field(const char *label, const char *value)
{
    g_autofree char *heading = g_strconcat(label, ":", NULL);

    if (!value || g_strcmp0(value, "-") == 0)
        return;
    g_autofree char *quoted = cli_output_quote(value);
    cli_output_line("%-18s%s", heading, quoted);
}

/* Takes VALUE. */
static void
take_field(const char *label, char *value)
{
    print_field(label, value);
    g_free(value);
}

static void
print_guest(json_object *guest)
{
    json_object *qemu = qmp_json_get_object(guest, "qemu");

    print_field("name", qmp_json_get_string(guest, "name"));
    print_field("uuid", qmp_json_get_string(guest, "uuid"));
    print_field("state", qmp_json_get_string(guest, "state"));
    print_field("owner", qmp_json_get_string(guest, "owner"));
    take_field("id", cli_format_int(guest, "id"));
    take_field("pid", cli_format_int(guest, "pid"));
    take_field("qemu", cli_format_qemu(qemu));
    print_field("binary", qmp_json_get_string(qemu, "path"));
    print_field("update", qmp_json_get_string(guest, "outdated"));
    print_field("method", qmp_json_get_string(guest, "method"));
    take_field("memory", cli_format_bytes(guest, "memory_bytes"));
}

static void
print_backend(json_object *backend)
{
    const char *path = qmp_json_get_string(backend, "path");
    g_autofree char *size = cli_format_bytes(backend, "size_bytes");
    g_autofree char *page = cli_format_bytes(backend, "page_size_bytes");
    bool knows_page = strcmp(page, "-") != 0;
    const char *kind = qmp_json_get_string(backend, "kind"), *id = qmp_json_get_string(backend, "id");

    take_field("memory backend",
               g_strdup_printf("%s: %s, %s%s%s%s%s", id ? id : "?", kind ? kind : "?", size,
                               knows_page ? ", pages of " : "", knows_page ? page : "", path ? ", " : "", path ? path : ""));
}

static void
print_paths(json_object *paths)
{
    static const char *const labels[][2] = {
        {"alias", "folder"},    {"instance", "instance"},
        {"monitor", "monitor"}, {"operator_monitor", "operator monitor"},
        {"log", "log"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(labels); i++)
        print_field(labels[i][1], qmp_json_get_string(paths, labels[i][0]));
}

/* Of one of the two: what it was last seen to do. */
static void
print_contender(json_object *evidence, const char *which)
{
    g_autofree char *pid_key = g_strconcat(which, "_pid", NULL), *keep_key = g_strconcat("keep_", which, NULL);
    g_autofree char *label = g_strconcat("keep ", which, NULL), *pid = cli_format_int(evidence, pid_key);
    json_object *choice = qmp_json_get_object(evidence, keep_key);
    const char *seen = qmp_json_get_string(evidence, which), *means = qmp_json_get_string(choice, "means");
    bool is_possible = false;

    qmp_json_get_bool(choice, "possible", &is_possible);
    take_field(which, g_strdup_printf("pid %s, %s", pid, seen ? seen : "?"));
    take_field(label, g_strdup_printf("%s%s", is_possible ? "" : "not possible: ", means ? means : "?"));
}

static void
print_evidence(json_object *evidence)
{
    print_field("needs operator", qmp_json_get_string(evidence, "reason"));
    print_field("error", qmp_json_get_string(evidence, "error"));
    print_field("trouble", qmp_json_get_string(evidence, "trouble"));
    print_field("at step", qmp_json_get_string(evidence, "step"));
    print_field("target ran", qmp_json_get_string(evidence, "target_ran"));
    print_contender(evidence, "source");
    print_contender(evidence, "target");
}

/* What it was defined as, in the operator's own words. */
static void
print_definition(json_object *definition)
{
    g_autofree char *command_line = cli_format_command_line(qmp_json_get_string(definition, "binary"),
                                                            qmp_json_get_array(definition, "argv"));
    guint64 hugepages = 0;

    print_field("definition", command_line[0] != '\0' ? command_line : NULL);
    print_field("working folder", qmp_json_get_string(definition, "cwd"));
    print_field("user", qmp_json_get_string(definition, "user"));
    if (qmp_json_get_uint64(definition, "hugepage_size_bytes", &hugepages) && hugepages > 0)
        take_field("huge pages", cli_format_bytes(definition, "hugepage_size_bytes"));
}

static void
print_details(json_object *details)
{
    json_object *memory = qmp_json_get_array(details, "memory");
    json_object *evidence = qmp_json_get_object(details, "evidence");
    json_object *qemu = qmp_json_get_object(qmp_json_get_object(details, "guest"), "qemu");
    g_autofree char *command_line = cli_format_command_line(qmp_json_get_string(qemu, "path"),
                                                            qmp_json_get_array(details, "command_line"));

    print_guest(qmp_json_get_object(details, "guest"));
    print_field("machine", qmp_json_get_string(details, "machine"));
    take_field("started", cli_format_time(details, "started"));
    take_field("upgraded", cli_format_time(details, "upgraded"));
    print_field("job", qmp_json_get_string(details, "job"));
    for (size_t i = 0; memory && i < json_object_array_length(memory); i++)
        print_backend(json_object_array_get_idx(memory, i));
    print_paths(qmp_json_get_object(details, "paths"));
    print_definition(qmp_json_get_object(details, "definition"));
    print_field("command line", command_line[0] != '\0' ? command_line : NULL);
    if (evidence)
        print_evidence(evidence);
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    if (!cli_verb_parse(invocation, NULL, error))
        return CLI_EXIT_USAGE;
    g_autoptr(json_object) reply = cli_verb_call(
        invocation, "io.moult.Show", cli_verb_name_parameter(invocation), CLI_CLIENT_ANSWER_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    if (!invocation->json)
        print_details(qmp_json_get_object(reply, "details"));
    return CLI_EXIT_DONE;
}

const CliVerb cli_verb_show = {
    .name = "show",
    .synopsis = "NAME",
    .summary = "Show what is known of a guest",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
