"""script/bench imaging: decoded MB a second by transfer syntax, beside GDCM's and DCMTK's programs on the same
frames."""

import os
import statistics
import subprocess

import servers
from ingest import say
from report import number

FOLDER, PLAIN = "dicom/ct_transfer_syntaxes", "CTImage.dcm"
# by the beginning of a syntax' name; JPEG 2000: none
DCMTK = {"RLE": "dcmdrle", "JPEGProcess": "dcmdjpeg", "JPEGLS": "dcmdjpls"}
GDCM = ("gdcmconv", "--raw")
FRAMES = 20  # in a file for the peers, so that starting their programs does not hide the decoding


def peers_of(file):
    syntax = file.name.removeprefix(PLAIN + "_")
    return [GDCM, *((program,) for beginning, program in DCMTK.items() if syntax.startswith(beginning))]


def processor_s(command, source, target):
    """Processor time of a program that writes `source` decoded to `target`; None when it cannot, which gdcmconv says by
    no status."""
    process = subprocess.Popen([*command, str(source), str(target)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    complaint = process.stdout.read()
    _, process.returncode, used = os.wait4(process.pid, 0)
    failed = process.returncode or (command == GDCM and complaint)
    return None if failed else used.ru_utime + used.ru_stime


def decoding_s(command, compressed, plain, target, runs):
    """The least of some runs, which other work on the machine disturbs least, less that of as many without
    compression."""
    taken = [(processor_s(command, compressed, target), processor_s(command, plain, target)) for _ in range(runs)]
    if any(None in pair for pair in taken):
        return None
    whole, rest = (min(column) for column in zip(*taken))
    return whole - rest if whole > rest else None


def ours(bench, files):
    """{file: (bytes of a frame, MB/s, name of the transfer syntax)}"""
    program = servers.compiled_with_ours("floor/decode.c", bench.folder / "decoders", bench.build)
    done = subprocess.run([program, str(bench.run_s / 5), *files], stdout=subprocess.PIPE, text=True, check=True)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return {path: (int(size), float(rate), name) for size, _, rate, name, path in lines}


def decoders(bench):
    """The frame of each compressed file."""
    bench.python = servers.peer_python(say)
    folder, work = bench.data / FOLDER, bench.folder / "decoders"
    files = [f for f in sorted(folder.iterdir()) if f.name.startswith((f"{PLAIN}_JPEG", f"{PLAIN}_RLE"))]
    os.sched_setaffinity(0, {servers.CLIENT_CORE})
    found = [ours(bench, files) for _ in range(bench.runs)]
    compressed, plain, target = (work / name for name in ("compressed.dcm", "plain.dcm", "out.dcm"))
    for file in files:
        subprocess.run(
            [bench.python, servers.HERE / "peers" / "pydicom" / "frames.py", str(FRAMES), compressed, plain, file],
            check=True,
        )
        size, _, name = found[0][str(file)]
        mine, rates = statistics.median(f[str(file)][1] for f in found), {}
        for command in peers_of(file):
            seconds = decoding_s(command, compressed, plain, target, 3 if bench.quick else 10)
            rates[command[0]] = FRAMES * size / 1e6 / seconds if seconds else None
        best = max(filter(None, rates.values()), default=None)
        bench.add(f"decoding {name}", f"{number(mine)} MB/s",
                  ", ".join(f"{peer} {f'{number(rate)} MB/s' if rate else 'cannot'}" for peer, rate in rates.items()),
                  ratio=f"{mine / best:.1f} ×" if best else "")
    bench.notes.append(
        f"Decoders: processor time for the frame of each file of `ct_transfer_syntaxes`. The peers' programs get it "
        f"{FRAMES} times in one "
        "file; what they take for as many frames without compression is subtracted. The ratio is to the faster one."
    )


PARTS = {"decoders": decoders}
