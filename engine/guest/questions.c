/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/questions.h"

#include <string.h>

#include "qemu/user-networks.h"
#include "qemu/vnc-address.h"
#include "qmp/json.h"

#define MAX_DEPTH 4

typedef struct {
    const char *command;
    const char *arguments; /* JSON, with its members in the order in which the caller sets them; NULL: none */
} Question;

/* These two do not change while a QEMU lives. */
static const Question of_machine[] = {
    {"query-kvm", NULL},
    {"qom-get", "{\"path\":\"/machine\",\"property\":\"memory-backend\"}"},
    {0},
};

/* The first CPU of a machine that is not hot-plugged has that path; of others the question is asked for nothing. */
static const Question of_cpu[] = {
    {"qom-get", "{\"path\":\"/machine/unattached/device[0]\",\"property\":\"feature-words\"}"},
    {0},
};

static const Question of_preflight[] = {
    {"query-migrate-capabilities", NULL},
    {"query-status", NULL},
    {"query-migrate", NULL},
    {"query-block-jobs", NULL},
    {"query-memdev", NULL},
    {"query-memory-devices", NULL},
    {"qom-list", "{\"path\":\"/objects\"}"},
    {"query-chardev", NULL},
    {"qom-list", "{\"path\":\"/machine/peripheral\"}"},
    {"qom-list", "{\"path\":\"/machine/peripheral-anon\"}"},
    {"query-cpus-fast", NULL},
    {"query-block", NULL},
    {"query-named-block-nodes", "{\"flat\":true}"},
    {"human-monitor-command", "{\"command-line\":\"info network\"}"},
    {0},
};

/* What is not asked of a guest that has no such thing. */
static const Question of_user_networks[] = {
    {"human-monitor-command", "{\"command-line\":\"info usernet\"}"},
    {0},
};

static const Question of_vnc[] = {
    {"query-vnc-servers", NULL},
    {0},
};

static const Question of_both[] = {
    {"query-memdev", NULL},
    {"query-memory-devices", NULL},
    {"query-cpus-fast", NULL},
    {"qom-list", "{\"path\":\"/machine/peripheral\"}"},
    {"qom-list", "{\"path\":\"/machine/peripheral-anon\"}"},
    {"query-block", NULL},
    {0},
};

static const Question of_source[] = {
    {"qom-list", "{\"path\":\"/objects\"}"},
    {"query-status", NULL}, /* who pauses it after this pauses it in the hand-over, which knows of that */
    {0},
};

static const Question of_target[] = {
    {"qom-get", "{\"path\":\"/machine\",\"property\":\"type\"}"},
    {0},
};

typedef void (*AskFunc)(QmpClient *client, const char *command, json_object *arguments);

static void
ask(QmpClient *monitor, const Question *questions, AskFunc func)
{
    for (; questions->command; questions++) {
        json_object *arguments =
            questions->arguments ? qmp_json_parse(questions->arguments, strlen(questions->arguments), MAX_DEPTH, NULL) : NULL;
        func(monitor, questions->command, arguments);
    }
}

void
guest_ask_for_constants(QmpClient *monitor)
{
    ask(monitor, of_machine, qmp_client_ask_constant);
    ask(monitor, of_cpu, qmp_client_ask_constant);
}

static void
ask_by_definition(const GuestInstance *source)
{
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)source->definition->argv, NULL);
    guint n_displays = 0;

    g_autoptr(GPtrArray) users = argv ? qemu_user_networks_list(argv) : NULL;
    if (users && users->len > 0)
        ask(source->monitor, of_user_networks, qmp_client_ask_ahead);
    if (argv && qemu_vnc_find(argv, &n_displays))
        ask(source->monitor, of_vnc, qmp_client_ask_ahead);
}

void
guest_ask_for_preflight(const GuestInstance *source)
{
    qmp_client_forget_ahead(source->monitor);
    ask(source->monitor, of_preflight, qmp_client_ask_ahead);
    guest_ask_for_constants(source->monitor);
    ask_by_definition(source);
}

void
guest_ask_for_comparison(QmpClient *source, QmpClient *target)
{
    qmp_client_forget_ahead(source);
    ask(target, of_target, qmp_client_ask_ahead);
    ask(source, of_both, qmp_client_ask_ahead);
    ask(target, of_cpu, qmp_client_ask_constant);
    ask(target, of_both, qmp_client_ask_ahead);
    ask(source, of_source, qmp_client_ask_ahead);
}
