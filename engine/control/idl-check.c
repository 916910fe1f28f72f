/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recursion is bounded by the depth of the JSON: every step into a type is a step into a value, since a named
 * type is always a structure or an enumeration. The path of a fault is put together on the way back, so that
 * good values cost no text.
 */
#include "control/idl.h"

#include <string.h>

#include "control/idl-model.h"

/* The fault is in STEP, within what the caller is looking at. False, for the caller to return. */
static bool
fault_within(char **where, const char *step)
{
    char *inner = *where;
    const char *joint = !inner || inner[0] == '[' ? "" : ".";

    *where = g_strconcat(step, joint, inner, NULL);
    g_free(inner);
    return false;
}

static bool check_value(const ControlIdl *idl, const ControlIdlType *type, json_object *value, char **where);

static const ControlIdlField *
find_field(const GPtrArray *fields, const char *name)
{
    for (guint i = 0; i < fields->len; i++) {
        const ControlIdlField *field = g_ptr_array_index(fields, i);
        if (strcmp(field->name, name) == 0)
            return field;
    }
    return NULL;
}

static bool
check_struct(const ControlIdl *idl, const ControlIdlType *type, json_object *value, char **where)
{
    if (!json_object_is_type(value, json_type_object))
        return false;
    for (guint i = 0; i < type->fields->len; i++) {
        const ControlIdlField *field = g_ptr_array_index(type->fields, i);
        if (!check_value(idl, field->type, json_object_object_get(value, field->name), where))
            return fault_within(where, field->name);
    }
    json_object_object_foreach(value, name, member)
    {
        (void)member;
        if (!find_field(type->fields, name))
            return fault_within(where, name);
    }
    return true;
}

static bool
check_array(const ControlIdl *idl, const ControlIdlType *type, json_object *value, char **where)
{
    if (!json_object_is_type(value, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        if (!check_value(idl, type->element, json_object_array_get_idx(value, i), where)) {
            g_autofree char *step = g_strdup_printf("[%zu]", i);
            return fault_within(where, step);
        }
    }
    return true;
}

static bool
check_map(const ControlIdl *idl, const ControlIdlType *type, json_object *value, char **where)
{
    if (!json_object_is_type(value, json_type_object))
        return false;
    json_object_object_foreach(value, name, member)
    {
        if (!check_value(idl, type->element, member, where))
            return fault_within(where, name);
    }
    return true;
}

static bool
check_enum(const ControlIdlType *type, json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return false;
    return g_ptr_array_find_with_equal_func(type->values, json_object_get_string(value), g_str_equal, NULL);
}

/* json-c clamps what does not fit into 64 bits: the extremes stand for "too large". */
static bool
check_int(json_object *value)
{
    if (!json_object_is_type(value, json_type_int))
        return false;
    gint64 number = json_object_get_int64(value);
    return number != G_MININT64 && number != G_MAXINT64;
}

static bool
check_value(const ControlIdl *idl, const ControlIdlType *type, json_object *value, char **where)
{
    if (!value)
        return type->nullable;
    switch (type->kind) {
    case CONTROL_IDL_BOOL:
        return json_object_is_type(value, json_type_boolean);
    case CONTROL_IDL_INT:
        return check_int(value);
    case CONTROL_IDL_FLOAT:
        return json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int);
    case CONTROL_IDL_STRING:
        return json_object_is_type(value, json_type_string);
    case CONTROL_IDL_OBJECT:
        return json_object_is_type(value, json_type_object);
    case CONTROL_IDL_ENUM:
        return check_enum(type, value);
    case CONTROL_IDL_STRUCT:
        return check_struct(idl, type, value, where);
    case CONTROL_IDL_NAMED:
        return check_value(idl, g_hash_table_lookup(idl->types, type->name), value, where);
    case CONTROL_IDL_ARRAY:
        return check_array(idl, type, value, where);
    case CONTROL_IDL_MAP:
        return check_map(idl, type, value, where);
    }
    g_assert_not_reached();
}

bool
control_idl_check(const ControlIdl *idl, const ControlIdlType *type, json_object *value, char **ret_where)
{
    g_autofree char *where = NULL;

    if (check_value(idl, type, value, &where))
        return true;
    *ret_where = where ? g_steal_pointer(&where) : g_strdup("parameters");
    return false;
}
