/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Adoption leaves one folder behind, with the record of the instance in it, and an entry in the tables; the QEMU has
 * been asked a few questions. The monitor stays its owner's until the first upgrade.
 */
#include "node/adopt.h"

#include <glib-unix.h>
#include <unistd.h>

#include "guest/adopt.h"
#include "guest/error.h"
#include "guest/monitor.h"
#include "node/guests.h"
#include "node/state.h"
#include "node/supervise.h"
#include "node/worker.h"

#define ADOPT_TIMEOUT_MS 30000

typedef struct {
    Node *node;
    char *name, *monitor_path;
    pid_t pid;
    GuestForeign *foreign;
    PathsInstance *paths;
    bool is_running;
    GError *error;
    NodeAdoptFunc func;
    gpointer user_data;
} NodeAdopt;

static void
adopt_free(NodeAdopt *adopt)
{
    g_free(adopt->name);
    g_free(adopt->monitor_path);
    guest_foreign_free(adopt->foreign);
    paths_instance_free(adopt->paths);
    g_clear_error(&adopt->error);
    g_free(adopt);
}

static void
set_name(GuestInstance *instance, const char *name)
{
    g_free(instance->definition->name);
    instance->definition->name = g_strdup(name);
}

static bool
look(NodeAdopt *adopt, const QmpWait *wait)
{
    GError **error = &adopt->error;

    if (adopt->pid == 0 && !guest_adopt_find_listener(adopt->monitor_path, &adopt->pid, error))
        return false;
    adopt->foreign = guest_foreign_look(adopt->pid, error);
    if (!adopt->foreign) {
        guest_error_wrap(error, GUEST_ERROR_REFUSED, "process-gone", "moult list --all shows the QEMUs there are", NULL);
        return false;
    }
    set_name(adopt->foreign->instance, adopt->name);
    if (!guest_adopt(&adopt->node->environment, adopt->foreign, adopt->monitor_path, wait, &adopt->is_running, error))
        return false;
    if (guest_definition_validate(adopt->foreign->instance->definition, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_REFUSED, "definition-invalid", "see moult(1)", "what the process was started with");
    return false;
}

static bool
keep(NodeAdopt *adopt)
{
    GuestInstance *instance = adopt->foreign->instance;
    GError **error = &adopt->error;

    if (!paths_next_domain_id(adopt->node->dirs, &instance->domain_id, error))
        return false;
    adopt->paths = paths_instance_new(adopt->node->dirs, instance->domain_id);
    g_free(instance->started);
    instance->started = guest_instance_dup_now();
    if (!paths_instance_create(adopt->paths, geteuid(), getegid(), error))
        return false;
    if (guest_instance_save(instance, adopt->paths, error))
        return true;
    paths_instance_remove(adopt->paths, NULL);
    return false;
}

static void
adopt_in_worker(gpointer data)
{
    NodeAdopt *adopt = data;
    QmpWait wait = qmp_wait_from_now(ADOPT_TIMEOUT_MS, -1);

    if (look(adopt, &wait) && !keep(adopt))
        guest_error_wrap(&adopt->error, GUEST_ERROR_FAILED, "runtime-dir", NULL, "no record for the guest");
}

static bool
is_known(Node *node, pid_t pid, GError **error)
{
    g_autoptr(GPtrArray) domains = objlist_tables_snapshot(node->environment.tables);

    for (guint i = 0; i < domains->len; i++) {
        ObjlistDomain *domain = g_ptr_array_index(domains, i);
        const GuestInstance *instance = objlist_domain_get_data(domain);
        if (!instance || instance->process.pid != pid)
            continue;
        guest_error_set(error, GUEST_ERROR_REFUSED, "already-managed", NULL, "process %d is guest '%s' already", pid,
                        objlist_domain_get_name(domain));
        return true;
    }
    return false;
}

/* Main loop: into the table, or not at all. */
static ObjlistDomain *
enter(NodeAdopt *adopt, GError **error)
{
    Node *node = adopt->node;
    GuestInstance *instance = adopt->foreign->instance;
    g_autoptr(ObjlistDomain) domain = objlist_domain_new(instance->definition->name, instance->definition->uuid,
                                                         instance->domain_id, paths_instance_copy(adopt->paths));

    if (is_known(node, instance->process.pid, error))
        return NULL;
    objlist_domain_set_data(domain, g_steal_pointer(&adopt->foreign->instance), (GDestroyNotify)guest_instance_free);
    objlist_domain_set_state(domain, adopt->is_running ? OBJLIST_DOMAIN_RUNNING : OBJLIST_DOMAIN_PAUSED);
    if (!objlist_tables_add_primary(node->environment.tables, domain, error)) {
        guest_error_wrap(error, GUEST_ERROR_REFUSED, "name-taken",
                         "choose another name; moult list --all shows those there are", NULL);
        return NULL;
    }
    return g_steal_pointer(&domain);
}

static void
adopt_done(gpointer data)
{
    NodeAdopt *adopt = data;
    Node *node = adopt->node;
    g_autoptr(ObjlistDomain) domain = adopt->error ? NULL : enter(adopt, &adopt->error);

    if (!domain) {
        if (adopt->paths)
            paths_instance_remove(adopt->paths, NULL);
        adopt->func(NULL, adopt->error, adopt->user_data);
    } else {
        g_autoptr(GError) problem = NULL;
        if (!paths_alias_set(node->dirs, adopt->name, objlist_domain_get_id(domain), &problem))
            g_warning("%s: alias: %s", adopt->name, problem->message);
        node_supervise_start(node, domain);
        node_events_emit(node->events, "guest-adopted", adopt->name, objlist_domain_get_id(domain), NULL);
        g_message("%s: adopted, pid %d", adopt->name, adopt->pid);
        adopt->func(domain, NULL, adopt->user_data);
    }
    adopt_free(adopt);
}

void
node_adopt(Node *node, const char *name, pid_t pid, const char *monitor_path, NodeAdoptFunc func, gpointer user_data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ObjlistDomain) taken = NULL;

    if (!paths_name_is_valid(name, &error))
        guest_error_wrap(&error, GUEST_ERROR_REFUSED, "name-invalid", "see moult(1) on names", NULL);
    else if ((taken = objlist_tables_find_by_name(node->environment.tables, name)))
        guest_error_set(&error, GUEST_ERROR_REFUSED, "name-taken",
                        "choose another name; moult list --all shows those there are", "there is a guest '%s' already", name);
    else if (pid > 0)
        is_known(node, pid, &error);
    if (error) {
        func(NULL, error, user_data);
        return;
    }
    NodeAdopt *adopt = g_new0(NodeAdopt, 1);
    *adopt = (NodeAdopt){.node = node,
                         .name = g_strdup(name),
                         .monitor_path = g_strdup(monitor_path),
                         .pid = pid,
                         .func = func,
                         .user_data = user_data};
    node_worker_start(node, adopt_in_worker, adopt_done, adopt);
}

