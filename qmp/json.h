/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json-c for the whole project: strict parsing, typed getters that never convert, and builders that cannot
 * produce invalid JSON. None of the getters fails loudly: a member of another type is a member that is not
 * there.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)

#define QMP_JSON_ERROR qmp_json_error_quark()
GQuark qmp_json_error_quark(void);

typedef enum {
    QMP_JSON_ERROR_INVALID /* not JSON, or past a limit */
} QmpJsonError;

/*
 * Parses LENGTH bytes that hold one JSON object or array and white space. Strict (RFC 8259), and beyond it:
 * valid UTF-8, no \u0000 (so strings are C strings), no number longer than 64 characters, at most MAX_DEPTH
 * brackets within each other, and at most an estimated 256 MiB when parsed. Integers past 64 bits are clamped
 * (the getters below refuse the extremes). Of members with one name the last counts. NULL on failure.
 */
json_object *qmp_json_parse(const char *text, size_t length, guint max_depth, GError **error);

/*
 * Members of OBJECT (NULL and other types of value are taken as empty). Pointers are borrowed.
 */
const char *qmp_json_get_string(json_object *object, const char *key);
json_object *qmp_json_get_object(json_object *object, const char *key);
json_object *qmp_json_get_array(json_object *object, const char *key);
/* FALSE, with RET_VALUE untouched, where the member is missing, of another type or out of range. */
bool qmp_json_get_int64(json_object *object, const char *key, gint64 *ret_value);
bool qmp_json_get_uint64(json_object *object, const char *key, guint64 *ret_value);
bool qmp_json_get_bool(json_object *object, const char *key, bool *ret_value);
/* An array of strings, as a new NULL-terminated vector; NULL where it is anything else. */
char **qmp_json_dup_strv(json_object *object, const char *key);
/* The value as a C string; NULL where VALUE is no string or holds a NUL. Borrowed. */
const char *qmp_json_as_string(json_object *value);

/*
 * Builders. Text that is not UTF-8 has its broken bytes replaced by U+FFFD.
 * A NULL value is skipped by `add_string`, `add_strv` and `add_value`.
 */
json_object *qmp_json_string_new(const char *text);
/* STRV may be NULL (gives an empty array). */
json_object *qmp_json_strv_new(const char *const *strv);
void qmp_json_add_string(json_object *object, const char *key, const char *value);
void qmp_json_add_strv(json_object *object, const char *key, const char *const *value);
void qmp_json_add_int64(json_object *object, const char *key, gint64 value);
void qmp_json_add_uint64(json_object *object, const char *key, guint64 value);
void qmp_json_add_bool(json_object *object, const char *key, bool value);
/* Takes VALUE. */
void qmp_json_add_value(json_object *object, const char *key, json_object *value);

/* One line, no spaces. Borrowed from VALUE, valid until the next call on it. RET_LENGTH may be NULL. */
const char *qmp_json_to_text(json_object *value, size_t *ret_length);
