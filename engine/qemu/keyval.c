/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One model for QEMU's two list parsers and for JSON. A list is an ordered array of settings, each knowing
 * how it was written (implied, flag, key=value); JSON is a json-c object. Formatting after a change keeps the
 * spelling of every other setting. Values are not checked: what a key may hold is QEMU's business.
 */
#include "qemu/keyval.h"

#include <string.h>

#include "qemu/argv-error.h"

#define TEXT_MAX_BYTES (512U << 10)
#define SETTINGS_MAX 1024U
#define JSON_DEPTH_MAX 16
#define KEY_FRAGMENT_MAX_BYTES 127U

typedef enum { FORM_IMPLIED, FORM_FLAG, FORM_PAIR } SettingForm;

typedef struct {
    SettingForm form;
    char *key;
    char *value;
    char *flag; /* FORM_FLAG: as written, "nowait" */
} Setting;

struct QemuKeyval {
    const QemuOption *option;
    char *text;
    bool changed;
    bool help;
    GPtrArray *settings; /* NULL when json */
    json_object *json;
    GHashTable *json_texts; /* dotted path -> text, made on demand; what get() lends out */
};

static void
setting_free(Setting *setting)
{
    g_free(setting->key);
    g_free(setting->value);
    g_free(setting->flag);
    g_free(setting);
}

static bool
is_strict(const QemuKeyval *keyval)
{
    return keyval->option->syntax == QEMU_SYNTAX_KEYVAL || keyval->option->syntax == QEMU_SYNTAX_KEYVAL_JSON;
}

static bool
is_help_word(const char *word, size_t length)
{
    return (length == 4 && memcmp(word, "help", 4) == 0) || (length == 1 && word[0] == '?');
}

void
qemu_keyval_free(QemuKeyval *keyval)
{
    if (!keyval)
        return;
    g_free(keyval->text);
    g_clear_pointer(&keyval->settings, g_ptr_array_unref);
    g_clear_pointer(&keyval->json, json_object_put);
    g_clear_pointer(&keyval->json_texts, g_hash_table_unref);
    g_free(keyval);
}

/* The value at *CURSOR, up to a lone comma, which is passed over. Owned. */
static char *
take_value(const char **cursor)
{
    GString *value = g_string_new(NULL);
    const char *p = *cursor;

    for (; *p != '\0'; p++) {
        if (*p == ',' && *++p != ',')
            break;
        g_string_append_c(value, *p);
    }
    *cursor = p;
    return g_string_free(value, FALSE);
}

/* keyval.c: letters, digits, '-', '_', '.'; each fragment between dots 1 to 127 bytes. */
static bool
is_strict_key(const char *key)
{
    size_t length = 0;

    for (; *key != '\0'; key++) {
        if (*key == '.' ? length == 0 : !g_ascii_isalnum(*key) && *key != '-' && *key != '_')
            return false;
        length = *key == '.' ? 0 : length + 1;
        if (length > KEY_FRAGMENT_MAX_BYTES)
            return false;
    }
    return length > 0;
}

static void
skip_word(const char **cursor, size_t length)
{
    *cursor += length;
    if (**cursor == ',')
        ++*cursor;
}

/* The first word, for the implied key. In keyval it ends at any comma, in QemuOpts at a lone one. */
static void
take_implied(const QemuKeyval *keyval, Setting *setting, const char **cursor, size_t length)
{
    setting->form = FORM_IMPLIED;
    setting->key = g_strdup(keyval->option->implied_key);
    if (is_strict(keyval)) {
        setting->value = g_strndup(*cursor, length);
        skip_word(cursor, length);
    } else {
        setting->value = take_value(cursor);
    }
}

/* qemu-option.c takes "no" off any lone word: "nowait" is wait=off, and "nodelay" is delay=off. */
static void
take_flag(Setting *setting, const char **cursor, size_t length)
{
    bool off = length >= 2 && strncmp(*cursor, "no", 2) == 0;

    setting->form = FORM_FLAG;
    setting->flag = g_strndup(*cursor, length);
    setting->key = g_strdup(setting->flag + (off ? 2 : 0));
    setting->value = g_strdup(off ? "off" : "on");
    skip_word(cursor, length);
}

/*
 * A word without '='. An empty one QEMU's lists parse, but no option has a setting without a name; written
 * anew it could become a comma of its neighbour's.
 */
