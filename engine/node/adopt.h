/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking over guests that somebody else has started, and letting go of them again.
 */
#pragma once

#include "node/node.h"

/* DOMAIN is borrowed; NULL with ERROR. */
typedef void (*NodeAdoptFunc)(ObjlistDomain *domain, const GError *error, gpointer user_data);
/*
 * The QEMU that has PID, or (0) that listens at the QMP socket MONITOR_PATH (absolute; NULL: the first of its command
 * line that answers), becomes the guest NAME. FUNC is called in the main loop, once.
 */
void node_adopt(Node *node, const char *name, pid_t pid, const char *monitor_path, NodeAdoptFunc func,
                gpointer user_data);

/* Forgets an adopted guest; its QEMU keeps running. Refused: "not-adopted". */
bool node_release(Node *node, const char *name, GError **error);
