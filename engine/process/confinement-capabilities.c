/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The capabilities that an engine run by root keeps.
 *
 * CAP_SETUID, CAP_SETGID, CAP_SYS_ADMIN (namespaces), CAP_SYS_RESOURCE (limits) and the rest of root's are
 * the launcher's alone. CAP_NET_ADMIN is not needed to hand over a TAP: its descriptor is duplicated from the
 * old QEMU.
 */
#include "process/confinement.h"

#include <cap-ng.h>
#include <errno.h>
#include <string.h>

#include "process/confinement-parts.h"
#include "process/failure.h"
#include "process/read.h"

#define MAX_STATUS_BYTES (256 * 1024)

static const unsigned kept[] = {
    CAP_SYS_PTRACE,   /* pidfd_getfd of guests of other users, their /proc/PID/{maps,environ,exe,smaps_rollup}
                       */
    CAP_DAC_OVERRIDE, /* folders of guests (0700, belonging to their user), /proc/PID/fd */
    CAP_CHOWN,        /* giving a guest's user its folder, log and sockets */
    CAP_FOWNER,       /* modes, labels and hard links of files that belong to a guest's user */
    CAP_KILL,         /* ending QEMUs of other users */
    CAP_SYS_NICE,     /* affinity of the vCPU threads of other users' QEMUs */
};

static bool
is_kept(unsigned capability)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
        if (kept[i] == capability)
            return true;
    return false;
}

static bool
fail(const char *what, int result, GError **error)
{
    g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "cannot drop capabilities: %s fails (%d, %s)",
                what, result, g_strerror(errno));
    return false;
}

/* TRUE when there is nothing to drop. */
static bool
has_only_kept(void)
{
    for (unsigned capability = 0; capability <= CAP_LAST_CAP; capability++)
        if (!is_kept(capability) && (capng_have_capability(CAPNG_PERMITTED, capability) ||
                                     capng_have_capability(CAPNG_EFFECTIVE, capability) ||
                                     capng_have_capability(CAPNG_AMBIENT, capability)))
            return false;
    return true;
}

bool
confinement_drop_capabilities(GError **error)
{
    const capng_type_t own_sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED;
    capng_type_t keep[G_N_ELEMENTS(kept)] = {0};
    capng_select_t select = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;
    int result;

    capng_clear(CAPNG_SELECT_ALL);
    if (capng_get_caps_process() < 0)
        return fail("reading them", -1, error);
    if (has_only_kept())
        return true;
    /* No more than there is: an engine in a container may have less. The bounding set takes CAP_SETPCAP to
     * change. */
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
        keep[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]) ? own_sets | CAPNG_BOUNDING_SET : 0;
    if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
        select |= CAPNG_SELECT_BOUNDS;
    capng_clear(select);
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
        if (keep[i])
            capng_update(CAPNG_ADD, keep[i], kept[i]);
    result = capng_apply(select);
    return result == 0 || fail("applying the new sets", result, error);
}

static bool
check_thread(const char *thread, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%s/status", thread);
    g_autofree char *status = process_read_file(path, MAX_STATUS_BYTES, NULL, NULL);
    const char *line = status ? strstr(status, "\nCapPrm:") : NULL;
    guint64 permitted;

    if (!line) /* the thread has ended meanwhile */
        return true;
    permitted = g_ascii_strtoull(line + strlen("\nCapPrm:\t"), NULL, 16);
    for (unsigned capability = 0; capability <= CAP_LAST_CAP; capability++)
        if (permitted & ((guint64)1 << capability) && !is_kept(capability)) {
            g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED,
                        "thread %s has kept capabilities: it was created before they were dropped", thread);
            return false;
        }
    return true;
}

bool
confinement_check_threads(GError **error)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/task", 0, NULL);
    const char *thread;

    if (!dir) {
        g_set_error_literal(error, PROCESS_ERROR, PROCESS_ERROR_FAILED,
                            "cannot list the threads of this process");
        return false;
    }
    while ((thread = g_dir_read_name(dir)))
        if (!check_thread(thread, error))
            return false;
    return true;
}
