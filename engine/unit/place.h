/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which unit of a service manager a process is in, and whose manager that is: the system's, or a user's. From its
 * control groups, as the manager itself tells it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#define UNIT_SYSTEM_MANAGER ((uid_t)-1)

typedef struct {
    char *service; /* "web1.service"; NULL: no service, so that no manager looks after its processes */
    uid_t manager; /* below whose manager it is; UNIT_SYSTEM_MANAGER or a user's */
} UnitPlace;

/* CGROUPS is the text of /proc/PID/cgroup, of either version. */
UnitPlace unit_place_parse(const char *cgroups);
/* Of a running process; no service when it cannot be read. */
UnitPlace unit_place_find(pid_t pid);
void unit_place_clear(UnitPlace *place);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(UnitPlace, unit_place_clear)

/* Where the manager can be spoken to, where it hears its units, and the folder of its units at run time. Owned. */
char *unit_place_dup_bus_path(uid_t manager);
char *unit_place_dup_notify_path(uid_t manager);
char *unit_place_dup_unit_folder(uid_t manager);
