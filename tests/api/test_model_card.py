"""The model that ships is the one of its card, and its golden films are the ones that were judged."""

import json

from support import DATA, ROOT, sha256

MODEL = ROOT / "models" / "chest-pneumonia"
CARD = json.loads((MODEL / "card.json").read_text())
GOLDEN = json.loads((DATA / "chest" / "golden.json").read_text())


def test_the_model_is_the_one_of_its_card():
    content = (MODEL / CARD["file"]).read_bytes()
    assert (len(content), sha256(content)) == (CARD["bytes"], CARD["sha256"])
    assert len(content) < 5_000_000
    for name in ("name", "version", "licence", CARD["labels"][0]["code"]["value"]):
        assert str(CARD.get(name, name)).encode() in content, name  # what the file says of itself


def test_the_golden_values_are_of_this_model():
    assert (GOLDEN["sha256"], GOLDEN["threshold"]) == (CARD["sha256"], CARD["labels"][0]["threshold"])
    assert set(GOLDEN["films"]) == {path.name for path in (DATA / "chest").glob("*.jpg")}
    kinds = [(film["source"], film["label"]) for film in GOLDEN["films"].values()]
    assert {kind: kinds.count(kind) for kind in kinds} == {(s, n): 5 for s in ("Kermany", "NIH") for n in (0, 1)}


def test_the_card_never_claims_more_than_was_measured():
    figures = CARD["figures"]["by_source"]
    for source, least in (("Kermany", 0.94), ("NIH", 0.77)):
        low, high = figures[source]["auc_95"]
        assert least <= figures[source]["auc"] and low <= figures[source]["auc"] <= high
    assert "Not for diagnosis" in CARD["intended_use"]
