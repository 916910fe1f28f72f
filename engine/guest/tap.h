/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TAP devices while two QEMUs hold them. One open file is shared, and what the target sets as it starts
 * (header size, offloads, which queues are attached) is at once in force for the running guest too: every
 * packet is then garbled until it is put back. So the values are read before the target starts, put on
 * record, and put back: all the time until the source hands over (tap-keeper.h), and once more after a
 * rollback. When the target has loaded the state it sets what the guest's driver had asked for, by itself.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

struct stat;

/* A macvtap is a file like a TAP, on a network card of the host. */
typedef enum { GUEST_TAP_NONE, GUEST_TAP_TUN, GUEST_TAP_MACVTAP } GuestTapKind;
/* What the file of STATUS is. */
GuestTapKind guest_tap_get_kind(const struct stat *status);

typedef struct {
    int source_number; /* of the descriptor, in the source */
    char *interface;
    int header_bytes;   /* of the virtio header in front of each packet; 0: the device has none */
    bool has_queues;    /* it is one of several queues, or could be */
    bool is_steered;    /* packets are kept away from others of its queues as long as a target is there (tap-steering.h) */
    bool is_attached;   /* the queue takes part; always so where there is but one */
    bool is_macvtap;    /* whether one of several takes part is known by putting it in alone: it fails where it was */
    bool knows_offload; /* FALSE: it is not in our network namespace, or a macvtap, and nobody tells */
    unsigned offload;   /* TUN_F_* */
} GuestTap;

/*
 * What FD, a duplicate of the source's descriptor SOURCE_NUMBER, is set to. NULL when it is no TAP. A queue of a macvtap that takes no part does
 * so meanwhile, for some microseconds.
 */
GuestTap *guest_tap_read(int fd, int source_number, GError **error);
void guest_tap_free(GuestTap *tap);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestTap, guest_tap_free)
/* GPtrArray of GuestTap with its free function. */
GPtrArray *guest_taps_new(void);

/* How many bytes of unsent packets the device FD holds at most; FALSE: it does not tell (a macvtap). */
bool guest_tap_get_send_bytes(int fd, int *ret_bytes);
/* TRUE when the header size of FD is no longer TAP's. */
bool guest_tap_header_differs(const GuestTap *tap, int fd);
/* TRUE when the queue FD takes part and TAP does not, or the other way round; of a macvtap's it is never known. */
bool guest_tap_attachment_differs(const GuestTap *tap, int fd);
/* Of a device with several queues: this one takes part from now on, or no longer. TRUE when it is so. */
bool guest_tap_set_attached(const GuestTap *tap, int fd, bool is_attached);
/*
 * Sets header size, attachment and offloads on FD, a duplicate of the same device; those that are as they should be are left alone. RET_ATTACHED (may be
 * NULL) becomes TRUE when it was the queue that had to be put back.
 */
bool guest_tap_restore(const GuestTap *tap, int fd, bool *ret_attached, GError **error);
/* A duplicate of TAP in the process behind PIDFD, proved to be that device; -1 when it is not. */
int guest_tap_fetch(const GuestTap *tap, int pidfd, GError **error);
/*
 * guest_tap_restore for TAPS of the process behind PIDFD, each fetched; they are no longer steered either. All are tried; the error is the
 * first.
 */
bool guest_taps_restore_in(const GPtrArray *taps, int pidfd, GError **error);

/* [{"number","interface","header_bytes","queues","steered","attached","macvtap","offload"}]; owned. */
json_object *guest_taps_to_json(const GPtrArray *taps);
/* ARRAY NULL, or anything in it that is not of this shape: left out. Owned. */
GPtrArray *guest_taps_from_json(json_object *array);
