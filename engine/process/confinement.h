/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the engine gives up after start: capabilities it never needs and system calls outside a list kept
 * here, beside the code that needs them. The launcher is forked before and is not bound by it.
 *
 * What this is worth: a flaw in the engine (it parses what QEMUs, files and control clients say) does not
 * become code in the kernel, a module, a mount, a traced process or an opened network connection. It does not
 * stop an engine that has been taken over from asking the launcher, in the launcher's own terms, to start a
 * program; the launcher's rights are the price of starting guests as other users in other namespaces.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * Drops capabilities (bounding set too) of the calling thread to those in confinement-capabilities.c. Threads
 * inherit from the one that creates them, and GLib creates one with the first unix signal source or D-Bus
 * use: so call it right after launcher_start(). An engine without capabilities drops nothing, successfully.
 */
bool confinement_drop_capabilities(GError **error);

/*
 * Everything: drops capabilities as above (if that has not been done), verifies that no other thread has kept
 * any, sets no_new_privs, installs the system call filter on all threads. Nothing can be undone; after a
 * failure part may be in force. Everything that needs more (binding privileged things, reading secrets,
 * daemonizing) comes before.
 *
 * The environment's MOULT_SECCOMP: "log" permits what the filter would refuse and has the kernel log it
 * (audit, or dmesg), "off" installs none. A refused call fails with EPERM, or kills the process if nothing of
 * ours could have made it; both are logged by the kernel.
 */
bool confinement_apply(GError **error);

/* FALSE in builds that have no filter (sanitizers make system calls of their own). */
bool confinement_has_filter(void);
/* How many system call filters this process had before confinement_apply gave it one: those of what it runs in. */
unsigned confinement_get_inherited_filters(void);
