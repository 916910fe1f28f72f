/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cookies: what each phase tells the next, kept in the record, so that what recovery reads is what the phases said.
 */
#pragma once

#include "upgrade/session.h"

/* {"session","machine_type","memory":[...],"method","source_was_running"} */
void upgrade_cookie_begin(Upgrade *upgrade);
/* {"domain_id","pid","start_time","command_line":[...]} */
void upgrade_cookie_prepare(Upgrade *upgrade);
/* {MEMBER:[...],...}: what the two QEMUs share or take turns at, each kind by its own member. Takes ARRAY. */
void upgrade_cookie_handover(Upgrade *upgrade, const char *member, json_object *array);
/* NULL: there is no such member. Borrowed. */
json_object *upgrade_cookie_get_handover(const Upgrade *upgrade, const char *member);
/* {"target":[...]}: the capabilities that were switched on there, to be cleared once it has the guest. */
void upgrade_cookie_capabilities(Upgrade *upgrade, const char *const *names);
/* NULL-terminated, owned; NULL: a record of before there was such a cookie. */
char **upgrade_cookie_dup_capabilities(const Upgrade *upgrade);
/* {"completed":true}, and when it stopped (downtime.h) */
void upgrade_cookie_perform(Upgrade *upgrade);
/* {"running"}, and when it resumed */
void upgrade_cookie_finish(Upgrade *upgrade);
/* {"retired":pid} */
void upgrade_cookie_confirm(Upgrade *upgrade);
