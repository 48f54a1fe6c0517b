"""roentgen dicom json and dump: what they say of every sample file, beside what independent tools read from it."""

import functools
import json
import logging
import math
import re
import subprocess
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.datadict import DicomDictionary, get_entry, tag_for_keyword

from support import BINARY, DATA, EXPECTED, PATIENCE, ROOT

NAMES = sorted(EXPECTED)

# Refused, rightly: (what the message says, what was read all the same). Byte offsets are of the file.
DAMAGED = {
    "dicom/bad/MR_truncated.dcm": "(7FE0,0010) at byte 1488: the file ends at byte 9630",
    "dicom/bad/no_meta_stray_byte.dcm": "(0820,0500) at byte 0",
    "dicom/bad/rtplan_truncated.dcm": "(300A,012C) at byte 2092: the file ends at byte 2129",
}

# Where pydicom is not the measure: it stops at damage that can be read over, or does not find the data set.
UNLIKE_PYDICOM = {
    "dicom/bad/badVR.dcm",
    "dicom/bad/bad_sequence.dcm",
    "dicom/bad/emri_small_jpeg_2k_lossless_too_short.dcm",
    "dicom/bad/no_meta_stray_byte.dcm",
    "dicom/bad/no_preamble_dicm_in_data",
    "dicom/dicomdir/DICOMDIR-nooffset",  # its last record runs past the sequence's end
}


def run(*arguments, stdin=None):
    return subprocess.run(
        [BINARY, "dicom", *map(str, arguments)], input=stdin, capture_output=True, timeout=PATIENCE, check=False
    )


@functools.cache
def told(*options):
    """What one process says of all samples: (JSON, message of the error or None) by name."""
    done = run("json", *options, *(DATA / name for name in NAMES))
    texts = done.stdout.splitlines()
    assert len(texts) == len(NAMES)
    errors = dict(line.split(": ", 2)[1:] for line in done.stderr.decode().splitlines())
    assert set(errors) == {str(DATA / name) for name in DAMAGED} and done.returncode == 1
    return {name: (text, errors.get(str(DATA / name))) for name, text in zip(NAMES, texts, strict=True)}


def as_text(member):
    values = member.get("Value", [])
    if member["vr"] == "PN":
        groups = ("Alphabetic", "Ideographic", "Phonetic")
        return "\\".join("=".join((name or {}).get(group, "") for group in groups).rstrip("=") for name in values)
    return "\\".join("" if value is None else str(value) for value in values)


@pytest.mark.parametrize("name", NAMES)
def test_tags_are_those_that_other_tools_read(name):
    text, error = told("--meta")[name]
    data_set = json.loads(text)
    if error:
        assert DAMAGED[name] in error
    for keyword, value in EXPECTED[name].get("tags", {}).items():
        tag = f"{tag_for_keyword(keyword):08X}"
        assert tag in data_set, keyword
        assert as_text(data_set[tag]) == str(value), keyword


def plain(value):
    """Without what tools choose differently: padding, and how nothing is written."""
    if isinstance(value, dict):
        return {key: text.strip() for key, text in value.items() if text.strip()} or ""
    return "" if value is None else value.strip() if isinstance(value, str) else value


def same_values(ours, theirs):
    ours, theirs = [plain(v) for v in ours or []], [plain(v) for v in theirs or []]
    return len(ours) == len(theirs) and all(
        a == b or (isinstance(a, (int, float)) and isinstance(b, (int, float)) and math.isclose(a, b, rel_tol=1e-12))
        for a, b in zip(ours, theirs, strict=True)
    )


def differences(ours, theirs, big_endian, path=""):
    """Members that differ. Group lengths are no part of the model; pydicom tells them."""
    for tag in sorted(set(ours) | set(theirs)):
        if tag.endswith("0000"):
            continue
        if tag not in ours or tag not in theirs:
            yield path + tag, "only in one"
            continue
        a, b = ours[tag], theirs[tag]
        if a["vr"] == "UN" != b["vr"] and int(tag[:4], 16) % 2:
            continue  # pydicom has a dictionary of private elements
        if a["vr"] != b["vr"]:
            yield path + tag, f"{a['vr']} {b['vr']}"
        elif a["vr"] == "SQ":
            items = a.get("Value", []), b.get("Value", [])
            if len(items[0]) != len(items[1]):
                yield path + tag, "items"
            for number, (x, y) in enumerate(zip(*items, strict=False)):
                yield from differences(x, y, big_endian, f"{path}{tag}/{number}/")
        elif "InlineBinary" in b and big_endian and a["vr"] == "OW":
            continue  # pydicom leaves the bytes in the file's order; PS3.18 F.2.7 asks for little endian
        elif (a.get("InlineBinary") or "") != (b.get("InlineBinary") or "") or not same_values(
            a.get("Value"), b.get("Value")
        ):
            yield path + tag, f"{str(a)[:200]} {str(b)[:200]}"


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - set(DAMAGED) - UNLIKE_PYDICOM))
def test_json_is_that_of_pydicom(name, monkeypatch):
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.IGNORE)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    text, error = told()[name]
    assert not error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pydicom.dcmread(DATA / name, force=True)
        big_endian = theirs.original_encoding[1] is False
        theirs = theirs.to_json_dict()
    assert list(differences(json.loads(text), theirs, big_endian)) == []


