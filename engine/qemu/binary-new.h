/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a QemuBinary comes to be: internal to the files binary*.c.
 */
#pragma once

#include "qemu/binary.h"
#include "qemu/file-stamp.h"

/* Zeroed; whoever fills it in owns it alone. Incomplete ones may be unreffed. */
QemuBinary *qemu_binary_new(void);

/*
 * Runs the binary at PATH with `-machine none` and asks it. RET_FILES: stamps of the file PATH and of the
 * program files it ran with, NULL when these cannot be told (they changed meanwhile), which makes the answer
 * good for this once. Nothing of it is left running when this returns.
 */
QemuBinary *qemu_binary_probe(Launcher *launcher, const char *path, const QmpWait *wait,
                              GPtrArray **ret_files, GError **error);

/* The cached form, owned. */
json_object *qemu_binary_to_json(const QemuBinary *binary, const GPtrArray *files);
/*
 * Back again. NULL when it is not the cached form of the binary at PATH, whole and written by this version of
 * moult. Does not look at the files. RET_FILES is owned.
 */
QemuBinary *qemu_binary_from_json(json_object *json, const char *path, GPtrArray **ret_files);
