#!/usr/bin/env python3
"""Writes C that holds a text file as bytes: embed-words.py OUT.c NAME FILE. `char NAME[]`, and `int NAME_bytes`."""
import os
import sys

out, name, path = sys.argv[1:4]
with open(path, "rb") as file:
    lines = file.read().splitlines()
if lines != sorted(lines):
    sys.exit(f"{path}: not sorted by bytes")
with open(out, "w", encoding="ascii") as file:
    file.write(f"""/* Made by script/embed-words.py. */
__asm__(".section .rodata\\n.global {name}\\n{name}:\\n.incbin \\"{os.path.abspath(path)}\\"\\n.byte 0\\n.previous\\n");
extern const int {name}_bytes;
const int {name}_bytes = {os.path.getsize(path)};
""")
