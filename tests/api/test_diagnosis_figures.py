"""How models do here, month by month: counted, compared with readers, drawn."""

import json
import math
import xml.etree.ElementTree as ET

import numpy
import pytest

from support import ok, problem
from test_diagnosis import GOLDEN, SHIPPED, ask, bring, chief, ended, film, house, model, upload

__all__ = ["chief", "house", "model"]
MONTH = {"2026-01": 1767600000000000, "2026-02": 1770300000000000}  # a moment in each


def seen(row):
    """By the reader of a model of one label."""
    return "null" if row["verdict"] == "REJECTED" else int(row["alarm"] == row["agreed"])


@pytest.fixture(scope="module")
def past(house, chief):
    """A model of two months: 40 results each, of which some are judged."""
    card = json.loads((SHIPPED / "card.json").read_text())
    card["version"], card["title"] = "0.1", "of the past"
    made = bring(chief, card=card)["id"]
    random = numpy.random.default_rng(3)
    rows = []
    for month, moment in MONTH.items():
        for i in range(40):
            score = float(random.random()) if month == "2026-01" else float(random.random() ** 3)
            verdict = [None, "CONFIRMED", "MODIFIED", "REJECTED", "MODIFIED"][i % 5]
            rows.append({
                "moment": moment + i * 1000, "study": i // 2, "score": score, "alarm": score >= 0.5,
                "wait": int(random.integers(2000, 900000)), "run": int(random.integers(1000, 90000)),
                "shares": [625] * 16 if month == "2026-01" else [1250] * 8 + [0] * 8,
                "verdict": verdict, "agreed": verdict == "CONFIRMED" or (verdict == "MODIFIED" and i % 10 < 5),
                "month": month,
            })
    for number, row in enumerate(rows):
        house.database.rows(
            "insert into diagnosis_figures(model_id, finished_at, diagnosis_id, study_id, is_shadow, is_alarm, score, "
            f"wait_us, run_us, histogram, verdict, is_agreed, is_seen) values ({made}, {row['moment']}, "
            f"{10**6 + number}, "
            f"{row['study']}, 0, {int(row['alarm'])}, {row['score']!r}, {row['wait']}, {row['run']}, "
            f"'{','.join(map(str, row['shares']))}', "
            + (f"'{row['verdict']}', {int(row['agreed'])}, {seen(row)})" if row["verdict"] else "null, null, null)")
        )
    return made, rows


def wilson(part, whole):
    z, p = 1.959963984540054, part / whole
    middle, half = p + z * z / 2 / whole, z * math.sqrt((p * (1 - p) + z * z / 4 / whole) / whole)
    return [p, (middle - half) / (1 + z * z / whole), (middle + half) / (1 + z * z / whole)]


def psi(now, first):
    now, first = (numpy.maximum(numpy.array(x, float) / sum(x), 1e-4) for x in (now, first))
    return float(((now - first) * numpy.log(now / first)).sum())


def near(told, expected, by=1e-9):
    return told == pytest.approx(expected, rel=by)


def test_months_are_counted_as_others_count_them(chief, past):
    made, rows = past
    items = ok(chief.get("/diagnosis/stats", params={"model_id": made, "from": "2026-01-05", "to": "2026-03-01"}))[
        "items"
    ]
    assert [m["month"] for m in items] == ["2026-01", "2026-02"]
    first = [r["score"] for r in rows if r["month"] == "2026-01"]
    for told in items:
        of = [r for r in rows if r["month"] == told["month"]]
        alarms = [r for r in of if r["alarm"]]
        judged = [r for r in of if r["verdict"]]
        assert (told["results"], told["studies"], told["refused"], told["alarms"]) == (40, 20, 0, len(alarms))
        assert near(told["alarms_per_100"], 100 * len(alarms) / 40)
        assert (told["judged"], told["confirmed"], told["modified"], told["rejected"]) == (32, 8, 16, 8)
        of_alarms = [r["agreed"] for r in judged if r["alarm"]]
        assert near(list(told["ppv"].values()), wilson(sum(of_alarms), len(of_alarms)))
        assert near(list(told["agreement"].values()), wilson(sum(r["agreed"] for r in judged), 32))
        pairs = [(r["alarm"], r["alarm"] == r["agreed"]) for r in judged if r["verdict"] != "REJECTED"]
        alike = sum(a == b for a, b in pairs) / len(pairs)
        a, b = (sum(p[k] for p in pairs) / len(pairs) for k in (0, 1))
        chance = a * b + (1 - a) * (1 - b)
        assert near(told["kappa"], (alike - chance) / (1 - chance))
        for member, key in (("wait", "wait"), ("run", "run")):
            values = sorted(r[key] / 1000 for r in of)
            assert near(told[f"{member}_p50_ms"], values[19], 0.011)
            assert near(told[f"{member}_p95_ms"], values[37], 0.011)
        scores = [r["score"] for r in of]
        assert near(told["score_mean"], sum(scores) / 40)
        classes = [numpy.histogram(s, 10, (0, 1))[0] for s in (scores, first)]
        assert near(told["score_drift"], psi(*classes)) or told["score_drift"] == 0 == psi(*classes)
    assert items[0]["input_drift"] == 0 and near(items[1]["input_drift"], psi([2] * 8 + [0] * 8, [1] * 16))


