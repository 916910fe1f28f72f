/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QMP commands that moult uses, typed. Sources: QEMU's qapi/ schemas (migration.json, run-state.json,
 * machine.json, qom.json, block-core.json, control.json).
 * Everything a QEMU says is bounded and checked here; a reply of the wrong shape is QMP_CLIENT_ERROR_GARBAGE.
 */
#pragma once

#include "qmp/client.h"

typedef struct {
    char *status; /* RunState: "running", "paused", "inmigrate", "postmigrate", ... */
    bool running;
} QmpStatus;
void qmp_status_clear(QmpStatus *status);
bool qmp_query_status(QmpClient *client, const QmpWait *wait, QmpStatus *ret_status, GError **error);

typedef struct {
    char *name;
    char *alias;            /* may be NULL */
    char *default_ram_id;   /* may be NULL */
    char *default_cpu_type; /* may be NULL */
    bool is_default;
    bool deprecated;
    gint64 cpu_max;
} QmpMachine;
void qmp_machine_free(QmpMachine *machine);
/* Array of QmpMachine, owned by the caller, with free function set. */
GPtrArray *qmp_query_machines(QmpClient *client, const QmpWait *wait, GError **error);

/* Names of capabilities the binary lists (set of char*, owned). */
GHashTable *qmp_query_migrate_capabilities(QmpClient *client, const QmpWait *wait, GError **error);
/* NAMES: NULL-terminated; sets each to ON in one command. */
bool qmp_migrate_set_capabilities(QmpClient *client, const char *const *names, bool on, const QmpWait *wait,
                                  GError **error);
/* The same without waiting: the id for qmp_client_collect, 0 on failure. */
guint64 qmp_migrate_send_capabilities(QmpClient *client, const char *const *names, bool on, GError **error);
/* All migration parameters, an object owned by the caller; which there are depends on the QEMU. */
json_object *qmp_query_migrate_parameters(QmpClient *client, const QmpWait *wait, GError **error);
/* PARAMETERS (an object, taken): those to change. */
bool qmp_migrate_set_parameters(QmpClient *client, json_object *parameters, const QmpWait *wait, GError **error);

/* URI: "unix:PATH" or "fd:NAME" ...; QEMU's `migrate`. Returns once QEMU accepted it, not when it has
 * completed. */
bool qmp_migrate(QmpClient *client, const char *uri, const QmpWait *wait, GError **error);
bool qmp_migrate_incoming(QmpClient *client, const char *uri, const QmpWait *wait, GError **error);
bool qmp_migrate_cancel(QmpClient *client, const QmpWait *wait, GError **error);

typedef struct {
    char *status;     /* MigrationStatus, "none" when QEMU gives none */
    char *error_desc; /* may be NULL; quoted and cut */
    gint64 ram_transferred_bytes, ram_total_bytes, ram_remaining_bytes; /* 0 when not given */
    char **blocked_reasons;                                             /* NULL-terminated, may be NULL */
} QmpMigrateInfo;
void qmp_migrate_info_clear(QmpMigrateInfo *info);
/* Whether none is under way: there was none, or it has ended, well or not. What is not known counts as under way. */
bool qmp_migrate_info_is_idle(const QmpMigrateInfo *info);
bool qmp_query_migrate(QmpClient *client, const QmpWait *wait, QmpMigrateInfo *ret_info, GError **error);

bool qmp_stop(QmpClient *client, const QmpWait *wait, GError **error);
bool qmp_cont(QmpClient *client, const QmpWait *wait, GError **error);
bool qmp_quit(QmpClient *client, const QmpWait *wait, GError **error);
bool qmp_system_powerdown(QmpClient *client, const QmpWait *wait, GError **error);

/* Whether the guest runs under KVM: query-kvm. */
bool qmp_query_kvm(QmpClient *client, const QmpWait *wait, bool *ret_enabled, GError **error);

typedef struct {
    char *id; /* may be NULL (backends without one) */
    guint64 size_bytes;
    bool share; /* FALSE when QEMU (before 6.0) does not say */
} QmpMemdev;
void qmp_memdev_free(QmpMemdev *memdev);
GPtrArray *qmp_query_memdev(QmpClient *client, const QmpWait *wait, GError **error);

