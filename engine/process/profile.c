/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc/PID/attr/apparmor/current since Linux 5.1. The older attr/current belongs to whichever security module there is,
 * which only AppArmor's own switch tells.
 */
#include "process/profile.h"

#include <string.h>

#include "process/identity.h"
#include "process/read.h"

#define MAX_BYTES 65536
#define SWITCH "/sys/module/apparmor/parameters/enabled"

static bool
is_active(void)
{
    g_autofree char *text = process_read_file(SWITCH, 16, NULL, NULL);

    return text && text[0] == 'Y';
}

char *
process_profile_parse(const char *text)
{
    g_autofree char *name = g_strchomp(g_strdup(text));
    char *mode = g_str_has_suffix(name, ")") ? g_strrstr(name, " (") : NULL;

    if (mode)
        *mode = '\0';
    return *name == '\0' || g_str_equal(name, "unconfined") ? NULL : g_steal_pointer(&name);
}

char *
process_profile_dup(pid_t pid, GError **error)
{
    if (!is_active())
        return NULL;
    g_autofree char *text = process_read_proc(pid, "attr/apparmor/current", MAX_BYTES, NULL, NULL);
    if (!text)
        text = process_read_proc(pid, "attr/current", MAX_BYTES, NULL, error);
    return text ? process_profile_parse(text) : NULL;
}
