/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shorthands of -serial, -parallel, -debugcon, -monitor and -qmp ("unix:/path,server=on", "mon:stdio"),
 * written out as the argument of -chardev that means the same.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "qemu/keyval.h"

/*
 * The settings of -chardev for TEXT, under ID; *RET_WITH_MONITOR when a human monitor shares the device
 * ("mon:"). NULL when TEXT is "none", "chardev:ID", or not understood. Owned.
 * Source: chardev/char.c:qemu_chr_parse_compat(), QEMU 7.2 and 10.0.
 */
QemuKeyval *qemu_chardev_text_expand(const char *text, const char *id, bool *ret_with_monitor);
