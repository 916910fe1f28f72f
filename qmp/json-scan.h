/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the end of one JSON text in a byte stream, in one pass and constant memory, and refuses on the way
 * what json-c would let through or could not afford. Internal to qmp/.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    QMP_JSON_SCAN_MORE,     /* all bytes taken, the text goes on */
    QMP_JSON_SCAN_COMPLETE, /* the outermost bracket is closed */
    QMP_JSON_SCAN_FAILED    /* `problem` says why; stays so */
} QmpJsonScanResult;

typedef enum {
    QMP_JSON_SCAN_IN_START,
    QMP_JSON_SCAN_IN_PLAIN,
    QMP_JSON_SCAN_IN_STRING,
    QMP_JSON_SCAN_IN_ESCAPE,
    QMP_JSON_SCAN_IN_HEX,
    QMP_JSON_SCAN_IN_UTF8
} QmpJsonScanState;

/* Embedded; every field but `cost_bytes` and `problem` is the scanner's own. */
typedef struct {
    QmpJsonScanState state;
    QmpJsonScanResult result;
    guint depth, max_depth;
    size_t cost_bytes,
        max_cost_bytes;  /* memory that the parsed text is going to take, estimated from above */
    const char *problem; /* static text */
    guint token_bytes;   /* length of the number or word being read */
    guint8 last;         /* its last byte */
    guint hex_digits;
    guint hex_value;
    guint utf8_left;
    guint8 utf8_low, utf8_high; /* bounds of the next continuation byte */
} QmpJsonScan;

void qmp_json_scan_init(QmpJsonScan *scan, guint max_depth, size_t max_cost_bytes);

/* Takes bytes up to and including the last of the text. RET_USED: how many it took, also on failure. */
QmpJsonScanResult qmp_json_scan_feed(QmpJsonScan *scan, const char *bytes, size_t length, size_t *ret_used);

static inline bool
qmp_json_scan_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