/* ---- Release ---- */

static gboolean
reap(gint pidfd, GIOCondition condition G_GNUC_UNUSED, gpointer user_data G_GNUC_UNUSED)
{
    process_wait_exit(pidfd, 0, -1, NULL, NULL);
    close(pidfd);
    return G_SOURCE_REMOVE;
}

/* A QEMU that an upgrade has made is our child, released or not: somebody must reap it. */
static void
leave_to_itself(GuestInstance *instance)
{
    if (instance->pidfd < 0)
        return;
    g_unix_fd_add(instance->pidfd, G_IO_IN, reap, NULL);
    instance->pidfd = -1;
}

bool
node_release(Node *node, const char *name, GError **error)
{
    g_autoptr(ObjlistDomain) domain = node_guests_find_running(node, name, error);
    if (!domain || !node_guests_begin_job(domain, "release", 0, error))
        return false;
    GuestInstance *instance = objlist_domain_get_data(domain);
    g_autoptr(GError) problem = NULL;

    if (!instance->adopted) {
        objlist_domain_end_job(domain);
        guest_error_set(error, GUEST_ERROR_REFUSED, "not-adopted", "stop it: moult stop",
                        "guest '%s' was started by moult, which no other program looks after", name);
        return false;
    }
    node_supervise_stop(node, domain);
    objlist_tables_remove_primary(node->environment.tables, domain);
    leave_to_itself(instance);
    if (!paths_alias_remove(node->dirs, name, &problem) ||
        !paths_instance_remove(objlist_domain_get_paths(domain), &problem))
        g_warning("%s: released, but not all of its record could be removed: %s", name, problem->message);
    node_events_emit(node->events, "guest-released", name, objlist_domain_get_id(domain), NULL);
    g_message("%s: released", name);
    objlist_domain_end_job(domain);
    return true;
}