static bool
take_word(QemuKeyval *keyval, Setting *setting, const char **cursor, size_t length, bool first,
          GError **error)
{
    bool is_help = is_help_word(*cursor, length);
    bool implied = first && keyval->option->implied_key;

    /* "-name help" names a guest. */
    if (is_help && strcmp(keyval->option->canonical, "name") != 0)
        keyval->help = true;
    if (implied && (length > 0 || !is_strict(keyval)))
        take_implied(keyval, setting, cursor, length);
    else if (length > 0 && (is_help || !is_strict(keyval)))
        take_flag(setting, cursor, length);
    else
        return qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS,
                              "“-%s %.200s”: “%.*s” needs a value: write NAME=VALUE", keyval->option->name,
                              keyval->text, (int)MIN(length, 64), *cursor);
    return true;
}

static bool
take_setting(QemuKeyval *keyval, const char **cursor, bool first, GError **error)
{
    size_t length = strcspn(*cursor, "=,");
    Setting *setting = g_new0(Setting, 1);

    /* In the array from the start: it is freed with it whatever happens. */
    g_ptr_array_add(keyval->settings, setting);
    if ((*cursor)[length] != '=')
        return take_word(keyval, setting, cursor, length, first, error);
    setting->form = FORM_PAIR;
    setting->key = g_strndup(*cursor, length);
    *cursor += length + 1;
    setting->value = take_value(cursor);
    if (is_strict(keyval) && !is_strict_key(setting->key))
        return qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS,
                              "“-%s %.200s”: “%.64s” is not a parameter name", keyval->option->name,
                              keyval->text, setting->key);
    return true;
}

static bool
parse_list(QemuKeyval *keyval, GError **error)
{
    const char *cursor = keyval->text;

    keyval->settings = g_ptr_array_new_with_free_func((GDestroyNotify)setting_free);
    while (*cursor != '\0') {
        if (keyval->settings->len == SETTINGS_MAX)
            return qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS, "“-%s”: more than %u settings",
                                  keyval->option->name, SETTINGS_MAX);
        if (!take_setting(keyval, &cursor, keyval->settings->len == 0, error))
            return false;
    }
    return true;
}

static bool
parse_json(QemuKeyval *keyval, GError **error)
{
    json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    size_t length = strlen(keyval->text);
    enum json_tokener_error result;
    size_t end;

    keyval->json = json_tokener_parse_ex(tokener, keyval->text, (int)length);
    result = json_tokener_get_error(tokener);
    end = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    while (result == json_tokener_success && end < length && g_ascii_isspace(keyval->text[end]))
        end++;
    if (result == json_tokener_success && end == length &&
        json_object_is_type(keyval->json, json_type_object))
        return true;
    return qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS, "“-%s %.200s”: not a JSON object: %s",
                          keyval->option->name, keyval->text,
                          result == json_tokener_continue  ? "it ends too early"
                          : result != json_tokener_success ? json_tokener_error_desc(result)
                                                           : "something follows it");
}

QemuKeyval *
qemu_keyval_parse(const QemuOption *option, const char *text, GError **error)
{
    g_autoptr(QemuKeyval) keyval = g_new0(QemuKeyval, 1);
    bool takes_json = option->syntax == QEMU_SYNTAX_OPTS_JSON || option->syntax == QEMU_SYNTAX_KEYVAL_JSON;

    g_return_val_if_fail(option->syntax != QEMU_SYNTAX_NONE && option->syntax != QEMU_SYNTAX_TEXT, NULL);
    if (strlen(text) > TEXT_MAX_BYTES) {
        qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS, "the argument of “-%s” is longer than %u bytes",
                       option->name, TEXT_MAX_BYTES);
        return NULL;
    }
    keyval->option = option;
    keyval->text = g_strdup(text);
    if (!(takes_json && text[0] == '{' ? parse_json(keyval, error) : parse_list(keyval, error)))
        return NULL;
    return g_steal_pointer(&keyval);
}

bool
qemu_keyval_is_empty(const QemuKeyval *keyval)
{
    return keyval->json ? json_object_object_length(keyval->json) == 0 : keyval->settings->len == 0;
}

bool
qemu_keyval_is_json(const QemuKeyval *keyval)
{
    return keyval->json != NULL;
}

bool
qemu_keyval_asks_help(const QemuKeyval *keyval)
{
    return keyval->help;
}

