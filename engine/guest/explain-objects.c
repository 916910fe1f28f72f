/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Objects (-object) that came and went since the start. Memory backends: explain-memory.c.
 */
#include "guest/explain-private.h"

#include <string.h>

#include "qmp/commands.h"
#include "qmp/json.h"

#define OURS "moult-"

/* What of them can be read back whole: every setting they have, but for numbers that are as they come. */
static const struct {
    const char *type;
    const char *settings[5];
    gint64 usual[5];
} kinds[] = {
    {"rng-builtin", {NULL}, {0}},
    {"rng-random", {"filename", NULL}, {0}},
    {"throttle-group", {"limits", NULL}, {0}},
    {"iothread", {"poll-max-ns", "poll-grow", "poll-shrink", "aio-max-batch", NULL}, {32768, 0, 0, 0}},
};

static json_object *
describe(const Explanation *explanation, const char *id, gsize kind)
{
    g_autofree char *path = g_strconcat(QMP_QOM_OBJECTS "/", id, NULL);
    json_object *settings = json_object_new_object();

    qmp_json_add_string(settings, "qom-type", kinds[kind].type);
    qmp_json_add_string(settings, "id", id);
    for (gsize i = 0; kinds[kind].settings[i]; i++) {
        const char *name = kinds[kind].settings[i];
        json_object *value = qmp_qom_get(explanation->instance->monitor, path, name, explanation->wait, NULL);
        if (json_object_is_type(value, json_type_int) && json_object_get_int64(value) == kinds[kind].usual[i])
            json_object_put(value);
        else
            qmp_json_add_value(settings, name, value);
    }
    return settings;
}

static void
carry(Explanation *explanation, const char *id, const char *type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (!g_str_equal(kinds[i].type, type))
            continue;
        explain_append(explanation, "object", describe(explanation, id, i));
        explain_carried(explanation, "object-added", "an object that was added since the guest's start is carried along:",
                        id);
        return;
    }
    explain_block(explanation, "object-added", "an object was added since the guest's start:", id);
}

static void
look_for_added(Explanation *explanation, GHashTable *objects)
{
    GHashTableIter iter;
    gpointer name, property_type;

    g_hash_table_iter_init(&iter, objects);
    while (g_hash_table_iter_next(&iter, &name, &property_type)) {
        g_autofree char *type = qmp_qom_dup_child_type(property_type);
        if (!type || g_str_has_prefix(type, EXPLAIN_MEMORY) || g_str_has_prefix(name, OURS) ||
            explain_find(explanation, "object", name))
            continue;
        /* QEMU makes some of its own, which nobody can create. */
        if (!explanation->target || g_hash_table_contains(explanation->target->object_types, type))
            carry(explanation, name, type);
    }
}

static void
look_for_removed(Explanation *explanation, GHashTable *objects)
{
    for (guint i = explanation->argv->args->len; i-- > 0;) {
        QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        const char *id = qemu_arg_is(arg, "object") ? qemu_keyval_get(arg->settings, "id") : NULL;
        const char *type = id ? qemu_keyval_get(arg->settings, "qom-type") : NULL;
        if (!type || g_str_has_prefix(type, EXPLAIN_MEMORY) || g_hash_table_contains(objects, id))
            continue;
        explain_carried(explanation, "object-removed", "an object that was removed since the guest's start is left out:", id);
        qemu_argv_remove(explanation->argv, arg);
    }
}

void
explain_objects(Explanation *explanation)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) objects =
        qmp_qom_list(explanation->instance->monitor, QMP_QOM_OBJECTS, explanation->wait, &error);

    if (!objects) {
        explain_unanswered(explanation, "objects", error);
        return;
    }
    look_for_removed(explanation, objects);
    look_for_added(explanation, objects);
}
