/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of the test guest's init share. One static program without any library but libc; it never exits.
 *
 * Each load is a thread of its own with its own group of fields in the page (see page.h). A failed check is
 * counted in the page and shouted on the serial line; the load goes on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "page.h"

/* The kernel command line, "moult.NAME=VALUE" words; the defaults are in config.c. */
typedef struct GuestConfig {
    unsigned memory_mib;    /* moult.mem: RAM under test; 0: none */
    unsigned load_percent;  /* moult.load: of each vCPU, for the memory verifiers */
    uint64_t tick_ns;       /* moult.tick_ns: pause between two ticks; 0: free-running */
    char disks[128];        /* moult.disk: device nodes, comma-separated; "auto": the first found; "none" */
    unsigned disk_mib;      /* moult.disk_mib: how much of each disk, from its start */
    unsigned disk_pause_ms; /* moult.disk_pause_ms: between two blocks */
    char addresses[128];    /* moult.ip: ADDRESS/PREFIX for eth0, eth1, ... comma-separated; empty: no network */
} GuestConfig;

extern GuestConfig config;
extern GuestPage *page;

/* config.c */
void config_read(void);

/* page.c: makes and pins the page; false (and a shout) when it cannot be had. */
bool page_create(void);

/* log.c: one line on the console, "moult-guest: ..." */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* log.c: the text of errno */
const char *log_errno(void);

/* modules.c: loads the drivers of all devices present and of those that appear thereby. */
void modules_load(void);

/* gate.c: what QUIET shuts. Loads pass through before each step and sleep there while it is shut. */
void gate_pass(void);
void gate_set(bool open);
bool gate_is_open(void);
/* Around a step that must not be cut short by the machine's end; gate_enter() passes through the gate first. */
void gate_enter(void);
void gate_leave(void);
/* Waits for the steps under way, for a time; no more begin. */
void gate_close_for_good(void);

/* tick.c: starts the ticks; the same thread looks for commands. */
void tick_start(void);
void tick_set_period(uint64_t period_ns);
/* command.c: carries out what the host has asked, if anything new. */
void command_poll(void);
/* command.c: orderly end of the guest. */
void power_off(void);

void memory_start(unsigned vcpus); /* memory.c */
void memory_set_load(unsigned percent);
void disk_start(void);    /* disk.c; returns once named disks are in use or given up */
void net_start(void);     /* net.c; returns once the addresses are set */
void devices_start(void); /* devices.c: random number generator, ports, buttons */
void devices_look(void);  /* devices.c: uses virtio-serial ports and power buttons that are new */
/* hotplug.c: from now on, devices that appear get their drivers and are looked at. */
void hotplug_start(void);

/* thread.c: a detached thread; cpu >= 0 pins it. Shouts when it cannot be started. */
void thread_start(void *(*run)(void *), void *argument, int cpu);
void sleep_ns(uint64_t ns);
uint64_t now_ns(void);

/* Fields of the page have one writer (stores) unless said otherwise (adds), and readers outside the machine. */
#define PAGE_SET(field, value) __atomic_store_n(&page->field, (value), __ATOMIC_RELEASE)
#define PAGE_ADD(field, value) __atomic_fetch_add(&page->field, (value), __ATOMIC_ACQ_REL)
#define PAGE_GET(field) __atomic_load_n(&page->field, __ATOMIC_ACQUIRE)
