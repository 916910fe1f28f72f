/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * There is no QMP command for it before 10.0's unstable x-query-usernet, whose answer is the same text. A row:
 *
 *   TCP[HOST_FORWARD]   12       127.0.0.1  2222       10.0.2.15    22     0     0
 *
 * (libslirp, misc.c:slirp_connection_info()). Compared are protocol, host's port and guest's port, each as often as it
 * is there: the addresses may be written as names.
 */
#include "guest/explain-forwards.h"

#include <string.h>

#include "qemu/argv.h"
#include "qmp/commands.h"

#define MAX_FORWARDS 4096
#define MARK "[HOST_FORWARD]"
#define WHOLE_ANSWER_BYTES 65000 /* a longer one may have been cut (qmp_human_monitor_command) */

static char *
make_key(const char *protocol, const char *host_port, const char *guest_port)
{
    return g_strdup_printf("%s %s-%s", protocol, host_port, guest_port);
}

/* The port at the end of "127.0.0.1:22"; NULL when there is none. Borrowed. */
static const char *
find_port(const char *address)
{
    const char *colon = strrchr(address, ':');

    return colon && colon[1] && colon[1 + strspn(colon + 1, "0123456789")] == '\0' ? colon + 1 : NULL;
}

/* "tcp:127.0.0.1:2222-:22", "::2222-:22". NULL: another form. Owned. */
static char *
dup_defined(const char *forward)
{
    const char *dash = strrchr(forward, '-');
    g_autofree char *host = dash ? g_strndup(forward, (gsize)(dash - forward)) : NULL;
    const char *host_port = host ? find_port(host) : NULL, *guest_port = dash ? find_port(dash + 1) : NULL;
    bool is_udp = g_str_has_prefix(forward, "udp:");

    if (!host_port || !guest_port || (!is_udp && !g_str_has_prefix(forward, "tcp:") && *forward != ':'))
        return NULL;
    return make_key(is_udp ? "udp" : "tcp", host_port, guest_port);
}

/* NULL: not the row of a forward. Owned. */
static char *
dup_open(const char *row)
{
    const char *mark = strstr(row, MARK);
    g_auto(GStrv) words = mark ? g_strsplit_set(mark + strlen(MARK), " ", -1) : NULL;
    g_autofree char *protocol = mark ? g_ascii_strdown(row, mark - row) : NULL;
    const char *fields[5]; /* descriptor, address, port, address, port */
    gsize n = 0;

    for (char **word = words; word && *word && n < G_N_ELEMENTS(fields); word++)
        if (**word)
            fields[n++] = *word;
    return n == G_N_ELEMENTS(fields) ? make_key(g_strstrip(protocol), fields[2], fields[4]) : NULL;
}

/* Each key that is in ALL more often than in OTHERS, once for each time, behind PREFIX. */
static void
add_surplus(GPtrArray *all, const GPtrArray *others, const char *prefix, GPtrArray *found)
{
    g_autoptr(GPtrArray) rest = g_ptr_array_new();

    for (guint i = 0; i < others->len; i++)
        g_ptr_array_add(rest, others->pdata[i]);
    for (guint i = 0; i < all->len; i++) {
        guint index = 0;
        if (g_ptr_array_find_with_equal_func(rest, all->pdata[i], g_str_equal, &index))
            g_ptr_array_remove_index_fast(rest, index);
        else
            g_ptr_array_add(found, g_strconcat(prefix, all->pdata[i], NULL));
    }
}

static void
add_key(GPtrArray *keys, char *key)
{
    if (key && keys->len < MAX_FORWARDS)
        g_ptr_array_add(keys, key);
    else
        g_free(key);
}

GPtrArray *
guest_explain_forwards_compare(const GPtrArray *defined, const char *answer, bool knows_all)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) expected = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) open = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) rows = g_strsplit_set(answer, "\r\n", -1);

    for (guint i = 0; i < defined->len; i++)
        add_key(expected, dup_defined(defined->pdata[i]));
    for (char **row = rows; *row; row++)
        add_key(open, dup_open(*row));
    add_surplus(open, expected, "", found);
    if (knows_all)
        add_surplus(expected, open, "removed: ", found);
    return found;
}

static void
take_forward(const char *key, const char *value, gpointer forwards)
{
    /* A list has the key once for each; JSON has "hostfwd.0.str". */
    if (g_str_has_prefix(key, "hostfwd"))
        g_ptr_array_add(forwards, g_strdup(value));
}

/* What the definition forwards; an instance's own command line leaves it out. FALSE: it has no user network. */
static bool
collect_defined(const GuestInstance *instance, GPtrArray *forwards, GError **error)
{
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)instance->definition->argv, error);
    bool has_stack = false;

    for (guint i = 0; argv && i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (!arg->settings || !(qemu_arg_is(arg, "netdev") || qemu_arg_is(arg, "nic") || qemu_arg_is(arg, "net")) ||
            g_strcmp0(qemu_keyval_get(arg->settings, "type"), "user") != 0)
            continue;
        has_stack = true;
        qemu_keyval_foreach(arg->settings, take_forward, forwards);
    }
    return has_stack;
}

GPtrArray *
guest_explain_forwards(const GuestInstance *instance, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) defined = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *answer = NULL;

    if (!collect_defined(instance, defined, NULL))
        return g_ptr_array_new_with_free_func(g_free);
    answer = qmp_human_monitor_command(instance->monitor, "info usernet", wait, error);
    if (!answer)
        return NULL;
    bool knows_all = instance->deferred->len == 0 && strlen(answer) < WHOLE_ANSWER_BYTES;
    return guest_explain_forwards_compare(defined, answer, knows_all);
}
