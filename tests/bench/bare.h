/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A test guest moved by bare QMP: what moult is compared with. Each way of moving takes the guest from the QEMU it is in
 * to the other one of the pair (both may be the same build) and tells when what happened.
 *
 *   floor.c  the memory stays where it is: the least that any program has to do for what moult does
 *   whole.c  QEMU's plain live copy; save to a file and restore
 */
#pragma once

#include "vm.h"
#include "watch.h"

typedef struct Bare {
    const char *binaries[2]; /* the guest is in the first, the next move goes to the second */
    const char *const *arguments; /* of both, without memory, monitor and serial line */
    const char *machine;
    const char *folder; /* where a saved guest goes */
    unsigned ram_mib;
    int ram_fd;
    Vm *vm;
    Sampler *sampler;
    Sampler *peer; /* the same guest in other memory, before or after: a watch may still look at it */
} Bare;

/* One move. Times are of the host's real-time clock, as those of QEMU's events are. */
typedef struct Move {
    gint64 command_us; /* when it was asked for: before anything of it was done, the new QEMU not yet started */
    gint64 stop_us;    /* STOP of the source, by its own clock */
    gint64 resume_us;  /* RESUME of the target, by its own clock */
    gint64 end_us;     /* the source is reaped */
    uint64_t file_bytes; /* of a saved guest */
    WatchResult watch; /* the guest's ticks meanwhile */
} Move;

bool bare_start(Bare *bare, unsigned timeout_ms, GError **error);
void bare_clear(Bare *bare);

/* A QEMU like the guest's, on RAM_FD, that waits for a migration. */
Vm *bare_start_target(const Bare *bare, int ram_fd, GError **error);

/* The guest is in TARGET now: kills and reaps the source. Takes TARGET. */
void bare_switch(Bare *bare, Vm *target);
/* The same, when the target has other memory, which is the peer's. Takes both. */
void bare_switch_memory(Bare *bare, Vm *target, int ram_fd);

/* Waits for the event EVENT_NAME; the time is QEMU's. */
bool bare_wait_event(Vm *vm, const char *event_name, unsigned timeout_ms, gint64 *ret_time_us, GError **error);

/* Ways of moving; WATCH looks at the guest meanwhile and may be given more to look at. */
typedef bool (*BareMove)(Bare *bare, Watch *watch, Move *ret_move, GError **error);
bool floor_move(Bare *bare, Watch *watch, Move *ret_move, GError **error);
bool whole_move_copy(Bare *bare, Watch *watch, Move *ret_move, GError **error);
bool whole_move_file(Bare *bare, Watch *watch, Move *ret_move, GError **error);
