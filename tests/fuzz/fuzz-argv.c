/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any command line, its words separated by newlines. What must hold:
 *  - a command line that is taken comes back to the letter;
 *  - a plan for a fresh guest is again a command line that we take, and a plan can be made for its upgrade,
 * which waits for the state, has the same machine and the same memory, and gives every descriptor once;
 *  - setting a value of a list of settings and reading it back gives that value, also through its text.
 * The first byte chooses the release of the target's QEMU, and whether there are huge pages.
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "qemu/argv.h"
#include "qemu/plan.h"

#define INPUT_MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static GPtrArray *
machines(void)
{
    static QmpMachine list[] = {
        {.name = (char *)"pc-q35-7.2", .alias = (char *)"q35", .default_ram_id = (char *)"pc.ram"},
        {.name = (char *)"pc-i440fx-3.1", .default_ram_id = (char *)"pc.ram", .deprecated = true},
        {.name = (char *)"pc-i440fx-7.2", .default_ram_id = (char *)"pc.ram", .is_default = true},
        {.name = (char *)"none"},
    };
    static GPtrArray *array;

    if (!array) {
        array = g_ptr_array_new();
        for (size_t i = 0; i < G_N_ELEMENTS(list); i++)
            g_ptr_array_add(array, &list[i]);
    }
    return array;
}

static QemuBinary
binary_of(int major, int minor)
{
    return (QemuBinary){.path = (char *)"/usr/bin/qemu",
                        .version = {major, minor, 0},
                        .version_text = (char *)"x",
                        .target = (char *)"x86_64",
                        .machines = machines()};
}

static void
look_at_path(const char *path, QemuPlanPath *ret_path, gpointer data G_GNUC_UNUSED)
{
    ret_path->is_memory_directory = g_str_has_prefix(path, "/dev/");
    ret_path->page_size_bytes = g_str_has_prefix(path, "/dev/huge") ? 2 << 20 : 0;
}

static void
check_settings(const QemuArg *arg)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuKeyval) settings = NULL, again = NULL;

    if (!arg->settings)
        return;
    settings = qemu_keyval_parse(arg->option, arg->value, &error);
    g_assert_no_error(error);
    qemu_keyval_set_string(settings, "k", "a,b=c,,");
    if (arg->option->implied_key)
        qemu_keyval_set_string(settings, arg->option->implied_key, "x,y");
    g_assert_cmpstr(qemu_keyval_get(settings, "k"), ==, "a,b=c,,");
    text = qemu_keyval_format(settings);
    again = qemu_keyval_parse(arg->option, text, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(qemu_keyval_get(again, "k"), ==, "a,b=c,,");
    if (arg->option->implied_key)
        g_assert_cmpstr(qemu_keyval_get(again, arg->option->implied_key), ==, "x,y");
}

static bool
check_argv(char **words)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)words, &error);
    g_auto(GStrv) back = NULL;

    g_assert_true((argv != NULL) == (error == NULL));
    if (!argv)
        return false;
    back = qemu_argv_to_words(argv);
    g_assert_true(g_strv_equal((const char *const *)words, (const char *const *)back));
    for (guint i = 0; i < argv->args->len; i++)
        check_settings(g_ptr_array_index(argv->args, i));
    return true;
}

static void
check_plan(const QemuPlan *plan)
{
    guint64 seen = 0;
    guint memory = 0;
    int last_number = 2;

    /* Each number once; those that the command line itself names are left free. */
    for (guint i = 0; i < plan->fds->len; i++) {
        const QemuPlanFd *fd = &g_array_index(plan->fds, QemuPlanFd, i);
        g_assert_cmpint(fd->number, >, last_number);
        last_number = fd->number;
        if (fd->kind != QEMU_PLAN_FD_MEMORY) {
            seen |= (guint64)1 << fd->kind;
            continue;
        }
        const QemuMemoryBackend *backend = g_ptr_array_index(plan->memory, fd->index);
        g_assert_cmpint(backend->fd_number, ==, fd->number);
        memory++;
    }
    g_assert_cmpuint(seen, ==, 3);
    for (guint i = 0; i < plan->memory->len; i++) {
        const QemuMemoryBackend *backend = g_ptr_array_index(plan->memory, i);
        memory -= backend->kind == QEMU_MEMORY_MEMFD;
        g_assert_null(strchr(backend->id, '/'));
        json_object *json = qemu_memory_backend_to_json(backend);
        json_object_put(json);
    }
    g_assert_cmpuint(memory, ==, 0);
}

static void
check_upgrade(char **words, const QemuPlan *source, QemuPlanContext context)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuPlan) target = NULL;

    context.role = QEMU_PLAN_INCOMING;
    context.machine_type = source->machine_type;
    context.memory = source->memory;
    target = qemu_plan_new((const char *const *)words, &context, &error);
    g_assert_no_error(error);
    check_plan(target);
    g_assert_true(g_strv_contains((const char *const *)target->argv, "-incoming"));
    g_assert_cmpstr(target->machine_type, ==, source->machine_type);
    g_assert_cmpstr(target->uuid, ==, source->uuid);
    g_assert_cmpuint(target->memory->len, ==, source->memory->len);
}

static void
check_plans(char **words, uint8_t choice)
{
    const QemuBinary old = binary_of(7, 2), new = binary_of(choice & 1 ? 10 : 7, choice & 1 ? 0 : 2);
    QemuPlanContext context = {.role = QEMU_PLAN_FRESH,
                               .name = "web1",
                               .uuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                               .binary = &old,
                               .hugepage_size_bytes = choice & 2 ? 2 << 20 : 0,
                               .hugetlbfs_dir = choice & 2 ? "/dev/hugepages/moult/7" : NULL,
                               .look_at_path = look_at_path};
    g_autoptr(QemuPlan) fresh = qemu_plan_new((const char *const *)words, &context, NULL);

    if (!fresh)
        return;
    check_plan(fresh);
    context.binary = &new;
    check_upgrade(words, fresh, context);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;

    if (size < 1 || size > INPUT_MAX)
        return 0;
    text = g_strndup((const char *)data + 1, size - 1);
    words = g_strsplit(text, "\n", -1);
    if (check_argv(words))
        check_plans(words, data[0]);
    return 0;
}
