/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any answer to "info usernet". What must hold:
 *  - what is told of a network's forwarded ports can be put on a command line as it is: printable, without a comma;
 *  - a definition that has just these has nothing to explain.
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "guest/explain-forwards.h"

#define INPUT_MAX 65536 /* longer ones are cut before they get here */
#define HEAD "Hub -1 (n0):\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_settings(const GPtrArray *forwards)
{
    for (guint i = 0; i < forwards->len; i++)
        for (const char *at = ((const GuestForward *)forwards->pdata[i])->setting; *at; at++)
            g_assert_true(g_ascii_isgraph(*at) && *at != ',');
}

static void
check_network(const char *answer, const char *network)
{
    g_autoptr(GPtrArray) forwards = guest_explain_forwards_of(answer, network);

    if (forwards)
        check_settings(forwards);
}

/* All rows are those of one network. */
static void
check_alone(const char *rows)
{
    g_autofree char *answer = g_strconcat(HEAD, rows, NULL);
    g_autoptr(GPtrArray) forwards = guest_explain_forwards_of(answer, "n0"), settings = g_ptr_array_new();
    g_autoptr(GPtrArray) added = g_ptr_array_new(), removed = g_ptr_array_new();

    for (guint i = 0; forwards && i < forwards->len; i++)
        g_ptr_array_add(settings, ((const GuestForward *)forwards->pdata[i])->setting);
    guest_explain_forwards_compare(settings, settings, NULL, added, removed);
    g_assert_cmpuint(added->len + removed->len, ==, 0);
}

/* Any text may be in a definition. */
static void
check_definition(const char *text)
{
    guest_explain_forwards_is_same(text, text, text);
    guest_explain_forwards_is_same(text, "tcp::1-10.0.2.15:2", text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *answer = g_strndup((const char *)data, MIN(size, INPUT_MAX));
    g_autoptr(GPtrArray) networks = guest_explain_forwards_networks(answer);

    for (guint i = 0; i < MIN(networks->len, 16); i++)
        check_network(answer, networks->pdata[i]);
    check_definition(answer);
    if (!strstr(answer, "Hub "))
        check_alone(answer);
    return 0;
}
