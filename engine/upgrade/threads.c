/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/threads.h"

#include "guest/error.h"
#include "process/threads.h"
#include "qemu/finding.h"

/* For the hand-over: "live_migration" and "return path" on the source, and what either starts for its disks meanwhile. */
#define SPARE_THREADS 8

void
upgrade_threads_check(const GuestInstance *source, GPtrArray *findings)
{
    pid_t pid = source->process.pid;
    g_autoptr(GError) error = NULL;
    g_autofree char *limit = NULL;
    guint64 room = 0;
    guint n = 0;

    if (!process_threads_count(pid, &n, &error) || !process_threads_get_room(pid, &room, &limit, &error))
        qemu_findings_add(findings, QEMU_FINDING_WARN, "thread-limit", NULL, "%s", error->message);
    else if (room < n + SPARE_THREADS)
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "thread-limit", "raise that limit",
                          "%s leaves room for %" G_GUINT64_FORMAT " threads, a second QEMU and the hand-over need up to %u",
                          limit, room, n + SPARE_THREADS);
    else
        qemu_findings_add(findings, QEMU_FINDING_OK, "thread-limit", NULL,
                          "there is room for the %u threads of a second QEMU", n);
}

bool
upgrade_threads_are_free(const GuestInstance *source, GError **error)
{
    g_autofree char *limit = NULL;
    guint64 room = 0;

    /* What cannot be told was a warning before. */
    if (!process_threads_get_room(source->process.pid, &room, &limit, NULL) || room >= SPARE_THREADS)
        return true;
    guest_error_set(error, GUEST_ERROR_FAILED, "thread-limit", "raise that limit",
                    "%s leaves room for %" G_GUINT64_FORMAT " threads, the hand-over needs up to %d", limit, room, SPARE_THREADS);
    return false;
}
