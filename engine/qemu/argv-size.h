/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes as QEMU writes them: "512", "1G", "1.5G", "0x20000000".
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * Reads TEXT the way QEMU's util/cutils.c:qemu_strtosz() does: decimal with an optional fraction and an
 * optional suffix B, K, M, G, T, P, E in either case (powers of 1024), or hexadecimal without a suffix.
 * Nothing may follow. DEFAULT_SUFFIX ('B', 'M') is the unit of a number without one. Errors are
 * QEMU_PLAN_ERROR_ARGUMENTS.
 */
bool qemu_size_parse(const char *text, char default_suffix, guint64 *ret_size_bytes, GError **error);
/* As -m does (system/vl.c:parse_memory_options()): a value that ends in a digit is in MiB. */
bool qemu_size_parse_memory(const char *text, guint64 *ret_size_bytes, GError **error);
