/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ports at which the two QEMUs of an upgrade take turns (guest/listening.h): the source stops for as long as the target
 * takes to start, listens again while the state is handed over, and the target does once the source is gone (confirm.reopen).
 * Where they are is a cookie, so that a recovery lets the source listen again, too.
 */
#pragma once

#include "upgrade/session.h"

/* Notes them: "listeners" in the cookie "handover". */
void upgrade_listeners_note(Upgrade *upgrade);
/* The source stops: the target is about to be started. */
bool upgrade_listeners_make_room(Upgrade *upgrade, GError **error);
/* The target, which has them now, stops, and the source listens again. */
bool upgrade_listeners_give_back(Upgrade *upgrade, GError **error);
/*
 * The source listens again, if it lives. To be called when the target is dead. Idempotent. What cannot listen is on the
 * source's record from then on, to be tried again when an engine takes the guest up.
 */
bool upgrade_listeners_restore(Upgrade *upgrade, GError **error);
