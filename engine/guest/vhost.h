/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's half of a network card: /dev/vhost-net. A descriptor belongs to the process that first uses it, so that the
 * target of an upgrade gets new ones. The engine opens them: QEMU may not be allowed to, in its user, control group or file system.
 */
#pragma once

#include <glib.h>

#include "qemu/plan.h"

/* Owned; -1 with code "net-vhost". */
int guest_vhost_net_open(GError **error);
/* Whether what PLAN asks for can be opened. Nothing is found where it asks for none, or can. */
void guest_vhost_net_look(const QemuPlan *plan, GPtrArray *findings);
