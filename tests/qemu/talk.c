/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"
#include "talk.h"

typedef union {
    struct sockaddr any;
    struct sockaddr_un unix_;
    struct sockaddr_in inet;
    struct sockaddr_in6 inet6;
} Address;

static Address
unix_address(const char *path)
{
    Address address = {.unix_ = {.sun_family = AF_UNIX}};

    assert_true(g_strlcpy(address.unix_.sun_path, path, sizeof(address.unix_.sun_path)) <
                sizeof(address.unix_.sun_path));
    return address;
}

static Address
loopback(int family, guint16 port)
{
    if (family == AF_INET6)
        return (Address){
            .inet6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback}};
    return (Address){
        .inet = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
}

static int
open_socket(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

int
talk_connect_unix(const char *path)
{
    Address address = unix_address(path);
    int fd = open_socket(AF_UNIX, SOCK_STREAM);

    if (connect(fd, &address.any, sizeof(address.unix_)) < 0)
        fail_msg("%s: %s", path, g_strerror(errno));
    return fd;
}

static int
try_connect_tcp(int family, guint16 port)
{
    Address address = loopback(family, port);
    int fd = open_socket(family, SOCK_STREAM);

    if (connect(fd, &address.any, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

int
talk_connect_tcp(int family, guint16 port)
{
    int fd = try_connect_tcp(family, port);

    if (fd < 0)
        fail_msg("port %u: %s", port, g_strerror(errno));
    return fd;
}

bool
talk_can_connect_tcp(int family, guint16 port)
{
    int fd = try_connect_tcp(family, port);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

int
talk_listen_unix(const char *path)
{
    Address address = unix_address(path);
    int fd = open_socket(AF_UNIX, SOCK_STREAM);

    assert_int_equal(bind(fd, &address.any, sizeof(address.unix_)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

int
talk_listen_tcp(guint16 *ret_port)
{
    Address address = loopback(AF_INET, 0);
    socklen_t size = sizeof(address.inet);
    int fd = open_socket(AF_INET, SOCK_STREAM);

    assert_int_equal(bind(fd, &address.any, size), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, &address.any, &size), 0);
    *ret_port = ntohs(address.inet.sin_port);
    return fd;
}

static void
await(int fd, const char *what)
{
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);

    if (qmp_wait_poll(&wait, fd, POLLIN) != QMP_WAIT_READY)
        fail_msg("“%s” does not come", what);
}

int
talk_accept(int listener)
{
    int fd;

    await(listener, "connection");
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

guint16
talk_free_port(int type)
{
    Address address = loopback(AF_INET, 0);
    socklen_t size = sizeof(address.inet);
    int fd = open_socket(AF_INET, type);

    assert_int_equal(bind(fd, &address.any, size), 0);
    assert_int_equal(getsockname(fd, &address.any, &size), 0);
    close(fd);
    return ntohs(address.inet.sin_port);
}

void
talk_say(int fd, const char *text)
{
    ssize_t size = send(fd, text, strlen(text), MSG_NOSIGNAL);

    if (size < 0 && errno == ENOTSOCK) /* a terminal */
        size = write(fd, text, strlen(text));
    assert_int_equal(size, strlen(text));
}

void
talk_await(int fd, const char *text)
{
    g_autoptr(GString) heard = g_string_new(NULL);

    while (!strstr(heard->str, text)) {
        char buffer[4096];
        ssize_t size;

        await(fd, text);
        size = read(fd, buffer, sizeof(buffer));
        if (size <= 0)
            fail_msg("the other end has closed before “%s”: “%s”", text, heard->str);
        for (ssize_t i = 0; i < size; i++)
            if (buffer[i]) /* telnet and consoles send zeros */
                g_string_append_c(heard, buffer[i]);
    }
}

void
talk_expect_echo(int fd, const char *text)
{
    talk_say(fd, text);
    talk_await(fd, text);
}

void
talk_await_end(int fd)
{
    char buffer[4096];
    ssize_t size;

    do {
        await(fd, "end");
        size = recv(fd, buffer, sizeof(buffer), 0);
    } while (size > 0);
    assert_true(size == 0 || errno == ECONNRESET);
}
