/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc/PID/maps, proc(5): "start-end perms offset major:minor inode   path". The kernel writes a newline of
 * a path as \012 and nothing else escaped, so a line is a mapping, whatever the file is called.
 */
#include "process/proc.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "process/identity.h"
#include "process/read.h"

#define MAX_MAPPINGS 65536
#define MAX_MAPS_BYTES (16 * 1024 * 1024)

void
process_mapping_free(ProcessMapping *mapping)
{
    if (!mapping)
        return;
    g_free(mapping->path);
    g_free(mapping);
}

static ProcessMapping *
parse_line(const char *line)
{
    unsigned int device_major, device_minor;
    guint64 start, end, offset, inode;
    char permissions[5];
    int path_at = 0;

    if (sscanf(line,
               "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x %4s %" G_GINT64_MODIFIER
               "x %x:%x %" G_GINT64_MODIFIER "u %n",
               &start, &end, permissions, &offset, &device_major, &device_minor, &inode, &path_at) != 7)
        return NULL;
    if (path_at == 0 || strlen(permissions) != 4 || end < start)
        return NULL;

    ProcessMapping *mapping = g_new0(ProcessMapping, 1);
    mapping->start = start;
    mapping->end = end;
    memcpy(mapping->permissions, permissions, sizeof(permissions));
    mapping->offset = offset;
    mapping->device = makedev(device_major, device_minor);
    mapping->inode = inode;
    mapping->path = line[path_at] ? g_strdup(line + path_at) : NULL;
    return mapping;
}

static bool
append_line(GPtrArray *mappings, const char *line, pid_t pid, GError **error)
{
    ProcessMapping *mapping = mappings->len < MAX_MAPPINGS ? parse_line(line) : NULL;

    if (mapping) {
        g_ptr_array_add(mappings, mapping);
        return true;
    }
    g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "/proc/%d/maps has %s", pid,
                mappings->len < MAX_MAPPINGS ? "a line of an unknown form" : "too many mappings");
    return false;
}

GPtrArray *
process_proc_read_maps(pid_t pid, GError **error)
{
    g_autofree char *text = process_read_proc(pid, "maps", MAX_MAPS_BYTES, NULL, error);
    g_autoptr(GPtrArray) mappings = NULL;
    char *line = text;

    if (!text)
        return NULL;
    mappings = g_ptr_array_new_with_free_func((GDestroyNotify)process_mapping_free);
    while (*line) {
        char *newline = strchr(line, '\n');

        if (newline)
            *newline = '\0';
        if (!append_line(mappings, line, pid, error))
            return NULL;
        if (!newline)
            break;
        line = newline + 1;
    }
    return g_steal_pointer(&mappings);
}

guint64
process_mappings_sum_shared(const GPtrArray *mappings, dev_t device, ino_t inode)
{
    guint64 total = 0;

    for (guint i = 0; i < mappings->len; i++) {
        const ProcessMapping *mapping = g_ptr_array_index(mappings, i);
        if (mapping->device == device && mapping->inode == inode && mapping->permissions[3] == 's' &&
            mapping->permissions[1] == 'w')
            total += mapping->end - mapping->start;
    }
    return total;
}
