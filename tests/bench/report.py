# SPDX-License-Identifier: LGPL-2.1-or-later
"""From moves to figures: medians, the table, the targets, the picture."""

import statistics
import subprocess

MIB = 1 << 20
NAMES = {'moult': 'moult', 'floor': 'bare QMP (the floor)', 'copy': 'full live copy', 'file': 'save, restore'}

# How each figure comes from a move, in ms.
FIGURES = {
    'stop_to_resume_ms': lambda move: (move['resume_us'] - move['stop_us']) / 1000,
    'guest_pause_ms': lambda move: move['gap_us'] / 1000,
    'process_to_resume_ms': lambda move: (move['resume_us'] - move['started_us']) / 1000,
    'command_to_resume_ms': lambda move: (move['resume_us'] - move['command_us']) / 1000,
    'command_to_end_ms': lambda move: (move['end_us'] - move['command_us']) / 1000,
}


def summary(samples):
    return {'median': statistics.median(samples), 'min': min(samples), 'max': max(samples), 'n': len(samples)}


def figures_of(moves):
    return {name: summary([figure(move) for move in moves]) for name, figure in FIGURES.items()}


def method_of(measured, ram_mib, method):
    return measured['sizes'][str(ram_mib)]['methods'].get(method)


def median(measured, ram_mib, method, figure):
    return method_of(measured, ram_mib, method)['figures'][figure]['median']


def rams_of(measured):
    return sorted(int(ram) for ram in measured['sizes'])


def target(what, value, limit, unit=''):
    """Value and limit as text, and whether it is reached."""
    return {'what': what, 'value': round(value, 3), 'limit': limit, 'unit': unit, 'reached': value <= limit}


def targets(measured):
    """What issue and README promise; told, and not asserted: a busy machine is no failure of the code."""
    found = []
    rams = rams_of(measured)
    for figure, words, limit in (('stop_to_resume_ms', 'STOP to RESUME', 1.15), ('command_to_resume_ms', 'command to RESUME', 1.5)):
        for ram in rams:
            found.append(target(f'{words} over the floor, {size(ram)}',
                                median(measured, ram, 'moult', figure) / median(measured, ram, 'floor', figure), limit))
    if len(rams) > 1:
        found.append(target(f'STOP to RESUME, {size(rams[-1])} over {size(rams[0])}',
                            median(measured, rams[-1], 'moult', 'stop_to_resume_ms') /
                            median(measured, rams[0], 'moult', 'stop_to_resume_ms'), 1.2))
    for ram in rams:
        extra = method_of(measured, ram, 'moult')['extra_bytes']
        if extra:
            found.append(target(f'extra memory, {size(ram)}', max(extra) / MIB, 100, 'MiB'))
    if measured.get('hundred'):
        hundred = measured['hundred']
        found.append(target(f'lost of {hundred["guests"]} guests', len(hundred['lost']) + len(hundred['failures']), 0))
    return found


def targets_text(measured):
    return ''.join(f'{"reached" if row["reached"] else "MISSED ":8} {row["what"]}: {row["value"]:g} {row["unit"]}'.rstrip() +
                   f' (at most {row["limit"]:g})\n' for row in measured['targets'])


def size(ram_mib):
    return f'{ram_mib // 1024} GiB' if ram_mib % 1024 == 0 else f'{ram_mib} MiB'


def milliseconds(value):
    return f'{value:.1f} ms' if value < 100 else f'{value:.0f} ms' if value < 1000 else f'{value / 1000:.1f} s'


def file_bytes_of(entry):
    """A saved guest's file, which is in memory too here."""
    return max(move.get('file_bytes', 0) for move in entry['moves'])


def row_of(measured, ram, method):
    entry = method_of(measured, ram, method)
    figures = entry['figures']
    extra = max(entry['extra_bytes'], default=None)
    cells = [size(ram), NAMES[method]]
    cells += [milliseconds(figures[name]['median']) for name in FIGURES]
    file_bytes = file_bytes_of(entry)
    cells.append('-' if extra is None else f'{extra / MIB:.0f} MiB' + (f', file {file_bytes / MIB:.0f} MiB' if file_bytes else ''))
    return '| ' + ' | '.join(cells) + ' |\n'


