/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk behind HTTP, as QEMU reads one: a server of one file of RANGE_SERVER_BYTES zeroes that answers for ranges (RFC 9110, 14). It ends
 * with the program. Include after harness.h.
 */
#pragma once

#include <glib.h>

#define RANGE_SERVER_BYTES (8 << 20)

/* Its port of 127.0.0.1. */
guint16 range_server_start(void);
/* How often it was asked for a part of the file. */
guint range_server_count(void);