bool
qemu_keyval_is_changed(const QemuKeyval *keyval)
{
    return keyval->changed;
}

/* Index of the setting of KEY that counts; -1 when there is none. */
static gssize
find_setting(const QemuKeyval *keyval, const char *key)
{
    /* qemu-option.c:opts_parse_id() takes the first id and skips the others. */
    bool first = !is_strict(keyval) && strcmp(key, "id") == 0;
    gssize found = -1;

    for (guint i = 0; i < keyval->settings->len; i++) {
        const Setting *setting = g_ptr_array_index(keyval->settings, i);
        if (strcmp(setting->key, key) != 0)
            continue;
        found = i;
        if (first)
            break;
    }
    return found;
}

static char *
dup_leaf(json_object *leaf)
{
    if (json_object_is_type(leaf, json_type_boolean))
        return g_strdup(json_object_get_boolean(leaf) ? "on" : "off");
    return g_strdup(json_object_get_string(leaf));
}

static void
walk_json(json_object *node, const char *path, QemuKeyvalFunc function, gpointer data)
{
    if (json_object_is_type(node, json_type_object)) {
        json_object_object_foreach(node, key, member)
        {
            g_autofree char *below = *path ? g_strconcat(path, ".", key, NULL) : g_strdup(key);
            walk_json(member, below, function, data);
        }
    } else if (json_object_is_type(node, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(node); i++) {
            g_autofree char *below = g_strdup_printf("%s.%zu", path, i);
            walk_json(json_object_array_get_idx(node, i), below, function, data);
        }
    } else if (node) {
        g_autofree char *text = dup_leaf(node);
        function(path, text, data);
    }
}

static void
collect_text(const char *key, const char *value, gpointer data)
{
    g_hash_table_replace(data, g_strdup(key), g_strdup(value));
}

void
qemu_keyval_foreach(const QemuKeyval *keyval, QemuKeyvalFunc function, gpointer data)
{
    if (keyval->json) {
        walk_json(keyval->json, "", function, data);
        return;
    }
    for (guint i = 0; i < keyval->settings->len; i++) {
        const Setting *setting = g_ptr_array_index(keyval->settings, i);
        function(setting->key, setting->value, data);
    }
}

/* Everything in a hash, so that get() has something to lend. Forgotten at the next change. */
static void
update_json_texts(QemuKeyval *keyval)
{
    g_clear_pointer(&keyval->json_texts, g_hash_table_unref);
    keyval->json_texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    walk_json(keyval->json, "", collect_text, keyval->json_texts);
}

const char *
qemu_keyval_get(const QemuKeyval *keyval, const char *key)
{
    gssize i;

    if (keyval->json) {
        if (!keyval->json_texts)
            update_json_texts((QemuKeyval *)keyval);
        return g_hash_table_lookup(keyval->json_texts, key);
    }
    i = find_setting(keyval, key);
    return i < 0 ? NULL : ((const Setting *)g_ptr_array_index(keyval->settings, (guint)i))->value;
}

bool
qemu_keyval_is_on(const QemuKeyval *keyval, const char *key)
{
    static const char *const words[] = {"on", "yes", "true", "y", NULL};
    const char *value = qemu_keyval_get(keyval, key);

    return value && g_strv_contains(words, value);
}

static void
mark_changed(QemuKeyval *keyval)
{
    keyval->changed = true;
    g_clear_pointer(&keyval->json_texts, g_hash_table_unref);
}

bool
qemu_keyval_remove(QemuKeyval *keyval, const char *key)
{
    bool found = false;

    if (keyval->json) {
        found = json_object_object_get_ex(keyval->json, key, NULL);
        json_object_object_del(keyval->json, key);
    } else {
        for (guint i = keyval->settings->len; i-- > 0;) {
            if (strcmp(((const Setting *)g_ptr_array_index(keyval->settings, i))->key, key) == 0) {
                g_ptr_array_remove_index(keyval->settings, i);
                found = true;
            }
        }
    }
    if (found)
        mark_changed(keyval);
    return found;
}

