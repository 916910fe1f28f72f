/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waits for the end of a guest (`run --wait`), whatever becomes of the engine meanwhile.
 */
#pragma once

#include "cli/client.h"
#include "cli/error.h"

/*
 * Waits on CLIENT (taken) until GUEST (io.moult's Guest, as Run returned it) ends. An engine that goes away
 * is looked for again, and started. RET_END gets io.moult's End, owned by the caller; its reason is "unknown"
 * when the guest ended while no engine was there. RET_SIGNAL gets the signal that ended the wait instead,
 * with RET_END untouched; else 0.
 */
bool cli_outlive_wait(CliClient *client, json_object *guest, int signal_fd, json_object **ret_end,
                      int *ret_signal, GError **error);
