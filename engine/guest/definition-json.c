/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A definition as JSON. Reading takes nothing for granted: every field but "transient" has to be there, of
 * its very type, and no other may be, so that a misspelt one does not pass for one left out.
 */
#include "guest/definition.h"

#include "qmp/json.h"
#include "qmp/text.h"

#define FORMAT "moult-guest"
#define VERSION 1
#define SHOWN_BYTES 64

static const char *const FIELDS[] = {"format",    "version", "name",        "uuid", "binary",
                                     "argv",      "cwd",     "environment", "user", "hugepage_size_bytes",
                                     "transient", NULL};

json_object *
guest_definition_to_json(const GuestDefinition *definition, GError **error)
{
    if (!guest_definition_validate(definition, error))
        return NULL;
    json_object *object = json_object_new_object();
    qmp_json_add_string(object, "format", FORMAT);
    qmp_json_add_int64(object, "version", VERSION);
    qmp_json_add_string(object, "name", definition->name);
    qmp_json_add_string(object, "uuid", definition->uuid);
    qmp_json_add_string(object, "binary", definition->binary);
    qmp_json_add_strv(object, "argv", (const char *const *)definition->argv);
    qmp_json_add_string(object, "cwd", definition->cwd);
    json_object_object_add(
        object, "environment",
        definition->environment ? qmp_json_strv_new((const char *const *)definition->environment) : NULL);
    json_object_object_add(object, "user", definition->user ? qmp_json_string_new(definition->user) : NULL);
    qmp_json_add_uint64(object, "hugepage_size_bytes", definition->hugepage_size_bytes);
    if (definition->transient)
        qmp_json_add_bool(object, "transient", true);
    return object;
}

static bool
fail(GError **error, const char *field, const char *problem)
{
    g_set_error(error, GUEST_DEFINITION_ERROR, GUEST_DEFINITION_ERROR_INVALID, "%s %s", field, problem);
    return false;
}

static bool
check_fields_known(json_object *object, GError **error)
{
    json_object_object_foreach(object, key, value)
    {
        (void)value;
        if (g_strv_contains(FIELDS, key))
            continue;
        g_autofree char *shown = qmp_text_quote(key, SHOWN_BYTES);
        return fail(error, shown, "is not a field of a definition");
    }
    return true;
}

static bool
check_format(json_object *object, GError **error)
{
    gint64 version;
    if (!json_object_is_type(object, json_type_object))
        return fail(error, "The definition", "is not a JSON object");
    if (g_strcmp0(qmp_json_get_string(object, "format"), FORMAT) != 0)
        return fail(error, "format", "is not \"" FORMAT "\"");
    if (!qmp_json_get_int64(object, "version", &version) || version != VERSION)
        return fail(error, "version", "is not 1, the only one known here");
    return check_fields_known(object, error);
}

/* Sets *FIELD (owned) to the string KEY; to NULL for null, where that is allowed. */
static bool
read_string(json_object *object, const char *key, bool nullable, char **field, GError **error)
{
    json_object *value;
    if (!json_object_object_get_ex(object, key, &value))
        return fail(error, key, "is missing");
    if (!value && nullable)
        return true;
    const char *text = qmp_json_as_string(value);
    if (!text)
        return fail(error, key, nullable ? "is neither a string nor null" : "is not a string");
    g_free(*field);
    *field = g_strdup(text);
    return true;
}

static bool
read_strings(json_object *object, const char *key, bool nullable, char ***field, GError **error)
{
    json_object *value;
    if (!json_object_object_get_ex(object, key, &value))
        return fail(error, key, "is missing");
    if (!value && nullable)
        return true;
    if (json_object_is_type(value, json_type_array) &&
        json_object_array_length(value) > GUEST_DEFINITION_MAX_STRINGS)
        return fail(error, key, "has too many elements");
    char **strings = qmp_json_dup_strv(object, key);
    if (!strings)
        return fail(error, key,
                    nullable ? "is neither an array of strings nor null" : "is not an array of strings");
    g_strfreev(*field);
    *field = strings;
    return true;
}

static bool
read_numbers(json_object *object, GuestDefinition *definition, GError **error)
{
    if (!qmp_json_get_uint64(object, "hugepage_size_bytes", &definition->hugepage_size_bytes))
        return fail(error, "hugepage_size_bytes", "is missing or not a number");
    if (json_object_object_get_ex(object, "transient", NULL) &&
        !qmp_json_get_bool(object, "transient", &definition->transient))
        return fail(error, "transient", "is neither true nor false");
    return true;
}

static bool
read_fields(json_object *object, GuestDefinition *definition, GError **error)
{
    return read_string(object, "name", false, &definition->name, error) &&
           read_string(object, "uuid", false, &definition->uuid, error) &&
           read_string(object, "binary", false, &definition->binary, error) &&
           read_strings(object, "argv", false, &definition->argv, error) &&
           read_string(object, "cwd", false, &definition->cwd, error) &&
           read_strings(object, "environment", true, &definition->environment, error) &&
           read_string(object, "user", true, &definition->user, error) &&
           read_numbers(object, definition, error);
}

GuestDefinition *
guest_definition_from_json(json_object *object, GError **error)
{
    g_autoptr(GuestDefinition) definition = guest_definition_new(NULL, NULL, NULL);
    if (!check_format(object, error) || !read_fields(object, definition, error))
        return NULL;
    g_autofree char *uuid = g_steal_pointer(&definition->uuid);
    definition->uuid = g_ascii_strdown(uuid, -1);
    return guest_definition_validate(definition, error) ? g_steal_pointer(&definition) : NULL;
}
