/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manager finds the unit by the sender's control group when it reads the message, not when it is sent: the sender must
 * live until then. BARRIER=1 (systemd 246; older ones close a descriptor that they do not know, too) tells it when.
 */
#include "unit/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "process/cgroup.h"
#include "process/launcher-run.h"
#include "unit/manager.h"
#include "unit/place.h"

#define BARRIER_TIMEOUT_MS 10000

/* ---- The engine's side ---- */

bool
unit_tell_main_pid(Launcher *launcher, uid_t manager, pid_t beside, pid_t pid, gint64 timeout_ms, GError **error)
{
    g_autofree char *option = g_strdup_printf("--" UNIT_TELL_OPTION "=%d", pid);
    g_autofree char *path = unit_place_dup_notify_path(manager);
    g_autofree char *variable = g_strconcat("NOTIFY_SOCKET=", path, NULL);
    g_auto(GStrv) dirs = process_cgroup_dup_dirs(beside, error);
    const char *argv[] = {"moultd", option, NULL}, *envp[] = {variable, NULL};
    const LauncherRequest request = {
        .argv = argv,
        .envp = envp,
        .stdin_fd = -1,
        .stdout_fd = -1,
        .log_fd = -1,
        .attributes = {.cgroup_dirs = (const char *const *)dirs},
    };

    return dirs && launcher_run_self(launcher, request, "the service manager could not be told", timeout_ms, error);
}

/* ---- In the unit ---- */

static bool
fill_address(struct sockaddr_un *address, socklen_t *ret_size)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path ? strlen(path) : 0;

    if (length < 2 || length >= sizeof address->sun_path || (path[0] != '/' && path[0] != '@'))
        return false;
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    *ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/'));
    if (path[0] == '@')
        address->sun_path[0] = '\0';
    return true;
}

/* FD (or -1) goes along. */
static bool
say(int socket_fd, const struct sockaddr_un *address, socklen_t size, char *text, int fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_name = (void *)address, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
    }
    return sendmsg(socket_fd, &message, MSG_NOSIGNAL) >= 0;
}

static bool
await_heard(int socket_fd, const struct sockaddr_un *address, socklen_t size)
{
    char barrier[] = "BARRIER=1";
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return false;
    bool sent = say(socket_fd, address, size, barrier, fds[1]);
    close(fds[1]);
    struct pollfd heard = {.fd = fds[0]};
    bool done = sent && poll(&heard, 1, BARRIER_TIMEOUT_MS) > 0;
    close(fds[0]);
    return done;
}

int
unit_tell_run(pid_t pid)
{
    int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_autofree char *text = g_strdup_printf("MAINPID=%d", pid);
    struct sockaddr_un address = {0};
    socklen_t size = 0;

    bool done = socket_fd >= 0 && fill_address(&address, &size) && say(socket_fd, &address, size, text, -1) &&
                await_heard(socket_fd, &address, size);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
