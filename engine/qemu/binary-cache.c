/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has been asked once. An answer is good as long as all files that took part in it are what they were:
 * the named one (perhaps a wrapper script, which stays the same when the QEMU behind it is replaced) and
 * every file that the process executed code of: QEMU itself, the loader, libraries, modules.
 *
 * Known gap: a module package installed later adds device types without touching any of these files. The
 * answer is then short of these types until QEMU itself is upgraded or the cache file removed.
 *
 * One probe a path at a time: who comes second waits for the first one's end, on an eventfd, so that waiting
 * can be cancelled, and then looks again.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "paths/file.h"
#include "qemu/binary-new.h"
#include "qmp/json.h"

#define MAX_ENTRIES 64
#define MAX_FILE_BYTES (4 * 1024 * 1024)
#define MAX_FILE_DEPTH 8

typedef struct {
    QemuBinary *binary;
    GPtrArray *files; /* QemuFileStamp, not changed any more */
} Entry;

typedef struct {
    int done_fd; /* readable once the probe is over */
} Flight;

struct QemuBinaryCache {
    Launcher *launcher;
    char *directory;     /* or NULL */
    GMutex mutex;        /* guards both tables; never held while something is waited for */
    GHashTable *entries; /* path -> Entry */
    GHashTable *flights; /* path -> Flight (rc box) */
};

static void
entry_free(Entry *entry)
{
    qemu_binary_unref(entry->binary);
    g_ptr_array_unref(entry->files);
    g_free(entry);
}

static void
flight_clear(gpointer data)
{
    Flight *flight = data;

    close(flight->done_fd);
}

static void
flight_unref(gpointer flight)
{
    g_atomic_rc_box_release_full(flight, flight_clear);
}

QemuBinaryCache *
qemu_binary_cache_new(Launcher *launcher, const char *directory)
{
    QemuBinaryCache *cache = g_new0(QemuBinaryCache, 1);

    cache->launcher = launcher;
    cache->directory = g_strdup(directory);
    g_mutex_init(&cache->mutex);
    cache->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)entry_free);
    cache->flights = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, flight_unref);
    return cache;
}

void
qemu_binary_cache_free(QemuBinaryCache *cache)
{
    if (!cache)
        return;
    g_hash_table_unref(cache->entries);
    g_hash_table_unref(cache->flights);
    g_mutex_clear(&cache->mutex);
    g_free(cache->directory);
    g_free(cache);
}

/* --- memory --- */

static QemuBinary *
find_entry(QemuBinaryCache *cache, const char *path)
{
    g_autoptr(QemuBinary) binary = NULL;
    g_autoptr(GPtrArray) files = NULL;

    g_mutex_lock(&cache->mutex);
    const Entry *entry = g_hash_table_lookup(cache->entries, path);
    if (entry) {
        binary = qemu_binary_ref(entry->binary);
        files = g_ptr_array_ref(entry->files);
    }
    g_mutex_unlock(&cache->mutex);
    return binary && qemu_file_stamps_hold(files) ? g_steal_pointer(&binary) : NULL;
}

static void
remember(QemuBinaryCache *cache, QemuBinary *binary, GPtrArray *files)
{
    Entry *entry = g_new0(Entry, 1);

    entry->binary = qemu_binary_ref(binary);
    entry->files = g_ptr_array_ref(files);
    g_mutex_lock(&cache->mutex);
    if (g_hash_table_size(cache->entries) >= MAX_ENTRIES) /* far more binaries than a node has: start over */
        g_hash_table_remove_all(cache->entries);
    g_hash_table_replace(cache->entries, g_strdup(binary->path), entry);
    g_mutex_unlock(&cache->mutex);
}

/* --- files --- */

static char *
file_of(const QemuBinaryCache *cache, const char *path)
{
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, path, -1);

    digest[32] = '\0';
    g_autofree char *name = g_strdup_printf("qemu-%s.json", digest);
    return g_build_filename(cache->directory, name, NULL);
}

