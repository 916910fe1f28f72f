/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The events a client has not looked at yet, in order, bounded in number and memory. Internal to qmp/.
 */
#pragma once

#include "qmp/client.h"

typedef struct QmpEventQueue QmpEventQueue;

QmpEventQueue *qmp_event_queue_new(void);
void qmp_event_queue_free(QmpEventQueue *queue);

/* Takes EVENT, which is estimated at COST_BYTES of memory; may drop it or older ones (see qmp/client.h). */
void qmp_event_queue_push(QmpEventQueue *queue, QmpEvent *event, size_t cost_bytes);
/* The oldest event called NAME (NULL: any), owned by the caller, or NULL. */
QmpEvent *qmp_event_queue_pop(QmpEventQueue *queue, const char *name);
