/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Only what is an image file (or a disk of the host) in raw or qcow2 format is carried along. A node that is part of
 * something else (a filter, an encrypted image, a chain of named nodes) is not.
 */
#include "guest/explain-nodes.h"

#include <string.h>
#include <sys/stat.h>

#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define MAX_PATH_BYTES 4096

static const char *const formats[] = {"raw", "qcow2", NULL};
static const char *const protocols[] = {"file", "host_device", NULL};

void
explain_image_free(ExplainImage *image)
{
    if (!image)
        return;
    g_free(image->file);
    g_free(image->detect_zeroes);
    g_free(image);
}

/* The entry of LIST that TEXT is, which lives as long as the program; NULL: none. */
static const char *
find_in(const char *const *list, const char *text)
{
    for (; *list; list++)
        if (g_strcmp0(*list, text) == 0)
            return *list;
    return NULL;
}

/* The image's own header says the same of its backing file as the running QEMU. */
static bool
has_own_backing(json_object *info)
{
    const char *backing = qmp_json_get_string(info, "backing_file");
    json_object *image = qmp_json_get_object(info, "image");

    return !backing || g_strcmp0(backing, qmp_json_get_string(image, "full-backing-filename")) == 0 ||
           g_strcmp0(backing, qmp_json_get_string(image, "backing-filename")) == 0;
}

ExplainImage *
explain_image_read(json_object *info)
{
    const char *file = qmp_json_get_string(info, "file"), *zeroes = qmp_json_get_string(info, "detect_zeroes");
    const char *driver = find_in(formats, qmp_json_get_string(info, "drv"));
    json_object *cache = qmp_json_get_object(info, "cache");
    bool encrypted = false;

    qmp_json_get_bool(info, "encrypted", &encrypted);
    if (!file || !driver || encrypted || strchr(file, ':') || !qmp_text_is_plain(file, MAX_PATH_BYTES) ||
        !has_own_backing(info))
        return NULL;
    ExplainImage *image = g_new0(ExplainImage, 1);
    image->file = g_strdup(file);
    image->driver = driver;
    image->detect_zeroes = g_strcmp0(zeroes, "off") == 0 ? NULL : g_strdup(zeroes);
    qmp_json_get_bool(info, "ro", &image->read_only);
    qmp_json_get_bool(cache, "direct", &image->direct);
    qmp_json_get_bool(cache, "no-flush", &image->no_flush);
    return image;
}

static json_object *
describe_cache(const ExplainImage *image)
{
    json_object *cache = json_object_new_object();

    qmp_json_add_bool(cache, "direct", image->direct);
    qmp_json_add_bool(cache, "no-flush", image->no_flush);
    return cache;
}

json_object *
explain_image_describe(const ExplainImage *image, const char *node, const char *file_node)
{
    json_object *settings = json_object_new_object(), *file = json_object_new_object();
    struct stat status;
    bool is_device = stat(image->file, &status) == 0 && S_ISBLK(status.st_mode);

    qmp_json_add_string(file, "driver", is_device ? "host_device" : "file");
    qmp_json_add_string(file, "filename", image->file);
    qmp_json_add_string(file, "node-name", file_node);
    qmp_json_add_value(file, "cache", describe_cache(image));
    qmp_json_add_string(settings, "driver", image->driver);
    qmp_json_add_string(settings, "node-name", node);
    qmp_json_add_bool(settings, "read-only", image->read_only);
    qmp_json_add_bool(file, "read-only", image->read_only);
    qmp_json_add_value(settings, "cache", describe_cache(image));
    qmp_json_add_string(settings, "detect-zeroes", image->detect_zeroes);
    qmp_json_add_value(settings, "file", file);
    return settings;
}

/* ---- What the command line knows ---- */

typedef struct {
    const char *name;
    bool found;
} Search;

static void
compare_name(const char *key, const char *value, gpointer data)
{
    Search *search = data;

    if ((strcmp(key, "node-name") == 0 || g_str_has_suffix(key, ".node-name")) && strcmp(value, search->name) == 0)
        search->found = true;
}

bool
explain_nodes_is_commanded(const Explanation *explanation, const char *name)
{
    Search search = {.name = name};

    for (guint i = 0; i < explanation->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        if (qemu_arg_is(arg, "blockdev") || qemu_arg_is(arg, "drive"))
            qemu_keyval_foreach(arg->settings, compare_name, &search);
    }
    return search.found;
}

bool
explain_nodes_is_used(const Explanation *explanation, const char *name)
{
    return qemu_argv_find_with(explanation->argv, "device", "drive", name) != NULL;
}

