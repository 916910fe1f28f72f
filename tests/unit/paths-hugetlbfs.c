/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Real hugepages: two of 2 MiB are reserved for the time of the test, and the only hugetlbfs mounts in the
 * process's own mount namespace are the test's. Needs root.
 */
#include "paths-helper.h"

#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>

#define PAGE_BYTES (2UL * 1024 * 1024)
#define N_PAGES 2
#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define GUEST_UID 54321

static unsigned
read_pool(const char *name)
{
    g_autofree char *path = g_strconcat(POOL, name, NULL);
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? (unsigned)g_ascii_strtoull(text, NULL, 10) : 0;
}

static bool
write_pool_size(unsigned pages)
{
    FILE *file = fopen(POOL "nr_hugepages", "we");
    if (!file)
        return false;
    bool ok = fprintf(file, "%u", pages) > 0;
    return fclose(file) == 0 && ok;
}

static int
setup(void **state)
{
    place_setup(state);
    Place *place = *state;
    g_autofree char *mount_point =
        g_build_filename(place->base, "huge pages", NULL); /* escaped in mountinfo */
    assert_int_equal(mkdir(mount_point, 0755), 0);
    assert_int_equal(mount("moult-test", mount_point, "hugetlbfs", 0, "pagesize=2M,mode=0755"), 0);
    return 0;
}

static int
teardown(void **state)
{
    Place *place = *state;
    g_autofree char *mount_point = g_build_filename(place->base, "huge pages", NULL);
    if (umount(mount_point) < 0)
        return -1;
    return place_teardown(state);
}

static char *
find_mount(const Place *place)
{
    g_autoptr(GError) error = NULL;
    char *mount_point = paths_find_hugetlbfs(PAGE_BYTES, &error);
    assert_ok(mount_point, error);
    assert_true(g_str_has_prefix(mount_point, place->base));
    return mount_point;
}

/* The folder of instance ID of another user's guest; owned. */
static char *
create_dir(const char *mount_point, guint64 id)
{
    g_autoptr(GError) error = NULL;
    assert_ok(paths_hugetlbfs_create(mount_point, id, GUEST_UID, GUEST_UID, &error), error);
    return paths_hugetlbfs_dir(mount_point, id);
}

static char *
create_file(const char *dir, const char *name)
{
    g_autoptr(GError) error = NULL;
    char *path = g_build_filename(dir, name, NULL);
    int fd = paths_hugetlbfs_create_file(path, PAGE_BYTES, GUEST_UID, GUEST_UID, &error);
    assert_ok(fd >= 0, error);
    close(fd);
    return path;
}

static volatile char *
map(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    void *memory = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(memory != MAP_FAILED);
    close(fd);
    return memory;
}

static void
mount_is_found_by_its_page_size(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *mount_point = find_mount(place);
    assert_true(g_str_has_suffix(mount_point, "/huge pages"));
    assert_null(paths_find_hugetlbfs(3 * PAGE_BYTES, &error));
    assert_non_null(strstr(error->message, "6144 KiB"));
    assert_error(error, PATHS_ERROR_MISSING);
}

static void
folders_are_the_engines_and_files_the_guests(void **state)
{
    g_autofree char *mount_point = find_mount(*state);
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = create_dir(mount_point, 7);
    g_autofree char *file = create_file(dir, "pc.ram");
    struct stat info;
    assert_int_equal(stat(dir, &info), 0);
    assert_int_equal(info.st_uid, 0);
    assert_int_equal(info.st_gid, GUEST_UID);
    assert_int_equal(info.st_mode & 07777, 0710);
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_uid, GUEST_UID);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, PAGE_BYTES);
    assert_false(paths_hugetlbfs_create(mount_point, 7, GUEST_UID, GUEST_UID, &error));
    assert_error(error, PATHS_ERROR_EXISTS);
    assert_int_equal(paths_hugetlbfs_create_file(file, PAGE_BYTES, GUEST_UID, GUEST_UID, &error), -1);
    assert_error(error, PATHS_ERROR_EXISTS);
    assert_ok(paths_hugetlbfs_remove(dir, &error), error);
    assert_ok(paths_hugetlbfs_remove(dir, &error), error);
    assert_false(exists(dir));
}

