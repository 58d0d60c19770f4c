#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Puts OpenCL sources into a C file: embed.py OUTPUT.c SOURCE.cl..."""
import os
import sys


def literal(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '\\n"'


def lines_of(path):
    yield '#line 1 "%s"' % os.path.basename(path)
    with open(path, encoding='utf-8') as source:
        for line in source:
            yield line.rstrip('\n')


def main(output, *sources):
    with open(output, 'w', encoding='utf-8') as out:
        out.write('/* Made by embed.py. */\n#include "kernels/program.h"\n\n')
        out.write('const char *const vlf_cl_source[] = {\n')
        for path in sources:
            for line in lines_of(path):
                out.write('  %s,\n' % literal(line))
        out.write('};\nconst guint vlf_cl_source_lines = G_N_ELEMENTS (vlf_cl_source);\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
