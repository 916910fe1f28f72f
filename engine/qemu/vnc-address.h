/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a VNC display listens, in the words of -vnc and -display vnc=: "unix:PATH", "HOST:DISPLAY", with to= a range of
 * displays. Display 0 is port 5900. With reverse=on it is where a viewer listens, and "HOST:PORT".
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "qemu/argv.h"

#define QEMU_VNC_FIRST_PORT 5900
#define QEMU_VNC_FIRST_WEBSOCKET_PORT 5700

typedef struct {
    char *path; /* of a UNIX socket; NULL: TCP, and the rest counts */
    char *host; /* as written, without brackets; "": every address */
    guint16 first_port, last_port;
} QemuVncAddress;

/* Whether QEMU connects, as it starts, to a viewer that listens, and does not listen itself. */
bool qemu_vnc_is_reverse(const QemuKeyval *settings);
/* SETTINGS: of an option that opens VNC. NULL: "none", or no address that is understood. Owned. */
QemuVncAddress *qemu_vnc_address_new(const QemuKeyval *settings);
void qemu_vnc_address_free(QemuVncAddress *address);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuVncAddress, qemu_vnc_address_free)

/*
 * Where the websocket of SETTINGS listens, whose display is at ADDRESS: "on" (a port with the number of a display at one), or
 * "PORT" or "HOST:PORT". NULL: at none that is understood. Owned.
 */
QemuVncAddress *qemu_vnc_websocket_new(const QemuKeyval *settings, const QemuVncAddress *address);

/* Whether ARG opens VNC, be it nowhere ("none"). */
bool qemu_vnc_opens(const QemuArg *arg);
/* The first option of ARGV that opens VNC, and how many do. NULL: none. Borrowed. */
QemuArg *qemu_vnc_find(const QemuArgv *argv, guint *ret_count);
