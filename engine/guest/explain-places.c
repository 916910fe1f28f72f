/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device that is given no place takes the first that is free. When one of them has been unplugged, those behind it would
 * move up in a new QEMU; so each is told where it is.
 */
#include "guest/explain-private.h"

#include <string.h>

#include "qmp/commands.h"
#include "qmp/json.h"

/* Of PCI (the only one that is a text in JSON too), virtio-serial, SCSI. */
static const char *const places[] = {"addr", "nr", "channel", "scsi-id", "lun"};

/*
 * "  Device 0.2, Port 1.3, Speed 12 Mb/s, Product QEMU USB Keyboard, ID: kbd9": the one thing that tells. A product's name
 * is QEMU's own.
 */
static char *
find_usb_port(const char *listed, const char *id)
{
    g_auto(GStrv) lines = g_strsplit(listed, "\n", -1);
    g_autofree char *end = g_strdup_printf(", ID: %s", id);

    for (char **line = lines; *line; line++) {
        const char *port = strstr(g_strchomp(*line), ", Port ");
        const char *comma = port ? strchr(port + strlen(", Port "), ',') : NULL;
        if (comma && g_str_has_suffix(*line, end))
            return g_strndup(port + strlen(", Port "), (gsize)(comma - port) - strlen(", Port "));
    }
    return NULL;
}

char *
explain_dup_usb_port(const Explanation *explanation, const char *id)
{
    g_autofree char *listed =
        qmp_human_monitor_command(explanation->instance->monitor, "info usb", explanation->wait, NULL);
    g_autofree char *port = listed ? find_usb_port(listed, id) : NULL;

    /* "1.3": of hub and port; anything else is no port. */
    return port && *port && port[strspn(port, G_CSET_DIGITS ".")] == '\0' ? g_steal_pointer(&port) : NULL;
}

static bool
has_place(const QemuKeyval *settings)
{
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        if (qemu_keyval_get(settings, places[i]))
            return true;
    return qemu_keyval_get(settings, "port") != NULL;
}

static bool
is_usb(const char *driver)
{
    static const char *const hosts[] = {"usb-ehci", "usb-bot"};

    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++)
        if (strcmp(driver, hosts[i]) == 0)
            return false;
    return g_str_has_prefix(driver, "usb-");
}

static bool
is_dimm(const char *driver)
{
    return g_str_equal(driver, "pc-dimm") || g_str_equal(driver, "nvdimm");
}

static bool
is_memory(const char *driver)
{
    return is_dimm(driver) || g_str_has_prefix(driver, "virtio-mem");
}

static bool
pin_usb(const Explanation *explanation, QemuKeyval *settings)
{
    const char *id = qemu_keyval_get(settings, "id");
    g_autofree char *port = id ? explain_dup_usb_port(explanation, id) : NULL;

    if (port)
        qemu_keyval_set_string(settings, "port", port);
    return port != NULL;
}

/* A PCI address is read as a number, and written as "slot.function", both hexadecimal. Owned. */
static char *
place_to_text(const char *place, gint64 number)
{
    if (strcmp(place, "addr") == 0)
        return g_strdup_printf("%x.%x", (unsigned)(number >> 3) & 0x1f, (unsigned)number & 7);
    return g_strdup_printf("%" G_GINT64_FORMAT, number);
}

/* FALSE: it has a place that cannot be written down. */
static bool
pin_bus(const Explanation *explanation, QemuKeyval *settings, const char *path)
{
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autoptr(json_object) value =
            qmp_qom_get(explanation->instance->monitor, path, places[i], explanation->wait, NULL);
        if (!value)
            continue;
        if (!json_object_is_type(value, json_type_int) || (i > 0 && qemu_keyval_is_json(settings)))
            return false;
        g_autofree char *text = place_to_text(places[i], json_object_get_int64(value));
        qemu_keyval_set_string(settings, places[i], text);
    }
    return true;
}

/* In the guest's address space: of pc-dimm and nvdimm "addr" is not a place on a bus. */
static bool
pin_memory(const Explanation *explanation, QemuKeyval *settings, const char *path, const char *driver)
{
    static const char *const dimm[] = {"addr", "slot", NULL}, *const virtio[] = {"memaddr", NULL};
    const char *const *names = is_dimm(driver) ? dimm : virtio;

    for (gsize i = 0; names[i]; i++) {
        if (qemu_keyval_get(settings, names[i]))
            continue;
        g_autoptr(json_object) value =
            qmp_qom_get(explanation->instance->monitor, path, names[i], explanation->wait, NULL);
        if (!json_object_is_type(value, json_type_int) || qemu_keyval_is_json(settings))
            return false;
        g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, json_object_get_uint64(value));
        qemu_keyval_set_string(settings, names[i], text);
    }
    return true;
}

static bool
pin(const Explanation *explanation, QemuKeyval *settings, const char *path, const char *driver)
{
    if (is_usb(driver))
        return has_place(settings) || pin_usb(explanation, settings);
    if (is_memory(driver) && !pin_memory(explanation, settings, path, driver))
        return false;
    return is_dimm(driver) || has_place(settings) || pin_bus(explanation, settings, path);
}

/* Those without an id are numbered as they are made: in the order of the command line. */
static char *
dup_path(const QemuKeyval *settings, guint *n_anonymous)
{
    const char *id = qemu_keyval_get(settings, "id");

    return id ? g_strconcat(EXPLAIN_PERIPHERAL "/", id, NULL)
              : g_strdup_printf(EXPLAIN_PERIPHERAL_ANON "/device[%u]", (*n_anonymous)++);
}

/* What is at PATH is what the option says: "virtio-blk" stands for "virtio-blk-pci". */
static bool
is_of_type(const Explanation *explanation, const char *path, const char *driver)
{
    g_autofree char *type =
        qmp_qom_get_string(explanation->instance->monitor, path, "type", explanation->wait, NULL);

    return type && g_str_has_prefix(type, driver);
}

bool
explain_pin_places(Explanation *explanation)
{
    guint n_anonymous = 0;

    for (guint i = 0; i < explanation->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        /* Its device is made behind all others, and can be given no place. */
        if (qemu_arg_is(arg, "drive") && g_strcmp0(qemu_keyval_get(arg->settings, "if"), "virtio") == 0)
            return false;
        const char *driver = qemu_arg_is(arg, "device") ? qemu_keyval_get(arg->settings, "driver") : NULL;
        if (!driver)
            continue;
        g_autofree char *path = dup_path(arg->settings, &n_anonymous);
        bool needs_place = is_memory(driver) || !has_place(arg->settings);
        if (needs_place && (!is_of_type(explanation, path, driver) || !pin(explanation, arg->settings, path, driver)))
            return false;
    }
    return true;
}
