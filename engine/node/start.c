/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting a guest: its name is taken in the primary table at once, QEMU is started in a worker, and the table is
 * told the outcome in the main loop.
 */
#include <errno.h>

#include "guest/compare.h"
#include "guest/error.h"
#include "guest/pidfile.h"
#include "guest/probe.h"
#include "guest/spawn.h"
#include "node/ending.h"
#include "node/guests.h"
#include "node/state.h"
#include "node/supervise.h"
#include "node/worker.h"
#include "process/reserve.h"

#define START_TIMEOUT_MS 30000

typedef struct {
    Node *node;
    GuestDefinition *definition;
    ObjlistDomain *placeholder; /* what stands in the table while QEMU starts */
    bool was_defined;
    GuestSpawn *spawn;
    bool is_running;
    GError *error;
    NodeStartFunc func;
    gpointer user_data;
} NodeStart;

static void
start_free(NodeStart *start)
{
    guest_definition_free(start->definition);
    objlist_domain_unref(start->placeholder);
    guest_spawn_free(start->spawn);
    g_clear_error(&start->error);
    g_free(start);
}

static QemuBinary *
probe(NodeStart *start, const QmpWait *wait)
{
    return guest_probe_binary(&start->node->environment, start->definition->binary, wait, &start->error);
}

/* The tables know it by the definition's; only somebody who edits the file can make them differ. */
static bool
has_the_uuid_it_is_known_by(const NodeStart *start, GError **error)
{
    const char *uuid = start->spawn->plan->uuid;

    if (g_ascii_strcasecmp(uuid, start->definition->uuid) == 0)
        return true;
    guest_error_set(error, GUEST_ERROR_REFUSED, "uuid-differs", "define it anew",
                    "the definition has the UUID %s, its command line has %s", start->definition->uuid, uuid);
    return false;
}

static bool
start_qemu(NodeStart *start, QemuBinary *binary, const QmpWait *wait)
{
    GError **error = &start->error;
    QmpStatus status = {0};

    start->spawn = guest_spawn_new(&start->node->environment, start->definition, binary, NULL, NULL, error);
    if (!start->spawn || !has_the_uuid_it_is_known_by(start, error))
        return false;
    GuestSpawn *spawn = start->spawn;
    if (!guest_spawn_create_paths(spawn, error) || !guest_spawn_create_memory(spawn, error) ||
        !guest_spawn_listen(spawn, error) || !guest_spawn_start(spawn, error) ||
        !guest_spawn_connect(spawn, wait, error) || !guest_verify_memory_maps(spawn->instance, error))
        return false;
    if (!qmp_query_status(spawn->instance->monitor, wait, &status, error))
        return false;
    start->is_running = status.running;
    qmp_status_clear(&status);
    return guest_instance_save(spawn->instance, spawn->paths, error) &&
           guest_pidfile_write(spawn->instance->pidfile, spawn->instance->process.pid, error) &&
           paths_alias_set(start->node->dirs, start->definition->name, spawn->paths->domain_id, error);
}

static bool
start_from_probe(NodeStart *start)
{
    QmpWait wait = qmp_wait_from_now(START_TIMEOUT_MS, -1);
    g_autoptr(QemuBinary) binary = probe(start, &wait);

    return binary && start_qemu(start, binary, &wait);
}

static void
start_in_worker(gpointer data)
{
    NodeStart *start = data;
    ProcessReserve reserve = PROCESS_RESERVE_NONE;
    g_autoptr(GError) undo_error = NULL;

    if (!process_reserve_take(&reserve))
        guest_error_set(&start->error, GUEST_ERROR_FAILED, "no-descriptors",
                        "raise the engine's limit of open files (LimitNOFILE=)", "the start is not begun: %s", g_strerror(errno));
    bool done = !start->error && start_from_probe(start);
    process_reserve_release(&reserve);
    if (done)
        return;
    if (start->spawn)
        guest_pidfile_remove(start->spawn->instance, NULL);
    if (start->error->domain != GUEST_ERROR)
        guest_error_wrap(&start->error, GUEST_ERROR_FAILED, "start", NULL, "the guest does not start");
    if (start->spawn && !guest_spawn_undo(start->spawn, &undo_error))
        g_warning("%s: a failed start was not cleaned up: %s", start->definition->name, undo_error->message);
}

