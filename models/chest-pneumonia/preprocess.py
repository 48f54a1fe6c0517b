#!/usr/bin/env python3
"""What the network is given, exactly (`squash-area-1`), in numpy alone: the reference for any other implementation.

1. `display`: the stored values as 8 bits with bright bone. 2. `squash`: the whole frame to 224 x 224 by area averaging.
3. divided by 255. Nothing is cropped, no border is added, nothing is rounded after step 1.
"""
import numpy as np

SIDE = 224


def display(stored, slope=1.0, intercept=0.0, centre=None, width=None, monochrome1=False):
    """DICOM PS3.3 C.11.2.1.2.1 (linear) to 0..255, rounded half up; without a window: the range of the frame."""
    value = stored.astype(np.float64) * slope + intercept
    if centre is None:
        low, high = value.min(), value.max()
        share = (value - low) / (high - low) if high > low else np.zeros_like(value)
    else:
        share = (value - (centre - 0.5)) / (width - 1) + 0.5 if width > 1 else (value > centre - 0.5).astype(float)
    eight = np.floor(np.clip(share, 0, 1) * 255 + 0.5)
    return 255 - eight if monochrome1 else eight


def gray(colour):
    """(H,W,3) -> (H,W): Rec. 601 luma, not rounded."""
    return colour.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def shares(inside, outside):
    """(outside, inside): how much of each source pixel lies in each target pixel, rows adding up to 1.

    Target pixel i covers i * inside / outside up to (i + 1) * inside / outside of the source, larger or smaller.
    """
    edge = np.arange(outside + 1) * inside / outside
    left = np.maximum(edge[:-1, None], np.arange(inside)[None])
    right = np.minimum(edge[1:, None], np.arange(1, inside + 1)[None])
    return np.maximum(right - left, 0) * outside / inside


def squash(picture, side=SIDE):
    """(H,W) -> (side,side) by area averaging, in floating point."""
    high, wide = picture.shape
    return shares(high, side) @ picture.astype(np.float64) @ shares(wide, side).T


def tensor(eight):
    """8-bit picture (H,W) or (H,W,3), bright bone -> (1,1,224,224) float32 in 0..1."""
    picture = gray(eight) if eight.ndim == 3 else eight
    return (squash(picture) / 255).astype(np.float32)[None, None]
