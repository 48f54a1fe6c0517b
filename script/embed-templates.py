#!/usr/bin/env python3
"""Writes C that holds the shipped report templates: embed-templates.py OUT.c FILE.json... (`shipped_templates`)."""
import json
import os
import sys

out, *paths = sys.argv[1:]
code = '/* Made by script/embed-templates.py. */\n#include "reports/template_shipped.h"\n\n'
rows = ""
for number, path in enumerate(paths):
    with open(path, encoding="utf-8") as file:
        name = json.load(file)["definition"]["name"]
    if os.path.basename(path) != name + ".json":
        sys.exit(f"{path}: the template is called {name}")
    symbol = f"shipped_template_{number}"
    code += (
        f'__asm__(".section .rodata\\n.global {symbol}\\n{symbol}:\\n.incbin \\"{os.path.abspath(path)}\\"\\n'
        f'.byte 0\\n.previous\\n");\nextern const char {symbol}[];\n'
    )
    rows += f"    {{ {symbol}, {os.path.getsize(path)} }},\n"
code += f"\nconst struct str shipped_templates[] = {{\n{rows}}};\nconst int shipped_template_count = {len(paths)};\n"
with open(out, "w", encoding="ascii") as file:
    file.write(code)
