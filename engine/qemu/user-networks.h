/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The user networks of a command line, in the order in which QEMU makes them: by that it numbers their states from 8.2 on.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "qemu/argv.h"

/* The options (QemuArg) of ARGV that make one. Borrowed, in an owned array. */
GPtrArray *qemu_user_networks_list(const QemuArgv *argv);
/* What QEMU calls them: the ids, and "#" for what has none. Borrowed, in an owned array. */
GPtrArray *qemu_user_networks_list_names(const QemuArgv *argv);
/* Whether NAME is not its operator's: QEMU's own ("#net012"), or given by the rules (rules-network-user.c). */
bool qemu_user_networks_is_unnamed(const char *name);
