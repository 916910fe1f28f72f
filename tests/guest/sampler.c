/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sampler.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ram.h"

#define CANDIDATES_MAX 64
#define TELL_APART_MS 1000
/* A guest's memory has no event to wait for. */
#define POLL_US 2000
#define OPEN_POLL_US 50000
#define LOOK_SHARE 8 /* the guest has this many times the time that is spent on looking for its page */
#define LOOK_AGAIN_US G_USEC_PER_SEC

struct Sampler {
    Ram *ram;
    uint64_t offset;
    /* A shared file's block with the page in it, mapped; NULL for private memory. */
    void *mapping;
    size_t mapping_bytes;
    GuestPage *page;
};

G_DEFINE_QUARK(sampler-error-quark, sampler_error)

void
sampler_free(Sampler *self)
{
    if (!self)
        return;
    if (self->mapping)
        munmap(self->mapping, self->mapping_bytes);
    ram_free(self->ram);
    g_free(self);
}

/* Takes RAM. */
static Sampler *
sampler_new(Ram *ram, uint64_t offset, GError **error)
{
    g_autoptr(Sampler) self = g_new0(Sampler, 1);
    uint64_t start = offset / ram->block_bytes * ram->block_bytes;

    self->ram = ram;
    self->offset = offset;
    if (!ram->is_file)
        return g_steal_pointer(&self);

    void *mapping = mmap(NULL, ram->block_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ram->fd, (off_t)start);
    if (mapping == MAP_FAILED) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot map %s: %s", ram->name,
                    g_strerror(errno));
        return NULL;
    }
    self->mapping = mapping;
    self->mapping_bytes = ram->block_bytes;
    self->page = (GuestPage *)((char *)mapping + (offset - start));
    return g_steal_pointer(&self);
}

/* Reading or writing one field, whole. */
static bool
field_read(const Sampler *self, size_t at, void *ret_value, size_t size)
{
    if (!self->page)
        return ram_read(self->ram, self->offset + at, ret_value, size);
    if (size == sizeof(uint64_t))
        *(uint64_t *)ret_value = __atomic_load_n((uint64_t *)((char *)self->page + at), __ATOMIC_ACQUIRE);
    else
        *(uint32_t *)ret_value = __atomic_load_n((uint32_t *)((char *)self->page + at), __ATOMIC_ACQUIRE);
    return true;
}

static bool
field_write(Sampler *self, size_t at, uint64_t value)
{
    if (!self->page)
        return ram_write(self->ram, self->offset + at, &value, sizeof(value));
    __atomic_store_n((uint64_t *)((char *)self->page + at), value, __ATOMIC_RELEASE);
    return true;
}

#define FIELD_READ(self, field, ret_value)                                                                             \
    field_read(self, offsetof(GuestPage, field), ret_value, sizeof(((GuestPage *)0)->field))

bool
sampler_read(const Sampler *self, GuestPage *ret_page)
{
    if (!self->page)
        return ram_read(self->ram, self->offset, ret_page, sizeof(*ret_page));
    for (size_t at = 0; at < sizeof(*ret_page); at += sizeof(uint64_t))
        field_read(self, at, (char *)ret_page + at, sizeof(uint64_t));
    return true;
}

uint64_t
sampler_get_ticks(const Sampler *self)
{
    uint64_t ticks = 0;

    return FIELD_READ(self, ticks, &ticks) ? ticks : 0;
}

uint64_t
sampler_get_offset(const Sampler *self)
{
    return self->offset;
}

const char *
sampler_get_name(const Sampler *self)
{
    return self->ram->name;
}

bool
sampler_is_shared(const Sampler *self)
{
    return self->ram->is_file;
}

static bool
candidate_add(const Ram *ram, uint64_t offset, void *user_data)
{
    GArray *offsets = user_data;
    uint32_t layout;

    if (ram_read(ram, offset + GUEST_PAGE_LAYOUT_AT, &layout, sizeof(layout)) && layout == GUEST_PAGE_LAYOUT)
        g_array_append_val(offsets, offset);
    return offsets->len < CANDIDATES_MAX;
}

