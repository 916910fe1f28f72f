/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/confinement.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "process/confinement-parts.h"
#include "process/failure.h"
#include "process/filters.h"

static bool
read_mode(ConfinementMode *ret_mode, GError **error)
{
    const char *text = g_getenv("MOULT_SECCOMP");

    if (!text || text[0] == '\0' || strcmp(text, "on") == 0)
        *ret_mode = CONFINEMENT_REFUSE;
    else if (strcmp(text, "log") == 0)
        *ret_mode = CONFINEMENT_LOG;
    else if (strcmp(text, "off") == 0)
        *ret_mode = CONFINEMENT_OFF;
    else {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED,
                    "MOULT_SECCOMP is \"%s\": it must be \"on\", \"log\" or \"off\"", text);
        return false;
    }
    return true;
}

static unsigned inherited_filters;

unsigned
confinement_get_inherited_filters(void)
{
    return inherited_filters;
}

bool
confinement_apply(GError **error)
{
    ConfinementMode mode;

    process_filters_count(getpid(), &inherited_filters);
    if (!read_mode(&mode, error) || !confinement_drop_capabilities(error) ||
        !confinement_check_threads(error))
        return false;
    /* Explicit, as it also has to hold where there is no filter. All threads get it with the filter (TSYNC).
     */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        process_set_error_errno(error, errno, "cannot set no_new_privs");
        return false;
    }
    return mode == CONFINEMENT_OFF || confinement_install_filter(mode, error);
}
