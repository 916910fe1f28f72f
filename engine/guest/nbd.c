/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which servers there are QEMU tells in the names of its nodes: "nbd+unix:///export?socket=/run/disk.sock", "nbd://host:10809/export"
 * (block/nbd.c:nbd_refresh_filename()). The engine itself has no sockets but UNIX's (process/confinement-filter.c).
 */
#include "guest/nbd.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/nodes.h"
#include "guest/root.h"
#include "qemu/finding.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/socket.h"
#include "qmp/text.h"

#define GREETING "NBDMAGIC" /* the first 8 bytes of every server (doc/proto.md of the NBD project) */
#define GREETING_MS 2000    /* a server on a busy host has greeted by then; one that takes no more never does */
#define MAX_SERVERS 256

typedef struct {
    char *file; /* as QEMU names it */
    int fd;     /* a connection to it; -1: none was tried, or had */
} Server;

static void
server_free(Server *server)
{
    if (server->fd >= 0)
        close(server->fd);
    g_free(server->file);
    g_free(server);
}

/* The path of its socket as the engine reaches it, in the QEMU's folder or from its root; NULL: not a UNIX socket. Owned. */
static char *
dup_path(const char *file, const GuestInstance *source)
{
    static const char mark[] = "?socket=";
    const char *path = g_str_has_prefix(file, "nbd+unix:") ? strstr(file, mark) : NULL;

    if (!path)
        return NULL;
    path += strlen(mark);
    return *path == '/' ? guest_root_dup_path(source, path) : g_strdup_printf("/proc/%d/cwd/%s", source->process.pid, path);
}

/* One for each node. All connect before one is listened to: a server is asked for as many as there will be. */
static GPtrArray *
connect_to_all(const GuestInstance *source, json_object *nodes)
{
    GPtrArray *servers = g_ptr_array_new_with_free_func((GDestroyNotify)server_free);

    for (size_t i = 0; i < json_object_array_length(nodes) && servers->len < MAX_SERVERS; i++) {
        json_object *node = json_object_array_get_idx(nodes, i);
        const char *file = qmp_json_get_string(node, "file");
        if (g_strcmp0(qmp_json_get_string(node, "drv"), "nbd") != 0 || !file)
            continue;
        g_autofree char *path = dup_path(file, source);
        Server *server = g_new0(Server, 1);
        server->file = g_strdup(file);
        server->fd = path ? qmp_socket_connect(path, NULL) : -1;
        g_ptr_array_add(servers, server);
    }
    return servers;
}

static bool
greets(const Server *server, const QmpWait *wait)
{
    char greeting[sizeof(GREETING) - 1];

    return qmp_wait_poll(wait, server->fd, POLLIN) == QMP_WAIT_READY &&
           recv(server->fd, greeting, sizeof(greeting), MSG_DONTWAIT) == (ssize_t)sizeof(greeting) &&
           memcmp(greeting, GREETING, sizeof(greeting)) == 0;
}

static void
report(const Server *server, const QmpWait *wait, GPtrArray *findings)
{
    g_autofree char *quoted = qmp_text_quote(server->file, 256);

    if (server->fd < 0)
        qemu_findings_add(findings, QEMU_FINDING_WARN, "disk-nbd", "have it take two for each disk: qemu-nbd --shared=2",
                          "the server of %s must take another client beside the running QEMU; it could not be asked", quoted);
    else if (greets(server, wait))
        qemu_findings_add(findings, QEMU_FINDING_OK, "disk-nbd", NULL, "the server of %s takes another client", quoted);
    else
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "disk-nbd", "have it take two for each disk: qemu-nbd --shared=2",
                          "the server of %s takes no other client beside the running QEMU", quoted);
}

void
guest_nbd_look(const GuestInstance *source, const QmpWait *wait, GPtrArray *findings)
{
    g_autoptr(json_object) nodes = guest_nodes_query(source, wait);

    if (!nodes)
        return;
    g_autoptr(GPtrArray) servers = connect_to_all(source, nodes);
    QmpWait limit = qmp_wait_within(wait, GREETING_MS);
    for (guint i = 0; i < servers->len; i++)
        report(g_ptr_array_index(servers, i), &limit, findings);
}
