#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sums up a run of `meson test`: what failed, what was skipped and why, and one line of numbers at the end.

    summary.py MESON-LOGS/testlog.json

Fails when a test failed, when none was run, or when one was skipped as a whole (exit code 77) for want of something that
could have been installed. What is the host's to have (hugepages, SELinux, namespaces) is only told: such a test says "SKIP:
needs ..." or lets cmocka skip the case. So is the second QEMU build on a machine that has none to offer ($SECOND_QEMU is
empty).
"""

import collections
import json
import os
import re
import sys

PASSED = {'OK', 'EXPECTEDFAIL'}


def output_of(test):
    return test.get('stdout', '') + test.get('stderr', '')


def may_skip(test):
    output = output_of(test)
    if 'contrib/fetch/' in output:
        return not os.environ.get('SECOND_QEMU') and 'contrib/fetch/qemu' in output
    return bool(re.search(r'^SKIP: needs |\[  SKIPPED \]', output, re.MULTILINE))


def last_line(test):
    lines = [line for line in output_of(test).splitlines() if line.strip()]
    return lines[-1].strip() if lines else 'no reason given'


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        tests = [json.loads(line) for line in file if line.strip()]
    count = collections.Counter()
    forbidden = 0
    cases = 0

    for test in tests:
        # cmocka tells how many cases it ran within the program, and which it skipped.
        cases += sum(int(n) for n in re.findall(r'\[  PASSED  \] (\d+) test', output_of(test)))
        for case in sorted(set(re.findall(r'\[  SKIPPED \] (?!\d+ test)(.*)', output_of(test)))):
            print(f'skipped   {test["name"]}: {case}')
        if test['result'] in PASSED:
            count['passed'] += 1
        elif test['result'] == 'SKIP':
            count['skipped'] += 1
            forbidden += not may_skip(test)
            print(f'SKIPPED   {test["name"]}: {last_line(test)}')
        else:
            count['failed'] += 1
            print(f'{test["result"]:<9} {test["name"]}')
    if forbidden:
        print(f'{forbidden} skipped that should have run on this machine')
    slowest = sorted(tests, key=lambda test: -test['duration'])[:3]
    print('slowest:', ', '.join(f'{test["name"]} {test["duration"]:.1f} s' for test in slowest))
    print(f'{cases} cases in {len(tests)} test programs:')
    print(f'{count["passed"]} passed, {count["failed"]} failed, {count["skipped"]} skipped')
    sys.exit(1 if count['failed'] or forbidden or not count['passed'] else 0)


if __name__ == '__main__':
    main()