static uint64_t
candidate_ticks(const Ram *ram, uint64_t offset)
{
    uint64_t ticks = 0;

    return ram_read(ram, offset + GUEST_PAGE_TICKS, &ticks, sizeof(ticks)) ? ticks : 0;
}

/* The one of several that ticks; a guest that has been reset leaves the page of its earlier boot behind. */
static bool
candidates_tell_apart(const Ram *ram, const GArray *offsets, uint64_t *ret_offset)
{
    uint64_t before[CANDIDATES_MAX];
    gint64 deadline_us = g_get_monotonic_time() + TELL_APART_MS * 1000;

    for (guint i = 0; i < offsets->len; i++)
        before[i] = candidate_ticks(ram, g_array_index(offsets, uint64_t, i));
    do {
        g_usleep(POLL_US);
        for (guint i = 0; i < offsets->len; i++) {
            uint64_t offset = g_array_index(offsets, uint64_t, i);

            if (candidate_ticks(ram, offset) != before[i]) {
                *ret_offset = offset;
                return true;
            }
        }
    } while (g_get_monotonic_time() < deadline_us);
    return false;
}

static bool
page_find(const Ram *ram, uint64_t *ret_offset)
{
    g_autoptr(GArray) offsets = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    uint8_t magic[32];

    guest_page_make_magic(magic, magic + 16);
    ram_scan(ram, magic, sizeof(magic), candidate_add, offsets);
    if (offsets->len > 1)
        return candidates_tell_apart(ram, offsets, ret_offset);
    if (offsets->len)
        *ret_offset = g_array_index(offsets, uint64_t, 0);
    return offsets->len;
}

Sampler *
sampler_open(pid_t pid, GError **error)
{
    g_autoptr(GPtrArray) rams = ram_find(pid, error);
    uint64_t offset;

    if (!rams)
        return NULL;
    for (guint i = 0; i < rams->len; i++)
        if (page_find(g_ptr_array_index(rams, i), &offset))
            return sampler_new(g_ptr_array_steal_index(rams, i), offset, error);
    g_set_error(error, SAMPLER_ERROR, SAMPLER_ERROR_NO_PAGE, "no test guest's page in the memory of process %d", pid);
    return NULL;
}

/* PIDFD: -1 when there is no such process (any more). */
static bool
has_ended(int pidfd)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};

    return pidfd < 0 || poll(&end, 1, 0) > 0;
}

static Sampler *
open_ready(pid_t pid, int pidfd, unsigned timeout_ms, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000, opened_us = 0, looked_us = 0;
    g_autoptr(Sampler) self = NULL;
    uint32_t ready = 0;

    for (;;) {
        g_autoptr(GError) local_error = NULL;

        /* In a guest that boots again it may be the page of the boot before, on its way to be overwritten. */
        if (g_get_monotonic_time() - opened_us > LOOK_AGAIN_US)
            g_clear_pointer(&self, sampler_free);
        if (!self) {
            gint64 begun_us = g_get_monotonic_time();
            self = sampler_open(pid, &local_error);
            opened_us = g_get_monotonic_time();
            looked_us = opened_us - begun_us;
        }
        if (self && FIELD_READ(self, ready, &ready) && ready)
            return g_steal_pointer(&self);
        if (has_ended(pidfd)) {
            g_set_error(error, SAMPLER_ERROR, SAMPLER_ERROR_GONE, "process %d has ended before its guest was ready", pid);
            return NULL;
        }
        if (g_get_monotonic_time() >= deadline_us) {
            g_set_error(error, SAMPLER_ERROR, SAMPLER_ERROR_TIMEOUT, "guest of process %d not ready in %u ms%s%s", pid,
                        timeout_ms, local_error ? ": " : "", local_error ? local_error->message : "");
            return NULL;
        }
        g_usleep(MAX(OPEN_POLL_US, (gulong)(self ? 0 : LOOK_SHARE * looked_us)));
    }
}

