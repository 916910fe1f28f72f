/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pseudo terminals of a guest, once its old QEMU is gone: the new one opens each under the name that it had
 * (qemu/rules-chardev-pty.c). Until then the master of the old one is in the keeping of the new QEMU's
 * monitor, so that nobody else gets its number, and no client is hung up, whatever becomes of the engine.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "guest/instance.h"
#include "qmp/wait.h"

/*
 * ARGUMENTS: those of a QEMU_DEFERRED_TERMINAL. TRUE: INSTANCE has a terminal there, now or already (or
 * something else, which somebody has given it since). *RET_REMARK, which comes NULL, is set where it is not
 * as it was: with another number, for a client of the old one had that open for a second more, or with
 * another owner.
 */
bool guest_terminal_open(const GuestInstance *instance, json_object *arguments, const QmpWait *wait,
                         GError **ret_remark, GError **error);
