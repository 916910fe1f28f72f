/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removing the network back end that a new QEMU was started with to keep a number taken (qemu/user-networks.h).
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "guest/instance.h"
#include "qmp/wait.h"

/* ARGUMENTS: {"id"}, of a placeholder. TRUE when INSTANCE has none such afterwards, also if it had none; else "reopen". */
bool guest_placeholder_remove(const GuestInstance *instance, json_object *arguments, const QmpWait *wait, GError **error);
