/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices and CPUs that came and went since the start. Where the command line is not certain (devices without an id,
 * what options make besides -device), the answer errs towards "explained": before anything is handed over, the new
 * QEMU is compared with the running one (compare.h), and the upgrade fails there, undone, if this was wrong.
 */
#include "guest/explain-private.h"

#include <string.h>

#include "qmp/commands.h"
#include "qmp/json.h"

#define CPU_SUFFIX "-cpu"
#define MAX_PLUGGED 256

/* ---- Plugged ---- */

/* The plugged device whose bus ID sits on; NULL: that of a device which is there from the start. Borrowed. */
static const char *
find_parent(const Explanation *explanation, const char *id)
{
    g_autofree char *path = g_strconcat(EXPLAIN_PERIPHERAL "/", id, NULL);
    g_autofree char *bus =
        qmp_qom_get_string(explanation->instance->monitor, path, "parent_bus", explanation->wait, NULL);
    gpointer parent = NULL;

    if (!bus || !g_str_has_prefix(bus, EXPLAIN_PERIPHERAL "/"))
        return NULL;
    g_auto(GStrv) parts = g_strsplit(bus + strlen(EXPLAIN_PERIPHERAL "/"), "/", 2);
    return g_hash_table_lookup_extended(explanation->plugged, parts[0], &parent, NULL) ? parent : NULL;
}

static void
append_device(Explanation *explanation, const char *id, GHashTable *understood)
{
    const char *type = g_hash_table_lookup(explanation->plugged, id);
    json_object *properties = g_hash_table_lookup(understood, type);
    g_autoptr(GError) error = NULL;

    if (!properties) {
        explain_block(explanation, "device-plugged", "the QEMU to move to has no such device as was plugged:", id);
        return;
    }
    json_object *settings = explain_describe_device(explanation, id, type, properties, &error);
    if (!settings) {
        explain_unanswered(explanation, "a plugged device", error);
        return;
    }
    explain_append(explanation, "device", settings);
    if (g_str_has_suffix(type, CPU_SUFFIX))
        explain_carried(explanation, "cpu-plugged", "a CPU that was plugged since the guest's start is carried along:", id);
    else
        explain_carried(explanation, "device-plugged",
                        "a device that was plugged since the guest's start is carried along:", id);
}

/* A device comes behind the one whose bus it sits on. Done is marked by leaving WAITING. */
static void
append_in_order(Explanation *explanation, GHashTable *waiting, const char *id, GHashTable *understood)
{
    if (!g_hash_table_remove(waiting, id))
        return;
    const char *parent = find_parent(explanation, id);
    if (parent)
        append_in_order(explanation, waiting, parent, understood);
    append_device(explanation, id, understood);
}

static GHashTable *
ask_target(Explanation *explanation)
{
    g_autoptr(GPtrArray) types = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    GHashTableIter iter;
    gpointer type;

    g_hash_table_iter_init(&iter, explanation->plugged);
    while (g_hash_table_iter_next(&iter, NULL, &type))
        if (!g_ptr_array_find_with_equal_func(types, type, g_str_equal, NULL) &&
            g_hash_table_contains(explanation->target->device_types, type))
            g_ptr_array_add(types, type);
    g_ptr_array_add(types, NULL);
    GHashTable *understood =
        qemu_binary_ask_properties(explanation->environment->launcher, explanation->target->path,
                                   (const char *const *)types->pdata, explanation->wait, &error);
    if (!understood)
        explain_unanswered(explanation, "what the devices of the QEMU to move to can be given", error);
    return understood;
}

static gint
compare_ids(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(a, b);
}

static void
carry_plugged(Explanation *explanation)
{
    g_autoptr(GList) ids = g_list_sort(g_hash_table_get_keys(explanation->plugged), compare_ids);
    guint n = g_hash_table_size(explanation->plugged);

    if (n == 0)
        return;
    /* -device takes JSON, which alone keeps numbers and texts apart, since 6.2. */
    const QemuVersion json = {6, 2, 0};
    if (!explanation->target || qemu_version_compare(&explanation->target->version, &json) < 0 || n > MAX_PLUGGED) {
        explain_block(explanation, "device-plugged", "a device was plugged into the guest since its start:",
                      ids->data);
        return;
    }
    g_autoptr(GHashTable) understood = ask_target(explanation);
    if (!understood)
        return;
    g_autoptr(GHashTable) waiting = g_hash_table_new(g_str_hash, g_str_equal);
    for (GList *id = ids; id; id = id->next)
        g_hash_table_add(waiting, id->data);
    for (GList *id = ids; id; id = id->next)
        append_in_order(explanation, waiting, id->data, understood);
}

/* The device that -debugcon makes has that for its id (system/vl.c:debugcon_parse()). */
static bool
is_of_an_option(const Explanation *explanation, const char *id, const char *type)
{
    return strcmp(id, "debugcon") == 0 && strcmp(type, "isa-debugcon") == 0 && qemu_argv_find(explanation->argv, "debugcon");
}

