/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/probe.h"

#include "guest/error.h"

static const char *
code_for(const GError *error)
{
    if (error->domain != QEMU_BINARY_ERROR)
        return "binary-probe";
    switch ((QemuBinaryError)error->code) {
    case QEMU_BINARY_ERROR_MISSING:
        return "binary-missing";
    case QEMU_BINARY_ERROR_NOT_EXECUTABLE:
        return "binary-not-executable";
    case QEMU_BINARY_ERROR_NOT_QEMU:
        return "binary-not-qemu";
    case QEMU_BINARY_ERROR_TIMED_OUT:
        return "binary-hangs";
    }
    return "binary-probe";
}

QemuBinary *
guest_probe_binary(const GuestEnvironment *environment, const char *path, const QmpWait *wait, GError **error)
{
    g_autoptr(GError) local = NULL;
    QemuBinary *binary = qemu_binary_cache_get(environment->binaries, path, wait, &local);

    if (!binary)
        guest_error_set(error, GUEST_ERROR_REFUSED, code_for(local), "name a working QEMU binary", "%s", local->message);
    return binary;
}
