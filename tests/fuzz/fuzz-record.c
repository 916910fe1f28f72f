/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any text as the record of an upgrade (first byte 'j') or of an instance ('i'): what a restarted engine reads and acts on. What
 * must hold: what is taken is whole enough to be decided about and written out again, and reads back as the same. A
 * boot_id of "@" stands for this boot's, which no input can know.
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "guest/instance.h"
#include "process/identity.h"
#include "qmp/json.h"
#include "upgrade/record.h"
#include "upgrade/recover.h"

#define DEPTH 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
put_boot_id(json_object *object)
{
    if (g_strcmp0(qmp_json_get_string(object, "boot_id"), "@") == 0)
        json_object_object_add(object, "boot_id", qmp_json_string_new(process_boot_id()));
}

/* The number of cases is small: all that could be seen beside a record of this stage. */
static void
decide_everything(RecoverStage stage)
{
    for (int source = 0; source < RECOVER_N_SOURCES; source++) {
        for (int target = 0; target < RECOVER_N_TARGETS; target++) {
            const RecoverObserved seen = {.source = (RecoverSource)source, .target = (RecoverTarget)target, .waited = true};
            g_assert_cmpint(recover_decide(stage, &seen), !=, RECOVER_WAIT);
        }
    }
}

static void
check_upgrade(json_object *object)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(UpgradeRecord) record = upgrade_record_from_json(object, &error);

    if (!record) {
        g_assert_nonnull(error);
        return;
    }
    g_assert_cmpuint(record->source_id, >, 0);
    g_assert_cmpuint(record->target_id, >, record->source_id);
    g_assert_cmpint(record->source.pid, >, 0);
    g_assert_cmpint(record->target.pid, >=, 0);
    g_assert_null(strchr(record->session, '/')); /* it becomes a file's name */
    decide_everything(recover_stage_of(record));
    g_autoptr(json_object) written = upgrade_record_to_json(record);
    g_autoptr(UpgradeRecord) again = upgrade_record_from_json(written, &error);
    g_assert_no_error(error);
    g_autoptr(json_object) twice = upgrade_record_to_json(again);
    g_assert_cmpstr(qmp_json_to_text(twice, NULL), ==, qmp_json_to_text(written, NULL));
}

static void
check_instance(json_object *object)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GuestInstance) instance = guest_instance_from_json(object, &error);

    if (!instance) {
        g_assert_nonnull(error);
        return;
    }
    g_assert_nonnull(instance->definition);
    g_assert_cmpint(instance->process.pid, >=, 0);
    g_autoptr(json_object) written = guest_instance_to_json(instance, &error);
    g_assert_no_error(error);
    g_autoptr(GuestInstance) again = guest_instance_from_json(written, &error);
    g_assert_no_error(error);
    g_autoptr(json_object) twice = guest_instance_to_json(again, &error);
    g_assert_cmpstr(qmp_json_to_text(twice, NULL), ==, qmp_json_to_text(written, NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    g_autoptr(json_object) object = qmp_json_parse(text, size - 1, DEPTH, NULL);

    if (!object)
        return 0;
    put_boot_id(object);
    if (data[0] == 'i')
        check_instance(object);
    else
        check_upgrade(object);
    return 0;
}
