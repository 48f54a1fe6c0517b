"""DICOM images made for a test: pixels as numpy has them, attributes by keyword."""

import io
import struct
import uuid
import zlib

import numpy
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from annotations import path, points, put
from support import ok, unique

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def new_uid():
    return f"2.25.{uuid.uuid4().int}"


def item(**members):
    data = Dataset()
    for keyword, value in members.items():
        setattr(data, keyword, value)
    return data


def items(*members):
    return Sequence([item(**m) if isinstance(m, dict) else m for m in members])


def image(pixels, syntax=ExplicitVRLittleEndian, frame=None, **members):
    """The bytes of a file. `frame`: its encoded pixels, where `syntax` encapsulates them. Members of None are left
    out."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    data = Dataset()
    data.file_meta = meta
    rows, columns = pixels.shape[:2]
    bits = pixels.dtype.itemsize * 8
    colour = pixels.ndim == 3
    given = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CT_IMAGE,
        "SOPInstanceUID": new_uid(),
        "StudyDate": "20260102",
        "StudyTime": "101112",
        "AccessionNumber": "",
        "Modality": "CT",
        "PatientName": "Pixel^Test",
        "PatientID": unique("V"),
        "StudyInstanceUID": new_uid(),
        "SeriesInstanceUID": new_uid(),
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": bits,
        "BitsStored": bits,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        **({"PlanarConfiguration": 0} if colour else {}),
        **members,
    }
    given.setdefault("HighBit", given["BitsStored"] - 1)
    for keyword, value in given.items():
        if value is not None:
            setattr(data, keyword, value)
    if pixels.dtype.kind == "f":
        if bits == 32:
            data.FloatPixelData = pixels.tobytes()
        else:
            data.DoubleFloatPixelData = pixels.tobytes()
        for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
            delattr(data, keyword)
    elif frame is not None:
        data.PixelData = encapsulate([frame])
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
    else:
        stored = pixels.transpose(2, 0, 1) if given.get("PlanarConfiguration") == 1 else pixels
        data.PixelData = stored.tobytes()
        data["PixelData"].VR = "OW" if bits > 8 else "OB"
    meta.MediaStorageSOPClassUID = data.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    out = io.BytesIO()
    pydicom.dcmwrite(out, data, enforce_file_format=True)
    return out.getvalue()


def renamed_syntax(content, old, new):
    """Under a transfer syntax that pydicom does not know yet."""
    old, new = (uid.encode() + b"\0" * (len(uid) % 2) for uid in (old, new))
    before = struct.pack("<HH2sH", 2, 0x10, b"UI", len(old)) + old
    assert content.count(before) == 1
    content = content.replace(before, struct.pack("<HH2sH", 2, 0x10, b"UI", len(new)) + new)
    length = struct.unpack_from("<I", content, 140)[0] + len(new) - len(old)
    return content[:140] + struct.pack("<I", length) + content[144:]


def another(content):
    """The same file as an instance of its own."""
    uid = str(pydicom.dcmread(io.BytesIO(content), specific_tags=["SOPInstanceUID"]).SOPInstanceUID).encode()
    return content.replace(uid, uid[:-9] + str(100_000_000 + uuid.uuid4().int % 900_000_000).encode())


def deflated_frame(pixels):
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeezer.compress(pixels.tobytes()) + squeezer.flush()


def send(api, content):
    return api.upload(content, filename=unique("made-") + ".dcm")


def measured_at(api, file, x, y, frame=1):
    """What a `point` on pixel (x, y) is: (value, unit); None: it has none."""
    etag = api.get(path(file)).headers["etag"]
    body = put(api, file, [{"kind": "point", "frame": frame, "points": points((x + 0.5, y + 0.5))}], etag=etag)
    values = body["annotations"][0]["values"]
    return (values[0]["value"], values[0]["unit"]) if values else None


def histogram_of(api, file, frame=1):
    return ok(api.get(f"/images/{file['id']}/histogram", params={"frame": frame}))


def rendered(api, file, **query):
    answer = api.get(f"/images/{file['id']}/rendered", params={"format": "png", **query})
    assert answer.status_code == 200, answer.text[:500]
    return answer


def drawn(api, file, **query):
    """The picture's brightness or colours."""
    from PIL import Image

    return numpy.asarray(Image.open(io.BytesIO(rendered(api, file, **query).content))).astype(int)


def code(value, meaning="", scheme="UCUM"):
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning or value)


def words(*numbers, signed=False):
    return struct.pack(f"<{len(numbers)}{'h' if signed else 'H'}", *numbers)
