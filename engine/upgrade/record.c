/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing the record of an upgrade. What is read back was written by an engine, but perhaps by another
 * version, perhaps before a crash, perhaps not whole: everything is checked, and what is not understood is left alone.
 */
#include "upgrade/record.h"

#include <string.h>

#include "paths/file.h"
#include "qmp/json.h"
#include "upgrade/method.h"
#include "upgrade/phase.h"

#define RECORD_FORMAT "moult-journal"
#define RECORD_VERSION 1
#define RECORD_MAX_BYTES (8 * 1024 * 1024)
#define RECORD_MAX_DEPTH 16
#define RECORD_SUFFIX ".json"

static const char *const ran_names[] = {
    [UPGRADE_RAN_UNKNOWN] = "unknown", [UPGRADE_RAN_NO] = "no", [UPGRADE_RAN_YES] = "yes"};

const char *
upgrade_ran_to_string(UpgradeRan ran)
{
    return ran_names[ran];
}

static bool
ran_from_string(const char *text, UpgradeRan *ret_ran)
{
    for (gsize i = 0; i < G_N_ELEMENTS(ran_names); i++) {
        if (g_strcmp0(text, ran_names[i]) == 0) {
            *ret_ran = (UpgradeRan)i;
            return true;
        }
    }
    return false;
}

UpgradeRecord *
upgrade_record_new(const char *guest, const char *uuid)
{
    UpgradeRecord *record = g_new0(UpgradeRecord, 1);

    record->session = g_uuid_string_random();
    record->guest = g_strdup(guest);
    record->uuid = g_strdup(uuid);
    record->cookies = json_object_new_object();
    return record;
}

void
upgrade_record_free(UpgradeRecord *record)
{
    if (!record)
        return;
    g_free(record->session);
    g_free(record->guest);
    g_free(record->uuid);
    g_free(record->step);
    g_free(record->method);
    g_free(record->started);
    json_object_put(record->from);
    json_object_put(record->to);
    json_object_put(record->cookies);
    g_free(record);
}

static json_object *
identity_to_json(guint64 domain_id, const ProcessIdentity *identity)
{
    json_object *object = json_object_new_object();

    qmp_json_add_uint64(object, "domain_id", domain_id);
    qmp_json_add_int64(object, "pid", identity->pid);
    qmp_json_add_uint64(object, "start_time", identity->start_time);
    return object;
}

static bool
identity_from_json(json_object *object, guint64 *domain_id, ProcessIdentity *identity)
{
    gint64 pid = 0;

    if (!qmp_json_get_uint64(object, "domain_id", domain_id) || !qmp_json_get_int64(object, "pid", &pid) || pid < 0 ||
        pid > G_MAXINT32 || !qmp_json_get_uint64(object, "start_time", &identity->start_time))
        return false;
    identity->pid = (pid_t)pid;
    return true;
}

json_object *
upgrade_record_to_json(const UpgradeRecord *record)
{
    json_object *object = json_object_new_object();
    int step = upgrade_step_find(record->step);

    qmp_json_add_string(object, "format", RECORD_FORMAT);
    qmp_json_add_int64(object, "version", RECORD_VERSION);
    qmp_json_add_string(object, "boot_id", process_boot_id());
    qmp_json_add_string(object, "session", record->session);
    qmp_json_add_string(object, "guest", record->guest);
    qmp_json_add_string(object, "uuid", record->uuid);
    UpgradePhase phase = record->aborting || step < 0 ? UPGRADE_PHASE_ABORT : upgrade_steps[step].phase;
    qmp_json_add_string(object, "phase", upgrade_phase_to_string(phase));
    qmp_json_add_string(object, "step", record->step);
    qmp_json_add_bool(object, "aborting", record->aborting);
    qmp_json_add_bool(object, "needs_operator", record->needs_operator);
    qmp_json_add_string(object, "target_ran", upgrade_ran_to_string(record->target_ran));
    qmp_json_add_value(object, "source", identity_to_json(record->source_id, &record->source));
    qmp_json_add_value(object, "target", identity_to_json(record->target_id, &record->target));
    qmp_json_add_string(object, "method", record->method);
    if (record->from)
        qmp_json_add_value(object, "from", json_object_get(record->from));
    if (record->to)
        qmp_json_add_value(object, "to", json_object_get(record->to));
    qmp_json_add_bool(object, "source_was_running", record->source_was_running);
    qmp_json_add_bool(object, "stops_first", record->stops_first);
    qmp_json_add_bool(object, "start_paused", record->start_paused);
    qmp_json_add_string(object, "started", record->started);
    qmp_json_add_value(object, "cookies", json_object_get(record->cookies));
    return object;
}

static bool
invalid(GError **error, const char *what)
{
    g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "%s", what);
    return false;
}

static bool
header_is_ours(json_object *object, GError **error)
{
    gint64 version = 0;

    if (g_strcmp0(qmp_json_get_string(object, "format"), RECORD_FORMAT) != 0)
        return invalid(error, "not a journal record");
    if (!qmp_json_get_int64(object, "version", &version))
        return invalid(error, "a journal record without a version");
    if (version != RECORD_VERSION) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID,
                    "a journal record of version %" G_GINT64_FORMAT " of the format, and this engine knows %d: for the moultd that "
                    "wrote it",
                    version, RECORD_VERSION);
        return false;
    }
    if (g_strcmp0(qmp_json_get_string(object, "boot_id"), process_boot_id()) != 0)
        return invalid(error, "a journal record of another boot");
    return true;
}

