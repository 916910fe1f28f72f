/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness-private.h"
#include "hugepages.h"
#include "janitor.h"

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"
/* The kernel gives back what a process had a moment after its end. */
#define RETURN_MS 10000
#define POLL_US 10000

static unsigned n_taken, n_before, n_free_before;

static unsigned
read_count(const char *path)
{
    g_autofree char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return (unsigned)strtoul(text, NULL, 10);
}

static char *
mount_point_of(const char *line)
{
    g_auto(GStrv) fields = g_strsplit(line, " ", 6);

    return strstr(line, " - hugetlbfs ") && g_strv_length(fields) == 6 ? g_strcompress(fields[4]) : NULL;
}

bool
hugepages_leave_other_mounts(void)
{
    g_autofree char *text = NULL;

    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        !g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
        return false;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        g_autofree char *path = mount_point_of(*line);
        if (path && umount2(path, MNT_DETACH) < 0)
            return false;
    }
    return true;
}

unsigned
hugepages_count_free(void)
{
    return read_count(POOL "free_hugepages") - read_count(POOL "resv_hugepages");
}

void
hugepages_take(unsigned n)
{
    harness_need_root();
    if (!g_file_test(POOL, G_FILE_TEST_IS_DIR))
        harness_skip("needs a kernel with huge pages of 2 MiB");
    n_before = read_count(POOL "nr_hugepages");
    n_free_before = hugepages_count_free();
    janitor_note_hugepages((int)n);
    n_taken = n;
    if (janitor_change_hugepages((int)n))
        return;
    n_taken = read_count(POOL "nr_hugepages") - n_before;
    janitor_note_hugepages((int)n_taken - (int)n);
    hugepages_give_back();
    harness_skip("needs free huge pages of 2 MiB");
}

void
hugepages_give_back(void)
{
    gint64 deadline_us = g_get_monotonic_time() + RETURN_MS * 1000;

    while (hugepages_count_free() < n_free_before + n_taken && g_get_monotonic_time() < deadline_us)
        g_usleep(POLL_US);
    unsigned n_free = hugepages_count_free(), n_wanted = n_free_before + n_taken;
    bool is_back = n_taken == 0 || janitor_change_hugepages(-(int)n_taken);
    janitor_note_hugepages(-(int)n_taken);
    n_taken = 0;
    if (n_free != n_wanted)
        fail_msg("%u huge pages are free, %u should be", n_free, n_wanted);
    if (!is_back || read_count(POOL "nr_hugepages") != n_before)
        fail_msg("the pool of huge pages is not as it was");
}

static char *
mount_path(const HarnessEngine *engine, const char *size)
{
    return g_strdup_printf("%s/huge-%s", engine->folder, size);
}

bool
hugepages_mount(HarnessEngine *engine, const char *size)
{
    g_autofree char *path = mount_path(engine, size);
    g_autofree char *options = g_strdup_printf("pagesize=%s,mode=0755", size);

    assert_int_equal(mkdir(path, 0755), 0);
    return mount("moult-test", path, "hugetlbfs", MS_NOSUID | MS_NODEV, options) == 0;
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* What is in the folder of instance ID; one without a file is told too. */
static void
add_instance(GPtrArray *names, const char *folder, const char *id)
{
    g_autofree char *path = g_build_filename(folder, id, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    guint n = names->len;

    while (dir && (name = g_dir_read_name(dir)))
        g_ptr_array_add(names, g_strdup_printf("%s/%s", id, name));
    if (names->len == n)
        g_ptr_array_add(names, g_strdup_printf("%s/", id));
}

void
assert_hugepage_files(const HarnessEngine *engine, const char *names)
{
    g_autofree char *mount = mount_path(engine, "2M"), *folder = g_build_filename(mount, "moult", NULL);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *id;

    while (dir && (id = g_dir_read_name(dir)))
        add_instance(found, folder, id);
    g_ptr_array_sort(found, compare_names);
    g_ptr_array_add(found, NULL);
    g_autofree char *text = g_strjoinv(" ", (char **)found->pdata);
    assert_string_equal(text, names);
}
