/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "qemu/plan.h"

void
qemu_plan_look_at_path(const char *path, QemuPlanPath *ret_path, gpointer cwd)
{
    g_autofree char *absolute = g_canonicalize_filename(path, cwd);
    struct stat status;
    struct statfs fs;

    if (stat(absolute, &status) < 0 || statfs(absolute, &fs) < 0)
        return;
    if (fs.f_type == HUGETLBFS_MAGIC)
        ret_path->page_size_bytes = (guint64)fs.f_bsize;
    ret_path->is_memory_directory =
        S_ISDIR(status.st_mode) && (fs.f_type == HUGETLBFS_MAGIC || fs.f_type == TMPFS_MAGIC);
}