char *
explain_nodes_name(const char *node, const char *id)
{
    /* At most 31 bytes (block/block-common: 32 with its end). */
    return *node == '#' ? g_strdup_printf("medium-%.24s", id) : g_strdup(node);
}

/* ---- Added ---- */

static bool
is_new(const Explanation *explanation, json_object *node)
{
    const char *name = qmp_json_get_string(node, "node-name");

    return name && *name != '\0' && *name != '#' && !explain_nodes_is_commanded(explanation, name);
}

/* How many other new nodes speak of FILE; RET_PROTOCOL (may be NULL): the name of the file node among them. */
static guint
count_relatives(const Explanation *explanation, json_object *nodes, json_object *self, const char *file,
                const char **ret_protocol)
{
    guint n = 0;

    for (size_t i = 0; i < json_object_array_length(nodes); i++) {
        json_object *node = json_object_array_get_idx(nodes, i);
        if (node == self || !is_new(explanation, node))
            continue;
        bool same = g_strcmp0(qmp_json_get_string(node, "file"), file) == 0;
        bool below = g_strcmp0(qmp_json_get_string(node, "backing_file"), file) == 0;
        if (same && find_in(protocols, qmp_json_get_string(node, "drv")) && ret_protocol)
            *ret_protocol = qmp_json_get_string(node, "node-name");
        else
            n += same || below;
    }
    return n;
}

/* TRUE: a file node, which comes with the format node above it. */
static bool
is_below_format(json_object *nodes, json_object *self)
{
    const char *file = qmp_json_get_string(self, "file");

    if (!find_in(protocols, qmp_json_get_string(self, "drv")))
        return false;
    for (size_t i = 0; file && i < json_object_array_length(nodes); i++) {
        json_object *node = json_object_array_get_idx(nodes, i);
        if (g_strcmp0(qmp_json_get_string(node, "file"), file) == 0 && find_in(formats, qmp_json_get_string(node, "drv")))
            return true;
    }
    return false;
}

static void
look_at_new(Explanation *explanation, json_object *nodes, json_object *node, GPtrArray *settings)
{
    const char *name = qmp_json_get_string(node, "node-name"), *file_node = NULL;
    g_autoptr(ExplainImage) image = explain_image_read(node);

    if (is_below_format(nodes, node))
        return;
    if (!image || count_relatives(explanation, nodes, node, image->file, &file_node) > 0) {
        explain_block(explanation, "medium-changed", "a disk was added since the guest's start that cannot be told whole:",
                      name);
        return;
    }
    g_ptr_array_add(settings, explain_image_describe(image, name, file_node));
    explain_carried(explanation, "medium-changed", "a disk that was added since the guest's start is carried along:", name);
    qemu_findings_add(explanation->findings, QEMU_FINDING_WARN, "disk-settings",
                      "write the disk into the guest's command line if it must have them",
                      "which discard= and aio= a disk was added with cannot be read: it gets QEMU's defaults");
}

/* ---- Removed ---- */

static bool
is_listed(json_object *nodes, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(nodes); i++)
        if (g_strcmp0(qmp_json_get_string(json_object_array_get_idx(nodes, i), "node-name"), name) == 0)
            return true;
    return false;
}

static void
look_for_removed(Explanation *explanation, json_object *nodes)
{
    for (guint i = explanation->argv->args->len; i-- > 0;) {
        QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        const char *name = qemu_arg_is(arg, "blockdev") ? qemu_keyval_get(arg->settings, "node-name") : NULL;
        if (!name || is_listed(nodes, name))
            continue;
        explain_carried(explanation, "medium-changed", "a disk that was removed since the guest's start is left out:", name);
        qemu_argv_remove(explanation->argv, arg);
    }
}

void
explain_nodes(Explanation *explanation)
{
    g_autoptr(GPtrArray) settings = g_ptr_array_new();
    json_object *arguments = json_object_new_object();

    qmp_json_add_bool(arguments, "flat", true);
    g_autoptr(json_object) nodes = explain_query(explanation, "query-named-block-nodes", arguments, "block nodes");
    if (!nodes)
        return;
    look_for_removed(explanation, nodes);
    for (size_t i = 0; i < json_object_array_length(nodes); i++) {
        json_object *node = json_object_array_get_idx(nodes, i);
        if (is_new(explanation, node))
            look_at_new(explanation, nodes, node, settings);
    }
    /* Only now, for each was looked for among the operator's. */
    for (guint i = 0; i < settings->len; i++)
        explain_append(explanation, "blockdev", g_ptr_array_index(settings, i));
}
