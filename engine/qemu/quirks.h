/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known to be broken, or different, in which QEMUs, and what moult does instead: one table, consulted by
 * `check`, by the methods and by adoption, so that no version number is compared anywhere else for such a reason.
 */
#pragma once

#include <glib.h>

#include "qemu/binary.h"

typedef enum { QEMU_ACCELERATOR_UNKNOWN, QEMU_ACCELERATOR_TCG, QEMU_ACCELERATOR_KVM } QemuAccelerator;
const char *qemu_accelerator_to_string(QemuAccelerator accelerator); /* "unknown" "tcg" "kvm" */

/* Named for what goes wrong. */
typedef enum {
    QEMU_QUIRK_LIVE_COPY_LOSES_PAGES,    /* of the source: pages that the guest writes during a copy may be lost */
    QEMU_QUIRK_LIVE_COPY_OF_SEVERAL,     /* of the source: a copy of several memory backends may end it */
    QEMU_QUIRK_UNNAMED_SHARED_IS_COPIED, /* of the source: shared memory without a file name is not left out */
    QEMU_QUIRK_USER_NETWORKS_UNNUMBERED, /* of the target: the states of several user networks are not told apart */
    QEMU_QUIRK_SWITCHOVER_UNKNOWN,       /* of the target: what a newer QEMU begins the end of its state with is not understood */
    QEMU_QUIRK_ESP_STATE_MISREAD,        /* of the target: it loses its place in an older one's state of that SCSI controller */
    QEMU_QUIRK_N
} QemuQuirkId;

typedef struct {
    QemuQuirkId id;
    QemuVersion since, until;    /* the first version that has it, the first one without; 0.0.0: no such bound */
    QemuAccelerator accelerator; /* that it takes; UNKNOWN: any */
    const char *broken;          /* one clause for a person */
    const char *instead;         /* what moult does */
    const char *established;     /* how this is known */
} QemuQuirk;

/*
 * The row of ID when a QEMU of VERSION with ACCELERATOR has the quirk, else NULL. UNKNOWN has what any accelerator
 * has. Static.
 */
const QemuQuirk *qemu_quirk_find(QemuQuirkId id, const QemuVersion *version, QemuAccelerator accelerator);
/* All rows; RET_N of them. Static. */
const QemuQuirk *qemu_quirk_list(gsize *ret_n);
