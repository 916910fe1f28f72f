/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * There is a line for each queue (net/net.c:hmp_info_network(), 7.2 to 10.0), and for each port of a hub behind the hub's own:
 *
 *   hub 0
 *    \ hub0port0: n2: index=0,type=user,net=10.0.2.0,restrict=off
 *   n0: index=0,type=user,net=10.0.2.0,restrict=off
 *   nic1: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:57
 *    \ n1: index=0,type=tap,ifname=tap1,script=no,downscript=no
 *
 * What QEMU has named by itself begins with '#', which nobody can.
 */
#include "guest/netdev-list.h"

#include <stdbool.h>
#include <string.h>

static void
netdev_free(GuestNetdev *netdev)
{
    g_free(netdev->type);
    g_free(netdev->details);
    g_free(netdev);
}

static void
add_queue(GHashTable *netdevs, const char *name, gsize length, const char *type, const char *details)
{
    g_autofree char *key = g_strndup(name, length);
    GuestNetdev *netdev = g_hash_table_lookup(netdevs, key);

    if (netdev) {
        netdev->n_queues++;
        if (strcmp(netdev->type, type) != 0)
            *netdev->type = '\0';
        return;
    }
    netdev = g_new0(GuestNetdev, 1);
    netdev->n_queues = 1;
    netdev->type = g_strdup(type);
    netdev->details = g_strdup(details);
    g_hash_table_insert(netdevs, g_steal_pointer(&key), netdev);
}

/* "n1: index=0,type=tap,ifname=tap1"; of cards nothing is taken. */
static void
read_client(GHashTable *netdevs, const char *text)
{
    static const char mark[] = ": index=", type_mark[] = ",type=";
    const char *end = strstr(text, mark), *number = end ? end + strlen(mark) : "";
    const char *type = number + strspn(number, "0123456789");

    if (type == number || !g_str_has_prefix(type, type_mark) || *text == '#')
        return;
    type += strlen(type_mark);
    const char *comma = strchr(type, ',');
    g_autofree char *kind = comma ? g_strndup(type, (gsize)(comma - type)) : g_strdup(type);
    if (strcmp(kind, "nic") != 0)
        add_queue(netdevs, text, (gsize)(end - text), kind, comma ? comma + 1 : "");
}

/* A port of a hub: "h1: n1: index=...", "h1". Those that -net makes are "hub0port1". */
static void
read_port(GHashTable *netdevs, const char *text)
{
    const char *colon = strstr(text, ": ");
    gsize length = colon ? (gsize)(colon - text) : strlen(text);

    if (!g_pattern_match_simple("hub*port*", text))
        add_queue(netdevs, text, length, "hubport", "");
    if (colon)
        read_client(netdevs, colon + 2);
}

GHashTable *
guest_netdev_list_read(const char *answer)
{
    static const char inner[] = " \\ ";
    GHashTable *netdevs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)netdev_free);
    g_auto(GStrv) lines = g_strsplit_set(answer, "\r\n", -1);
    bool is_hub = false;

    for (char **line = lines; *line; line++) {
        bool is_inner = g_str_has_prefix(*line, inner);
        const char *text = is_inner ? *line + strlen(inner) : *line;
        if (!*text)
            continue;
        is_hub = is_inner ? is_hub : g_str_has_prefix(text, "hub ") && !strchr(text, ':');
        if (is_hub && is_inner)
            read_port(netdevs, text);
        else
            read_client(netdevs, text);
    }
    return netdevs;
}
