/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Definitions as the files CONFIG/guests/<name>.json. The file's name rules; one whose field differs is
 * refused.
 */
#include "guest/definition.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "paths/file.h"
#include "qmp/json.h"

#define SUFFIX ".json"
#define MAX_DEPTH 4 /* the object, an array in it, and room to say which field is wrong */

static char *
dup_path(const PathsDirs *dirs, const char *name)
{
    g_autofree char *file = g_strconcat(name, SUFFIX, NULL);
    return g_build_filename(dirs->definitions, file, NULL);
}

/* Under the code INVALID whatever the parser called it. */
static GuestDefinition *
parse_definition(const char *text, size_t size, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(json_object) object = qmp_json_parse(text, size, MAX_DEPTH, &local);
    if (object)
        return guest_definition_from_json(object, error);
    g_set_error_literal(error, GUEST_DEFINITION_ERROR, GUEST_DEFINITION_ERROR_INVALID, local->message);
    return NULL;
}

/* What a file must be besides a definition: the one of its own name, and a lasting one. */
static GuestDefinition *
check_file(GuestDefinition *definition, const char *name, GError **error)
{
    g_autoptr(GuestDefinition) owned = definition;
    if (!owned)
        return NULL;
    if (!owned->transient && strcmp(owned->name, name) == 0)
        return g_steal_pointer(&owned);
    g_set_error_literal(error, GUEST_DEFINITION_ERROR, GUEST_DEFINITION_ERROR_INVALID,
                        owned->transient ? "transient is true: such a guest has no file"
                                         : "name is not the one of the file");
    return NULL;
}

static GuestDefinition *
load_path(const char *path, const char *name, GError **error)
{
    size_t size;
    g_autofree char *text = paths_file_read(path, GUEST_DEFINITION_MAX_FILE_BYTES, &size, error);
    if (!text)
        return NULL;
    GuestDefinition *definition = check_file(parse_definition(text, size, error), name, error);
    if (!definition)
        g_prefix_error(error, "%s: ", path);
    return definition;
}

static void
set_missing(GError **error, const char *name)
{
    g_set_error(error, GUEST_DEFINITION_ERROR, GUEST_DEFINITION_ERROR_MISSING, "No guest named %s is defined",
                name);
}

GuestDefinition *
guest_definition_load(const PathsDirs *dirs, const char *name, GError **error)
{
    if (!paths_name_is_valid(name, error))
        return NULL;
    g_autofree char *path = dup_path(dirs, name);
    g_autoptr(GError) local = NULL;
    GuestDefinition *definition = load_path(path, name, &local);
    if (definition)
        return definition;
    if (g_error_matches(local, PATHS_ERROR, PATHS_ERROR_MISSING))
        set_missing(error, name);
    else
        g_propagate_error(error, g_steal_pointer(&local));
    return NULL;
}

bool
guest_definition_save(const GuestDefinition *definition, const PathsDirs *dirs, GError **error)
{
    g_autoptr(json_object) object = guest_definition_to_json(definition, error);
    if (!object)
        return false;
    const char *problem = definition->transient ? "is transient: it is not saved" : NULL;
    /* An operator may want to read it and edit it by hand. */
    g_autofree char *text = g_strconcat(
        json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE),
        "\n", NULL);
    if (strlen(text) > GUEST_DEFINITION_MAX_FILE_BYTES)
        problem = "has a definition that is too long";
    if (problem) {
        g_set_error(error, GUEST_DEFINITION_ERROR, GUEST_DEFINITION_ERROR_INVALID, "Guest %s %s",
                    definition->name, problem);
        return false;
    }
    g_autofree char *path = dup_path(dirs, definition->name);
    return paths_file_replace(path, text, strlen(text), 0600, error); /* the environment may hold secrets */
}

bool
guest_definition_remove(const PathsDirs *dirs, const char *name, GError **error)
{
    if (!paths_name_is_valid(name, error))
        return false;
    g_autofree char *path = dup_path(dirs, name);
    if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
        set_missing(error, name);
        return false;
    }
    return paths_file_remove(path, error);
}

/* Adds the definition in FILE, or why it cannot be read. Files of other names are none of ours. */
static void
add_file(const PathsDirs *dirs, const char *file, GPtrArray *definitions, GPtrArray *problems)
{
    if (file[0] == '.' || !g_str_has_suffix(file, SUFFIX))
        return;
    g_autofree char *name = g_strndup(file, strlen(file) - strlen(SUFFIX));
    g_autoptr(GError) error = NULL;
    GuestDefinition *definition = guest_definition_load(dirs, name, &error);
    if (definition)
        g_ptr_array_add(definitions, definition);
    else if (!g_error_matches(error, GUEST_DEFINITION_ERROR,
                              GUEST_DEFINITION_ERROR_MISSING)) /* gone meanwhile */
        g_ptr_array_add(problems, g_strdup(error->message));
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    const GuestDefinition *left = *(GuestDefinition *const *)a, *right = *(GuestDefinition *const *)b;
    return strcmp(left->name, right->name);
}

GPtrArray *
guest_definition_list(const PathsDirs *dirs, GPtrArray **ret_problems, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GPtrArray) definitions = g_ptr_array_new_with_free_func((GDestroyNotify)guest_definition_free);
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) folder = g_dir_open(dirs->definitions, 0, &local);
    if (!folder && !g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    for (const char *file; folder && (file = g_dir_read_name(folder));)
        add_file(dirs, file, definitions, problems);
    g_ptr_array_sort(definitions, compare_names);
    if (ret_problems)
        *ret_problems = g_steal_pointer(&problems);
    return g_steal_pointer(&definitions);
}
