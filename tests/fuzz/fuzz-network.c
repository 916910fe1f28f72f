/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any answer to "info network". What must hold of each back end that is read there:
 *  - its name is of one line, and none that QEMU gives by itself;
 *  - it has a type, which is one word, or none where its queues differ; it is no card;
 *  - it has no more queues than there are lines.
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "guest/netdev-list.h"

#define INPUT_MAX 65536 /* longer ones are cut before they get here */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static guint
count_lines(const char *answer)
{
    guint n = 1;

    for (const char *at = answer; *at; at++)
        n += *at == '\n' || *at == '\r';
    return n;
}

static void
check(const char *name, const GuestNetdev *netdev, guint n_lines)
{
    g_assert_true(*name != '#' && !strpbrk(name, "\r\n"));
    g_assert_true(!strpbrk(netdev->type, ",\r\n") && strcmp(netdev->type, "nic") != 0);
    g_assert_false(strpbrk(netdev->details, "\r\n"));
    g_assert_cmpuint(netdev->n_queues, >, 0);
    g_assert_cmpuint(netdev->n_queues, <=, 2 * n_lines); /* that of a hub's port tells of two */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *answer = g_strndup((const char *)data, MIN(size, INPUT_MAX));
    g_autoptr(GHashTable) netdevs = guest_netdev_list_read(answer);
    guint n_lines = count_lines(answer);
    GHashTableIter iter;
    gpointer name, netdev;

    g_hash_table_iter_init(&iter, netdevs);
    while (g_hash_table_iter_next(&iter, &name, &netdev))
        check(name, netdev, n_lines);
    return 0;
}
