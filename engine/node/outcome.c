/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/outcome.h"

#include "node/ending.h"
#include "node/guests.h"
#include "node/history.h"
#include "node/standoff.h"
#include "node/state.h"
#include "node/supervise.h"
#include "qmp/json.h"
#include "upgrade/restore.h"

static json_object *
keep_result(Node *node, const Upgrade *upgrade, const ObjlistDomain *domain)
{
    json_object *result = upgrade_dup_result(upgrade);
    const char *name = objlist_domain_get_name(domain);
    const char *message = qmp_json_get_string(result, "message");
    bool is_known = upgrade_was_marked(upgrade) && upgrade_get_outcome(upgrade) == UPGRADE_OUTCOME_NEEDS_OPERATOR;
    g_autoptr(GError) error = NULL;

    if (!is_known && !node_history_append(node->dirs, objlist_domain_get_uuid(domain), result, &error))
        g_warning("%s: history: %s", name, error->message);
    g_message("%s: %s%s%s", name, qmp_json_get_string(result, "outcome"), message ? ": " : "", message ? message : "");
    return result;
}

static void
report_end(Node *node, const Upgrade *upgrade, ObjlistDomain *domain)
{
    GuestInstance *instance = objlist_domain_get_data(domain);
    const char *reason = upgrade_get_guest_end_reason(upgrade);

    /* It may have ended in its new QEMU; who waits for the guest is told all the same. */
    if (reason && reason != instance->last_shutdown) {
        g_free(instance->last_shutdown);
        instance->last_shutdown = g_strdup(reason);
    }
    node_ending_handle_reaped(node, domain, upgrade_get_guest_end(upgrade));
}

static void
supervise(Node *node, ObjlistDomain *survivor)
{
    GuestInstance *instance = objlist_domain_get_data(survivor);

    g_clear_pointer(&instance->evidence, json_object_put);
    if (!node_guests_is_known(node, survivor))
        objlist_tables_add_primary(node->environment.tables, survivor, NULL);
    node_supervise_start(node, survivor);
    if (objlist_domain_has_job(survivor))
        objlist_domain_end_job(survivor);
}

json_object *
node_outcome_handle(Node *node, Upgrade *upgrade, ObjlistDomain *domain)
{
    ObjlistDomain *survivor = upgrade_get_survivor(upgrade);
    json_object *result = keep_result(node, upgrade, domain);

    if (objlist_domain_has_job(domain))
        objlist_domain_end_job(domain);
    if (upgrade_get_outcome(upgrade) == UPGRADE_OUTCOME_NEEDS_OPERATOR)
        node_standoff_add(node, domain, upgrade);
    else if (!survivor)
        report_end(node, upgrade, domain);
    else
        supervise(node, survivor);
    node_events_emit(node->events, "upgrade-done", objlist_domain_get_name(domain),
                     survivor ? objlist_domain_get_id(survivor) : 0, json_object_get(result));
    return result;
}
