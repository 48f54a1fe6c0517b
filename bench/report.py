"""Rows of figures, printed for people and written as a table into docs/performance.md between two marks."""

import os
import platform
import re
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path

@dataclass
class Row:
    """One line of the table. `wanted` is text such as ">= 0.40"; `holds` None where nothing was asked for."""

    what: str
    ours: str
    other: str = ""
    ratio: str = ""
    wanted: str = ""
    holds: bool | None = None

    def cells(self):
        verdict = {None: "", True: "yes", False: "**no**"}[self.holds]
        return [self.what, self.ours, self.other, self.ratio, self.wanted, verdict]


HEAD = ["measured", "Roentgen", "compared with", "ratio", "wanted", "holds"]


def at_least(ratio, bound):
    return {"ratio": f"{ratio:.2f}", "wanted": f"≥ {bound:.2f}", "holds": ratio >= bound}


def times(ratio, bound):
    return {"ratio": f"{ratio:.0f} ×", "wanted": f"≥ {bound} ×", "holds": ratio >= bound}


def at_most(ratio, bound):
    return {"ratio": f"{ratio:.2f}", "wanted": f"≤ {bound:.2f}", "holds": ratio <= bound}


def number(n):
    return f"{n:,.0f}" if n >= 100 else f"{n:.1f}"


def text_table(rows):
    lines = [HEAD, *(row.cells() for row in rows)]
    lines = [[cell.replace("**", "").replace("`", "") for cell in line] for line in lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    out = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    out.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(out)


def markdown(rows, facts, notes):
    lines = [f"- {name}: {value}" for name, value in facts]
    lines += ["", "| " + " | ".join(HEAD) + " |", "|---|--:|--:|--:|--:|---|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    if notes:
        lines += ["", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"


PROSE = """# Performance

What `script/bench` measured last. It is no test: it never fails on a figure. The table between the marks is
written by the script, the rest by people.

"""


def write(path, table, name="bench"):
    """Puts `table` between the marks `name` of the page, or at its end with new ones."""
    old = path.read_text() if path.exists() else PROSE
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    block = f"{begin}\n{table}{end}"
    if begin in old and end in old:
        new = re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: block, old, count=1, flags=re.S)
    else:
        new = old.rstrip("\n") + "\n\n" + block + "\n"
    path.parent.mkdir(exist_ok=True)
    path.write_text(new)


# ---- where and with what ----


def first_line(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout.strip().splitlines()[0]
    except (OSError, IndexError):
        return "unknown"


def machine(folder):
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1]) / 1048576
    disk = first_line("findmnt", "-n", "-o", "FSTYPE", "-T", str(folder))
    return (f"{os.cpu_count()} cores of {model[1] if model else platform.machine()}, {memory:.0f} GiB memory, "
            f"Linux {platform.release().split('-')[0]}, files on {disk}")


def versions(binary, python):
    packages = subprocess.run([python, "-m", "pip", "freeze", "--disable-pip-version-check"], stdout=subprocess.PIPE,
                              text=True).stdout if python else ""
    found = [line.replace("==", " ") for line in packages.splitlines()
             if line.split("==")[0].lower() in ("fastapi", "sqlalchemy", "pydantic", "uvicorn", "pyjwt", "pydicom")]
    return ", ".join(
        [
            first_line(binary, "version"),
            first_line("nginx", "-v").removeprefix("nginx version: "),
            first_line("wrk", "-v").split(" [")[0],
            first_line("Orthanc", "--version"),
            first_line("dcmdump", "--version").strip("$ ").removeprefix("dcmtk: "),
            first_line("gdcmconv", "--version").split(" $")[0].replace(":", ""),
            "SQLite " + sqlite3.sqlite_version,
            "Python " + platform.python_version(),
            *found,
        ]
    )
