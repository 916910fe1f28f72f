/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks: qapi/block-core.json. */
#include "qmp/commands.h"
#include "qmp/shape.h"

json_object *
qmp_query_block(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call_array(client, "query-block", NULL, wait, error);
}

const char *
qmp_block_get_drive(json_object *block)
{
    const char *name = qmp_json_get_string(block, "device");

    return name && *name ? name : NULL;
}

const char *
qmp_block_get_name(json_object *block)
{
    const char *drive = qmp_block_get_drive(block);

    return drive ? drive : qmp_json_get_string(block, "qdev");
}
