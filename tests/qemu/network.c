/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "network.h"

void
network_enter(void)
{
    harness_need_root();
    /* The file system of the new namespace's devices is mounted where only we see it. */
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
        fail_msg("a network namespace: %s", g_strerror(errno));
    assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_int_equal(mount("sysfs", "/sys", "sysfs", 0, NULL), 0);
}

static struct ifreq
request_for(const char *name)
{
    struct ifreq request = {0};

    assert_true(g_strlcpy(request.ifr_name, name, IFNAMSIZ) < IFNAMSIZ);
    return request;
}

static void
change(unsigned long what, struct ifreq *request)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (ioctl(fd, what, request) < 0)
        fail_msg("device %s: %s", request->ifr_name, g_strerror(errno));
    close(fd);
}

int
network_open_tap(const char *name, int flags)
{
    struct ifreq request = request_for(name);
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
        fail_msg("TAP %s: %s", name, g_strerror(errno));
    return fd;
}

void
network_make_tap(const char *name, int flags)
{
    int fd = network_open_tap(name, flags);

    assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
    close(fd);
}

void
network_make_bridge(const char *name)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (ioctl(fd, SIOCBRADDBR, name) < 0)
        fail_msg("bridge %s: %s", name, g_strerror(errno));
    close(fd);
}

void
network_bring_up(const char *name)
{
    struct ifreq request = request_for(name);

    request.ifr_flags = IFF_UP | IFF_RUNNING;
    change(SIOCSIFFLAGS, &request);
}

static void
set_inet(unsigned long what, const char *name, const char *address)
{
    struct ifreq request = request_for(name);
    struct sockaddr_in *inet = (struct sockaddr_in *)(void *)&request.ifr_addr;

    inet->sin_family = AF_INET;
    assert_int_equal(inet_pton(AF_INET, address, &inet->sin_addr), 1);
    change(what, &request);
}

void
network_set_address(const char *name, const char *address)
{
    set_inet(SIOCSIFADDR, name, address);
    set_inet(SIOCSIFNETMASK, name, "255.255.255.0");
}

unsigned
network_get_index(const char *name)
{
    return if_nametoindex(name);
}

unsigned
network_count_queues(const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/class/net/%s/queues", name);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned count = 0;

    assert_non_null(dir);
    for (const char *queue; (queue = g_dir_read_name(dir));)
        count += g_str_has_prefix(queue, "rx-");
    return count;
}

bool
network_is_bridged(const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/class/net/%s/brport", name);

    return g_file_test(path, G_FILE_TEST_IS_DIR);
}

int
network_connect_to_guest(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(inet_pton(AF_INET, NETWORK_GUEST, &to.sin_addr), 1);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        fail_msg("the guest: %s", g_strerror(errno));
    return fd;
}
