/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory. Every backend that can be made ours becomes a memory-backend-file with share=on: over an anonymous
 * file (memfd) that QEMU opens as /proc/self/fd/N, or over a file on a hugetlbfs mount. A file of the
 * operator's own that is shared is used as it is.
 *
 * Why memory-backend-file even for a memfd: from 8.1 on QEMU takes only named files out of a migration
 * (x-ignore-shared); memory-backend-memfd would be copied. The path under /proc counts as a name.
 */
#include "qemu/rules.h"

#include <stdio.h>
#include <string.h>

#include "qemu/argv-size.h"

#define ID_MAX_BYTES 128U
/* hw/core/machine.c:machine_set_mem() rounds -m up to this; backend and machine must agree. */
#define RAM_ALIGNMENT_BYTES 8192U
#define DEFAULT_RAM_BYTES (G_GUINT64_CONSTANT(128) << 20)
/* The kernel's default huge page on x86, which hugetlb=on without hugetlbsize means. */
#define DEFAULT_HUGE_PAGE_BYTES (G_GUINT64_CONSTANT(2) << 20)

typedef struct {
    const char *id;
    guint64 size_bytes;
    guint64 page_size_bytes; /* 0: normal pages; that --hugepages is in force is not in here */
} WantedBackend;

static QemuMemoryBackend *
find_backend(const GPtrArray *backends, const char *id)
{
    for (guint i = 0; i < backends->len; i++) {
        QemuMemoryBackend *backend = g_ptr_array_index(backends, i);
        if (strcmp(backend->id, id) == 0)
            return backend;
    }
    return NULL;
}

/* util/id.c:id_wellformed(): what it rejects QEMU refuses anyway, and what it takes is safe as a file's name.
 */
