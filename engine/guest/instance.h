/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One instance: a QEMU process of a guest, what it was made from, and our hold on it (pidfd, monitor). Its record is
 * RUN/instances/<id>/config.json, from which a restarted engine finds the guest again.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "guest/definition.h"
#include "paths/instance.h"
#include "process/identity.h"
#include "qemu/binary.h"
#include "qmp/client.h"

/* The file that a process was started from, to tell later whether the disk holds another one. */
typedef struct {
    char *path;
    dev_t device;
    ino_t inode;
    guint64 size_bytes;
    gint64 mtime_ns;
    char *version; /* "7.2.22" */
    char *package; /* QEMU's own package string, "" when it gives none */
} GuestBinary;

typedef struct {
    GuestDefinition *definition;
    guint64 domain_id;
    ProcessIdentity process; /* pid 0 in a record written before the process was started */
    GuestBinary binary;
    char *machine_type;
    char **command_line;  /* as it was started, without argv[0] */
    GPtrArray *memory;    /* QemuMemoryBackend, with the identity of each file */
    char *hugetlbfs_dir;  /* NULL when unused */
    char *pidfile;        /* absolute; the operator's -pidfile, which the engine keeps; NULL when none */
    GPtrArray *deferred;  /* QemuDeferred: what is not open yet and shall be (deferred.h) */
    char **capabilities_left; /* migration capabilities that an upgrade could not clear: it did not answer; NULL: none */
    char *started;        /* RFC 3339: when the guest was started */
    char *upgraded;       /* when this instance took over; NULL before the first upgrade */
    char *method;         /* by which it came to be; NULL before the first upgrade */
    bool adopted;         /* somebody else started the guest: no more is added to its command line than must be */
    char *monitor_path;   /* QMP socket of an adopted QEMU that we have not started; NULL: our own (monitor.h) */

    /* Our hold on it, not recorded. */
    int pidfd;            /* -1 when not open */
    QmpClient *monitor;   /* NULL when not connected; belongs to the main loop, or to the job that holds the domain */
    json_object *evidence; /* why the guest needs its operator; NULL when it does not */
    int words_fd;         /* log.h: what it writes to standard error is here, from WORDS_START on; -1: in the log of the instance */
    off_t words_start;
    char *last_shutdown;  /* reason of the last SHUTDOWN event seen, e.g. "guest-shutdown"; NULL when none */
} GuestInstance;

GuestInstance *guest_instance_new(void);
void guest_instance_free(GuestInstance *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestInstance, guest_instance_free)

/* Fills BINARY from what a probe found. */
void guest_binary_set(GuestBinary *binary, const QemuBinary *probed);

/* Its version as numbers; zeroed when it cannot be read. */
QemuVersion guest_binary_get_version(const GuestBinary *binary);
/* TRUE when no backend is private to the process: an upgrade need not copy. */
bool guest_instance_is_shared(const GuestInstance *instance);

/* Owned; NULL when the definition cannot be written as JSON. */
json_object *guest_instance_to_json(const GuestInstance *instance, GError **error);
GuestInstance *guest_instance_from_json(json_object *object, GError **error);

/* Writes the record to PATHS->config, whole or not at all. */
bool guest_instance_save(const GuestInstance *instance, const PathsInstance *paths, GError **error);
GuestInstance *guest_instance_load(const PathsInstance *paths, GError **error);

/* Now, as RFC 3339 with milliseconds, UTC. Owned. */
char *guest_instance_dup_now(void);
