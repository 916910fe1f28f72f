/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/trim.h"

#include <malloc.h>

#include "node/state.h"

static gboolean
trim(gpointer data)
{
    Node *node = data;

    node->trim_id = 0;
    if (node->n_workers == 0) /* otherwise the last of them asks again */
        malloc_trim(0);
    return G_SOURCE_REMOVE;
}

void
node_trim_soon(Node *node)
{
    if (node->trim_id == 0)
        node->trim_id = g_idle_add_full(G_PRIORITY_LOW, trim, node, NULL);
}

void
node_trim_stop(Node *node)
{
    if (node->trim_id)
        g_source_remove(node->trim_id);
    node->trim_id = 0;
}
