/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks at a running test guest from outside, through the page it keeps in its RAM (page.h).
 *
 * The page is found in the memory of a QEMU process and then looked at where it lies. If that is a shared file, the
 * sampler holds the file, not the process: it goes on to work across an upgrade in which the memory stays (and shows
 * the blackout from the guest's side), and after the process has ended. Private memory is read through the process
 * and ends with it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "page.h"

typedef struct Sampler Sampler;

#define SAMPLER_ERROR (sampler_error_quark())
GQuark sampler_error_quark(void);

typedef enum SamplerError {
    SAMPLER_ERROR_NO_PAGE, /* no (living) guest page in that process: not our guest, or not yet up */
    SAMPLER_ERROR_TIMEOUT,
    SAMPLER_ERROR_GUEST,   /* the guest has counted errors, or refused a command */
    SAMPLER_ERROR_GONE,    /* the process has ended: before its guest was ready, or with the guest's private memory */
} SamplerError;

/* Finds the page now. Several pages (of earlier boots) are told apart by their ticks, which takes up to a second. */
Sampler *sampler_open(pid_t pid, GError **error);
/* The same, again and again until the guest says that it is ready; the process may just have been started. */
Sampler *sampler_open_ready(pid_t pid, unsigned timeout_ms, GError **error);
/*
 * The same place in the RAM of another process, found or not yet there: the target of a migration that copies. Only
 * for shared files of one size on both sides.
 */
Sampler *sampler_open_peer(const Sampler *known, pid_t pid, GError **error);
void sampler_free(Sampler *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sampler, sampler_free)

/* Where the page is: offset in the file, and the file's name for messages (borrowed). */
uint64_t sampler_get_offset(const Sampler *self);
const char *sampler_get_name(const Sampler *self);
/* Whether it is in a shared file, and so outlives the process. */
bool sampler_is_shared(const Sampler *self);

/* A copy of the page. Each field is whole, several are not of one moment. False: private memory, process ended. */
bool sampler_read(const Sampler *self, GuestPage *ret_page);
/* The tick counter alone; 0 when it cannot be read. */
uint64_t sampler_get_ticks(const Sampler *self);

/* Whether nothing has been found wrong in the guest so far; the error names what has. */
bool sampler_check(const Sampler *self, GError **error);

/* Waits until N more ticks have gone by. */
bool sampler_wait_ticks(const Sampler *self, uint64_t n, unsigned timeout_ms, GError **error);

/* Asks the guest (GUEST_COMMAND_*) and waits for its acknowledgement. */
bool sampler_command(Sampler *self, uint32_t command, uint64_t argument, unsigned timeout_ms, GError **error);
