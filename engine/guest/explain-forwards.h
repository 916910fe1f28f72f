/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Forwarded ports of user networks against those of the definition: hostfwd_add and hostfwd_remove change them at run
 * time, and a new QEMU is given those of the definition.
 */
#pragma once

#include <glib.h>

#include "guest/instance.h"
#include "qemu/argv.h"
#include "qmp/wait.h"

/*
 * What ANSWER, the text of "info usernet", has and DEFINED (GPtrArray of the values of hostfwd=) has not: "tcp 2222-22"
 * each; the other way round too where KNOWS_ALL, marked "removed: ". What is not in the form of a TCP or UDP forward
 * is passed over. Owned, with its free function.
 */
GPtrArray *guest_explain_forwards_compare(const GPtrArray *defined, const char *answer, bool knows_all);

/* The names of its networks, in the order of their making. Owned, with its free function. */
GPtrArray *guest_explain_forwards_networks(const char *answer);
/*
 * What hostfwd= would say of each that ANSWER has for NETWORK: "tcp:127.0.0.1:2222-10.0.2.15:22". NULL: one of them cannot be
 * told. Owned, with its free function.
 */
GPtrArray *guest_explain_forwards_of(const char *answer, const char *network);

/* Whether ARGV gives the guest one. */
bool guest_explain_has_user_network(const QemuArgv *argv);
/*
 * The same as compare() for INSTANCE, whose monitor is asked if ARGV, the guest's own command line (an instance's leaves them
 * out), has a user network. Owned; NULL with ERROR when it does not answer. A forward that waits to be opened again counts
 * as there.
 */
GPtrArray *guest_explain_forwards(const QemuArgv *argv, const GuestInstance *instance, const QmpWait *wait, GError **error);
