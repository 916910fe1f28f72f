/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Before the source hands over: is the new QEMU, waiting for its state, really the same machine on the same memory?
 * Each function fails with its code (GuestError) at the first difference.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "guest/instance.h"
#include "qmp/client.h"
#include "qmp/wait.h"

/* The machine type the target has built. */
bool guest_compare_machine(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error);
/*
 * Same memory backends by id and size, plugged at the same places, and every one of them mapped, shared, from the recorded file: looked up in
 * the target's own memory map, not asked of it.
 */
bool guest_compare_memory(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error);
/* The target's CPUs offer every feature the guest has seen on the source's. */
bool guest_compare_cpus(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error);
/* The same of one CPU each, without their number; TARGET may be a trial (qemu_binary_try). */
bool guest_compare_cpu_features(QmpClient *source, QmpClient *target, const QmpWait *wait, GError **error);
/* Same devices by id and type, same disks and media. */
bool guest_compare_devices(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error);

/*
 * Every memory backend of INSTANCE is mapped shared from its recorded file. A backend that has no identity yet
 * (the operator's own file in a fresh guest) gets it here.
 */
bool guest_verify_memory_maps(GuestInstance *instance, GError **error);
