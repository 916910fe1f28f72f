/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Huge pages for a test: pages of 2 MiB taken into the node's pool and given back, and a hugetlbfs of the test's own. They are
 * the machine's: a test that takes some runs alone. Include after harness.h.
 */
#pragma once

#include "harness.h"

#define HUGEPAGE_MIB 2

/*
 * A mount namespace of this program's own without any hugetlbfs, so that moult finds the test's. False without the right to
 * have one. To be called first.
 */
bool hugepages_leave_other_mounts(void);

/* Adds N pages to the pool for the running test, which is skipped where the kernel has not as many. */
void hugepages_take(unsigned n);
/* At the end of the test, whose engine has ended: the pool is as it was, and nothing of it is in use by the test. */
void hugepages_give_back(void);
/* Pages that nobody has and nobody has reserved. */
unsigned hugepages_count_free(void);

/* Mounts a hugetlbfs with pages of SIZE ("2M") in ENGINE's folder; false when the kernel has none of that size. */
bool hugepages_mount(HarnessEngine *engine, const char *size);

/* Fails unless the files on the engine's hugetlbfs are these: "ID/BACKEND", sorted, blank-separated. */
void assert_hugepage_files(const HarnessEngine *engine, const char *names);
