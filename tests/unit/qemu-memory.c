/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "qemu/memory.h"

static void
assert_round_trip(const QemuMemoryBackend *backend)
{
    json_object *object = qemu_memory_backend_to_json(backend);
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuMemoryBackend) copy = qemu_memory_backend_from_json(object, &error);
    g_autoptr(QemuMemoryBackend) twin = qemu_memory_backend_copy(backend);

    if (!copy)
        fail_msg("%s: %s", json_object_to_json_string(object), error->message);
    assert_string_equal(copy->id, backend->id);
    assert_int_equal(copy->kind, backend->kind);
    assert_true(copy->size_bytes == backend->size_bytes);
    assert_true(copy->page_size_bytes == backend->page_size_bytes);
    assert_int_equal(copy->fd_number, backend->fd_number);
    assert_int_equal(g_strcmp0(copy->path, backend->path), 0);
    assert_int_equal(g_strcmp0(twin->path, backend->path), 0);
    assert_true(copy->device == backend->device);
    assert_true(copy->inode == backend->inode);
    json_object_put(object);
}

static void
every_kind_survives_json(void **state)
{
    (void)state;
    static char pc_ram[] = "pc.ram", path[] = "/dev/hugepages/moult/7/pc.ram";
    static const QemuMemoryBackend backends[] = {
        {pc_ram, QEMU_MEMORY_MEMFD, 512 << 20, 0, 5, NULL, 1, 4711},
        {pc_ram, QEMU_MEMORY_MEMFD, 512 << 20, 2 << 20, 5, NULL, 1, G_MAXUINT64},
        {pc_ram, QEMU_MEMORY_HUGETLBFS, G_GUINT64_CONSTANT(1) << 40, 1 << 30, -1, path, 0x1700000012, 3},
        {pc_ram, QEMU_MEMORY_FILE, 1, 0, -1, path, 0, 0},
        {pc_ram, QEMU_MEMORY_PRIVATE, 4096, 0, -1, NULL, 0, 0},
        {pc_ram, QEMU_MEMORY_PRIVATE, 4096, 0, -1, path, 0, 0},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++)
        assert_round_trip(&backends[i]);
}

static void
tampered_json_is_refused(void **state)
{
    (void)state;
#define GOOD_TAIL ",\"device\":1,\"inode\":2}"
#define GOOD "\"kind\":\"memfd\",\"size_bytes\":4096,\"page_size_bytes\":0,\"fd_number\":5,\"path\":null"
    static const char *const bad[] = {
        "[]",
        "\"x\"",
        "{}",
        "{" GOOD GOOD_TAIL,
        "{\"id\":1," GOOD GOOD_TAIL,
        "{\"id\":\"\"," GOOD GOOD_TAIL,
        "{\"id\":\"a\\u0000b\"," GOOD GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"nonsense\",\"size_bytes\":1,\"page_size_bytes\":0,\"fd_number\":"
        "5" GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"memfd\",\"size_bytes\":0,\"page_size_bytes\":0,\"fd_number\":5" GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"memfd\",\"size_bytes\":-1,\"page_size_bytes\":0,\"fd_number\":5" GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"memfd\",\"size_bytes\":\"4096\",\"page_size_bytes\":0,\"fd_number\":"
        "5" GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"memfd\",\"size_bytes\":18446744073709551615,\"page_size_bytes\":0,\"fd_"
        "number\":5" GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"memfd\",\"size_bytes\":4096,\"page_size_bytes\":3000,\"fd_number\":"
        "5" GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"memfd\",\"size_bytes\":4096,\"page_size_bytes\":0,\"fd_number\":-"
        "1" GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"memfd\",\"size_bytes\":4096,\"page_size_bytes\":0,\"fd_number\":"
        "99999999" GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"memfd\",\"size_bytes\":4096,\"page_size_bytes\":0,\"fd_number\":5,\"path\":"
        "\"/x\"" GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"file\",\"size_bytes\":4096,\"page_size_bytes\":0,\"fd_number\":-"
        "1" GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"hugetlbfs\",\"size_bytes\":4096,\"page_size_bytes\":0,\"fd_number\":-1,"
        "\"path\":\"x/y\"" GOOD_TAIL,
        "{\"id\":\"a\",\"kind\":\"file\",\"size_bytes\":4096,\"page_size_bytes\":0,\"fd_number\":5,\"path\":"
        "\"/x\"" GOOD_TAIL,
        "{\"id\":\"a\"," GOOD ",\"device\":-1,\"inode\":2}",
        "{\"id\":\"a\"," GOOD ",\"device\":1}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        json_object *object = json_tokener_parse(bad[i]);
        g_autoptr(GError) error = NULL;
        assert_non_null(object);
        if (qemu_memory_backend_from_json(object, &error))
            fail_msg("%s was taken", bad[i]);
        assert_true(g_error_matches(error, QEMU_MEMORY_ERROR, QEMU_MEMORY_ERROR_INVALID));
        json_object_put(object);
    }
}

static void
ids_and_paths_are_bounded(void **state)
{
    (void)state;
    g_autofree char *id = g_strnfill(129, 'a');
    g_autofree char *path = g_strnfill(4097, '/');
    QemuMemoryBackend backend = {id, QEMU_MEMORY_FILE, 4096, 0, -1, path, 0, 0};
    char *const ids[] = {id, (char *)"a"};

    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        backend.id = ids[i];
        json_object *object = qemu_memory_backend_to_json(&backend);
        assert_null(qemu_memory_backend_from_json(object, NULL));
        json_object_put(object);
    }
}

static void
unknown_kind_is_no_kind(void **state)
{
    (void)state;
    QemuMemoryKind kind = QEMU_MEMORY_FILE;

    assert_false(qemu_memory_kind_from_string("MEMFD", &kind));
    assert_false(qemu_memory_kind_from_string(NULL, &kind));
    assert_int_equal(kind, QEMU_MEMORY_FILE);
    assert_true(qemu_memory_kind_from_string("private", &kind));
    assert_int_equal(kind, QEMU_MEMORY_PRIVATE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_survives_json),
        cmocka_unit_test(tampered_json_is_refused),
        cmocka_unit_test(ids_and_paths_are_bounded),
        cmocka_unit_test(unknown_kind_is_no_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
