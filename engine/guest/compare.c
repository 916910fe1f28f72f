/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Machine, CPUs and devices of both sides, by QMP. Memory: compare-memory.c.
 */
#include "guest/compare.h"

#include <string.h>

#include "guest/error.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define TYPE_SUFFIX "-machine"
#define MAX_FEATURE_WORDS 256

static bool
unanswered(GError **error, const char *what)
{
    guest_error_wrap(error, GUEST_ERROR_FAILED, "qemu-monitor", NULL, what);
    return false;
}

bool
guest_compare_machine(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error)
{
    g_autofree char *type = qmp_qom_get_string(target->monitor, "/machine", "type", wait, error);
    if (!type)
        return unanswered(error, "the new QEMU's machine type");
    g_autofree char *expected = g_strconcat(source->machine_type, TYPE_SUFFIX, NULL);
    if (g_str_equal(type, expected))
        return true;
    g_autofree char *quoted = qmp_text_quote(type, 64);
    guest_error_set(error, GUEST_ERROR_FAILED, "machine-differs", NULL, "the guest is a %s, the new QEMU has made a %s",
                    expected, quoted);
    return false;
}

/*
 * Bits that tell of the number of CPUs, not of their model: HT and CmpLegacy. A guest sees them all the same, but from
 * 10.0 on they are in `feature-words`, before that QEMU added them only when the guest asked (measured with 7.2).
 * That the numbers are the same is compared by itself.
 */
static const struct {
    gint64 eax;
    const char *cpuid_register;
    gint64 bits;
} topology_bits[] = {{0x1, "EDX", 1 << 28}, {0x80000001, "ECX", 1 << 1}};

static gint64
without_topology(gint64 eax, const char *cpuid_register, gint64 bits)
{
    for (size_t i = 0; i < G_N_ELEMENTS(topology_bits); i++)
        if (eax == topology_bits[i].eax && g_strcmp0(cpuid_register, topology_bits[i].cpuid_register) == 0)
            return bits & ~topology_bits[i].bits;
    return bits;
}

/* Sums up `feature-words` as register -> bits, so that order does not matter. */
static GHashTable *
feature_words(QmpClient *monitor, const char *cpu_path, const QmpWait *wait, GError **error)
{
    g_autoptr(json_object) words = qmp_qom_get(monitor, cpu_path, "feature-words", wait, error);
    if (!words)
        return NULL;
    GHashTable *bits = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    size_t n = json_object_is_type(words, json_type_array) ? json_object_array_length(words) : 0;
    for (size_t i = 0; i < MIN(n, MAX_FEATURE_WORDS); i++) {
        json_object *word = json_object_array_get_idx(words, i);
        gint64 eax = 0, ecx = -1, value = 0;
        if (!qmp_json_get_int64(word, "cpuid-input-eax", &eax) || !qmp_json_get_int64(word, "features", &value))
            continue;
        qmp_json_get_int64(word, "cpuid-input-ecx", &ecx);
        const char *cpuid_register = qmp_json_get_string(word, "cpuid-register");
        value = without_topology(eax, cpuid_register, value);
        g_hash_table_insert(bits,
                            g_strdup_printf("CPUID %" G_GINT64_MODIFIER "x.%" G_GINT64_FORMAT " %s", (guint64)eax, ecx,
                                            cpuid_register),
                            g_memdup2(&value, sizeof value));
    }
    return bits;
}

static bool
has_features(GHashTable *source, GHashTable *target, const char *cpu_path, GError **error)
{
    GHashTableIter iter;
    gpointer name, bits;

    g_hash_table_iter_init(&iter, source);
    while (g_hash_table_iter_next(&iter, &name, &bits)) {
        const gint64 *offered = g_hash_table_lookup(target, name);
        gint64 missing = *(gint64 *)bits & ~(offered ? *offered : 0);
        if (missing == 0)
            continue;
        g_autofree char *quoted = qmp_text_quote(name, 64);
        g_autofree char *quoted_path = qmp_text_quote(cpu_path, 64);
        guest_error_set(error, GUEST_ERROR_FAILED, "cpu-features",
                        "start the guest with a named CPU model instead of host or max",
                        "the new QEMU's %s lacks features the guest uses: %s bits 0x%" G_GINT64_MODIFIER "x", quoted_path,
                        quoted, (guint64)missing);
        return false;
    }
    return true;
}

static const char *
first_path(const GPtrArray *cpus)
{
    return ((const QmpCpu *)g_ptr_array_index(cpus, 0))->qom_path;
}

/*
 * Every vCPU of a machine is of one model: the first says it for all. TRUE where the property does not exist (targets that
 * are not x86): nothing to compare.
 */
