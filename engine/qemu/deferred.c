/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/deferred.h"

#include <string.h>

#include "qemu/listeners.h"
#include "qmp/json.h"

#define MAX_DEFERRED 256

QemuDeferred *
qemu_deferred_new(const char *what, const char *before, const char *command, json_object *arguments)
{
    QemuDeferred *deferred = g_new(QemuDeferred, 1);

    *deferred = (QemuDeferred){.what = g_strdup(what),
                               .before = g_strdup(before),
                               .command = g_strdup(command),
                               .arguments = arguments};
    return deferred;
}

QemuDeferred *
qemu_deferred_new_human(const char *what, const char *before, const char *line)
{
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "command-line", line);
    return qemu_deferred_new(what, before, "human-monitor-command", arguments);
}

QemuDeferred *
qemu_deferred_new_listen(const char *what, const GPtrArray *listeners)
{
    json_object *arguments = json_object_new_object();

    qmp_json_add_value(arguments, "addresses", qemu_listeners_to_json(listeners));
    return qemu_deferred_new(what, NULL, QEMU_DEFERRED_LISTEN, arguments);
}

QemuDeferred *
qemu_deferred_new_viewer(const char *what, const QemuHolding *connection, const char *fd_name)
{
    json_object *arguments = json_object_new_object();
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();

    g_ptr_array_add(addresses, (gpointer)connection);
    qmp_json_add_value(arguments, "addresses", qemu_listeners_to_json(addresses));
    qmp_json_add_int64(arguments, "inode", (gint64)connection->inode);
    qmp_json_add_string(arguments, "fdname", fd_name);
    return qemu_deferred_new(what, NULL, QEMU_DEFERRED_VIEWER, arguments);
}

QemuDeferred *
qemu_deferred_new_netdev(const char *id)
{
    json_object *arguments = json_object_new_object();
    g_autofree char *what = g_strconcat("removal of the placeholder ", id, NULL);

    qmp_json_add_string(arguments, "id", id);
    return qemu_deferred_new(what, NULL, QEMU_DEFERRED_NETDEV, arguments);
}

QemuDeferred *
qemu_deferred_new_terminal(const char *what, const char *id, const QemuTerminal *terminal, const char *fd_name, json_object *data)
{
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "id", id);
    qmp_json_add_int64(arguments, "number", terminal->number);
    qmp_json_add_int64(arguments, "filesystem", (gint64)terminal->file_system);
    qmp_json_add_int64(arguments, "uid", terminal->uid);
    qmp_json_add_int64(arguments, "gid", terminal->gid);
    qmp_json_add_int64(arguments, "mode", terminal->mode);
    qmp_json_add_string(arguments, "fdname", fd_name);
    qmp_json_add_value(arguments, "data", data);
    return qemu_deferred_new(what, NULL, QEMU_DEFERRED_TERMINAL, arguments);
}

GPtrArray *
qemu_deferred_dup_listeners(const QemuDeferred *deferred)
{
    bool listens = strcmp(deferred->command, QEMU_DEFERRED_LISTEN) == 0;

    return qemu_listeners_from_json(listens ? qmp_json_get_array(deferred->arguments, "addresses") : NULL);
}

void
qemu_deferred_free(QemuDeferred *deferred)
{
    if (!deferred)
        return;
    g_free(deferred->what);
    g_free(deferred->before);
    g_free(deferred->command);
    json_object_put(deferred->arguments);
    json_object_put(deferred->handed);
    g_free(deferred);
}

GPtrArray *
qemu_deferred_list_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)qemu_deferred_free);
}

GPtrArray *
qemu_deferred_list_copy(const GPtrArray *list)
{
    GPtrArray *copy = qemu_deferred_list_new();

    for (guint i = 0; i < list->len; i++) {
        const QemuDeferred *one = g_ptr_array_index(list, i);
        QemuDeferred *other = qemu_deferred_new(one->what, one->before, one->command, json_object_get(one->arguments));
        other->handed = json_object_get(one->handed);
        g_ptr_array_add(copy, other);
    }
    return copy;
}

json_object *
qemu_deferred_list_to_json(const GPtrArray *list)
{
    json_object *array = json_object_new_array();

    for (guint i = 0; i < list->len; i++) {
        const QemuDeferred *one = g_ptr_array_index(list, i);
        json_object *object = json_object_new_object();
        qmp_json_add_string(object, "what", one->what);
        qmp_json_add_string(object, "before", one->before);
        qmp_json_add_string(object, "command", one->command);
        if (one->arguments)
            json_object_object_add(object, "arguments", json_object_get(one->arguments));
        if (one->handed)
            json_object_object_add(object, "handed", json_object_get(one->handed));
        json_object_array_add(array, object);
    }
    return array;
}

GPtrArray *
qemu_deferred_list_from_json(json_object *array)
{
    g_autoptr(GPtrArray) list = qemu_deferred_list_new();
    size_t length = array ? json_object_array_length(array) : 0;

    for (size_t i = 0; i < length; i++) {
        json_object *object = json_object_array_get_idx(array, i);
        const char *what = qmp_json_get_string(object, "what");
        const char *command = qmp_json_get_string(object, "command");
        if (!what || !command || i >= MAX_DEFERRED)
            return NULL;
        QemuDeferred *one = qemu_deferred_new(what, qmp_json_get_string(object, "before"), command,
                                              json_object_get(qmp_json_get_object(object, "arguments")));
        one->handed = json_object_get(qmp_json_get_object(object, "handed"));
        g_ptr_array_add(list, one);
    }
    return g_steal_pointer(&list);
}
