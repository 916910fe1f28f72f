/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The source's migration parameters: what there was is in the record before anything is changed, so that a roll back,
 * be it by the next engine, can put it back. The target keeps its defaults.
 */
#include "upgrade/parameters.h"

#include "guest/error.h"
#include "qmp/commands.h"
#include "qmp/json.h"

#define COOKIE "source_parameters"

/* The values that PARAMETERS will replace. */
static json_object *
values_to_keep(json_object *parameters, json_object *current)
{
    json_object *kept = json_object_new_object();

    json_object_object_foreach(parameters, name, unused)
    {
        json_object *value = NULL;
        (void)unused;
        if (json_object_object_get_ex(current, name, &value))
            json_object_object_add(kept, name, json_object_get(value));
    }
    return kept;
}

bool
upgrade_set_parameters(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    QmpClient *monitor = upgrade_get_source(upgrade)->monitor;
    g_autoptr(json_object) wanted =
        upgrade->method->get_parameters
            ? upgrade->method->get_parameters(upgrade->request.max_downtime_ms, upgrade->stops_first)
            : NULL;

    if (!wanted)
        return true;
    g_autoptr(json_object) current = qmp_query_migrate_parameters(monitor, wait, error);
    if (!current)
        return false;
    json_object_object_add(upgrade->record->cookies, COOKIE, values_to_keep(wanted, current));
    return upgrade_record_save(upgrade->record, upgrade->environment->dirs, error) &&
           qmp_migrate_set_parameters(monitor, g_steal_pointer(&wanted), wait, error);
}

bool
upgrade_restore_parameters(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    json_object *kept = qmp_json_get_object(upgrade->record->cookies, COOKIE);

    return !kept ||
           qmp_migrate_set_parameters(upgrade_get_source(upgrade)->monitor, json_object_get(kept), wait, error);
}
