#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares what we take for a safetensors file with what the reference library does, on mutations of good files.

    tests/fuzz/mutations.py BUILD-FOLDER [COUNT [SEED]]     10,000 and 1 by default; needs Python's safetensors

Nothing may be accepted that the reference refuses. What we refuse and it accepts is counted by the reason that we give; each must be one
of STRICTER. Exit status 1: a disagreement that is not explained; its file is printed.
"""
import json
import random
import re
import struct
import subprocess
import sys

import safetensors

# Where we are stricter on purpose: limits against absurd files, and JSON that other readers understand differently.
STRICTER = [
    (r'twice|duplicate', 'a name or field twice'),
    (r'at most \d+ bytes without NUL', 'a name too long or with NUL'),
    (r'array of at most', 'a rank above 8'),
    (r'exactly dtype, shape and data_offsets', 'fields beside the three'),
    (r'__metadata__: expected an object, found null', 'metadata that is null'),
]

TYPES = {'F32': 4, 'F16': 2, 'BF16': 2, 'I64': 8, 'U8': 1, 'BOOL': 1, 'F64': 8, 'I32': 4, 'F8_E4M3': 1, 'U16': 2, 'C64': 8}
NUMBERS = ['0', '1', '-1', '1.0', '1e2', '00', '01', '18446744073709551615', '18446744073709551616', '9007199254740993', '4294967296',
           '-0', '1E0', 'null', '"1"', 'true', '[]', '{}', '0x1', '+1', '1.', '.5', '']
TEXTS = ['"dtype"', '"shape"', '"data_offsets"', '"F32"', '"F4"', '"X9"', '"__metadata__"', '{', '}', '[', ']', ',', ':', ' ', '\n', '\t', '\\u0041',
         '\\ud800', '\\u0000', '\x00', '\ufeff', '"a"', 'null', '//', '\xff', '[[[[[[[[', '\\n', '\x7f', '"extra":1,']


def good(rng):
    """A header as a dictionary, and its data."""
    header, offset = {}, 0
    if rng.random() < 0.4:
        header['__metadata__'] = {'format': 'pt', 'k%d' % rng.randrange(9): 'v'}
    for i in range(rng.randrange(0, 5)):
        name = rng.choice(['a', 'weight', 'layer.%d' % i, 'ü', 'x' * rng.choice([1, 60, 510, 513]), '', 'a b', '\t']) + str(i)
        kind = rng.choice(list(TYPES))
        shape = [rng.choice([0, 1, 2, 3, 5]) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4, 8, 9]))]
        size = TYPES[kind]
        for dim in shape:
            size *= dim
        if size > 4096:
            shape, size = [2], 2 * TYPES[kind]
        header[name] = {'dtype': kind, 'shape': shape, 'data_offsets': [offset, offset + size]}
        offset += size
    return header, bytes(offset)


def bend(header, rng):
    """One change to the structure, which stays well-formed JSON."""
    names = [n for n in header if n != '__metadata__']
    if not names:
        header['__metadata__'] = rng.choice([{}, {'a': 1}, {'a': None}, [], 'x', None, {'a': 'b'}])
        return
    entry = header[rng.choice(names)]
    what = rng.randrange(8)
    if what == 0:
        entry['data_offsets'][rng.randrange(2)] += rng.choice([-8, -4, -1, 1, 4, 8, 2**32, 2**63, -2**63])
    elif what == 1:
        entry['shape'] = [rng.choice([0, 1, 2**16, 2**32, 2**63, 2**64 - 1, 2**64, -1]) for _ in range(rng.randrange(5))]
    elif what == 2:
        entry['dtype'] = rng.choice(list(TYPES) + ['F6_E2M3', 'F4', 'f32', 'FLOAT', '', 'F8_E8M0', None, 3])
    elif what == 3:
        del entry[rng.choice(list(entry))]
    elif what == 4:
        entry['extra'] = rng.choice([1, 'x', None])
    elif what == 5:
        header[rng.choice(names) + rng.choice(['', "'"])] = dict(entry)
    elif what == 6:
        entry['data_offsets'] = rng.choice([[], [0], [0, 0, 0], [0, 0], 'x', None, {'a': 1}, [4, 0], [0.0, 4.0]])
    else:
        keys = list(header)
        rng.shuffle(keys)
        for key in keys:
            header[key] = header.pop(key)


def scar(text, rng):
    """One change to the characters."""
    at = rng.randrange(len(text) + 1)
    what = rng.randrange(5)
    if what == 0:
        return text[:at] + rng.choice(TEXTS) + text[at:]
    if what == 1:
        return text[:at] + text[at + rng.choice([1, 1, 2, 5, 20]):]
    if what == 2:
        numbers = list(re.finditer(r'\d+', text))
        if not numbers:
            return text
        match = rng.choice(numbers)
        return text[:match.start()] + rng.choice(NUMBERS) + text[match.end():]
    if what == 3:
        other = rng.randrange(len(text) + 1)
        return text[:at] + text[min(at, other):max(at, other)] + text[at:]
    return text[:at] + chr(rng.randrange(32, 127)) + text[at + 1:]


def mutation(rng):
    header, data = good(rng)
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
        try:
            bend(header, rng)
        except (AttributeError, IndexError, KeyError, TypeError):  # of what the change before it left
            pass
    text = json.dumps(header, ensure_ascii=rng.random() < 0.5, separators=rng.choice([(',', ':'), (', ', ': ')]))
    for _ in range(rng.choice([0, 0, 0, 0, 0, 1, 1, 2])):
        text = scar(text, rng)
    text = rng.choice(['', '', '', '', ' ', '\n', '\t ']) + text + ' ' * rng.choice([0, 0, 0, 3, 8])
    raw = text.encode('utf-8', 'surrogatepass')
    if rng.random() < 0.1 and raw:
        at = rng.randrange(len(raw))
        raw = raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1:]
    length = len(raw) + (rng.choice([-1, 1, 8, 2**31, 2**63, 10**8]) if rng.random() < 0.05 else 0)
    data += bytes(rng.choice([0] * 17 + [1, 4, 64]))
    whole = struct.pack('<Q', max(length, 0)) + raw + data
    return whole[:rng.randrange(len(whole) + 1)] if rng.random() < 0.03 else whole


def accepts(file):
    try:
        return True, len(safetensors.deserialize(file))
    except safetensors.SafetensorError as error:
        return False, str(error)


def main():
    build, count, seed = sys.argv[1], int((sys.argv[2:] or ['10000'])[0]), int((sys.argv[3:] or ['1'])[0])
    rng = random.Random(seed)
    files = set()
    while len(files) < count:
        files.add(mutation(rng))
    files = sorted(files)
    answers = subprocess.run([build + '/tests/fuzz/verdicts'], input=b''.join(struct.pack('<I', len(f)) + f for f in files),
                             stdout=subprocess.PIPE, check=True).stdout.decode(errors='replace').splitlines()
    assert len(answers) == count, (len(answers), count)
    both, neither, stricter, wrong = 0, 0, {}, 0
    for file, answer in zip(files, answers):
        ours, (theirs, what) = answer.startswith('yes'), accepts(file)
        if ours and theirs and answer != 'yes %d' % what:
            wrong += 1
            print('ANOTHER NUMBER of tensors:', answer, what, file)
        both += ours and theirs
        neither += not ours and not theirs
        if ours == theirs:
            continue
        reason = next((name for pattern, name in STRICTER if not ours and re.search(pattern, answer)), None)
        if reason:
            stricter[reason] = stricter.get(reason, 0) + 1
        else:
            wrong += 1
            print('WE SAY', answer, '| THE REFERENCE SAYS', 'yes' if theirs else what, '|', file[:400])
    print(f'safetensors {safetensors.__version__}, seed {seed}: {count} files; both accept {both}, both refuse {neither}, we alone refuse '
          f'{sum(stricter.values())} {stricter}, unexplained {wrong}')
    return wrong > 0


if __name__ == '__main__':
    sys.exit(main())
