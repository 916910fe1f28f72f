/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/describe.h"

#include <unistd.h>

#include "guest/monitor.h"
#include "guest/outdated.h"
#include "node/state.h"
#include "qemu/memory.h"
#include "qmp/json.h"
#include "upgrade/result.h"

static void
describe_running(json_object *object, ObjlistDomain *domain, const GuestInstance *instance)
{
    qmp_json_add_uint64(object, "id", objlist_domain_get_id(domain));
    qmp_json_add_int64(object, "pid", instance->process.pid);
    qmp_json_add_value(object, "qemu", upgrade_qemu_to_json(&instance->binary));
    qmp_json_add_string(object, "outdated", guest_outdated_to_string(guest_outdated_get(instance)));
    qmp_json_add_uint64(object, "memory_bytes", qemu_memory_sum_bytes(instance->memory));
    /* By what it is made of alone; `check` looks at everything else. */
    qmp_json_add_string(object, "method", guest_instance_is_shared(instance) ? "shared" : "copy");
}

json_object *
node_describe_guest(ObjlistDomain *domain)
{
    const GuestInstance *instance = objlist_domain_get_data(domain);
    json_object *object = json_object_new_object();

    qmp_json_add_string(object, "name", objlist_domain_get_name(domain));
    qmp_json_add_string(object, "uuid", objlist_domain_get_uuid(domain));
    qmp_json_add_string(object, "state", objlist_domain_state_to_string(objlist_domain_get_state(domain)));
    qmp_json_add_string(object, "owner", instance && instance->adopted ? "adopted" : "moult");
    qmp_json_add_bool(object, "managed", true);
    if (instance && instance->process.pid > 0)
        describe_running(object, domain, instance);
    else
        qmp_json_add_string(object, "outdated", "unknown");
    return object;
}

/* A file of the operator's, or a folder, may be on anything: that is not looked at from the main loop. */
static void
add_page_size(json_object *object, const QemuMemoryBackend *backend)
{
    if (backend->page_size_bytes || !backend->path)
        qmp_json_add_uint64(object, "page_size_bytes",
                            backend->page_size_bytes ? backend->page_size_bytes : (guint64)sysconf(_SC_PAGESIZE));
}

static json_object *
describe_memory(const GuestInstance *instance)
{
    json_object *array = json_object_new_array();

    for (guint i = 0; i < instance->memory->len; i++) {
        const QemuMemoryBackend *backend = g_ptr_array_index(instance->memory, i);
        json_object *object = json_object_new_object();
        qmp_json_add_string(object, "id", backend->id);
        qmp_json_add_string(object, "kind", qemu_memory_kind_to_string(backend->kind));
        qmp_json_add_uint64(object, "size_bytes", backend->size_bytes);
        add_page_size(object, backend);
        qmp_json_add_string(object, "path", backend->path);
        qmp_json_add_uint64(object, "inode", backend->inode);
        json_object_array_add(array, object);
    }
    return array;
}

static json_object *
describe_paths(Node *node, ObjlistDomain *domain)
{
    const PathsInstance *paths = objlist_domain_get_paths(domain);
    if (!paths)
        return NULL;
    json_object *object = json_object_new_object();
    g_autofree char *alias = g_build_filename(node->dirs->guests, objlist_domain_get_name(domain), NULL);

    qmp_json_add_string(object, "instance", paths->dir);
    qmp_json_add_string(object, "monitor", guest_monitor_get_path(objlist_domain_get_data(domain), paths));
    qmp_json_add_string(object, "operator_monitor", paths->operator_socket);
    qmp_json_add_string(object, "log", paths->log);
    qmp_json_add_string(object, "alias", alias);
    return object;
}

json_object *
node_describe_details(Node *node, ObjlistDomain *domain)
{
    const GuestInstance *instance = objlist_domain_get_data(domain);
    json_object *object = json_object_new_object();

    qmp_json_add_value(object, "guest", node_describe_guest(domain));
    json_object *definition = guest_definition_to_json(instance->definition, NULL);
    qmp_json_add_value(object, "definition", definition ? definition : json_object_new_object());
    qmp_json_add_string(object, "machine", instance->machine_type);
    qmp_json_add_value(object, "memory", describe_memory(instance));
    qmp_json_add_value(object, "paths", describe_paths(node, domain));
    qmp_json_add_value(object, "command_line", qmp_json_strv_new((const char *const *)instance->command_line));
    qmp_json_add_string(object, "started", instance->started);
    qmp_json_add_string(object, "upgraded", instance->upgraded);
    g_autofree char *job = objlist_domain_dup_job(domain);
    qmp_json_add_string(object, "job", job);
    if (instance->evidence)
        qmp_json_add_value(object, "evidence", json_object_get(instance->evidence));
    return object;
}

json_object *
node_describe_all(Node *node, bool all, bool only_outdated)
{
    json_object *array = json_object_new_array();
    g_autoptr(GPtrArray) domains = objlist_tables_snapshot(node->environment.tables);

    for (guint i = 0; i < domains->len; i++) {
        ObjlistDomain *domain = g_ptr_array_index(domains, i);
        if (!all && objlist_domain_get_state(domain) == OBJLIST_DOMAIN_SHUT_OFF)
            continue;
        json_object *guest = node_describe_guest(domain);
        const char *outdated = qmp_json_get_string(guest, "outdated");
        if (only_outdated && g_strcmp0(outdated, "outdated") != 0 && g_strcmp0(outdated, "library-outdated") != 0)
            json_object_put(guest);
        else
            json_object_array_add(array, guest);
    }
    return array;
}
