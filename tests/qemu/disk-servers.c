/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "carry.h"
#include "disk-servers.h"
#include "files.h"
#include "talk.h"

#define LOOK_US 10000
#define SSH_USER "nobody"
#define SSH_UID 65534

/* ---- What they have in common ---- */

void
disk_server_free(DiskServer *server)
{
    if (!server)
        return;
    program_free(server->program);
    program_free(server->helper);
    g_free(server->image);
    g_free(server->drive);
    g_free(server);
}

static char *
find_server(const char *name, const char *script)
{
    char *path = files_find_cached(name);
    g_autofree char *why = g_strdup_printf("there is no %s; contrib/fetch/%s gets one", name, script);

    harness_need_root();
    if (!path)
        harness_skip(why);
    return path;
}

static Program *
start(const char *const *argv, const char *const *environment)
{
    g_autoptr(GError) error = NULL;
    Program *program = program_start(argv, environment, -1, &error);

    if (!program)
        fail_msg("%s: %s", argv[0], error->message);
    return program;
}

static bool
succeeds(const char *const *argv, const char *const *environment)
{
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (!g_spawn_sync(NULL, (char **)argv, (char **)environment,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL, &status,
                      &error))
        fail_msg("%s: %s", argv[0], error->message);
    return status == 0;
}

/* Until PROGRAM is so far. */
static void
try_until(bool (*is_so)(gconstpointer), gconstpointer data, const Program *program)
{
    gint64 deadline_us = g_get_monotonic_time() + HARNESS_STEP_MS * G_TIME_SPAN_MILLISECOND;

    while (!is_so(data)) {
        if (!program_is_running(program) || g_get_monotonic_time() > deadline_us) {
            g_autofree char *messages = program_dup_messages(program);
            fail_msg("a server does not get ready: %s", messages);
        }
        g_usleep(LOOK_US);
    }
}

/* ---- iSCSI ---- */

#define ISCSI_NAME "iqn.2000-01.example:disk"

/* Where tgtd is told what to do. */
static char **
make_iscsi_environment(const HarnessEngine *engine)
{
    g_autofree char *socket = g_build_filename(engine->folder, "tgtd.sock", NULL);

    return g_environ_setenv(g_get_environ(), "TGT_IPC_SOCKET", socket, TRUE);
}

typedef struct {
    char **argv, **environment;
} IscsiOrder;

static bool
is_obeyed(gconstpointer data)
{
    const IscsiOrder *order = data;

    return succeeds((const char *const *)order->argv, (const char *const *)order->environment);
}

/* It may not listen to that yet. */
static void
tell_iscsi_server(const DiskServer *server, char **environment, const char *teller, const char *order)
{
    g_autofree char *line = g_strconcat(teller, " --lld iscsi --tid 1 ", order, NULL);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);

    try_until(is_obeyed, &(IscsiOrder){argv, environment}, server->program);
}

DiskServer *
disk_server_start_iscsi(const HarnessEngine *engine)
{
    g_autofree char *tgtd = find_server("tgtd", "tgt"), *tgtadm = find_server("tgtadm", "tgt");
    g_auto(GStrv) environment = make_iscsi_environment(engine);
    DiskServer *server = g_new0(DiskServer, 1);
    unsigned port = talk_free_port(SOCK_STREAM);
    g_autofree char *portal = g_strdup_printf("portal=127.0.0.1:%u", port);
    const char *const argv[] = {tgtd, "-f", "--iscsi", portal, NULL};

    server->image = carry_make_raw(engine, "iscsi.raw");
    server->drive = g_strdup_printf("file=iscsi://127.0.0.1:%u/" ISCSI_NAME "/1", port);
    server->program = start(argv, (const char *const *)environment);
    g_autofree char *unit = g_strconcat("--mode logicalunit --op new --lun 1 -b ", server->image, NULL);
    tell_iscsi_server(server, environment, tgtadm, "--mode target --op new -T " ISCSI_NAME);
    tell_iscsi_server(server, environment, tgtadm, unit);
    tell_iscsi_server(server, environment, tgtadm, "--mode target --op bind -I ALL");
    return server;
}

/* ---- SSH ---- */

static void
make_key(const char *path)
{
    const char *const argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, NULL};

    if (!succeeds(argv, NULL))
        fail_msg("no key in %s", path);
}

/* QEMU's "host-key-check.hash": of the key as it is in the second column of its file. Owned. */
static char *
hash_key(const char *path)
{
    g_autofree char *public_path = g_strconcat(path, ".pub", NULL), *text = NULL;

    assert_true(g_file_get_contents(public_path, &text, NULL, NULL));
    g_auto(GStrv) columns = g_strsplit(text, " ", 3);
    gsize length = 0;
    g_autofree guchar *key = g_base64_decode(columns[1], &length);
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, key, length);
}