static bool
names_are_valid(json_object *object)
{
    const char *session = qmp_json_get_string(object, "session");
    const char *guest = qmp_json_get_string(object, "guest");
    const char *uuid = qmp_json_get_string(object, "uuid");

    return session && guest && uuid && g_uuid_string_is_valid(session) && g_uuid_string_is_valid(uuid) &&
           paths_name_is_valid(guest, NULL);
}

/* Numbers grow, the first is 1; a source is a process; a method is one that we can undo. */
static bool
instances_are_possible(const UpgradeRecord *record)
{
    const UpgradeMethod *method = upgrade_method_find(record->method);

    return record->source_id > 0 && record->target_id > record->source_id && record->source.pid > 0 && method &&
           g_str_equal(method->name, record->method);
}

UpgradeRecord *
upgrade_record_from_json(json_object *object, GError **error)
{
    if (!header_is_ours(object, error))
        return NULL;
    if (!names_are_valid(object)) {
        invalid(error, "a journal record without a session, a guest or a UUID");
        return NULL;
    }
    g_autoptr(UpgradeRecord) record =
        upgrade_record_new(qmp_json_get_string(object, "guest"), qmp_json_get_string(object, "uuid"));
    g_free(record->session);
    record->session = g_strdup(qmp_json_get_string(object, "session"));
    record->step = g_strdup(qmp_json_get_string(object, "step"));
    record->method = g_strdup(qmp_json_get_string(object, "method"));
    record->started = g_strdup(qmp_json_get_string(object, "started"));
    record->from = json_object_get(qmp_json_get_object(object, "from")); /* both optional: the first engines wrote neither */
    record->to = json_object_get(qmp_json_get_object(object, "to"));
    json_object *cookies = qmp_json_get_object(object, "cookies");
    if (upgrade_step_find(record->step) < 0) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID,
                    "a journal record at '%.64s', which is no step that this engine knows: for the moultd that wrote it",
                    record->step ? record->step : "");
        return NULL;
    }
    if (!cookies ||
        !ran_from_string(qmp_json_get_string(object, "target_ran"), &record->target_ran) ||
        !qmp_json_get_bool(object, "aborting", &record->aborting) ||
        !qmp_json_get_bool(object, "needs_operator", &record->needs_operator) ||
        !qmp_json_get_bool(object, "source_was_running", &record->source_was_running) ||
        !qmp_json_get_bool(object, "stops_first", &record->stops_first) ||
        !qmp_json_get_bool(object, "start_paused", &record->start_paused) ||
        !identity_from_json(qmp_json_get_object(object, "source"), &record->source_id, &record->source) ||
        !identity_from_json(qmp_json_get_object(object, "target"), &record->target_id, &record->target)) {
        invalid(error, "a journal record that lacks a member, or has one of the wrong kind");
        return NULL;
    }
    if (!instances_are_possible(record)) {
        invalid(error, "a journal record of impossible instances, or of an unknown method");
        return NULL;
    }
    json_object_put(record->cookies);
    record->cookies = json_object_get(cookies);
    return g_steal_pointer(&record);
}

static char *
record_path(const UpgradeRecord *record, const PathsDirs *dirs)
{
    return g_strconcat(dirs->journal, "/", record->session, RECORD_SUFFIX, NULL);
}

bool
upgrade_record_save(const UpgradeRecord *record, const PathsDirs *dirs, GError **error)
{
    g_autofree char *path = record_path(record, dirs);
    g_autoptr(json_object) object = upgrade_record_to_json(record);
    size_t length = 0;
    const char *text = qmp_json_to_text(object, &length);

    if (length > RECORD_MAX_BYTES) /* no engine would read it back */
        return invalid(error, "the record of the upgrade is too long");
    return paths_file_replace(path, text, length, 0600, error);
}

bool
upgrade_record_remove(const UpgradeRecord *record, const PathsDirs *dirs, GError **error)
{
    g_autofree char *path = record_path(record, dirs);

    return paths_file_remove(path, error);
}

static UpgradeRecord *
load(const char *path, const char *name, GError **error)
{
    size_t size = 0;
    g_autofree char *text = paths_file_read(path, RECORD_MAX_BYTES, &size, error);
    if (!text)
        return NULL;
    g_autoptr(json_object) object = qmp_json_parse(text, size, RECORD_MAX_DEPTH, error);
    g_autoptr(UpgradeRecord) record = object ? upgrade_record_from_json(object, error) : NULL;
    if (record && (!g_str_has_prefix(name, record->session) || strlen(name) != strlen(record->session) + strlen(RECORD_SUFFIX))) {
        invalid(error, "a journal record under another session's name");
        return NULL;
    }
    return g_steal_pointer(&record);
}

GPtrArray *
upgrade_record_list(const PathsDirs *dirs, GPtrArray **ret_problems, GError **error)
{
    g_autoptr(GDir) folder = g_dir_open(dirs->journal, 0, error);
    if (!folder)
        return NULL;
    GPtrArray *records = g_ptr_array_new_with_free_func((GDestroyNotify)upgrade_record_free);
    GPtrArray *problems = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    while ((name = g_dir_read_name(folder))) {
        g_autofree char *path = g_build_filename(dirs->journal, name, NULL);
        g_autoptr(GError) problem = NULL;
        if (!g_str_has_suffix(name, RECORD_SUFFIX))
            continue; /* a temporary file of a write that was cut off */
        UpgradeRecord *record = load(path, name, &problem);
        if (record)
            g_ptr_array_add(records, record);
        else
            g_ptr_array_add(problems, g_strdup_printf("%s: %s", path, problem->message));
    }
    *ret_problems = problems;
    return records;
}
