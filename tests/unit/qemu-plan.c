/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans as a whole: what a command line becomes for a fresh guest and for the target of an upgrade, to the
 * letter.
 */
#include "qemu-fixture.h"

#define MONITORS                                                                                             \
    " -chardev socket,id=moult-monitor,fd=3,server=on,wait=off -mon chardev=moult-monitor,mode=control"      \
    " -chardev socket,id=moult-operator,fd=4,server=on,wait=off -mon chardev=moult-operator,mode=control"
#define IDENTITY " -uuid " FIXTURE_UUID " -name guest=web1"

static void
fresh_guest_gets_monitors_memory_uuid_and_name(void **state)
{
    (void)state;
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
target_has_the_machine_and_memory_of_the_source(void **state)
{
    (void)state;
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
hugepages_have_a_path_of_each_instance(void **state)
{
    (void)state;
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

/* What the operator's memory backend becomes: the option -object, and the backend in the plan. */
typedef struct {
    const char *object, *fresh, *incoming; /* values of -object */
    QemuMemoryKind kind;
    guint64 size_bytes, page_size_bytes;
} BackendCase;

static void
look_at_path(const char *path, QemuPlanPath *ret_path, gpointer data G_GNUC_UNUSED)
{
    ret_path->is_memory_directory = strcmp(path, "/dev/shm") == 0 || strcmp(path, "/dev/hugepages") == 0;
    ret_path->page_size_bytes = strcmp(path, "/dev/hugepages") == 0 ? 2 << 20 : 0;
}

static void
check_backend(const BackendCase *wanted)
{
    QemuPlanContext fresh = fixture_fresh("7.2"), incoming;
    g_autofree char *line =
        g_strdup_printf("-M q35,memory-backend=m -m 1G -display none -object %s", wanted->object);
    g_autoptr(QemuPlan) source = NULL, target = NULL;
    const QemuMemoryBackend *backend;

    fresh.look_at_path = look_at_path;
    source = fixture_plan(line, &fresh);
    incoming = fixture_incoming("10.0", source);
    target = fixture_plan(line, &incoming);
    backend = g_ptr_array_index(source->memory, 0);
    assert_string_equal(source->argv[7], wanted->fresh);
    assert_string_equal(target->argv[7], wanted->incoming);
    assert_int_equal(source->memory->len, 1);
    assert_string_equal(backend->id, "m");
    assert_int_equal(backend->kind, wanted->kind);
    assert_int_equal(((QemuMemoryBackend *)target->memory->pdata[0])->kind, wanted->kind);
    assert_true(backend->size_bytes == wanted->size_bytes);
    assert_true(backend->page_size_bytes == wanted->page_size_bytes);
    assert_int_equal(fixture_find(target, "ram-not-shared") != NULL, wanted->kind == QEMU_MEMORY_PRIVATE);
    assert_int_equal(qemu_findings_get_block(target->findings) != NULL, wanted->kind == QEMU_MEMORY_PRIVATE);
    assert_null(qemu_findings_get_block(source->findings));
}

static void
backends_of_the_operator_become_shared_files_of_ours(void **state)
{
    (void)state;
#define OURS "memory-backend-file,id=m,size=1G"
#define FILE_5 ",mem-path=/proc/self/fd/5,share=on"
    static const guint64 G = 1 << 30;
    const BackendCase cases[] = {
        {"memory-backend-ram,id=m,size=1G", OURS FILE_5, OURS FILE_5, QEMU_MEMORY_MEMFD, G, 0},
        {"memory-backend-ram,id=m,size=1G,share=off,host-nodes=0-1,policy=bind,merge=off,dump=off",
         "memory-backend-file,id=m,size=1G,share=on,host-nodes=0-1,policy=bind,merge=off,dump=off,"
         "mem-path=/proc/self/fd/5",
         "memory-backend-file,id=m,size=1G,share=on,host-nodes=0-1,policy=bind,merge=off,dump=off,"
         "mem-path=/proc/self/fd/5",
         QEMU_MEMORY_MEMFD, G, 0},
        {"memory-backend-ram,id=m,size=1G,prealloc=on,prealloc-threads=2",
         OURS ",prealloc=on,prealloc-threads=2" FILE_5, OURS ",prealloc=off,prealloc-threads=2" FILE_5,
         QEMU_MEMORY_MEMFD, G, 0},
        {"qom-type=memory-backend-ram,id=m,size=1G", "qom-type=" OURS FILE_5, "qom-type=" OURS FILE_5,
         QEMU_MEMORY_MEMFD, G, 0},
        {"memory-backend-memfd,id=m,size=1G,seal=off", OURS FILE_5, OURS FILE_5, QEMU_MEMORY_MEMFD, G, 0},
        {"memory-backend-memfd,id=m,size=1G,hugetlb=on", OURS FILE_5, OURS FILE_5, QEMU_MEMORY_MEMFD, G,
         2 << 20},
        {"memory-backend-memfd,id=m,size=1G,hugetlb=on,hugetlbsize=1G", OURS FILE_5, OURS FILE_5,
         QEMU_MEMORY_MEMFD, G, 1 << 30},
        {"{\"qom-type\":\"memory-backend-ram\",\"id\":\"m\",\"size\":1073741824,\"prealloc\":true}",
         "{\"qom-type\":\"memory-backend-file\",\"id\":\"m\",\"size\":1073741824,\"prealloc\":true,"
         "\"mem-path\":\"/proc/self/fd/5\",\"share\":true}",
         "{\"qom-type\":\"memory-backend-file\",\"id\":\"m\",\"size\":1073741824,\"prealloc\":false,"
         "\"mem-path\":\"/proc/self/fd/5\",\"share\":true}",
         QEMU_MEMORY_MEMFD, G, 0},
        {"memory-backend-file,id=m,size=1G,mem-path=/dev/shm", OURS FILE_5, OURS FILE_5, QEMU_MEMORY_MEMFD, G,
         0},
        {"memory-backend-file,id=m,size=1G,mem-path=/dev/hugepages,share=off", OURS FILE_5, OURS FILE_5,
         QEMU_MEMORY_MEMFD, G, 2 << 20},
        /* a file of the operator's */
        {"memory-backend-file,id=m,size=1G,mem-path=/dev/shm/a,,b,share=on",
         "memory-backend-file,id=m,size=1G,mem-path=/dev/shm/a,,b,share=on",
         "memory-backend-file,id=m,size=1G,mem-path=/dev/shm/a,,b,share=on", QEMU_MEMORY_FILE, G, 0},
        {"memory-backend-file,id=m,size=1G,mem-path=/x,share,prealloc=on,discard-data=on",
         "memory-backend-file,id=m,size=1G,mem-path=/x,share,prealloc=on,discard-data=off",
         "memory-backend-file,id=m,size=1G,mem-path=/x,share,prealloc=off,discard-data=off", QEMU_MEMORY_FILE,
         G, 0},
        {"memory-backend-file,id=m,size=1G,mem-path=/x", "memory-backend-file,id=m,size=1G,mem-path=/x",
         "memory-backend-file,id=m,size=1G,mem-path=/x", QEMU_MEMORY_PRIVATE, G, 0},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        check_backend(&cases[i]);
}

static void
numa_nodes_with_backends_need_no_default_memory(void **state)
{
    (void)state;
    QemuPlanContext context = fixture_fresh("7.2");
    g_autoptr(QemuPlan) plan =
        fixture_plan("-m 2G -object memory-backend-ram,id=a,size=1G -object memory-backend-ram,id=b,size=1G"
                     " -numa node,memdev=a -numa node,memdev=b -object memory-backend-ram,id=d,size=1G"
                     " -device pc-dimm,memdev=d",
                     &context);
    g_autoptr(QemuPlan) legacy = fixture_plan("-m 2G -numa node,mem=1G -numa node,mem=1G", &context);

    assert_int_equal(plan->memory->len, 3);
    assert_int_equal(plan->fds->len, 5);
    assert_int_equal(((QemuMemoryBackend *)plan->memory->pdata[2])->fd_number, 7);
    assert_int_equal(g_array_index(plan->fds, QemuPlanFd, 4).index, 2);
    assert_int_equal(legacy->memory->len, 1);
}

static void
default_memory_has_the_machine_s_size(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        guint64 size_bytes;
    } cases[] = {
        {"", G_GUINT64_CONSTANT(128) << 20},
        {"-m 0", G_GUINT64_CONSTANT(128) << 20},
        {"-m 512", G_GUINT64_CONSTANT(512) << 20},
        {"-m 512 -m 1G", G_GUINT64_CONSTANT(1) << 30},
        {"-m 1G -m slots=2,maxmem=4G", G_GUINT64_CONSTANT(1) << 30},
        {"-m size=1.5G,slots=2,maxmem=4G", G_GUINT64_CONSTANT(1536) << 20},
        {"-M pc,memory.size=256M", G_GUINT64_CONSTANT(256) << 20},
        {"-M pc,memory.size=256M -m 64", G_GUINT64_CONSTANT(64) << 20},
        {"-m 1000001B", 1007616}, /* rounded up to 8 KiB, as the machine does it */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        QemuPlanContext context = fixture_fresh("7.2");
        g_autoptr(QemuPlan) plan = fixture_plan(cases[i].line, &context);
        const QemuMemoryBackend *backend = g_ptr_array_index(plan->memory, 0);
        if (backend->size_bytes != cases[i].size_bytes)
            fail_msg("“%s”: %" G_GUINT64_FORMAT, cases[i].line, backend->size_bytes);
    }
}

static void
mem_path_in_memory_is_replaced_and_another_kept(void **state)
{
    (void)state;
    QemuPlanContext fresh = fixture_fresh("7.2"), incoming;
    g_autoptr(QemuPlan) huge = NULL, disk = NULL, huge_target = NULL, disk_target = NULL;

    fresh.look_at_path = look_at_path;
    huge = fixture_plan("-m 512 -mem-path /dev/hugepages -mem-prealloc -display none", &fresh);
    disk = fixture_plan("-m 512 -mem-path /srv/ram -display none", &fresh);
    assert_int_equal(((QemuMemoryBackend *)huge->memory->pdata[0])->page_size_bytes, 2 << 20);
    assert_false(g_strv_contains((const char *const *)huge->argv, "-mem-path"));
    assert_true(g_strv_contains((const char *const *)huge->argv, "-mem-prealloc"));
    assert_true(g_strv_contains((const char *const *)disk->argv, "-mem-path"));
    fixture_assert_finding(disk, "ram-not-shared", QEMU_FINDING_WARN);
    incoming = fixture_incoming("7.2", huge);
    huge_target = fixture_plan("-m 512 -mem-path /dev/hugepages -mem-prealloc -display none", &incoming);
    assert_int_equal(((QemuMemoryBackend *)huge_target->memory->pdata[0])->page_size_bytes, 2 << 20);
    assert_false(g_strv_contains((const char *const *)huge_target->argv, "-mem-prealloc"));
    assert_null(qemu_findings_get_block(huge_target->findings));
    incoming = fixture_incoming("7.2", disk);
    disk_target = fixture_plan("-m 512 -mem-path /srv/ram -display none", &incoming);
    fixture_assert_finding(disk_target, "ram-not-shared", QEMU_FINDING_BLOCK);
}

static void
old_machine_types_keep_their_block_name(void **state)
{
    (void)state;
    QemuPlanContext context = fixture_fresh("7.2");
    g_autoptr(QemuPlan) own = fixture_plan("-M pc-i440fx-3.1 -m 512 -display none", &context);
    g_autoptr(QemuPlan) ram =
        fixture_plan("-M pc-i440fx-3.1 -object memory-backend-ram,id=m,size=1M -display none", &context);
    g_autofree char *line = g_strjoinv(" ", own->argv);

    assert_non_null(strstr(line, ",x-use-canonical-path-for-ramblock-id=off"));
    assert_string_equal(ram->argv[3], "memory-backend-file,id=m,size=1M,mem-path=/proc/self/fd/5,share=on,"
                                      "x-use-canonical-path-for-ramblock-id=off");
}

static void
definition_that_no_longer_fits_the_running_guest_blocks(void **state)
{
    (void)state;
    static const char *const changed[] = {
        "-m 1G", "-m 512 -object memory-backend-ram,id=x,size=1G",
        "-m 512 -M pc,memory-backend=x -object memory-backend-ram,id=x,size=512M"};

    for (size_t i = 0; i < G_N_ELEMENTS(changed); i++) {
        QemuPlanContext fresh = fixture_fresh("7.2"), incoming;
        g_autoptr(QemuPlan) source = fixture_plan("-m 512", &fresh), target = NULL;
        incoming = fixture_incoming("7.2", source);
        target = fixture_plan(changed[i], &incoming);
        fixture_assert_finding(target, "memory-changed", QEMU_FINDING_BLOCK);
    }
}

static void
size_must_be_a_multiple_of_the_page_size(void **state)
{
    (void)state;
    QemuPlanContext context = fixture_fresh("7.2");
    g_autoptr(QemuPlan) plan = NULL;

    context.hugepage_size_bytes = 1 << 30;
    context.hugetlbfs_dir = "/dev/hugepages/moult/7";
    plan = fixture_plan("-m 1536", &context);
    fixture_assert_finding(plan, "memory-size", QEMU_FINDING_BLOCK);
}

static void
mistakes_in_memory_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *word;
    } cases[] = {
        {"-m nonsense", "“-m”"},
        {"-m 18446744073709551615B", "-m"},
        {"-M pc,memory.size=x", "memory.size"},
        {"-object memory-backend-ram,size=1G", "an id is needed"},
        {"-object memory-backend-ram,id=../x,size=1G", "an id is needed"},
        {"-object memory-backend-ram,id=m", "has no size"},
        {"-object memory-backend-file,id=m,size=1G", "has no mem-path"},
        {"-object memory-backend-ram,id=m,size=x", "memory backend “m”"},
        {"-object memory-backend-ram,id=pc.ram,size=1G", "two memory backends have the id “pc.ram”"},
        {"-object memory-backend-ram,id=m,size=1G -object memory-backend-memfd,id=m,size=1G",
         "two memory backends"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) words = fixture_words(cases[i].line);
        QemuPlanContext context = fixture_fresh("7.2");
        g_autoptr(GError) error = NULL;
        if (qemu_plan_new((const char *const *)words, &context, &error))
            fail_msg("“%s” was taken", cases[i].line);
        assert_true(g_error_matches(error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_ARGUMENTS));
        if (!strstr(error->message, cases[i].word))
            fail_msg("“%s”: %s", cases[i].line, error->message);
    }
}

static void
directories_in_memory_are_seen(void **state)
{
    (void)state;
    QemuPlanPath shm = {0}, root = {0}, relative = {0}, missing = {0};

    if (!g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
        skip();
    qemu_plan_look_at_path("/dev/shm", &shm, (gpointer) "/");
    qemu_plan_look_at_path("/proc", &root, (gpointer) "/");
    qemu_plan_look_at_path("shm", &relative, (gpointer) "/dev");
    qemu_plan_look_at_path("/nonsense", &missing, (gpointer) "/");
    assert_true(shm.is_memory_directory);
    assert_int_equal(shm.page_size_bytes, 0);
    assert_false(root.is_memory_directory);
    assert_true(relative.is_memory_directory);
    assert_false(missing.is_memory_directory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_guest_gets_monitors_memory_uuid_and_name),
        cmocka_unit_test(target_has_the_machine_and_memory_of_the_source),
        cmocka_unit_test(hugepages_have_a_path_of_each_instance),
        cmocka_unit_test(backends_of_the_operator_become_shared_files_of_ours),
        cmocka_unit_test(numa_nodes_with_backends_need_no_default_memory),
        cmocka_unit_test(default_memory_has_the_machine_s_size),
        cmocka_unit_test(mem_path_in_memory_is_replaced_and_another_kept),
        cmocka_unit_test(old_machine_types_keep_their_block_name),
        cmocka_unit_test(definition_that_no_longer_fits_the_running_guest_blocks),
        cmocka_unit_test(size_must_be_a_multiple_of_the_page_size),
        cmocka_unit_test(mistakes_in_memory_are_named),
        cmocka_unit_test(directories_in_memory_are_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
