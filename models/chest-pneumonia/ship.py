#!/usr/bin/env python3
"""Makes the file that is shipped: ship.py DATA OUT  (OUT as train.py left it: whole.pt and all of fold-*.npz)

Temperature, offset and threshold are fitted on what the fold models said of training patients that they had not seen;
the gate is taught on training films and on drawn pictures (negatives.py). `val` is not looked at. Writes model.onnx and
the part of card.json that is known by now; evaluate.py adds the figures.
"""
import argparse
import glob
import hashlib
import json
import os

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

from card import CARD, PROPERTIES
from films import SOURCES, Films, changed, tensors
from negatives import negative
from network import Network
from train import auc

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 7


class Shipped(nn.Module):
    """film -> probability, lungs, evidence, frontal."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.scale = nn.Parameter(torch.tensor([1.0, 0.0]), requires_grad=False)
        widths = 2 * (network.down2[0].out_channels + network.down3[0].out_channels + network.join[0].out_channels)
        self.centre = nn.Parameter(torch.zeros(widths), requires_grad=False)
        self.spread = nn.Parameter(torch.ones(widths), requires_grad=False)
        self.gate = nn.Sequential(nn.Linear(widths, 24), nn.ReLU(), nn.Linear(24, 1))

    def seen(self, film):
        """-> what the heads need, and for the gate mean and spread of every feature over the picture."""
        features = self.network.features(film)
        means = [f.mean((2, 3)) for f in features]
        spreads = [((f - m[:, :, None, None]) ** 2).mean((2, 3)).sqrt() for f, m in zip(features, means)]
        return features[2], torch.cat(means + spreads, 1)

    def judged(self, summary):
        return self.gate(((summary - self.centre) / self.spread).clamp(-6, 6))

    def forward(self, film):
        joined, summary = self.seen(film)
        logit, lung, place = self.network.heads(joined)
        slope, offset = self.scale[0], self.scale[1]
        lungs = torch.sigmoid(lung)
        return torch.sigmoid(logit * slope + offset).unsqueeze(1), lungs, \
            lungs * torch.sigmoid(place * slope + offset), torch.sigmoid(self.judged(summary))


def out_of_fold(out, films):
    """-> films, logits: each training film by the model that had not seen its patient."""
    parts = [np.load(path) for path in sorted(glob.glob(os.path.join(out, "fold-*.npz")))]
    return np.concatenate([p["film"] for p in parts]), np.concatenate([p["logit"] for p in parts])


def balance(films, chosen):
    """Weights by which every (source, label) counts the same."""
    weight = np.zeros(len(chosen))
    for source in SOURCES:
        for label in (0, 1):
            group = (films.source[chosen] == source) & (films.label[chosen] == label)
            weight[group] = 1 / group.sum()
    return weight / weight.sum()


def calibrate(films, chosen, logit):
    """-> slope (1 / temperature) and offset of the least log loss, and the threshold of the greatest Youden index."""
    label, weight = torch.tensor(films.label[chosen]).double(), torch.tensor(balance(films, chosen))
    scale = torch.tensor([1.0, 0.0], dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([scale], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(torch.tensor(logit).double() * scale[0] + scale[1], label, weight,
                                                  reduction="sum")
        loss.backward()
        return loss

    optimizer.step(closure)
    slope, offset = scale.detach().tolist()
    score, weight = 1 / (1 + np.exp(-(logit * slope + offset))), weight.numpy()
    best = max(np.arange(0.2, 0.8, 0.01), key=lambda t: (weight * ((score >= t) == films.label[chosen])).sum())
    return slope, offset, round(float(best), 2)


@torch.no_grad()
def summaries(shipped, pictures, size=48):
    shipped.eval()
    return torch.cat([shipped.seen(torch.as_tensor(pictures[at:at + size]).contiguous(
        memory_format=torch.channels_last))[1] for at in range(0, len(pictures), size)])


def teach_gate(shipped, films, count):
    """On `count` training films, as they are or changed, and as many drawn pictures; a fifth of them is kept back."""
    random, generator = np.random.default_rng(SEED), torch.Generator().manual_seed(SEED)
    group = np.concatenate([films.of_split("train"), films.of_split("lungs")])
    weight = np.where(films.source[group] == "Kermany", 1.0, 5.0)
    chosen = random.choice(group, count, replace=False, p=weight / weight.sum())
    film = tensors(films, chosen)[0]
    for at in range(0, count, 96):
        if at // 96 % 3:  # two of three changed in light and place, with rectangles; one as it is
            film[at:at + 96] = changed(film[at:at + 96], torch.zeros_like(film[at:at + 96]), generator)[0]
    drawn = [negative(random, films.pixels[random.choice(chosen)]) for _ in range(count)]
    others = torch.from_numpy(np.stack([picture for _, picture in drawn])).float().unsqueeze(1) / 255
    summary = torch.cat([summaries(shipped, film), summaries(shipped, others)])
    shipped.centre.copy_(summary[:count].mean(0))
    shipped.spread.copy_(summary[:count].std(0) + 1e-3)
    truth = torch.cat([torch.ones(count), torch.zeros(count)])
    kept = torch.arange(2 * count) % 5 == 0
    optimizer = torch.optim.AdamW(shipped.gate.parameters(), 2e-3, weight_decay=0.1)
    for _ in range(40):
        order = torch.randperm(int((~kept).sum()), generator=generator)
        x, y = summary[~kept][order], truth[~kept][order]
        for at in range(0, len(x), 64):
            noisy = x[at:at + 64] + torch.randn(x[at:at + 64].shape, generator=generator) * 0.1 * shipped.spread
            loss = F.binary_cross_entropy_with_logits(shipped.judged(noisy)[:, 0], y[at:at + 64])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        score = torch.sigmoid(shipped.judged(summary)[:, 0])
    low = score < 0.5
    print("gate: kept films under 0.5: %d of %d" % (low[kept & (truth == 1)].sum(), (kept & (truth == 1)).sum()))
    names = np.array([name for name, _ in drawn])
    for name in sorted(set(names)):
        these = torch.from_numpy(names == name) & kept[count:]
        print(f"gate: {name}: %d of %d under 0.5" % (low[count:][these].sum(), these.sum()))


def export(shipped, path):
    film = torch.rand(2, 1, 224, 224)
    names = [output["name"] for output in CARD["outputs"]]
    torch.onnx.export(shipped, (film,), path, dynamo=False, opset_version=CARD["opset"], input_names=["film"],
                      output_names=names, dynamic_axes={name: {0: "batch"} for name in ["film"] + names})


def describe(path, card):
    """The card's main members into the graph's own metadata: strings as they are, anything else as JSON."""
    model = onnx.load(path)
    model.producer_name, model.producer_version = "roentgen", card["version"]
    model.graph.name, model.doc_string = card["name"], card["intended_use"]
    del model.metadata_props[:]
    for key in PROPERTIES:
        value = card[key]
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        model.metadata_props.add(key=key, value=text)
    for node in model.graph.node:  # names of the program's parts: no use to anyone
        node.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("data")
    ask.add_argument("out")
    ask.add_argument("--gate-films", type=int, default=2400)
    ask.add_argument("--threads", type=int, default=1)
    given = ask.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(SEED)
    films = Films(given.data)
    network = Network()
    network.load_state_dict(torch.load(os.path.join(given.out, "whole.pt"), weights_only=True))
    shipped = Shipped(network).eval().to(memory_format=torch.channels_last)
    chosen, logit = out_of_fold(given.out, films)
    slope, offset, threshold = calibrate(films, chosen, logit)
    shipped.scale.copy_(torch.tensor([slope, offset]))
    print(f"temperature {1 / slope:.3f} offset {offset:.3f} threshold {threshold}")
    crossed = {}
    for source in SOURCES:
        of = films.source[chosen] == source
        crossed[source] = {"films": int(of.sum()), "auc": round(float(auc(films.label[chosen][of], logit[of])), 4)}
        print("not seen by the fold's model:", source, crossed[source])
    for parameter in shipped.network.parameters():
        parameter.requires_grad_(False)
    teach_gate(shipped, films, given.gate_films)
    torch.save(shipped.state_dict(), os.path.join(given.out, "shipped.pt"))
    card = dict(CARD)
    card["labels"] = [dict(CARD["labels"][0], threshold=threshold)]
    card["calibration"] = {"temperature": round(1 / slope, 6), "offset": round(offset, 6), "prevalence": 0.5,
                           "fitted_on": "out-of-fold predictions on the training patients",
                           "cross_validation": crossed}
    path = os.path.join(HERE, CARD["file"])
    export(shipped, path)
    describe(path, card)
    with open(path, "rb") as file:
        content = file.read()
    card["sha256"], card["bytes"] = hashlib.sha256(content).hexdigest(), len(content)
    with open(os.path.join(HERE, "card.json"), "w", encoding="utf-8") as file:
        json.dump(card, file, ensure_ascii=False, indent=1)
        file.write("\n")
    print(len(content), "bytes")


if __name__ == "__main__":
    main()
