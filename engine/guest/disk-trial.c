/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A driver without a single setting opens nothing, and says which it lacks; of one that is not there QEMU says "Unknown driver"
 * (block.c:bdrv_fill_options(), 7.2 to 10.0), whether it was left out, or its module is not installed or cannot be loaded.
 */
#include "guest/disk-trial.h"

#include <string.h>

#include "guest/nodes.h"
#include "qemu/finding.h"
#include "qmp/commands.h"
#include "qmp/json.h"

/* In packages of their own (qemu-block-extra, qemu-block-rbd, ...). */
static const char *const packed[] = {"http", "https", "ftp", "ftps", "iscsi", "ssh", "rbd", "gluster", "nfs"};

typedef struct {
    bool has[G_N_ELEMENTS(packed)];     /* the guest */
    bool is_lacking[G_N_ELEMENTS(packed)]; /* the binary */
} Drivers;

/* FALSE: none of them. */
static bool
find_drivers(const GuestInstance *source, const QmpWait *wait, Drivers *drivers)
{
    g_autoptr(json_object) nodes = guest_nodes_query(source, wait);
    bool found = false;

    for (size_t i = 0; nodes && i < json_object_array_length(nodes); i++) {
        const char *driver = qmp_json_get_string(json_object_array_get_idx(nodes, i), "drv");
        for (size_t j = 0; j < G_N_ELEMENTS(packed); j++) {
            if (g_strcmp0(driver, packed[j]) == 0)
                drivers->has[j] = found = true;
        }
    }
    return found;
}

static bool
ask(QmpClient *trial, const QmpWait *wait, gpointer data, GError **error)
{
    Drivers *drivers = data;

    for (size_t i = 0; i < G_N_ELEMENTS(packed); i++) {
        if (!drivers->has[i])
            continue;
        g_autofree char *line = g_strconcat("drive_add 0 if=none,file.driver=", packed[i], NULL);
        g_autofree char *answer = qmp_human_monitor_command(trial, line, wait, error);
        if (!answer)
            return false;
        drivers->is_lacking[i] = strstr(answer, "Unknown driver") != NULL;
    }
    return true;
}

static void
report(const Drivers *drivers, const QemuBinary *binary, GPtrArray *findings)
{
    for (size_t i = 0; i < G_N_ELEMENTS(packed); i++) {
        if (drivers->is_lacking[i])
            qemu_findings_add(findings, QEMU_FINDING_BLOCK, "disk-driver",
                              "install what brings it (qemu-block-extra, for one), of this QEMU's very version, or choose another QEMU",
                              "a disk of the guest is opened by “%s”, which QEMU %s (%s) does not have", packed[i], binary->version_text,
                              binary->path);
        else if (drivers->has[i])
            qemu_findings_add(findings, QEMU_FINDING_OK, "disk-driver", NULL, "QEMU %s has “%s”, by which a disk of the guest is opened",
                              binary->version_text, packed[i]);
    }
}

/* Modules that the guest's own environment leads to are not those that the engine's does. */
static bool
has_modules_of_its_own(const GuestInstance *source)
{
    return g_environ_getenv(source->definition->environment, "QEMU_MODULE_DIR") ||
           g_environ_getenv(source->definition->environment, "LD_LIBRARY_PATH");
}

void
guest_try_disks(const GuestEnvironment *environment, const GuestInstance *source, const QemuBinary *binary, const QmpWait *wait,
                GPtrArray *findings)
{
    static const char *const arguments[] = {"-machine", "none,accel=tcg:kvm", NULL};
    Drivers drivers = {0};
    g_autoptr(GError) error = NULL;

    if (has_modules_of_its_own(source) || !find_drivers(source, wait, &drivers))
        return;
    if (qemu_binary_try(environment->launcher, binary->path, arguments, ask, &drivers, wait, &error))
        report(&drivers, binary, findings);
    else
        g_debug("a trial of disk drivers: %s", error->message);
}
