/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A varlink interface description (https://varlink.org/Interface-Definition), parsed, and JSON checked
 * against it.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#define CONTROL_IDL_ERROR control_idl_error_quark()
GQuark control_idl_error_quark(void);

typedef enum {
    CONTROL_IDL_ERROR_SYNTAX /* the text is no interface description; the message has the line */
} ControlIdlError;

typedef struct ControlIdl ControlIdl;         /* an interface */
typedef struct ControlIdlType ControlIdlType; /* a type; borrowed from its interface everywhere below */

typedef struct {
    char *name; /* without the interface: "List" */
    ControlIdlType *input, *output;
} ControlIdlMethod;

/* NULL on failure. TEXT is copied where it is needed. */
ControlIdl *control_idl_parse(const char *text, GError **error);
void control_idl_free(ControlIdl *idl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlIdl, control_idl_free)

/* "io.moult"; borrowed. */
const char *control_idl_get_name(const ControlIdl *idl);
/* NULL when the interface declares no such method. NAME is without the interface. Borrowed. */
const ControlIdlMethod *control_idl_find_method(const ControlIdl *idl, const char *name);
/* The parameters of an error; NULL when the interface declares no such error. Borrowed. */
const ControlIdlType *control_idl_find_error(const ControlIdl *idl, const char *name);

/*
 * Whether VALUE is of TYPE: no member missing that may not be null, none that is not declared, all of the
 * declared types. An integer is good for a float, but not the reverse. RET_WHERE (owned) gets the path of
 * what is wrong: "guests[3].pid".
 */
bool control_idl_check(const ControlIdl *idl, const ControlIdlType *type, json_object *value,
                       char **ret_where);