/* A change of user, and a program that is setgid, as ssh-agent is, forget whose end theirs is (PR_SET_PDEATHSIG): told behind it, and kept. */
#define END_WITH_US "--pdeathsig", "KILL"

/* As a user who is not root: root's would want a user for the part of it that has no privileges, whom the package makes. */
static Program *
start_sshd(const HarnessEngine *engine, const char *key, unsigned port)
{
    g_autofree char *sshd = find_server("sshd", "sshd"), *configuration = g_build_filename(engine->folder, "sshd.conf", NULL);
    g_autofree char *text = g_strdup_printf("ListenAddress 127.0.0.1:%u\nHostKey %s\nAuthorizedKeysFile %s/user.pub\nPidFile none\n"
                                            "UsePAM yes\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
                                            "Subsystem sftp internal-sftp\n",
                                            port, key, engine->folder);
    g_autofree char *setpriv = g_find_program_in_path("setpriv");
    const char *const argv[] = {setpriv, "--reuid", SSH_USER, "--regid", "nogroup", "--clear-groups", END_WITH_US, sshd,
                                "-D",    "-e",      "-f",     configuration, NULL};

    assert_true(g_file_set_contents_full(configuration, text, -1, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
    assert_int_equal(chown(key, SSH_UID, SSH_UID), 0);
    return start(argv, NULL);
}

static bool
is_listening(gconstpointer port)
{
    return talk_can_connect_tcp(AF_INET, (guint16)GPOINTER_TO_UINT(port));
}

static bool
is_listening_unix(gconstpointer path)
{
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static Program *
start_agent(const HarnessEngine *engine, const char *key)
{
    g_autofree char *socket = g_build_filename(engine->folder, "agent.sock", NULL), *agent = g_find_program_in_path("ssh-agent");
    g_autofree char *setpriv = g_find_program_in_path("setpriv");
    const char *const argv[] = {setpriv, "--no-new-privs", END_WITH_US, agent, "-D", "-a", socket, NULL};
    const char *const add[] = {"ssh-add", "-q", key, NULL};

    if (!agent)
        harness_skip("there is no ssh-agent: openssh-client is not installed");
    Program *program = start(argv, NULL);
    try_until(is_listening_unix, socket, program);
    g_setenv("SSH_AUTH_SOCK", socket, TRUE);
    if (!succeeds(add, NULL))
        fail_msg("the agent does not take the key");
    return program;
}

DiskServer *
disk_server_start_ssh(const HarnessEngine *engine)
{
    g_autofree char *host_key = g_build_filename(engine->folder, "host", NULL), *user_key = g_build_filename(engine->folder, "user", NULL);
    DiskServer *server = g_new0(DiskServer, 1);

    make_key(host_key);
    make_key(user_key);
    g_autofree char *hash = hash_key(host_key);
    server->port = talk_free_port(SOCK_STREAM);
    server->image = carry_make_raw(engine, "ssh.raw");
    assert_int_equal(chown(server->image, SSH_UID, SSH_UID), 0);
    server->drive = g_strdup_printf("file.driver=ssh,file.host=127.0.0.1,file.port=%u,file.user=" SSH_USER ",file.path=%s,"
                                    "file.host-key-check.mode=hash,file.host-key-check.type=sha256,file.host-key-check.hash=%s",
                                    server->port, server->image, hash);
    server->program = start_sshd(engine, host_key, server->port);
    try_until(is_listening, GUINT_TO_POINTER((guint)server->port), server->program);
    server->helper = start_agent(engine, user_key);
    return server;
}

void
disk_server_change_key(DiskServer *server, const HarnessEngine *engine)
{
    g_autofree char *key = g_build_filename(engine->folder, "other-host", NULL);

    make_key(key);
    program_free(server->program);
    server->program = start_sshd(engine, key, server->port);
    try_until(is_listening, GUINT_TO_POINTER((guint)server->port), server->program);
}

/* ---- NFS ---- */

DiskServer *
disk_server_start_nfs(const HarnessEngine *engine)
{
    g_autofree char *nfs = find_server("nfs", "nfs"), *unshare = g_find_program_in_path("unshare");
    g_autofree char *folder = g_build_filename(engine->folder, "export", NULL), *ready = g_build_filename(engine->folder, "ready", NULL);
    const char *const argv[] = {unshare, "--mount", "--pid", "--fork", "--kill-child", NFS_SERVER, nfs, engine->folder, NULL};
    DiskServer *server = g_new0(DiskServer, 1);

    assert_int_equal(mkdir(folder, 0755), 0);
    server->image = carry_make_raw(engine, "export/nfs.raw");
    server->drive = g_strdup_printf("file=nfs://127.0.0.1%s", server->image);
    server->program = start(argv, NULL);
    try_until(is_listening_unix, ready, server->program);
    return server;
}
