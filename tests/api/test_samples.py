"""The samples are what their manifest says, each has an origin, and no test needs what lies beside the clone."""

import os
import re
from pathlib import Path

from support import DATA, EXPECTED, ROOT, sample, sha256

ROWS = [line.split("\t") for line in (DATA / "MANIFEST.tsv").read_text().splitlines()][1:]
NOTICE = (DATA / "NOTICE.md").read_text()
MIB = 1 << 20

# What must stay covered, whichever file does it; the character sets are those of PS3.3 C.12.1.1.2.
SYNTAXES = """1.2 1.2.1 1.2.1.99 1.2.2 1.2.5 1.2.8.1 1.2.4.50 1.2.4.51 1.2.4.53 1.2.4.55 1.2.4.57 1.2.4.70
    1.2.4.80 1.2.4.81 1.2.4.90 1.2.4.91 1.2.4.201""".split()
PHOTOMETRIC = ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"]
CHARACTER_SETS = ["ISO_IR 100", "ISO_IR 126", "ISO_IR 127", "ISO_IR 138", "ISO_IR 144", "ISO_IR 192", "GB18030"]
CHARACTER_SETS += ["\\ISO 2022 IR 149", "\\ISO 2022 IR 87", "ISO 2022 IR 13\\ISO 2022 IR 87"]


def tags(name):
    entry = EXPECTED[name]
    return {**entry.get("tags", {}), **{tag: next(iter(v.values())) for tag, v in entry.get("disagree", {}).items()}}


def test_each_file_is_the_one_of_the_manifest():
    assert {name: sha256(sample(name)) for name, *_ in ROWS} == {name: hash_ for name, hash_, *_ in ROWS}
    assert set(EXPECTED) == {name for name, *_ in ROWS if not name.startswith(("images/", "chest/"))}


def test_each_file_has_an_origin():
    known = {name for name, *_ in ROWS} | {"MANIFEST.tsv", "EXPECTED.json", "NOTICE.md"}
    here = {str(p.relative_to(DATA)) for p in DATA.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    for name in here - known:
        assert name in NOTICE or Path(name).name in NOTICE or name.startswith(("pixels/highbits-", "models/")), name
    for name, _, source, *_ in ROWS:
        assert source.split("@")[0].split(":")[0] in NOTICE, name


def test_what_must_be_covered_is():
    found = [tags(name) for name in EXPECTED]
    syntaxes = {t.get("TransferSyntaxUID", "").removeprefix("1.2.840.10008.") for t in found}
    assert set(SYNTAXES) <= syntaxes, set(SYNTAXES) - syntaxes
    assert set(PHOTOMETRIC) <= {t.get("PhotometricInterpretation") for t in found}
    assert set(CHARACTER_SETS) <= {t.get("SpecificCharacterSet") for t in found}


def test_the_samples_stay_small():
    assert sum(p.stat().st_size for p in DATA.rglob("*") if p.is_file()) < 25 * MIB


def test_nothing_beside_the_clone_is_read():
    """Of the sources; the whole run is proved by .ci/run, which gives the suite a folder with nothing beside it."""
    outside = re.compile(r"\.\./shared|shared/data|ROOT\s*/\s*\"\.\.\"|ROOT\.parent|source_root\(\)\s*/\s*'\.\.'")
    folders = ("tests", "script", "src", "bench", ".ci")
    sources = [ROOT / "meson.build", *(p for folder in folders for p in (ROOT / folder).rglob("*"))]
    kinds = (".py", ".c", ".h", ".build", "")
    for path in sources:
        is_source = (
            path.is_file() and path.suffix in kinds and not {"corpus", "data"} & set(path.relative_to(ROOT).parts)
        )
        if is_source and path != Path(__file__):
            found = outside.search(path.read_text(errors="replace"))
            assert not found, f"{path.relative_to(ROOT)}: {found.group()}"
    for path in ROOT.joinpath("tests").rglob("*"):
        if path.is_symlink():
            assert path.exists() and not os.path.isabs(os.readlink(path)) and ROOT in path.resolve().parents, path
