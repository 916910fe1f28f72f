/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plugged device in the words of -device. QEMU does not keep what device_add was given, but every setting can be read
 * back from the device itself. What the next QEMU would make the same without being told is left out; what it would not
 * understand too. That both are the same in the end is not believed but compared, setting by setting, before the guest
 * is handed over (guest_compare_plugged).
 */
#include "guest/explain-private.h"

#include <string.h>

#include "guest/error.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define OBJECTS QMP_QOM_OBJECTS "/"
#define CPU_SUFFIX "-cpu"
#define MAX_PROPERTIES 2048

/* Of every device, and not for -device; and what PCI (since 9.2) and USB devices only tell. */
static const char *const told_only[] = {"type",       "realized", "hotplugged", "hotpluggable",
                                        "parent_bus", "busnr",    "attached",   NULL};
/* A CPU is plugged by its place; what it is says -cpu. */
static const char *const cpu_places[] = {"node-id",   "drawer-id",  "book-id", "socket-id", "die-id",
                                         "cluster-id", "module-id", "core-id", "thread-id", NULL};

/* How much memory it has says its backend (pc-dimm, nvdimm), or the guest (virtio-mem: what it uses of what is requested). */
static bool
is_size_of_memory(const char *name, const char *driver)
{
    return strcmp(name, "size") == 0 &&
           (g_str_equal(driver, "pc-dimm") || g_str_equal(driver, "nvdimm") || g_str_has_prefix(driver, "virtio-mem-"));
}

static bool
is_setting(const char *name, const char *type)
{
    return !g_str_has_prefix(type, "child<") && !g_str_has_prefix(name, "legacy-") && !g_strv_contains(told_only, name) &&
           !strchr(name, '[');
}

/* Experimental ones are the machine type's to set, and go as they come. */
static bool
is_stable(const char *name)
{
    return !g_str_has_prefix(name, "x-");
}

/* What the target says of property NAME; NULL when it does not have it. Borrowed. */
static json_object *
find_understood(json_object *understood, const char *name)
{
    size_t n = json_object_is_type(understood, json_type_array) ? json_object_array_length(understood) : 0;

    for (size_t i = 0; i < n; i++) {
        json_object *property = json_object_array_get_idx(understood, i);
        if (g_strcmp0(qmp_json_get_string(property, "name"), name) == 0)
            return property;
    }
    return NULL;
}

static bool
is_default(json_object *property, json_object *value)
{
    json_object *given = NULL;

    return json_object_object_get_ex(property, "default-value", &given) && json_object_equal(given, value);
}

/* "/objects/iothread0" -> "iothread0": how an option names an object. NULL: none of the operator's. Owned. */
static json_object *
object_name(json_object *value)
{
    const char *path = qmp_json_as_string(value);

    if (!path || !g_str_has_prefix(path, OBJECTS) || strchr(path + strlen(OBJECTS), '/'))
        return NULL;
    return qmp_json_string_new(path + strlen(OBJECTS));
}

/* A text that was not given comes back empty; of a ROM file that says: none. An nvdimm without labels cannot be told to have 0 bytes of them. */
static bool
says_nothing(const char *name, json_object *value)
{
    const char *text = qmp_json_as_string(value);

    if (text)
        return *text == '\0' && strcmp(name, "romfile") != 0;
    return strcmp(name, "label-size") == 0 && json_object_get_int64(value) == 0;
}

/* FALSE with an error only when the monitor fails. */
static bool
add_setting(const Explanation *explanation, const char *path, const char *name, const char *type, json_object *property,
            json_object *settings, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(json_object) value = qmp_qom_get(explanation->instance->monitor, path, name, explanation->wait, &local);

    if (!value) {
        if (g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE) ||
            g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_GARBAGE))
            return true; /* null, or not to be read: nobody has set it */
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    if (g_str_has_prefix(type, "link<"))
        qmp_json_add_value(settings, name, object_name(value));
    else if (!is_default(property, value) && !says_nothing(name, value))
        qmp_json_add_value(settings, name, g_steal_pointer(&value));
    return true;
}

/* ".../rp0/rp0" -> "rp0": buses are named by the last part of their path. */
static bool
add_bus(const Explanation *explanation, const char *path, json_object *settings, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *bus =
        qmp_qom_get_string(explanation->instance->monitor, path, "parent_bus", explanation->wait, &local);
    const char *last = bus ? strrchr(bus, '/') : NULL;

    if (last && last[1] != '\0')
        qmp_json_add_string(settings, "bus", last + 1);
    if (bus || g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE))
        return true; /* a device without a bus: a CPU */
    g_propagate_error(error, g_steal_pointer(&local));
    return false;
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* Of a device of type DRIVER. Sorted, so that one guest always gets one command line. Borrowed from PROPERTIES. */
static GPtrArray *
names_of(GHashTable *properties, const char *driver)
{
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name, type;

    g_hash_table_iter_init(&iter, properties);
    while (g_hash_table_iter_next(&iter, &name, &type))
        if (is_setting(name, type) && !is_size_of_memory(name, driver))
            g_ptr_array_add(names, name);
    g_ptr_array_sort(names, compare_names);
    return names;
}

