"""The network: a small residual trunk, a lung outline, and evidence pooled inside the lungs.

film (N,1,224,224) in 0..1
  -> each film brought to mean 0 and spread 1 (so that a window somewhat darker or brighter changes little)
  -> trunk: 112 -> 56 -> 28 -> 14 cells a side, then 14 and 28 joined again: features at 28 x 28
  -> lungs: probability that a cell is lung (learnt from outlines that people reviewed)
  -> logit = b + sum over cells of weight x (features . v), where the weights are lung probability, once even and once
     by attention: so the logit is a sum over places inside the lungs, and no shoulder or letter adds to it by itself.
"""
import torch
from torch import nn
from torch.nn import functional as F

SIDE = 224
GRID = 28
FLOOR = 0.01  # a cell outside the lungs weighs at least this, so that a film on which no lung is found has a logit


def conv(inside, outside, size=3, stride=1):
    return nn.Sequential(nn.Conv2d(inside, outside, size, stride, size // 2, bias=False), nn.BatchNorm2d(outside))


class Block(nn.Module):
    """Two 3 x 3 convolutions and what came in."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = conv(width, width), conv(width, width)
        nn.init.zeros_(self.second[1].weight)

    def forward(self, x):
        return F.relu(x + self.second(F.relu(self.first(x))))


class Network(nn.Module):
    def __init__(self, widths=(16, 32, 64, 112), blocks=(0, 1, 2), joined=64, dropout=0.2):
        super().__init__()
        w0, w1, w2, w3 = widths
        self.stem = conv(1, w0, 5, 2)  # 112
        self.down1, self.blocks1 = conv(w0, w1, 3, 2), nn.Sequential(*(Block(w1) for _ in range(blocks[0])))  # 56
        self.down2, self.blocks2 = conv(w1, w2, 3, 2), nn.Sequential(*(Block(w2) for _ in range(blocks[1])))  # 28
        self.down3, self.blocks3 = conv(w2, w3, 3, 2), nn.Sequential(*(Block(w3) for _ in range(blocks[2])))  # 14
        self.low, self.high = conv(w3, joined, 1), conv(w2, joined, 1)
        self.join = conv(joined, joined)
        self.lungs = nn.Sequential(conv(joined, 24), nn.ReLU(), nn.Conv2d(24, 1, 1))
        self.attention = nn.Conv2d(joined, 1, 1)
        self.even, self.attended = nn.Conv2d(joined, 1, 1), nn.Conv2d(joined, 1, 1, bias=False)
        self.dropout = nn.Dropout2d(dropout)

    def features(self, film):
        x = film - film.mean((2, 3), keepdim=True)
        x = x / ((x * x).mean((2, 3), keepdim=True).sqrt() + 0.02)
        x = self.blocks1(F.relu(self.down1(F.relu(self.stem(x)))))
        x2 = self.blocks2(F.relu(self.down2(x)))
        x3 = self.blocks3(F.relu(self.down3(x2)))
        up = F.interpolate(self.low(x3), scale_factor=2, mode="bilinear", align_corners=False)
        return x2, x3, F.relu(self.join(F.relu(up + self.high(x2))))

    def heads(self, joined):
        """-> logit (N), lung logits (N,1,28,28), what each place says by itself (N,1,28,28)."""
        lung = self.lungs(joined)
        inside = torch.sigmoid(lung.detach()) * (1 - FLOOR) + FLOOR
        f = self.dropout(joined)
        even, attended = self.even(f), self.attended(f)
        attention = inside * torch.exp(4 * torch.tanh(self.attention(joined) / 4))
        logit = (inside * even).sum((1, 2, 3)) / inside.sum((1, 2, 3)) \
            + (attention * attended).sum((1, 2, 3)) / attention.sum((1, 2, 3))
        return logit, lung, even + attended

    def forward(self, film):
        return self.heads(self.features(film)[2])