/* In the place of the one that counts; the others of the same key go. */
static void
set_in_list(QemuKeyval *keyval, const char *key, const char *value)
{
    gssize found = find_setting(keyval, key);
    Setting *setting;

    if (found < 0) {
        setting = g_new0(Setting, 1);
        setting->form = FORM_PAIR;
        setting->key = g_strdup(key);
        g_ptr_array_add(keyval->settings, setting);
    } else {
        setting = g_ptr_array_index(keyval->settings, (guint)found);
        if (setting->form == FORM_FLAG)
            setting->form = FORM_PAIR;
        for (guint i = keyval->settings->len; i-- > 0;) {
            Setting *other = g_ptr_array_index(keyval->settings, i);
            if (other != setting && strcmp(other->key, key) == 0)
                g_ptr_array_remove_index(keyval->settings, i);
        }
    }
    g_free(setting->value);
    setting->value = g_strdup(value);
}

static json_object *
list_to_json(const GPtrArray *values)
{
    json_object *list = json_object_new_array();

    for (guint i = 0; i < values->len; i++) {
        json_object *string = json_object_new_object();
        json_object_object_add(string, "str", json_object_new_string(values->pdata[i]));
        json_object_array_add(list, string);
    }
    return list;
}

static void
append_pair(QemuKeyval *keyval, const char *key, const char *value)
{
    Setting *setting = g_new0(Setting, 1);

    setting->form = FORM_PAIR;
    setting->key = g_strdup(key);
    setting->value = g_strdup(value);
    g_ptr_array_add(keyval->settings, setting);
}

void
qemu_keyval_set_list(QemuKeyval *keyval, const char *key, const GPtrArray *values)
{
    qemu_keyval_remove(keyval, key);
    if (keyval->json && values->len > 0)
        json_object_object_add(keyval->json, key, list_to_json(values));
    for (guint i = 0; !keyval->json && i < values->len; i++)
        append_pair(keyval, key, values->pdata[i]);
    mark_changed(keyval);
}

void
qemu_keyval_set_string(QemuKeyval *keyval, const char *key, const char *value)
{
    g_autofree char *kept = g_strdup(value); /* VALUE may be one of ours */

    if (keyval->json)
        json_object_object_add(keyval->json, key, json_object_new_string(kept));
    else
        set_in_list(keyval, key, kept);
    mark_changed(keyval);
}

void
qemu_keyval_set_switch(QemuKeyval *keyval, const char *key, bool on)
{
    if (keyval->json)
        json_object_object_add(keyval->json, key, json_object_new_boolean(on));
    else
        set_in_list(keyval, key, on ? "on" : "off");
    mark_changed(keyval);
}

char *
qemu_keyval_escape(const char *value)
{
    GString *escaped = g_string_new(NULL);

    for (; *value != '\0'; value++) {
        if (*value == ',')
            g_string_append_c(escaped, ',');
        g_string_append_c(escaped, *value);
    }
    return g_string_free(escaped, FALSE);
}

/* An implied value must not read as something else: no '=' before its first comma, and in keyval no comma at
 * all. */
static bool
can_be_implied(const QemuKeyval *keyval, const Setting *setting)
{
    const char *stop = setting->value + strcspn(setting->value, "=,");

    return *setting->value != '\0' && *stop != '=' && (*stop == '\0' || !is_strict(keyval)) &&
           !(is_strict(keyval) && is_help_word(setting->value, strlen(setting->value)));
}

static void
append_setting(const QemuKeyval *keyval, const Setting *setting, bool first, GString *text)
{
    g_autofree char *escaped = qemu_keyval_escape(setting->value);

    if (!first)
        g_string_append_c(text, ',');
    /* A flag that has come to stand first would be taken for the implied key's value. */
    if (setting->form == FORM_FLAG && !(first && keyval->option->implied_key))
        g_string_append(text, setting->flag);
    else if (first && setting->form == FORM_IMPLIED && can_be_implied(keyval, setting))
        g_string_append(text, escaped);
    else
        g_string_append_printf(text, "%s=%s", setting->key, escaped);
}

char *
qemu_keyval_format(const QemuKeyval *keyval)
{
    GString *text;

    if (!keyval->changed)
        return g_strdup(keyval->text);
    if (keyval->json)
        return g_strdup(json_object_to_json_string_ext(keyval->json, JSON_C_TO_STRING_PLAIN |
                                                                         JSON_C_TO_STRING_NOSLASHESCAPE));
    text = g_string_new(NULL);
    for (guint i = 0; i < keyval->settings->len; i++)
        append_setting(keyval, g_ptr_array_index(keyval->settings, i), i == 0, text);
    return g_string_free(text, FALSE);
}
