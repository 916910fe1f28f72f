/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * There is no QMP command for it before 10.0's unstable x-query-usernet, whose answer is the same text. A row:
 *
 *   TCP[HOST_FORWARD]   12       127.0.0.1  2222       10.0.2.15    22     0     0
 *
 * (libslirp, misc.c:slirp_connection_info()). "*" is every address of the host. The guest's address is always told, also where
 * hostfwd= had none. A port that the kernel chose is told by its number. A forward from a UNIX socket (QEMUs newer than 10.0) is
 * told as if its path were an address: whoever uses a row sees whether its descriptor is what it says.
 */
#include "guest/explain-forwards.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_FORWARDS 256
#define MARK "[HOST_FORWARD]"

static void
forward_free(GuestForward *forward)
{
    g_free(forward->setting);
    g_free(forward->host);
    g_free(forward);
}

/* ---- Rows ---- */

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

static bool
read_number(const char *text, guint64 least, guint64 most, guint64 *ret_number)
{
    return g_ascii_string_to_unsigned(text, 10, least, most, ret_number, NULL);
}

static bool
is_ipv4(const char *text)
{
    return !strchr(text, ':') && g_hostname_is_ip_address(text);
}

/* NULL: it cannot be told. Owned. */
static GuestForward *
read_forward(const char *text)
{
    g_auto(Row) row = {0};
    guint64 descriptor, host_port, guest_port;

    if (!row_read(&row, text) || (strcmp(row.protocol, "tcp") != 0 && strcmp(row.protocol, "udp") != 0))
        return NULL;
    const char *host = strcmp(row.fields[1], "*") == 0 ? "" : row.fields[1], *guest = row.fields[3];
    if ((*host && !is_ipv4(host)) || !is_ipv4(guest) || !read_number(row.fields[0], 0, G_MAXINT, &descriptor) ||
        !read_number(row.fields[2], 1, G_MAXUINT16, &host_port) || !read_number(row.fields[4], 1, G_MAXUINT16, &guest_port))
        return NULL;
    GuestForward *forward = g_new(GuestForward, 1);
    *forward = (GuestForward){.setting = g_strdup_printf("%s:%s:%u-%s:%u", row.protocol, host, (guint)host_port, guest,
                                                         (guint)guest_port),
                              .is_udp = strcmp(row.protocol, "udp") == 0,
                              .descriptor = (int)descriptor,
                              .host = g_strdup(*host ? host : "0.0.0.0"),
                              .port = (guint16)host_port};
    return forward;
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
    g_autoptr(GPtrArray) forwards = g_ptr_array_new_with_free_func((GDestroyNotify)forward_free);
    g_auto(GStrv) rows = g_strsplit_set(answer, "\r\n", -1);
    bool is_its = false;

    for (char **row = rows; *row; row++) {
        g_autofree char *head = dup_network(*row);
        if (head)
            is_its = strcmp(head, network) == 0;
        if (!is_its || !strstr(*row, MARK))
            continue;
        GuestForward *forward = forwards->len < MAX_FORWARDS ? read_forward(*row) : NULL;
        if (!forward)
            return NULL;
        g_ptr_array_add(forwards, forward);
    }
    return g_steal_pointer(&forwards);
}

/* ---- Settings ---- */

/* What hostfwd= says, as numbers. */
typedef struct {
    bool is_udp;
    struct in_addr host, guest; /* 0.0.0.0: of the host all of them, of the guest the one that DHCP gives first */
    guint host_port, guest_port;
} Setting;

static bool
read_address(const char *text, struct in_addr *ret_address)
{
    return !*text || inet_aton(text, ret_address) != 0;
}

/* Also in octal and hexadecimal, as there. */
static bool
read_port(const char *text, guint *ret_port)
{
    char *end = NULL;
    guint64 port = g_ascii_strtoull(text, &end, 0);

    *ret_port = (guint)MIN(port, G_MAXUINT);
    return g_ascii_isdigit(*text) && *end == '\0' && port <= G_MAXUINT16;
}

/* "tcp:127.0.0.1:2222-:22", "::2222-10.0.2.15:22" (net/slirp.c:slirp_hostfwd()). FALSE: it has another form. */
static bool
setting_read(Setting *setting, const char *text)
{
    g_auto(GStrv) parts = g_strsplit_set(text, ":-", -1);

    *setting = (Setting){0};
    if (g_strv_length(parts) != 5 || !g_pattern_match_simple("*:*:*-*:*", text))
        return false;
    setting->is_udp = strcmp(parts[0], "udp") == 0;
    return (setting->is_udp || !*parts[0] || strcmp(parts[0], "tcp") == 0) && read_address(parts[1], &setting->host) &&
           read_port(parts[2], &setting->host_port) && read_address(parts[3], &setting->guest) &&
           read_port(parts[4], &setting->guest_port);
}

/* FIRST_GUEST: the address that DHCP gives first. NULL: by default it ends in 15, for any mask of at most 28 bits. */
static bool
is_guest(struct in_addr defined, struct in_addr now, const char *first_guest)
{
    struct in_addr first = {0};

    if (defined.s_addr != INADDR_ANY)
        return defined.s_addr == now.s_addr;
    if (now.s_addr == INADDR_ANY || !first_guest)
        return now.s_addr == INADDR_ANY || (ntohl(now.s_addr) & 0xff) == 15;
    return inet_aton(first_guest, &first) && first.s_addr == now.s_addr;
}

bool
guest_explain_forwards_is_same(const char *defined, const char *now, const char *first_guest)
{
    Setting one, other;

    return setting_read(&one, defined) && setting_read(&other, now) && one.is_udp == other.is_udp &&
           one.host.s_addr == other.host.s_addr && one.host_port == other.host_port && one.guest_port == other.guest_port &&
           is_guest(one.guest, other.guest, first_guest);
}

void
guest_explain_forwards_compare(const GPtrArray *defined, const GPtrArray *now, const char *first_guest, GPtrArray *added,
                               GPtrArray *removed)
{
    for (guint i = 0; i < now->len; i++)
        g_ptr_array_add(added, now->pdata[i]);
    for (guint i = 0; i < defined->len; i++) {
        guint j = 0;
        while (j < added->len && !guest_explain_forwards_is_same(defined->pdata[i], added->pdata[j], first_guest))
            j++;
        if (j < added->len)
            g_ptr_array_remove_index(added, j);
        else
            g_ptr_array_add(removed, defined->pdata[i]);
    }
}

/* ---- The definition ---- */

static void
take_forward(const char *key, const char *value, gpointer forwards)
{
    /* A list has the key once for each; JSON has "hostfwd.0.str". */
    if (g_str_has_prefix(key, "hostfwd"))
        g_ptr_array_add(forwards, g_strdup(value));
}

GPtrArray *
guest_explain_forwards_defined(const QemuKeyval *settings)
{
    GPtrArray *forwards = g_ptr_array_new_with_free_func(g_free);

    qemu_keyval_foreach(settings, take_forward, forwards);
    return forwards;
}
