/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"

bool
cgroup_put(const char *group, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(group, name, NULL);
    FILE *file = fopen(path, "we");
    bool written = file && fputs(text, file) >= 0;

    return file && fclose(file) == 0 && written;
}

static char *
make_below(const char *root, const char *name, const char *limit)
{
    g_autofree char *group = g_strdup_printf("%s/moult-test-%d", root, getpid());

    if (g_mkdir(group, 0755) < 0)
        return NULL;
    if (cgroup_put(group, name, limit))
        return g_steal_pointer(&group);
    g_rmdir(group);
    return NULL;
}

char *
cgroup_make(const char *controller, const char *limit_v1, const char *limit_v2, const char *limit)
{
    g_autofree char *own = g_build_filename(ROOT, controller, NULL);
    char *group = make_below(own, limit_v1, limit);

    return group ? group : make_below(ROOT, limit_v2, limit);
}
