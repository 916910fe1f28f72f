/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who manages a running QEMU: from its control groups, its command line and its parent.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef enum {
    GUEST_OWNER_MOULT,   /* of another engine */
    GUEST_OWNER_LIBVIRT,
    GUEST_OWNER_PROXMOX,
    GUEST_OWNER_INCUS,   /* LXD too */
    GUEST_OWNER_MACHINE, /* in machine.slice, of a manager that we do not know */
    GUEST_OWNER_SYSTEMD, /* a unit of the service manager's, with this QEMU in it */
    GUEST_OWNER_OTHER    /* a script, a shell, a manager that we do not know */
} GuestOwnerKind;

typedef struct {
    GuestOwnerKind kind;
    char *unit; /* SYSTEMD: "web1.service"; NULL otherwise */
} GuestOwner;

void guest_owner_clear(GuestOwner *owner);
/* COMMAND_LINE: with argv[0]. */
GuestOwner guest_owner_find(pid_t pid, const char *const *command_line);
/* The same from what was read; CGROUPS is the text of /proc/PID/cgroup, PARENT the parent's name ("" unknown). */
GuestOwner guest_owner_judge(const char *cgroups, const char *const *command_line, const char *parent,
                             const char *instance_mark);
/* "moult" "libvirt" "proxmox" "incus" "systemd:web1.service" "other"; owned. */
char *guest_owner_to_string(const GuestOwner *owner);

/*
 * Why a guest of this owner must be left alone: its code, with reason and hint; NULL when it may be adopted. Static.
 */
const char *guest_owner_get_refusal(const GuestOwner *owner, const char **ret_reason, const char **ret_hint);
