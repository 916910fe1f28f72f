/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The payload of a launch request: written by the engine, checked by the launcher, which has rights that the
 * engine no longer has and so believes nothing about offsets and counts.
 */
#include "process/launcher-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "process/failure.h"
#include "process/fd.h"

/* --- writing --- */

static uint64_t
append(GByteArray *bytes, const void *data, size_t size)
{
    static const uint8_t padding[8];
    uint64_t offset = bytes->len;

    g_byte_array_append(bytes, data, (guint)size);
    g_byte_array_append(bytes, padding,
                        (guint)(-size & 7)); /* what comes next may be an array of uint64_t or gid_t */
    return offset;
}

static uint64_t
append_string(GByteArray *bytes, const char *string)
{
    return string ? append(bytes, string, strlen(string) + 1) : 0;
}

static uint64_t
append_list(GByteArray *bytes, const char *const *strings, uint32_t *ret_n)
{
    guint n_strings = strings ? g_strv_length((char **)strings) : 0;
    g_autofree uint64_t *offsets = g_new0(uint64_t, n_strings + 1);

    for (guint i = 0; i < n_strings; i++)
        offsets[i] = append_string(bytes, strings[i]);
    *ret_n = n_strings;
    return append(bytes, offsets, (n_strings + 1) * sizeof(*offsets));
}

static void
fill_attributes(LauncherPayload *payload, const LauncherAttributes *attributes)
{
    payload->set_ids = attributes->set_ids;
    payload->uid = attributes->uid;
    payload->gid = attributes->gid;
    payload->set_umask = attributes->set_umask;
    payload->umask = attributes->umask;
    payload->set_nice = attributes->set_nice;
    payload->nice = attributes->nice;
    payload->set_scheduling = attributes->set_scheduling;
    payload->scheduling = attributes->scheduling;
    payload->set_capabilities = attributes->set_capabilities;
    payload->bounding_capabilities = attributes->bounding_capabilities;
    payload->ambient_capabilities = attributes->ambient_capabilities;
    payload->no_new_privs = attributes->no_new_privs;
    payload->set_oom_score_adj = attributes->set_oom_score_adj;
    payload->oom_score_adj = attributes->oom_score_adj;
    payload->as_permitted = attributes->as_permitted;
    payload->die_with_engine = attributes->die_with_engine;
    payload->namespaces_of = attributes->namespaces_of;
    payload->has_affinity = attributes->affinity != NULL;
    if (attributes->affinity)
        payload->affinity = *attributes->affinity;
    payload->has_limits = attributes->limits != NULL;
    if (attributes->limits)
        memcpy(payload->limits, attributes->limits, sizeof(payload->limits));
}

static GByteArray *
serialise(const LauncherRequest *request)
{
    g_autofree LauncherPayload *payload = g_new0(LauncherPayload, 1);
    GByteArray *bytes = g_byte_array_new();

    append(bytes, payload, sizeof(*payload)); /* its place; filled in at the end */
    payload->n_fds = (uint32_t)request->n_fds;
    for (size_t i = 0; i < request->n_fds; i++)
        payload->fd_numbers[i] = request->fds[i].number;
    payload->binary = append_string(bytes, request->binary);
    payload->cwd = append_string(bytes, request->attributes.cwd);
    payload->exec_label = append_string(bytes, request->attributes.exec_label);
    payload->exec_profile = append_string(bytes, request->attributes.exec_profile);
    payload->argv = append_list(bytes, request->argv, &payload->n_argv);
    payload->has_envp = request->envp != NULL;
    payload->envp = append_list(bytes, request->envp, &payload->n_envp);
    payload->cgroup_dirs = append_list(bytes, request->attributes.cgroup_dirs, &payload->n_cgroup_dirs);
    payload->n_groups = (uint32_t)request->attributes.n_groups;
    payload->groups = append(bytes, request->attributes.groups, request->attributes.n_groups * sizeof(gid_t));
    append_string(bytes, ""); /* so that the last byte is 0 */
    fill_attributes(payload, &request->attributes);
    payload->size_bytes = bytes->len;
    memcpy(bytes->data, payload, sizeof(*payload));
    return bytes;
}

