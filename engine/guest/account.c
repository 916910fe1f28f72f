/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking up a guest's user. Supplementary groups come from the user database, as a login would give them (/dev/kvm
 * is often reached through one).
 */
#include "guest/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "guest/error.h"

#define ACCOUNT_BUFFER_BYTES 65536
#define ACCOUNT_MAX_GROUPS 1024

static bool
parse_uid(const char *user, uid_t *ret_uid)
{
    guint64 number = 0;

    if (!g_ascii_string_to_unsigned(user, 10, 0, G_MAXUINT32 - 1, &number, NULL))
        return false;
    *ret_uid = (uid_t)number;
    return true;
}

static bool
find_entry(const char *user, char *buffer, struct passwd *entry)
{
    struct passwd *found = NULL;
    uid_t uid = 0;

    if (getpwnam_r(user, entry, buffer, ACCOUNT_BUFFER_BYTES, &found) == 0 && found)
        return true;
    return parse_uid(user, &uid) && getpwuid_r(uid, entry, buffer, ACCOUNT_BUFFER_BYTES, &found) == 0 && found;
}

bool
guest_account_find(const char *user, GuestAccount *ret_account, GError **error)
{
    if (!user) {
        *ret_account = (GuestAccount){.uid = geteuid(), .gid = getegid()};
        return true;
    }
    g_autofree char *buffer = g_malloc(ACCOUNT_BUFFER_BYTES);
    struct passwd entry;
    if (!find_entry(user, buffer, &entry)) {
        guest_error_set(error, GUEST_ERROR_REFUSED, "user-unknown", "name a user of this host, or leave --user out",
                        "there is no user '%s'", user);
        return false;
    }
    if (entry.pw_uid != geteuid() && geteuid() != 0) {
        guest_error_set(error, GUEST_ERROR_REFUSED, "user-forbidden", "run the engine as root to start guests as other users",
                        "an engine of uid %u cannot start a guest as '%s'", geteuid(), user);
        return false;
    }
    int n_groups = ACCOUNT_MAX_GROUPS;
    g_autofree gid_t *groups = g_new0(gid_t, ACCOUNT_MAX_GROUPS);
    if (getgrouplist(entry.pw_name, entry.pw_gid, groups, &n_groups) < 0)
        n_groups = 1; /* more than we hold: the primary group alone, which is groups[0] */
    *ret_account = (GuestAccount){
        .is_other = entry.pw_uid != geteuid(),
        .uid = entry.pw_uid,
        .gid = entry.pw_gid,
        .groups = g_steal_pointer(&groups),
        .n_groups = (size_t)n_groups,
    };
    return true;
}

bool
guest_account_find_run_as(const char *value, GuestAccount *ret_account, GError **error)
{
    const char *colon = strchr(value, ':');
    g_autofree char *user = colon ? g_strndup(value, (gsize)(colon - value)) : NULL;
    guint64 gid = 0;
    uid_t uid = 0;

    if (!colon || !parse_uid(user, &uid) ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT32 - 1, &gid, NULL))
        return guest_account_find(value, ret_account, error);
    *ret_account = (GuestAccount){.is_other = uid != geteuid(), .uid = uid, .gid = (gid_t)gid};
    return true;
}

void
guest_account_clear(GuestAccount *account)
{
    g_free(account->groups);
    *account = (GuestAccount){0};
}
