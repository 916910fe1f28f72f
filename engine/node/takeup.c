/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/takeup.h"

#include "node/outcome.h"
#include "node/state.h"
#include "node/worker.h"
#include "qmp/json.h"

static const char *const job_names[] = {
    [NODE_TAKE_UP_DECIDE] = "recovery",
    [NODE_TAKE_UP_KEEP_SOURCE] = "resolve",
    [NODE_TAKE_UP_KEEP_TARGET] = "resolve",
    [NODE_TAKE_UP_END] = "stop",
};

typedef struct {
    Node *node;
    Upgrade *upgrade;
    NodeTakeUp what;
    GError *error;
    NodeTakeUpFunc func;
    gpointer user_data;
} TakeUp;

static void
run(gpointer data)
{
    TakeUp *take_up = data;

    switch (take_up->what) {
    case NODE_TAKE_UP_DECIDE:
        upgrade_run_recovery(take_up->upgrade);
        break;
    case NODE_TAKE_UP_KEEP_SOURCE:
        upgrade_resolve(take_up->upgrade, RECOVER_KEEP_SOURCE, &take_up->error);
        break;
    case NODE_TAKE_UP_KEEP_TARGET:
        upgrade_resolve(take_up->upgrade, RECOVER_KEEP_TARGET, &take_up->error);
        break;
    case NODE_TAKE_UP_END:
        upgrade_end(take_up->upgrade, &take_up->error);
        break;
    }
}

static void
done(gpointer data)
{
    TakeUp *take_up = data;
    g_autoptr(ObjlistDomain) domain = objlist_domain_ref(upgrade_get_source_domain(take_up->upgrade));
    g_autoptr(json_object) result = node_outcome_handle(take_up->node, take_up->upgrade, domain);

    take_up->node->n_taken_up--;
    if (take_up->func)
        take_up->func(result, take_up->error, take_up->user_data);
    upgrade_free(take_up->upgrade);
    g_clear_error(&take_up->error);
    g_free(take_up);
}

void
node_take_up(Node *node, UpgradeRecord *record, ObjlistDomain *source, NodeTakeUp what, NodeTakeUpFunc func,
             gpointer user_data)
{
    TakeUp *take_up = g_new0(TakeUp, 1);

    if (source)
        objlist_domain_begin_job(source, job_names[what], 0, NULL);
    take_up->node = node;
    take_up->what = what;
    take_up->func = func;
    take_up->user_data = user_data;
    take_up->upgrade = upgrade_restore(&node->environment, record, source);
    node->n_taken_up++;
    node_worker_start(node, run, done, take_up);
}
