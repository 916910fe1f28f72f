/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The user networks of a command line, in the order in which QEMU makes them: by that it numbers their states from 8.2 on. One
 * that was removed before others leaves a number free. A placeholder takes that in a new QEMU, until the guest is there.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "qemu/argv.h"
#include "qemu/plan.h"

/* The ids of those that the rules have named, and of placeholders. */
#define QEMU_USER_NETWORK_NAME QEMU_PLAN_OUR_PREFIX "net%u"
#define QEMU_USER_NETWORK_PLACEHOLDER QEMU_PLAN_OUR_PREFIX "gone%u"

/* The options (QemuArg) of ARGV that make one. Borrowed, in an owned array. */
GPtrArray *qemu_user_networks_list(const QemuArgv *argv);
/* What QEMU calls them: the ids, and "#" for what has none. Borrowed, in an owned array. */
GPtrArray *qemu_user_networks_list_names(const QemuArgv *argv);
/* Whether NAME is not its operator's: QEMU's own ("#net012"), or given by the rules (rules-network-user.c). */
bool qemu_user_networks_is_unnamed(const char *name);
bool qemu_user_networks_is_placeholder(const char *name);
/* Whether A and B are the name of the same: those without one are not told apart. Placeholders are the same as nothing. */
bool qemu_user_networks_is_same(const char *a, const char *b);

/* Inserts placeholder NUMBER, as one that QEMU makes before NETWORK: of -nic and -net, as the last -netdev. */
void qemu_user_networks_insert_placeholder(QemuArgv *argv, const QemuArg *network, guint number);