static void
look_for_plugged(Explanation *explanation, GHashTable *children)
{
    GHashTableIter iter;
    gpointer name, property_type;

    g_hash_table_iter_init(&iter, children);
    while (g_hash_table_iter_next(&iter, &name, &property_type)) {
        g_autofree char *type = qmp_qom_dup_child_type(property_type);
        if (type && !explain_find(explanation, "device", name) && !is_of_an_option(explanation, name, type))
            g_hash_table_replace(explanation->plugged, g_strdup(name), g_steal_pointer(&type));
    }
}

/* ---- Unplugged ---- */

/* A device that took the first free place leaves it to the next. */
static bool
look_for_unplugged(Explanation *explanation, GHashTable *children)
{
    bool found = false;

    for (guint i = 0; i < explanation->argv->args->len;) {
        QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        const char *id = qemu_arg_is(arg, "device") ? qemu_keyval_get(arg->settings, "id") : NULL;
        if (!id || g_hash_table_contains(children, id)) {
            i++;
            continue;
        }
        explain_carried(explanation, "device-unplugged",
                        "a device that was unplugged since the guest's start is left out:", id);
        qemu_argv_remove(explanation->argv, arg);
        found = true;
        i = 0; /* the list is another now */
    }
    return found;
}

/* ---- Without an id ---- */

/* -device, and what some options make of themselves. */
static guint
count_anonymous(const QemuArgv *argv)
{
    static const char *const makers[] = {"virtfs", "watchdog"};
    guint n = 0;

    for (guint i = 0; i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (qemu_arg_is(arg, "device") && !qemu_keyval_get(arg->settings, "id"))
            n++;
        if (qemu_arg_is(arg, "drive") && g_strcmp0(qemu_keyval_get(arg->settings, "if"), "virtio") == 0)
            n++;
        for (gsize j = 0; j < G_N_ELEMENTS(makers); j++)
            n += qemu_arg_is(arg, makers[j]);
    }
    return n;
}

/* Which of them are new cannot be told. */
static void
look_for_anonymous(Explanation *explanation, GHashTable *children)
{
    guint expected = count_anonymous(explanation->argv), found = 0;
    GHashTableIter iter;
    gpointer name, type;

    g_hash_table_iter_init(&iter, children);
    while (g_hash_table_iter_next(&iter, &name, &type))
        found += g_str_has_prefix(type, "child<");
    if (found > expected)
        explain_block(explanation, "device-plugged", "a device was plugged into the guest since its start:", "without an id");
}

/* ---- CPUs ---- */

/* How many CPUs -smp starts with; 0: it does not say. */
static guint64
count_cpus(const QemuArgv *argv)
{
    static const char *const factors[] = {"drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads"};
    const char *cpus = qemu_argv_get_merged(argv, "smp", "cpus");
    guint64 product = 1;

    if (!qemu_argv_find(argv, "smp"))
        return 1;
    if (cpus)
        return g_ascii_strtoull(cpus, NULL, 10);
    if (qemu_argv_get_merged(argv, "smp", "maxcpus"))
        return 0;
    for (gsize i = 0; i < G_N_ELEMENTS(factors); i++) {
        const char *value = qemu_argv_get_merged(argv, "smp", factors[i]);
        product *= value ? g_ascii_strtoull(value, NULL, 10) : 1;
    }
    return product;
}

/* Those with an id, given at the start or plugged, come on top of -smp. */
static guint
count_cpu_devices(const Explanation *explanation)
{
    guint n = 0;

    for (guint i = 0; i < explanation->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        const char *driver = qemu_arg_is(arg, "device") ? qemu_keyval_get(arg->settings, "driver") : NULL;
        n += driver && g_str_has_suffix(driver, CPU_SUFFIX);
    }
    return n;
}

static void
explain_cpus(Explanation *explanation)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) cpus = qmp_query_cpus_fast(explanation->instance->monitor, explanation->wait, &error);
    guint64 expected = count_cpus(explanation->argv);

    if (!cpus) {
        explain_unanswered(explanation, "CPUs", error);
        return;
    }
    if (expected == 0 || cpus->len == expected + count_cpu_devices(explanation))
        return;
    g_autofree char *count = g_strdup_printf("%u instead of %" G_GUINT64_FORMAT, cpus->len, expected);
    explain_block(explanation, "cpu-plugged", "CPUs without an id were plugged or unplugged since the guest's start:", count);
}

void
explain_devices(Explanation *explanation)
{
    QmpClient *monitor = explanation->instance->monitor;
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) named = qmp_qom_list(monitor, EXPLAIN_PERIPHERAL, explanation->wait, &error);
    g_autoptr(GHashTable) anonymous =
        named ? qmp_qom_list(monitor, EXPLAIN_PERIPHERAL_ANON, explanation->wait, &error) : NULL;

    if (!anonymous) {
        explain_unanswered(explanation, "devices", error);
        return;
    }
    look_for_plugged(explanation, named);
    if (look_for_unplugged(explanation, named) && !explain_pin_places(explanation))
        explain_block(explanation, "device-unplugged",
                      "a device was unplugged since the guest's start, and the others cannot be told to stay in their places:",
                      "write their addresses into the command line");
    look_for_anonymous(explanation, anonymous);
    carry_plugged(explanation);
    explain_cpus(explanation);
}
