/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The definition of a guest: the operator's own QEMU command line, to the letter, and a few settings. It is kept as
 * CONFIG/guests/<name>.json and, for the guest as it was started, inside the record of its instance. Everything
 * that moult adds to a command line is made anew for every instance and is never written here.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "paths/dirs.h"

#define GUEST_DEFINITION_ERROR guest_definition_error_quark()
GQuark guest_definition_error_quark(void);
typedef enum {
    GUEST_DEFINITION_ERROR_INVALID, /* a field is missing, of the wrong type or not acceptable; the message names it */
    GUEST_DEFINITION_ERROR_MISSING  /* there is no definition of this name */
} GuestDefinitionError;

/* Bounds of what is accepted, from an operator as from a file. The kernel takes no longer argument (MAX_ARG_STRLEN). */
#define GUEST_DEFINITION_MAX_FILE_BYTES ((size_t)4 * 1024 * 1024)
#define GUEST_DEFINITION_MAX_STRINGS 4096U
#define GUEST_DEFINITION_MAX_STRING_BYTES 131071U

typedef struct {
    char *name;                  /* as paths_name_is_valid */
    char *uuid;                  /* lower case, with dashes */
    char *binary;                /* absolute path as the operator named it (found in PATH, symlinks not resolved) */
    char **argv;                 /* the operator's arguments without argv[0]; never NULL, may be empty */
    char *cwd;                   /* absolute */
    char **environment;          /* "NAME=value"; NULL: the engine's */
    char *user;                  /* user name or number; NULL: the engine's */
    guint64 hugepage_size_bytes; /* 0 (normal pages), 2 MiB or 1 GiB */
    bool transient;              /* started by `run` without `define`: gone once it stops; never saved to CONFIG */
} GuestDefinition;

/*
 * A new definition with empty argv, cwd "/", and everything else unset; copies its arguments, the rest is set in the
 * fields. Nothing is checked yet: guest_definition_validate, _to_json and _save do.
 */
GuestDefinition *guest_definition_new(const char *name, const char *uuid, const char *binary);
GuestDefinition *guest_definition_copy(const GuestDefinition *definition);
void guest_definition_free(GuestDefinition *definition);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestDefinition, guest_definition_free)

/* Whether every field is acceptable and can be written as JSON; INVALID names the field. */
bool guest_definition_validate(const GuestDefinition *definition, GError **error);

/*
 * {"format":"moult-guest","version":1,"name","uuid","binary","argv":[],"cwd","environment":[]|null,"user"|null,
 * "hugepage_size_bytes"}, and "transient":true for a transient one. Owned; NULL and INVALID when a field is not
 * acceptable (JSON cannot hold an argument that is not UTF-8, for one).
 */
json_object *guest_definition_to_json(const GuestDefinition *definition, GError **error);
/* The inverse. OBJECT is not trusted: a wrong or unknown field is INVALID, and the message names it. */
GuestDefinition *guest_definition_from_json(json_object *object, GError **error);

/* Reads CONFIG/guests/<name>.json. MISSING, or INVALID with file and field named, or paths' errors. */
GuestDefinition *guest_definition_load(const PathsDirs *dirs, const char *name, GError **error);
/* Writes it whole or not at all, in place of an older one of that name. A transient one is INVALID. */
bool guest_definition_save(const GuestDefinition *definition, const PathsDirs *dirs, GError **error);
/* MISSING when there is none. */
bool guest_definition_remove(const PathsDirs *dirs, const char *name, GError **error);
/*
 * All definitions, sorted by name: GPtrArray of GuestDefinition with its free function, owned. One unreadable file
 * does not hide the others: each is described by a string added to RET_PROBLEMS (GPtrArray of char*, owned; may be
 * NULL when nobody wants them). Fails when the folder itself cannot be read; a missing folder is an empty list.
 */
GPtrArray *guest_definition_list(const PathsDirs *dirs, GPtrArray **ret_problems, GError **error);
