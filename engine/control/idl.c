/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/idl.h"

#include "control/idl-model.h"

G_DEFINE_QUARK(control - idl - error - quark, control_idl_error)

ControlIdlType *
control_idl_type_new(ControlIdlKind kind)
{
    ControlIdlType *type = g_new0(ControlIdlType, 1);

    type->kind = kind;
    if (kind == CONTROL_IDL_STRUCT)
        type->fields = g_ptr_array_new_with_free_func((GDestroyNotify)control_idl_field_free);
    if (kind == CONTROL_IDL_ENUM)
        type->values = g_ptr_array_new_with_free_func(g_free);
    return type;
}

void
control_idl_type_free(ControlIdlType *type)
{
    if (!type)
        return;
    g_free(type->name);
    control_idl_type_free(type->element);
    g_clear_pointer(&type->fields, g_ptr_array_unref);
    g_clear_pointer(&type->values, g_ptr_array_unref);
    g_free(type);
}

/* Takes TYPE. */
ControlIdlField *
control_idl_field_new(const char *name, ControlIdlType *type)
{
    ControlIdlField *field = g_new0(ControlIdlField, 1);

    field->name = g_strdup(name);
    field->type = type;
    return field;
}

void
control_idl_field_free(ControlIdlField *field)
{
    if (!field)
        return;
    g_free(field->name);
    control_idl_type_free(field->type);
    g_free(field);
}

void
control_idl_method_free(ControlIdlMethod *method)
{
    if (!method)
        return;
    g_free(method->name);
    control_idl_type_free(method->input);
    control_idl_type_free(method->output);
    g_free(method);
}

ControlIdl *
control_idl_new(void)
{
    ControlIdl *idl = g_new0(ControlIdl, 1);

    idl->types =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)control_idl_type_free);
    idl->methods =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)control_idl_method_free);
    idl->errors =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)control_idl_type_free);
    return idl;
}

void
control_idl_free(ControlIdl *idl)
{
    if (!idl)
        return;
    g_free(idl->name);
    g_hash_table_unref(idl->types);
    g_hash_table_unref(idl->methods);
    g_hash_table_unref(idl->errors);
    g_free(idl);
}

const char *
control_idl_get_name(const ControlIdl *idl)
{
    return idl->name;
}

const ControlIdlMethod *
control_idl_find_method(const ControlIdl *idl, const char *name)
{
    return g_hash_table_lookup(idl->methods, name);
}

const ControlIdlType *
control_idl_find_error(const ControlIdl *idl, const char *name)
{
    return g_hash_table_lookup(idl->errors, name);
}
