/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/nodes.h"

#include "qmp/client.h"
#include "qmp/json.h"

json_object *
guest_nodes_query(const GuestInstance *source, const QmpWait *wait)
{
    json_object *arguments = json_object_new_object(), *nodes = NULL;

    qmp_json_add_bool(arguments, "flat", true);
    if (!qmp_client_call(source->monitor, "query-named-block-nodes", arguments, wait, &nodes, NULL))
        return NULL;
    if (json_object_is_type(nodes, json_type_array))
        return nodes;
    json_object_put(nodes);
    return NULL;
}
