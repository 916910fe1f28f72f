/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* docs/timeouts.rst says of every deadline what engine/upgrade/timeouts.h says, and of no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <string.h>

#define HEADER MOULT_SOURCE_DIR "/engine/upgrade/timeouts.h"
#define PAGE MOULT_SOURCE_DIR "/docs/timeouts.rst"
#define PREFIX "UPGRADE_TIMEOUT_"
#define SUFFIX "_MS"

static char **
read_lines(const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_file_get_contents(path, &text, NULL, &error))
        fail_msg("%s", error->message);
    return g_strsplit(text, "\n", -1);
}

/* A rate ("bytes per ms") is no deadline. */
static void
add(GHashTable *table, const char *name, const char *value)
{
    if (g_str_has_prefix(name, PREFIX) && g_str_has_suffix(name, SUFFIX) && !g_str_has_suffix(name, "_PER_MS"))
        g_hash_table_insert(table, g_strdup(name), g_strdup(value));
}

/* "#define NAME VALUE ..." */
static GHashTable *
read_header(void)
{
    GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) lines = read_lines(HEADER);

    for (char **line = lines; *line; line++) {
        g_auto(GStrv) words = g_strsplit(*line, " ", 4);
        if (g_strv_length(words) >= 3 && g_str_equal(words[0], "#define"))
            add(table, words[1], words[2]);
    }
    return table;
}

/* "NAME", "VALUE", "..." */
static GHashTable *
read_page(void)
{
    GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) lines = read_lines(PAGE);

    for (char **line = lines; *line; line++) {
        g_auto(GStrv) cells = g_strsplit(*line, "\"", -1);
        if (g_strv_length(cells) >= 5)
            add(table, cells[1], cells[3]);
    }
    return table;
}

static void
expect_all(GHashTable *table, GHashTable *other, const char *where)
{
    GHashTableIter iter;
    gpointer name, value;

    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const char *known = g_hash_table_lookup(other, name);
        if (g_strcmp0(known, value) != 0)
            fail_msg("%s is %s, but %s says %s", (char *)name, (char *)value, where, known ? known : "nothing");
    }
}

static void
page_and_header_say_the_same(void **state)
{
    g_autoptr(GHashTable) header = read_header(), page = read_page();

    (void)state;
    assert_true(g_hash_table_size(header) >= 10);
    expect_all(header, page, "docs/timeouts.rst");
    expect_all(page, header, "timeouts.h");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(page_and_header_say_the_same)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