static void
size_that_is_no_multiple_of_the_page_leaves_no_file(void **state)
{
    g_autofree char *mount_point = find_mount(*state);
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = create_dir(mount_point, 7);
    g_autofree char *file = g_build_filename(dir, "x", NULL);
    assert_int_equal(paths_hugetlbfs_create_file(file, PAGE_BYTES + 4096, GUEST_UID, GUEST_UID, &error), -1);
    assert_error(error, PATHS_ERROR_FAILED);
    assert_int_equal(count_entries(dir), 0);
    assert_ok(paths_hugetlbfs_remove(dir, &error), error);
}

static void
linked_memory_outlives_the_first_name(void **state)
{
    g_autofree char *mount_point = find_mount(*state);
    g_autoptr(GError) error = NULL;
    g_autofree char *old_dir = create_dir(mount_point, 7);
    g_autofree char *new_dir = create_dir(mount_point, 8);
    g_autofree char *old_file = create_file(old_dir, "pc.ram");
    g_autofree char *new_file = g_build_filename(new_dir, "pc.ram", NULL);
    volatile char *memory = map(old_file);
    memory[0] = 'm';
    assert_ok(paths_link_file(old_file, new_file, &error), error);
    assert_false(paths_link_file(old_file, new_file, &error));
    assert_error(error, PATHS_ERROR_EXISTS);
    assert_ok(paths_hugetlbfs_remove(old_dir, &error), error);
    volatile char *again = map(new_file);
    assert_int_equal(again[0], 'm');
    again[1] = 'n';
    assert_int_equal(memory[1], 'n');
    munmap((void *)(uintptr_t)memory, PAGE_BYTES);
    munmap((void *)(uintptr_t)again, PAGE_BYTES);
    assert_ok(paths_hugetlbfs_remove(new_dir, &error), error);
}

static void
pages_are_free_again_after_remove(void **state)
{
    g_autofree char *mount_point = find_mount(*state);
    g_autoptr(GError) error = NULL;
    unsigned before = read_pool("free_hugepages");
    g_autofree char *dir = create_dir(mount_point, 7);
    g_autofree char *file = create_file(dir, "pc.ram");
    volatile char *memory = map(file);
    memory[0] = 1;
    assert_int_equal(read_pool("free_hugepages"), before - 1);
    munmap((void *)(uintptr_t)memory, PAGE_BYTES);
    assert_ok(paths_hugetlbfs_remove(dir, &error), error);
    assert_int_equal(read_pool("free_hugepages"), before);
}

/* 0 when the guest's user can use its memory, and nothing more. */
static int
use_as_guest(void *path)
{
    if (setgroups(0, NULL) < 0 || setgid(GUEST_UID) < 0 || setuid(GUEST_UID) < 0)
        return 100;
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *other = g_build_filename(dir, "other", NULL);
    if (close(open(path, O_RDWR | O_CLOEXEC)) < 0)
        return 1;
    if (unlink(path) == 0 || rename(path, other) == 0 || symlink("/etc/passwd", other) == 0)
        return 2;
    return open(other, O_CREAT | O_RDWR | O_CLOEXEC, 0600) >= 0 ? 3 : 0;
}

static void
guests_user_opens_its_file_and_cannot_exchange_it(void **state)
{
    g_autofree char *mount_point = find_mount(*state);
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = create_dir(mount_point, 7);
    g_autofree char *file = create_file(dir, "pc.ram");
    assert_int_equal(in_child(use_as_guest, file), 0);
    assert_ok(paths_hugetlbfs_remove(dir, &error), error);
}

/* A namespace of our own without any hugetlbfs. */
static bool
leave_other_mounts(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
        return false;
    for (char *found; (found = paths_find_hugetlbfs(PAGE_BYTES, NULL)); g_free(found))
        if (umount2(found, MNT_DETACH) < 0)
            return false;
    return true;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
    unsigned reserved = read_pool("nr_hugepages");
    if (!leave_other_mounts() || !write_pool_size(reserved + N_PAGES) ||
        read_pool("nr_hugepages") != reserved + N_PAGES) {
        write_pool_size(reserved);
        puts("SKIP: needs root, a mount namespace and two free hugepages of 2 MiB");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        TEST(mount_is_found_by_its_page_size),
        TEST(folders_are_the_engines_and_files_the_guests),
        TEST(size_that_is_no_multiple_of_the_page_leaves_no_file),
        TEST(linked_memory_outlives_the_first_name),
        TEST(pages_are_free_again_after_remove),
        TEST(guests_user_opens_its_file_and_cannot_exchange_it),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return write_pool_size(reserved) ? failed : 1;
}
