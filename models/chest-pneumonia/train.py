#!/usr/bin/env python3
"""Trains the network on the CPU: train.py DATA OUT [--fold K | --whole] [--steps N] ...

--fold K   leaves out fold K of the training patients and writes what the network says of it (OUT/fold-K.npz);
--whole    takes all of the training films (OUT/whole.pt). `val` is never looked at here.
A checkpoint is written every --every steps; a run that was stopped goes on from there.
"""
import argparse
import copy
import os
import time

import numpy as np
import torch
from torch.nn import functional as F

from films import Batches, Films, changed, tensors
from network import Network

SHARE = {("Kermany", 0): 10, ("Kermany", 1): 10, ("NIH", 0): 10, ("NIH", 1): 10, ("Kermany", None): 4,
         ("Hannover", None): 4}
SIDES = ((0.4, 128), (0.7, 160), (1.0, 224))  # until this part of the steps: films of this side
SMOOTH = {"Kermany": 0.03, "NIH": 0.1}  # NIH labels were mined from reports: some are wrong


def loss_of(network, film, lungs, label):
    with torch.autocast("cpu", torch.bfloat16):
        joined = network.features(film.contiguous(memory_format=torch.channels_last))[2]
    logit, lung, place = network.heads(joined.float())
    known = label >= 0
    classify = F.binary_cross_entropy_with_logits(logit, label.clamp(0, 1), reduction="none")
    outlined = (lungs >= 0).float()
    outline = F.binary_cross_entropy_with_logits(lung, lungs.clamp(0, 1), reduction="none") * outlined
    return (classify * known).sum() / known.sum() + 0.5 * outline.sum() / outlined.sum().clamp(min=1), \
        classify[known].mean().item()


@torch.no_grad()
def settle(network, films, batches, random, count=40):
    """Batch statistics again, of the averaged weights, on films as they are (mirrored or not)."""
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    network.train()
    for _, chosen in zip(range(count), batches):
        film, lungs = tensors(films, chosen)
        network(changed(film, lungs, random)[0].contiguous(memory_format=torch.channels_last))
    network.eval()


@torch.no_grad()
def says(network, films, chosen, size=32):
    network.eval()
    logits = [network(tensors(films, chosen[at:at + size])[0].contiguous(memory_format=torch.channels_last))[0]
              for at in range(0, len(chosen), size)]
    return torch.cat(logits).numpy()


def auc(label, score):
    order = np.argsort(score, kind="stable")
    rank = np.empty(len(score))
    rank[order] = np.arange(1, len(score) + 1)
    for value in np.unique(score):
        rank[score == value] = rank[score == value].mean()
    ones = label.sum()
    return (rank[label == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(label) - ones))


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("data")
    ask.add_argument("out")
    ask.add_argument("--fold", type=int, default=-1)
    ask.add_argument("--folds", type=int, default=3)
    ask.add_argument("--whole", action="store_true")
    ask.add_argument("--steps", type=int, default=900)
    ask.add_argument("--seed", type=int, default=20)
    ask.add_argument("--every", type=int, default=150)
    ask.add_argument("--threads", type=int, default=1)
    ask.add_argument("--rate", type=float, default=2e-3)
    ask.add_argument("--decay", type=float, default=0.05)
    ask.add_argument("--dropout", type=float, default=0.2)
    ask.add_argument("--name", default="")
    given = ask.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    os.makedirs(given.out, exist_ok=True)
    name = given.name or ("whole" if given.whole else f"fold-{given.fold}")
    films = Films(given.data)
    fold = films.folds(given.folds, given.seed)
    train = films.of_split("train")
    kept = np.zeros(len(train), bool) if given.whole else fold[train] == given.fold
    learn, judge = train[~kept], train[kept]
    learn = np.concatenate([learn, films.of_split("lungs")])
    random = torch.Generator().manual_seed(given.seed)
    batches = Batches(films, learn, SHARE, given.seed)
    network = Network(dropout=given.dropout).to(memory_format=torch.channels_last)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": given.decay},
                                   {"params": plain, "weight_decay": 0}], lr=given.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, given.rate, total_steps=given.steps, pct_start=0.15)
    mean = copy.deepcopy(network).eval()
    checkpoint, step = os.path.join(given.out, name + ".checkpoint"), 0
    if os.path.exists(checkpoint):
        was = torch.load(checkpoint, weights_only=False)
        network.load_state_dict(was["network"])
        mean.load_state_dict(was["mean"])
        optimizer.load_state_dict(was["optimizer"])
        schedule.load_state_dict(was["schedule"])
        random.set_state(was["random"])
        batches.random, step = was["batches"], was["step"]
    print(name, sum(p.numel() for p in network.parameters()), "parameters,", len(learn), "films to learn from,",
          len(judge), "to judge by", flush=True)
    began, lost = time.time(), []
    draw = iter(batches)
    while step < given.steps:
        chosen = next(draw)
        side = next(side for until, side in SIDES if step < until * given.steps)
        film, lungs = changed(*tensors(films, chosen), random, side)
        smooth = torch.tensor([SMOOTH.get(s, 0) for s in films.source[chosen]])
        # films drawn for their lungs alone teach no label, so that the classes stay balanced
        label = torch.tensor(films.label[chosen]).float()
        label[40:] = -1
        label = torch.where(label < 0, label, label * (1 - smooth) + smooth / 2)
        network.train()
        loss, classify = loss_of(network, film, lungs, label)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2)
        optimizer.step()
        schedule.step()
        step += 1
        keep = min(0.99, 1 - 1 / (step + 1))
        with torch.no_grad():
            for average, now in zip(mean.parameters(), network.parameters()):
                average.lerp_(now, 1 - keep)
            for average, now in zip(mean.buffers(), network.buffers()):
                average.copy_(now)
        lost.append((loss.item(), classify))
        if step % given.every == 0 or step == given.steps:
            torch.save({"network": network.state_dict(), "mean": mean.state_dict(), "optimizer": optimizer.state_dict(),
                        "schedule": schedule.state_dict(), "random": random.get_state(), "batches": batches.random,
                        "step": step}, checkpoint)
            print(f"{name} step {step} loss %.4f label %.4f" % tuple(np.mean(lost, 0)),
                  "%.0f s, %.0f of the processor" % (time.time() - began, time.process_time()), flush=True)
            lost = []
    settle(mean, films, batches, random)
    torch.save(mean.state_dict(), os.path.join(given.out, name + ".pt"))
    if len(judge):
        logit = says(mean, films, judge)
        np.savez(os.path.join(given.out, name + ".npz"), film=judge, logit=logit)
        for source in ("Kermany", "NIH"):
            of = films.source[judge] == source
            print(name, source, "AUC %.4f" % auc(films.label[judge][of], logit[of]), flush=True)


if __name__ == "__main__":
    main()
