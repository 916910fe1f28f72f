/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/placeholder.h"

#include "guest/error.h"
#include "guest/netdev-list.h"
#include "qemu/user-networks.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/text.h"

/* What netdev_del says counts less than whether it is gone: an engine that has died may have removed it. */
static bool
is_gone(const GuestInstance *instance, const char *id, const QmpWait *wait, bool *ret_gone, GError **error)
{
    g_autofree char *answer = qmp_human_monitor_command(instance->monitor, "info network", wait, error);

    if (!answer)
        return false;
    g_autoptr(GHashTable) netdevs = guest_netdev_list_read(answer);
    *ret_gone = qmp_human_output_is_whole(answer) && !g_hash_table_contains(netdevs, id);
    return true;
}

bool
guest_placeholder_remove(const GuestInstance *instance, json_object *arguments, const QmpWait *wait, GError **error)
{
    const char *id = qmp_json_get_string(arguments, "id");
    bool gone = false;

    if (!id || !qemu_user_networks_is_placeholder(id) || !qmp_text_is_plain(id, QMP_TEXT_MESSAGE_MAX)) {
        guest_error_set(error, GUEST_ERROR_FAILED, "reopen", NULL, "it is not known which");
        return false;
    }
    g_autofree char *line = g_strconcat("netdev_del ", id, NULL);
    g_autofree char *answer = qmp_human_monitor_command(instance->monitor, line, wait, error);
    if (!answer || !is_gone(instance, id, wait, &gone, error))
        return false;
    if (gone)
        return true;
    g_autofree char *quoted = qmp_text_quote(g_strstrip(answer), QMP_TEXT_MESSAGE_MAX);
    guest_error_set(error, GUEST_ERROR_FAILED, "reopen", NULL, "it is still there: '%s'", quoted);
    return false;
}
