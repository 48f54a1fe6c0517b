#!/usr/bin/env python3
"""Judges model.onnx as it is shipped: evaluate.py DATA [--others FOLDER...] [--part val]

On the films of a part that no training step saw (`val`, or a `test` part that a folder of the same form may hold): area
under the curve with a 95 % interval by bootstrap over patients, sensitivity and specificity at the card's threshold,
calibration, evidence beside boxes that a radiologist drew, films that the gate refuses. On other pictures (--others:
folders of DICOM files and pictures that are no chest films) and on drawn ones: how many the gate refuses. Writes the
figures into card.json and calibration.svg beside it. Needs no PyTorch.
"""
import argparse
import csv
import json
import os
import warnings

import numpy as np
import onnxruntime
from PIL import Image

from gate import measure, refused
from negatives import KINDS
from preprocess import display, tensor

HERE = os.path.dirname(os.path.abspath(__file__))
SEED, ROUNDS, BINS = 11, 2000, 8
CHEST = ("CR-MONO1-10-chest", "kermany_", "nih_")  # frontal chest films among the other pictures


class Model:
    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]

    def __call__(self, film):
        return dict(zip(self.names, self.session.run(None, {"film": film})))

    def over(self, films, size=16):
        parts = [self(films[at:at + size]) for at in range(0, len(films), size)]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.names}


def one(outputs, i):
    return {name: value[i] for name, value in outputs.items()}


def auc(label, score):
    """Mann-Whitney, ties half."""
    high, low = score[label == 1], np.sort(score[label == 0])
    below, upto = np.searchsorted(low, high, "left"), np.searchsorted(low, high, "right")
    return float((below + upto).sum() / 2 / (len(high) * len(low)))


def measured(label, score, threshold):
    return {"auc": auc(label, score), "sensitivity": float((score[label == 1] >= threshold).mean()),
            "specificity": float((score[label == 0] < threshold).mean())}


def with_interval(label, score, patient, threshold):
    """Each figure with its 95 % interval: patients are drawn with replacement, all films of each."""
    random = np.random.default_rng(SEED)
    of = [np.flatnonzero(patient == p) for p in np.unique(patient)]
    rounds = []
    while len(rounds) < ROUNDS:
        drawn = np.concatenate([of[i] for i in random.integers(0, len(of), len(of))])
        if 0 < label[drawn].sum() < len(drawn):
            rounds.append(measured(label[drawn], score[drawn], threshold))
    figures = {"films": len(label), "normal": int((label == 0).sum()), "pneumonia": int((label == 1).sum()),
               "patients": len(of)}
    for name, value in measured(label, score, threshold).items():
        low, high = np.percentile([r[name] for r in rounds], [2.5, 97.5])
        figures[name] = round(value, 4)
        figures[name + "_95"] = [round(float(low), 4), round(float(high), 4)]
    return figures


def calibration(label, score):
    """Films of both labels weighing the same: (mean probability, share with pneumonia, films) by bin, error, Brier."""
    weight = np.where(label == 1, 0.5 / (label == 1).sum(), 0.5 / (label == 0).sum())
    bins, error = [], 0.0
    for b in range(BINS):
        into = (np.minimum((score * BINS).astype(int), BINS - 1) == b)
        if into.any():
            total = weight[into].sum()
            said, was = float((weight * score)[into].sum() / total), float((weight * label)[into].sum() / total)
            bins.append([round(said, 4), round(was, 4), int(into.sum())])
            error += total * abs(said - was)
    brier = float((weight * (score - label) ** 2).sum())
    return {"bins": bins, "error": round(float(error), 4), "brier": round(brier, 4)}


