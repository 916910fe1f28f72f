/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two lists, one for the events that decide the fate of a guest and one for the rest, with one numbering, so
 * that dropping and taking out are both a look at two heads.
 */
#include "qmp/event-queue.h"

#define MAX_EVENTS 1024
#define MAX_COST_BYTES ((size_t)16 << 20)

typedef struct {
    QmpEvent *event;
    size_t cost_bytes;
    guint64 number;
} Entry;

struct QmpEventQueue {
    GQueue vital, rest;
    size_t cost_bytes;
    guint64 next_number;
};

static const char *const VITAL_EVENTS[] = {"STOP",      "RESUME",         "SHUTDOWN", "RESET",
                                           "MIGRATION", "GUEST_PANICKED", NULL};

void
qmp_event_free(QmpEvent *event)
{
    if (!event)
        return;
    g_free(event->name);
    json_object_put(event->data);
    g_free(event);
}

static void
entry_free(Entry *entry)
{
    qmp_event_free(entry->event);
    g_free(entry);
}

QmpEventQueue *
qmp_event_queue_new(void)
{
    return g_new0(QmpEventQueue, 1);
}

void
qmp_event_queue_free(QmpEventQueue *queue)
{
    if (!queue)
        return;
    g_queue_clear_full(&queue->vital, (GDestroyNotify)entry_free);
    g_queue_clear_full(&queue->rest, (GDestroyNotify)entry_free);
    g_free(queue);
}

static QmpEvent *
event_queue_unlink(QmpEventQueue *queue, GQueue *list, GList *link)
{
    Entry *entry = link->data;
    QmpEvent *event = g_steal_pointer(&entry->event);

    queue->cost_bytes -= entry->cost_bytes;
    g_queue_delete_link(list, link);
    entry_free(entry);
    return event;
}

void
qmp_event_queue_push(QmpEventQueue *queue, QmpEvent *event, size_t cost_bytes)
{
    Entry *entry = g_new0(Entry, 1);
    GQueue *list = g_strv_contains(VITAL_EVENTS, event->name) ? &queue->vital : &queue->rest;

    *entry = (Entry){.event = event, .cost_bytes = cost_bytes, .number = queue->next_number++};
    g_queue_push_tail(list, entry);
    queue->cost_bytes += cost_bytes;
    while (queue->vital.length + queue->rest.length > MAX_EVENTS || queue->cost_bytes > MAX_COST_BYTES) {
        GQueue *from = queue->rest.length > 0 ? &queue->rest : &queue->vital;
        qmp_event_free(event_queue_unlink(queue, from, from->head));
    }
}

static GList *
event_list_find(GQueue *list, const char *name)
{
    for (GList *link = list->head; link; link = link->next) {
        const Entry *entry = link->data;
        if (!name || g_str_equal(entry->event->name, name))
            return link;
    }
    return NULL;
}

QmpEvent *
qmp_event_queue_pop(QmpEventQueue *queue, const char *name)
{
    GList *vital = event_list_find(&queue->vital, name);
    GList *rest = event_list_find(&queue->rest, name);

    if (vital && (!rest || ((Entry *)vital->data)->number < ((Entry *)rest->data)->number))
        return event_queue_unlink(queue, &queue->vital, vital);
    return rest ? event_queue_unlink(queue, &queue->rest, rest) : NULL;
}
