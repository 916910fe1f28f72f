/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the engine gives up after start: capabilities it never needs and system calls outside a list kept here,
 * beside the code that needs them. The launcher is forked before and is not bound by it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Drops capabilities (bounding set too), sets no_new_privs, installs the system call filter on all threads. */
bool confinement_apply(GError **error);
