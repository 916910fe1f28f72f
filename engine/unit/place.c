/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/place.h"

#include <string.h>
#include <unistd.h>

#include "process/read.h"

#define MAX_BYTES 65536
#define USER_MANAGER "user@"
#define SERVICE ".service"

/* "user@1000.service": the unit that a user's manager runs in. */
static bool
parse_user_manager(const char *part, uid_t *ret_uid)
{
    guint64 uid = 0;

    if (!g_str_has_prefix(part, USER_MANAGER) || !g_str_has_suffix(part, SERVICE))
        return false;
    g_autofree char *digits = g_strndup(part + strlen(USER_MANAGER), strlen(part) - strlen(USER_MANAGER) - strlen(SERVICE));
    if (!g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT32 - 1, &uid, NULL))
        return false;
    *ret_uid = (uid_t)uid;
    return true;
}

/* "/system.slice/web1.service", "/user.slice/.../user@7.service/app.slice/web1.service/sub": the innermost service. */
static UnitPlace
parse_path(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    UnitPlace place = {.manager = UNIT_SYSTEM_MANAGER};

    for (char **part = parts; *part; part++) {
        bool is_manager = parse_user_manager(*part, &place.manager);
        /* What runs in the user's own manager directly is nobody's unit. */
        if (!is_manager && !g_str_has_suffix(*part, SERVICE))
            continue;
        g_free(place.service);
        place.service = is_manager ? NULL : g_strdup(*part);
    }
    return place;
}

UnitPlace
unit_place_parse(const char *cgroups)
{
    g_auto(GStrv) lines = g_strsplit(cgroups, "\n", -1);

    for (char **line = lines; *line; line++) {
        const char *path = strchr(*line, '/');
        if (!path || (!strstr(*line, "name=systemd:") && !g_str_has_prefix(*line, "0::")))
            continue;
        UnitPlace place = parse_path(path);
        if (place.service || place.manager != UNIT_SYSTEM_MANAGER)
            return place;
    }
    return (UnitPlace){.manager = UNIT_SYSTEM_MANAGER};
}

UnitPlace
unit_place_find(pid_t pid)
{
    g_autofree char *cgroups = process_read_proc(pid, "cgroup", MAX_BYTES, NULL, NULL);

    return unit_place_parse(cgroups ? cgroups : "");
}

void
unit_place_clear(UnitPlace *place)
{
    g_clear_pointer(&place->service, g_free);
}

static char *
dup_path(uid_t manager, const char *name)
{
    return manager == UNIT_SYSTEM_MANAGER ? g_strdup_printf("/run/systemd/%s", name)
                                          : g_strdup_printf("/run/user/%u/systemd/%s", manager, name);
}

char *
unit_place_dup_bus_path(uid_t manager)
{
    return dup_path(manager, "private");
}

char *
unit_place_dup_notify_path(uid_t manager)
{
    return dup_path(manager, "notify");
}

/* Never in a folder that belongs to another user: what root is for all users' managers is read by that one, too. */
char *
unit_place_dup_unit_folder(uid_t manager)
{
    if (manager == UNIT_SYSTEM_MANAGER)
        return g_strdup("/run/systemd/system");
    return geteuid() == manager ? dup_path(manager, "user") : g_strdup("/run/systemd/user");
}
