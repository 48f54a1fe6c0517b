"""script/bench imaging: decoded MB a second by transfer syntax, beside GDCM's and DCMTK's programs on the same files."""

import os
import statistics
import subprocess

import servers
from ingest import say
from report import number

FOLDER, PLAIN = "dicom/ct_transfer_syntaxes", "CTImage.dcm"
DCMTK = {"RLE": "dcmdrle", "JPEGProcess": "dcmdjpeg", "JPEGLS": "dcmdjpls"}  # by the beginning of a syntax' name; JPEG 2000: none
GDCM = ("gdcmconv", "--raw")


def peers_of(file):
    syntax = file.name.removeprefix(PLAIN + "_")
    return [GDCM, *((program,) for beginning, program in DCMTK.items() if syntax.startswith(beginning))]


def processor_s(command, source, target):
    """Processor time of a program that writes `source` decoded to `target`; None when it cannot."""
    process = subprocess.Popen([*command, str(source), str(target)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    return None if status else used.ru_utime + used.ru_stime


def median_s(command, source, target, runs):
    seconds = [processor_s(command, source, target) for _ in range(runs)]
    return None if None in seconds else statistics.median(seconds)


def ours(bench, files):
    """{file: (bytes, MB/s)} and the names of the syntaxes."""
    program = servers.compiled_with_ours("floor/decode.c", bench.folder / "decoders", bench.build)
    done = subprocess.run([program, str(bench.run_s / 5), *files], stdout=subprocess.PIPE, text=True, check=True)
    out = {}
    for line in done.stdout.splitlines():
        size, _, rate, name, path = line.split("\t")
        out[path] = int(size), float(rate), name
    return out


def decoders(bench):
    """The first frame of each compressed file; see README.md for what is subtracted from the peers' programs."""
    folder = bench.data / FOLDER
    files = [f for f in sorted(folder.iterdir()) if f.name.startswith((f"{PLAIN}_JPEG", f"{PLAIN}_RLE"))]
    os.sched_setaffinity(0, {servers.CLIENT_CORE})
    found = [ours(bench, files) for _ in range(bench.runs)]
    target, runs = bench.folder / "decoders" / "out.dcm", 5 if bench.quick else 25
    empty = {}
    for file in files:
        size, _, name = found[0][str(file)]
        mine = statistics.median(f[str(file)][1] for f in found)
        rates = {}
        for command in peers_of(file):
            if command not in empty:
                empty[command] = median_s(command, folder / PLAIN, target, runs)
            whole = median_s(command, file, target, runs)
            if whole is not None and whole > empty[command]:
                rates[command[0]] = size / 1e6 / (whole - empty[command])
        bench.add(f"{name}: decoding", f"{number(mine)} MB/s", ", ".join(f"`{peer}`: {number(rate)}" for peer, rate in rates.items()) or "none",
                  ratio=f"{mine / max(rates.values()):.1f} ×" if rates else "")
    say("      without decoding: " + ", ".join(f"{command[0]} {seconds * 1000:.1f} ms" for command, seconds in empty.items()))
    bench.notes.append("Decoders: processor time, the first frame of each file of `ct_transfer_syntaxes`; of the peers' programs what they "
                       "take for the same image uncompressed is subtracted: "
                       + ", ".join(f"{command[0]} {seconds * 1000:.1f} ms" for command, seconds in empty.items())
                       + ". The ratio is to the faster of them.")


PARTS = {"decoders": decoders}
