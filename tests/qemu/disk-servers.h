/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Servers of disks that are reached over a network, each with one file of 64 MiB. They end with the test. What is not fetched or installed
 * skips the running test, saying what gets it. They need root. Include after harness.h.
 */
#pragma once

#include <glib.h>

typedef struct {
    Program *program;
    Program *helper; /* NULL: it needs none */
    guint16 port;    /* of the loopback, for servers that change */
    char *image;     /* the file, in the engine's folder */
    char *drive;     /* what -drive says to open it */
} DiskServer;

void disk_server_free(DiskServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DiskServer, disk_server_free)

/* iSCSI. */
DiskServer *disk_server_start_iscsi(const HarnessEngine *engine);
/* SSH, with a key that only an agent of the test's knows, which is in the environment (SSH_AUTH_SOCK) from now on. */
DiskServer *disk_server_start_ssh(const HarnessEngine *engine);
/* Another one, at the same port, is there in its place from now on: of another key. Who is connected stays so. */
void disk_server_change_key(DiskServer *server, const HarnessEngine *engine);
/* NFS, in the network namespace that the test has entered: its portmapper has one port alone. */
DiskServer *disk_server_start_nfs(const HarnessEngine *engine);
