/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/json.h"

#include <limits.h>
#include <string.h>

#include "qmp/json-scan.h"

#define PARSE_MAX_COST_BYTES ((size_t)256 << 20)

G_DEFINE_QUARK(qmp - json - error - quark, qmp_json_error)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_tokener, json_tokener_free)

static bool
json_check(const char *text, size_t length, guint max_depth, GError **error)
{
    QmpJsonScan scan;
    size_t used;

    qmp_json_scan_init(&scan, max_depth, PARSE_MAX_COST_BYTES);
    QmpJsonScanResult result = qmp_json_scan_feed(&scan, text, length, &used);
    const char *problem = result == QMP_JSON_SCAN_FAILED ? scan.problem : "it ends too early";
    if (result == QMP_JSON_SCAN_COMPLETE) {
        while (used < length && qmp_json_scan_is_space(text[used]))
            used++;
        if (used == length)
            return true;
        problem = "something follows its end";
    }
    g_set_error(error, QMP_JSON_ERROR, QMP_JSON_ERROR_INVALID, "not valid JSON at byte %zu: %s", used,
                problem);
    return false;
}

json_object *
qmp_json_parse(const char *text, size_t length, guint max_depth, GError **error)
{
    if (length > INT_MAX - 1) {
        g_set_error(error, QMP_JSON_ERROR, QMP_JSON_ERROR_INVALID, "%zu bytes of JSON are too many", length);
        return NULL;
    }
    if (!json_check(text, length, max_depth, error))
        return NULL;
    /* json-c counts a level more than there are brackets. */
    g_autoptr(json_tokener) tokener = json_tokener_new_ex((int)max_depth + 1);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    json_object *value = json_tokener_parse_ex(tokener, text, (int)length);
    if (!value)
        g_set_error(error, QMP_JSON_ERROR, QMP_JSON_ERROR_INVALID, "not valid JSON at byte %zu: %s",
                    json_tokener_get_parse_end(tokener),
                    json_tokener_error_desc(json_tokener_get_error(tokener)));
    return value;
}

static json_object *
json_get(json_object *object, const char *key, json_type type)
{
    json_object *value = NULL;

    if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, type))
        return NULL;
    return value;
}

const char *
qmp_json_as_string(json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return NULL;
    const char *text = json_object_get_string(value);
    return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

const char *
qmp_json_get_string(json_object *object, const char *key)
{
    return qmp_json_as_string(json_get(object, key, json_type_string));
}

json_object *
qmp_json_get_object(json_object *object, const char *key)
{
    return json_get(object, key, json_type_object);
}

json_object *
qmp_json_get_array(json_object *object, const char *key)
{
    return json_get(object, key, json_type_array);
}

/* json-c clamps what does not fit, both in parsing and in reading: the extremes stand for "too large". */
bool
qmp_json_get_int64(json_object *object, const char *key, gint64 *ret_value)
{
    json_object *value = json_get(object, key, json_type_int);

    if (!value)
        return false;
    gint64 number = json_object_get_int64(value);
    if (number == G_MININT64 || number == G_MAXINT64)
        return false;
    *ret_value = number;
    return true;
}

bool
qmp_json_get_uint64(json_object *object, const char *key, guint64 *ret_value)
{
    json_object *value = json_get(object, key, json_type_int);

    if (!value || json_object_get_int64(value) < 0)
        return false;
    guint64 number = json_object_get_uint64(value);
    if (number == G_MAXUINT64)
        return false;
    *ret_value = number;
    return true;
}

bool
qmp_json_get_bool(json_object *object, const char *key, bool *ret_value)
{
    json_object *value = json_get(object, key, json_type_boolean);

    if (!value)
        return false;
    *ret_value = json_object_get_boolean(value);
    return true;
}

char **
qmp_json_dup_strv(json_object *object, const char *key)
{
    json_object *array = qmp_json_get_array(object, key);

    if (!array)
        return NULL;
    g_autoptr(GPtrArray) strv = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        const char *text = qmp_json_as_string(json_object_array_get_idx(array, i));
        if (!text)
            return NULL;
        g_ptr_array_add(strv, g_strdup(text));
    }
    g_ptr_array_add(strv, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&strv), FALSE);
}

json_object *
qmp_json_string_new(const char *text)
{
    if (g_utf8_validate(text, -1, NULL))
        return json_object_new_string(text);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    return json_object_new_string(valid);
}

json_object *
qmp_json_strv_new(const char *const *strv)
{
    json_object *array = json_object_new_array();

    for (size_t i = 0; strv && strv[i]; i++)
        json_object_array_add(array, qmp_json_string_new(strv[i]));
    return array;
}

void
qmp_json_add_value(json_object *object, const char *key, json_object *value)
{
    if (value)
        json_object_object_add(object, key, value);
}

void
qmp_json_add_string(json_object *object, const char *key, const char *value)
{
    if (value)
        json_object_object_add(object, key, qmp_json_string_new(value));
}

void
qmp_json_add_strv(json_object *object, const char *key, const char *const *value)
{
    if (value)
        json_object_object_add(object, key, qmp_json_strv_new(value));
}

void
qmp_json_add_int64(json_object *object, const char *key, gint64 value)
{
    json_object_object_add(object, key, json_object_new_int64(value));
}

void
qmp_json_add_uint64(json_object *object, const char *key, guint64 value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

void
qmp_json_add_bool(json_object *object, const char *key, bool value)
{
    json_object_object_add(object, key, json_object_new_boolean(value));
}

const char *
qmp_json_to_text(json_object *value, size_t *ret_length)
{
    size_t length;
    const char *text = json_object_to_json_string_length(
        value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);

    if (ret_length)
        *ret_length = length;
    return text;
}
