/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks. Two QEMUs may have one image open: its locks move with the guest. What cannot move is a layer that
 * only the running QEMU has.
 */
#include "qemu/rules.h"

#include <string.h>

typedef struct {
    bool vvfat, nvme;
} DriverScan;

static void
look_for_driver(const char *key, const char *value, gpointer data)
{
    DriverScan *scan = data;
    /* "driver", "file.driver", "format"; the pseudo-protocols of -drive file= too. */
    bool names_driver =
        strcmp(key, "driver") == 0 || g_str_has_suffix(key, ".driver") || strcmp(key, "format") == 0;
    bool names_file = strcmp(key, "file") == 0 || g_str_has_suffix(key, "filename");

    if ((names_driver && strcmp(value, "vvfat") == 0) || (names_file && g_str_has_prefix(value, "fat:")))
        scan->vvfat = true;
    if ((names_driver && (strcmp(value, "nvme") == 0 || strcmp(value, "nvme-io_uring") == 0 ||
                          g_str_has_prefix(value, "virtio-blk-v"))) ||
        (names_file && g_str_has_prefix(value, "nvme://")))
        scan->nvme = true;
}

bool
qemu_rule_disk(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error)
{
    DriverScan scan = {false, false};

    qemu_keyval_foreach(arg->settings, look_for_driver, &scan);
    if (scan.vvfat)
        qemu_rules_find(rules, qemu_rules_hinders_upgrade(rules), "disk-vvfat",
                        "put the folder into an image",
                        "“%s %.100s”: a folder shown as a disk cannot be handed over", arg->word, arg->value);
    if (scan.nvme)
        qemu_rules_find(rules, qemu_rules_hinders_upgrade(rules), "device-vfio",
                        "use the host's own driver for the device",
                        "“%s %.100s”: a device of the host is bound to the running QEMU", arg->word,
                        arg->value);
    if (qemu_arg_is(arg, "drive") && qemu_keyval_is_on(arg->settings, "snapshot"))
        return qemu_rule_hinder(rules, rule, arg, error);
    return true;
}
