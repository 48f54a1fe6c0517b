"""The peer of `script/bench reports`: renders a page to PDF again and again, and prints the milliseconds of each."""

import json
import sys
import time

from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration

page, out, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
fonts, took = FontConfiguration(), []
for i in range(rounds + 1):
    began = time.perf_counter()
    HTML(filename=page).write_pdf(out, font_config=fonts)
    if i:
        took.append(1000 * (time.perf_counter() - began))
print(json.dumps(took))
