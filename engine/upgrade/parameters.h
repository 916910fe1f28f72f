/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migration parameters of the source for the time of an upgrade.
 */
#pragma once

#include "upgrade/session.h"

/* Sets what the method wants, after noting in the record what there was. */
bool upgrade_set_parameters(Upgrade *upgrade, const QmpWait *wait, GError **error);
/* Puts back what upgrade_set_parameters noted; nothing where it did not come so far. */
bool upgrade_restore_parameters(Upgrade *upgrade, const QmpWait *wait, GError **error);
