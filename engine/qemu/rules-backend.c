/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory backends that the operator gave (-object memory-backend-*). Every one that can be made ours becomes
 * a memory-backend-file with share=on: over an anonymous file (memfd) that QEMU opens as /proc/self/fd/N, or
 * over a file on a hugetlbfs mount. A file of the operator's own that is shared is used as it is.
 *
 * Why memory-backend-file even for a memfd: from 8.1 on QEMU takes only named files out of a migration
 * (x-ignore-shared); memory-backend-memfd would be copied. The path under /proc counts as a name.
 */
#include "qemu/rules.h"

#include <stdio.h>
#include <string.h>

#include "qemu/argv-error.h"
#include "qemu/argv-size.h"

#define ID_MAX_BYTES 128U
/* The kernel's default huge page on x86, which hugetlb=on without hugetlbsize means. */
#define DEFAULT_HUGE_PAGE_BYTES (G_GUINT64_CONSTANT(2) << 20)
#define PLAIN_BLOCK_NAME "x-use-canonical-path-for-ramblock-id"

const QemuMemoryBackend *
qemu_rules_find_source(const QemuRules *rules, const char *id)
{
    return qemu_rules_is_incoming(rules) ? qemu_memory_find(rules->context->memory, id) : NULL;
}

/* What util/id.c:id_wellformed() rejects QEMU refuses anyway, and what it takes is safe as a file's name. */
bool
qemu_rules_check_backend_id(const QemuRules *rules, const char *id, GError **error)
{
    const char *rest = id ? id + strspn(id, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-._") : NULL;

    if (!id || !g_ascii_isalpha(id[0]) || *rest != '\0' || strlen(id) > ID_MAX_BYTES)
        return qemu_argv_fail(
            error, QEMU_PLAN_ERROR_ARGUMENTS,
            "memory backend “%.64s”: an id is needed that begins with a letter and has only letters, digits, "
            "“-”, “.” and “_”",
            id ? id : "");
    if (qemu_memory_find(rules->plan->memory, id))
        return qemu_argv_fail(
            error, QEMU_PLAN_ERROR_ARGUMENTS,
            "two memory backends have the id “%.64s”, which may also be that of the machine's own memory",
            id);
    return true;
}

/* The running guest's backend of this id and size, when this is an upgrade. NULL, and a finding, when there
 * is none. */
static const QemuMemoryBackend *
match_source(QemuRules *rules, const char *id, guint64 size_bytes)
{
    const QemuMemoryBackend *source;

    if (!qemu_rules_is_incoming(rules))
        return NULL;
    source = qemu_rules_find_source(rules, id);
    if (source && source->size_bytes == size_bytes)
        return source;
    qemu_rules_find(rules, QEMU_FINDING_BLOCK, "memory-changed",
                    "restart the guest, or put its definition back as it was when it was started",
                    "the definition has memory “%s” of %" G_GUINT64_FORMAT " bytes; the running guest %s", id,
                    size_bytes, source ? "has it in another size" : "has no such memory");
    return NULL;
}

static void
check_page_size(QemuRules *rules, const QemuMemoryBackend *backend)
{
    if (backend->page_size_bytes == 0 || backend->size_bytes % backend->page_size_bytes == 0)
        return;
    qemu_rules_find(rules, QEMU_FINDING_BLOCK, "memory-size",
                    "choose a size that is a multiple of the page size",
                    "memory “%s” of %" G_GUINT64_FORMAT
                    " bytes is not a multiple of its page size of %" G_GUINT64_FORMAT " bytes",
                    backend->id, backend->size_bytes, backend->page_size_bytes);
}

static QemuMemoryBackend *
backend_new(const QemuRules *rules, const char *id, guint64 size_bytes, guint64 page_size_bytes)
{
    guint64 wanted_bytes = rules->context->hugepage_size_bytes;
    QemuMemoryBackend *backend =
        qemu_memory_backend_new(id, wanted_bytes ? QEMU_MEMORY_HUGETLBFS : QEMU_MEMORY_MEMFD, size_bytes);

    backend->page_size_bytes = wanted_bytes ? wanted_bytes : page_size_bytes;
    return backend;
}

/* A file on hugetlbfs needs a place of this instance's to be linked to. */
static bool
can_take_over(QemuRules *rules, const QemuMemoryBackend *source)
{
    if (source->kind != QEMU_MEMORY_HUGETLBFS || rules->context->hugetlbfs_dir)
        return qemu_rules_is_ours(source);
    qemu_findings_add(
        rules->plan->findings, QEMU_FINDING_BLOCK, "memory-changed",
        "put the definition back as it was when the guest was started",
        "the running guest has memory “%s” in huge pages, and the definition no longer asks for them",
        source->id);
    return false;
}

const QemuMemoryBackend *
qemu_rules_add_backend(QemuRules *rules, const char *id, guint64 size_bytes, guint64 page_size_bytes)
{
    const QemuMemoryBackend *source = match_source(rules, id, size_bytes);
    bool is_copied = source && qemu_rules_is_ours(source) && rules->context->copies_memory;
    bool take_over = source && !is_copied && can_take_over(rules, source);
    QemuMemoryBackend *backend =
        take_over ? qemu_memory_backend_copy(source)
                  : backend_new(rules, id, size_bytes, is_copied ? source->page_size_bytes : page_size_bytes);

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

void
qemu_rules_keep_backend(QemuRules *rules, const char *id, guint64 size_bytes, const char *path, bool shared)
{
    QemuMemoryBackend *backend =
        qemu_memory_backend_new(id, shared ? QEMU_MEMORY_FILE : QEMU_MEMORY_PRIVATE, size_bytes);
    const QemuMemoryBackend *source = match_source(rules, id, size_bytes);

    backend->path = g_strdup(path);
    if (source && source->kind == QEMU_MEMORY_FILE) {
        backend->device = source->device;
        backend->inode = source->inode;
    }
    g_ptr_array_add(rules->plan->memory, backend);
    if (!shared)
        qemu_rules_find(rules, qemu_rules_hinders_upgrade(rules), "ram-not-shared",
                        "add share=on, or leave it out: moult then makes a shared one",
                        "memory “%s” is a private copy of %.200s, which no other QEMU can open", id, path);
}

char *
qemu_rules_dup_mem_path(const QemuMemoryBackend *backend)
{
    if (backend->kind == QEMU_MEMORY_MEMFD)
        return g_strdup_printf("/proc/self/fd/%d", backend->fd_number);
    return g_strdup(backend->path);
}

bool
qemu_rules_is_ours(const QemuMemoryBackend *backend)
{
    return backend->kind == QEMU_MEMORY_MEMFD || backend->kind == QEMU_MEMORY_HUGETLBFS;
}

bool
qemu_rules_is_ours_to_make(const QemuRules *rules, const char *id, const char *path,
                           guint64 *ret_page_size_bytes)
{
    const QemuMemoryBackend *source = qemu_rules_find_source(rules, id);
    QemuPlanPath facts = {0};

    bool converts = source && source->kind == QEMU_MEMORY_PRIVATE && rules->context->copies_memory;

    if (qemu_rules_is_incoming(rules) && !converts) {
        *ret_page_size_bytes = 0; /* that of the source counts */
        return source && qemu_rules_is_ours(source);
    }
    if (rules->context->look_at_path)
        rules->context->look_at_path(path, &facts, rules->context->look_data);
    *ret_page_size_bytes = facts.page_size_bytes;
    return converts || facts.is_memory_directory;
}

void
qemu_rules_set_block_name(const QemuRules *rules, QemuKeyval *settings)
{
    const char *version = strrchr(rules->plan->machine_type, '-');
    int major = 0, minor = 0;

    if (version && sscanf(version + 1, "%d.%d", &major, &minor) == 2 &&
        QEMU_RELEASE(major, minor) <= QEMU_RELEASE(3, 1) && !qemu_keyval_get(settings, PLAIN_BLOCK_NAME))
        qemu_keyval_set_switch(settings, PLAIN_BLOCK_NAME, false);
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
rewrite(QemuRules *rules, QemuKeyval *settings, const char *type, const QemuMemoryBackend *backend)
{
    static const char *const memfd_only[] = {"hugetlb", "hugetlbsize", "seal"};
    g_autofree char *mem_path = qemu_rules_dup_mem_path(backend);

    qemu_keyval_set_string(settings, "qom-type", "memory-backend-file");
    for (size_t i = 0; i < G_N_ELEMENTS(memfd_only); i++)
        qemu_keyval_remove(settings, memfd_only[i]);
    qemu_keyval_set_string(settings, "mem-path", mem_path);
    qemu_keyval_set_switch(settings, "share", true);
    if (strcmp(type, "memory-backend-ram") == 0)
        qemu_rules_set_block_name(rules, settings);
    disarm(rules, settings, backend->id);
}

/* Size in bytes of a property of -object: a number in JSON, a size in a list. */
static bool
read_size(const QemuKeyval *settings, const char *id, const char *key, guint64 *ret_size_bytes,
          GError **error)
{
    const char *text = qemu_keyval_get(settings, key);

    if (!text)
        return qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS, "memory backend “%s” has no %s", id, key);
    if (!qemu_size_parse(text, 'B', ret_size_bytes, error)) {
        g_prefix_error(error, "memory backend “%s”: ", id);
        return false;
    }
    return true;
}

/* Of a memory-backend-memfd with hugetlb=on; untouched otherwise. */
static bool
read_page_size(const QemuKeyval *settings, const char *id, guint64 *page_size_bytes, GError **error)
{
    if (!qemu_keyval_is_on(settings, "hugetlb"))
        return true;
    *page_size_bytes = DEFAULT_HUGE_PAGE_BYTES;
    if (!qemu_keyval_get(settings, "hugetlbsize"))
        return true;
    return read_size(settings, id, "hugetlbsize", page_size_bytes, error);
}

static bool
make_ours(QemuRules *rules, QemuKeyval *settings, guint64 page_size_bytes, GError **error)
{
    g_autofree char *type =
        g_strdup(qemu_keyval_get(settings, "qom-type")); /* the settings change under us */
    const char *id = qemu_keyval_get(settings, "id");
    const QemuMemoryBackend *backend;
    guint64 size_bytes;

    if (!read_size(settings, id, "size", &size_bytes, error) ||
        !read_page_size(settings, id, &page_size_bytes, error))
        return false;
    backend = qemu_rules_add_backend(rules, id, size_bytes, page_size_bytes);
    qemu_findings_add(
        rules->plan->findings, QEMU_FINDING_OK, "memory-rewritten", NULL,
        "%s “%s” is run as a shared memory-backend-file, so that the next QEMU can open the same pages", type,
        backend->id);
    rewrite(rules, settings, type, backend);
    return true;
}

/* A memory-backend-file: the operator's own file, or a folder in which each QEMU would make a private one. */
static bool
judge_file(QemuRules *rules, QemuKeyval *settings, GError **error)
{
    const char *id = qemu_keyval_get(settings, "id");
    const char *path = qemu_keyval_get(settings, "mem-path");
    guint64 size_bytes, page_size_bytes;

    if (!read_size(settings, id, "size", &size_bytes, error))
        return false;
    if (!path)
        return qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS, "memory backend “%s” has no mem-path", id);
    if (qemu_rules_is_ours_to_make(rules, id, path, &page_size_bytes))
        return make_ours(rules, settings, page_size_bytes, error);
    disarm(rules, settings, id);
    qemu_rules_keep_backend(rules, id, size_bytes, qemu_keyval_get(settings, "mem-path"),
                            qemu_keyval_is_on(settings, "share"));
    return true;
}

bool
qemu_rule_memory_backend(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg, GError **error)
{
    static const char *const ours[] = {"memory-backend-ram", "memory-backend-memfd", "memory-backend-shm",
                                       NULL};
    const char *type = qemu_keyval_get(arg->settings, "qom-type");
    bool is_file = g_strcmp0(type, "memory-backend-file") == 0;

    if (!type || (!is_file && !g_strv_contains(ours, type)))
        return true;
    if (!qemu_rules_check_backend_id(rules, qemu_keyval_get(arg->settings, "id"), error))
        return false;
    return is_file ? judge_file(rules, arg->settings, error) : make_ours(rules, arg->settings, 0, error);
}

bool
qemu_rule_memory_complete(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg G_GNUC_UNUSED,
                          GError **error G_GNUC_UNUSED)
{
    for (guint i = 0; i < rules->context->memory->len; i++) {
        const QemuMemoryBackend *source = g_ptr_array_index(rules->context->memory, i);
        if (!qemu_memory_find(rules->plan->memory, source->id))
            qemu_rules_find(rules, QEMU_FINDING_BLOCK, "memory-changed",
                            "restart the guest, or put its definition back as it was when it was started",
                            "the running guest has memory “%s”, which the definition does not have",
                            source->id);
    }
    return true;
}
