/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks and media that are others than at the start: a CD that was changed or taken out, a disk that was added or has gone,
 * an overlay above an image (a live snapshot). QEMU writes the name of an image out as "json:..." as soon as it cannot
 * be opened by its name alone, so that one without it, of a format that needs no more settings, can be. Which of the
 * settings that are not written into the name it was opened with (discard=, aio=) cannot be read: disk-settings says so.
 */
#include "guest/explain-private.h"

#include <string.h>

#include "guest/explain-nodes.h"
#include "qmp/commands.h"
#include "qmp/json.h"

#define JSON_PREFIX "json:"
#define JSON_DEPTH 64

static const char changed_what[] = "the guest has a disk or medium that its command line does not name:";

/* TRUE when one of the operator's words speaks of FILE. */
static bool
is_mentioned(const QemuArgv *argv, const char *file)
{
    g_autofree char *escaped = qemu_keyval_escape(file);

    for (guint i = 0; i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        const char *text = arg->value ? arg->value : arg->word;
        if (strstr(text, file) || strstr(text, escaped))
            return true;
    }
    return false;
}

/* ---- Drives (-drive, -cdrom ...) ---- */

/* Options that stand for a drive, and what -drive would say for them. */
static const struct {
    const char *option, *settings;
} shorthands[] = {
    {"cdrom", "index=2,media=cdrom"}, {"fda", "if=floppy,index=0"}, {"fdb", "if=floppy,index=1"},
};

/* QEMU names a drive without an id by bus and kind: "ide1-cd0", "floppy0". */
static bool
is_generated_name(const char *option, const char *name)
{
    if (strcmp(option, "cdrom") == 0)
        return g_pattern_match_simple("ide*-cd*", name);
    return strcmp(name, strcmp(option, "fda") == 0 ? "floppy0" : "floppy1") == 0;
}

static bool
is_cdrom_drive(const QemuArg *arg)
{
    return qemu_arg_is(arg, "drive") && g_strcmp0(qemu_keyval_get(arg->settings, "media"), "cdrom") == 0;
}

/* The shorthand, written out, that the drive NAME comes from; NULL: none, or it is not certain. Borrowed. */
static QemuArg *
find_shorthand(Explanation *explanation, const char *name)
{
    QemuArgv *argv = explanation->argv;
    guint n_cdroms = 0;

    for (guint i = 0; i < argv->args->len; i++)
        n_cdroms += qemu_arg_is(g_ptr_array_index(argv->args, i), "cdrom") || is_cdrom_drive(g_ptr_array_index(argv->args, i));
    for (gsize i = 0; i < G_N_ELEMENTS(shorthands); i++) {
        QemuArg *arg = qemu_argv_find(argv, shorthands[i].option);
        if (!arg || !is_generated_name(shorthands[i].option, name) || (i == 0 && n_cdroms != 1))
            continue;
        g_autofree char *escaped = qemu_keyval_escape(arg->value);
        g_autofree char *settings = g_strdup_printf("%s,file=%s", shorthands[i].settings, escaped);
        return qemu_argv_replace(argv, arg, "drive", settings);
    }
    return NULL;
}

static void
collect_key_of_image(const char *key, const char *value G_GNUC_UNUSED, gpointer data)
{
    static const char *const of_image[] = {"file", "format", "driver", "node-name", NULL};

    if (g_strv_contains(of_image, key) || g_str_has_prefix(key, "file.") || g_str_has_prefix(key, "backing"))
        g_ptr_array_add(data, g_strdup(key));
}

/* Takes out everything that tells of the image. */
static void
empty_drive(QemuKeyval *settings)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

    qemu_keyval_foreach(settings, collect_key_of_image, keys);
    for (guint i = 0; i < keys->len; i++)
        qemu_keyval_remove(settings, g_ptr_array_index(keys, i));
}

/* A name that -drive would take for an URL or a protocol ("nbd:...") is not compared. */
static bool
is_plain_path(const char *file)
{
    const char *colon = strchr(file, ':'), *slash = strchr(file, '/');

    return !colon || (slash && slash < colon);
}

