/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A user network tells its address (without the mask), restrict= and its forwarded ports; of what else it was given nothing can
 * be read. A TAP is its open device, whatever it was opened by: what it is set to is asked of the kernel.
 */
#include "guest/explain-netdevs.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "guest/explain-hostfwd.h"
#include "guest/handover.h"
#include "guest/tap.h"
#include "qmp/text.h"

#define MAX_SETTING_BYTES 4096
#define USUAL_NETWORK "10.0.2.0" /* of "user" without net=; its mask is known (net/slirp.c) */

static bool
add_setting(GString *settings, const char *key, const char *value)
{
    g_autofree char *escaped = qemu_keyval_escape(value);

    if (!*value || !qmp_text_is_plain(value, MAX_SETTING_BYTES))
        return false;
    g_string_append_printf(settings, ",%s=%s", key, escaped);
    return true;
}

/* ---- User networks ---- */

static bool
describe_user(const Explanation *explanation, const char *name, const GuestNetdev *netdev, const char *usernet,
              GString *settings)
{
    g_autoptr(GPtrArray) forwards = usernet ? explain_hostfwd_of(explanation, usernet, name) : NULL;
    bool is_restricted = g_str_equal(netdev->details, "net=" USUAL_NETWORK ",restrict=on");

    if (!forwards || (!is_restricted && !g_str_equal(netdev->details, "net=" USUAL_NETWORK ",restrict=off")))
        return false;
    if (is_restricted)
        add_setting(settings, "restrict", "on");
    for (guint i = 0; i < forwards->len; i++)
        add_setting(settings, "hostfwd", forwards->pdata[i]);
    return true;
}

/* ---- TAP devices ---- */

/* "helper=/usr/lib/qemu/qemu-bridge-helper,br=br0"; what it has made is found like the device of any helper. */
static bool
describe_helper(const char *details, GString *settings)
{
    const char *helper = details + strlen("helper="), *bridge = strstr(helper, ",br=");
    g_autofree char *path = bridge ? g_strndup(helper, (gsize)(bridge - helper)) : g_strdup(helper);

    return add_setting(settings, "helper", path) && (!bridge || add_setting(settings, "br", bridge + strlen(",br=")));
}

/* The interface behind descriptor NUMBER; NULL: it is no TAP. Owned. */
static char *
dup_interface(const GPtrArray *holdings, const char *number)
{
    guint64 descriptor = 0;
    const QemuHolding *holding = g_ascii_string_to_unsigned(number, 10, 0, G_MAXINT, &descriptor, NULL)
                                     ? qemu_holdings_find_number(holdings, (int)descriptor)
                                     : NULL;

    return holding && holding->kind == QEMU_HOLDING_TAP ? g_strdup(holding->interface) : NULL;
}

/* "ifname=tap0,script=no,downscript=no": the interface, owned, and what is behind "downscript=", borrowed. NULL: another form. */
static char *
dup_named(const char *details, const char **ret_down)
{
    static const char mark[] = ",downscript=";
    const char *name = details + strlen("ifname="), *script = strstr(name, ",script=");
    const char *down = script ? strstr(script, mark) : NULL;

    if (!down)
        return NULL;
    *ret_down = down + strlen(mark);
    return g_strndup(name, (gsize)(script - name));
}

/* How many bytes of unsent packets the device may hold; QEMU sets it, by default to no limit. FALSE: it cannot be asked. */
static bool
add_send_limit(const Explanation *explanation, const GPtrArray *holdings, const char *interface, GString *settings)
{
    g_autoptr(GPtrArray) queues = qemu_holdings_find_tap(holdings, interface);
    int fd = queues->len > 0 ? guest_handover_fetch(explanation->instance, g_ptr_array_index(queues, 0), NULL) : -1;
    int bytes = INT_MAX;

    if (fd < 0)
        return false;
    bool is_limited = guest_tap_get_send_bytes(fd, &bytes) && bytes != INT_MAX;
    close(fd);
    g_autofree char *text = g_strdup_printf("%d", bytes);
    return !is_limited || add_setting(settings, "sndbuf", text);
}

/* Which of several the kernel serves is not told: it must be none, or all of them, each queue by a descriptor of its own. */
static bool
add_vhost(const GPtrArray *holdings, GString *settings)
{
    guint n = qemu_holdings_count(holdings, QEMU_HOLDING_VHOST_NET);

    return n == 0 || (n == qemu_holdings_count(holdings, QEMU_HOLDING_TAP) && add_setting(settings, "vhost", "on"));
}

/* The rules find the open device by its name (qemu/rules-network-tap.c). */
static bool
describe_tap(const Explanation *explanation, const GuestNetdev *netdev, GString *settings)
{
    const char *details = netdev->details, *down = "no";
    g_autoptr(GPtrArray) holdings = guest_handover_look(explanation->environment, explanation->instance, NULL);
    g_autofree char *interface = NULL;

    if (!holdings || !add_vhost(holdings, settings))
        return false;
    if (g_str_has_prefix(details, "helper="))
        return describe_helper(details, settings);
    if (g_str_has_prefix(details, "fd="))
        interface = dup_interface(holdings, details + strlen("fd="));
    else if (g_str_has_prefix(details, "ifname="))
        interface = dup_named(details, &down);
    if (!interface || !add_setting(settings, "ifname", interface) || !add_setting(settings, "script", "no") ||
        !add_setting(settings, "downscript", down))
        return false;
    if (netdev->n_queues > 1)
        g_string_append_printf(settings, ",queues=%u", netdev->n_queues);
    return add_send_limit(explanation, holdings, interface, settings);
}

char *
explain_netdev_describe(const Explanation *explanation, const char *name, const GuestNetdev *netdev, const char *usernet)
{
    bool is_user = g_str_equal(netdev->type, "user");
    bool is_tap = g_str_equal(netdev->type, "tap") || g_str_equal(netdev->type, "bridge");
    GString *settings = g_string_new(netdev->type);
    bool described = (is_user || is_tap) && add_setting(settings, "id", name);

    if (described)
        described = is_user ? describe_user(explanation, name, netdev, usernet, settings)
                            : describe_tap(explanation, netdev, settings);
    return g_string_free(settings, !described);
}
