"""Pictures that are no upright frontal chest film, made here: what the gate learns to refuse.

They are drawn (grey, noise, gradients, leaves, limbs, slices, bars, drawings) or made of films (inverted, turned, cut
in pieces, one half of the chest only, several on one sheet). No real photograph or other examination is among them:
those are kept to judge.
"""
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from network import SIDE


def resized(pixels, high=SIDE, wide=SIDE):
    return np.asarray(Image.fromarray(pixels).resize((wide, high), Image.BILINEAR))


def grey(random, film):
    return random.uniform(0, 255) + random.normal(0, random.choice([0.3, 2, 5]), (SIDE, SIDE))


def noise(random, film):
    side = int(random.choice([7, 14, 28, 56, 112, 224, 224]))
    coarse = Image.fromarray(random.uniform(0, 255, (side, side)).astype(np.uint8))
    kind = random.choice([Image.NEAREST, Image.BILINEAR, Image.BICUBIC])
    return np.asarray(coarse.resize((SIDE, SIDE), int(kind))) * random.uniform(0.2, 1) + random.uniform(-30, 60)


def gradient(random, film):
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    cx, cy = random.uniform(0, 1, 2)
    slope = x * random.normal() + y * random.normal() if random.random() < 0.5 else np.hypot(x - cx, y - cy)
    slope = (slope - slope.min()) / (np.ptp(slope) + 1e-6)
    if random.random() < 0.3:
        slope = np.sin(slope * random.uniform(5, 60)) / 2 + 0.5
    return slope * 255 + random.normal(0, 3, (SIDE, SIDE))


def leaves(random, film):
    """Discs and rectangles of any size over each other: edges and areas as photographs have them."""
    picture = Image.new("L", (SIDE, SIDE), int(random.integers(256)))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(15, 150))):
        x, y = random.uniform(-30, SIDE + 30, 2)
        w, h = np.minimum(4 / random.random(2) ** 0.9, 140) * (1 + random.random())
        shape = draw.ellipse if random.random() < 0.6 else draw.rectangle
        shape([x - w, y - h, x + w, y + h], fill=int(random.integers(256)))
    picture = picture.rotate(random.uniform(0, 360)).filter(ImageFilter.GaussianBlur(random.uniform(0, 2.5)))
    texture = resized(random.normal(128, random.uniform(0, 30), (SIDE // 2, SIDE // 2)).clip(0, 255).astype(np.uint8))
    return np.asarray(picture) + (texture.astype(float) - 128)


def limb(random, film):
    """Soft rods with brighter bones in them, on black: hands, feet, legs, hips."""
    flesh, bone = Image.new("L", (SIDE, SIDE)), Image.new("L", (SIDE, SIDE))
    for _ in range(int(random.integers(1, 7))):
        x, y, angle = random.uniform(40, 184), random.uniform(40, 184), random.uniform(0, np.pi)
        half, thick = random.uniform(40, 160), random.uniform(10, 60)
        ends = [x - half * np.cos(angle), y - half * np.sin(angle), x + half * np.cos(angle), y + half * np.sin(angle)]
        ImageDraw.Draw(flesh).line(ends, fill=int(random.integers(60, 140)), width=int(thick))
        ImageDraw.Draw(bone).line(ends, fill=int(random.integers(60, 130)), width=int(thick * random.uniform(0.2, 0.6)))
        for end in (ends[:2], ends[2:]):
            r = thick * random.uniform(0.2, 0.6)
            box = [end[0] - r, end[1] - r, end[0] + r, end[1] + r]
            ImageDraw.Draw(bone).ellipse(box, fill=int(random.integers(60, 120)))
    blur = ImageFilter.GaussianBlur(random.uniform(1, 5))
    both = np.asarray(flesh.filter(blur), float) + np.asarray(bone.filter(blur), float)
    return both + random.normal(0, random.uniform(1, 6), (SIDE, SIDE)) + random.uniform(0, 40)


def slice_(random, film):
    """An oval with a bright or grey rim and parts of several greys inside, on black: CT, MR, ultrasound, mammogram."""
    picture = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(picture)
    cx, cy = random.uniform(90, 134, 2)
    a, b = random.uniform(45, 108), random.uniform(45, 108)
    rim = random.uniform(2, 22)
    draw.ellipse([cx - a, cy - b, cx + a, cy + b], fill=int(random.integers(90, 256)))
    draw.ellipse([cx - a + rim, cy - b + rim, cx + a - rim, cy + b - rim], fill=int(random.integers(40, 180)))
    for _ in range(int(random.integers(2, 14))):
        x, y = cx + random.normal(0, a / 2.2), cy + random.normal(0, b / 2.2)
        w, h = random.uniform(3, 38, 2)
        draw.ellipse([x - w, y - h, x + w, y + h], fill=int(random.choice([5, 60, 100, 140, 180, 240])))
    inside = np.asarray(picture.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 3))), float)
    if random.random() < 0.5:  # heads and bellies are alike on both sides
        inside = np.maximum(inside, inside[:, ::-1])
    return inside + random.normal(0, random.uniform(1, 14), (SIDE, SIDE)) * (inside > 10)


