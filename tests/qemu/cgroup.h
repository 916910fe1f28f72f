/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A control group of a test's own, for root.
 */
#pragma once

#include <stdbool.h>

/*
 * With LIMIT in LIMIT_V1 of a hierarchy of CONTROLLER's own, or in LIMIT_V2 of the one for all. Its folder, owned, which whoever
 * made it removes; NULL where this machine gives none.
 */
char *cgroup_make(const char *controller, const char *limit_v1, const char *limit_v2, const char *limit);
/* FALSE: the kernel does not take it. */
bool cgroup_put(const char *group, const char *name, const char *text);
