#!/usr/bin/env python3
"""Writes EXPECTED.json: what independent tools read from the files below a folder.

usage: make_expected.py [folder]       (default: the folder of this script; its files are all those of MANIFEST.tsv)
needs: pydicom, numpy, Pillow; dcmtk (dcmdump, dcmconv, dcmdjpeg, dcmdjpls, dcmdrle);
       gdcm (gdcmconv); openjpeg (opj_decompress); iconv.

Tags come from pydicom and from dcmdump.  The first frame comes from gdcm, from
dcmtk, from pydicom (uncompressed, deflated, RLE) and from openjpeg (JPEG 2000,
HTJ2K).  Equal answers are written once; unequal ones per tool under "disagree".
Files below "images" are read with Pillow.
"""
import hashlib
import json
import logging
import os
import re
import resource
import subprocess
import sys
import tempfile
import warnings
import zlib

import numpy as np
import pydicom

warnings.simplefilter("ignore")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
TAGS = {"TransferSyntaxUID": "0002,0010", "SOPClassUID": "0008,0016", "SOPInstanceUID": "0008,0018",
        "StudyInstanceUID": "0020,000d", "SeriesInstanceUID": "0020,000e", "PatientID": "0010,0020",
        "PatientName": "0010,0010", "Modality": "0008,0060", "BodyPartExamined": "0018,0015",
        "StudyDate": "0008,0020", "Rows": "0028,0010", "Columns": "0028,0011",
        "BitsAllocated": "0028,0100", "BitsStored": "0028,0101", "PixelRepresentation": "0028,0103",
        "PhotometricInterpretation": "0028,0004", "SamplesPerPixel": "0028,0002",
        "NumberOfFrames": "0028,0008", "SpecificCharacterSet": "0008,0005"}
NUMBERS = {"Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation",
           "SamplesPerPixel", "NumberOfFrames"}
LINE = re.compile(rb"^\((\w{4},\w{4})\) (\S\S) (.*?) *# *[0-9u/l]+, *\d+ [^\n]+$", re.S | re.M)


def limit():
    """Some damaged files make the tools ask for gigabytes."""
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))


def run(*args):
    p = subprocess.run(args, capture_output=True, timeout=120, preexec_fn=limit)
    return p.returncode, p.stdout, p.stderr.decode("utf-8", "replace").strip()


def tidy(name, value):
    value = value.replace("\0", "").strip()
    if name == "PatientName":
        value = "\\".join(v.rstrip("=") for v in value.split("\\"))
    if name in NUMBERS:
        try:
            return int(value)
        except ValueError:
            pass
    return value


def by_pydicom(path):
    ds = pydicom.dcmread(path, force=True)
    out, meta = {}, getattr(ds, "file_meta", {})
    for name in TAGS:
        src = meta if name == "TransferSyntaxUID" else ds
        try:
            v = src.get(name)
        except Exception as e:
            raise ValueError("%s: %s" % (name, e))
        if v is None and name not in src:
            continue
        multi = isinstance(v, (list, pydicom.multival.MultiValue))
        text = "" if v is None else "\\".join(map(str, v)) if multi else str(v)
        out[name] = tidy(name, text)
    if not out:
        raise ValueError("no known element")
    return ds, out


def iconv(raw):
    """ISO 2022 names, which glibc's iconv does not take by their DICOM terms."""
    parts = []
    for group in raw.split(b"="):
        kind = "ISO-2022-JP" if b"\x1b" in group else "SHIFT_JIS"
        p = subprocess.run(["iconv", "-f", kind, "-t", "UTF-8"], input=group, capture_output=True)
        if p.returncode:
            return None
        parts.append(p.stdout.decode("utf-8"))
    return "=".join(parts)


def by_dcmtk(path):
    base = ["dcmdump", "+L", "-Un"]
    rc, plain, err = run(*base, path)
    if rc:
        raise ValueError(err.splitlines()[-1].replace(path, os.path.basename(path)) if err else "exit %d" % rc)
    rc, utf8, _ = run(*base, "+U8", path)
    tool = "dcmtk+iconv" if rc and b"IR 87" in plain else "dcmtk"
    found, names = {}, {v: k for k, v in TAGS.items()}
    for text in ([plain] if rc else [utf8, plain]):
        for tag, vr, val in LINE.findall(text):
            name = names.get(tag.decode())
            if not name or name in found or (text is utf8 and name == "SpecificCharacterSet"):
                continue
            val = b"" if val.startswith(b"(no value") else val[1:-1] if val[:1] == b"[" else val
            if vr == b"UN":
                val = bytes.fromhex(val.replace(b"\\", b"").decode())
                val = val if name not in NUMBERS or name == "NumberOfFrames" else b"%d" % int.from_bytes(val, "little")
            val = iconv(val) if tool == "dcmtk+iconv" and name == "PatientName" else val.decode("utf-8", "replace")
            if val is not None:
                found[name] = tidy(name, val)
    if not found:
        raise ValueError("no known element")
    return tool, found


