/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * query-vnc-servers tells numeric addresses, one for each listening socket. Whether an IPv6 wildcard takes IPv4 too is not
 * among it.
 */
#include "guest/explain-displays.h"

#include <string.h>

#include "guest/deferred.h"
#include "guest/explain-private.h"
#include "guest/listening-path.h"
#include "qemu/deferred.h"
#include "qemu/listeners.h"
#include "qemu/vnc-address.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define MAX_SERVERS 16
#define MAX_PATH_BYTES 107
#define EVERY_IPV4 "0.0.0.0"
#define EVERY_IPV6 "::"

/* NULL: not in the form of an address. Owned. */
static QemuHolding *
read_server(json_object *server)
{
    const char *family = qmp_json_get_string(server, "family"), *host = qmp_json_get_string(server, "host");
    const char *service = qmp_json_get_string(server, "service");
    bool is_unix = g_strcmp0(family, "unix") == 0;
    guint64 port = 0;

    if (!family || !host || !service)
        return NULL;
    if (!is_unix &&
        (!g_hostname_is_ip_address(host) || !g_ascii_string_to_unsigned(service, 10, 1, G_MAXUINT16, &port, NULL)))
        return NULL;
    if (is_unix)
        return qemu_listener_new(AF_UNIX, service, NULL, 0);
    return qemu_listener_new(strcmp(family, "ipv6") == 0 ? AF_INET6 : AF_INET, NULL, host, (guint16)port);
}

/* NULL: there is one that cannot be read. Websockets are left out. Owned. */
static GPtrArray *
read_servers(json_object *servers)
{
    g_autoptr(GPtrArray) listeners = qemu_holdings_new();

    if (!json_object_is_type(servers, json_type_array))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(servers); i++) {
        json_object *server = json_object_array_get_idx(servers, i);
        bool is_websocket = false;
        if (qmp_json_get_bool(server, "websocket", &is_websocket) && is_websocket)
            continue;
        QemuHolding *listener = i < MAX_SERVERS ? read_server(server) : NULL;
        if (!listener)
            return NULL;
        g_ptr_array_add(listeners, listener);
    }
    return g_steal_pointer(&listeners);
}

static bool
has_family(const GPtrArray *listeners, int family)
{
    for (guint i = 0; i < listeners->len; i++)
        if (((const QemuHolding *)listeners->pdata[i])->family == family)
            return true;
    return false;
}

static bool
is_wildcard(const char *host)
{
    return *host == '\0' || strcmp(host, "*") == 0;
}

static GPtrArray *
find_at(const GPtrArray *listeners, const QemuVncAddress *address)
{
    if (address->path)
        return qemu_holdings_find_unix(listeners, QEMU_HOLDING_LISTENER, address->path, false);
    return qemu_holdings_find_inet(listeners, QEMU_HOLDING_LISTENER, address->host, address->first_port, address->last_port);
}

/* Whether the definition opens these and no others. A wildcard opens IPv6 too. */
static bool
is_as_defined(const QemuVncAddress *address, const GPtrArray *listeners)
{
    if (!address || listeners->len == 0)
        return !address && listeners->len == 0;
    g_autoptr(GPtrArray) found = find_at(listeners, address);
    bool has_range = !address->path && address->first_port < address->last_port;
    bool is_narrow = !address->path && is_wildcard(address->host) && !has_family(listeners, AF_INET6);

    return found->len == listeners->len && !has_range && !is_narrow;
}