def table(measured):
    text = ('| RAM | how | STOP to RESUME | the guest\'s pause, from outside | new process to RESUME | command to RESUME '
            '| command to its end | extra memory |\n|---|---|---|---|---|---|---|---|\n')
    for ram in rams_of(measured):
        for method in NAMES:
            if method_of(measured, ram, method):
                text += row_of(measured, ram, method)
    quiet = '; '.join(f'{size(ram)} {milliseconds(measured["sizes"][str(ram)]["idle_ms"]["median"])}' for ram in rams_of(measured))
    return text + f'\nMedians. The guest\'s longest pause in a second in which nothing happens (the noise): {quiet}.\n'


def hundred_text(hundred):
    engine = hundred['engine']
    return (f'{hundred["guests"]} tiny guests, {hundred["parallel"]} at a time: {hundred["upgraded"]} upgraded, '
            f'{len(hundred["lost"])} lost, in {milliseconds(hundred["took_ms"])}; the engine takes '
            f'{engine["peak_pss_bytes"] / MIB:.1f} MiB at most ({engine["idle_pss_bytes"] / MIB:.1f} without guests, '
            f'{engine["pss_bytes_per_guest"] / 1024:.0f} KiB for each) and {engine["cpu_ms_per_upgrade"]:.1f} ms of '
            'processor time an upgrade.\n')


def memory_of(entry):
    """At the peak, in MiB; None: it was not looked at. Less than one is as good as none, and cannot be drawn."""
    file_bytes = file_bytes_of(entry)
    if not entry['extra_bytes'] and not file_bytes:
        return None
    return max((max(entry['extra_bytes'], default=0) + file_bytes) / MIB, 1)


def plot(measured, value, title, unit):
    """Lines for gnuplot: a row a size, a column a method that VALUE gives something for; None when it does for none."""
    values = {ram: {method: value(entry) for method in NAMES if (entry := method_of(measured, ram, method))}
              for ram in rams_of(measured)}
    # gnuplot takes a column without any value for an error.
    drawn = [method for method in NAMES if any(row.get(method) is not None for row in values.values())]
    if not drawn:
        return None
    rows = [' '.join([f'"{size(ram)}"'] + ['NaN' if row.get(method) is None else f'{row[method]:.4f}' for method in drawn])
            for ram, row in values.items()]
    columns = ', '.join(f'$DATA using {number + 2}:xtic(1) title "{NAMES[method]}" linetype {list(NAMES).index(method) + 1}'
                        for number, method in enumerate(drawn))
    return '\n'.join(['$DATA << END', *rows, 'END', f'set title "{title}"', f'set ylabel "{unit}"', f'plot {columns}',
                      'undefine $DATA'])


def picture(measured, path):
    """Only what was measured is drawn: there may have been no rounds for memory."""
    plots = [plot(measured, lambda entry: entry['figures']['stop_to_resume_ms']['median'],
                  'The guest stands still: STOP to RESUME (median)', 'ms'),
             plot(measured, memory_of, "Memory beyond the guest's own, at the peak (with the saved file)", 'MiB')]
    plots = [text for text in plots if text]
    script = f'''
set terminal pngcairo size {600 * len(plots)},520 font "sans,11"
set output "{path}"
set multiplot layout 1,{len(plots)}
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.85 border -1
set logscale y
set grid ytics
set key top left
set xlabel "the guest's RAM"
set linetype 1 lc rgb "#1b7837"
set linetype 2 lc rgb "#a6dba0"
set linetype 3 lc rgb "#c2a5cf"
set linetype 4 lc rgb "#762a83"
set yrange [1:*]
''' + '\n'.join(plots) + '\nunset multiplot\n'
    subprocess.run(['gnuplot'], input=script, text=True, check=True)
