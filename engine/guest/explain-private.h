/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the command line of the start to that of the present: internal to explain*.c. Each part looks at one kind of
 * thing, changes the command line where that is certain, and reports.
 */
#pragma once

#include "guest/explain.h"
#include "qemu/argv.h"

#define EXPLAIN_PERIPHERAL "/machine/peripheral"
#define EXPLAIN_MEMORY "memory-backend-"
#define EXPLAIN_PERIPHERAL_ANON "/machine/peripheral-anon"

typedef struct {
    const GuestEnvironment *environment;
    const GuestInstance *instance;
    const QemuBinary *target;
    const QmpWait *wait;
    QemuArgv *argv;      /* that of the definition, on its way to the present */
    GPtrArray *findings;
    GHashTable *plugged; /* id -> type */
    GPtrArray *memory;   /* QemuMemoryBackend: what there is now */
    GHashTable *terminals; /* label -> "/dev/pts/7" */
    guint n_carried, n_unexplained;
} Explanation;

/* WHAT, with its NAME (the monitor's word, which is quoted), cannot be described: a BLOCK. */
void explain_block(Explanation *explanation, const char *code, const char *what, const char *name);
/* It is in the command line of the present. */
void explain_carried(Explanation *explanation, const char *code, const char *what, const char *name);
void explain_unanswered(Explanation *explanation, const char *what, const GError *error);
/* The reply to a command that gives a list, owned; NULL, and a BLOCK, when there is none. */
json_object *explain_query(Explanation *explanation, const char *command, json_object *arguments, const char *what);

/* The option NAME (-device, -drive) that has the id ID; NULL: none. Borrowed. */
QemuArg *explain_find(const Explanation *explanation, const char *name, const char *id);
/* Appends "-NAME JSON"; takes SETTINGS. It counts as the operator's. */
void explain_append(Explanation *explanation, const char *name, json_object *settings);
/* The same for a VALUE in QEMU's own form: "user,id=n0". */
void explain_append_text(Explanation *explanation, const char *name, const char *value);

/* The port of the USB device ID: "1", "1.3" behind a hub; NULL: not known. Owned. */
char *explain_dup_usb_port(const Explanation *explanation, const char *id);
/* Tells every -device where it is. FALSE: for one of them that cannot be told. */
bool explain_pin_places(Explanation *explanation);

/*
 * What the backend ID of SIZE_BYTES that was plugged is made of, and whether the next QEMU can have the same pages: looked
 * up in the process, whose mappings MAPS are (ProcessMapping). TYPE and MEM_PATH (NULL: none) as the monitor tells them;
 * what cannot be told for certain is PRIVATE, for to copy it is always right. Owned.
 */
QemuMemoryBackend *explain_memory_kind(const GuestInstance *instance, const GPtrArray *maps, const char *id,
                                       guint64 size_bytes, const char *type, bool is_shared, const char *mem_path);

/*
 * Of a QEMU in a chroot: whatever has come since its start and is at a path is at one inside, where its successor does not look when
 * it starts. Last.
 */
void explain_chroot(Explanation *explanation);

/* The parts; in this order: a device refers to what comes before it, and holds what comes behind it. */
void explain_objects(Explanation *explanation);
void explain_chardevs(Explanation *explanation);
void explain_devices(Explanation *explanation);
void explain_netdevs(Explanation *explanation);
void explain_disks(Explanation *explanation);
void explain_displays(Explanation *explanation);
void explain_memory(Explanation *explanation);

/*
 * The settings by which the plugged device ID of TYPE would have been given at the start: {"driver","id","bus",...}, owned.
 * UNDERSTOOD: what the target's device-list-properties says of the type. NULL with an error when they cannot be told.
 */
json_object *explain_describe_device(const Explanation *explanation, const char *id, const char *type,
                                     json_object *understood, GError **error);
