/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses at which both QEMUs of an upgrade have sockets of their own, and one listens at a time
 * (guest/listening.h): as the running QEMU's holdings tell them, and on records.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

#include "qemu/holding.h"

/* One at PATH (AF_UNIX) or at HOST and PORT, by no descriptor. PATH or HOST is NULL. */
QemuHolding *qemu_listener_new(int family, const char *path, const char *host, guint16 port);

/* Of HOLDINGS (listeners of TCP, or with a path) where they are: [{"host","port"},{"path"}]; owned. */
json_object *qemu_listeners_to_json(const GPtrArray *holdings);
/*
 * GPtrArray of QemuHolding, listeners with family, host and port, or an absolute path; owned. ARRAY NULL: an empty one. At
 * most 64; NULL when something in it is not of this shape.
 */
GPtrArray *qemu_listeners_from_json(json_object *array);
/* Appends to TO what FROM has. */
void qemu_listeners_append(GPtrArray *to, const GPtrArray *from);
/* Whether SOCKET, which listens or rests, is the one at ADDRESS. A wildcard that rests has an address of the loopback. */
bool qemu_listener_is_at(const QemuHolding *socket, const QemuHolding *address);
