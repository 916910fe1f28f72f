/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which monitor of a QEMU is ours to use: our own, or, of an adopted one that we have not started, its owner's, which
 * is held only for as long as something is to be asked.
 */
#pragma once

#include "guest/instance.h"

/* Path of the socket. Borrowed. */
const char *guest_monitor_get_path(const GuestInstance *instance, const PathsInstance *paths);
/* Whether it is somebody else's, to be given back after use. */
bool guest_monitor_is_borrowed(const GuestInstance *instance);
/*
 * Connects (not yet greeted) and proves that it is this very process that listens there. NULL, and an error: CLOSED,
 * BUSY, or GUEST_ERROR "monitor-foreign".
 */
QmpClient *guest_monitor_connect(const GuestInstance *instance, const PathsInstance *paths, GError **error);
/* The same at PATH. */
QmpClient *guest_monitor_connect_to(const GuestInstance *instance, const char *path, GError **error);
/* Lets go of a borrowed one; keeps one of our own. */
void guest_monitor_give_back(GuestInstance *instance);
