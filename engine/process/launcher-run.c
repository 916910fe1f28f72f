/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/launcher-run.h"

#include <unistd.h>

#include "process/failure.h"

static bool
has_succeeded(const ProcessExit *end, const char *what, GError **error)
{
    if (end->known && end->signal == 0 && end->exit_code == 0)
        return true;
    g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "%s (%d, signal %d)", what, end->exit_code, end->signal);
    return false;
}

bool
launcher_run_self(Launcher *launcher, LauncherRequest request, const char *what, gint64 timeout_ms, GError **error)
{
    ProcessExit end = {0};
    LauncherChild child;

    request.binary = "/proc/self/exe"; /* the launcher's, which is ours */
    request.attributes.die_with_engine = true;
    if (!launcher_spawn(launcher, &request, timeout_ms, &child, error))
        return false;
    bool ended = process_wait_exit(child.pidfd, timeout_ms, -1, &end, error);
    if (!ended)
        process_kill_and_reap(child.pidfd, timeout_ms, NULL, NULL);
    close(child.pidfd);
    return ended && has_succeeded(&end, what, error);
}
