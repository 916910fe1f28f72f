/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding an instance's QEMU whose identity is not on record: an engine that is killed between starting it and
 * writing its pid down leaves the mark in its environment (spawn.c).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "paths/instance.h"
#include "process/identity.h"

/* FALSE when no process carries the mark of this instance; with ERROR set, when that was not to be found out. */
bool guest_find_by_mark(const PathsInstance *paths, ProcessIdentity *ret_identity, GError **error);
