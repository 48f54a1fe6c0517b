#!/usr/bin/env python3
"""Makes samples of kinds whose public files are large or come without terms: make_samples.py FOLDER (here: dicom/).

Needs pydicom, numpy and DCMTK.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

ROOT = "2.25.329800735698586629295641978511506172"


def item(**members):
    data = Dataset()
    for keyword, value in members.items():
        setattr(data, keyword, value)
    return data


def saved(path, number, syntax, sop_class, **members):
    data = item(
        SpecificCharacterSet="ISO_IR 192",
        SOPClassUID=sop_class,
        SOPInstanceUID=f"{ROOT[:-4]}{number}001",
        StudyDate="20260105",
        StudyTime="101500",
        AccessionNumber="",
        PatientID=f"MADE{number}",
        StudyInstanceUID=f"{ROOT[:-4]}{number}002",
        SeriesInstanceUID=f"{ROOT[:-4]}{number}003",
        SeriesNumber=1,
        InstanceNumber=1,
        **members,
    )
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(path, data, enforce_file_format=True)


def structures(path):
    """Two outlines through forty slices: values of kilobytes each, sequences in sequences."""
    angle = numpy.linspace(0, 2 * numpy.pi, 60, endpoint=False)

    def contour(radius, z):
        x, y = radius * numpy.cos(angle), radius * numpy.sin(angle)
        numbers = numpy.stack([x, y, numpy.full_like(x, z)], axis=1).round(2).ravel()
        return item(
            ContourGeometricType="CLOSED_PLANAR",
            NumberOfContourPoints=60,
            ContourData=[f"{n:g}" for n in numbers],
        )

    saved(
        path,
        1,
        ImplicitVRLittleEndian,
        "1.2.840.10008.5.1.4.1.1.481.3",
        Modality="RTSTRUCT",
        PatientName="Made^Outlines",
        StructureSetLabel="OUTLINES",
        StructureSetROISequence=[item(ROINumber=n, ROIName=name) for n, name in ((1, "Body"), (2, "Lens left"))],
        ROIContourSequence=[
            item(
                ROIDisplayColor=colour,
                ReferencedROINumber=n,
                ContourSequence=[contour(radius, z * 2.5) for z in range(20)],
            )
            for n, radius, colour in ((1, 90, [0, 255, 0]), (2, 4.5, [255, 0, 0]))
        ],
    )


def spectroscopy(path):
    """One voxel's signal: floats that are no pixels (PS3.3 C.8.14.4)."""
    time = numpy.arange(256) / 1000
    signal = numpy.exp(-5 * time) * numpy.exp(2j * numpy.pi * 60 * time)
    saved(
        path,
        2,
        ExplicitVRLittleEndian,
        "1.2.840.10008.5.1.4.1.1.4.2",
        Modality="MR",
        PatientName="Made^Spectrum",
        ImageType=["ORIGINAL", "PRIMARY", "SPECTROSCOPY", "NONE"],
        Rows=1,
        Columns=1,
        NumberOfFrames=1,
        DataPointRows=1,
        DataPointColumns=256,
        DataRepresentation="COMPLEX",
        SharedFunctionalGroupsSequence=[item(PixelMeasuresSequence=[item(SliceThickness=20, PixelSpacing=[20, 20])])],
        SpectroscopyData=numpy.stack([signal.real, signal.imag], axis=1).astype("<f4").tobytes(),
    )


def more_than_a_frame(path):
    """One frame in the header, the Pixel Data of twenty, as in volumes cut up afterwards. The name is blank."""
    slices = numpy.arange(20 * 16 * 16, dtype="<i2").reshape(20, 16, 16) - 100
    saved(
        path,
        3,
        ExplicitVRLittleEndian,
        "1.2.840.10008.5.1.4.1.1.4",
        Modality="MR",
        PatientName="",
        ImageOrientationPatient=[0.98, 0.17, 0.05, -0.17, 0.96, -0.22],
        ImagePositionPatient=[-100, -80, 12.5],
        PixelSpacing=[0.9, 0.9],
        SliceThickness=3,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=16,
        Columns=16,
        BitsAllocated=16,
        BitsStored=16,
        HighBit=15,
        PixelRepresentation=1,
        PixelData=slices.tobytes(),
    )


def encoded(path, number, sop_class, samples, bits, encoder, **members):
    """Blurred noise as an encoder of DCMTK writes it."""
    blurred = sum(numpy.roll(samples, (y, x), (0, 1)) for y in range(3) for x in range(3)) // 9
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.dcm"
        saved(
            plain,
            number,
            ExplicitVRLittleEndian,
            sop_class,
            SamplesPerPixel=1,
            PhotometricInterpretation="MONOCHROME2",
            Rows=samples.shape[0],
            Columns=samples.shape[1],
            BitsAllocated=16,
            BitsStored=bits,
            HighBit=bits - 1,
            PixelRepresentation=0,
            PixelData=blurred.astype(samples.dtype).tobytes(),
            **members,
        )
        subprocess.run([*encoder, plain, path], check=True)


folder, dice = Path(sys.argv[1]), numpy.random.default_rng(12)
structures(folder / "rtstruct.dcm")
spectroscopy(folder / "spectroscopy.dcm")
more_than_a_frame(folder / "excess_pixels.dcm")
encoded(
    folder / "xa_extended.dcm",
    4,
    "1.2.840.10008.5.1.4.1.1.12.1",
    dice.integers(0, 4096, (96, 128), numpy.uint16),
    12,
    ["dcmcjpeg", "+ee", "+un"],
    Modality="XA",
    PatientName="Made^Angiogram",
)
