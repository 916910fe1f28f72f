/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A byte-at-a-time automaton. It knows strings, brackets and the alphabet outside of strings, not the
 * grammar: json-c checks that afterwards, once the whole text is there. Why not json-c alone (0.16, its
 * strict mode):
 *  - its UTF-8 check forgets its state where the input is split, and lets overlong forms and surrogates pass;
 *  - it takes NaN, Infinity, 'single quotes' and "1.", which would come out again as invalid JSON of ours;
 *  - it takes \u0000: keys are cut there, and values are no longer C strings;
 *  - it has no idea of cost: "[{},{},..." grows 250-fold when parsed.
 */
#include "qmp/json-scan.h"

/* json-c 0.16 on 64 bits: an empty object is 800 bytes (a table of 16 entries); a member its share of a grown
   table, its name and its value. */
#define COST_OBJECT_BYTES 1024
#define COST_VALUE_BYTES 256
/* No number or word of any use is longer; bounds json-c's conversions. */
#define TOKEN_MAX_BYTES 64

void
qmp_json_scan_init(QmpJsonScan *scan, guint max_depth, size_t max_cost_bytes)
{
    *scan = (QmpJsonScan){
        .state = QMP_JSON_SCAN_IN_START, .max_depth = max_depth, .max_cost_bytes = max_cost_bytes};
}

static void
scan_fail(QmpJsonScan *scan, const char *problem)
{
    scan->result = QMP_JSON_SCAN_FAILED;
    scan->problem = problem;
}

static void
scan_add_cost(QmpJsonScan *scan, size_t bytes)
{
    scan->cost_bytes += bytes;
    if (scan->cost_bytes > scan->max_cost_bytes)
        scan_fail(scan, "too large");
}

static void
scan_open(QmpJsonScan *scan, bool is_object)
{
    scan->state = QMP_JSON_SCAN_IN_PLAIN;
    if (++scan->depth > scan->max_depth)
        scan_fail(scan, "nested too deep");
    else
        scan_add_cost(scan, COST_VALUE_BYTES + (is_object ? COST_OBJECT_BYTES : 0));
}

static void
scan_close(QmpJsonScan *scan)
{
    if (--scan->depth == 0)
        scan->result = QMP_JSON_SCAN_COMPLETE;
}

/* One byte of a number, or of true, false, null. */
static void
scan_token(QmpJsonScan *scan, guint8 c)
{
    bool follows_dot = scan->token_bytes > 0 && scan->last == '.';

    if (!g_ascii_isdigit(c) && follows_dot)
        scan_fail(scan, "not a number");
    else if (++scan->token_bytes > TOKEN_MAX_BYTES)
        scan_fail(scan, "number too long");
    scan->last = c;
}

static void
scan_end_token(QmpJsonScan *scan)
{
    if (scan->token_bytes > 0 && scan->last == '.')
        scan_fail(scan, "not a number");
    scan->token_bytes = 0;
}

static void
scan_plain(QmpJsonScan *scan, guint8 c)
{
    if (g_ascii_islower(c) || g_ascii_isdigit(c) || c == '+' || c == '-' || c == '.' || c == 'E') {
        scan_token(scan, c);
        return;
    }
    scan_end_token(scan);
    if (scan->result == QMP_JSON_SCAN_FAILED || qmp_json_scan_is_space((char)c))
        return;
    switch (c) {
    case '"':
        scan->state = QMP_JSON_SCAN_IN_STRING;
        break;
    case '{':
        scan_open(scan, true);
        break;
    case '[':
        scan_open(scan, false);
        break;
    case '}':
    case ']':
        scan_close(scan);
        break;
    case ',':
        scan_add_cost(scan, COST_VALUE_BYTES);
        break;
    case ':':
        break;
    default:
        scan_fail(scan, "unexpected character");
        break;
    }
}

