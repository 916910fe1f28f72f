/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What everything about guests needs from the node: its paths, its tables, the launcher, the known binaries. Owned
 * by the node, borrowed by jobs; each part is thread-safe by itself.
 */
#pragma once

#include "objlist/tables.h"
#include "paths/dirs.h"
#include "process/launcher.h"
#include "qemu/binary.h"

typedef struct {
    const PathsDirs *dirs;
    ObjlistTables *tables;
    Launcher *launcher;
    QemuBinaryCache *binaries;
    int steering_program; /* guest/tap-steering.h; -1: there is none. 0 is none, too */
} GuestEnvironment;
