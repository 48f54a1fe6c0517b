"""Files a second of a folder of DICOM files, read up to their pixels with pydicom: headers.py FOLDER"""

import sys
import time
from pathlib import Path

from pydicom import dcmread

started = time.perf_counter()
count = 0
for path in Path(sys.argv[1]).iterdir():
    dcmread(path, stop_before_pixels=True)
    count += 1
print(count / (time.perf_counter() - started))