static bool
write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

int
launcher_payload_new(const LauncherRequest *request, GError **error)
{
    g_autoptr(GByteArray) bytes = NULL;
    process_autofd fd = -1;

    bytes = serialise(request);
    if (bytes->len > LAUNCHER_MAX_PAYLOAD_BYTES) {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED,
                    "arguments and environment have %u bytes, more than %u", bytes->len,
                    LAUNCHER_MAX_PAYLOAD_BYTES);
        return -1;
    }
    fd = memfd_create("moult-launch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    /* Sealed: the launcher could otherwise be sent a SIGBUS by truncation, or see content change after its
     * check. */
    if (fd < 0 || !write_all(fd, bytes->data, bytes->len) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
        process_set_error_errno(error, errno, "cannot write a launch request");
        return -1;
    }
    return process_fd_steal(&fd);
}

/* --- reading --- */

typedef struct {
    char *base;
    size_t size; /* base[size - 1] is known to be 0, so that every string in it ends */
} Mapping;

static bool
holds(const Mapping *mapping, uint64_t offset, uint64_t n_items, size_t item_size)
{
    return offset >= sizeof(LauncherPayload) && offset % 8 == 0 && offset <= mapping->size &&
           n_items <= (mapping->size - offset) / item_size;
}

static char *
open_string(const Mapping *mapping, uint64_t offset)
{
    return offset >= sizeof(LauncherPayload) && offset < mapping->size ? mapping->base + offset : NULL;
}

/* Turns the offsets of a list into pointers, in place; a pointer is as long as an offset or shorter. */
static char **
open_list(const Mapping *mapping, uint64_t offset, uint32_t n_strings)
{
    if (!holds(mapping, offset, (uint64_t)n_strings + 1, sizeof(uint64_t)))
        return NULL;

    char *at = mapping->base + offset;
    char **pointers = (char **)(void *)at;

    for (uint32_t i = 0; i < n_strings; i++) {
        uint64_t string_offset;

        memcpy(&string_offset, at + i * sizeof(string_offset), sizeof(string_offset));
        pointers[i] = open_string(mapping, string_offset);
        if (!pointers[i])
            return NULL;
    }
    pointers[n_strings] = NULL;
    return pointers;
}

static bool
fd_numbers_are_sane(const LauncherPayload *payload)
{
    if (payload->n_fds > LAUNCHER_MAX_FDS)
        return false;
    for (uint32_t i = 0; i < payload->n_fds; i++) {
        if (payload->fd_numbers[i] <= STDERR_FILENO)
            return false;
        for (uint32_t j = 0; j < i; j++)
            if (payload->fd_numbers[i] == payload->fd_numbers[j])
                return false;
    }
    return true;
}

bool
launcher_payload_open(void *base, size_t size, LauncherOrder *ret_order)
{
    Mapping mapping = {.base = base, .size = size};
    const LauncherPayload *payload = base;
    LauncherOrder order = {.payload = payload, .cwd = "/"};

    if (size <= sizeof(*payload) || payload->size_bytes != size || mapping.base[size - 1] != '\0')
        return false;
    if (!fd_numbers_are_sane(payload))
        return false;
    order.binary = open_string(&mapping, payload->binary);
    order.argv = open_list(&mapping, payload->argv, payload->n_argv);
    order.cgroup_dirs = open_list(&mapping, payload->cgroup_dirs, payload->n_cgroup_dirs);
    if (!order.binary || !order.argv || !order.cgroup_dirs)
        return false;
    if (payload->has_envp && !(order.envp = open_list(&mapping, payload->envp, payload->n_envp)))
        return false;
    if (payload->cwd && !(order.cwd = open_string(&mapping, payload->cwd)))
        return false;
    if (payload->exec_label && !(order.exec_label = open_string(&mapping, payload->exec_label)))
        return false;
    if (payload->exec_profile && !(order.exec_profile = open_string(&mapping, payload->exec_profile)))
        return false;
    if (!holds(&mapping, payload->groups, payload->n_groups, sizeof(gid_t)))
        return false;
    order.groups = (const gid_t *)(const void *)(mapping.base + payload->groups);
    *ret_order = order;
    return true;
}
