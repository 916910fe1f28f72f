/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the operator's command line to the one that QEMU is started with: the definition is never changed, every
 * instance's command line is made from it anew by the same table of rules (rules.c), once as a fresh guest and once
 * as the target of an upgrade.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "qemu/binary.h"
#include "qemu/deferred.h"
#include "qemu/finding.h"
#include "qemu/holding.h"
#include "qemu/memory.h"

/* Ids that begin so are ours. */
#define QEMU_PLAN_OUR_PREFIX "moult-"

#define QEMU_PLAN_ERROR qemu_plan_error_quark()
GQuark qemu_plan_error_quark(void);
typedef enum {
    QEMU_PLAN_ERROR_ARGUMENTS, /* the command line cannot be parsed; names the argument and says what to do */
    QEMU_PLAN_ERROR_REFUSED    /* parsed, but moult cannot run it as asked (e.g. -readconfig); see message */
} QemuPlanError;

typedef enum {
    QEMU_PLAN_FRESH,   /* a guest that starts from nothing: new memory */
    QEMU_PLAN_INCOMING /* the target of an upgrade: memory of the source, -incoming defer, nothing truncated */
} QemuPlanRole;

typedef enum {
    QEMU_PLAN_FD_MONITOR,  /* listening UNIX socket of the engine's monitor */
    QEMU_PLAN_FD_OPERATOR, /* listening UNIX socket of the operator's monitor */
    QEMU_PLAN_FD_MEMORY,   /* memory backend number `index` of the plan */
    QEMU_PLAN_FD_HANDED,   /* INCOMING: descriptor `index` of the running QEMU, one of the context's holdings */
    QEMU_PLAN_FD_QUEUE,    /* INCOMING: a new queue of the TAP device that descriptor `index` is one of, in its stead */
    QEMU_PLAN_FD_VHOST_NET, /* INCOMING: /dev/vhost-net, opened anew, in the stead of descriptor `index`: that serves one process */
    QEMU_PLAN_FD_NAMED     /* HANDED, once QEMU runs: its monitor keeps it under qemu_plan_dup_fd_name(index), for what is deferred */
} QemuPlanFdKind;

typedef struct {
    QemuPlanFdKind kind;
    int number; /* the descriptor's number inside QEMU; 0 to 2 are its standard input, output and error. NAMED: -1 */
    unsigned index;
} QemuPlanFd;

/* What a mem-path of the operator's is. */
typedef struct {
    bool is_memory_directory; /* a directory on hugetlbfs or tmpfs: QEMU makes a nameless file in it */
    guint64 page_size_bytes;  /* of hugetlbfs, for a file there too; 0 otherwise */
} QemuPlanPath;
/* Fills *RET_PATH, which comes zeroed: neither of the two. */
typedef void (*QemuPlanPathFunc)(const char *path, QemuPlanPath *ret_path, gpointer data);
/* The one that looks at the file system. DATA: the guest's working directory, absolute; for relative paths. */
void qemu_plan_look_at_path(const char *path, QemuPlanPath *ret_path, gpointer cwd);

typedef struct {
    QemuPlanRole role;
    const char *name;              /* guest name */
    const char *uuid;              /* used when the operator gave none; never NULL */
    const QemuBinary *binary;      /* the binary that will run this command line */
    guint64 hugepage_size_bytes;   /* 0: normal pages (memfd); else every backend of ours goes to hugetlbfs */
    const char *hugetlbfs_dir;     /* directory of this instance on a hugetlbfs mount; NULL when unused */
    const char *machine_type;      /* INCOMING: the source's resolved machine type; NULL for FRESH */
    const GPtrArray *memory;       /* INCOMING: the source's QemuMemoryBackend's; NULL for FRESH */
    QemuVersion running;           /* INCOMING: the source's version; zeroed: not known */
    const GPtrArray *holdings;     /* INCOMING: QemuHolding, what the source holds; NULL: nothing is known */
    bool makes_queues;             /* INCOMING: the engine may give it new queues of a TAP device, and keep packets away from them */
    bool has_default_downscript;   /* INCOMING: the node has the script that QEMU runs where none is named */
    GHashTable *terminals;         /* INCOMING: label of a chardev -> "/dev/pts/7", that it is in the source now; NULL: nothing is known */
    bool is_unasked;               /* INCOMING: it is only judged, and its monitor was not asked: it may be thought to be what it seems */
    bool stands_still;             /* INCOMING: the guest does not run, neither before nor after */
    bool start_paused;             /* INCOMING with --paused: -S */
    bool copies_memory;            /* INCOMING: memory is made anew, as shared files of ours, but for shared ones of the operator's */
    bool is_adopted;               /* somebody else started the guest: nothing that it could notice is added */
    QemuPlanPathFunc look_at_path; /* FRESH: asked about every mem-path; NULL: none is a directory in memory */
    gpointer look_data;            /* for look_at_path */
} QemuPlanContext;

typedef struct {
    char **argv;            /* without argv[0]; NULL-terminated */
    char *machine_type;     /* resolved: alias pinned by asking the binary */
    char *uuid;             /* the guest's UUID: the operator's -uuid, else the context's */
    GPtrArray *memory;      /* QemuMemoryBackend: what the engine has to create (FRESH) or hand over (INCOMING) */
    GArray *fds;            /* QemuPlanFd */
    GPtrArray *deferred;    /* QemuDeferred: what is opened once the old QEMU is gone */
    GPtrArray *findings;    /* QemuFinding: what `check` shows of the rules' judgement */
    char *run_as;           /* the user, or "uid:gid", that QEMU changes to by itself (-runas); NULL: none */
    bool shares_queues;     /* several queues of a TAP are handed over: the guest must stand still when they change hands */
    char *pidfile;          /* path of the operator's -pidfile, relative to the guest's cwd; the engine writes it. NULL: none */
} QemuPlan;

/*
 * Applies the rules to OPERATOR_ARGV (NULL-terminated, without argv[0]). Touches no file (but through look_at_path), asks no process.
 * A plan whose findings hold a BLOCK must not be started.
 */
QemuPlan *qemu_plan_new(const char *const *operator_argv, const QemuPlanContext *context, GError **error);
void qemu_plan_free(QemuPlan *plan);
/* What the monitor calls the running QEMU's descriptor NUMBER. Owned. */
char *qemu_plan_dup_fd_name(unsigned number);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuPlan, qemu_plan_free)
