/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * History is for people: losing a line never fails an upgrade. Once the file has grown past its bound it is renamed
 * to history.jsonl.1, in place of the one before.
 */
#include "node/history.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/instance.h"
#include "paths/file.h"
#include "qmp/json.h"

#define HISTORY_MAX_BYTES (16 * 1024 * 1024)
#define LINE_MAX_DEPTH 8

static const char *const members[] = {"guest",   "outcome",     "method",      "from",    "to",   "downtime_ms",
                                      "duration_ms", "old_pid", "new_pid", "old_id", "new_id", "code", "message"};

static json_object *
entry_for(const char *uuid, json_object *result)
{
    json_object *entry = json_object_new_object();
    g_autofree char *now = guest_instance_dup_now();

    qmp_json_add_string(entry, "time", now);
    qmp_json_add_string(entry, "uuid", uuid);
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
        json_object *value = NULL;
        if (json_object_object_get_ex(result, members[i], &value) && value)
            json_object_object_add(entry, members[i], json_object_get(value));
    }
    return entry;
}

static void
rotate(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0 || status.st_size < HISTORY_MAX_BYTES)
        return;
    g_autofree char *older = g_strconcat(path, ".1", NULL);
    if (rename(path, older) < 0)
        g_debug("%s: not renamed", path);
}

bool
node_history_append(const PathsDirs *dirs, const char *uuid, json_object *result, GError **error)
{
    g_autoptr(json_object) entry = entry_for(uuid, result);
    g_autofree char *line = g_strconcat(qmp_json_to_text(entry, NULL), "\n", NULL);

    rotate(dirs->history);
    return paths_file_append(dirs->history, line, strlen(line), 0600, error);
}

static void
add_line(json_object *entries, const char *line, const char *guest)
{
    json_object *entry = qmp_json_parse(line, strlen(line), LINE_MAX_DEPTH, NULL);
    const char *name = qmp_json_get_string(entry, "guest");

    if (name && qmp_json_get_string(entry, "time") && qmp_json_get_string(entry, "outcome") &&
        (!guest || g_str_equal(name, guest)))
        json_object_array_add(entries, entry);
    else
        json_object_put(entry);
}

json_object *
node_history_read(const PathsDirs *dirs, const char *guest, guint limit, GError **error)
{
    g_autoptr(json_object) entries = json_object_new_array();
    size_t size = 0;

    if (!g_file_test(dirs->history, G_FILE_TEST_EXISTS))
        return g_steal_pointer(&entries);
    g_autofree char *text = paths_file_read(dirs->history, 2 * HISTORY_MAX_BYTES, &size, error);
    if (!text)
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line)
            add_line(entries, *line, guest);
    size_t length = json_object_array_length(entries);
    if (limit > 0 && length > limit)
        json_object_array_del_idx(entries, 0, length - limit);
    return g_steal_pointer(&entries);
}
