/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/terminal.h"

#include <errno.h>
#include <string.h>

#include "guest/error.h"
#include "guest/handover.h"
#include "guest/pty.h"
#include "process/fd.h"
#include "qmp/commands.h"
#include "qmp/json.h"

#define PATIENCE_MS 1000 /* docs/timeouts.rst */
#define PAUSE_MS 20      /* nothing tells when a number becomes free: the name is gone before */

static const char pty[] = "pty:";

typedef struct {
    const GuestInstance *instance;
    const char *id, *fd_name;
    QemuTerminal old;
    json_object *data;   /* of the backend */
    const char *command; /* that gives the chardev its backend */
} Terminal;

/* Two upgrades that wait for their numbers must not take each other for clients. */
static GMutex lock;

static bool
get_number(json_object *arguments, const char *key, guint64 max, guint64 *ret_number)
{
    gint64 number = 0;

    if (!qmp_json_get_int64(arguments, key, &number) || number < 0 || (guint64)number > max)
        return false;
    *ret_number = (guint64)number;
    return true;
}

static bool
read_terminal(json_object *arguments, Terminal *terminal, GError **error)
{
    guint64 number = 0, file_system = 0, uid = 0, gid = 0, mode = 0;

    terminal->id = qmp_json_get_string(arguments, "id");
    terminal->fd_name = qmp_json_get_string(arguments, "fdname");
    terminal->data = qmp_json_get_object(arguments, "data");
    if (!terminal->id || !terminal->fd_name || !terminal->data ||
        !get_number(arguments, "number", G_MAXINT, &number) ||
        !get_number(arguments, "filesystem", G_MAXINT64, &file_system) ||
        !get_number(arguments, "uid", G_MAXUINT32, &uid) ||
        !get_number(arguments, "gid", G_MAXUINT32, &gid) || !get_number(arguments, "mode", 07777, &mode)) {
        guest_error_set(error, GUEST_ERROR_FAILED, "reopen", NULL, "it is not known which");
        return false;
    }
    terminal->old = (QemuTerminal){.number = (guint)number,
                                   .file_system = file_system,
                                   .uid = (uid_t)uid,
                                   .gid = (gid_t)gid,
                                   .mode = (mode_t)mode};
    return true;
}

/* What its chardev is now: "null", "pty:/dev/pts/7"; NULL: it is not there. Owned. */
static bool
look_at_chardev(const Terminal *terminal, const QmpWait *wait, char **ret_now, GError **error)
{
    g_autoptr(json_object) list = NULL;

    if (!qmp_client_call(terminal->instance->monitor, "query-chardev", NULL, wait, &list, error))
        return false;
    for (size_t i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        json_object *chardev = json_object_array_get_idx(list, i);
        if (g_strcmp0(qmp_json_get_string(chardev, "label"), terminal->id) == 0)
            *ret_now = g_strdup(qmp_json_get_string(chardev, "filename"));
    }
    return true;
}

/* DATA is taken. RET_NUMBER NULL: it is no terminal. */
static bool
change(const Terminal *terminal, const char *type, json_object *data, const QmpWait *wait, guint *ret_number,
       GError **error)
{
    json_object *arguments = json_object_new_object(), *backend = json_object_new_object();
    g_autoptr(json_object) reply = NULL;

    qmp_json_add_string(backend, "type", type);
    qmp_json_add_value(backend, "data", data);
    qmp_json_add_string(arguments, "id", terminal->id);
    qmp_json_add_value(arguments, "backend", backend);
    if (!qmp_client_call(terminal->instance->monitor, terminal->command, arguments, wait, &reply, error))
        return false;
    if (!ret_number)
        return true;
    const char *name = qmp_json_get_string(reply, "pty");
    if (name && qemu_terminal_parse(name, ret_number))
        return true;
    guest_error_set(error, GUEST_ERROR_FAILED, "reopen", NULL, "QEMU does not say which it has opened");
    return false;
}

/* Its number is free then, and its client is hung up. An engine that has ended may have done it. */
static void
let_go_of_old(const Terminal *terminal)
{
    QmpClient *monitor = terminal->instance->monitor;
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "fdname", terminal->fd_name);
    qmp_client_forget(monitor, qmp_client_send(monitor, "closefd", arguments, NULL));
}

