#!/usr/bin/env python3
"""Writes the migrations as C: embed-migrations.py OUT.c DEPENDENCIES MIGRATIONS_FOLDER

The folder holds sqlite/ and mysql/, each with NNNN_name.up.sql and NNNN_name.down.sql. Both must have the same names,
numbered 0001, 0002, ... without gaps, each with both directions; anything else stops the build.
DEPENDENCIES tells ninja of every file and of both folders, whose times change when a file comes or goes.
"""
import os
import re
import sys

DIALECTS = ("sqlite", "mysql")
NAME = re.compile(r"^(\d{4}_[a-z0-9_]+)\.(up|down)\.sql$")


def names_of(folder):
    found = {}
    for entry in sorted(os.listdir(folder)):
        match = NAME.match(entry)
        if not match:
            sys.exit(f"{folder}/{entry}: migrations are called NNNN_name.up.sql and NNNN_name.down.sql")
        found.setdefault(match[1], set()).add(match[2])
    for number, (name, directions) in enumerate(sorted(found.items()), 1):
        if int(name[:4]) != number:
            sys.exit(f"{folder}: expected migration {number:04d}, found {name}")
        if directions != {"up", "down"}:
            sys.exit(f"{folder}/{name}: needs both .up.sql and .down.sql")
    return sorted(found)


def c_string(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    # Bytes, not a literal: ISO C promises no more than 4095 characters in one literal.
    values = ",".join(str(b) for b in text.encode("utf-8") + b"\0")
    return "(const char[]){ " + values + " }"


def main():
    out, dependencies, folder = sys.argv[1:4]
    names = {dialect: names_of(os.path.join(folder, dialect)) for dialect in DIALECTS}
    if names["sqlite"] != names["mysql"]:
        sys.exit(f"{folder}: sqlite and mysql differ in {sorted(set(names['sqlite']) ^ set(names['mysql']))}")
    code = "/* Made by script/embed-migrations.py. */\n#include \"site/migrations.h\"\n"
    for dialect in DIALECTS:
        code += f"\nstatic const struct migration {dialect}[] = {{\n"
        for name in names[dialect]:
            path = os.path.join(folder, dialect, name)
            code += (
                f'    {{ .number = {int(name[:4])}, .name = "{name}",\n      .up = {c_string(path + ".up.sql")},\n'
                f"      .down = {c_string(path + '.down.sql')} }},\n"
            )
        code += "};\n"
    code += ("\nconst struct migrations roentgen_migrations = { .sqlite = sqlite, .mysql = mysql, "
             f".count = {len(names['sqlite'])} }};\n")
    with open(out, "w", encoding="ascii") as file:
        file.write(code)
    folders = [os.path.join(folder, dialect) for dialect in DIALECTS]
    files = [os.path.join(f, entry) for f in folders for entry in sorted(os.listdir(f))]
    with open(dependencies, "w", encoding="utf-8") as file:
        file.write(f"{out}: {' '.join(path.replace(' ', chr(92) + ' ') for path in folders + files)}\n")


main()