/* Memory that is plugged: pc-dimm, virtio-mem and the like. */
typedef struct {
    char *type;        /* "dimm", "virtio-mem" */
    char *memdev;      /* QOM path of its backend; NULL: it has none of its own */
    json_object *data; /* all that QEMU tells; NULL when that is no object */
} QmpMemoryDevice;
void qmp_memory_device_free(QmpMemoryDevice *device);
GPtrArray *qmp_query_memory_devices(QmpClient *client, const QmpWait *wait, GError **error);

typedef struct {
    gint64 index;
    pid_t thread_id;
    char *qom_path;
} QmpCpu;
void qmp_cpu_free(QmpCpu *cpu);
GPtrArray *qmp_query_cpus_fast(QmpClient *client, const QmpWait *wait, GError **error);

typedef struct {
    char *id;
    pid_t thread_id;
} QmpIothread;
void qmp_iothread_free(QmpIothread *iothread);
GPtrArray *qmp_query_iothreads(QmpClient *client, const QmpWait *wait, GError **error);

/* The array of `query-block`, a BlockInfo each; owned. */
json_object *qmp_query_block(QmpClient *client, const QmpWait *wait, GError **error);
/* Of a BlockInfo: the name of its drive; NULL: a -blockdev, which has none. Borrowed. */
const char *qmp_block_get_drive(json_object *block);
/*
 * Its drive's name, or else its device's path in QEMU's object tree, which below /machine/peripheral is that of its id. NULL:
 * it has neither. Borrowed.
 */
const char *qmp_block_get_name(json_object *block);

/* String property; owned. A property of another type is GARBAGE. */
char *qmp_qom_get_string(QmpClient *client, const char *path, const char *property, const QmpWait *wait,
                         GError **error);
/* Any property; owned. */
json_object *qmp_qom_get(QmpClient *client, const char *path, const char *property, const QmpWait *wait,
                         GError **error);
/* Children and properties of PATH: hash name -> type, both owned. */
GHashTable *qmp_qom_list(QmpClient *client, const char *path, const QmpWait *wait, GError **error);
/* Where what -object makes is. */
#define QMP_QOM_OBJECTS "/objects"
/* The names of those in there that are a TYPE ("iothread"): of char*, owned. */
GPtrArray *qmp_qom_list_objects(QmpClient *client, const char *type, const QmpWait *wait, GError **error);
/* Of a type in there: "child<virtio-net-pci>" -> "virtio-net-pci"; NULL for what is no child. Owned. */
char *qmp_qom_dup_child_type(const char *property_type);
/*
 * Names of types implementing IMPLEMENTS (e.g. "device"), not abstract: set of char*, owned.
 * QEMU loads every module it finds for this, and aborts (assertion in util/module.c, 7.2 and 10.0) when two
 * of them are another build's, as after a package upgrade. Never ask a QEMU that runs a guest.
 */
GHashTable *qmp_qom_list_types(QmpClient *client, const char *implements, const QmpWait *wait,
                               GError **error);

/*
 * The properties that a device of type TYPE_NAME can be given: the array of `device-list-properties`, owned. It makes
 * one to look at it: never ask a QEMU that runs a guest.
 */
json_object *qmp_device_list_properties(QmpClient *client, const char *type_name, const QmpWait *wait, GError **error);

/*
 * The monitor keeps a duplicate of FD under NAME, which must not begin with a digit, until a command on it takes that (misc.json
 * and sockets.json: getfd, SocketAddress), whoever is connected then.
 */
bool qmp_getfd(QmpClient *client, const char *name, int fd, const QmpWait *wait, GError **error);
/* Forgets what getfd has left under NAME; REMOTE: there is nothing of that name. */
bool qmp_closefd(QmpClient *client, const char *name, const QmpWait *wait, GError **error);

/* Output of a human monitor command, cut at 64 KiB; owned. */
char *qmp_human_monitor_command(QmpClient *client, const char *command_line, const QmpWait *wait,
                                GError **error);
/* FALSE: OUTPUT, of qmp_human_monitor_command, is as long as one that was cut. */
bool qmp_human_output_is_whole(const char *output);
