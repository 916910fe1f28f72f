/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text that a peer sent (a QEMU, a control client, a file somebody else wrote), made fit to be shown: in a
 * message, on a terminal, in a log line, in a JSON string of ours.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Long enough for QEMU's longest error messages, short enough for one log line. */
#define QMP_TEXT_MESSAGE_MAX 512

/*
 * TEXT with everything unprintable written out: line ends and tabs as \n, \r, \t, other control characters
 * and bytes that are not UTF-8 as \xNN, other unprintable characters (direction marks, for one) as \u{N}. Cut
 * to at most MAX_BYTES bytes, between characters, the cut shown by "..." within them. No quotation marks are
 * added. TEXT may be NULL (gives ""). Never NULL, always valid UTF-8; owned by the caller.
 */
char *qmp_text_quote(const char *text, size_t max_bytes);

/* As qmp_text_quote, for LENGTH bytes that need not end in NUL and may contain it. */
char *qmp_text_quote_bytes(const void *bytes, size_t length, size_t max_bytes);

/* Whether TEXT is at most MAX_BYTES of UTF-8 without control characters: fit to be a name. */
bool qmp_text_is_plain(const char *text, size_t max_bytes);
