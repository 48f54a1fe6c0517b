"""The films of the data folder, folds by patient, balanced batches, and what is done to a film in training."""
import csv
import os

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from network import GRID, SIDE

SOURCES = ("Kermany", "NIH")


class Films:
    """labels.csv, the pictures (uint8), and the lung outlines where there are any."""

    def __init__(self, folder):
        with open(os.path.join(folder, "labels.csv"), encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file))
        self.pixels = np.stack([gray(os.path.join(folder, row["file"])) for row in self.rows])
        self.lungs = {}
        for i, row in enumerate(self.rows):
            if row["lung_mask"]:
                self.lungs[i] = gray(os.path.join(folder, row["lung_mask"])) > 127
        self.label = np.array([int(row["label"] or -1) for row in self.rows])
        self.source = np.array([row["source"] for row in self.rows])
        self.split = np.array([row["split"] for row in self.rows])
        self.patient = np.array([row["patient"] for row in self.rows])

    def of_split(self, split):
        return np.flatnonzero(self.split == split)

    def folds(self, count, seed):
        """The fold of each training film (-1: none): patients stay together, sources and labels are spread evenly."""
        fold = np.full(len(self.rows), -1)
        random = np.random.default_rng(seed)
        train = self.of_split("train")
        for source in SOURCES:
            mine = train[self.source[train] == source]
            patients = np.unique(self.patient[mine])
            random.shuffle(patients)
            of = {p: mine[self.patient[mine] == p] for p in patients}
            patients = sorted(patients, key=lambda p: -len(of[p]))  # the many-film patients first: the rest evens out
            have = np.zeros((count, 2))
            for patient in patients:
                labels = np.bincount(self.label[of[patient]], minlength=2)
                cost = ((have + labels) ** 2).sum(1) - (have ** 2).sum(1)
                best = int(np.argmin(cost))
                have[best] += labels
                fold[of[patient]] = best
        return fold


def gray(path):
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"))
    if pixels.shape != (SIDE, SIDE):
        raise ValueError(f"{path}: {pixels.shape}, not {SIDE} x {SIDE}")
    return pixels


class Batches:
    """Endless batches of `share` films of each (source, label), however many there are, and some only for their lungs.

    Within a class a patient with many films is drawn less often for each of them (1/sqrt): a few patients have a
    dozen films, and the network would learn their chests.
    """

    def __init__(self, films, chosen, share, seed):
        self.random = np.random.default_rng(seed)
        self.groups = []
        for (source, label), count in share.items():
            group = chosen[(films.source[chosen] == source) & (films.label[chosen] == label)] if label is not None \
                else np.array([i for i in chosen if films.source[i] == source and i in films.lungs])
            _, at, films_of = np.unique(films.patient[group], return_inverse=True, return_counts=True)
            weight = 1 / np.sqrt(films_of[at])
            self.groups.append((group, weight / weight.sum(), count))

    def __iter__(self):
        while True:
            yield np.concatenate([self.random.choice(group, count, replace=count > len(group), p=weight)
                                  for group, weight, count in self.groups])


def tensors(films, chosen):
    """-> film (N,1,224,224) in 0..1, lung outline (N,1,224,224) (-1: not known)."""
    film = torch.from_numpy(films.pixels[chosen]).float().unsqueeze(1) / 255
    lungs = torch.full((len(chosen), 1, SIDE, SIDE), -1.0)
    for at, i in enumerate(chosen):
        if i in films.lungs:
            lungs[at, 0] = torch.from_numpy(films.lungs[i]).float()
    return film, lungs


def uniform(random, count, low, high):
    return torch.rand(count, generator=random) * (high - low) + low


def changed(film, lungs, random, side=SIDE):
    """Turned, stretched, moved, mirrored, darkened, blurred, with rectangles cut out: -> film, lungs by cell of 8 x 8.

    side: of the films that come out; small ones teach the coarse things in a third of the time.
    """
    n = len(film)
    if side != SIDE:
        film, lungs = F.adaptive_avg_pool2d(film, side), F.adaptive_avg_pool2d(lungs, side)
    angle = uniform(random, n, -0.21, 0.21)
    sx, sy = uniform(random, n, 0.85, 1.18), uniform(random, n, 0.85, 1.18)
    mirror = torch.where(torch.rand(n, generator=random) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = sx * angle.cos() * mirror, -sy * angle.sin()
    theta[:, 1, 0], theta[:, 1, 1] = sx * angle.sin() * mirror, sy * angle.cos()
    theta[:, 0, 2], theta[:, 1, 2] = uniform(random, n, -0.1, 0.1), uniform(random, n, -0.1, 0.1)
    grid = F.affine_grid(theta, list(film.shape), align_corners=False)
    both = F.grid_sample(torch.cat([film, lungs], 1), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    film, lungs = both[:, :1], both[:, 1:]
    one = lambda low, high: uniform(random, n, low, high).view(n, 1, 1, 1)  # noqa: E731
    film = film.clamp(0, 1) ** torch.exp(one(-0.4, 0.4))
    film = film * one(0.75, 1.2) + one(-0.12, 0.12)
    blurred = F.avg_pool2d(F.pad(film, (1, 1, 1, 1), mode="replicate"), 3, 1)
    film = film + (blurred - film) * one(-0.7, 1.0)  # from sharpened to blurred
    film = film + torch.randn(film.shape, generator=random) * one(0, 0.03)
    for i in range(n):  # rectangles over letters, edges and anything else, so that no single spot decides
        for _ in range(int(torch.randint(0, 4, (1,), generator=random))):
            h, w = (uniform(random, 2, 0.06, 0.3) * side).int().tolist()
            y, x = (torch.rand(2, generator=random) * torch.tensor([side - h, side - w])).int().tolist()
            film[i, 0, y:y + h, x:x + w] = float(torch.rand(1, generator=random))
    lungs = F.avg_pool2d(lungs, SIDE // GRID)  # under 0: outline not known
    return film.clamp(0, 1), lungs
