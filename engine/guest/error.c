/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GuestError: a GError with a code name and a hint (GLib's extended errors), so that it travels through every
 * function that knows GError only.
 */
#include "guest/error.h"

#include "process/identity.h"
#include "qmp/client.h"

typedef struct {
    char *code;
    char *hint;
} GuestErrorPrivate;

static void
guest_error_private_init(GuestErrorPrivate *priv)
{
    priv->code = NULL;
    priv->hint = NULL;
}

static void
guest_error_private_copy(const GuestErrorPrivate *from, GuestErrorPrivate *to)
{
    to->code = g_strdup(from->code);
    to->hint = g_strdup(from->hint);
}

static void
guest_error_private_clear(GuestErrorPrivate *priv)
{
    g_free(priv->code);
    g_free(priv->hint);
}

G_DEFINE_EXTENDED_ERROR(GuestError, guest_error)

static void
guest_error_fill(GError *error, const char *code, const char *hint)
{
    GuestErrorPrivate *priv = guest_error_get_private(error);

    priv->code = g_strdup(code);
    priv->hint = g_strdup(hint);
}

void
guest_error_set(GError **error, GuestErrorKind kind, const char *code, const char *hint, const char *format, ...)
{
    if (!error)
        return;
    va_list arguments;
    va_start(arguments, format);
    *error = g_error_new_valist(GUEST_ERROR, (int)kind, format, arguments);
    va_end(arguments);
    guest_error_fill(*error, code, hint);
}

static GuestErrorKind
guest_error_kind_below(const GError *error, GuestErrorKind otherwise)
{
    if (g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT) ||
        g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_BUSY) ||
        g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_TIMED_OUT))
        return GUEST_ERROR_TIMED_OUT;
    if (g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_CANCELLED) ||
        g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_CANCELLED))
        return GUEST_ERROR_CANCELLED;
    return otherwise;
}

void
guest_error_wrap(GError **error, GuestErrorKind kind, const char *code, const char *hint, const char *prefix)
{
    if (!error || !*error)
        return;
    if ((*error)->domain == GUEST_ERROR) {
        if (prefix)
            g_prefix_error(error, "%s: ", prefix);
        return;
    }
    GuestErrorKind found = guest_error_kind_below(*error, kind);
    GError *wrapped =
        g_error_new(GUEST_ERROR, (int)found, "%s%s%s", prefix ? prefix : "", prefix ? ": " : "", (*error)->message);
    if (found == GUEST_ERROR_CANCELLED) /* where that was is chance, and nothing is wrong there */
        guest_error_fill(wrapped, "cancelled", NULL);
    else
        guest_error_fill(wrapped, code, hint);
    g_error_free(*error);
    *error = wrapped;
}

GuestErrorKind
guest_error_get_kind(const GError *error)
{
    if (error->domain == GUEST_ERROR)
        return (GuestErrorKind)error->code;
    return guest_error_kind_below(error, GUEST_ERROR_FAILED);
}

const char *
guest_error_get_code(const GError *error)
{
    return error->domain == GUEST_ERROR ? guest_error_get_private(error)->code : "failed";
}

const char *
guest_error_get_hint(const GError *error)
{
    return error->domain == GUEST_ERROR ? guest_error_get_private(error)->hint : NULL;
}
