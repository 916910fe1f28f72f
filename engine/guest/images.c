/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A node of a file is named by the path that QEMU has opened (block/file-posix.c), and what it has opened is among its descriptors as
 * long as the node exists. So a path that leads to none of them leads to another file. A disk of the host is told by its number, for its
 * file in /dev may be made anew; what a descriptor was given for (/dev/fdset/N) is handed over by that.
 */
#include "guest/images.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/nodes.h"
#include "guest/stat-there.h"
#include "qemu/finding.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define MAX_DESCRIPTORS 65536
#define FDSET_PREFIX "/dev/fdset/"
#define TEMPORARY "*/vl.??????" /* of snapshot=on (block.c:create_tmp_file()): removed as it is opened, and refused as disk-snapshot */
#define HINT "put back the file that the guest has (see /proc/PID/fd), or plan a restart of the guest"
/* What is opened by its path once more when a guest is handed over (file-posix.c:raw_reconfigure_getfd()) is not found there either. */
#define HINT_RELATIVE "put it back; or name it from the root on at the next start: a QEMU in the background (-daemonize) is in /"

/* GArray of struct stat; NULL: they cannot be read. Owned. */
static GArray *
stat_descriptors(pid_t pid)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fd", pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    if (!dir)
        return NULL;
    GArray *opened = g_array_new(FALSE, FALSE, sizeof(struct stat));
    while ((name = g_dir_read_name(dir)) && opened->len < MAX_DESCRIPTORS) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct stat status;
        if (stat(path, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode)))
            g_array_append_val(opened, status);
    }
    return opened;
}

static bool
is_same(const struct stat *one, const struct stat *other)
{
    if (S_ISREG(one->st_mode) != S_ISREG(other->st_mode))
        return false;
    if (!S_ISREG(one->st_mode))
        return one->st_rdev == other->st_rdev;
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

static bool
is_open(const GArray *opened, const struct stat *status)
{
    for (guint i = 0; i < opened->len; i++)
        if (is_same(&g_array_index(opened, struct stat, i), status))
            return true;
    return false;
}

/* The path of NODE, where it is a file's or a disk's of the host; NULL: it is not. Borrowed. */
static const char *
get_path(json_object *node)
{
    static const char *const drivers[] = {"file", "host_device", "host_cdrom", NULL};
    const char *driver = qmp_json_get_string(node, "drv"), *file = qmp_json_get_string(node, "file");

    if (!driver || !g_strv_contains(drivers, driver) || !file || g_str_has_prefix(file, FDSET_PREFIX) ||
        g_pattern_match_simple(TEMPORARY, file))
        return NULL;
    return file;
}

/*
 * The names of flash memory's files that are only read: the content is part of the state, and an update of the firmware's package puts
 * other files there. Whatever opens them (if=pflash, pflash0= of -machine), the device is "/machine/system.flash0" (measured on x86 with
 * 7.2 and 10.0).
 */
static GHashTable *
list_flash(const GuestInstance *source, const QmpWait *wait)
{
    g_autoptr(json_object) devices = qmp_query_block(source->monitor, wait, NULL);
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (size_t i = 0; devices && i < json_object_array_length(devices); i++) {
        json_object *device = json_object_array_get_idx(devices, i), *inserted = qmp_json_get_object(device, "inserted");
        const char *qdev = qmp_json_get_string(device, "qdev"), *file = qmp_json_get_string(inserted, "file");
        bool is_read_only = false;
        qmp_json_get_bool(inserted, "ro", &is_read_only);
        if (is_read_only && file && qdev && g_pattern_match_simple("/machine/*.flash?", qdev))
            g_hash_table_add(names, g_strdup(file));
    }
    return names;
}

/* TRUE: nothing is to be said of it. */
static bool
look_at(const GuestInstance *source, const GArray *opened, GHashTable *flash, const char *file, GPtrArray *findings)
{
    g_autofree char *quoted = qmp_text_quote(file, 256);
    struct stat status;

    if (guest_stat_there(source, file, &status)) {
        if (is_open(opened, &status) || g_hash_table_contains(flash, file))
            return true;
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "disk-file", HINT,
                          "at %s is another file than the one that the guest has: it would go on with another disk", quoted);
    } else if (errno == ENOENT || errno == ENOTDIR) {
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "disk-file", *file == '/' ? HINT : HINT_RELATIVE,
                          "the guest has %s open, and there is no such file (any more)", quoted);
    } else {
        qemu_findings_add(findings, QEMU_FINDING_WARN, "disk-file", NULL, "whether %s is still the guest's cannot be told: %s", quoted,
                          g_strerror(errno));
    }
    return false;
}

void
guest_images_look(const GuestInstance *source, const QmpWait *wait, GPtrArray *findings)
{
    g_autoptr(json_object) nodes = guest_nodes_query(source, wait);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GArray) opened = stat_descriptors(source->process.pid);
    g_autoptr(GHashTable) flash = list_flash(source, wait);
    guint n_good = 0;

    for (size_t i = 0; nodes && i < json_object_array_length(nodes); i++) {
        const char *file = get_path(json_object_array_get_idx(nodes, i));
        if (!file || !g_hash_table_add(seen, (gpointer)file))
            continue;
        if (!opened) {
            qemu_findings_add(findings, QEMU_FINDING_WARN, "disk-file", NULL, "whether the guest's disks are still the files at "
                              "their paths cannot be told: what its QEMU has open cannot be read");
            return;
        }
        n_good += look_at(source, opened, flash, file, findings);
    }
    if (n_good > 0 && n_good == g_hash_table_size(seen))
        qemu_findings_add(findings, QEMU_FINDING_OK, "disk-file", NULL, "the files of the guest's disks are those that it has open: %u",
                          n_good);
}