Sampler *
sampler_open_ready(pid_t pid, unsigned timeout_ms, GError **error)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    Sampler *self = open_ready(pid, pidfd, timeout_ms, error);

    if (pidfd >= 0)
        close(pidfd);
    return self;
}

Sampler *
sampler_open_peer(const Sampler *known, pid_t pid, GError **error)
{
    g_autoptr(GPtrArray) rams = ram_find(pid, error);

    if (!rams)
        return NULL;
    for (guint i = 0; i < rams->len; i++) {
        const Ram *ram = g_ptr_array_index(rams, i);

        if (ram->is_file && known->ram->is_file && ram->size_bytes == known->ram->size_bytes)
            return sampler_new(g_ptr_array_steal_index(rams, i), known->offset, error);
    }
    g_set_error(error, SAMPLER_ERROR, SAMPLER_ERROR_NO_PAGE, "process %d has no shared file like %s", pid,
                known->ram->name);
    return NULL;
}

static bool
counter_check(uint64_t errors, const char *what, GError **error)
{
    if (!errors)
        return true;
    g_set_error(error, SAMPLER_ERROR, SAMPLER_ERROR_GUEST, "the guest counts %" G_GUINT64_FORMAT " %s errors", errors,
                what);
    return false;
}

bool
sampler_check(const Sampler *self, GError **error)
{
    GuestPage page;

    if (!sampler_read(self, &page)) {
        g_set_error(error, SAMPLER_ERROR, SAMPLER_ERROR_GONE, "the guest's process has ended");
        return false;
    }
    return counter_check(page.memory_errors, "memory", error) && counter_check(page.disk_errors, "disk", error) &&
           counter_check(page.net_errors, "network", error) && counter_check(page.clock_errors, "clock", error);
}

bool
sampler_wait_ticks(const Sampler *self, uint64_t n, unsigned timeout_ms, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    uint64_t wanted = sampler_get_ticks(self) + n;

    while (sampler_get_ticks(self) < wanted) {
        if (g_get_monotonic_time() >= deadline_us) {
            g_set_error(error, SAMPLER_ERROR, SAMPLER_ERROR_TIMEOUT,
                        "the guest stands at tick %" G_GUINT64_FORMAT ", wanted %" G_GUINT64_FORMAT " within %u ms",
                        sampler_get_ticks(self), wanted, timeout_ms);
            return false;
        }
        g_usleep(POLL_US);
    }
    return true;
}

static bool
command_wait(const Sampler *self, uint64_t seq, unsigned timeout_ms, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    uint64_t ack_seq = 0, result = 0;

    while (!FIELD_READ(self, ack_seq, &ack_seq) || ack_seq != seq) {
        if (g_get_monotonic_time() >= deadline_us) {
            g_set_error(error, SAMPLER_ERROR, SAMPLER_ERROR_TIMEOUT, "the guest does not acknowledge a command");
            return false;
        }
        g_usleep(POLL_US);
    }
    if (!FIELD_READ(self, ack_result, &result) || result) {
        g_set_error(error, SAMPLER_ERROR, SAMPLER_ERROR_GUEST, "the guest refuses the command");
        return false;
    }
    return true;
}

bool
sampler_command(Sampler *self, uint32_t command, uint64_t argument, unsigned timeout_ms, GError **error)
{
    uint64_t seq = 0;

    if (!FIELD_READ(self, command_seq, &seq) || !field_write(self, offsetof(GuestPage, command), command) ||
        !field_write(self, offsetof(GuestPage, command_argument), argument) ||
        !field_write(self, offsetof(GuestPage, command_seq), seq + 1)) {
        g_set_error(error, SAMPLER_ERROR, SAMPLER_ERROR_GONE, "the guest's process has ended");
        return false;
    }
    return command_wait(self, seq + 1, timeout_ms, error);
}
