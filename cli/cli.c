/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/verb.h"
#include "qmp/json.h"

static const CliVerb *const verbs[] = {
    &cli_verb_run,    &cli_verb_define, &cli_verb_start,   &cli_verb_stop,         &cli_verb_undefine,
    &cli_verb_list,   &cli_verb_show,   &cli_verb_check,   &cli_verb_upgrade,      &cli_verb_jobs,
    &cli_verb_cancel, &cli_verb_watch,  &cli_verb_history, &cli_verb_capabilities, &cli_verb_adopt,
    &cli_verb_release, &cli_verb_resolve,
};

static void
print_help(FILE *file)
{
    fputs("Usage: moult VERB [OPTION...] [ARGUMENT...]\n"
          "Upgrades the QEMU under a running guest, on the same host.\n\n",
          file);
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
        fprintf(file, "  %-14s%s\n", verbs[i]->name, verbs[i]->summary);
    fputs("\nmoult VERB --help tells more. Exit status: 0 done, 1 failed, 2 usage, 3 refused, 4 some of\n"
          "several failed, 5 timed out, 6 engine unreachable, 7 needs an operator. See moult(1).\n",
          file);
}

static const CliVerb *
find_verb(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

static void
invocation_clear(CliInvocation *invocation)
{
    g_strfreev(invocation->arguments);
    g_strfreev(invocation->operands);
    g_strfreev(invocation->command);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CliInvocation, invocation_clear)

/* A script that asked for JSON gets an object whatever happens; a wrong command line may not have got that
 * far. */
static void
report(const CliInvocation *invocation, const GError *error)
{
    if (invocation->json) {
        g_autoptr(json_object) output = json_object_new_object();
        qmp_json_add_value(output, "error", cli_error_to_json(error));
        cli_output_json(output);
    }
    cli_error_print(error);
}

static int
run_verb(const CliVerb *verb, char **arguments)
{
    g_auto(CliInvocation) invocation = {.verb = verb, .arguments = g_strdupv(arguments)};
    g_autoptr(GError) error = NULL;
    CliExit status = verb->run(&invocation, &error);

    if (error) {
        report(&invocation, error);
        return (int)cli_error_get_exit(error);
    }
    return (int)status;
}

int
cli_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    /* Only for the width of characters; numbers look the same everywhere. */
    (void)setlocale(LC_CTYPE, "");
    if (!name) {
        print_help(stderr);
        return CLI_EXIT_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return CLI_EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        puts("moult " MOULT_VERSION);
        return CLI_EXIT_DONE;
    }
    const CliVerb *verb = find_verb(name);
    if (!verb) {
        cli_error_print_parts(NULL, "unknown verb", name, "moult --help lists them");
        return CLI_EXIT_USAGE;
    }
    return run_verb(verb, argv + 2);
}
