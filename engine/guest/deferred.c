/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/deferred.h"

#include <string.h>

#include "guest/error.h"
#include "guest/listening.h"
#include "guest/placeholder.h"
#include "guest/terminal.h"
#include "guest/viewer.h"
#include "qemu/deferred.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define ATTEMPTS 5
#define PAUSE_MS 200

/* NULL: it is a command of QMP. Borrowed. */
static const char *
get_human_line(const QemuDeferred *deferred)
{
    if (!g_str_equal(deferred->command, "human-monitor-command"))
        return NULL;
    const char *line = qmp_json_get_string(deferred->arguments, "command-line");
    return line ? line : "";
}

/* The human monitor answers with its complaint, or with nothing. */
static bool
run_human(QmpClient *monitor, const char *line, const QmpWait *wait, GError **error)
{
    g_autofree char *answer = qmp_human_monitor_command(monitor, line, wait, error);

    if (!answer)
        return false;
    if (*g_strstrip(answer) == '\0')
        return true;
    g_autofree char *quoted = qmp_text_quote(answer, QMP_TEXT_MESSAGE_MAX);
    guest_error_set(error, GUEST_ERROR_FAILED, "reopen", NULL, "%s", quoted);
    return false;
}

static bool
listen_again(const GuestInstance *instance, const QemuDeferred *deferred, GError **error)
{
    g_autoptr(GPtrArray) listeners = qemu_deferred_dup_listeners(deferred);

    if (listeners && instance->pidfd >= 0)
        return guest_listening_pass(listeners, NULL, instance, error);
    guest_error_set(error, GUEST_ERROR_FAILED, "reopen", NULL, "it is not known where");
    return false;
}

/* As its command says. *RET_REMARK: it is open, but not as it was. */
static bool
run(GuestInstance *instance, const QemuDeferred *deferred, const QmpWait *wait, GError **ret_remark, GError **error)
{
    if (g_str_equal(deferred->command, QEMU_DEFERRED_TERMINAL))
        return guest_terminal_open(instance, deferred->arguments, wait, ret_remark, error);
    if (g_str_equal(deferred->command, QEMU_DEFERRED_LISTEN))
        return listen_again(instance, deferred, error);
    if (g_str_equal(deferred->command, QEMU_DEFERRED_VIEWER))
        return guest_viewer_connect(instance, deferred->arguments, wait, error);
    if (g_str_equal(deferred->command, QEMU_DEFERRED_NETDEV))
        return guest_placeholder_remove(instance, deferred->arguments, wait, error);
    const char *line = get_human_line(deferred);
    if (line)
        return run_human(instance->monitor, line, wait, error);
    return qmp_client_call(instance->monitor, deferred->command, json_object_get(deferred->arguments), wait, NULL, error);
}

static bool
open_one(GuestInstance *instance, const QemuDeferred *deferred, const QmpWait *wait, GError **ret_remark, GError **error)
{
    if (deferred->before) {
        g_autofree char *ignored = qmp_human_monitor_command(instance->monitor, deferred->before, wait, NULL);
    }
    if (deferred->handed &&
        qmp_client_call(instance->monitor, deferred->command, json_object_get(deferred->handed), wait, NULL, NULL))
        return true;
    bool opened = run(instance, deferred, wait, ret_remark, error);

    if (*ret_remark)
        guest_error_wrap(ret_remark, GUEST_ERROR_FAILED, "reopen", NULL, deferred->what);
    if (!opened)
        guest_error_wrap(error, GUEST_ERROR_FAILED, "reopen", "free it, then restart moultd, which tries again",
                         deferred->what);
    return opened;
}

/* What is told already counts. */
static void
tell_first(GError **told, GError *error)
{
    if (error && *told)
        g_error_free(error);
    else if (error)
        *told = error;
}

/* Each is tried, whatever became of the others; the first error counts, and the first *REMARK. */
static bool
open_all(GuestInstance *instance, const QmpWait *wait, GError **remark, GError **error)
{
    GError *first = NULL;

    for (guint i = 0; i < instance->deferred->len;) {
        GError *failure = NULL, *new_remark = NULL;
        bool opened = open_one(instance, g_ptr_array_index(instance->deferred, i), wait, &new_remark, &failure);
        tell_first(remark, new_remark);
        tell_first(&first, failure);
        if (opened)
            g_ptr_array_remove_index(instance->deferred, i);
        else
            i++;
    }
    if (first)
        g_propagate_error(error, first);
    return !first;
}

bool
guest_deferred_open(GuestInstance *instance, const QmpWait *wait, GError **error)
{
    if (instance->deferred->len == 0)
        return true;
    if (!instance->monitor) {
        guest_error_set(error, GUEST_ERROR_FAILED, "reopen", NULL, "the guest has no monitor");
        return false;
    }
    g_autoptr(GError) remark = NULL;
    for (unsigned attempt = 1;; attempt++) {
        g_autoptr(GError) local = NULL;
        QmpWait pause;
        if (open_all(instance, wait, &remark, &local)) {
            bool is_as_it_was = !remark;
            if (remark)
                g_propagate_error(error, g_steal_pointer(&remark));
            return is_as_it_was;
        }
        pause = qmp_wait_within(wait, PAUSE_MS);
        if (attempt == ATTEMPTS || qmp_wait_poll(&pause, -1, 0) != QMP_WAIT_TIMED_OUT ||
            qmp_wait_check(wait) != QMP_WAIT_READY) {
            g_propagate_error(error, g_steal_pointer(&local));
            return false;
        }
    }
}

bool
guest_deferred_awaits(const GuestInstance *instance, const char *command)
{
    for (guint i = 0; i < instance->deferred->len; i++) {
        const QemuDeferred *deferred = g_ptr_array_index(instance->deferred, i);
        const char *line = get_human_line(deferred);
        const char *opener = line ? line : deferred->command;
        gsize length = strcspn(opener, " ");
        if (length == strlen(command) && strncmp(opener, command, length) == 0)
            return true;
    }
    return false;
}

GPtrArray *
guest_deferred_list_lines(const GuestInstance *instance, const char *prefix)
{
    GPtrArray *lines = g_ptr_array_new();

    for (guint i = 0; i < instance->deferred->len; i++) {
        const char *line = get_human_line(instance->deferred->pdata[i]);
        if (line && g_str_has_prefix(line, prefix))
            g_ptr_array_add(lines, (gpointer)(line + strlen(prefix)));
    }
    return lines;
}
