/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking a QEMU binary what it can do, with an answer an operator understands when it cannot be asked.
 */
#pragma once

#include "guest/environment.h"
#include "qmp/wait.h"

/*
 * The facts about the binary at PATH; owned. Refused (GUEST_ERROR) with one of the codes binary-missing,
 * binary-not-executable, binary-not-qemu, binary-hangs, binary-probe.
 */
QemuBinary *guest_probe_binary(const GuestEnvironment *environment, const char *path, const QmpWait *wait, GError **error);
