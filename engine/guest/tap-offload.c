/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/tap-offload.h"

#include <glib.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FEATURES 256 /* the kernel of 2025 has 65 */
#define BLOCK_BITS 32

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* What drivers/net/tun.c:set_offload() makes of the flags. */
static const struct {
    const char *feature;
    unsigned flags;
} offloads[] = {
    {"tx-checksum-ip-generic", TUN_F_CSUM},
    {"tx-tcp-segmentation", TUN_F_TSO4},
    {"tx-tcp6-segmentation", TUN_F_TSO6},
    {"tx-tcp-ecn-segmentation", TUN_F_TSO_ECN},
    {"tx-udp-segmentation", TUN_F_USO4 | TUN_F_USO6},
};

static struct ifreq
request_for(const char *interface)
{
    struct ifreq request = {0};

    g_strlcpy(request.ifr_name, interface, sizeof(request.ifr_name));
    return request;
}

static bool
ask(int socket_fd, const char *interface, void *question)
{
    struct ifreq request = request_for(interface);

    request.ifr_data = question;
    return ioctl(socket_fd, SIOCETHTOOL, &request) == 0;
}

/* Both sides of a TAP have one hardware address. */
static bool
is_same_device(int tap_fd, int socket_fd, const char *interface)
{
    struct ifreq by_name = request_for(interface), by_fd = {0};

    return ioctl(socket_fd, SIOCGIFHWADDR, &by_name) == 0 && ioctl(tap_fd, SIOCGIFHWADDR, &by_fd) == 0 &&
           memcmp(by_name.ifr_hwaddr.sa_data, by_fd.ifr_hwaddr.sa_data, ETH_ALEN) == 0;
}

static guint
count_features(int socket_fd, const char *interface)
{
    union {
        struct ethtool_sset_info info;
        char room[sizeof(struct ethtool_sset_info) + sizeof(__u32)];
    } question = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES}};
    __u32 count = 0;

    if (!ask(socket_fd, interface, &question) || question.info.sset_mask == 0)
        return 0;
    memcpy(&count, question.room + sizeof(struct ethtool_sset_info), sizeof(count));
    return MIN(count, MAX_FEATURES);
}

static bool
is_active(const struct ethtool_gfeatures *features, guint index)
{
    return features->features[index / BLOCK_BITS].active & (1U << (index % BLOCK_BITS));
}

static unsigned
flags_for(const struct ethtool_gstrings *names, const struct ethtool_gfeatures *features)
{
    unsigned flags = 0;

    for (guint i = 0; i < names->len; i++) {
        const char *name = (const char *)names->data + i * ETH_GSTRING_LEN;
        for (size_t j = 0; j < G_N_ELEMENTS(offloads); j++)
            if (strncmp(name, offloads[j].feature, ETH_GSTRING_LEN) == 0 && is_active(features, i))
                flags |= offloads[j].flags;
    }
    return flags;
}

static bool
read_features(int socket_fd, const char *interface, unsigned *ret_offload)
{
    guint count = count_features(socket_fd, interface);
    guint n_blocks = (count + BLOCK_BITS - 1) / BLOCK_BITS;
    g_autofree struct ethtool_gstrings *names = g_malloc0(sizeof(*names) + count * ETH_GSTRING_LEN);
    g_autofree struct ethtool_gfeatures *features =
        g_malloc0(sizeof(*features) + n_blocks * sizeof(struct ethtool_get_features_block));

    *names = (struct ethtool_gstrings){.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES, .len = count};
    *features = (struct ethtool_gfeatures){.cmd = ETHTOOL_GFEATURES, .size = n_blocks};
    if (count == 0 || !ask(socket_fd, interface, names) || !ask(socket_fd, interface, features) ||
        names->len > count)
        return false;
    *ret_offload = flags_for(names, features);
    return true;
}

bool
guest_tap_offload_read(int fd, const char *interface, unsigned *ret_offload)
{
    int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* any family answers for interfaces */
    bool known;

    if (socket_fd < 0)
        return false;
    known = is_same_device(fd, socket_fd, interface) && read_features(socket_fd, interface, ret_offload);
    close(socket_fd);
    return known;
}
