/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "harness.h"
#include "network.h"

#define FLOWS 64 /* none of which goes to one of two, three or four queues: one in a million */

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
network_set_attached(int queue, bool is_attached)
{
    struct ifreq request = {.ifr_flags = is_attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

    if (ioctl(queue, TUNSETQUEUE, &request) < 0)
        g_error("TUNSETQUEUE: %s", g_strerror(errno)); /* of any thread */
}

/* To the discard port. */
static void
send_flows(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};

    assert_int_equal(inet_pton(AF_INET, NETWORK_GUEST, &to.sin_addr), 1);
    for (unsigned i = 0; i < FLOWS; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* each has a port of its own */
        assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
        close(fd);
    }
}

bool
network_is_spread(const char *name)
{
    int queue = network_open_tap(name, IFF_MULTI_QUEUE | IFF_VNET_HDR);
    struct pollfd polled = {.fd = queue, .events = POLLIN};

    send_flows();
    bool has_some = poll(&polled, 1, 0) > 0; /* they are there: sendto(2) has put them there */
    close(queue);
    return has_some;
}

void
network_make_bridge(const char *name)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (ioctl(fd, SIOCBRADDBR, name) < 0)
        fail_msg("bridge %s: %s", name, g_strerror(errno));
    close(fd);
}

/* ---- Links that only netlink makes (rtnetlink(7)) ---- */

typedef struct {
    struct nlmsghdr head;
    struct ifinfomsg info;
    char attributes[256];
} LinkRequest;

/* Owned by REQUEST; what is added until its length is settled belongs to it. */
static struct rtattr *
add_attribute(LinkRequest *request, unsigned short type, const void *data, size_t size)
{
    struct rtattr *attribute = (struct rtattr *)(void *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

    assert_true(NLMSG_ALIGN(request->head.nlmsg_len) + RTA_SPACE(size) <= sizeof(*request));
    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    if (size > 0)
        memcpy(RTA_DATA(attribute), data, size);
    request->head.nlmsg_len = (guint32)(NLMSG_ALIGN(request->head.nlmsg_len) + RTA_SPACE(size));
    return attribute;
}

static void
make_link(const char *kind, const char *name, unsigned lower)
{
    LinkRequest request = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                                    .nlmsg_type = RTM_NEWLINK,
                                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK},
                           .info = {.ifi_family = AF_UNSPEC}};
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char rest[512];
    } answer = {0};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    add_attribute(&request, IFLA_IFNAME, name, strlen(name) + 1);
    if (lower)
        add_attribute(&request, IFLA_LINK, &lower, sizeof(lower));
    struct rtattr *info = add_attribute(&request, IFLA_LINKINFO, NULL, 0);
    add_attribute(&request, IFLA_INFO_KIND, kind, strlen(kind) + 1);
    info->rta_len = (unsigned short)((char *)&request + request.head.nlmsg_len - (char *)info);
    assert_int_equal(send(fd, &request, request.head.nlmsg_len, 0), request.head.nlmsg_len);
    assert_true(recv(fd, &answer, sizeof(answer), 0) >= (ssize_t)NLMSG_LENGTH(sizeof(answer.error)));
    if (answer.error.error != 0)
        fail_msg("%s %s: %s", kind, name, g_strerror(-answer.error.error));
    close(fd);
}

void
network_make_veth(const char *name)
{
    make_link("veth", name, 0);
}

static char *
read_link(const char *name, const char *file)
{
    g_autofree char *path = g_build_filename("/sys/class/net", name, file, NULL);
    char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return g_strstrip(text);
}

int
network_open_macvtap(const char *name, const char *lower, const char *folder, char *ret_address)
{
    unsigned major = 0, minor = 0;

    make_link("macvtap", name, network_get_index(lower));
    g_autofree char *file = g_strdup_printf("tap%u/dev", network_get_index(name)), *number = read_link(name, file);
    g_autofree char *address = read_link(name, "address"), *path = g_build_filename(folder, "macvtap", NULL);
    g_strlcpy(ret_address, address, 18);
    assert_int_equal(sscanf(number, "%u:%u", &major, &minor), 2);
    assert_int_equal(mknod(path, S_IFCHR | 0600, makedev(major, minor)), 0);
    return network_open_queue_of_macvtap(folder);
}

int
network_open_queue_of_macvtap(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "macvtap", NULL);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        fail_msg("%s: %s", path, g_strerror(errno));
    return fd;
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

void
network_keep_neighbour(const char *name)
{
    struct arpreq request = {.arp_flags = ATF_COM};
    struct sockaddr_in *address = (struct sockaddr_in *)(void *)&request.arp_pa;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    address->sin_family = AF_INET;
    assert_int_equal(inet_pton(AF_INET, NETWORK_GUEST, &address->sin_addr), 1);
    assert_true(g_strlcpy(request.arp_dev, name, sizeof(request.arp_dev)) < sizeof(request.arp_dev));
    assert_int_equal(ioctl(fd, SIOCGARP, &request), 0);
    request.arp_flags = ATF_COM | ATF_PERM;
    assert_int_equal(ioctl(fd, SIOCSARP, &request), 0);
    close(fd);
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
