#!/usr/bin/env python3
"""Compresses files for the server to hand out and writes C that holds them.

    embed-assets.py OUT.h OUT.c FOLDER NAME=FILE...

A FILE may be followed by @@OLD@@NEW: that text in it, which must be there, is replaced.

FOLDER/NAME.gz gets the compressed bytes, which OUT.c takes in with `.incbin`. OUT.h has, for each NAME, a macro
ASSET_NAME: the members of struct asset (src/server/assets.h) that say what the bytes are.
"""
import gzip
import hashlib
import os
import sys

HEADER = """/* Made by script/embed-assets.py from files of npm packages and src/server/pages. */
#ifndef ROENTGEN_APP_ASSETS_DATA_H
#define ROENTGEN_APP_ASSETS_DATA_H

"""

SYMBOL = """__asm__(".section .rodata\\n.balign 16\\n.global asset_{name}\\n"
        "asset_{name}:\\n.incbin \\"{path}\\"\\n.byte 0\\n.previous\\n");
"""


def main():
    out_h, out_c, folder = sys.argv[1:4]
    os.makedirs(folder, exist_ok=True)
    header, code = HEADER, "/* Made by script/embed-assets.py. */\n"
    for argument in sys.argv[4:]:
        name, path = argument.split("=", 1)
        path, *replacement = path.split("@@")
        with open(path, "rb") as file:
            plain = file.read()
        if replacement:
            old, new = (text.encode() for text in replacement)
            if old not in plain:
                sys.exit(f"{path}: {replacement[0]} is not in it")
            plain = plain.replace(old, new)
        packed = gzip.compress(plain, 9, mtime=0)
        target = os.path.abspath(os.path.join(folder, name + ".gz"))
        with open(target, "wb") as file:
            file.write(packed)
        etag = hashlib.sha256(plain).hexdigest()[:32]
        header += f"extern const unsigned char asset_{name}[];\n"
        header += (f"#define ASSET_{name.upper()} .etag = \"\\\"{etag}\\\"\", .gzip = asset_{name}, "
                   f".gzip_bytes = {len(packed)}, .plain_bytes = {len(plain)}\n")
        code += SYMBOL.format(name=name, path=target)
    with open(out_h, "w", encoding="ascii") as file:
        file.write(header + "\n#endif\n")
    with open(out_c, "w", encoding="ascii") as file:
        file.write(code)


main()