def test_they_are_drawn(chief, past):
    made, _ = past
    query = {"model_id": made, "from": "2026-01-05", "to": "2026-03-01"}
    answer = chief.get("/diagnosis/stats.svg", params=query)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/svg+xml"
    assert "style-src" in answer.headers["content-security-policy"]
    drawn = ET.fromstring(answer.text)
    texts = [t.text for t in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "chest-pneumonia 0.1" in texts and "2026-02" in texts
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 14
    chinese = chief.get("/diagnosis/stats.svg", params={**query, "language": "zh"})
    assert "阳性预测值" in chinese.text
    assert "no results" in chief.get("/diagnosis/stats.svg", params={**query, "from": "2026-03-01"}).text
    for path in ("/diagnosis/stats", "/diagnosis/stats.svg"):
        nothing = chief.get(path, params={"from": "2026-03-01", "to": "2026-01-01"})
        assert nothing.status_code == 200 and "2026-02" not in nothing.text
        assert "2026-01" in chief.get(path, params={"from": "0001-01-01", "to": "9999-12-31"}).text
        problem(chief.get(path, params={"from": "last year"}), 422)


def test_a_result_counts_by_its_last_review_until_it_is_withdrawn(house, chief, model):
    def now():
        items = ok(chief.get("/diagnosis/stats", params={"model_id": model["id"]}))["items"]
        return items[-1] if items else {"results": 0, "refused": 0, "judged": 0, "confirmed": 0, "modified": 0,
                                        "rejected": 0, "alarms": 0}

    def grew(before):
        after = now()
        return {key: after[key] - before[key] for key in before if isinstance(before[key], int) and
                key not in ("model_id", "studies") and after[key] != before[key]}

    start = now()
    name = max((n for n in GOLDEN["films"] if not GOLDEN["films"][n].get("refused")),
               key=lambda n: GOLDEN["films"][n]["probability"]["pytorch"])
    number = ask(chief, upload(chief, film(name), description="counted"))["id"]
    told = ended(chief, number)
    assert told["findings"][0]["positive"] and grew(start) == {"results": 1, "alarms": 1}
    path = f"/diagnosis/{number}/review"
    ok(chief.post(path, json={"decision": "CONFIRMED"}))
    assert grew(start) == {"results": 1, "alarms": 1, "judged": 1, "confirmed": 1} and now()["ppv"]["value"] == 1
    none = [{"code": told["findings"][0]["code"], "label": "pneumonia", "positive": False}]
    assert ok(chief.post(path, json={"decision": "MODIFIED", "findings": none}))["verdict"] == "MODIFIED"
    assert grew(start) == {"results": 1, "alarms": 1, "judged": 1, "modified": 1}
    assert now()["ppv"]["value"] == 0 == now()["agreement"]["value"]
    other = {"code": {"scheme": "SCT", "value": "60046008", "meaning": "Effusion"}, "label": "effusion"}
    ok(chief.post(path, json={"decision": "MODIFIED", "findings": [*none, other]}))  # it is none of the model's
    assert now()["ppv"]["value"] == 0 == now()["agreement"]["value"]
    [also, *_] = model["card"]["labels"][0]["also"]
    ok(chief.post(path, json={"decision": "MODIFIED", "findings": [other, {"code": also, "label": "the same"}]}))
    assert now()["ppv"]["value"] == 1 == now()["agreement"]["value"]
    problem(chief.post(path, json={"decision": "MODIFIED"}), 422)
    problem(chief.post(path, json={"decision": "MODIFIED", "findings": [*none, {**none[0], "positive": True}]}), 422)
    ok(chief.post(path, json={"decision": "MODIFIED", "findings": []}))
    assert now()["ppv"]["value"] == 0
    ok(chief.post(path, json={"decision": "REJECTED", "comment": "a foreign body"}))
    assert grew(start) == {"results": 1, "alarms": 1, "judged": 1, "rejected": 1} and now()["kappa"] is None
    again = ask(chief, told["image_file_id"])["id"]  # what was rejected is no answer
    assert again != number and ended(chief, again)["status"] == "COMPLETED"
    for each in (number, again):
        ok(chief.post(f"/diagnosis/{each}/withdraw", json={"reason": "a test"}))
    assert grew(start) == {}
    problem(house.account("doctor", admin=chief).get("/diagnosis/stats"), 403)
    ok(house.account("radiologist", admin=chief).get("/diagnosis/stats"))
