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

#include "guest/deferred.h"
#include "qemu/argv.h"
#include "qmp/commands.h"

#define MAX_FORWARDS 4096
#define MARK "[HOST_FORWARD]"

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

/* A row of "info usernet": its words, and those among them that count. */
typedef struct {
    char **words;
    char *protocol;
    const char *fields[5]; /* descriptor, address, port, address, port */
} Row;

static void
row_clear(Row *row)
{
    g_strfreev(row->words);
    g_free(row->protocol);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Row, row_clear)

/* FALSE: not the row of a forward. */
static bool
row_read(Row *row, const char *text)
{
    const char *mark = strstr(text, MARK);
    gsize n = 0;

    if (!mark)
        return false;
    row->words = g_strsplit_set(mark + strlen(MARK), " ", -1);
    row->protocol = g_strstrip(g_ascii_strdown(text, mark - text));
    for (char **word = row->words; *word && n < G_N_ELEMENTS(row->fields); word++)
        if (**word)
            row->fields[n++] = *word;
    return n == G_N_ELEMENTS(row->fields);
}

/* NULL: not the row of a forward. Owned. */
static char *
dup_open(const char *text)
{
    g_auto(Row) row = {0};

    return row_read(&row, text) ? make_key(row.protocol, row.fields[2], row.fields[4]) : NULL;
}

static bool
is_port(const char *text)
{
    return g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT16, NULL, NULL);
}

static bool
is_ipv4(const char *text)
{
    return !strchr(text, ':') && g_hostname_is_ip_address(text);
}

/* As hostfwd= has it: "tcp:127.0.0.1:2222-10.0.2.15:22". NULL: it cannot be told. Owned. */
static char *
dup_setting(const char *text)
{
    g_auto(Row) row = {0};

    if (!row_read(&row, text) || (strcmp(row.protocol, "tcp") != 0 && strcmp(row.protocol, "udp") != 0))
        return NULL;
    const char *host = strcmp(row.fields[1], "*") == 0 ? "" : row.fields[1], *guest = row.fields[3];
    if ((*host && !is_ipv4(host)) || !is_ipv4(guest) || !is_port(row.fields[2]) || !is_port(row.fields[4]))
        return NULL;
    return g_strdup_printf("%s:%s:%s-%s:%s", row.protocol, host, row.fields[2], guest, row.fields[4]);
}

/* "Hub -1 (n0):" -> "n0"; NULL: not the head of a network. Owned. */
static char *
dup_network(const char *row)
{
    const char *start = g_str_has_prefix(row, "Hub ") ? strchr(row, '(') : NULL;

    return start && g_str_has_suffix(start, "):") ? g_strndup(start + 1, strlen(start) - strlen("():")) : NULL;
}

GPtrArray *
guest_explain_forwards_networks(const char *answer)
{
    GPtrArray *networks = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) rows = g_strsplit_set(answer, "\r\n", -1);

    for (char **row = rows; *row; row++) {
        char *network = dup_network(*row);
        if (network)
            g_ptr_array_add(networks, network);
    }
    return networks;
}

GPtrArray *
guest_explain_forwards_of(const char *answer, const char *network)
{
    g_autoptr(GPtrArray) settings = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) rows = g_strsplit_set(answer, "\r\n", -1);
    bool is_its = false;

    for (char **row = rows; *row; row++) {
        g_autofree char *head = dup_network(*row);
        if (head)
            is_its = strcmp(head, network) == 0;
        if (!is_its || !strstr(*row, MARK))
            continue;
        char *setting = dup_setting(*row);
        if (!setting || settings->len == MAX_FORWARDS) {
            g_free(setting);
            return NULL;
        }
        g_ptr_array_add(settings, setting);
    }
    return g_steal_pointer(&settings);
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

/* FORWARDS may be NULL. FALSE: it has no user network. */
static bool
collect_defined(const QemuArgv *argv, GPtrArray *forwards)
{
    bool has_stack = false;

    for (guint i = 0; i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (g_strcmp0(qemu_arg_get_network(arg), "user") != 0)
            continue;
        has_stack = true;
        if (forwards)
            qemu_keyval_foreach(arg->settings, take_forward, forwards);
    }
    return has_stack;
}

bool
guest_explain_has_user_network(const QemuArgv *argv)
{
    return collect_defined(argv, NULL);
}

GPtrArray *
guest_explain_forwards(const QemuArgv *argv, const GuestInstance *instance, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) defined = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *answer = NULL;

    if (!collect_defined(argv, defined))
        return g_ptr_array_new_with_free_func(g_free);
    answer = qmp_human_monitor_command(instance->monitor, "info usernet", wait, error);
    if (!answer)
        return NULL;
    bool knows_all = !guest_deferred_awaits(instance, "hostfwd_add") && qmp_human_output_is_whole(answer);
    return guest_explain_forwards_compare(defined, answer, knows_all);
}
