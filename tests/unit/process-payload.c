/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher believes nothing about a payload: whatever is in it, what launcher_payload_open accepts stays
 * within it.
 */
#include "process-helper.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "process/launcher-wire.h"

#define ROUNDS 20000

typedef struct {
    char *base;
    size_t size;
} Payload;

static const char *const argv[] = {"qemu", "-name", "", "x", NULL};
static const char *const envp[] = {"A=1", "B=", NULL};
static const char *const cgroup_dirs[] = {"/sys/fs/cgroup/a", NULL};
static const gid_t groups[] = {1, 2, 4294967294};

static Payload
make_payload(void)
{
    const LauncherFd fds[] = {{.fd = 5, .number = 3}, {.fd = 6, .number = 200}};
    const LauncherRequest request = {.binary = "/usr/bin/qemu",
                                     .argv = argv,
                                     .envp = envp,
                                     .fds = fds,
                                     .n_fds = G_N_ELEMENTS(fds),
                                     .attributes = {.cwd = "/usr",
                                                    .cgroup_dirs = cgroup_dirs,
                                                    .set_ids = true,
                                                    .groups = groups,
                                                    .n_groups = G_N_ELEMENTS(groups)}};
    g_autoptr(GError) error = NULL;
    int fd = launcher_payload_new(&request, &error);
    struct stat info;

    assert_no_error(error);
    assert_int_equal(fstat(fd, &info), 0);
    Payload payload = {.base = malloc((size_t)info.st_size), .size = (size_t)info.st_size};
    assert_int_equal(pread(fd, payload.base, payload.size, 0), (ssize_t)payload.size);
    close(fd);
    return payload;
}

static void
payload_comes_back_to_the_letter(void **state)
{
    (void)state;
    Payload payload = make_payload();
    LauncherOrder order;

    assert_true(launcher_payload_open(payload.base, payload.size, &order));
    assert_string_equal(order.binary, "/usr/bin/qemu");
    assert_string_equal(order.cwd, "/usr");
    assert_true(g_strv_equal((const char *const *)order.argv, argv));
    assert_true(g_strv_equal((const char *const *)order.envp, envp));
    assert_true(g_strv_equal((const char *const *)order.cgroup_dirs, cgroup_dirs));
    assert_int_equal(order.payload->n_groups, G_N_ELEMENTS(groups));
    assert_memory_equal(order.groups, groups, sizeof(groups));
    assert_int_equal(order.payload->fd_numbers[1], 200);
    assert_null(order.exec_label);
    free(payload.base);
}

static void
check_string(const Payload *payload, const char *string)
{
    assert_true(string >= payload->base && string < payload->base + payload->size);
    assert_non_null(memchr(string, '\0', (size_t)(payload->base + payload->size - string)));
}

static void
check_list(const Payload *payload, char *const *list, uint32_t n_strings)
{
    assert_true((const char *)list >= payload->base);
    assert_true((const char *)(list + n_strings + 1) <= payload->base + payload->size);
    for (uint32_t i = 0; i < n_strings; i++)
        if (list[i]) /* where lists overlap, the end of one may be in the middle of another */
            check_string(payload, list[i]);
}

static void
check_within(const Payload *payload, const LauncherOrder *order)
{
    check_string(payload, order->binary);
    check_list(payload, order->argv, order->payload->n_argv);
    check_list(payload, order->cgroup_dirs, order->payload->n_cgroup_dirs);
    if (order->envp)
        check_list(payload, order->envp, order->payload->n_envp);
    if (order->payload->cwd)
        check_string(payload, order->cwd);
    if (order->exec_label)
        check_string(payload, order->exec_label);
    assert_true((const char *)(order->groups + order->payload->n_groups) <= payload->base + payload->size);
    assert_true(order->payload->n_fds <= LAUNCHER_MAX_FDS);
}

/* Changes a few bytes, mostly where counts and offsets are. */
static void
damage(Payload *payload, GRand *random)
{
    int n_changes = g_rand_int_range(random, 1, 4);

    for (int i = 0; i < n_changes; i++) {
        size_t at = (size_t)g_rand_int_range(random, 0, (gint32)payload->size);

        if (g_rand_boolean(random))
            at = offsetof(LauncherPayload, binary) +
                 (size_t)g_rand_int_range(
                     random, 0, offsetof(LauncherPayload, affinity) - offsetof(LauncherPayload, binary));
        payload->base[at] =
            (char)(g_rand_boolean(random) ? g_rand_int_range(random, 0, 256) : payload->base[at] + 8);
    }
}

static void
damaged_payload_stays_within_itself(void **state)
{
    (void)state;
    Payload original = make_payload(), payload = {.base = malloc(original.size), .size = original.size};
    GRand *random = g_rand_new_with_seed(20);
    int n_accepted = 0;

    for (int round = 0; round < ROUNDS; round++) {
        LauncherOrder order;

        memcpy(payload.base, original.base, original.size);
        damage(&payload, random);
        if (launcher_payload_open(payload.base, payload.size, &order)) {
            check_within(&payload, &order);
            n_accepted++;
        }
    }
    assert_true(n_accepted > ROUNDS / 100 && n_accepted < ROUNDS); /* both ways were tried */
    g_rand_free(random);
    free(payload.base);
    free(original.base);
}

static void
payload_cut_short_is_refused(void **state)
{
    (void)state;
    Payload original = make_payload();

    for (size_t size = 0; size < original.size; size++) {
        char *part = malloc(size + 1);
        LauncherOrder order;

        memcpy(part, original.base, size);
        assert_false(launcher_payload_open(part, size, &order));
        free(part);
    }
    free(original.base);
}

static void
too_much_is_refused_before_it_is_sent(void **state)
{
    (void)state;
    g_autofree char *large = g_strnfill(LAUNCHER_MAX_PAYLOAD_BYTES, 'x');
    const char *const arguments[] = {"qemu", large, NULL};
    const LauncherRequest request = {.binary = "/usr/bin/qemu", .argv = arguments};
    g_autoptr(GError) error = NULL;

    assert_int_equal(launcher_payload_new(&request, &error), -1);
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_FAILED));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_comes_back_to_the_letter),
        cmocka_unit_test(damaged_payload_stays_within_itself),
        cmocka_unit_test(payload_cut_short_is_refused),
        cmocka_unit_test(too_much_is_refused_before_it_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