static bool
compare_first(QmpClient *source, const GPtrArray *source_cpus, QmpClient *target, const GPtrArray *target_cpus,
              const QmpWait *wait, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (source_cpus->len == 0 || target_cpus->len == 0)
        return true;
    g_autoptr(GHashTable) before = feature_words(source, first_path(source_cpus), wait, &local);
    if (!before && g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE))
        return true;
    g_autoptr(GHashTable) after = before ? feature_words(target, first_path(target_cpus), wait, &local) : NULL;
    if (!after) {
        g_propagate_error(error, g_steal_pointer(&local));
        return unanswered(error, "CPU features");
    }
    return has_features(before, after, first_path(target_cpus), error);
}

static bool
list_cpus(QmpClient *source, QmpClient *target, const QmpWait *wait, GPtrArray **ret_before, GPtrArray **ret_after,
          GError **error)
{
    g_autoptr(GPtrArray) before = qmp_query_cpus_fast(source, wait, error);
    g_autoptr(GPtrArray) after = before ? qmp_query_cpus_fast(target, wait, error) : NULL;

    if (!after)
        return unanswered(error, "query-cpus-fast");
    *ret_before = g_steal_pointer(&before);
    *ret_after = g_steal_pointer(&after);
    return true;
}

bool
guest_compare_cpu_features(QmpClient *source, QmpClient *target, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) before = NULL, after = NULL;

    return list_cpus(source, target, wait, &before, &after, error) &&
           compare_first(source, before, target, after, wait, error);
}

bool
guest_compare_cpus(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) before = NULL, after = NULL;

    if (!list_cpus(source->monitor, target->monitor, wait, &before, &after, error))
        return false;
    if (before->len == after->len)
        return compare_first(source->monitor, before, target->monitor, after, wait, error);
    guest_error_set(error, GUEST_ERROR_FAILED, "cpus-differ", "unplug the CPUs that were plugged at run time",
                    "the guest has %u vCPUs, the new QEMU %u", before->len, after->len);
    return false;
}

static bool
same_table(GHashTable *before, GHashTable *after, const char *what, GError **error)
{
    GHashTableIter iter;
    gpointer name, type;

    g_hash_table_iter_init(&iter, before);
    while (g_hash_table_iter_next(&iter, &name, &type)) {
        if (g_strcmp0(g_hash_table_lookup(after, name), type) == 0)
            continue;
        g_autofree char *quoted = qmp_text_quote(name, 64);
        g_autofree char *quoted_type = qmp_text_quote(type, 128);
        guest_error_set(error, GUEST_ERROR_FAILED, "devices-differ",
                        "what was plugged or changed since the start must be undone first",
                        "the guest has %s '%s' (%s), which its command line does not make", what, quoted, quoted_type);
        return false;
    }
    if (g_hash_table_size(before) == g_hash_table_size(after))
        return true;
    guest_error_set(error, GUEST_ERROR_FAILED, "devices-differ",
                    "what was unplugged since the start must be plugged again first",
                    "the guest has %u of %s, its command line makes %u", g_hash_table_size(before), what,
                    g_hash_table_size(after));
    return false;
}

static bool
compare_children(const GuestInstance *source, const GuestInstance *target, const char *path, const QmpWait *wait,
                 GError **error)
{
    g_autoptr(GHashTable) before = qmp_qom_list(source->monitor, path, wait, error);
    g_autoptr(GHashTable) after = before ? qmp_qom_list(target->monitor, path, wait, error) : NULL;

    return after ? same_table(before, after, "device", error) : unanswered(error, path);
}

/*
 * Block devices as "name" -> "file name of the medium". Empty drives are left out: which of them a machine makes by itself
 * changes between versions (an SD slot until 8.0).
 */
static GHashTable *
block_devices(const GuestInstance *instance, const QmpWait *wait, GError **error)
{
    g_autoptr(json_object) reply = qmp_query_block(instance->monitor, wait, error);
    if (!reply)
        return NULL;
    GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (size_t i = 0; i < json_object_array_length(reply); i++) {
        json_object *device = json_object_array_get_idx(reply, i);
        const char *name = qmp_block_get_name(device);
        const char *file = qmp_json_get_string(qmp_json_get_object(device, "inserted"), "file");
        if (!file)
            continue;
        g_hash_table_insert(table, g_strdup(name ? name : ""), g_strdup(file));
    }
    return table;
}

bool
guest_compare_devices(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error)
{
    if (!compare_children(source, target, "/machine/peripheral", wait, error) ||
        !compare_children(source, target, "/machine/peripheral-anon", wait, error))
        return false;
    g_autoptr(GHashTable) before = block_devices(source, wait, error);
    g_autoptr(GHashTable) after = before ? block_devices(target, wait, error) : NULL;

    return after ? same_table(before, after, "disk or medium", error) : unanswered(error, "query-block");
}
