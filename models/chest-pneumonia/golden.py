#!/usr/bin/env python3
"""Writes the golden films and what is said of them: golden.py DATA OUT TARGET  (OUT: where ship.py left shipped.pt)

20 films of `val` (5 of each source and label, copied into TARGET) with the outputs of PyTorch and of ONNX Runtime, and
some larger pictures of tests/data with 64 pixels of their tensors, so that another implementation can be compared.
"""
import argparse
import csv
import json
import os
import shutil

import numpy as np
import torch
from PIL import Image

from evaluate import Model, one, pictures
from gate import measure, refused
from network import Network
from preprocess import tensor
from ship import Shipped

HERE = os.path.dirname(os.path.abspath(__file__))
LARGER = ("images/kermany_person101_virus_187.jpeg", "images/nih_00027426_000.png", "dicom/CR-MONO1-10-chest",
          "dicom/dx_image.dcm", "series/ct_philips_phantom/I10", "images/microaneurysms.png")
PER_GROUP, SEED = 5, 3


def said(card, model, shipped, film):
    outputs = model(film)
    with torch.no_grad():
        torch_outputs = [value.numpy() for value in shipped(torch.from_numpy(film))]
    entry = {}
    for name, value in zip(model.names, torch_outputs):
        far = float(np.abs(value - outputs[name]).max())
        if far > (1e-4 if value.size > 1 else 2e-5):
            raise ValueError(f"{name}: PyTorch and ONNX Runtime differ by {far}")
        if value.size == 1:
            entry[name] = {"pytorch": round(float(value.ravel()[0]), 6),
                           "onnxruntime": round(float(outputs[name].ravel()[0]), 6)}
        else:
            entry[name] = {"mean": round(float(outputs[name].mean()), 6), "max": round(float(outputs[name].max()), 6)}
    first = one(outputs, 0)
    entry["gate"] = {rule["measure"]: round(measure(rule["measure"], film[0, 0], first), 6)
                     for rule in card["gate"]["rules"]}
    entry["refused"] = refused(card, film[0, 0], first)
    return entry


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("data")
    ask.add_argument("out")
    ask.add_argument("target")
    given = ask.parse_args()
    torch.set_num_threads(1)
    with open(os.path.join(HERE, "card.json"), encoding="utf-8") as file:
        card = json.load(file)
    shipped = Shipped(Network()).eval()
    shipped.load_state_dict(torch.load(os.path.join(given.out, "shipped.pt"), weights_only=True))
    model = Model(os.path.join(HERE, card["file"]))
    with open(os.path.join(given.data, "labels.csv"), encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"]
    random = np.random.default_rng(SEED)
    os.makedirs(given.target, exist_ok=True)
    golden = {"model": card["name"], "version": card["version"], "sha256": card["sha256"], "tolerance": 1e-4,
              "threshold": card["labels"][0]["threshold"], "films": {}, "larger": {}}
    for source in ("Kermany", "NIH"):
        for label in ("0", "1"):
            group = [row for row in rows if row["source"] == source and row["label"] == label]
            for i in sorted(random.choice(len(group), PER_GROUP, replace=False)):
                path = os.path.join(given.data, group[i]["file"])
                name = os.path.basename(path)
                shutil.copyfile(path, os.path.join(given.target, name))
                with Image.open(path) as image:
                    film = tensor(np.asarray(image.convert("L")))
                golden["films"][name] = {"source": source, "label": int(label), "view": group[i]["view"],
                                         "source_file": group[i]["source_file"],
                                         "pixel_mean": round(float(film.astype(float).mean()), 6),
                                         **said(card, model, shipped, film)}
    for name in LARGER:
        film = next(pictures(os.path.join(given.target, "..", name)))[1]
        golden["larger"][name] = {"pixels": "rows and columns 14, 42, ... 210 of the tensor, row by row",
                                  "values": [round(float(v), 6) for v in film[0, 0, 14::28, 14::28].ravel()],
                                  **said(card, model, shipped, film)}
    with open(os.path.join(given.target, "golden.json"), "w", encoding="utf-8") as file:
        json.dump(golden, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
