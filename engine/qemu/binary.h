/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a QEMU binary can do: asked over QMP of one started with `-machine none`, cached by path, inode, size,
 * mtime.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "process/launcher.h"
#include "qmp/commands.h"

#define QEMU_BINARY_ERROR qemu_binary_error_quark()
GQuark qemu_binary_error_quark(void);

typedef enum {
    QEMU_BINARY_ERROR_MISSING,        /* no such file */
    QEMU_BINARY_ERROR_NOT_EXECUTABLE, /* not a regular executable file, or exec refuses it */
    QEMU_BINARY_ERROR_NOT_QEMU,  /* ends or answers as no QEMU does; the message has its own last words */
    QEMU_BINARY_ERROR_TIMED_OUT, /* does not answer in time */
} QemuBinaryError;

/* How long a binary may take to answer all questions, when the caller's wait allows more. It takes 20 to 100
 * ms. */
#define QEMU_BINARY_TIMEOUT_MS 10000

typedef struct {
    int major, minor, micro;
} QemuVersion;
int qemu_version_compare(const QemuVersion *a, const QemuVersion *b);

typedef struct {
    char *path;   /* absolute, as named; not resolved */
    dev_t device; /* of what path resolves to */
    ino_t inode;
    guint64 size_bytes;
    gint64 mtime_ns;
    QemuVersion version;
    char *version_text; /* "7.2.22" */
    char *package; /* QEMU's own package string, "Debian 1:7.2+dfsg-7+deb12u18+b3"; "" when it gives none */
    char *target;  /* "x86_64" */
    GPtrArray *machines;              /* QmpMachine */
    GHashTable *device_types;         /* set of char* */
    GHashTable *object_types;         /* set of char*: user-creatable */
    GHashTable *migrate_capabilities; /* set of char* */
} QemuBinary;

QemuBinary *qemu_binary_ref(QemuBinary *binary); /* immutable after creation, atomic reference count */
void qemu_binary_unref(QemuBinary *binary);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuBinary, qemu_binary_unref)

/* By name or alias; NULL NAME: the default machine. Borrowed; NULL when it has none such. */
const QmpMachine *qemu_binary_find_machine(const QemuBinary *binary, const char *name);
/* "x-ignore-shared" or "bypass-shared-memory", whichever the binary lists; NULL when neither. Static. */
const char *qemu_binary_get_shared_capability(const QemuBinary *binary);
/*
 * TRUE when this binary skips memory-backend-memfd and ram blocks that are share=on without a file name
 * (before 8.1); from 8.1 on only named files are skipped. See FACTS on x-ignore-shared.
 */
bool qemu_binary_skips_unnamed_shared(const QemuBinary *binary);

typedef struct QemuBinaryCache QemuBinaryCache;
/* Thread-safe cache in memory, backed by files in DIRECTORY (created 0700 if need be; NULL: memory only). */
QemuBinaryCache *qemu_binary_cache_new(Launcher *launcher, const char *directory);
void qemu_binary_cache_free(QemuBinaryCache *cache);
/*
 * The facts about the binary at PATH (absolute; a wrapper script that ends in `exec` is fine), probing it
 * when the cache does not know this very file and the very files it ran with. Failures are not remembered.
 * Thread-safe; several threads that ask for one path wait for one probe. Owned. Errors: QEMU_BINARY_ERROR;
 * QMP_CLIENT_ERROR_CANCELLED when WAIT is cancelled; PROCESS_ERROR_LAUNCHER and _FAILED when it was not the
 * binary's fault.
 */
QemuBinary *qemu_binary_cache_get(QemuBinaryCache *cache, const char *path, const QmpWait *wait,
                                  GError **error);

/*
 * Asks the binary at PATH, started for this alone, which properties devices of TYPES (NULL-terminated) can be given: hash
 * type -> json_object array of `device-list-properties`, both owned. A type that it does not have is left out. Errors as
 * above.
 */
GHashTable *qemu_binary_ask_properties(Launcher *launcher, const char *path, const char *const *types,
                                       const QmpWait *wait, GError **error);

/* Asks a QEMU that waits; FALSE with an error of its own. */
typedef bool (*QemuBinaryTryFunc)(QmpClient *client, const QmpWait *wait, gpointer data, GError **error);
/*
 * Has the binary at PATH, started for this alone, make a machine by the arguments MACHINE (NULL-terminated; -machine with an
 * accelerator, and what else matters), and lets FUNC ask it before it ends. FALSE: FUNC's error (one of the connection told as
 * one about the binary), or one as above.
 */
bool qemu_binary_try(Launcher *launcher, const char *path, const char *const *machine, QemuBinaryTryFunc func, gpointer data,
                     const QmpWait *wait, GError **error);