static bool
check_id(const QemuRules *rules, const char *id, GError **error)
{
    const char *rest = id ? id + strspn(id, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-._") : NULL;

    if (!id || !g_ascii_isalpha(id[0]) || *rest != '\0' || strlen(id) > ID_MAX_BYTES) {
        g_set_error(
            error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_ARGUMENTS,
            "memory backend “%.64s”: an id is needed that begins with a letter and has only letters, digits, "
            "“-”, “.” and “_”",
            id ? id : "");
        return false;
    }
    if (find_backend(rules->plan->memory, id)) {
        g_set_error(
            error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_ARGUMENTS,
            "two memory backends have the id “%.64s”, which may also be that of the machine's own memory",
            id);
        return false;
    }
    return true;
}

/* The running guest's backend of this id, when this is an upgrade. NULL, with a finding, when it does not
 * fit. */
static const QemuMemoryBackend *
find_source(QemuRules *rules, const char *id, guint64 size_bytes)
{
    const QemuMemoryBackend *source;

    if (!qemu_rules_is_incoming(rules))
        return NULL;
    source = find_backend(rules->context->memory, id);
    if (source && source->size_bytes == size_bytes)
        return source;
    qemu_findings_add(rules->plan->findings, QEMU_FINDING_BLOCK, "memory-changed",
                      "restart the guest, or put its definition back as it was when it was started",
                      "the definition has memory “%s” of %" G_GUINT64_FORMAT " bytes; the running guest %s",
                      id, size_bytes, source ? "has it in another size" : "has no such memory");
    return NULL;
}

static void
check_page_size(QemuRules *rules, const QemuMemoryBackend *backend)
{
    if (backend->page_size_bytes == 0 || backend->size_bytes % backend->page_size_bytes == 0)
        return;
    qemu_findings_add(rules->plan->findings, QEMU_FINDING_BLOCK, "memory-size",
                      "choose a size that is a multiple of the page size",
                      "memory “%s” of %" G_GUINT64_FORMAT
                      " bytes is not a multiple of its page size of %" G_GUINT64_FORMAT " bytes",
                      backend->id, backend->size_bytes, backend->page_size_bytes);
}

/*
 * Enters a backend of ours: as the running guest has it when this is an upgrade (with the identity of its
 * file), else a new one. A private one of the running guest becomes a new shared one: its content must be
 * copied, but the next upgrade need not. Borrowed.
 */
static QemuMemoryBackend *
add_ours(QemuRules *rules, const WantedBackend *wanted)
{
    const QemuMemoryBackend *source = find_source(rules, wanted->id, wanted->size_bytes);
    bool take_over = source && source->kind != QEMU_MEMORY_PRIVATE;
    QemuMemoryBackend *backend = take_over ? qemu_memory_backend_copy(source) : g_new0(QemuMemoryBackend, 1);

    if (!take_over) {
        backend->id = g_strdup(wanted->id);
        backend->size_bytes = wanted->size_bytes;
        backend->kind = rules->context->hugepage_size_bytes ? QEMU_MEMORY_HUGETLBFS : QEMU_MEMORY_MEMFD;
        backend->page_size_bytes = rules->context->hugepage_size_bytes ? rules->context->hugepage_size_bytes
                                                                       : wanted->page_size_bytes;
    }
    backend->fd_number = -1;
    if (backend->kind == QEMU_MEMORY_MEMFD) {
        backend->fd_number = qemu_rules_add_fd(rules, QEMU_PLAN_FD_MEMORY, rules->plan->memory->len);
    } else if (backend->kind == QEMU_MEMORY_HUGETLBFS) {
        /* Each instance has a path of its own to the file: the engine links it there. */
        g_free(backend->path);
        backend->path = g_build_filename(rules->context->hugetlbfs_dir, backend->id, NULL);
    }
    g_ptr_array_add(rules->plan->memory, backend);
    check_page_size(rules, backend);
    return backend;
}

/* The mem-path QEMU is given for BACKEND. Owned. */
static char *
dup_mem_path(const QemuMemoryBackend *backend)
{
    if (backend->kind == QEMU_MEMORY_MEMFD)
        return g_strdup_printf("/proc/self/fd/%d", backend->fd_number);
    return g_strdup(backend->path);
}

/*
 * Machine types up to 3.1 name the RAM block of a memory-backend-file "/objects/ID" (hw_compat_3_1), but that
 * of the machine's own memory and of a memory-backend-ram "ID": ours must be called as what it replaces.
 */
static bool
needs_plain_block_name(const QemuRules *rules)
{
    const char *version = strrchr(rules->plan->machine_type, '-');
    int major = 0, minor = 0;

    return version && sscanf(version + 1, "%d.%d", &major, &minor) == 2 &&
           QEMU_RELEASE(major, minor) <= QEMU_RELEASE(3, 1);
}

/*
 * What would harm memory that another QEMU has in use: prealloc touches every page, on older kernels by
 * reading and writing it back; discard-data empties the file when QEMU leaves, and any instance is the source
 * of a later upgrade.
 */
static void
disarm(QemuRules *rules, QemuKeyval *settings, const char *id)
{
    if (qemu_rules_is_incoming(rules) && qemu_keyval_is_on(settings, "prealloc"))
        qemu_keyval_set_switch(settings, "prealloc", false);
    if (!qemu_keyval_is_on(settings, "discard-data"))
        return;
    qemu_keyval_set_switch(settings, "discard-data", false);
    qemu_findings_add(
        rules->plan->findings, QEMU_FINDING_OK, "discard-data-off", NULL,
        "memory “%s”: discard-data=on would empty the file under the next QEMU; it is turned off", id);
}

/* Any backend becomes a memory-backend-file over our file; what is not said here stays as the operator wrote
 * it. */
static void
rewrite(QemuRules *rules, QemuKeyval *settings, const QemuMemoryBackend *backend)
{
    static const char *const memfd_only[] = {"hugetlb", "hugetlbsize", "seal"};
    bool was_ram = g_strcmp0(qemu_keyval_get(settings, "qom-type"), "memory-backend-ram") == 0;
    g_autofree char *mem_path = dup_mem_path(backend);

    qemu_keyval_set_string(settings, "qom-type", "memory-backend-file");
    for (size_t i = 0; i < G_N_ELEMENTS(memfd_only); i++)
        qemu_keyval_remove(settings, memfd_only[i]);
    qemu_keyval_set_string(settings, "mem-path", mem_path);
    qemu_keyval_set_switch(settings, "share", true);
    if (was_ram && needs_plain_block_name(rules) &&
        !qemu_keyval_get(settings, "x-use-canonical-path-for-ramblock-id"))
        qemu_keyval_set_switch(settings, "x-use-canonical-path-for-ramblock-id", false);
    disarm(rules, settings, backend->id);
}

/* Size in bytes of a property of -object: a number in JSON, a size in a list. */
static bool
read_size(const QemuKeyval *settings, const char *id, const char *key, guint64 *ret_size_bytes,
          GError **error)
{
    const char *text = qemu_keyval_get(settings, key);

    if (!text) {
        g_set_error(error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_ARGUMENTS, "memory backend “%s” has no %s", id,
                    key);
        return false;
    }
    if (!qemu_size_parse(text, 'B', ret_size_bytes, error)) {
        g_prefix_error(error, "memory backend “%s”: ", id);
        return false;
    }
    return true;
}

static bool
make_ours(QemuRules *rules, QemuKeyval *settings, const char *type, GError **error)
{
    const char *id = qemu_keyval_get(settings, "id");
    WantedBackend wanted = {.id = id};
    const QemuMemoryBackend *backend;

    if (!check_id(rules, id, error) || !read_size(settings, id, "size", &wanted.size_bytes, error))
        return false;
    if (strcmp(type, "memory-backend-memfd") == 0 && qemu_keyval_is_on(settings, "hugetlb")) {
        wanted.page_size_bytes = DEFAULT_HUGE_PAGE_BYTES;
        if (qemu_keyval_get(settings, "hugetlbsize") &&
            !read_size(settings, id, "hugetlbsize", &wanted.page_size_bytes, error))
            return false;
    }
    backend = add_ours(rules, &wanted);
    qemu_findings_add(
        rules->plan->findings, QEMU_FINDING_OK, "memory-rewritten", NULL,
        "%s “%s” is run as a shared memory-backend-file, so that the next QEMU can open the same pages", type,
        backend->id);
    rewrite(rules, settings, backend);
    return true;
}

/* A memory-backend-file of the operator's: used as it is when it is shared. */
static bool
keep_file(QemuRules *rules, QemuKeyval *settings, GError **error)
{
    const char *id = qemu_keyval_get(settings, "id");
    const char *path = qemu_keyval_get(settings, "mem-path");
    bool shared = qemu_keyval_is_on(settings, "share");
    g_autoptr(QemuMemoryBackend) backend = g_new0(QemuMemoryBackend, 1);
    const QemuMemoryBackend *source;

    if (!check_id(rules, id, error) || !read_size(settings, id, "size", &backend->size_bytes, error))
        return false;
    if (!path) {
        g_set_error(error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_ARGUMENTS, "memory backend “%s” has no mem-path",
                    id);
        return false;
    }
    backend->id = g_strdup(id);
    backend->kind = shared ? QEMU_MEMORY_FILE : QEMU_MEMORY_PRIVATE;
    backend->fd_number = -1;
    backend->path = g_strdup(path);
    source = find_source(rules, id, backend->size_bytes);
    if (source && source->kind == QEMU_MEMORY_FILE) {
        backend->device = source->device;
        backend->inode = source->inode;
    }
    if (!shared)
        qemu_findings_add(rules->plan->findings, qemu_rules_hinders_upgrade(rules), "ram-not-shared",
                          "add share=on, or leave the backend out: moult then makes a shared one",
                          "memory “%s” is a private copy of %.200s, which no other QEMU can open", id, path);
    disarm(rules, settings, id);
    g_ptr_array_add(rules->plan->memory, g_steal_pointer(&backend));
    return true;
}

bool
qemu_rule_memory_backend(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg, GError **error)
{
    static const char *const ours[] = {"memory-backend-ram", "memory-backend-memfd", "memory-backend-shm",
                                       NULL};
    const char *type = qemu_keyval_get(arg->settings, "qom-type");
    g_autofree char *kept = g_strdup(type); /* the settings change under us */

    if (!type)
        return true;
    if (g_strv_contains(ours, type))
        return make_ours(rules, arg->settings, kept, error);
    if (strcmp(type, "memory-backend-file") == 0)
        return keep_file(rules, arg->settings, error);
    return true;
}

/* TRUE when the operator's own backends make up the machine's memory. */
static bool
has_own_memory(const QemuRules *rules)
{
    if (qemu_argv_get_merged(rules->argv, "machine", "memory-backend"))
        return true;
    for (guint i = 0; i < rules->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(rules->argv->args, i);
        if (qemu_arg_is(arg, "numa") && qemu_keyval_get(arg->settings, "memdev"))
            return true;
    }
    return false;
}

/* Of -m, else of the machine's memory.size, else QEMU's default. */
static bool
get_ram_size(const QemuRules *rules, guint64 *ret_size_bytes, GError **error)
{
    const char *text = qemu_argv_get_merged(rules->argv, "m", "size");
    guint64 size_bytes = 0;

    if (text && !qemu_size_parse_memory(text, &size_bytes, error)) {
        g_prefix_error(error, "“-m”: ");
        return false;
    }
    if (size_bytes == 0) { /* "-m 0" is as if it were not there */
        text = qemu_argv_get_merged(rules->argv, "machine", "memory.size");
        size_bytes = DEFAULT_RAM_BYTES;
        if (text && !qemu_size_parse(text, 'B', &size_bytes, error)) {
            g_prefix_error(error, "“-machine memory.size”: ");
            return false;
        }
    }
    if (size_bytes > G_MAXUINT64 - RAM_ALIGNMENT_BYTES) {
        g_set_error(error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_ARGUMENTS,
                    "“-m %.64s”: no machine has as much memory", text);
        return false;
    }
    *ret_size_bytes = (size_bytes + RAM_ALIGNMENT_BYTES - 1) & ~(guint64)(RAM_ALIGNMENT_BYTES - 1);
    return true;
}

bool
qemu_rule_memory_default(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg G_GNUC_UNUSED,
                         GError **error)
{
    WantedBackend wanted = {0};
    const QemuMemoryBackend *backend;
    g_autofree char *mem_path = NULL;
    g_autofree char *value = NULL;

    if (!rules->machine || !rules->machine->default_ram_id || has_own_memory(rules))
        return true;
    wanted.id = rules->machine->default_ram_id;
    if (!get_ram_size(rules, &wanted.size_bytes, error) || !check_id(rules, wanted.id, error))
        return false;
    backend = add_ours(rules, &wanted);
    mem_path = dup_mem_path(backend);
    value = g_strdup_printf("memory-backend-file,id=%s,size=%" G_GUINT64_FORMAT ",share=on%s", backend->id,
                            backend->size_bytes,
                            needs_plain_block_name(rules) ? ",x-use-canonical-path-for-ramblock-id=off" : "");
    qemu_keyval_set_string(qemu_argv_append(rules->argv, "object", value)->settings, "mem-path", mem_path);
    qemu_rules_set_machine(rules, "memory-backend", backend->id);
    return true;
}

bool
qemu_rule_memory_complete(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg G_GNUC_UNUSED,
                          GError **error G_GNUC_UNUSED)
{
    for (guint i = 0; i < rules->context->memory->len; i++) {
        const QemuMemoryBackend *source = g_ptr_array_index(rules->context->memory, i);
        if (!find_backend(rules->plan->memory, source->id))
            qemu_findings_add(rules->plan->findings, QEMU_FINDING_BLOCK, "memory-changed",
                              "restart the guest, or put its definition back as it was when it was started",
                              "the running guest has memory “%s”, which the definition does not have",
                              source->id);
    }
    return true;
}
