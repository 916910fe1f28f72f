/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <sys/wait.h>

#define SKIP_STATUS 77

G_DEFINE_QUARK(files-error-quark, files_error)

void
files_free(Files *files)
{
    if (!files)
        return;
    g_free(files->kernel);
    g_free(files->initramfs);
    g_free(files->tiny);
    g_free(files);
}

/* FILES_* paths come from meson: the build folder and the source folder of this very build. */
Files *
files_find(const char *flavour, GError **error)
{
    const char *argv[] = {FILES_BUILD_INITRAMFS, "--init", FILES_INIT, "--folder", FILES_FOLDER, "--flavour", flavour,
                          NULL};
    g_autofree char *output = NULL, *message = NULL;
    int status;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, &message, &status, error))
        return NULL;
    g_strchomp(message);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIP_STATUS) {
        g_set_error(error, FILES_ERROR, FILES_ERROR_MISSING, "%s", message);
        return NULL;
    }
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    if (!g_spawn_check_wait_status(status, error) || g_strv_length(lines) < 2) {
        g_prefix_error(error, "cannot make the initramfs: %s: ", message);
        return NULL;
    }

    Files *files = g_new0(Files, 1);
    files->kernel = g_strdup(lines[0]);
    files->initramfs = g_strdup(lines[1]);
    files->tiny = g_strdup(FILES_TINY);
    return files;
}

static char *
program_find(const char *variable, const char *fallback, const char *hint, GError **error)
{
    const char *chosen = g_getenv(variable);
    char *path = g_find_program_in_path(chosen && *chosen ? chosen : fallback);

    if (!path)
        g_set_error(error, FILES_ERROR, FILES_ERROR_MISSING, "there is no %s; %s", chosen ? chosen : fallback, hint);
    return path;
}

char *
files_find_qemu(GError **error)
{
    return program_find("MOULT_TEST_QEMU", "qemu-system-x86_64", "install QEMU", error);
}

static char *
dup_cache_folder(void)
{
    const char *cache = g_getenv("MOULT_CACHE_DIR");

    return cache && *cache ? g_strdup(cache) : g_build_filename(g_get_user_cache_dir(), "moult", NULL);
}

char *
files_find_cached(const char *name)
{
    g_autofree char *folder = dup_cache_folder(), *path = g_build_filename(folder, name, name, NULL);

    return g_find_program_in_path(path);
}

/* contrib/fetch/qemu leaves one link a suite, qemu-SUITE; that of this release's backports. */
static char *
second_qemu_path(void)
{
    g_autofree char *folder = dup_cache_folder();
    g_autofree char *codename = g_get_os_info(G_OS_INFO_KEY_VERSION_CODENAME);
    g_autofree char *link = g_strdup_printf("qemu-%s-backports", codename ? codename : "unknown");

    return g_build_filename(folder, link, "qemu-system-x86_64", NULL);
}

char *
files_find_second_qemu(GError **error)
{
    g_autofree char *fallback = second_qemu_path();

    return program_find("MOULT_TEST_QEMU_SECOND", fallback, "contrib/fetch/qemu gets one", error);
}
