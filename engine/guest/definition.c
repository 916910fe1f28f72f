/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/definition.h"

#include <string.h>

#include "qmp/text.h"

#define MAX_USER_BYTES 256
#define MAX_PATH_BYTES 4095
#define MIB ((guint64)1024 * 1024)

G_DEFINE_QUARK(moult - guest - definition - error - quark, guest_definition_error)

GuestDefinition *
guest_definition_new(const char *name, const char *uuid, const char *binary)
{
    GuestDefinition *definition = g_new0(GuestDefinition, 1);
    definition->name = g_strdup(name);
    definition->uuid = uuid ? g_ascii_strdown(uuid, -1) : NULL;
    definition->binary = g_strdup(binary);
    definition->argv = g_new0(char *, 1);
    definition->cwd = g_strdup("/");
    return definition;
}

GuestDefinition *
guest_definition_copy(const GuestDefinition *definition)
{
    if (!definition)
        return NULL;
    GuestDefinition *copy = g_new0(GuestDefinition, 1);
    copy->name = g_strdup(definition->name);
    copy->uuid = g_strdup(definition->uuid);
    copy->binary = g_strdup(definition->binary);
    copy->argv = g_strdupv(definition->argv);
    copy->cwd = g_strdup(definition->cwd);
    copy->environment = g_strdupv(definition->environment);
    copy->user = g_strdup(definition->user);
    copy->hugepage_size_bytes = definition->hugepage_size_bytes;
    copy->transient = definition->transient;
    return copy;
}

void
guest_definition_free(GuestDefinition *definition)
{
    if (!definition)
        return;
    g_free(definition->name);
    g_free(definition->uuid);
    g_free(definition->binary);
    g_strfreev(definition->argv);
    g_free(definition->cwd);
    g_strfreev(definition->environment);
    g_free(definition->user);
    g_free(definition);
}

/* Sets INVALID, "FIELD PROBLEM", unless PROBLEM is NULL; whether it is. */
static bool
has_no_problem(const char *problem, const char *field, GError **error)
{
    if (problem)
        g_set_error(error, GUEST_DEFINITION_ERROR, GUEST_DEFINITION_ERROR_INVALID, "%s %s", field, problem);
    return !problem;
}

static bool
check_name(const char *name, GError **error)
{
    g_autoptr(GError) local = NULL;
    if (paths_name_is_valid(name, &local))
        return true;
    g_set_error(error, GUEST_DEFINITION_ERROR, GUEST_DEFINITION_ERROR_INVALID, "name: %s", local->message);
    return false;
}

static bool
check_path(const char *path, const char *field, GError **error)
{
    const char *problem = NULL;
    if (!path || !g_path_is_absolute(path))
        problem = "is not an absolute path";
    else if (strnlen(path, MAX_PATH_BYTES + 1) > MAX_PATH_BYTES)
        problem = "is longer than a path can be";
    else if (!g_utf8_validate(path, -1, NULL))
        problem = "is not valid UTF-8";
    return has_no_problem(problem, field, error);
}

static const char *
find_string_problem(const char *string, bool is_assignment)
{
    if (strnlen(string, GUEST_DEFINITION_MAX_STRING_BYTES + 1) > GUEST_DEFINITION_MAX_STRING_BYTES)
        return "is longer than the kernel takes";
    if (!g_utf8_validate(string, -1, NULL))
        return "is not valid UTF-8, which is all that a definition can hold";
    if (is_assignment && (string[0] == '=' || !strchr(string, '=')))
        return "is not of the form NAME=value";
    return NULL;
}

static bool
check_strings(char *const *strings, const char *field, bool are_assignments, GError **error)
{
    for (guint i = 0; strings[i]; i++) {
        const char *problem = i >= GUEST_DEFINITION_MAX_STRINGS
                                  ? "is one too many"
                                  : find_string_problem(strings[i], are_assignments);
        if (!problem)
            continue;
        g_autofree char *element = g_strdup_printf("%s[%u]", field, i);
        return has_no_problem(problem, element, error);
    }
    return true;
}

static bool
check_user(const char *user, GError **error)
{
    bool fine = !user || (*user && qmp_text_is_plain(user, MAX_USER_BYTES));
    return has_no_problem(fine ? NULL : "is not the name or the number of a user", "user", error);
}

static bool
check_page_size(guint64 size_bytes, GError **error)
{
    bool fine = size_bytes == 0 || size_bytes == 2 * MIB || size_bytes == 1024 * MIB;
    return has_no_problem(fine ? NULL : "is neither 0 nor 2 MiB nor 1 GiB", "hugepage_size_bytes", error);
}

bool
guest_definition_validate(const GuestDefinition *definition, GError **error)
{
    bool has_uuid = definition->uuid && g_uuid_string_is_valid(definition->uuid);
    return check_name(definition->name, error) &&
           has_no_problem(has_uuid ? NULL : "is not a UUID", "uuid", error) &&
           check_path(definition->binary, "binary", error) &&
           has_no_problem(definition->argv ? NULL : "is missing", "argv", error) &&
           check_strings(definition->argv, "argv", false, error) &&
           check_path(definition->cwd, "cwd", error) &&
           (!definition->environment || check_strings(definition->environment, "environment", true, error)) &&
           check_user(definition->user, error) && check_page_size(definition->hugepage_size_bytes, error);
}