static void
set_image(Explanation *explanation, QemuArg *arg, const char *name, const ExplainImage *image)
{
    empty_drive(arg->settings);
    qemu_keyval_set_string(arg->settings, "file", image->file);
    qemu_keyval_set_string(arg->settings, "format", image->driver);
    if (!is_cdrom_drive(arg)) {
        qemu_keyval_remove(arg->settings, "read-only");
        qemu_keyval_set_switch(arg->settings, "readonly", image->read_only);
    }
    explain_carried(explanation, "medium-changed", "a medium that was changed since the guest's start is carried along:",
                    name);
}

/* Whether FILE, "json:..." as QEMU writes what has settings of its own, ends in a node below all formats whose KEY is VALUE. */
static bool
json_ends_in(const char *file, const char *key, const char *value)
{
    const char *text = file + strlen(JSON_PREFIX);
    g_autoptr(json_object) parsed = value ? qmp_json_parse(text, strlen(text), JSON_DEPTH, NULL) : NULL;
    json_object *node = parsed, *inner;

    while ((inner = qmp_json_get_object(node, "file")))
        node = inner;
    return value && g_strcmp0(qmp_json_get_string(node, key), value) == 0;
}

/*
 * A disk without a name of its own in ARG (file.driver=ssh,file.host=...): QEMU makes one up, "ssh://...", "gluster+tcp://..." or
 * "json:...". TRUE: FILE is of that driver. That it is the very same is compared once the new QEMU is up.
 */
static bool
is_of_its_driver(const QemuArg *arg, const char *file)
{
    const char *driver = arg ? qemu_keyval_get(arg->settings, "file.driver") : NULL;

    if (!driver || qemu_keyval_get(arg->settings, "file"))
        return false;
    if (g_str_has_prefix(file, JSON_PREFIX))
        return json_ends_in(file, "driver", driver);
    return !is_plain_path(file) && g_str_has_prefix(file, driver) && strchr(":+", file[strlen(driver)]);
}

static void
look_at_drive(Explanation *explanation, const char *name, json_object *inserted)
{
    QemuArg *arg = explain_find(explanation, "drive", name);
    const char *file = qmp_json_get_string(inserted, "file");
    g_autoptr(ExplainImage) image = NULL;

    if (!arg)
        arg = find_shorthand(explanation, name);
    /* That the image is a temporary one is what its own code says. */
    if (qemu_argv_find(explanation->argv, "snapshot") || (arg && qemu_keyval_is_on(arg->settings, "snapshot")))
        return;
    const char *given = arg ? qemu_keyval_get(arg->settings, "file") : NULL;
    if (!file && given) {
        empty_drive(arg->settings);
        explain_carried(explanation, "medium-changed", "a medium that was taken out since the guest's start is left out:",
                        name);
        return;
    }
    if (!file || g_strcmp0(given, file) == 0 || (given && !is_plain_path(given)) ||
        (!given && is_mentioned(explanation->argv, file)) || is_of_its_driver(arg, file))
        return;
    /* "json:" is what has no short form; the names in there are compared once the new QEMU is up. */
    if (g_str_has_prefix(file, JSON_PREFIX) && (!arg || json_ends_in(file, "filename", given)))
        return;
    image = explain_image_read(inserted);
    if (arg && image)
        set_image(explanation, arg, name, image);
    else
        explain_block(explanation, "medium-changed", changed_what, file);
}

/* ---- What -device says of a node: drive= ---- */

/* "/machine/peripheral/cd0" -> "cd0", and "cd0" itself. */
static const char *
device_id(const char *qdev)
{
    static const char prefix[] = EXPLAIN_PERIPHERAL "/";

    if (!qdev || !g_str_has_prefix(qdev, "/"))
        return qdev;
    if (!g_str_has_prefix(qdev, prefix))
        return NULL;
    return qdev + strlen(prefix);
}

