/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VNC viewers that wait for a QEMU to connect to them (-vnc reverse=on). What is said on such a connection cannot go on with another
 * QEMU, so it is ended, and made anew: on the very same socket, which the new QEMU's monitor has been given (getfd), and which is in
 * the network namespace that it was made in. The display then gets it (add_client).
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "guest/instance.h"
#include "qmp/wait.h"

/*
 * ARGUMENTS: those of a QEMU_DEFERRED_VIEWER. The old QEMU is gone, so that INSTANCE's descriptor of the connection is the last one.
 * Nothing to be done where its display has that viewer already. A viewer that listens no more is an error; the socket stays for another
 * attempt.
 */
bool guest_viewer_connect(const GuestInstance *instance, json_object *arguments, const QmpWait *wait, GError **error);