def plot(figures, path):
    """Said against found, by source, as SVG."""
    colours = {"Kermany": "#1b6ca8", "NIH": "#c8553d"}
    x, y = (lambda v: round(60 + 320 * v, 1)), (lambda v: round(360 - 320 * v, 1))
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="420" height="430" viewBox="0 0 420 430" '
           'font-family="sans-serif" font-size="12" fill="#222">', '<rect width="420" height="430" fill="#fff"/>',
           '<text x="220" y="22" text-anchor="middle" font-size="14">Calibration: said and found</text>']
    for tick in (0, 0.25, 0.5, 0.75, 1):
        out.append(f'<path d="M{x(tick)} {y(0)}V{y(1)}M{x(0)} {y(tick)}H{x(1)}" stroke="#ddd" fill="none"/>')
        out.append(f'<text x="{x(tick)}" y="{y(0) + 16}" text-anchor="middle">{tick}</text>')
        out.append(f'<text x="{x(0) - 8}" y="{y(tick) + 4}" text-anchor="end">{tick}</text>')
    out.append(f'<path d="M{x(0)} {y(0)}L{x(1)} {y(1)}" stroke="#888" stroke-dasharray="4 4" fill="none"/>')
    for at, (source, colour) in enumerate(colours.items()):
        bins = figures[source]["calibration"]["bins"]
        line = "L".join(f"{x(said)} {y(was)}" for said, was, _ in bins)
        out.append(f'<path d="M{line}" stroke="{colour}" stroke-width="2" fill="none"/>')
        for said, was, films in bins:
            out.append(f'<circle cx="{x(said)}" cy="{y(was)}" r="{round(2 + films ** 0.5 / 3, 1)}" fill="{colour}" '
                       f'fill-opacity="0.8"><title>{source}: {films} films</title></circle>')
        words = f'{source}: {figures[source]["films"]} films, error {figures[source]["calibration"]["error"]:.3f}'
        out.append(f'<text x="372" y="{328 + 18 * at}" text-anchor="end" fill="{colour}">{words}</text>')
    out += ['<text x="220" y="400" text-anchor="middle">probability said</text>',
            '<text x="18" y="200" text-anchor="middle" transform="rotate(-90 18 200)">share with pneumonia '
            '(both labels weighing the same)</text>',
            '<text x="220" y="420" text-anchor="middle" font-size="11" fill="#666">a point is one of 8 bins, '
            'its area the number of films</text>', "</svg>"]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


def boxed(folder, rows, outputs):
    """How much of the evidence lies in the boxes, beside the share of the lungs that they cover; the strongest cell."""
    boxes = {}
    with open(os.path.join(folder, "boxes.csv"), encoding="utf-8", newline="") as file:
        for box in csv.DictReader(file):
            if box["finding"] in ("Pneumonia", "Infiltration", "Consolidation"):
                boxes.setdefault(box["file"], []).append([float(box[k]) for k in "xywh"])
    inside, cover, hits, films = [], [], 0, 0
    for i, row in enumerate(rows):
        if row["file"] not in boxes:
            continue
        evidence, lungs = outputs["evidence"][i, 0].astype(float), outputs["lungs"][i, 0].astype(float)
        side = evidence.shape[0]
        centre = (np.arange(side) + 0.5) / side
        box = np.zeros_like(evidence, bool)
        for bx, by, w, h in boxes[row["file"]]:
            box |= ((centre >= by) & (centre <= by + h))[:, None] & ((centre >= bx) & (centre <= bx + w))[None]
        inside.append(evidence[box].sum() / evidence.sum())
        cover.append(lungs[box].sum() / lungs.sum())
        hits += bool(box.ravel()[evidence.argmax()])
        films += 1
    return {"films": films, "evidence_in_boxes": round(float(np.mean(inside)), 3),
            "lung_in_boxes": round(float(np.mean(cover)), 3), "strongest_cell_in_box": hits}


def outline(folder, rows, outputs):
    """Dice of the lung map (at 28 x 28) with outlines that people reviewed."""
    values = []
    for i, row in enumerate(rows):
        if row["lung_mask"]:
            with Image.open(os.path.join(folder, row["lung_mask"])) as mask:
                truth = np.asarray(mask.convert("L").resize((28, 28), Image.BOX)) >= 128
            said = outputs["lungs"][i, 0] >= 0.5
            values.append(2 * (truth & said).sum() / max(truth.sum() + said.sum(), 1))
    return {"films": len(values), "dice": round(float(np.mean(values)), 4)} if values else {"films": 0}


