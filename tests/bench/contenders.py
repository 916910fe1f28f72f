# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two that move a guest: moult, and bare QMP (bare.h). Each has a guest of its own, alike in all.

A move gives a dictionary; times are of the host's real-time clock:
  command_us  the start of the `moult upgrade` process; of bare QMP, before anything is done (no process is started for it)
  started_us  the start of the new QEMU process, in steps of 10 ms
  stop_us, resume_us  the events of the old and of the new QEMU, by their own clocks
  end_us      the old process is gone, and the command has returned
  gap_us, gap_sure_us, look_max_us  see watch.h
"""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import machine

READY_S = 120
STEP_S = 900


class Failed(Exception):
    """What was measured did not work: there is no figure to give."""


class Bare:
    """Bare QMP, by moult-bench-bare."""

    def __init__(self, setting, name, ram_mib, arguments):
        self.name = name
        self.process = subprocess.Popen(
            [setting.bare, '--from', setting.qemu_from, '--to', setting.qemu_to, '--machine', setting.machine,
             '--ram', str(ram_mib), '--folder', setting.folder, '--', *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.parent = self.process.pid
        self.pid = self.read()['pid']

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f'{self.name}: moult-bench-bare ended with {self.process.wait()}')
        return json.loads(line)

    def ask(self, word):
        self.process.stdin.write(word + '\n')
        self.process.stdin.flush()
        return self.read()

    def idle(self):
        return self.ask('idle')

    def quiet(self):
        self.ask('quiet')

    def busy(self):
        self.ask('busy')

    def move(self, how):
        result = self.ask(how)
        self.pid = result['pid']
        result['started_us'] = machine.started_us(self.pid)
        return result

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Events:
    """The events of a QEMU, through the monitor that moult leaves to the operator.

    They stay in the socket until they are asked for: a reader that wakes at STOP would take time from the very pause that
    is measured.
    """

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(READY_S)
        self.socket.connect(path)
        self.lines = self.socket.makefile('rb')
        self.socket.sendall(b'{"execute":"qmp_capabilities"}\n')

    def await_greeting(self):
        while 'return' not in json.loads(self.lines.readline()):
            pass

    def times_us(self, last):
        """When each event came, up to LAST or the end of the QEMU."""
        times = {}
        while last not in times:
            line = self.lines.readline()
            if not line:
                break
            message = json.loads(line)
            if 'event' in message:
                stamp = message['timestamp']
                times[message['event']] = stamp['seconds'] * 1_000_000 + stamp['microseconds']
        return times

    def close(self):
        self.lines.close()
        self.socket.close()


class Engine:
    """A moultd of our own."""

    def __init__(self, setting):
        self.setting = setting
        self.environment = dict(
            os.environ, MOULT_MOULTD=setting.moultd, MOULT_RUNTIME_DIR=f'{setting.folder}/run',
            MOULT_STATE_DIR=f'{setting.folder}/state', MOULT_CONFIG_DIR=f'{setting.folder}/config')
        ready, told = os.pipe()
        self.log = open(f'{setting.folder}/moultd.log', 'w', encoding='utf-8')
        self.process = subprocess.Popen([setting.moultd, '--ready-fd', str(told)], pass_fds=[told],
                                        env=self.environment, stderr=self.log)
        os.close(told)
        if os.read(ready, 1) != b'R':
            raise Failed(f'moultd does not start; see {setting.folder}/moultd.log')
        os.close(ready)

    @property
    def pid(self):
        return self.process.pid

    def run(self, *arguments, is_checked=True):
        done = subprocess.run([self.setting.moult, *arguments], env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=STEP_S, check=False)
        if is_checked and done.returncode:
            raise Failed(f'moult {" ".join(arguments[:2])}: {done.stderr.strip() or done.stdout.strip()}')
        return json.loads(done.stdout) if '--json' in arguments else None

    def close(self):
        for guest in self.run('list', '--json', is_checked=False)['guests']:
            self.run('stop', guest['name'], '--force', is_checked=False)
        self.process.terminate()
        self.process.wait()
        self.log.close()


class Sampler:
    """moult-test-sampler in the background, from when this returns."""

    def __init__(self, setting, pid):
        self.process = subprocess.Popen([setting.sampler, '--pid', str(pid), '--until-signal', '--check', '--json'],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.process.stderr.readline()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        text, messages = self.process.communicate()
        if self.process.returncode:
            raise Failed(f'the guest: {messages.strip()}')
        return json.loads(text)


class Moult:
    """moult, by its command line."""

    def __init__(self, engine, name, ram_mib, arguments):
        self.engine = engine
        self.setting = engine.setting
        self.name = name
        self.parent = engine.pid
        self.binaries = [self.setting.qemu_from, self.setting.qemu_to]
        started = engine.run('run', name, '--json', '--', self.binaries[0], '-nodefaults', '-display', 'none', '-accel',
                             'tcg', '-serial', f'file:{self.setting.folder}/{name}.serial', '-machine',
                             self.setting.machine, '-m', f'{ram_mib}M', *arguments)
        self.pid = started['guest']['pid']
        self.sample('--ready', str(READY_S))

    def sample(self, *arguments):
        done = subprocess.run([self.setting.sampler, '--pid', str(self.pid), '--json', *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=READY_S + 10, check=False)
        if done.returncode:
            raise Failed(f'{self.name}: {done.stderr.strip()}')
        return json.loads(done.stdout)

    def idle(self):
        return self.sample('--watch', '1')['watch']

    def quiet(self):
        self.sample('--command', 'quiet')

    def busy(self):
        self.sample('--command', 'resume')

    def move(self, _how):
        with_guest = f'{self.setting.folder}/run/guests/{self.name}'
        events = Events(f'{with_guest}/operator.sock')
        events.await_greeting()
        watch = Sampler(self.setting, self.pid)
        command_us = machine.now_us()
        result = self.engine.run('upgrade', self.name, '--to', self.binaries[1], '--json')['results'][0]
        end_us = machine.now_us()
        # The sampler goes on for as long as bare's does: until the guest is seen to run on.
        time.sleep(0.2)
        page = watch.stop()
        stop_us = events.times_us('STOP').get('STOP')
        events.close()
        if result['outcome'] != 'upgraded' or result['method'] != 'shared':
            raise Failed(f'moult: {result}')
        self.pid = result['new_pid']
        self.binaries.reverse()
        return {
            'to': self.binaries[0], 'pid': self.pid, 'command_us': command_us,
            'started_us': machine.started_us(self.pid), 'stop_us': stop_us,
            'resume_us': stop_us + round(result['downtime_ms'] * 1000), 'end_us': end_us,
            **{key: page['watch'][key] for key in ('gap_us', 'gap_sure_us', 'look_max_us')},
        }

    def move_with_witness(self):
        """One move whose RESUME is heard by us too, to see that what moult reports is so. Gives the difference in us."""
        folder = f'{self.setting.folder}/run/instances'
        before = set(os.listdir(folder))
        heard = []
        witness = threading.Thread(target=lambda: heard.append(wait_for_instance(folder, before)), daemon=True)
        witness.start()
        move = self.move('shared')
        witness.join()
        if not heard[0]:
            raise Failed('the new instance has no operator monitor')
        resume_us = heard[0].times_us('RESUME')['RESUME']
        heard[0].close()
        return resume_us - move['resume_us']

    def close(self):
        self.engine.run('stop', self.name, '--force', is_checked=False)


def wait_for_instance(folder, before):
    """Its operator monitor is there, and takes connections, before its QEMU is started."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        for name in set(os.listdir(folder)) - before:
            try:
                return Events(f'{folder}/{name}/operator.sock')
            except OSError:
                pass
        time.sleep(0.001)
    return None