/* The name goes back to what it was before. */
static void
give_up(NodeStart *start)
{
    ObjlistTables *tables = start->node->environment.tables;

    if (!start->was_defined) {
        objlist_tables_remove_primary(tables, start->placeholder);
        return;
    }
    objlist_domain_set_state(start->placeholder, OBJLIST_DOMAIN_SHUT_OFF);
    objlist_domain_end_job(start->placeholder);
}

static ObjlistDomain *
make_domain(NodeStart *start)
{
    GuestSpawn *spawn = start->spawn;
    GuestInstance *instance = g_steal_pointer(&spawn->instance);
    ObjlistDomain *domain = objlist_domain_new(instance->definition->name, instance->definition->uuid,
                                               instance->domain_id, g_steal_pointer(&spawn->paths));

    objlist_domain_set_data(domain, instance, (GDestroyNotify)guest_instance_free);
    objlist_domain_set_state(domain, start->is_running ? OBJLIST_DOMAIN_RUNNING : OBJLIST_DOMAIN_PAUSED);
    return domain;
}

static void
start_done(gpointer data)
{
    NodeStart *start = data;
    Node *node = start->node;

    if (start->error) {
        give_up(start);
        start->func(NULL, start->error, start->user_data);
    } else {
        g_autoptr(ObjlistDomain) domain = make_domain(start);
        if (!objlist_tables_replace_primary(node->environment.tables, start->placeholder, domain))
            g_critical("%s: runs, but is in no table", objlist_domain_get_name(domain));
        node_supervise_start(node, domain);
        node_events_emit(node->events, "guest-started", objlist_domain_get_name(domain), objlist_domain_get_id(domain),
                         NULL);
        start->func(domain, NULL, start->user_data);
    }
    start_free(start);
}

static void
start_begin(Node *node, GuestDefinition *definition, ObjlistDomain *placeholder, bool was_defined, NodeStartFunc func,
            gpointer user_data)
{
    NodeStart *start = g_new0(NodeStart, 1);

    *start = (NodeStart){.node = node,
                         .definition = definition,
                         .placeholder = placeholder,
                         .was_defined = was_defined,
                         .func = func,
                         .user_data = user_data};
    objlist_domain_set_state(placeholder, OBJLIST_DOMAIN_STARTING);
    node_ending_forget_last(node, definition->name);
    node_worker_start(node, start_in_worker, start_done, start);
}

void
node_guests_run(Node *node, GuestDefinition *definition, NodeStartFunc func, gpointer user_data)
{
    g_autoptr(GuestDefinition) owned = definition;
    g_autoptr(GError) error = NULL;

    if (!paths_name_is_valid(definition->name, &error)) {
        guest_error_wrap(&error, GUEST_ERROR_REFUSED, "name-invalid", "see moult(1) on names", NULL);
        func(NULL, error, user_data);
        return;
    }
    if (!definition->uuid)
        definition->uuid = node_guests_choose_uuid(definition);
    g_autoptr(ObjlistDomain) placeholder = objlist_domain_new(definition->name, definition->uuid, 0, NULL);
    GuestInstance *instance = guest_instance_new();
    instance->definition = guest_definition_copy(definition);
    objlist_domain_set_data(placeholder, instance, (GDestroyNotify)guest_instance_free);
    if (!objlist_domain_begin_job(placeholder, "start", 0, &error) ||
        !objlist_tables_add_primary(node->environment.tables, placeholder, &error)) {
        guest_error_wrap(&error, GUEST_ERROR_REFUSED, "name-taken",
                         "choose another name; moult list --all shows those there are", NULL);
        func(NULL, error, user_data);
        return;
    }
    start_begin(node, g_steal_pointer(&owned), g_steal_pointer(&placeholder), false, func, user_data);
}

void
node_guests_start(Node *node, const char *name, NodeStartFunc func, gpointer user_data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ObjlistDomain) domain = node_guests_find(node, name, &error);

    if (domain && objlist_domain_get_state(domain) != OBJLIST_DOMAIN_SHUT_OFF)
        guest_error_set(&error, GUEST_ERROR_REFUSED, "guest-running", NULL, "guest '%s' runs already", name);
    else if (domain && node_guests_begin_job(domain, "start", 0, &error)) {
        const GuestInstance *instance = objlist_domain_get_data(domain);
        GuestDefinition *definition = guest_definition_copy(instance->definition);
        start_begin(node, definition, g_steal_pointer(&domain), true, func, user_data);
        return;
    }
    func(NULL, error, user_data);
}