def first_frame(path):
    """First frame of a file without encapsulated pixels: interleaved, little endian."""
    ds = path if isinstance(path, pydicom.Dataset) else pydicom.dcmread(path, force=True)
    if getattr(ds, "file_meta", None) is None or "TransferSyntaxUID" not in ds.file_meta:
        ds.file_meta = getattr(ds, "file_meta", None) or pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    if ds.file_meta.TransferSyntaxUID == pydicom.uid.RLELossless:
        ds.convert_pixel_data("rle")
        pixels = ds.pixel_array[0] if int(ds.get("NumberOfFrames", 1) or 1) > 1 else ds.pixel_array
        ds.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
        ds.PlanarConfiguration = 0
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    if ds.file_meta.TransferSyntaxUID.is_compressed and "1.2.1.99" not in ds.file_meta.TransferSyntaxUID:
        return None
    floats = {"FloatPixelData": "f4", "DoubleFloatPixelData": "f8"}
    key = next((k for k in ("PixelData", *floats) if k in ds), None)
    if not key:
        return None
    rows, cols, spp = ds.Rows, ds.Columns, int(ds.get("SamplesPerPixel", 1))
    bits, order = int(ds.get("BitsAllocated", 8)), "<" if ds.is_little_endian else ">"
    n, raw = rows * cols * spp, ds[key].value
    info = {"photometric": str(ds.get("PhotometricInterpretation", "")), "bits_allocated": bits}
    if bits == 1:
        a = np.unpackbits(np.frombuffer(raw, "u1"), bitorder="little")[:n]
    elif bits in (8, 16, 32, 64):
        kind = floats.get(key, "u%d" % (bits // 8))
        if ds.get("PhotometricInterpretation") == "YBR_FULL_422" and key == "PixelData":
            n = n * 2 // 3
        if bits == 8 and order == ">" and ds["PixelData"].VR == "OW":
            raw = np.frombuffer(raw, "u2").byteswap().tobytes()
        a = np.frombuffer(raw, order + kind, min(n, len(raw) // (bits // 8)))
        a = a.astype(a.dtype.newbyteorder("<"))
    else:
        return None
    if len(a) < n:
        return None
    if spp > 1 and int(ds.get("PlanarConfiguration", 0) or 0) == 1 and n == rows * cols * spp:
        a = a.reshape(spp, rows * cols).T.reshape(-1)
    info.update(bytes=a.nbytes, sha256=hashlib.sha256(a.tobytes()).hexdigest())
    if key == "PixelData" and bits > 1:
        stored = int(ds.get("BitsStored", bits) or bits)
        low = int(ds.get("HighBit", stored - 1)) - stored + 1
        s = a.astype("i8") >> low & (1 << stored) - 1
        if ds.get("PixelRepresentation", 0):
            s = np.where(s >> stored - 1, s - (1 << stored), s)
    else:
        s = a
    conv = float if s.dtype.kind == "f" else int
    info.update(min=conv(s.min()), max=conv(s.max()), mean=round(float(s.mean()), 3))
    return info


def codestream(path, ts, tmp):
    """First frame through opj_decompress (JPEG 2000, HTJ2K) or zlib (deflated image frame)."""
    ds = pydicom.dcmread(path, force=True)
    frame = next(pydicom.encaps.generate_pixel_data_frame(ds.PixelData, int(ds.get("NumberOfFrames", 1) or 1)))
    if ts.endswith(".8.1"):
        ds.PixelData = zlib.decompress(frame, -15)
    else:
        src, dst = os.path.join(tmp, "f.jp2" if frame[4:8] == b"jP  " else "f.j2k"), os.path.join(tmp, "f.rawl")
        with open(src, "wb") as f:
            f.write(frame)
        if run("opj_decompress", "-i", src, "-o", dst)[0]:
            return None
        with open(dst, "rb") as f:
            ds.PixelData = f.read()
        ds.PlanarConfiguration = 1
        if ds.BitsAllocated == 1:
            ds.BitsAllocated = ds.BitsStored = 8
            ds.HighBit = 7
        if str(ds.get("PhotometricInterpretation", ""))[:6] in ("YBR_RC", "YBR_IC"):
            ds.PhotometricInterpretation = "RGB"
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.is_little_endian, ds.is_implicit_VR = True, False
    return first_frame(ds)


def frames(path, ts, has_pixels):
    got = {}
    if not has_pixels:
        return got
    dcm = ["dcmdjpeg", "+cn"] if re.search(r"\.4\.(5|6|70)", ts) else ["dcmdjpls"] if re.search(r"\.4\.8[01]$", ts) \
        else ["dcmdrle"] if ts.endswith("1.2.5") else None if re.search(r"1\.2\.(4|8)\.", ts) else ["dcmconv", "+te"]
    with tempfile.TemporaryDirectory() as tmp:
        for tool, cmd in (("gdcm", ["gdcmconv", "--raw"]), ("dcmtk", dcm), ("pydicom", None)):
            src = path
            if tool != "pydicom":
                src = os.path.join(tmp, tool)
                if not cmd:
                    continue
                try:
                    if run(*cmd, path, src)[0] or not os.path.exists(src):
                        continue
                except subprocess.TimeoutExpired:
                    continue
            try:
                info = first_frame(src)
            except Exception:
                info = None
            if info:
                got[tool] = info
        if re.search(r"1\.2\.(4\.(9[01]|20[123])|8\.1)$", ts):
            try:
                info = codestream(path, ts, tmp)
            except Exception:
                info = None
            if info:
                got["zlib" if ts.endswith(".8.1") else "openjpeg"] = info
    return got


def one(path):
    rec, views, ds = {}, {}, None
    try:
        ds, views["pydicom"] = by_pydicom(path)
    except Exception as e:
        rec.setdefault("failed", {})["pydicom"] = "%s: %s" % (type(e).__name__, e)
    try:
        tool, tags = by_dcmtk(path)
        views[tool] = tags
    except Exception as e:
        rec.setdefault("failed", {})["dcmtk"] = str(e)
    if not views:
        return rec
    rec["read_by"] = sorted(views)
    rec["tags"] = {}
    for name in TAGS:
        vals = {t: v.get(name) for t, v in views.items()}
        if all(v is None for v in vals.values()):
            continue
        if len({json.dumps(v) for v in vals.values()}) == 1:
            rec["tags"][name] = next(iter(vals.values()))
        else:
            rec.setdefault("disagree", {})[name] = vals
    ts = str(next((v["TransferSyntaxUID"] for v in views.values() if v.get("TransferSyntaxUID")), ""))
    has = ds is None or any(k in ds for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
    got = frames(path, ts, has)
    groups = {}
    for tool, info in got.items():
        groups.setdefault(json.dumps(info, sort_keys=True), []).append(tool)
    if len(groups) == 1:
        key, tools = next(iter(groups.items()))
        rec["frame0"] = dict(json.loads(key), by=tools)
    elif groups:
        rec["frame0"] = {"disagree": [dict(json.loads(k), by=t) for k, t in groups.items()]}
    return rec


def image(path):
    from PIL import Image
    try:
        with Image.open(path) as im:
            im.load()
            return {"format": im.format, "width": im.width, "height": im.height, "mode": im.mode,
                    "pages": getattr(im, "n_frames", 1), "by": ["Pillow"],
                    "sha256_decoded_first_page": hashlib.sha256(im.tobytes()).hexdigest()}
    except Exception as e:
        return {"failed": {"Pillow": type(e).__name__}}


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    out = {"tools": {"pydicom": pydicom.__version__,
                     "dcmtk": run("dcmdump", "--version")[1].decode().split()[2].lstrip("v"),
                     "gdcm": run("gdcmconv", "--version")[1].decode().split()[2]}, "files": {}, "images": {}}
    with open(os.path.join(root, "MANIFEST.tsv"), encoding="utf-8") as manifest:
        names = [line.split("\t")[0] for line in manifest][1:]
    for name in names:
        if name.startswith(("images/", "chest/")):
            out["images"][name] = image(os.path.join(root, name))
        else:
            out["files"][name] = one(os.path.join(root, name))
    with open(os.path.join(root, "EXPECTED.json"), "w", encoding="utf-8") as f:
        json.dump(out, f, indent=1, ensure_ascii=False, sort_keys=True)
        f.write("\n")


if __name__ == "__main__":
    main()