static QemuBinary *
load(const QemuBinaryCache *cache, const char *path, GPtrArray **ret_files)
{
    g_autofree char *file = cache->directory ? file_of(cache, path) : NULL;
    g_autofree char *text = NULL;
    g_autoptr(json_object) json = NULL;
    g_autoptr(QemuBinary) binary = NULL;
    g_autoptr(GPtrArray) files = NULL;
    size_t size;

    if (!file || !(text = paths_file_read(file, MAX_FILE_BYTES, &size, NULL)) ||
        !(json = qmp_json_parse(text, size, MAX_FILE_DEPTH, NULL)))
        return NULL;
    binary = qemu_binary_from_json(json, path, &files);
    if (!binary || !qemu_file_stamps_hold(files)) {
        g_debug("%s is out of date", file);
        return NULL;
    }
    *ret_files = g_steal_pointer(&files);
    return g_steal_pointer(&binary);
}

static void
save(const QemuBinaryCache *cache, const QemuBinary *binary, const GPtrArray *files)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) json = NULL;

    if (!cache->directory)
        return;
    json = qemu_binary_to_json(binary, files);
    g_autofree char *file = file_of(cache, binary->path);
    size_t size;
    const char *text = qmp_json_to_text(json, &size);

    if (g_mkdir_with_parents(cache->directory, 0700) < 0)
        g_debug("cannot create %s: %s", cache->directory, g_strerror(errno));
    else if (!paths_file_replace(file, text, size, 0600, &error))
        g_debug("%s", error->message);
}

/* --- asking --- */

/* From the file, else from the binary itself. */
static QemuBinary *
find_out(QemuBinaryCache *cache, const char *path, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) files = NULL;
    QemuBinary *binary = load(cache, path, &files);

    if (!binary) {
        binary = qemu_binary_probe(cache->launcher, path, wait, &files, error);
        if (binary && files)
            save(cache, binary, files);
    }
    if (binary && files)
        remember(cache, binary, files);
    return binary;
}

/* The flight to PATH that is under way, with a reference; or NULL, and then it is ours to make (*RET_OWN). */
static Flight *
join_flight(QemuBinaryCache *cache, const char *path, Flight **ret_own, GError **error)
{
    Flight *flight;
    int done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    *ret_own = NULL;
    if (done_fd < 0) {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "cannot ask %s: %s", path, g_strerror(errno));
        return NULL;
    }
    g_mutex_lock(&cache->mutex);
    flight = g_hash_table_lookup(cache->flights, path);
    if (flight) {
        g_atomic_rc_box_acquire(flight);
        close(done_fd);
    } else {
        *ret_own = g_atomic_rc_box_new0(Flight);
        (*ret_own)->done_fd = done_fd;
        g_hash_table_insert(cache->flights, g_strdup(path), g_atomic_rc_box_acquire(*ret_own));
    }
    g_mutex_unlock(&cache->mutex);
    return flight;
}

static void
land(QemuBinaryCache *cache, const char *path, Flight *own)
{
    g_mutex_lock(&cache->mutex);
    g_hash_table_remove(cache->flights, path);
    g_mutex_unlock(&cache->mutex);
    eventfd_write(own->done_fd, 1);
    flight_unref(own);
}

static bool
wait_for_flight(const Flight *flight, const char *path, const QmpWait *wait, GError **error)
{
    switch (qmp_wait_poll(wait, flight->done_fd, POLLIN)) {
    case QMP_WAIT_READY:
        return true;
    case QMP_WAIT_TIMED_OUT:
        g_set_error(error, QEMU_BINARY_ERROR, QEMU_BINARY_ERROR_TIMED_OUT, "%s does not answer in time",
                    path);
        return false;
    case QMP_WAIT_CANCELLED:
        break;
    }
    g_set_error(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_CANCELLED, "%s: cancelled", path);
    return false;
}

QemuBinary *
qemu_binary_cache_get(QemuBinaryCache *cache, const char *path, const QmpWait *wait, GError **error)
{
    while (true) {
        QemuBinary *binary = find_entry(cache, path);
        Flight *own, *others;
        bool landed;

        if (binary)
            return binary;
        others = join_flight(cache, path, &own, error);
        if (own) {
            binary = find_entry(cache, path); /* who was asking may have finished since we looked */
            if (!binary)
                binary = find_out(cache, path, wait, error);
            land(cache, path, own);
            return binary;
        }
        if (!others)
            return NULL;
        landed = wait_for_flight(others, path, wait, error);
        flight_unref(others);
        if (!landed)
            return NULL;
    }
}
