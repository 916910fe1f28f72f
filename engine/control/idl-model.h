/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of a parsed interface description, shared by the parser and the checker and by nobody else.
 */
#pragma once

#include "control/idl.h"

typedef enum {
    CONTROL_IDL_BOOL,
    CONTROL_IDL_INT,
    CONTROL_IDL_FLOAT,
    CONTROL_IDL_STRING,
    CONTROL_IDL_OBJECT, /* any object */
    CONTROL_IDL_ENUM,
    CONTROL_IDL_STRUCT,
    CONTROL_IDL_NAMED,
    CONTROL_IDL_ARRAY,
    CONTROL_IDL_MAP
} ControlIdlKind;

struct ControlIdlType {
    ControlIdlKind kind;
    bool nullable;
    char *name;              /* NAMED: of the type */
    ControlIdlType *element; /* ARRAY, MAP */
    GPtrArray *fields;       /* STRUCT: of ControlIdlField, in order */
    GPtrArray *values;       /* ENUM: of char */
};

typedef struct {
    char *name;
    ControlIdlType *type;
} ControlIdlField;

struct ControlIdl {
    char *name;
    GHashTable *types;   /* name -> ControlIdlType (STRUCT or ENUM) */
    GHashTable *methods; /* name -> ControlIdlMethod */
    GHashTable *errors;  /* name -> ControlIdlType (STRUCT) */
};

ControlIdlType *control_idl_type_new(ControlIdlKind kind);
void control_idl_type_free(ControlIdlType *type);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlIdlType, control_idl_type_free)

ControlIdlField *control_idl_field_new(const char *name, ControlIdlType *type);
void control_idl_field_free(ControlIdlField *field);
void control_idl_method_free(ControlIdlMethod *method);

ControlIdl *control_idl_new(void);
