/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where VNC listens now against what the definition says: display-update moves it at run time, and of a range of displays
 * (to=) QEMU has chosen one. Passwords and their expiry cannot be read.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "qemu/keyval.h"

/*
 * SETTINGS: of the option that opens VNC. SERVERS: the "server" of query-vnc-servers, a QEMU's word. FALSE: no option can
 * say that; *RET_NOW is then what it is, for a person. TRUE: *RET_NOW is what -vnc would have to say ("unix:PATH",
 * "HOST:DISPLAY", "none"); NULL: what it says. Of a host's name only the port is compared. Owned.
 */
bool guest_explain_vnc(const QemuKeyval *settings, json_object *servers, char **ret_now);
