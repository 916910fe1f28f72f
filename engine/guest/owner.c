/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One row an owner: what gives it away, and whether its guests can be taken over. libvirt and Incus hold their guests'
 * monitors for good and take the end of the process they started for the end of the guest; Proxmox leaves
 * VMID.qmp free between its commands and finds its guests by pidfile. The QEMU of a service unit is carried (unit.h), but
 * for one that is a machine of machined's: whoever has registered it there waits for its end.
 */
#include "guest/owner.h"

#include <string.h>

#include "guest/spawn.h"
#include "process/proc.h"
#include "process/read.h"
#include "unit/place.h"

#define MAX_BYTES 65536

typedef struct {
    GuestOwnerKind kind;
    const char *name;
    const char *const *cgroup_words;  /* any of them within /proc/PID/cgroup */
    const char *const *argument_words; /* any of them within an argument */
    const char *const *parents;       /* names of the process that started it */
    const char *code, *reason, *hint; /* NULL: may be adopted */
} Row;

static const char *const none[] = {NULL};
static const char *const libvirt_cgroups[] = {"/machine-qemu\\x2d", "/machine/qemu-", "/libvirt-qemu", ".libvirt-qemu", NULL};
static const char *const libvirt_arguments[] = {"/var/lib/libvirt/qemu/", "/run/libvirt/", "\"id\":\"masterKey0\"", "id=masterKey0", NULL};
static const char *const libvirt_parents[] = {"libvirtd", "virtqemud", NULL};
static const char *const machine_cgroups[] = {"/machine.slice/", NULL};
static const char *const incus_arguments[] = {"/run/incus/", "/var/log/incus/", "/var/lib/incus/", "/var/snap/lxd/", "/var/log/lxd/", "/run/lxd/", NULL};
static const char *const incus_parents[] = {"incusd", "lxd", NULL};
static const char *const proxmox_cgroups[] = {"/qemu.slice/", NULL};
static const char *const proxmox_arguments[] = {"/run/qemu-server/", NULL};

static const Row rows[] = {
    {GUEST_OWNER_LIBVIRT, "libvirt", libvirt_cgroups, libvirt_arguments, libvirt_parents, "owner-libvirt",
     "libvirt holds the guest's monitor, and takes the end of its QEMU for the end of the guest",
     "upgrade it by libvirt's own means: virsh migrate, or managedsave and start"},
    {GUEST_OWNER_INCUS, "incus", none, incus_arguments, incus_parents, "owner-incus",
     "Incus holds the guest's monitor, and takes the end of its QEMU for the end of the guest",
     "upgrade it by Incus' own means: incus move, or a stateful stop and start"},
    {GUEST_OWNER_MOULT, "moult", none, none, none, "owner-moult", "the guest belongs to another moult engine",
     "use that engine's runtime directory: MOULT_RUNTIME_DIR"},
    {GUEST_OWNER_MACHINE, "machine", machine_cgroups, none, none, "owner-machine",
     "the QEMU is registered as a machine by a manager of its own, which takes its end for the machine's",
     "upgrade it by that manager's own means"},
    /* What becomes of its unit is a question for its manager: unit.h. */
    {GUEST_OWNER_SYSTEMD, "systemd", none, none, none, NULL, NULL, NULL},
    {GUEST_OWNER_PROXMOX, "proxmox", proxmox_cgroups, proxmox_arguments, none, NULL, NULL, NULL},
};

void
guest_owner_clear(GuestOwner *owner)
{
    g_free(owner->unit);
    *owner = (GuestOwner){.kind = GUEST_OWNER_OTHER};
}

static bool
holds_any(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strstr(text, *words))
            return true;
    return false;
}

static bool
arguments_hold_any(const char *const *command_line, const char *const *words)
{
    for (; *command_line; command_line++)
        if (holds_any(*command_line, words))
            return true;
    return false;
}

GuestOwner
guest_owner_judge(const char *cgroups, const char *const *command_line, const char *parent, const char *instance_mark)
{
    if (instance_mark)
        return (GuestOwner){.kind = GUEST_OWNER_MOULT};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (holds_any(cgroups, rows[i].cgroup_words) || arguments_hold_any(command_line, rows[i].argument_words) ||
            g_strv_contains(rows[i].parents, parent))
            return (GuestOwner){.kind = rows[i].kind};
    const UnitPlace place = unit_place_parse(cgroups);
    return (GuestOwner){.kind = place.service ? GUEST_OWNER_SYSTEMD : GUEST_OWNER_OTHER, .unit = place.service};
}

GuestOwner
guest_owner_find(pid_t pid, const char *const *command_line)
{
    g_autofree char *cgroups = process_read_proc(pid, "cgroup", MAX_BYTES, NULL, NULL);
    g_auto(GStrv) environment = process_proc_dup_environ(pid, NULL);
    const char *mark = environment ? g_environ_getenv(environment, GUEST_SPAWN_MARK) : NULL;
    pid_t parent = 0;
    g_autofree char *name =
        process_proc_get_parent(pid, &parent, NULL) ? process_read_proc(parent, "comm", 64, NULL, NULL) : NULL;

    return guest_owner_judge(cgroups ? cgroups : "", command_line, name ? g_strchomp(name) : "",
                             /* One that was released has no folder any more. */
                             mark && g_file_test(mark, G_FILE_TEST_IS_DIR) ? mark : NULL);
}

char *
guest_owner_to_string(const GuestOwner *owner)
{
    switch (owner->kind) {
    case GUEST_OWNER_MOULT:
        return g_strdup("moult");
    case GUEST_OWNER_SYSTEMD:
        return g_strconcat("systemd:", owner->unit, NULL);
    case GUEST_OWNER_OTHER:
        return g_strdup("other");
    case GUEST_OWNER_LIBVIRT:
    case GUEST_OWNER_PROXMOX:
    case GUEST_OWNER_INCUS:
    case GUEST_OWNER_MACHINE:
        break;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].kind == owner->kind)
            return g_strdup(rows[i].name);
    g_assert_not_reached();
}

const char *
guest_owner_get_refusal(const GuestOwner *owner, const char **ret_reason, const char **ret_hint)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].kind != owner->kind)
            continue;
        *ret_reason = rows[i].reason;
        *ret_hint = rows[i].hint;
        return rows[i].code;
    }
    return NULL;
}
