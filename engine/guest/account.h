/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The user a guest runs as: ids and groups, looked up once before anything is created.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct {
    bool is_other; /* FALSE: the engine's own user; the ids below are then the engine's */
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
} GuestAccount;

/* USER: a name or a number; NULL: the engine's own. Refused (GUEST_ERROR) when unknown or not permitted. */
bool guest_account_find(const char *user, GuestAccount *ret_account, GError **error);
/* VALUE of QEMU's -runas: as above, or "uid:gid", both numbers. */
bool guest_account_find_run_as(const char *value, GuestAccount *ret_account, GError **error);
void guest_account_clear(GuestAccount *account);
