/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening what had to wait for the old QEMU's end (qemu/deferred.h). What has been opened leaves the instance's list; what
 * could not be stays on it, and on its record, to be tried again when an engine takes the guest up.
 */
#pragma once

#include <stdbool.h>

#include "guest/instance.h"
#include "qmp/wait.h"

/*
 * TRUE when INSTANCE's list is empty afterwards, and all is as it was; else the error names the first that could not be opened, or (with
 * an empty list) that is not what it was. A port that is not free at once is tried again for about a second.
 */
bool guest_deferred_open(GuestInstance *instance, const QmpWait *wait, GError **error);

/* Whether one of INSTANCE's list is opened by COMMAND, of QMP or, by its first word, of the human monitor: "hostfwd_add". */
bool guest_deferred_awaits(const GuestInstance *instance, const char *command);
/* The lines for the human monitor in INSTANCE's list that begin with PREFIX, each without it. Borrowed, in an owned array. */
GPtrArray *guest_deferred_list_lines(const GuestInstance *instance, const char *prefix);
