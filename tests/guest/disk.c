/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks under test. Blocks of 4 KiB with a sequence number each are written round and round over the first part of
 * the disk, past the page cache (O_DIRECT), and flushed. A number is published only when its fsync has returned: from
 * then on the block must be on the disk, whatever happens to the hypervisor. After each, that block and a random
 * earlier one of the same round are read back; for each place there is exactly one right sequence number.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SIZE_BYTES 4096
#define BLOCK_WORDS (BLOCK_SIZE_BYTES / sizeof(uint64_t))
#define DISKS_MAX 8
#define APPEAR_TRIES 100
#define APPEAR_PAUSE_NS 100000000
#define ERROR_PAUSE_NS 100000000
#define SHOUTS_MAX 10

typedef struct Disk {
    char path[64];
    int fd;
    bool is_first; /* the one whose sequence numbers are published */
    uint64_t blocks;
    uint64_t seq; /* last one written */
    uint64_t *buffer;
    uint64_t random;
} Disk;

static Disk disks[DISKS_MAX];
static unsigned n_disks;

static void
disk_error(const Disk *self, const char *what, uint64_t seq)
{
    if (PAGE_ADD(disk_errors, 1) < SHOUTS_MAX)
        log_line("ERROR disk %s: %s block %llu", self->path, what, (unsigned long long)seq);
}

static void
block_fill(uint64_t *words, uint64_t seq, uint64_t position)
{
    uint64_t value = seq * 0x9e3779b97f4a7c15 ^ position * 0xd1b54a32d192ed03 ^ page->nonce;

    words[0] = seq;
    words[1] = position;
    words[2] = page->nonce;
    for (unsigned i = 3; i < BLOCK_WORDS; i++, value += 0x2545f4914f6cdd1d)
        words[i] = value;
}

static bool
block_is_right(const uint64_t *words, uint64_t seq, uint64_t position)
{
    uint64_t wanted[BLOCK_WORDS];

    block_fill(wanted, seq, position);
    return !memcmp(words, wanted, sizeof(wanted));
}

static bool
disk_write_next(Disk *self)
{
    uint64_t seq = self->seq + 1;
    uint64_t position = seq % self->blocks;

    block_fill(self->buffer, seq, position);
    if (pwrite(self->fd, self->buffer, BLOCK_SIZE_BYTES, (off_t)(position * BLOCK_SIZE_BYTES)) != BLOCK_SIZE_BYTES ||
        fsync(self->fd) < 0) {
        disk_error(self, log_errno(), seq);
        return false;
    }
    self->seq = seq;
    if (self->is_first)
        PAGE_SET(disk_written, seq);
    return true;
}

static void
disk_verify(Disk *self, uint64_t seq)
{
    uint64_t position = seq % self->blocks;

    memset(self->buffer, 0, BLOCK_SIZE_BYTES);
    if (pread(self->fd, self->buffer, BLOCK_SIZE_BYTES, (off_t)(position * BLOCK_SIZE_BYTES)) != BLOCK_SIZE_BYTES)
        disk_error(self, log_errno(), seq);
    else if (!block_is_right(self->buffer, seq, position))
        disk_error(self, "read back something else than", seq);
    else
        PAGE_ADD(disk_verified, 1);
}

/* A sequence number of the last round. */
static uint64_t
disk_pick_earlier(Disk *self)
{
    uint64_t round = self->seq < self->blocks ? self->seq : self->blocks;

    self->random = self->random * 6364136223846793005 + 1442695040888963407;
    return self->seq - (self->random >> 33) % round;
}

static void *
disk_run(void *argument)
{
    Disk *self = argument;

    for (;;) {
        gate_enter();
        bool is_written = disk_write_next(self);
        if (is_written) {
            disk_verify(self, self->seq);
            disk_verify(self, disk_pick_earlier(self));
        }
        gate_leave();
        if (config.disk_pause_ms || !is_written)
            sleep_ns(is_written ? (uint64_t)config.disk_pause_ms * 1000000 : ERROR_PAUSE_NS);
    }
    return NULL;
}

static bool
disk_open(Disk *self)
{
    uint64_t size_bytes = 0;
    uint64_t area_bytes = (uint64_t)config.disk_mib << 20;

    self->fd = open(self->path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (self->fd < 0 || ioctl(self->fd, BLKGETSIZE64, &size_bytes) < 0)
        return false;
    if (area_bytes > size_bytes)
        area_bytes = size_bytes;
    self->blocks = area_bytes / BLOCK_SIZE_BYTES;
    if (!self->blocks) {
        errno = ENOSPC;
        return false;
    }
    self->random = page->nonce;
    self->buffer = aligned_alloc(BLOCK_SIZE_BYTES, BLOCK_SIZE_BYTES);
    return self->buffer;
}

static void
disk_use(const char *path)
{
    Disk *self = &disks[n_disks];

    if (n_disks == DISKS_MAX || strlen(path) >= sizeof(self->path)) {
        log_line("ERROR too many disks");
        return;
    }
    strcpy(self->path, path);
    self->is_first = n_disks == 0;
    if (!disk_open(self)) {
        disk_error(self, log_errno(), 0);
        return;
    }
    if (self->is_first)
        PAGE_SET(disk_bytes, self->blocks * BLOCK_SIZE_BYTES);
    n_disks++;
    thread_start(disk_run, self, -1);
}

/* SCSI and NVMe disks appear some time after their controller's driver. */
static bool
disk_wait(const char *path, unsigned tries)
{
    for (; tries; tries--) {
        if (!access(path, F_OK))
            return true;
        modules_load();
        sleep_ns(APPEAR_PAUSE_NS);
    }
    return !access(path, F_OK);
}

static void
disk_use_first_found(void)
{
    static const char *const candidates[] = {"/dev/vda", "/dev/sda", "/dev/nvme0n1"};

    for (unsigned tries = 0; tries < 3; tries++) {
        for (unsigned i = 0; i < sizeof(candidates) / sizeof(*candidates); i++)
            if (disk_wait(candidates[i], 0)) {
                disk_use(candidates[i]);
                return;
            }
        modules_load();
        sleep_ns(APPEAR_PAUSE_NS);
    }
}

void
disk_start(void)
{
    static char list[sizeof(config.disks)];

    if (!strcmp(config.disks, "none"))
        return;
    if (!strcmp(config.disks, "auto")) {
        disk_use_first_found();
        return;
    }
    strcpy(list, config.disks);
    for (char *rest = list, *path; (path = strtok_r(rest, ",", &rest));) {
        if (disk_wait(path, APPEAR_TRIES)) {
            disk_use(path);
        } else {
            PAGE_ADD(disk_errors, 1);
            log_line("ERROR there is no disk %s", path);
        }
    }
}
