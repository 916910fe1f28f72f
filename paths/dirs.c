/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/dirs.h"

#include <unistd.h>

#include "paths/folder.h"
#include "paths/temporary.h"

/* Where one of the three comes from: the override, else root's fixed place, else below an XDG folder. */
typedef struct {
    const char *override;
    const char *system;
    const char *xdg;
    const char *home_default; /* below $HOME where the XDG variable is unset; NULL: it has to be set */
} Origin;

static const Origin RUNTIME = {"MOULT_RUNTIME_DIR", "/run/moult", "XDG_RUNTIME_DIR", NULL};
static const Origin STATE = {"MOULT_STATE_DIR", "/var/lib/moult", "XDG_STATE_HOME", ".local/state"};
static const Origin CONFIG = {"MOULT_CONFIG_DIR", "/etc/moult", "XDG_CONFIG_HOME", ".config"};

static char *
dup_override(const Origin *origin, const char *value, GError **error)
{
    if (g_path_is_absolute(value))
        return g_canonicalize_filename(value, "/");
    g_autofree char *shown = g_strescape(value, NULL);
    g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "%s is \"%s\", which is not an absolute path",
                origin->override, shown);
    return NULL;
}

static char *
dup_origin(const Origin *origin, GError **error)
{
    const char *value = g_getenv(origin->override);
    if (value && *value)
        return dup_override(origin, value, error);
    if (geteuid() == 0)
        return g_strdup(origin->system);
    value = g_getenv(origin->xdg);
    if (value && g_path_is_absolute(value)) {
        g_autofree char *below = g_build_filename(value, "moult", NULL);
        return g_canonicalize_filename(below, "/");
    }
    if (origin->home_default)
        return g_build_filename(g_get_home_dir(), origin->home_default, "moult", NULL);
    g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "%s is not set; set it, or %s", origin->xdg,
                origin->override);
    return NULL;
}

PathsDirs *
paths_dirs_new(GError **error)
{
    g_autoptr(PathsDirs) dirs = g_new0(PathsDirs, 1);
    if (!(dirs->runtime = dup_origin(&RUNTIME, error)) || !(dirs->state = dup_origin(&STATE, error)) ||
        !(dirs->config = dup_origin(&CONFIG, error)))
        return NULL;
    dirs->instances = g_build_filename(dirs->runtime, "instances", NULL);
    dirs->guests = g_build_filename(dirs->runtime, "guests", NULL);
    dirs->journal = g_build_filename(dirs->runtime, "journal", NULL);
    dirs->control_socket = g_build_filename(dirs->runtime, "control.sock", NULL);
    dirs->lock = g_build_filename(dirs->runtime, "moultd.lock", NULL);
    dirs->definitions = g_build_filename(dirs->config, "guests", NULL);
    dirs->history = g_build_filename(dirs->state, "history.jsonl", NULL);
    dirs->cache = g_build_filename(dirs->state, "cache", NULL);
    return g_steal_pointer(&dirs);
}

void
paths_dirs_free(PathsDirs *dirs)
{
    if (!dirs)
        return;
    g_free(dirs->runtime);
    g_free(dirs->state);
    g_free(dirs->config);
    g_free(dirs->instances);
    g_free(dirs->guests);
    g_free(dirs->journal);
    g_free(dirs->control_socket);
    g_free(dirs->lock);
    g_free(dirs->definitions);
    g_free(dirs->history);
    g_free(dirs->cache);
    g_free(dirs);
}

bool
paths_dirs_create(const PathsDirs *dirs, GError **error)
{
    /* What lies above RUN has to be passable for the guests' users too; elsewhere XDG asks for 0700. */
    return paths_folder_create(dirs->runtime, 0711, 0755, error) &&
           paths_folder_create(dirs->instances, 0711, 0711, error) &&
           paths_folder_create(dirs->guests, 0711, 0711, error) &&
           paths_folder_create(dirs->journal, 0700, 0711, error) &&
           paths_folder_create(dirs->state, 0700, 0700, error) &&
           paths_folder_create(dirs->cache, 0700, 0700, error) &&
           paths_folder_create(dirs->config, 0700, 0700, error) &&
           paths_folder_create(dirs->definitions, 0700, 0700, error);
}

bool
paths_dirs_sweep(const PathsDirs *dirs, GError **error)
{
    const char *folders[] = {dirs->runtime, dirs->guests, dirs->journal,    dirs->state,
                             dirs->cache,   dirs->config, dirs->definitions};
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++)
        if (!paths_temporary_sweep(folders[i], error))
            return false;
    return true;
}
