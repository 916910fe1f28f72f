# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many tiny guests on one node, all upgraded by one command: none may be lost."""

import json
import subprocess
import threading

import contenders
import machine

# 50 ticks a second; a guest is alive that has ticked since.
SETTLE_S = 0.2


def ticks_of(setting, pid):
    """The tiny guest's boot and its ticks; None when there is no living guest in that process."""
    done = subprocess.run([setting.sampler, '--pid', str(pid), '--ready', '60', '--watch', str(SETTLE_S), '--check', '--json'],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return None
    page = json.loads(done.stdout)
    return {'nonce': page['guest']['nonce'], 'ticks': page['guest']['ticks'], 'goes_on': page['watch']['ticks'] > 0}


class EngineWatch(threading.Thread):
    """The most memory the engine's own processes have: moultd and its launcher, no guest."""

    def __init__(self, engine):
        super().__init__(daemon=True)
        self.pid = engine.pid
        self.helpers = machine.children_of(self.pid)
        self.peak_bytes = self.look()
        self.is_over = threading.Event()
        self.start()

    def look(self):
        return sum(machine.pss_of(pid).get('Pss', 0) for pid in [self.pid, *self.helpers])

    def cpu_s(self):
        return sum(machine.cpu_s(pid) for pid in [self.pid, *self.helpers])

    def run(self):
        while not self.is_over.wait(0.05):
            self.peak_bytes = max(self.peak_bytes, self.look())

    def stop(self):
        self.is_over.set()
        self.join()


def start(engine, setting, count):
    for number in range(count):
        engine.run('run', f'tiny{number}', '--', setting.qemu_from, '-nodefaults', '-display', 'none', '-accel', 'tcg',
                   '-machine', setting.machine, '-m', '16M', '-device', 'virtio-blk-pci,drive=disk', '-drive',
                   f'if=none,id=disk,format=raw,readonly=on,file={setting.tiny}')


def guests_of(engine):
    return {guest['name']: guest for guest in engine.run('list', '--json')['guests']}


def is_well(before, after):
    return bool(after and before and after['nonce'] == before['nonce'] and after['ticks'] > before['ticks'] and after['goes_on'])


def measure(setting, count, parallel):
    """Starts COUNT guests with an engine of their own, upgrades them all, and looks at each before and after."""
    engine = contenders.Engine(setting)
    watch = EngineWatch(engine)
    try:
        idle_bytes = watch.look()
        start(engine, setting, count)
        loaded_bytes, cpu_before_s = watch.look(), watch.cpu_s()
        before = {name: ticks_of(setting, guest['pid']) for name, guest in guests_of(engine).items()}
        begun_us = machine.now_us()
        results = engine.run('upgrade', '--all', '--to', setting.qemu_to, '--parallel', str(parallel), '--json',
                             is_checked=False)['results']
        took_us = machine.now_us() - begun_us
        guests = guests_of(engine)
        after = {name: ticks_of(setting, guest['pid']) for name, guest in guests.items()}
        upgraded = [result for result in results if result['outcome'] == 'upgraded']
        lost = [name for name in before if not is_well(before[name], after.get(name))]
        return {
            'guests': count, 'parallel': parallel, 'upgraded': len(upgraded), 'lost': lost,
            'failures': [result for result in results if result['outcome'] != 'upgraded'],
            'took_ms': took_us / 1000, 'downtime_ms': [result['downtime_ms'] for result in upgraded],
            'engine': {
                'idle_pss_bytes': idle_bytes, 'loaded_pss_bytes': loaded_bytes, 'peak_pss_bytes': watch.peak_bytes,
                'pss_bytes_per_guest': (watch.peak_bytes - idle_bytes) // count,
                'cpu_ms_per_upgrade': (watch.cpu_s() - cpu_before_s) * 1000 / count,
            },
        }
    finally:
        watch.stop()
        engine.close()
