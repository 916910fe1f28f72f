/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The build without libselinux: there are no labels.
 */
#include "selinux/label.h"

G_DEFINE_QUARK(moult - selinux - label - error - quark, selinux_label_error)

bool
selinux_label_is_active(void)
{
    return false;
}

char *
selinux_label_dup_of_process(pid_t pid G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return NULL;
}

bool
selinux_label_set_file(const char *path G_GNUC_UNUSED, const char *process_context G_GNUC_UNUSED,
                       GError **error G_GNUC_UNUSED)
{
    return true;
}

bool
selinux_label_set_fd(int fd G_GNUC_UNUSED, const char *process_context G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return true;
}

bool
selinux_label_may_run(const char *process_context G_GNUC_UNUSED, const char *binary G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return true;
}
