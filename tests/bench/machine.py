# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the host says of processes: memory, processor time, when they were started."""

import os
import threading
import time

TICKS_PER_S = os.sysconf('SC_CLK_TCK')


def now_us():
    """The host's real-time clock, which QEMU's events tell too."""
    return time.time_ns() // 1000


def stat_fields(pid):
    """/proc/PID/stat from its third field on: the second may hold anything."""
    with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
        return file.read().rpartition(')')[2].split()


def parent_of(pid):
    return int(stat_fields(pid)[1])


def children_of(parent):
    found = []
    for name in os.listdir('/proc'):
        try:
            if name.isdigit() and parent_of(name) == parent:
                found.append(int(name))
        except OSError:
            pass
    return found


def started_us(pid):
    """When PID was started, on the real-time clock; the kernel tells it in steps of 10 ms, rounded down."""
    boot_us = now_us() - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    return boot_us + int(stat_fields(pid)[19]) * 1_000_000 // TICKS_PER_S


def cpu_s(pid):
    """Processor time of all its threads, ended ones too."""
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def pss_of(pid):
    """The fields of smaps_rollup, in bytes; empty once it has ended."""
    try:
        with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
            return {line.split(':')[0]: int(line.split()[1]) * 1024 for line in file if line.startswith('Pss')}
    except OSError:
        return {}


def memory_files_of(pid):
    """The memory files that a QEMU holds open: inode to bytes that are allocated."""
    found = {}
    try:
        for name in os.listdir(f'/proc/{pid}/fd'):
            path = f'/proc/{pid}/fd/{name}'
            if os.readlink(path).startswith('/memfd:'):
                status = os.stat(path)
                found[status.st_ino] = status.st_blocks * 512
    except OSError:
        pass
    return found


def memory_bytes(pids):
    """What QEMU processes have together. A guest's RAM counts by what is allocated of its file, and once, whoever maps it:
    PSS would miss the pages that a new process has not touched yet, and the old one's end would seem to free them."""
    files, own = {}, 0
    for pid in pids:
        pss = pss_of(pid)
        own += pss.get('Pss', 0) - pss.get('Pss_Shmem', 0)
        files |= memory_files_of(pid)
    return own + sum(files.values())


class MemoryWatch(threading.Thread):
    """The most memory that the children of a process had together, beyond what they had at the beginning."""

    def __init__(self, parent, pause_s):
        super().__init__(daemon=True)
        self.parent = parent
        self.pause_s = pause_s
        self.is_over = threading.Event()
        self.before_bytes = self.peak_bytes = max(self.look() for _ in range(3))
        self.start()

    def look(self):
        return memory_bytes(children_of(self.parent))

    def run(self):
        while not self.is_over.wait(self.pause_s):
            self.peak_bytes = max(self.peak_bytes, self.look())

    def stop(self):
        self.is_over.set()
        self.join()
        return self.peak_bytes - self.before_bytes


def available_bytes():
    with open('/proc/meminfo', encoding='ascii') as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith('MemAvailable:'))


def describe():
    """The machine, for the record."""
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        models = [line.partition(':')[2].strip() for line in file if line.startswith('model name')]
    return {
        'processors': os.cpu_count(),
        'processor': models[0] if models else os.uname().machine,
        'memory_bytes': os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'),
        'kernel': os.uname().release,
        'load_average_before': os.getloadavg()[0],
    }
