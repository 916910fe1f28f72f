/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting one QEMU, as a fresh guest or as the target of an upgrade, in steps that the caller can write down
 * before each is taken. Nothing here is undone by itself: guest_spawn_undo takes back whatever was made so far.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "guest/account.h"
#include "guest/environment.h"
#include "guest/explain.h"
#include "guest/instance.h"
#include "guest/label.h"
#include "paths/instance.h"
#include "process/attributes.h"
#include "qemu/plan.h"

/* Environment variable of every QEMU of ours: its instance's folder. See find.h. */
#define GUEST_SPAWN_MARK "MOULT_INSTANCE"

/* A descriptor of the source's, or what takes its place, on its way to the target. */
typedef struct {
    QemuPlanFdKind kind;    /* HANDED, NAMED, QUEUE, VHOST_NET */
    unsigned source_number; /* what it is called in the source */
    int fd;
} GuestHanded;
void guest_handed_free(GuestHanded *handed);

typedef struct {
    const GuestEnvironment *environment; /* borrowed */
    GuestInstance *instance;             /* being made; owned until stolen */
    PathsInstance *paths;                /* owned until stolen */
    QemuPlan *plan;
    GuestAccount account; /* that the process is started as */
    ProcessAttributes *attributes; /* of the source's process; NULL: a fresh guest */
    GuestLabel label;     /* of the source's process */
    GuestAccount owner;   /* of its folder: the account, or the user that QEMU changes to */
    char *hugetlbfs_mount;  /* NULL when unused */
    GArray *memory_fds;     /* int for each backend of the plan; -1 where QEMU opens a path */
    GPtrArray *holdings;    /* QemuHolding: what the source holds; NULL for a fresh guest */
    GPtrArray *handed;      /* GuestHanded */
    int monitor_listener, operator_listener;
    bool made_dir, made_hugetlbfs; /* what guest_spawn_undo has to take back */
} GuestSpawn;

/* How a target is to be made; zeroed for a fresh guest. */
typedef struct {
    bool start_paused;    /* it waits for a `cont` */
    bool is_unasked;      /* the plan is only looked at, and the source's monitor was not asked */
    bool stands_still;    /* the guest does not run, and is not let run by the upgrade */
    bool copies_memory;   /* memory is made anew, shared, to be copied into */
    const GuestPresent *present; /* what the guest is now; NULL: what its definition says. Borrowed */
} GuestSpawnOptions;

/*
 * Plans an instance of DEFINITION on BINARY: new domain id, its paths (names only), the command line. SOURCE NULL: a
 * fresh guest; else the target of an upgrade of SOURCE. OPTIONS NULL: all off. Creates nothing but the number.
 * A plan with a BLOCK is refused with its code.
 */
GuestSpawn *guest_spawn_new(const GuestEnvironment *environment, const GuestDefinition *definition,
                            QemuBinary *binary, const GuestInstance *source, const GuestSpawnOptions *options,
                            GError **error);
void guest_spawn_free(GuestSpawn *spawn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestSpawn, guest_spawn_free)

/* As guest_spawn_new makes it, for DOMAIN_ID (0 for a plan that is only looked at): what --dry-run and `check` show. */
QemuPlan *guest_spawn_plan(const GuestEnvironment *environment, const GuestDefinition *definition,
                           const QemuBinary *binary, const GuestInstance *source, guint64 domain_id,
                           const GuestSpawnOptions *options, GError **error);

/* The instance's folder and its record (with pid 0, so that a later engine knows what the folder was for). */
bool guest_spawn_create_paths(GuestSpawn *spawn, GError **error);
/* Whether RECORDED, which has a path, still names the file that the guest's memory is in. */
bool guest_spawn_is_in_place(const QemuMemoryBackend *recorded);
/* New memory files for a fresh guest. */
bool guest_spawn_create_memory(GuestSpawn *spawn, GError **error);
/*
 * The source's memory files: descriptors fetched, hugetlbfs files linked; each proved to be the recorded file. What is
 * private to the source gets new files. PRESENT as the spawn was planned with (NULL: nothing has changed).
 */
bool guest_spawn_fetch_memory(GuestSpawn *spawn, const GuestInstance *source, const GuestPresent *present, GError **error);
/* The source's descriptors that the plan asks for, each proved to be what it was when the plan was made, and new ones of vhost. */
bool guest_spawn_fetch_handed(GuestSpawn *spawn, const GuestInstance *source, GError **error);
/*
 * The new queues of TAP devices that the plan asks for. Packets are kept away from them (tap-steering.h) until
 * upgrade/taps.h puts that right.
 */
bool guest_spawn_make_queues(GuestSpawn *spawn, const GuestInstance *source, GError **error);
/* The fetched duplicate of the source's descriptor SOURCE_NUMBER; -1 when there is none. Borrowed. */
int guest_spawn_get_handed(const GuestSpawn *spawn, unsigned source_number);
/* Gives the target's monitor those that it is to keep by a name. */
bool guest_spawn_name_handed(GuestSpawn *spawn, const QmpWait *wait, GError **error);
/* Closes our duplicates of KIND. */
void guest_spawn_close_handed(GuestSpawn *spawn, QemuPlanFdKind kind);
/* Listening monitor sockets. */
bool guest_spawn_listen(GuestSpawn *spawn, GError **error);
/* QEMU itself; the record has its identity before it executes anything. */
bool guest_spawn_start(GuestSpawn *spawn, GError **error);
/* Connects our monitor and waits for the greeting. When QEMU ends instead, the error has its own last words. */
bool guest_spawn_connect(GuestSpawn *spawn, const QmpWait *wait, GError **error);

/* Kills and reaps what was started, removes what was created. Safe at any point, and twice. */
bool guest_spawn_undo(GuestSpawn *spawn, GError **error);
