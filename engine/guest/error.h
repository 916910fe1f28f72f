/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why something about a guest did not happen, with a stable code a script can match ("ram-not-shared") and a hint
 * for a person. The kind decides the outcome and the exit code; errors of the libraries below are given one here.
 */
#pragma once

#include <glib.h>

#define GUEST_ERROR guest_error_quark()
GQuark guest_error_quark(void);

typedef enum {
    GUEST_ERROR_REFUSED,       /* said no beforehand; nothing was changed */
    GUEST_ERROR_FAILED,        /* was tried and undone */
    GUEST_ERROR_TIMED_OUT,     /* as FAILED, for want of time */
    GUEST_ERROR_CANCELLED,     /* as FAILED, because somebody asked */
    GUEST_ERROR_NEEDS_OPERATOR /* neither done nor undone; both processes are as they were */
} GuestErrorKind;

/* CODE is a static string. HINT may be NULL. */
void guest_error_set(GError **error, GuestErrorKind kind, const char *code, const char *hint, const char *format, ...)
    G_GNUC_PRINTF(5, 6);

/*
 * Gives *ERROR, which must be set, KIND and CODE, keeping its message behind "PREFIX: " (NULL: as it is). An error that is a
 * time-out or a cancellation below keeps that kind; one that is a GuestError already keeps everything but gains the prefix.
 */
void guest_error_wrap(GError **error, GuestErrorKind kind, const char *code, const char *hint, const char *prefix);

/* Of any error: GuestErrors say their own, others FAILED, "failed", NULL. Strings are borrowed from ERROR. */
GuestErrorKind guest_error_get_kind(const GError *error);
const char *guest_error_get_code(const GError *error);
const char *guest_error_get_hint(const GError *error);
