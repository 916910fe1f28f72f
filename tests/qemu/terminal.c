/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "operator.h"
#include "terminal.h"

static const char prefix[] = "pty:";

void
terminal_have_own_numbers(void)
{
    if (geteuid() != 0)
        return;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("devpts", "/dev/pts", "devpts", 0, "newinstance,mode=620,ptmxmode=666") < 0)
        g_error("no devpts of its own: %s", g_strerror(errno));
}

char *
terminal_dup_name(HarnessGuest *guest, const char *label)
{
    g_autofree char *text = operator_hear(guest, "query-chardev", NULL);
    g_autoptr(json_object) list = json_tokener_parse(text);

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *chardev = json_object_array_get_idx(list, i);
        const char *filename = qmp_json_get_string(chardev, "filename");
        if (g_strcmp0(qmp_json_get_string(chardev, "label"), label) == 0)
            return g_strdup(g_str_has_prefix(filename, prefix) ? filename + strlen(prefix) : "");
    }
    fail_msg("no chardev %s: %s", label, text);
    return NULL;
}

int
terminal_open(const char *name)
{
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        fail_msg("%s: %s", name, g_strerror(errno));
    return fd;
}

void
terminal_await_end(int fd)
{
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    struct pollfd polled = {.fd = fd};

    while (poll(&polled, 1, 100) <= 0 || !(polled.revents & POLLHUP))
        if (g_get_monotonic_time() > wait.deadline_us)
            fail_msg("the client is not hung up");
}

int *
terminal_fill_below(const char *name)
{
    unsigned wanted = (unsigned)atoi(name + strlen("/dev/pts/")), number = 0;
    g_autoptr(GArray) fds = g_array_new(TRUE, FALSE, sizeof(int));
    int end = -1;

    do {
        int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(fd >= 0 && ioctl(fd, TIOCGPTN, &number) == 0);
        g_array_append_val(fds, fd);
    } while (number < wanted);
    g_array_append_val(fds, end);
    return (int *)(void *)g_array_free(g_steal_pointer(&fds), FALSE);
}

void
terminal_close_all(int *fds)
{
    for (int *fd = fds; *fd >= 0; fd++)
        close(*fd);
    g_free(fds);
}
