/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/questions.h"

#include <string.h>

#include "qmp/json.h"

#define MAX_DEPTH 4

typedef struct {
    const char *command;
    const char *arguments; /* JSON, with its members in the order in which the caller sets them; NULL: none */
} Question;

static const Question of_preflight[] = {
    {"query-migrate-capabilities", NULL},
    {"query-status", NULL},
    {"query-migrate", NULL},
    {"query-block-jobs", NULL},
    {"query-memdev", NULL},
    {"query-memory-devices", NULL},
    {"qom-get", "{\"path\":\"/machine\",\"property\":\"memory-backend\"}"},
    {"qom-list", "{\"path\":\"/objects\"}"},
    {"query-chardev", NULL},
    {"qom-list", "{\"path\":\"/machine/peripheral\"}"},
    {"qom-list", "{\"path\":\"/machine/peripheral-anon\"}"},
    {"query-cpus-fast", NULL},
    {"query-block", NULL},
    {"query-named-block-nodes", "{\"flat\":true}"},
    {"human-monitor-command", "{\"command-line\":\"info network\"}"},
    {"human-monitor-command", "{\"command-line\":\"info usernet\"}"},
    {"query-vnc-servers", NULL},
    {"query-kvm", NULL},
    {0},
};

/* The first CPU of a machine that is not hot-plugged has that path; of others the question is asked for nothing. */
static const Question of_both[] = {
    {"query-memdev", NULL},
    {"query-memory-devices", NULL},
    {"query-cpus-fast", NULL},
    {"qom-get", "{\"path\":\"/machine/unattached/device[0]\",\"property\":\"feature-words\"}"},
    {"qom-list", "{\"path\":\"/machine/peripheral\"}"},
    {"qom-list", "{\"path\":\"/machine/peripheral-anon\"}"},
    {"query-block", NULL},
    {0},
};

static const Question of_source[] = {
    {"qom-list", "{\"path\":\"/objects\"}"},
    {"query-iothreads", NULL},
    {"query-migrate-capabilities", NULL},
    {"query-status", NULL}, /* who pauses it after this pauses it in the hand-over, which knows of that */
    {0},
};

static const Question of_target[] = {
    {"qom-get", "{\"path\":\"/machine\",\"property\":\"type\"}"},
    {0},
};

static void
ask(QmpClient *monitor, const Question *questions)
{
    for (; questions->command; questions++) {
        json_object *arguments =
            questions->arguments ? qmp_json_parse(questions->arguments, strlen(questions->arguments), MAX_DEPTH, NULL) : NULL;
        qmp_client_ask_ahead(monitor, questions->command, arguments);
    }
}

void
guest_ask_for_preflight(QmpClient *monitor)
{
    qmp_client_forget_ahead(monitor);
    ask(monitor, of_preflight);
}

void
guest_ask_for_comparison(QmpClient *source, QmpClient *target)
{
    qmp_client_forget_ahead(source);
    ask(target, of_target);
    ask(source, of_both);
    ask(target, of_both);
    ask(source, of_source);
}
