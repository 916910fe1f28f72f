/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/foreign.h"

#include "guest/foreign.h"
#include "guest/outdated.h"
#include "node/describe.h"
#include "node/state.h"
#include "node/worker.h"
#include "qemu/memory.h"
#include "qmp/json.h"
#include "upgrade/result.h"

#define LIST_TIMEOUT_MS 20000

typedef struct {
    Node *node;
    bool only_outdated;
    GHashTable *known; /* set of pids of ours */
    json_object *found;
    GError *error;
    NodeForeignFunc func;
    gpointer user_data;
} ForeignList;

static json_object *
describe(const GuestForeign *foreign, const char *outdated)
{
    const GuestInstance *instance = foreign->instance;
    json_object *object = json_object_new_object();
    g_autofree char *owner = guest_owner_to_string(&foreign->owner);

    qmp_json_add_string(object, "name", instance->definition->name);
    qmp_json_add_bool(object, "managed", false);
    qmp_json_add_int64(object, "pid", instance->process.pid);
    qmp_json_add_string(object, "state", "unknown"); /* only its monitor could tell */
    qmp_json_add_string(object, "owner", owner);
    qmp_json_add_value(object, "qemu", upgrade_qemu_to_json(&instance->binary));
    qmp_json_add_string(object, "outdated", outdated);
    if (instance->memory->len > 0)
        qmp_json_add_uint64(object, "memory_bytes", qemu_memory_sum_bytes(instance->memory));
    qmp_json_add_string(object, "method", foreign->method);
    qmp_json_add_string(object, "code", foreign->code);
    qmp_json_add_string(object, "reason", foreign->reason);
    qmp_json_add_string(object, "hint", foreign->hint);
    return object;
}

static void
list_in_worker(gpointer data)
{
    ForeignList *list = data;
    QmpWait wait = qmp_wait_from_now(LIST_TIMEOUT_MS, -1);
    g_autoptr(GPtrArray) found =
        guest_foreign_list(&list->node->environment, list->known, &wait, &list->error);

    list->found = json_object_new_array();
    for (guint i = 0; found && i < found->len; i++) {
        const GuestForeign *foreign = g_ptr_array_index(found, i);
        GuestOutdated outdated = guest_outdated_get(foreign->instance);
        if (!list->only_outdated || outdated == GUEST_OUTDATED || outdated == GUEST_LIBRARY_OUTDATED)
            json_object_array_add(list->found, describe(foreign, guest_outdated_to_string(outdated)));
    }
}

static void
list_done(gpointer data)
{
    ForeignList *list = data;

    if (list->error) {
        list->func(NULL, list->error, list->user_data);
    } else {
        g_autoptr(json_object) guests = node_describe_all(list->node, true, list->only_outdated);
        for (size_t i = 0; i < json_object_array_length(list->found); i++)
            json_object_array_add(guests, json_object_get(json_object_array_get_idx(list->found, i)));
        list->func(guests, NULL, list->user_data);
    }
    g_hash_table_unref(list->known);
    json_object_put(list->found);
    g_clear_error(&list->error);
    g_free(list);
}

void
node_foreign_list(Node *node, bool only_outdated, NodeForeignFunc func, gpointer user_data)
{
    g_autoptr(GPtrArray) domains = objlist_tables_snapshot(node->environment.tables);
    ForeignList *list = g_new0(ForeignList, 1);

    *list = (ForeignList){.node = node,
                          .only_outdated = only_outdated,
                          .known = g_hash_table_new(NULL, NULL),
                          .func = func,
                          .user_data = user_data};
    for (guint i = 0; i < domains->len; i++) {
        const GuestInstance *instance = objlist_domain_get_data(g_ptr_array_index(domains, i));
        if (instance && instance->process.pid > 0)
            g_hash_table_add(list->known, GINT_TO_POINTER(instance->process.pid));
    }
    node_worker_start(node, list_in_worker, list_done, list);
}