static void
look_at_device(Explanation *explanation, const char *qdev, json_object *inserted)
{
    const char *path = device_id(qdev), *end = path ? strchr(path, '/') : NULL;
    g_autofree char *id = end ? g_strndup(path, (gsize)(end - path)) : g_strdup(path);
    QemuArg *arg = id ? explain_find(explanation, "device", id) : NULL;
    const char *given = arg ? qemu_keyval_get(arg->settings, "drive") : NULL;
    const char *node = qmp_json_get_string(inserted, "node-name"), *file = qmp_json_get_string(inserted, "file");

    if (!arg) {
        /* What has no path is known by the name of its node: "nbd+unix://?socket=..." */
        if (file && !g_str_has_prefix(file, JSON_PREFIX) && !is_mentioned(explanation->argv, file) &&
            !(node && explain_nodes_is_commanded(explanation, node)))
            explain_block(explanation, "medium-changed", changed_what, file);
        return;
    }
    if (g_strcmp0(given, node) == 0 && (!node || *node != '#'))
        return;
    if (!node) {
        qemu_keyval_remove(arg->settings, "drive");
        explain_carried(explanation, "medium-changed", "a medium that was taken out since the guest's start is left out:", id);
        return;
    }
    /* The drive of a -drive if=none has a node without a name of its own. */
    if (given && explain_find(explanation, "drive", given))
        return;
    g_autofree char *name = explain_nodes_name(node, id);
    g_autoptr(ExplainImage) image = *node == '#' ? explain_image_read(inserted) : NULL;
    if (*node == '#' && !image) {
        explain_block(explanation, "medium-changed", changed_what, file ? file : node);
        return;
    }
    if (image)
        explain_append(explanation, "blockdev", explain_image_describe(image, name, NULL));
    qemu_keyval_set_string(arg->settings, "drive", name);
    explain_carried(explanation, "medium-changed", "a medium that was changed since the guest's start is carried along:", id);
}

/* ---- Both ---- */

static void
look_at_bitmaps(Explanation *explanation, json_object *inserted)
{
    json_object *bitmaps = qmp_json_get_array(inserted, "dirty-bitmaps");

    for (size_t i = 0; bitmaps && i < json_object_array_length(bitmaps); i++) {
        json_object *bitmap = json_object_array_get_idx(bitmaps, i);
        const char *name = qmp_json_get_string(bitmap, "name");
        bool persistent = false;
        qmp_json_get_bool(bitmap, "persistent", &persistent);
        if (!persistent) /* others are stored in the image, where the new QEMU finds them */
            explain_block(explanation, "dirty-bitmap", "a disk has a dirty bitmap that only the running QEMU knows:",
                          name ? name : "");
    }
}

static bool
is_drive_listed(json_object *devices, const char *id)
{
    for (size_t i = 0; i < json_object_array_length(devices); i++)
        if (g_strcmp0(qmp_block_get_drive(json_object_array_get_idx(devices, i)), id) == 0)
            return true;
    return false;
}

/* The drive of a device that is unplugged goes with it. */
static void
look_for_removed_drives(Explanation *explanation, json_object *devices)
{
    for (guint i = explanation->argv->args->len; i-- > 0;) {
        QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        const char *id = qemu_arg_is(arg, "drive") ? qemu_keyval_get(arg->settings, "id") : NULL;
        if (!id || is_drive_listed(devices, id))
            continue;
        if (explain_nodes_is_used(explanation, id)) {
            explain_block(explanation, "medium-changed", "a disk was taken away from its device since the guest's start:", id);
            continue;
        }
        explain_carried(explanation, "medium-changed", "a disk that was removed since the guest's start is left out:", id);
        qemu_argv_remove(explanation->argv, arg);
    }
}

void
explain_disks(Explanation *explanation)
{
    g_autoptr(json_object) devices = explain_query(explanation, "query-block", NULL, "disks");

    if (!devices)
        return;
    look_for_removed_drives(explanation, devices);
    explain_nodes(explanation);
    for (size_t i = 0; i < json_object_array_length(devices); i++) {
        json_object *device = json_object_array_get_idx(devices, i);
        json_object *inserted = qmp_json_get_object(device, "inserted");
        const char *name = qmp_block_get_drive(device);
        look_at_bitmaps(explanation, inserted);
        if (name)
            look_at_drive(explanation, name, inserted);
        else
            look_at_device(explanation, qmp_json_get_string(device, "qdev"), inserted);
    }
}
