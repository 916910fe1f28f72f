/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/chardev-text.h"

#include <string.h>

/* Back ends whose shorthand is their name, and that take nothing else. */
static const char *const plain[] = {"null",     "vc",      "pty",     "stdio", "msmouse",
                                    "wctablet", "braille", "testdev", NULL};

static const struct {
    const char *prefix, *flags;
} sockets[] = {
    {"tcp:", ""}, {"telnet:", ",telnet=on"}, {"tn3270:", ",tn3270=on"}, {"websocket:", ",websocket=on"}};

static char *
expand_path(const char *backend, const char *path)
{
    g_autofree char *escaped = qemu_keyval_escape(path);

    return g_strdup_printf("%s,path=%s", backend, escaped);
}

/* "host:port,flags" and ":port,flags". */
static char *
expand_inet(const char *text, const char *flags)
{
    const char *colon = strchr(text, ':');
    size_t port_length = colon ? strcspn(colon + 1, ",") : 0;

    if (port_length == 0 || memchr(text, ',', (size_t)(colon - text)))
        return NULL;
    return g_strdup_printf("socket,host=%.*s,port=%.*s%s%s", (int)(colon - text), text, (int)port_length,
                           colon + 1, flags, colon + 1 + port_length);
}

/* What comes behind "-chardev", without an id; NULL when not understood. Owned. */
static char *
expand(const char *text)
{
    if (g_strv_contains(plain, text))
        return g_strdup(text);
    for (size_t i = 0; i < G_N_ELEMENTS(sockets); i++) {
        if (g_str_has_prefix(text, sockets[i].prefix))
            return expand_inet(text + strlen(sockets[i].prefix), sockets[i].flags);
    }
    if (g_str_has_prefix(text, "unix:")) /* the rest is a list already, with the path first */
        return g_strconcat("socket,path=", text + strlen("unix:"), NULL);
    if (g_str_has_prefix(text, "file:"))
        return expand_path("file", text + strlen("file:"));
    if (g_str_has_prefix(text, "pipe:"))
        return expand_path("pipe", text + strlen("pipe:"));
    if (g_str_has_prefix(text, "/dev/parport") || g_str_has_prefix(text, "/dev/ppi"))
        return expand_path("parallel", text);
    return g_str_has_prefix(text, "/dev/") ? expand_path("serial", text) : NULL;
}

QemuKeyval *
qemu_chardev_text_expand(const char *text, const char *id, bool *ret_with_monitor)
{
    bool with_monitor = g_str_has_prefix(text, "mon:");
    const char *rest = with_monitor ? text + strlen("mon:") : text;
    g_autofree char *expanded = expand(rest);
    g_autofree char *list = NULL;
    size_t backend_length;

    if (!expanded)
        return NULL;
    backend_length = strcspn(expanded, ",");
    /* Ctrl-C on a terminal that is shared with the monitor goes to the guest. */
    list = g_strdup_printf("%.*s,id=%s%s%s%s", (int)backend_length, expanded, id, expanded + backend_length,
                           with_monitor ? ",mux=on" : "",
                           with_monitor && strcmp(rest, "stdio") == 0 ? ",signal=off" : "");
    *ret_with_monitor = with_monitor;
    return qemu_keyval_parse(qemu_option_find("chardev"), list, NULL);
}