static bool
add_settings(const Explanation *explanation, const char *path, const char *driver, json_object *understood,
             json_object *settings, GError **error)
{
    bool is_cpu = g_str_has_suffix(driver, CPU_SUFFIX);
    g_autoptr(GHashTable) properties =
        qmp_qom_list(explanation->instance->monitor, path, explanation->wait, error);

    if (!properties)
        return false;
    g_autoptr(GPtrArray) names = names_of(properties, driver);
    if (names->len > MAX_PROPERTIES) {
        guest_error_set(error, GUEST_ERROR_FAILED, "monitor", NULL, "a device with %u settings", names->len);
        return false;
    }
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        json_object *property = find_understood(understood, name);
        if (!property || (is_cpu && !g_strv_contains(cpu_places, name)))
            continue;
        if (!add_setting(explanation, path, name, g_hash_table_lookup(properties, name), property, settings, error))
            return false;
    }
    return true;
}

/* A port that a USB device has taken by itself is not among its settings. */
static bool
add_usb_port(const Explanation *explanation, const char *id, json_object *understood, json_object *settings,
             GError **error)
{
    if (!find_understood(understood, "attached") || qmp_json_get_string(settings, "port"))
        return true;
    g_autofree char *port = explain_dup_usb_port(explanation, id);
    if (port)
        qmp_json_add_string(settings, "port", port);
    else
        guest_error_set(error, GUEST_ERROR_FAILED, "device-plugged", NULL, "the port of a USB device is not known");
    return port != NULL;
}

json_object *
explain_describe_device(const Explanation *explanation, const char *id, const char *type, json_object *understood,
                        GError **error)
{
    g_autoptr(json_object) settings = json_object_new_object();
    g_autofree char *path = g_strconcat(EXPLAIN_PERIPHERAL "/", id, NULL);

    qmp_json_add_string(settings, "driver", type);
    qmp_json_add_string(settings, "id", id);
    if (!add_bus(explanation, path, settings, error) ||
        !add_settings(explanation, path, type, understood, settings, error) ||
        !add_usb_port(explanation, id, understood, settings, error))
        return NULL;
    return g_steal_pointer(&settings);
}

/* ---- Are they the same in the end ---- */

static bool
is_scalar(json_object *value)
{
    return !json_object_is_type(value, json_type_object) && !json_object_is_type(value, json_type_array);
}

static void
set_differs(const char *id, const char *name, json_object *before, json_object *after, GError **error)
{
    g_autofree char *setting = g_strdup_printf("%s.%s", id, name), *quoted = qmp_text_quote(setting, 128);
    g_autofree char *old = qmp_text_quote(qmp_json_to_text(before, NULL), 64);
    g_autofree char *new = qmp_text_quote(after ? qmp_json_to_text(after, NULL) : "not to be had", 64);

    guest_error_set(error, GUEST_ERROR_FAILED, "devices-differ", "unplug it, or plan a restart of the guest",
                    "the plugged device's %s is %s, in the new QEMU %s", quoted, old, new);
}

static bool
same_setting(const GuestInstance *source, const GuestInstance *target, const char *id, const char *path, const char *name,
             const QmpWait *wait, GError **error)
{
    g_autoptr(json_object) before = qmp_qom_get(source->monitor, path, name, wait, NULL);
    /* What was not given may have been for the new one, so that it is the same: the port of a USB device. */
    if (!before || !is_scalar(before) || says_nothing(name, before))
        return true;
    g_autoptr(json_object) after = qmp_qom_get(target->monitor, path, name, wait, NULL);
    if (after && json_object_equal(before, after))
        return true;
    set_differs(id, name, before, after, error);
    return false;
}

static bool
same_device(const GuestInstance *source, const GuestInstance *target, const char *id, const char *driver,
            const QmpWait *wait, GError **error)
{
    g_autofree char *path = g_strconcat(EXPLAIN_PERIPHERAL "/", id, NULL);
    g_autoptr(GHashTable) before = qmp_qom_list(source->monitor, path, wait, error);
    g_autoptr(GHashTable) after = before ? qmp_qom_list(target->monitor, path, wait, error) : NULL;
    if (!after) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "qemu-monitor", NULL, "a plugged device");
        return false;
    }
    g_autoptr(GPtrArray) names = names_of(before, driver);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        if (is_stable(name) && g_hash_table_contains(after, name) &&
            !same_setting(source, target, id, path, name, wait, error))
            return false;
    }
    return same_setting(source, target, id, path, "parent_bus", wait, error);
}

bool
guest_compare_plugged(const GuestPresent *present, const GuestInstance *source, const GuestInstance *target,
                      const QmpWait *wait, GError **error)
{
    GHashTableIter iter;
    gpointer id, type;

    if (!present)
        return true;
    g_hash_table_iter_init(&iter, present->plugged);
    while (g_hash_table_iter_next(&iter, &id, &type)) {
        /* What a CPU has is compared by itself (guest_compare_cpus). */
        if (!g_str_has_suffix(type, CPU_SUFFIX) && !same_device(source, target, id, type, wait, error))
            return false;
    }
    return true;
}
