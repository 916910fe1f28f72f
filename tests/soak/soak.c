/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One busy guest with disk and network is upgraded from one build to the other and back, N times. After each step the
 * whole of the harness looks at result, engine and guest (harness-check.c): exactly one QEMU, no leftovers, ticks,
 * memory passes and disk blocks go on, no bad page, no bad block. What the engine holds at the end must be what it
 * held at the beginning. Prints one line of JSON on standard output, everything else on standard error.
 *
 *     soak [N]                                                     (20)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "usage.h"

#define DEFAULT_UPGRADES 20
/* The first of each build fills caches and starts a worker. Ended jobs are kept, 32 at most: a long run begins behind them. */
#define WARM_UP 2
#define WARM_UP_LONG 34
#define LONG 300
#define TENTH_MIN 3   /* samples, when a tenth is less */
#define NETWORK_EVERY 10
/* What ended jobs take in a short run, and the allocator's slack; a leak of more than this / N an upgrade shows. */
#define MEMORY_ALLOWED_KIB 512

static const HarnessSpec busy = {
    .kernel = "cloud",
    .machine = "pc-q35-7.2",
    .vcpus = 2,
    .ram_mib = 256,
    .arguments = "-drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device virtio-blk-pci,drive=disk0 "
                 "-netdev user,id=net0 -device virtio-net-pci,netdev=net0 -device virtio-rng-pci",
    .append = "moult.disk=/dev/vda moult.ip=10.0.2.15/24 moult.load=50 moult.mem=32",
};

/* How far it has come, for the line at the end, which is printed whatever happened. */
static struct {
    guint wanted, done, bad_pages, bad_blocks;
    gint64 duration_us;
    double downtime_max_ms, guest_pause_max_ms;
    GArray *downtimes_ms;
    Usage first, last;
    bool passed;
} soak = {.wanted = DEFAULT_UPGRADES};

static void
sample(HarnessEngine *engine, GArray *samples)
{
    const char *const folders[] = {engine->runtime, engine->state, engine->config, NULL};
    Usage usage;

    usage_read(engine->moultd->pid, folders, &usage);
    assert_true(usage.descriptors && usage.threads && usage.memory_kib && usage.files);
    g_array_append_val(samples, usage);
}

static void
note_guest(const HarnessGuest *guest)
{
    soak.bad_pages = (guint)guest->seen.memory_errors;
    soak.bad_blocks = (guint)guest->seen.disk_errors;
    soak.guest_pause_max_ms = (double)guest->seen.tick_gap_max_ns / 1e6;
}

static void
upgrade(HarnessGuest *guest, guint i)
{
    double downtime_ms = harness_guest_upgrade(guest, i % 2 == 0 ? BUILD_SECOND : BUILD_INSTALLED);

    note_guest(guest);
    if (i % NETWORK_EVERY == 0)
        harness_guest_check_network(guest);
    g_array_append_val(soak.downtimes_ms, downtime_ms);
    soak.downtime_max_ms = MAX(soak.downtime_max_ms, downtime_ms);
}

static void
expect_no_growth(const char *what, guint64 first, guint64 last, guint64 allowed)
{
    if (last > first + allowed)
        fail_msg("the engine's %s grow: %" G_GUINT64_FORMAT ", then %" G_GUINT64_FORMAT, what, first, last);
}

static void
compare(const GArray *samples)
{
    const Usage *all = (const Usage *)(const void *)samples->data;
    guint tenth = MIN(MAX(samples->len / 10, TENTH_MIN), samples->len);

    usage_lowest(all, tenth, &soak.first);
    usage_lowest(all + samples->len - tenth, tenth, &soak.last);
    expect_no_growth("descriptors", soak.first.descriptors, soak.last.descriptors, 0);
    expect_no_growth("threads", soak.first.threads, soak.last.threads, 0);
    expect_no_growth("files", soak.first.files, soak.last.files, 0);
    expect_no_growth("KiB of memory", soak.first.memory_kib, soak.last.memory_kib, MEMORY_ALLOWED_KIB);
}

static void
test_soak(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &busy);
    g_autoptr(GArray) samples = g_array_new(FALSE, FALSE, sizeof(Usage));
    gint64 started_us = g_get_monotonic_time();
    guint warm_up = soak.wanted < LONG ? WARM_UP : WARM_UP_LONG;
    (void)state;

    for (guint i = 0; i < soak.wanted + warm_up; i++) {
        upgrade(guest, i);
        if (i < warm_up)
            continue;
        sample(engine, samples);
        soak.done++;
        soak.duration_us = g_get_monotonic_time() - started_us;
    }
    compare(samples);
    harness_guest_check_network(guest);
    harness_guest_check_disk(guest);
    harness_engine_finish(engine);
    soak.passed = true;
}

/* ---- The line at the end ---- */

static gint
compare_doubles(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double
median_ms(GArray *values)
{
    if (values->len == 0)
        return 0;
    g_array_sort(values, compare_doubles);
    return g_array_index(values, double, values->len / 2);
}

static json_object *
usage_to_json(const Usage *usage)
{
    json_object *object = json_object_new_object();

    qmp_json_add_uint64(object, "descriptors", usage->descriptors);
    qmp_json_add_uint64(object, "threads", usage->threads);
    qmp_json_add_uint64(object, "memory_kib", usage->memory_kib);
    qmp_json_add_uint64(object, "files", usage->files);
    return object;
}

static void
add_double(json_object *object, const char *key, double value)
{
    g_autofree char *text = g_strdup_printf("%.1f", value);

    json_object_object_add(object, key, json_object_new_double_s(value, text));
}

static void
print_result(int fd)
{
    g_autoptr(json_object) object = json_object_new_object();

    qmp_json_add_int64(object, "schema_version", 1);
    qmp_json_add_bool(object, "passed", soak.passed);
    qmp_json_add_uint64(object, "upgrades_wanted", soak.wanted);
    qmp_json_add_uint64(object, "upgrades_done", soak.done);
    qmp_json_add_uint64(object, "bad_pages", soak.bad_pages);
    qmp_json_add_uint64(object, "bad_blocks", soak.bad_blocks);
    add_double(object, "duration_s", (double)soak.duration_us / 1e6);
    add_double(object, "downtime_median_ms", median_ms(soak.downtimes_ms));
    add_double(object, "downtime_max_ms", soak.downtime_max_ms);
    add_double(object, "guest_pause_max_ms", soak.guest_pause_max_ms);
    qmp_json_add_value(object, "engine_first", usage_to_json(&soak.first));
    qmp_json_add_value(object, "engine_last", usage_to_json(&soak.last));
    dprintf(fd, "%s\n", qmp_json_to_text(object, NULL));
}

static bool
read_arguments(int argc, char **argv)
{
    guint64 n = DEFAULT_UPGRADES;

    if (argc > 2 || (argc == 2 && !g_ascii_string_to_unsigned(argv[1], 10, 1, 1000000, &n, NULL)))
        return false;
    soak.wanted = (guint)n;
    return true;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {HARNESS_TEST(test_soak)};
    int result_fd = dup(STDOUT_FILENO);

    if (!read_arguments(argc, argv)) {
        fprintf(stderr, "Usage: soak [NUMBER OF UPGRADES]\n");
        return 2;
    }
    if (result_fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return 1;
    soak.downtimes_ms = g_array_new(FALSE, FALSE, sizeof(double));
    int status = harness_main(1, argv, tests, G_N_ELEMENTS(tests));
    if (status != 77) /* skipped: nothing was measured */
        print_result(result_fd);
    g_array_unref(soak.downtimes_ms);
    return status;
}
