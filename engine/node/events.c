/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/events.h"

#include "guest/instance.h"
#include "qmp/json.h"

typedef struct {
    char *guest;
    NodeEventFunc func;
    gpointer user_data;
} Subscriber;

struct NodeEvents {
    GHashTable *subscribers; /* id -> Subscriber */
    guint last_id;
};

static void
subscriber_free(gpointer data)
{
    Subscriber *subscriber = data;

    g_free(subscriber->guest);
    g_free(subscriber);
}

NodeEvents *
node_events_new(void)
{
    NodeEvents *events = g_new0(NodeEvents, 1);

    events->subscribers = g_hash_table_new_full(NULL, NULL, NULL, subscriber_free);
    return events;
}

void
node_events_free(NodeEvents *events)
{
    if (!events)
        return;
    g_hash_table_unref(events->subscribers);
    g_free(events);
}

guint
node_events_subscribe(NodeEvents *events, const char *guest, NodeEventFunc func, gpointer user_data)
{
    Subscriber *subscriber = g_new(Subscriber, 1);

    *subscriber = (Subscriber){.guest = g_strdup(guest), .func = func, .user_data = user_data};
    events->last_id++;
    g_hash_table_insert(events->subscribers, GUINT_TO_POINTER(events->last_id), subscriber);
    return events->last_id;
}

void
node_events_unsubscribe(NodeEvents *events, guint id)
{
    g_hash_table_remove(events->subscribers, GUINT_TO_POINTER(id));
}

void
node_events_emit(NodeEvents *events, const char *name, const char *guest, guint64 domain_id, json_object *data)
{
    g_autoptr(json_object) event = json_object_new_object();
    g_autofree char *now = guest_instance_dup_now();

    qmp_json_add_string(event, "time", now);
    qmp_json_add_string(event, "event", name);
    qmp_json_add_string(event, "guest", guest);
    if (domain_id)
        qmp_json_add_uint64(event, "id", domain_id);
    qmp_json_add_value(event, "data", data ? data : json_object_new_object());
    /* A subscriber may unsubscribe itself or another in its function. */
    g_autoptr(GList) ids = g_hash_table_get_keys(events->subscribers);
    for (GList *item = ids; item; item = item->next) {
        const Subscriber *subscriber = g_hash_table_lookup(events->subscribers, item->data);
        if (subscriber && (!subscriber->guest || g_strcmp0(subscriber->guest, guest) == 0))
            subscriber->func(event, subscriber->user_data);
    }
}
