/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The node's pools of huge pages.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * Bytes of free huge pages of this size that nobody has reserved, and of those by which the kernel may enlarge the pool when it is
 * asked (nr_overcommit_hugepages). FALSE, and 0, when the kernel has no such pool.
 */
bool process_hugepages_get_free(guint64 page_size_bytes, guint64 *ret_bytes);