def bars(random, film):
    """Stripes of one grey each, down or across, a few or many: test patterns."""
    edges = np.sort(random.integers(0, SIDE, int(random.integers(1, 24))))
    greys = random.integers(0, 256, len(edges) + 1) * (random.random(len(edges) + 1) < random.uniform(0.3, 1))
    row = greys[np.searchsorted(edges, np.arange(SIDE), "right")]
    stripes = np.tile(row.astype(float), (SIDE, 1))
    return stripes if random.random() < 0.4 else stripes.T


def drawing(random, film):
    """Thin and thick outlines, discs and squares in few greys on black: phantoms, narrow windows, schemes."""
    picture = Image.new("L", (2 * SIDE, 2 * SIDE))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(1, 12))):
        x, y = random.normal(SIDE, SIDE / 3, 2)
        w, h = random.uniform(4, 200) * random.uniform(0.8, 1.25, 2)
        box, line = [x - w, y - h, x + w, y + h], int(random.integers(2, 26))
        light = int(random.choice([255, 255, 180, 110]))
        what = random.random()
        if what < 0.4:
            draw.ellipse(box, outline=light, width=line)
        elif what < 0.55:
            draw.arc(box, random.uniform(0, 360), random.uniform(0, 360), fill=light, width=line)
        elif what < 0.75:
            draw.ellipse([x - w / 6, y - h / 6, x + w / 6, y + h / 6], fill=light)
        else:
            draw.rectangle([x - w / 6, y - h / 6, x + w / 6, y + h / 6], fill=light)
    small = np.asarray(picture.resize((SIDE, SIDE), Image.BOX), float)
    return small + random.normal(0, random.choice([0, 2]), (SIDE, SIDE))


def inverted(random, film):
    return 255.0 - film


def turned(random, film):
    film = np.rot90(film, int(random.integers(1, 4)))
    return film[:, ::-1] if random.random() < 0.5 else film


def pieces(random, film):
    n = int(random.integers(2, 6))
    side = SIDE // n
    parts = [film[r * side:(r + 1) * side, c * side:(c + 1) * side] for r in range(n) for c in range(n)]
    order = random.permutation(len(parts))
    while n == 2 and (order == np.arange(4)).sum() > 1:
        order = random.permutation(4)
    rows = [np.concatenate([parts[order[r * n + c]] for c in range(n)], 1) for r in range(n)]
    return resized(np.concatenate(rows)).astype(float)


def close(random, film):
    side = int(random.uniform(0.12, 0.4) * SIDE)
    y, x = random.integers(0, SIDE - side, 2)
    return resized(np.ascontiguousarray(film[y:y + side, x:x + side])).astype(float)


def half(random, film):
    """One side of the chest over the whole sheet: one lung field beside a spine, as lateral films have."""
    wide = int(random.uniform(0.38, 0.5) * SIDE)
    part = film[:, :wide] if random.random() < 0.5 else film[:, SIDE - wide:]
    return resized(np.ascontiguousarray(part)).astype(float)


def sheet(random, film):
    """The film twice or more on one sheet, or small in a corner of it."""
    out = np.full((SIDE, SIDE), random.uniform(0, 255) if random.random() < 0.5 else 0.0)
    if random.random() < 0.5:
        down, across = [(1, 2), (2, 1), (2, 2), (1, 3), (2, 3)][int(random.integers(5))]
        part = resized(film, SIDE // down, SIDE // across)
        whole = np.tile(part, (down, across))
        out[:whole.shape[0], :whole.shape[1]] = whole
    else:
        side = int(random.uniform(0.2, 0.45) * SIDE)
        y, x = random.integers(0, SIDE - side, 2)
        out[y:y + side, x:x + side] = resized(film, side, side)
    return out


KINDS = (grey, noise, gradient, leaves, limb, slice_, bars, drawing, inverted, turned, pieces, close, half, sheet)


def negative(random, film):
    """-> (kind's name, picture uint8)"""
    kind = KINDS[int(random.integers(len(KINDS)))]
    picture = np.array(kind(random, film), float)
    if kind in (leaves, limb, slice_, noise, drawing):
        picture = (picture / 255).clip(0, 1) ** np.exp(random.uniform(-0.5, 0.5)) * 255
        if random.random() < 0.25:
            picture = 255 - picture
    return kind.__name__.strip("_"), picture.clip(0, 255).astype(np.uint8)
