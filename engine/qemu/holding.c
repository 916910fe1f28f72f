/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/holding.h"

#include <arpa/inet.h>
#include <string.h>

#define TERMINALS "/dev/pts/"
#define MAX_TERMINAL (1 << 20) /* NR_UNIX98_PTY_MAX, include/linux/devpts_fs.h and drivers/tty/pty.c */

void
qemu_holding_free(QemuHolding *holding)
{
    if (!holding)
        return;
    g_free(holding->path);
    g_free(holding->host);
    g_free(holding->interface);
    g_free(holding);
}

GPtrArray *
qemu_holdings_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)qemu_holding_free);
}

const QemuHolding *
qemu_holdings_find_number(const GPtrArray *holdings, int number)
{
    for (guint i = 0; holdings && i < holdings->len; i++) {
        const QemuHolding *holding = g_ptr_array_index(holdings, i);
        if (holding->number == number)
            return holding;
    }
    return NULL;
}

const QemuHolding *
qemu_holdings_find_last(const GPtrArray *holdings, QemuHoldingKind kind)
{
    for (guint i = holdings ? holdings->len : 0; i-- > 0;) {
        const QemuHolding *holding = g_ptr_array_index(holdings, i);
        if (holding->kind == kind)
            return holding;
    }
    return NULL;
}

GPtrArray *
qemu_holdings_find_unix(const GPtrArray *holdings, QemuHoldingKind kind, const char *path, bool is_abstract)
{
    GPtrArray *found = g_ptr_array_new();

    for (guint i = 0; holdings && i < holdings->len; i++) {
        QemuHolding *holding = g_ptr_array_index(holdings, i);
        if (holding->kind == kind && holding->family == AF_UNIX && holding->is_abstract == is_abstract &&
            strcmp(holding->path, path) == 0)
            g_ptr_array_add(found, holding);
    }
    return found;
}

static bool
is_numeric(const char *host)
{
    struct in6_addr address;

    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static bool
is_at(const QemuHolding *holding, const char *host)
{
    const char *any = holding->family == AF_INET ? "0.0.0.0" : "::";

    if (*host == '\0' || strcmp(host, "*") == 0)
        return strcmp(holding->host, any) == 0;
    if (strcmp(host, "localhost") == 0)
        return g_str_has_prefix(holding->host, "127.") || strcmp(holding->host, "::1") == 0;
    return !is_numeric(host) || strcmp(holding->host, host) == 0;
}

GPtrArray *
qemu_holdings_find_inet(const GPtrArray *holdings, QemuHoldingKind kind, const char *host, guint16 first_port,
                        guint16 last_port)
{
    GPtrArray *found = g_ptr_array_new();

    for (guint i = 0; holdings && i < holdings->len; i++) {
        QemuHolding *holding = g_ptr_array_index(holdings, i);
        if (holding->kind == kind && (holding->family == AF_INET || holding->family == AF_INET6) &&
            holding->port >= first_port && holding->port <= last_port && is_at(holding, host))
            g_ptr_array_add(found, holding);
    }
    return found;
}

GPtrArray *
qemu_holdings_find_tap(const GPtrArray *holdings, const char *interface)
{
    GPtrArray *found = g_ptr_array_new();

    for (guint i = 0; holdings && i < holdings->len; i++) {
        QemuHolding *holding = g_ptr_array_index(holdings, i);
        if (holding->kind == QEMU_HOLDING_TAP && strcmp(holding->interface, interface) == 0)
            g_ptr_array_add(found, holding);
    }
    return found;
}

guint
qemu_holdings_count(const GPtrArray *holdings, QemuHoldingKind kind)
{
    guint n = 0;

    for (guint i = 0; i < holdings->len; i++)
        n += ((const QemuHolding *)g_ptr_array_index(holdings, i))->kind == kind;
    return n;
}

const QemuHolding *
qemu_holdings_find_terminal(const GPtrArray *holdings, guint number)
{
    const QemuHolding *found = NULL;

    for (guint i = 0; holdings && i < holdings->len; i++) {
        const QemuHolding *holding = g_ptr_array_index(holdings, i);
        if (holding->kind != QEMU_HOLDING_TERMINAL || holding->terminal.number != number)
            continue;
        if (found)
            return NULL;
        found = holding;
    }
    return found;
}

bool
qemu_terminal_parse(const char *name, guint *ret_number)
{
    guint64 number = 0;

    if (!g_str_has_prefix(name, TERMINALS) ||
        !g_ascii_string_to_unsigned(name + strlen(TERMINALS), 10, 0, MAX_TERMINAL, &number, NULL))
        return false;
    *ret_number = (guint)number;
    return true;
}
