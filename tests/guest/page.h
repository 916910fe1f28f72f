/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page of RAM through which a test guest is watched from outside. The guest writes it, the host finds it by its
 * magic in the file behind the guest's shared memory and reads it there; only the command goes the other way.
 *
 * The page is 4096 bytes, aligned, pinned (the guest's kernel never moves it), and keeps its place for the guest's life.
 * All fields are naturally aligned and little-endian, written and read whole, one writer each, at any time:
 * a reader sees each field whole but several fields not of the same moment.
 *
 * Included by the guest (no libc needed), by the boot sector (offsets only, __ASSEMBLER__) and by the host.
 */
#pragma once

/* Offsets the boot sector needs; the structure below is checked against them. */
#define GUEST_PAGE_MAGIC_INVERSE 0x10
#define GUEST_PAGE_LAYOUT_AT 0x20
#define GUEST_PAGE_KIND 0x24
#define GUEST_PAGE_NONCE 0x28
#define GUEST_PAGE_READY 0x30
#define GUEST_PAGE_VCPUS 0x34
#define GUEST_PAGE_TICK_PERIOD_NS 0x38
#define GUEST_PAGE_TICKS 0x40
#define GUEST_PAGE_COMMAND 0x180
#define GUEST_PAGE_COMMAND_SEQ 0x190
#define GUEST_PAGE_ACK_SEQ 0x198

#define GUEST_PAGE_SIZE 4096
#define GUEST_PAGE_LAYOUT 1

/*
 * The magic is these 16 bytes, each xored with GUEST_PAGE_MAGIC_MASK, followed by the same 16 bytes as they stand here
 * (inverted). The guest makes it at run time, so that neither its program file in the page cache nor the boot
 * sector's image is ever taken for the page.
 */
#define GUEST_PAGE_MAGIC_MASK 0xff
#define GUEST_PAGE_MAGIC_WORDS 0xb8a39c1f, 0x5e0d7742, 0x91f6c3aa, 0x2467e8d5

#define GUEST_KIND_LINUX 1
#define GUEST_KIND_TINY 2

/* What the host may ask. The answer is in ack_result: 0 done, 1 unknown or not supported. */
#define GUEST_COMMAND_NONE 0
#define GUEST_COMMAND_POWER_OFF 1 /* orderly; acknowledged before it happens */
#define GUEST_COMMAND_QUIET 2     /* stop every load and the ticks; the page then stands still */
#define GUEST_COMMAND_RESUME 3    /* after QUIET: go on */
#define GUEST_COMMAND_PANIC 4     /* crash the guest's kernel */
#define GUEST_COMMAND_LOAD 5      /* memory verifiers' share of each vCPU, argument 0 to 100 (percent) */
#define GUEST_COMMAND_REBOOT 6    /* reset the machine; the page is then gone and a new one comes */
#define GUEST_COMMAND_TICK_NS 7   /* pause between two ticks, argument in ns (0: free-running) */

/* From one 64-bit word of a page under test to the next: lets a test of the guest find such pages, and spoil one. */
#define GUEST_PATTERN_STEP 0x2545f4914f6cdd1d

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

typedef struct GuestPage {
    uint8_t magic[16];
    uint8_t magic_inverse[16];
    uint32_t layout; /* GUEST_PAGE_LAYOUT */
    uint32_t kind;   /* GUEST_KIND_* */
    uint64_t nonce;  /* random, another at every boot */
    uint32_t ready;  /* 1 once every configured load has started */
    uint32_t vcpus;  /* online when the guest became ready */
    uint64_t tick_period_ns;

    /* Ticks: the counter that never stands still while the guest runs. */
    uint64_t ticks;
    uint64_t tick_time_ns;    /* the guest's CLOCK_MONOTONIC at the last tick */
    uint64_t tick_gap_max_ns; /* longest pause between two ticks by the guest's own clock */
    uint64_t clock_errors;    /* times that clock went backwards */
    uint64_t reserved_tick[4];

    /* Memory: a pattern that is verified and rewritten with the next generation all the time. */
    uint64_t memory_bytes; /* under test, all verifiers together */
    uint64_t memory_passes; /* complete passes over all of it, the slowest verifier's */
    uint64_t memory_pages;  /* 4 KiB pages verified, ever growing */
    uint64_t memory_errors; /* pages that did not hold what was written */
    uint64_t memory_bad_address; /* guest-virtual, of the first bad page; 0 when none */
    uint64_t load_percent;
    uint64_t reserved_memory[2];

    /* Disk: sequenced blocks, written with O_DIRECT and fsynced. */
    uint64_t disk_bytes;    /* size of the area in use from the start of the disk; 0: no disk */
    uint64_t disk_written;  /* last sequence number whose fsync has returned */
    uint64_t disk_verified; /* blocks read back and found right */
    uint64_t disk_errors;   /* I/O errors and wrong blocks */
    uint64_t reserved_disk[4];

    /* Network: echo services. */
    uint32_t net_up; /* 1 once an address is set */
    uint32_t net_pad;
    uint64_t net_udp_echoes;
    uint64_t net_tcp_echoes; /* reads answered, not connections */
    uint64_t net_announced;  /* datagrams sent to the broadcast address, one a second */
    uint64_t net_errors;
    uint64_t reserved_net[3];

    /* Other devices. */
    uint64_t rng_bytes;     /* read from the hardware random number generator */
    uint64_t port_echoes;   /* reads answered on virtio-serial ports */
    uint64_t power_buttons; /* ACPI power button presses seen */
    uint64_t reserved_devices[5];

    /* Host to guest: argument and command first, then command_seq + 1. Guest: result, then ack_seq = command_seq. */
    uint32_t command;
    uint32_t command_pad;
    uint64_t command_argument;
    uint64_t command_seq;
    uint64_t ack_seq;
    uint64_t ack_result;
    uint64_t reserved_command[3];

    uint64_t reserved[456];
} GuestPage;

_Static_assert(sizeof(GuestPage) == GUEST_PAGE_SIZE, "size");
_Static_assert(offsetof(GuestPage, magic_inverse) == GUEST_PAGE_MAGIC_INVERSE, "magic_inverse");
_Static_assert(offsetof(GuestPage, layout) == GUEST_PAGE_LAYOUT_AT, "layout");
_Static_assert(offsetof(GuestPage, kind) == GUEST_PAGE_KIND, "kind");
_Static_assert(offsetof(GuestPage, nonce) == GUEST_PAGE_NONCE, "nonce");
_Static_assert(offsetof(GuestPage, ready) == GUEST_PAGE_READY, "ready");
_Static_assert(offsetof(GuestPage, vcpus) == GUEST_PAGE_VCPUS, "vcpus");
_Static_assert(offsetof(GuestPage, tick_period_ns) == GUEST_PAGE_TICK_PERIOD_NS, "tick_period_ns");
_Static_assert(offsetof(GuestPage, ticks) == GUEST_PAGE_TICKS, "ticks");
_Static_assert(offsetof(GuestPage, command) == GUEST_PAGE_COMMAND, "command");
_Static_assert(offsetof(GuestPage, command_seq) == GUEST_PAGE_COMMAND_SEQ, "command_seq");
_Static_assert(offsetof(GuestPage, ack_seq) == GUEST_PAGE_ACK_SEQ, "ack_seq");

/* Fills the 32 bytes of magic of PAGE; also used by the host to know what to look for. */
static inline void
guest_page_make_magic(uint8_t *ret_magic, uint8_t *ret_inverse)
{
    /* volatile: computed when it runs, never folded into the program's constants. */
    static const volatile uint32_t words[4] = {GUEST_PAGE_MAGIC_WORDS};

    for (unsigned i = 0; i < 16; i++) {
        ret_inverse[i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
        ret_magic[i] = ret_inverse[i] ^ GUEST_PAGE_MAGIC_MASK;
    }
}
#endif
