/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding guests, defining and undefining them. Starting: start.c; stopping: stop.c.
 */
#include "node/guests.h"

#include "guest/error.h"
#include "node/state.h"

ObjlistDomain *
node_guests_find(Node *node, const char *name, GError **error)
{
    if (!paths_name_is_valid(name, error)) {
        guest_error_wrap(error, GUEST_ERROR_REFUSED, "name-invalid", "see moult(1) on names", NULL);
        return NULL;
    }
    ObjlistDomain *domain = objlist_tables_find_by_name(node->environment.tables, name);
    if (!domain)
        guest_error_set(error, GUEST_ERROR_REFUSED, "guest-unknown", "moult list --all shows the guests there are",
                        "there is no guest '%s'", name);
    return domain;
}

ObjlistDomain *
node_guests_find_running(Node *node, const char *name, GError **error)
{
    g_autoptr(ObjlistDomain) domain = node_guests_find(node, name, error);
    if (!domain)
        return NULL;
    const GuestInstance *instance = objlist_domain_get_data(domain);
    if (instance && instance->process.pid > 0 && objlist_domain_get_state(domain) != OBJLIST_DOMAIN_STARTING)
        return g_steal_pointer(&domain);
    bool is_starting = objlist_domain_get_state(domain) == OBJLIST_DOMAIN_STARTING;
    guest_error_set(error, GUEST_ERROR_REFUSED, is_starting ? "guest-starting" : "guest-shut-off",
                    is_starting ? "try again in a moment" : "start it first: moult start", "guest '%s' %s", name,
                    is_starting ? "is being started" : "is shut off");
    return NULL;
}

bool
node_guests_is_known(Node *node, const ObjlistDomain *domain)
{
    g_autoptr(ObjlistDomain) known =
        objlist_tables_find_by_name(node->environment.tables, objlist_domain_get_name(domain));

    return known == domain;
}

bool
node_guests_begin_job(ObjlistDomain *domain, const char *what, guint64 job_id, GError **error)
{
    if (objlist_domain_get_state(domain) == OBJLIST_DOMAIN_NEEDS_OPERATOR) {
        guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "needs-operator", "see the evidence in moult show",
                        "guest '%s' needs its operator first", objlist_domain_get_name(domain));
        return false;
    }
    if (objlist_domain_begin_job(domain, what, job_id, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_REFUSED, "job-running", "wait for it: moult jobs", NULL);
    return false;
}

char *
node_guests_choose_uuid(const GuestDefinition *definition)
{
    const char *given = NULL;

    for (char **argument = definition->argv; argument[0] && argument[1]; argument++)
        if ((g_str_equal(argument[0], "-uuid") || g_str_equal(argument[0], "--uuid")) &&
            g_uuid_string_is_valid(argument[1]))
            given = argument[1]; /* QEMU, too, takes the last */
    return given ? g_ascii_strdown(given, -1) : g_uuid_string_random();
}

bool
node_guests_define(Node *node, GuestDefinition *definition, GError **error)
{
    g_autoptr(GuestDefinition) owned = definition;

    if (!definition->uuid)
        definition->uuid = node_guests_choose_uuid(definition);
    g_autoptr(ObjlistDomain) domain = objlist_domain_new(definition->name, definition->uuid, 0, NULL);
    GuestInstance *instance = guest_instance_new();
    instance->definition = guest_definition_copy(definition);
    objlist_domain_set_data(domain, instance, (GDestroyNotify)guest_instance_free);
    if (!objlist_tables_add_primary(node->environment.tables, domain, error)) {
        guest_error_wrap(error, GUEST_ERROR_REFUSED, "name-taken", "choose another name, or undefine that guest",
                         NULL);
        return false;
    }
    if (!guest_definition_save(definition, node->dirs, error)) {
        objlist_tables_remove_primary(node->environment.tables, domain);
        guest_error_wrap(error, GUEST_ERROR_FAILED, "config-dir", NULL, "the definition cannot be kept");
        return false;
    }
    node_events_emit(node->events, "guest-defined", definition->name, 0, NULL);
    return true;
}

bool
node_guests_undefine(Node *node, const char *name, GError **error)
{
    g_autoptr(ObjlistDomain) domain = node_guests_find(node, name, error);
    if (!domain || !node_guests_begin_job(domain, "undefine", 0, error))
        return false;
    GuestInstance *instance = objlist_domain_get_data(domain);
    bool done = false;

    if (instance->definition->transient) {
        guest_error_set(error, GUEST_ERROR_REFUSED, "not-defined", "stop it: a guest started by `run` is then forgotten",
                        "guest '%s' has no definition", name);
    } else if (!guest_definition_remove(node->dirs, name, error)) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "config-dir", NULL, "the definition cannot be removed");
    } else {
        done = true;
        if (objlist_domain_get_state(domain) == OBJLIST_DOMAIN_SHUT_OFF) {
            objlist_tables_remove_primary(node->environment.tables, domain);
        } else { /* it runs on, and is forgotten when it ends */
            instance->definition->transient = true;
            done = guest_instance_save(instance, objlist_domain_get_paths(domain), error);
        }
        node_events_emit(node->events, "guest-undefined", name, 0, NULL);
    }
    objlist_domain_end_job(domain);
    return done;
}
