/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two places: a disk has limits of its own (block-core.json:BlockDeviceInfo tells them in the words in which
 * block_set_io_throttle is given them), and objects that disks of driver=throttle are led through.
 */
#include "guest/throttle.h"

#include <string.h>

#include "guest/error.h"
#include "qemu/finding.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define GROUP_TYPE "throttle-group"

/* Those that must be given, 0 for none. */
static const char *const rates[] = {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"};
/* Of bursts, and how large one operation is; left out where they are 0. */
static const char *const others[] = {"bps_max",        "bps_rd_max",        "bps_wr_max",         "iops_max",        "iops_rd_max",
                                     "iops_wr_max",    "bps_max_length",    "bps_rd_max_length",  "bps_wr_max_length",
                                     "iops_max_length", "iops_rd_max_length", "iops_wr_max_length", "iops_size"};

static gint64
get_number(json_object *object, const char *key)
{
    gint64 value = 0;

    qmp_json_get_int64(object, key, &value);
    return value;
}

static bool
fail(const char *what, const GError *cause, GError **error)
{
    g_autofree char *quoted = qmp_text_quote(what, 128);

    guest_error_set(error, GUEST_ERROR_FAILED, "disk-throttle", "set the limits of the running guest's disks anew, and try again",
                    "the new QEMU does not take the limits of '%s': %s", quoted, cause ? cause->message : "it has others");
    return false;
}

/* ---- Of disks ---- */

/* What is in drive NAME of DEVICES; NULL: nothing. Borrowed. */
static json_object *
find_inserted(json_object *devices, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(devices); i++) {
        json_object *device = json_object_array_get_idx(devices, i);
        if (g_strcmp0(qmp_block_get_name(device), name) == 0)
            return qmp_json_get_object(device, "inserted");
    }
    return NULL;
}

static bool
are_same_numbers(json_object *a, json_object *b, const char *const *keys, gsize n)
{
    for (gsize i = 0; i < n; i++)
        if (get_number(a, keys[i]) != get_number(b, keys[i]))
            return false;
    return true;
}

/* Without limits a disk is in no group. */
static bool
are_same(json_object *a, json_object *b)
{
    return g_strcmp0(qmp_json_get_string(a, "group"), qmp_json_get_string(b, "group")) == 0 &&
           are_same_numbers(a, b, rates, G_N_ELEMENTS(rates)) && are_same_numbers(a, b, others, G_N_ELEMENTS(others));
}

static json_object *
make_arguments(json_object *device)
{
    json_object *arguments = json_object_new_object(), *inserted = qmp_json_get_object(device, "inserted");

    qmp_json_add_string(arguments, qmp_block_get_drive(device) ? "device" : "id", qmp_block_get_name(device));
    for (gsize i = 0; i < G_N_ELEMENTS(rates); i++)
        qmp_json_add_int64(arguments, rates[i], get_number(inserted, rates[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        if (get_number(inserted, others[i]) != 0)
            qmp_json_add_int64(arguments, others[i], get_number(inserted, others[i]));
    if (qmp_json_get_string(inserted, "group"))
        qmp_json_add_string(arguments, "group", qmp_json_get_string(inserted, "group"));
    return arguments;
}

/* SET: gives the target what it lacks; else what it lacks is an error. */
static bool
walk_disks(const GuestInstance *source, const GuestInstance *target, bool set, const QmpWait *wait, GError **error)
{
    g_autoptr(json_object) before = qmp_query_block(source->monitor, wait, error);
    g_autoptr(json_object) after = before ? qmp_query_block(target->monitor, wait, error) : NULL;

    if (!after)
        return false;
    for (size_t i = 0; i < json_object_array_length(before); i++) {
        json_object *device = json_object_array_get_idx(before, i), *inserted = qmp_json_get_object(device, "inserted");
        const char *name = qmp_block_get_name(device);
        g_autoptr(GError) local = NULL;
        if (!inserted || !name || are_same(inserted, find_inserted(after, name)))
            continue;
        if (!set || !qmp_client_call(target->monitor, "block_set_io_throttle", make_arguments(device), wait, NULL, &local))
            return fail(name, local, error);
    }
    return true;
}

/* ---- Of throttle-group objects ---- */

static bool
set_limits(const GuestInstance *target, const char *path, json_object *limits, const QmpWait *wait, GError **error)
{
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "path", path);
    qmp_json_add_string(arguments, "property", "limits");
    qmp_json_add_value(arguments, "value", json_object_get(limits));
    return qmp_client_call(target->monitor, "qom-set", arguments, wait, NULL, error);
}

/* All that one QEMU tells, another may tell more of. */
static bool
are_same_limits(json_object *before, json_object *after)
{
    json_object_object_foreach(before, key, value)
    {
        json_object *other = NULL;
        if (!json_object_object_get_ex(after, key, &other) || !json_object_equal(value, other))
            return false;
    }
    return true;
}

static bool
look_at_group(const GuestInstance *source, const GuestInstance *target, const char *name, bool set, const QmpWait *wait,
              GError **error)
{
    g_autofree char *path = g_strconcat(QMP_QOM_OBJECTS "/", name, NULL);
    g_autoptr(GError) local = NULL;
    g_autoptr(json_object) before = qmp_qom_get(source->monitor, path, "limits", wait, &local);
    g_autoptr(json_object) after = before ? qmp_qom_get(target->monitor, path, "limits", wait, &local) : NULL;

    if (after && !(json_object_is_type(before, json_type_object) && json_object_is_type(after, json_type_object)))
        return fail(name, NULL, error);
    if (after && are_same_limits(before, after))
        return true;
    if (!after || !set || !set_limits(target, path, before, wait, &local))
        return fail(name, local, error);
    return true;
}

static bool
walk_groups(const GuestInstance *source, const GuestInstance *target, bool set, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) groups = qmp_qom_list_objects(source->monitor, GROUP_TYPE, wait, error);
    bool is_done = groups != NULL;

    for (guint i = 0; is_done && i < groups->len; i++)
        is_done = look_at_group(source, target, g_ptr_array_index(groups, i), set, wait, error);
    return is_done;
}

/* ---- Both ---- */

void
guest_throttle_look(const GuestInstance *source, const QmpWait *wait, GPtrArray *findings)
{
    g_autoptr(json_object) devices = qmp_query_block(source->monitor, wait, NULL);
    g_autoptr(GPtrArray) groups = devices ? qmp_qom_list_objects(source->monitor, GROUP_TYPE, wait, NULL) : NULL;
    guint n_disks = 0;

    if (!groups)
        return; /* the monitor has a finding of its own */
    for (size_t i = 0; i < json_object_array_length(devices); i++)
        n_disks += qmp_json_get_string(
                       qmp_json_get_object(json_object_array_get_idx(devices, i), "inserted"), "group") != NULL;
    if (n_disks + groups->len > 0)
        qemu_findings_add(findings, QEMU_FINDING_OK, "disk-throttle", NULL,
                          "the new QEMU gets the limits that are set now: of %u disks and %u throttle groups", n_disks, groups->len);
}

bool
guest_throttle_carry(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error)
{
    /* Groups first: a disk may be in one of them. */
    if (walk_groups(source, target, true, wait, error) && walk_disks(source, target, true, wait, error) &&
        walk_groups(source, target, false, wait, error) && walk_disks(source, target, false, wait, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_FAILED, "qemu-monitor", NULL, NULL);
    return false;
}
