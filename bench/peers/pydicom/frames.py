"""A compressed image's first frame, many times in one file, and beside it the same without compression, its pixels
zero: frames.py COUNT TARGET PLAIN SOURCE"""

import sys

from pydicom import dcmread
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import ExplicitVRLittleEndian

count, target, plain, source = int(sys.argv[1]), *sys.argv[2:]
image = dcmread(source)
frame = get_frame(image.PixelData, 0, number_of_frames=1)
image.NumberOfFrames = count
image.PixelData = encapsulate([frame] * count)
image.save_as(target)
image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
image["PixelData"].VR = "OB" if image.BitsAllocated == 8 else "OW"
image["PixelData"].is_undefined_length = False
image.PixelData = bytes(image.Rows * image.Columns * image.BitsAllocated // 8 * count)
image.save_as(plain)
