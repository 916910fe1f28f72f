/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans as a whole: what a command line becomes for a fresh guest and for the target of an upgrade, to the
 * letter.
 */
#include "qemu-fixture.h"

/* Until engine/qemu/binary.c brings its own. */
__attribute__((weak)) const QmpMachine *
qemu_binary_find_machine(const QemuBinary *binary, const char *name)
{
    for (guint i = 0; i < binary->machines->len; i++) {
        const QmpMachine *machine = g_ptr_array_index(binary->machines, i);
        if (name ? !strcmp(machine->name, name) || !g_strcmp0(machine->alias, name) : machine->is_default)
            return machine;
    }
    return NULL;
}

#define MONITORS                                                                                             \
    " -chardev socket,id=moult-monitor,fd=3,server=on,wait=off -mon chardev=moult-monitor,mode=control"      \
    " -chardev socket,id=moult-operator,fd=4,server=on,wait=off -mon chardev=moult-operator,mode=control"
#define IDENTITY " -uuid " FIXTURE_UUID " -name guest=web1"

static void
test_fresh_guest_gets_monitors_memory_uuid_and_name(void **state G_GNUC_UNUSED)
{
    QemuPlanContext context = fixture_fresh("7.2");
    g_autoptr(QemuPlan) plan = fixture_plan("-M q35,accel=tcg -m 512 -display none", &context);
    const QemuMemoryBackend *memory = g_ptr_array_index(plan->memory, 0);

    fixture_assert_argv(plan, "-M q35,accel=tcg -m 512 -display none"
                              " -machine type=pc-q35-7.2,memory-backend=pc.ram" MONITORS
                              " -object memory-backend-file,id=pc.ram,size=536870912,share=on,"
                              "mem-path=/proc/self/fd/5" IDENTITY);
    assert_string_equal(plan->machine_type, "pc-q35-7.2");
    assert_string_equal(plan->uuid, FIXTURE_UUID);
    assert_int_equal(plan->memory->len, 1);
    assert_string_equal(memory->id, "pc.ram");
    assert_int_equal(memory->kind, QEMU_MEMORY_MEMFD);
    assert_int_equal(memory->fd_number, 5);
    assert_true(memory->size_bytes == G_GUINT64_CONSTANT(512) << 20);
    assert_int_equal(plan->fds->len, 3);
    assert_int_equal(g_array_index(plan->fds, QemuPlanFd, 2).kind, QEMU_PLAN_FD_MEMORY);
    assert_null(qemu_findings_get_block(plan->findings));
}

static void
test_target_has_the_machine_and_memory_of_the_source(void **state G_GNUC_UNUSED)
{
    QemuPlanContext fresh = fixture_fresh("7.2");
    g_autoptr(QemuPlan) source = fixture_plan("-M q35 -m 512 -display none -S -loadvm x", &fresh);
    QemuPlanContext incoming = fixture_incoming("10.0", source);
    g_autoptr(QemuPlan) target = NULL;
    const QemuMemoryBackend *memory;

    ((QemuMemoryBackend *)g_ptr_array_index(source->memory, 0))->inode = 4711;
    target = fixture_plan("-M q35 -m 512 -display none -S -loadvm x", &incoming);
    memory = g_ptr_array_index(target->memory, 0);
    fixture_assert_argv(target,
                        "-M q35 -m 512 -display none -machine type=pc-q35-7.2,memory-backend=pc.ram" MONITORS
                        " -object memory-backend-file,id=pc.ram,size=536870912,share=on,"
                        "mem-path=/proc/self/fd/5" IDENTITY " -incoming defer");
    assert_int_equal(memory->inode, 4711);
    assert_null(qemu_findings_get_block(target->findings));
    fixture_assert_finding(target, "loadvm-dropped", QEMU_FINDING_OK);
}

static void
test_hugepages_have_a_path_of_each_instance(void **state G_GNUC_UNUSED)
{
    QemuPlanContext fresh = fixture_fresh("7.2"), incoming;
    g_autoptr(QemuPlan) source = NULL, target = NULL;

    fresh.hugepage_size_bytes = 2 << 20;
    fresh.hugetlbfs_dir = "/dev/hugepages/moult/7";
    source = fixture_plan("-m 512 -display none", &fresh);
    incoming = fixture_incoming("7.2", source);
    incoming.hugetlbfs_dir = "/dev/hugepages/moult/8";
    target = fixture_plan("-m 512 -display none", &incoming);
    assert_string_equal(((QemuMemoryBackend *)source->memory->pdata[0])->path,
                        "/dev/hugepages/moult/7/pc.ram");
    assert_string_equal(((QemuMemoryBackend *)target->memory->pdata[0])->path,
                        "/dev/hugepages/moult/8/pc.ram");
    assert_int_equal(((QemuMemoryBackend *)target->memory->pdata[0])->page_size_bytes, 2 << 20);
    assert_int_equal(target->fds->len, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh_guest_gets_monitors_memory_uuid_and_name),
        cmocka_unit_test(test_target_has_the_machine_and_memory_of_the_source),
        cmocka_unit_test(test_hugepages_have_a_path_of_each_instance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