def pictures(path):
    """-> (what it is, tensor) of each picture that a file holds; nothing for what cannot be read."""
    try:
        with Image.open(path) as image:
            yield "picture", tensor(np.asarray(image.convert("RGB")))
            return
    except (OSError, ValueError):
        pass
    import pydicom
    try:
        data = pydicom.dcmread(path, force=True)
        if "TransferSyntaxUID" not in data.file_meta:
            data.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian if data.original_encoding[0] \
                else pydicom.uid.ExplicitVRLittleEndian
        stored = data.pixel_array
    except Exception:  # damaged files are among them on purpose
        return
    kind = str(data.get("Modality") or "no modality")
    if data.SamplesPerPixel == 3:
        from pydicom.pixels import convert_color_space
        if "YBR" in data.PhotometricInterpretation:
            stored = convert_color_space(stored, "YBR_FULL", "RGB")
        frames = stored if stored.ndim == 4 else stored[None]
    else:
        frames = stored if stored.ndim == 3 else stored[None]
    centre, width = data.get("WindowCenter"), data.get("WindowWidth")
    centre = centre[0] if isinstance(centre, pydicom.multival.MultiValue) else centre
    width = width[0] if isinstance(width, pydicom.multival.MultiValue) else width
    slope, intercept = float(data.get("RescaleSlope") or 1), float(data.get("RescaleIntercept") or 0)
    for frame in frames[:3]:
        if frame.ndim == 3:
            yield kind, tensor(frame / float(2 ** data.BitsStored - 1) * 255)
            continue
        yield kind, tensor(display(frame, slope, intercept,
                                   None if centre is None or not width else float(centre), float(width or 0),
                                   data.PhotometricInterpretation == "MONOCHROME1"))


def judge_gate(model, card, others, films):
    """-> kind -> [refused, of]: real pictures that are no chest films, drawn ones, and those made of films."""
    found = {}

    def add(kind, film):
        reason = refused(card, film[0, 0], one(model(film), 0))
        count = found.setdefault(kind, [0, 0])
        count[0] += reason is not None
        count[1] += 1
        return reason

    for folder in others:
        for where, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                chest = any(part in name for part in CHEST)
                for kind, film in pictures(os.path.join(where, name)):
                    reason = add(("chest film: " if chest else "") + kind, film)
                    if chest or reason is None:
                        print("gate:", os.path.join(where, name), kind, "->", reason or "let through")
    random = np.random.default_rng(SEED)
    for kind in KINDS:
        for _ in range(60):
            picture = kind(random, films[int(random.integers(len(films)))])
            add("drawn: " + kind.__name__.strip("_"), tensor(np.array(picture, float).clip(0, 255).astype(np.uint8)))
    return found


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("data")
    ask.add_argument("--others", nargs="*", default=[])
    ask.add_argument("--part", default="val")
    ask.add_argument("--print", action="store_true", help="write no file")
    given = ask.parse_args()
    warnings.simplefilter("ignore")
    with open(os.path.join(HERE, "card.json"), encoding="utf-8") as file:
        card = json.load(file)
    with open(os.path.join(given.data, "labels.csv"), encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == given.part]
    raw = []
    for row in rows:
        with Image.open(os.path.join(given.data, row["file"])) as image:
            raw.append(np.asarray(image.convert("L")))
    films = np.concatenate([tensor(picture) for picture in raw])
    model = Model(os.path.join(HERE, card["file"]))
    outputs = model.over(films)
    score, threshold = outputs["probability"][:, 0].astype(float), card["labels"][0]["threshold"]
    label, source = np.array([int(row["label"]) for row in rows]), np.array([row["source"] for row in rows])
    patient = np.array([row["patient"] for row in rows])
    figures = {"part": given.part, "threshold": threshold, "interval": "95 %, bootstrap over patients", "by_source": {}}
    for name in ("Kermany", "NIH"):
        of = source == name
        figures["by_source"][name] = with_interval(label[of], score[of], patient[of], threshold)
        figures["by_source"][name]["calibration"] = calibration(label[of], score[of])
    reasons = [refused(card, films[i, 0], one(outputs, i)) for i in range(len(films))]
    figures["gate"] = {"films_refused": sum(r is not None for r in reasons), "films": len(films)}
    figures["evidence"] = boxed(given.data, rows, outputs)
    figures["lungs"] = outline(given.data, rows, outputs)
    for rule in card["gate"]["rules"]:
        values = [measure(rule["measure"], films[i, 0], one(outputs, i)) for i in range(len(films))]
        print(rule["measure"], "of the films, lowest, 0.5 %, median, 99.5 %, highest:",
              np.round(np.percentile(values, [0, 0.5, 50, 99.5, 100]), 4).tolist())
    found = judge_gate(model, card, given.others, raw)
    figures["gate"]["refused_of"] = found
    print(json.dumps(figures, indent=1))
    for i, reason in enumerate(reasons):
        if reason:
            print("refused:", rows[i]["file"], reason)
    if not given.print:
        card["figures"] = figures
        with open(os.path.join(HERE, "card.json"), "w", encoding="utf-8") as file:
            json.dump(card, file, ensure_ascii=False, indent=1)
            file.write("\n")
        plot(figures["by_source"], os.path.join(HERE, "calibration.svg"))


if __name__ == "__main__":
    main()