@pytest.mark.parametrize("name", NAMES[::9] + sorted(DAMAGED))
def test_stream_and_file_say_the_same(name):
    text, error = told("--meta")[name]
    streamed = run("json", "--meta", "-", stdin=(DATA / name).read_bytes())
    assert streamed.stdout.strip() == text
    assert streamed.returncode == bool(error)
    assert streamed.stderr.decode().strip().split(": ", 2)[2:] == ([error] if error else [])


def test_items_have_character_sets_of_their_own():
    done = run("json", DATA / "dicom/charsets/chrSQEncoding1.dcm")
    item = json.loads(done.stdout)["00321064"]["Value"][0]
    assert item["00100010"]["Value"] == [
        {"Alphabetic": "ﾔﾏﾀﾞ^ﾀﾛｳ", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]


def test_dump():
    done = run("dump", "--offsets", DATA / "dicom/CT_small.dcm")
    assert done.returncode == 0 and not done.stderr
    lines = done.stdout.decode().splitlines()
    assert any("(0010,0010) PN" in line and line.endswith("PatientName = CompressedSamples^CT1") for line in lines)
    assert any("(7FE0,0010) OW  32768  PixelData = " in line and line.endswith(" ...") for line in lines)
    offset = next(int(line.split()[0]) for line in lines if "(0028,0010)" in line)
    assert (DATA / "dicom/CT_small.dcm").read_bytes()[offset : offset + 4] == b"\x28\x00\x10\x00"
    whole = run("dump", "--all-values", DATA / "dicom/CT_small.dcm").stdout.decode()
    assert " ..." not in whole and len(whole) > 3 * 32768


def test_several_files_and_one_that_is_none():
    done = run(
        "json", DATA / "dicom/CT_small.dcm", ROOT / "README.md", ROOT / "missing", DATA / "dicom/nested_priv_SQ.dcm"
    )
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 3 and all(json.loads(line) is not None for line in lines)
    assert "README.md: " in done.stderr.decode() and "byte" in done.stderr.decode()
    assert "missing: cannot be opened" in done.stderr.decode()


def test_bulk_data_is_referred_to():
    done = run("json", "--bulk-uri", "bulk/", "--bulk-bytes", "1000", DATA / "dicom/CT_small.dcm")
    data_set = json.loads(done.stdout)
    assert data_set["7FE00010"] == {"vr": "OW", "BulkDataURI": "bulk/7FE00010"}
    assert data_set["00100010"]["Value"] == [{"Alphabetic": "CompressedSamples^CT1"}]
    assert "7FE00010" not in json.loads(run("json", "--skip-pixels", DATA / "dicom/CT_small.dcm").stdout)


@pytest.mark.parametrize("arguments", [(), ("dump",), ("show", "x"), ("json", "--bulk-bytes", "-1", "x")])
def test_wrong_calls(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr


def test_dictionary_is_that_of_pydicom(tmp_path):
    texts = sorted(Path("/usr/share").glob("libdcmtk*/dicom.dic"))
    subprocess.run([ROOT / "script/make-dictionary.py", texts[-1], tmp_path / "table.h"], check=True)
    row = re.compile(r"\{ 0x(\w{8}), VR\('(\w)', '(\w)'\), 0x(\w{4}), \"(\w+)\" \}")
    entries = row.findall((tmp_path / "table.h").read_text())
    assert len(entries) > 4800
    compared = 0
    for tag, first, second, mask, keyword in entries:
        try:
            vr, _, _, _, their_keyword = get_entry(int(tag, 16))
        except KeyError:
            continue
        compared += 1
        assert keyword == their_keyword, tag
        assert first + second in vr.split(" or "), keyword
        assert bool(int(mask, 16)) == (int(tag, 16) not in DicomDictionary), keyword
    assert compared > 4800