static void
scan_start(QmpJsonScan *scan, guint8 c)
{
    if (c == '{' || c == '[')
        scan_open(scan, c == '{');
    else if (!qmp_json_scan_is_space((char)c))
        scan_fail(scan, "neither an object nor an array");
}

/* The first byte of a character of two to four bytes (RFC 3629, section 4: no overlong forms, no surrogates).
 */
static void
scan_utf8_first(QmpJsonScan *scan, guint8 c)
{
    scan->state = QMP_JSON_SCAN_IN_UTF8;
    scan->utf8_low = 0x80;
    scan->utf8_high = 0xbf;
    if (c >= 0xc2 && c <= 0xdf) {
        scan->utf8_left = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
        scan->utf8_left = 2;
        if (c == 0xe0)
            scan->utf8_low = 0xa0;
        else if (c == 0xed)
            scan->utf8_high = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
        scan->utf8_left = 3;
        if (c == 0xf0)
            scan->utf8_low = 0x90;
        else if (c == 0xf4)
            scan->utf8_high = 0x8f;
    } else {
        scan_fail(scan, "not UTF-8");
    }
}

static void
scan_utf8_next(QmpJsonScan *scan, guint8 c)
{
    if (c < scan->utf8_low || c > scan->utf8_high)
        scan_fail(scan, "not UTF-8");
    scan->utf8_low = 0x80;
    scan->utf8_high = 0xbf;
    if (--scan->utf8_left == 0)
        scan->state = QMP_JSON_SCAN_IN_STRING;
}

static void
scan_string(QmpJsonScan *scan, guint8 c)
{
    if (c == '"')
        scan->state = QMP_JSON_SCAN_IN_PLAIN;
    else if (c == '\\')
        scan->state = QMP_JSON_SCAN_IN_ESCAPE;
    else if (c < 0x20)
        scan_fail(scan, "control character in a string");
    else if (c >= 0x80)
        scan_utf8_first(scan, c);
}

static void
scan_escape(QmpJsonScan *scan, guint8 c)
{
    scan->state = c == 'u' ? QMP_JSON_SCAN_IN_HEX : QMP_JSON_SCAN_IN_STRING;
    scan->hex_digits = 0;
    scan->hex_value = 0;
}

static void
scan_hex(QmpJsonScan *scan, guint8 c)
{
    int digit = g_ascii_xdigit_value((char)c);

    if (digit < 0) {
        scan_fail(scan, "broken \\u escape");
        return;
    }
    scan->hex_value = scan->hex_value << 4 | (guint)digit;
    if (++scan->hex_digits < 4)
        return;
    scan->state = QMP_JSON_SCAN_IN_STRING;
    if (scan->hex_value == 0)
        scan_fail(scan, "NUL in a string");
}

static void
scan_step(QmpJsonScan *scan, guint8 c)
{
    switch (scan->state) {
    case QMP_JSON_SCAN_IN_START:
        scan_start(scan, c);
        break;
    case QMP_JSON_SCAN_IN_PLAIN:
        scan_plain(scan, c);
        break;
    case QMP_JSON_SCAN_IN_STRING:
        scan_string(scan, c);
        break;
    case QMP_JSON_SCAN_IN_ESCAPE:
        scan_escape(scan, c);
        break;
    case QMP_JSON_SCAN_IN_HEX:
        scan_hex(scan, c);
        break;
    case QMP_JSON_SCAN_IN_UTF8:
        scan_utf8_next(scan, c);
        break;
    }
}

QmpJsonScanResult
qmp_json_scan_feed(QmpJsonScan *scan, const char *bytes, size_t length, size_t *ret_used)
{
    size_t used = 0;

    while (used < length && scan->result == QMP_JSON_SCAN_MORE)
        scan_step(scan, (guint8)bytes[used++]);
    if (scan->result != QMP_JSON_SCAN_FAILED) {
        scan_add_cost(scan, used);
    }
    *ret_used = used;
    return scan->result;
}
