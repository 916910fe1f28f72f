/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The AppArmor profile of a process. SELinux contexts are in selinux/.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* Its name, owned; NULL without an error when it is unconfined, or there is no AppArmor. */
char *process_profile_dup(pid_t pid, GError **error);
/* The same from what the kernel shows, "NAME (enforce)\n"; NULL for "unconfined". */
char *process_profile_parse(const char *text);