/*
 * QEMU lets go of the old terminal and opens the new one in one go, so that nobody can come in between: what it lets go of is the lowest
 * free number at once. A client that has the old one open still keeps that number.
 */
static bool
exchange(const Terminal *terminal, int ptmx, const QmpWait *wait, guint *ret_number, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    g_autoptr(GArray) below = guest_pty_fds_new();

    guest_pty_reach(ptmx, &terminal->old, below);
    let_go_of_old(terminal);
    return change(terminal, "pty", json_object_get(terminal->data), wait, ret_number, error);
}

/* One more attempt at the old number, or at any when it IS_LAST. FALSE: an error, or none. */
static bool
attempt(const Terminal *terminal, int ptmx, bool is_last, const QmpWait *wait, guint *ret_number,
        GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    g_autoptr(GArray) below = guest_pty_fds_new();

    if (guest_pty_reach(ptmx, &terminal->old, below) != GUEST_PTY_NEXT && !is_last)
        return false;
    return change(terminal, "pty", json_object_get(terminal->data), wait, ret_number, error);
}

static bool
obtain(Terminal *terminal, const QmpWait *wait, guint *ret_number, GError **error)
{
    process_autofd ptmx = guest_pty_find_ptmx(terminal->instance->process.pid);
    QmpWait patience = qmp_wait_within(wait, PATIENCE_MS);

    for (bool is_first = true;; is_first = false) {
        g_autoptr(GError) local = NULL;
        bool is_last = !is_first && qmp_wait_check(&patience) != QMP_WAIT_READY;
        bool is_open = is_first ? exchange(terminal, ptmx, wait, ret_number, &local)
                                : attempt(terminal, ptmx, is_last, wait, ret_number, &local);
        if (is_open && (is_last || *ret_number == terminal->old.number))
            return true;
        if (local) {
            g_propagate_error(error, g_steal_pointer(&local));
            return false;
        }
        if (is_open)
            terminal->command = "chardev-change";
        /* Somebody has it, or was faster. */
        if (is_open && !change(terminal, "null", json_object_get(terminal->data), wait, NULL, error))
            return false;
        QmpWait pause = qmp_wait_within(wait, PAUSE_MS);
        qmp_wait_poll(&pause, -1, 0);
    }
}

static bool
set_access(const Terminal *terminal, guint number)
{
    g_autoptr(GPtrArray) holdings = guest_handover_look(NULL, terminal->instance, NULL);
    const QemuHolding *holding = qemu_holdings_find_terminal(holdings, number);
    process_autofd fd = holding ? guest_handover_fetch(terminal->instance, holding, NULL) : -1;

    if (fd < 0)
        errno = ENOENT;
    return fd >= 0 && guest_pty_set_access(fd, &terminal->old);
}

static void
compare(const Terminal *terminal, guint number, GError **ret_remark)
{
    bool has_access = set_access(terminal, number);
    int reason = errno;

    if (number != terminal->old.number)
        guest_error_set(ret_remark, GUEST_ERROR_FAILED, "chardev-pty-changed",
                        "clients are to open that one from now on",
                        "it is /dev/pts/%u now, for /dev/pts/%u was not to be had within a second: a client "
                        "may have it open still",
                        number, terminal->old.number);
    else if (!has_access)
        guest_error_set(ret_remark, GUEST_ERROR_FAILED, "chardev-pty-changed", "set them by hand",
                        "/dev/pts/%u has not the owner and rights that it had: %s", number,
                        g_strerror(reason));
}

bool
guest_terminal_open(const GuestInstance *instance, json_object *arguments, const QmpWait *wait,
                    GError **ret_remark, GError **error)
{
    Terminal terminal = {.instance = instance, .command = "chardev-change"};
    g_autofree char *now = NULL;
    guint number = 0;

    if (!read_terminal(arguments, &terminal, error) || !look_at_chardev(&terminal, wait, &now, error))
        return false;
    if (!now)
        terminal.command = "chardev-add"; /* one without a user that QEMU could not open the last time */
    bool is_open = now && g_str_has_prefix(now, pty) && qemu_terminal_parse(now + strlen(pty), &number);
    if (now && !is_open && strcmp(now, "null") != 0)
        return true;
    if (!is_open && !obtain(&terminal, wait, &number, error))
        return false;
    compare(&terminal, number, ret_remark);
    return true;
}