static char *
dup_inet(const char *host, guint16 port)
{
    if (port < QEMU_VNC_FIRST_PORT)
        return NULL;
    bool is_ipv6 = strchr(host, ':') != NULL;
    return g_strdup_printf("%s%s%s:%u", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", (unsigned)port - QEMU_VNC_FIRST_PORT);
}

static char *
dup_one(const QemuHolding *listener)
{
    if (listener->family != AF_UNIX)
        return strcmp(listener->host, EVERY_IPV6) == 0 ? NULL : dup_inet(listener->host, listener->port);
    /* A name without a slash may be one without a file, too. */
    if (*listener->path != '/' || !qmp_text_is_plain(listener->path, MAX_PATH_BYTES))
        return NULL;
    return g_strconcat("unix:", listener->path, NULL);
}

/* The two sockets of a wildcard. */
static char *
dup_both(const QemuHolding *one, const QemuHolding *other)
{
    const QemuHolding *ipv4 = one->family == AF_INET ? one : other, *ipv6 = ipv4 == one ? other : one;
    bool is_wildcard_pair = ipv4->family == AF_INET && ipv6->family == AF_INET6 && strcmp(ipv4->host, EVERY_IPV4) == 0 &&
                            strcmp(ipv6->host, EVERY_IPV6) == 0 && ipv4->port == ipv6->port;

    return is_wildcard_pair ? dup_inet("", ipv4->port) : NULL;
}

/* What -vnc would have to say; NULL: it cannot. Owned. */
static char *
dup_option(const GPtrArray *listeners)
{
    switch (listeners->len) {
    case 0:
        return g_strdup("none");
    case 1:
        return dup_one(listeners->pdata[0]);
    case 2:
        return dup_both(listeners->pdata[0], listeners->pdata[1]);
    default:
        return NULL;
    }
}

bool
guest_explain_vnc(const QemuKeyval *settings, json_object *servers, char **ret_now)
{
    g_autoptr(QemuVncAddress) address = qemu_vnc_address_new(settings);
    g_autoptr(GPtrArray) listeners = read_servers(servers);

    *ret_now = NULL;
    if (listeners && is_as_defined(address, listeners))
        return true;
    if (listeners && (*ret_now = dup_option(listeners)))
        return true;
    *ret_now = g_strdup(servers ? qmp_json_to_text(servers, NULL) : "it does not say where");
    return false;
}

/* It could not be opened yet: that nobody listens is not what somebody wanted. */
static bool
is_waiting(const GuestInstance *instance)
{
    return guest_deferred_awaits(instance, "display-update") || guest_deferred_awaits(instance, QEMU_DEFERRED_LISTEN);
}

/* How many of LISTENERS the options that open VNC account for. */
static guint
count_defined(const QemuArgv *argv, const GPtrArray *listeners)
{
    guint n_defined = 0;

    for (guint i = 0; i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        g_autoptr(QemuVncAddress) address = qemu_vnc_opens(arg) ? qemu_vnc_address_new(arg->settings) : NULL;
        if (!address)
            continue;
        g_autoptr(GPtrArray) found = find_at(listeners, address);
        n_defined += found->len;
    }
    return n_defined;
}

/* Of several, the monitor can change the first; whether each is there, the rules ask. */
static void
explain_several(Explanation *explanation, json_object *displays)
{
    g_autoptr(GPtrArray) all = qemu_holdings_new();
    bool is_read = true;

    for (size_t i = 0; i < json_object_array_length(displays) && is_read; i++) {
        g_autoptr(GPtrArray) listeners =
            read_servers(qmp_json_get_array(json_object_array_get_idx(displays, i), "server"));
        is_read = listeners && all->len < MAX_SERVERS;
        if (is_read)
            g_ptr_array_extend_and_steal(all, g_steal_pointer(&listeners));
    }
    if (!is_read || count_defined(explanation->argv, all) != all->len)
        explain_block(explanation, "display-vnc-now", "one of several VNC displays is not where the command line says:",
                      qmp_json_to_text(displays, NULL));
}

static void
explain_one(Explanation *explanation, QemuArg *arg, json_object *displays)
{
    static const char *const address_keys[] = {"to", "ipv4", "ipv6"};
    json_object *servers = qmp_json_get_array(json_object_array_get_idx(displays, 0), "server");
    g_autofree char *now = NULL;

    if (!guest_explain_vnc(arg->settings, servers, &now)) {
        explain_block(explanation, "display-vnc-now", "VNC listens where no command line can open it:", now);
        return;
    }
    if (!now)
        return;
    if (strcmp(now, "none") == 0 && qemu_keyval_get(arg->settings, "websocket")) {
        explain_block(explanation, "display-vnc-now", "VNC was closed, but for its websocket:", arg->value);
        return;
    }
    explain_carried(explanation, "display-vnc-now", "VNC goes along with the address that it has now:", now);
    qemu_keyval_set_string(arg->settings, "vnc", now);
    for (gsize i = 0; i < G_N_ELEMENTS(address_keys); i++)
        qemu_keyval_remove(arg->settings, address_keys[i]);
}

/* It listens nowhere, unless it was told to; whether the viewer is connected, the rules ask. */
static void
explain_reverse(Explanation *explanation, json_object *displays)
{
    json_object *servers = qmp_json_get_array(json_object_array_get_idx(displays, 0), "server");
    g_autoptr(GPtrArray) listeners = read_servers(servers);

    if (!listeners || listeners->len > 0)
        explain_block(explanation, "display-vnc-now", "VNC listens, where the command line has it connect:",
                      qmp_json_to_text(displays, NULL));
}

/* A UNIX socket at PATH (NULL: none) has to make room for another; the rules look at no file. */
static void
explain_path(Explanation *explanation, const char *path, const char *code, const char *what)
{
    g_autoptr(GError) error = NULL;

    if (path && !guest_listening_can_pass_path(path, explanation->instance, &error))
        qemu_findings_add(explanation->findings, QEMU_FINDING_BLOCK, code,
                          "put it into a folder of the engine's user, such as /run, or use a port of TCP", "%s: %s", what,
                          error->message);
}

static void
explain_spice(Explanation *explanation)
{
    const QemuArg *arg = qemu_argv_find(explanation->argv, "spice");

    if (arg && qemu_keyval_is_on(arg->settings, "unix"))
        explain_path(explanation, qemu_keyval_get(arg->settings, "addr"), "display-spice", "SPICE");
}

/* Where the two QEMUs take turns. */
static void
explain_vnc_paths(Explanation *explanation, guint n_displays)
{
    for (guint i = 0; i < explanation->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        bool is_vnc = qemu_vnc_opens(arg), has_websocket = is_vnc && qemu_keyval_get(arg->settings, "websocket");
        g_autoptr(QemuVncAddress) address = is_vnc ? qemu_vnc_address_new(arg->settings) : NULL;
        if (address && (n_displays > 1 || has_websocket))
            explain_path(explanation, address->path, has_websocket ? "display-vnc-websocket" : "display-vnc-several", "VNC");
    }
}

static void
explain_vnc(Explanation *explanation)
{
    guint n_displays = 0;
    QemuArg *arg = qemu_vnc_find(explanation->argv, &n_displays);

    if (n_displays == 0 || is_waiting(explanation->instance))
        return;
    g_autoptr(json_object) displays = explain_query(explanation, "query-vnc-servers", NULL, "VNC");
    if (!displays)
        return;
    if (n_displays == 1 && qemu_vnc_is_reverse(arg->settings))
        explain_reverse(explanation, displays);
    else if (n_displays == 1)
        explain_one(explanation, arg, displays);
    else
        explain_several(explanation, displays);
    explain_vnc_paths(explanation, n_displays);
}

void
explain_displays(Explanation *explanation)
{
    explain_vnc(explanation);
    explain_spice(explanation);
}
