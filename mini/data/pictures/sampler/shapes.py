# SPDX-License-Identifier: Apache-2.0
"""Flat shapes: one, several in a row, counted, in a grid. Needs no files."""

from __future__ import annotations

import math

import cv2
import numpy as np

from .colours import SHAPE_COLOURS
from .drawing import noisy, paint, size
from .questions import Q_DESC, Q_SEE, Q_WHAT
from .words import NUMBERS, capitalised, colour_word, listed, plural, with_article

SHAPES = [
    "circle",
    "square",
    "triangle",
    "rectangle",
    "star",
    "heart",
    "diamond",
    "pentagon",
    "hexagon",
    "cross",
    "oval",
    "ring",
    "arrow",
    "crescent",
]


SHAPE_WEIGHTS = [16, 14, 14, 8, 10, 8, 6, 4, 4, 5, 5, 4, 6, 3]


def polygon(n, r, a0=-90):
    """Corners of a regular polygon with n corners and radius r; a0: the angle of the first, in degrees."""
    return [
        (r * math.cos(math.radians(a0 + 360 * i / n)), r * math.sin(math.radians(a0 + 360 * i / n))) for i in range(n)
    ]


def draw_shape(rng, im, s, c, cx, cy, r, rot=None, outline=False, d=None):
    """Draws shape s in colour c around (cx, cy) with radius r; `d`: where an arrow points."""
    rot = (rng.uniform(-12, 12) if rng.random() < 0.5 else 0) if rot is None else rot
    F = 16
    if s in ("circle", "ring"):
        ce = (round(cx * F), round(cy * F))
        th = max(3, round(r * 0.32)) if s == "ring" else max(2, round(r * 0.14)) if outline else -1
        cv2.circle(im, ce, round((r - max(0, th) / 2) * F), c, th, cv2.LINE_AA, 4)
        return
    if s == "oval":
        P = [(r * math.cos(t / 24 * 6.2832), 0.6 * r * math.sin(t / 24 * 6.2832)) for t in range(24)]
    elif s == "square":
        P = [(-0.86 * r, -0.86 * r), (0.86 * r, -0.86 * r), (0.86 * r, 0.86 * r), (-0.86 * r, 0.86 * r)]
    elif s == "rectangle":
        k = rng.choice([0.45, 0.55])
        P = [(-r, -k * r), (r, -k * r), (r, k * r), (-r, k * r)]
        P = P if rng.random() < 0.6 else [(y, x) for x, y in P]
    elif s == "triangle":
        P = polygon(3, r)
        P = [(x, y + 0.2 * r) for x, y in P]
    elif s == "diamond":
        P = [(0, -r), (0.68 * r, 0), (0, r), (-0.68 * r, 0)]
        rot = 0
    elif s == "pentagon":
        P = polygon(5, r)
    elif s == "hexagon":
        P = polygon(6, r, 0)
    elif s == "star":
        a, b = polygon(5, r), polygon(5, r * 0.42, -54)
        P = [x for t in zip(a, b) for x in t]
    elif s == "cross":
        k = 0.33 * r
        P = [(-k, -r), (k, -r), (k, -k), (r, -k), (r, k), (k, k), (k, r), (-k, r), (-k, k), (-r, k), (-r, -k), (-k, -k)]
    elif s == "arrow":
        P = [
            (-r, -0.25 * r),
            (0.1 * r, -0.25 * r),
            (0.1 * r, -0.7 * r),
            (r, 0),
            (0.1 * r, 0.7 * r),
            (0.1 * r, 0.25 * r),
            (-r, 0.25 * r),
        ]
        rot = {"right": 0, "down": 90, "left": 180, "up": 270}[d or "right"]
    elif s == "heart":
        P = [
            (
                r * 0.0625 * 16 * math.sin(t) ** 3,
                -r * 0.0625 * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t) + 2),
            )
            for t in [i / 30 * 6.2832 for i in range(30)]
        ]
    elif s == "crescent":
        P = [(r * math.cos(t), r * math.sin(t)) for t in [math.radians(50 + 260 * i / 20) for i in range(21)]]
        P += [
            (r * 0.42 + 0.77 * r * math.cos(t), 0.77 * r * math.sin(t))
            for t in [math.radians(276 - 192 * i / 16) for i in range(17)]
        ]
    co, si = math.cos(math.radians(rot)), math.sin(math.radians(rot))
    Q = (
        np.array([((cx + x * co - y * si) * F, (cy + x * si + y * co) * F) for x, y in P], np.float32)
        .round()
        .astype(np.int32)
    )
    if outline:
        cv2.polylines(im, [Q], True, c, max(2, round(r * 0.14)), cv2.LINE_AA, 4)
    else:
        cv2.fillPoly(im, [Q], c, cv2.LINE_AA, 4)


CLASH = {
    "orange": ["yellow", "red", "brown"],
    "yellow": ["orange", "white"],
    "red": ["orange", "pink"],
    "pink": ["red", "purple"],
    "purple": ["pink", "blue"],
    "blue": ["purple"],
    "brown": ["orange", "black", "red"],
    "black": ["brown"],
    "white": ["grey", "yellow"],
    "grey": ["white"],
}


def colours_beside(bc):
    """Shape colours that stand out from colour bc."""
    return [c for c in SHAPE_COLOURS if c != bc and c not in CLASH.get(bc, [])]


def plural_shape(s):
    """The plural of a shape's name."""
    return plural(s) if s != "cross" else "crosses"


def plain_background(rng, h, w):
    """A background of one colour -> picture, colour name."""
    n = rng.choice(["white", "white", "white", "black", "grey", "yellow", "blue", "green", "pink"])
    im = np.empty((h, w, 3), np.uint8)
    im[:] = paint(rng, n)
    return (noisy(rng, im, 0.2) if rng.random() < 0.15 else im), n


def shape_picture(rng):
    """Shapes: one, some in a row, counted, in a grid -> picture, turns, facts."""
    u = rng.random()
    h, w = size(rng, 96, 256)
    im, bc = plain_background(rng, h, w)
    pool = colours_beside(bc)
    S = min(h, w)
    if u < 0.25:  # one shape
        s = rng.choices(SHAPES, SHAPE_WEIGHTS)[0]
        c = rng.choice(pool)
        ol = rng.random() < 0.15 and s not in ("ring", "crescent")
        d = rng.choice(["up", "down", "left", "right"])
        big = rng.random() < 0.75
        r = S * (rng.uniform(0.3, 0.46) if big else rng.uniform(0.12, 0.18))
        cx, cy = w / 2, h / 2
        px = "in the middle"
        if not big and rng.random() < 0.75:
            v, q = rng.choice(["top", "bottom", ""]), rng.choice(["left", "right", ""])
            cx = {"left": r + 4, "right": w - r - 4, "": w / 2}[q]
            cy = {"top": r + 4, "bottom": h - r - 4, "": h / 2}[v]
            px = (
                ("in the " + v + " " + q + " corner")
                if v and q
                else "at the " + v
                if v
                else "on the " + q
                if q
                else "in the middle"
            )
        draw_shape(rng, im, s, paint(rng, c), cx, cy, r, outline=ol, d=d)
        p = with_article(f"{c} {s}")
        if ol:
            p = with_article(f"{c} {s} outline") if s not in ("cross",) else p
        ts = [
            (
                rng.choice(["What shape is this?", "Which shape do you see?", "What shape is it?", "Name the shape."]),
                rng.choice([f"It's {with_article(s)}.", f"{capitalised(with_article(s))}.", f"It is {p}."]),
            ),
            (
                rng.choice(
                    [
                        f"What {colour_word(rng)} is the {s}?",
                        f"What {colour_word(rng)} is it?",
                        f"What {colour_word(rng)} is the shape?",
                    ]
                ),
                rng.choice([f"The {s} is {c}.", f"{capitalised(c)}.", f"It is {c}."]),
            ),
            (
                rng.choice(Q_DESC + Q_SEE + Q_WHAT[:8]),
                rng.choice(
                    [
                        f"{capitalised(p)} on {with_article(bc)} background.",
                        f"I see {p}.",
                        f"It's {p}.",
                        f"The picture shows {p}.",
                    ]
                ),
            ),
            (
                rng.choice(["Where is the shape?", f"Where is the {s}?"]),
                rng.choice([f"The {s} is {px}.", f"It is {px}.", capitalised(px) + "."]),
            ),
            (
                f"What {colour_word(rng)} is the background?",
                rng.choice([f"The background is {bc}.", capitalised(bc) + "."]),
            ),
        ]
        if s == "arrow":
            ts += [
                (
                    rng.choice(
                        [
                            "Which way does the arrow point?",
                            "Where does the arrow point?",
                            "In which direction does the arrow point?",
                        ]
                    ),
                    rng.choice(
                        [
                            f"The arrow points {d if d in ('up', 'down') else 'to the ' + d}.",
                            f"{capitalised(d)}.",
                            f"It points {d if d in ('up', 'down') else 'to the ' + d}.",
                        ]
                    ),
                )
            ] * 4
        o = rng.choice(
            [
                x
                for x in SHAPES
                if x != s
                and (x, s)
                not in (
                    ("oval", "circle"),
                    ("ring", "circle"),
                    ("circle", "ring"),
                    ("rectangle", "square"),
                    ("square", "rectangle"),
                    ("square", "diamond"),
                    ("diamond", "square"),
                )
            ]
        )
        y = rng.random() < 0.5
        ts.append(
            (
                rng.choice(
                    [
                        f"Is this {with_article(s if y else o)}?",
                        f"Is there {with_article(s if y else o)} in the picture?",
                    ]
                ),
                f"Yes, it is {p}." if y else f"No, it is {p}.",
            )
        )
        return im, rng.sample(ts, 1 + (rng.random() < 0.35)), {}
    if u < 0.55:  # two / three in a row or column
        n = 2 if rng.random() < 0.6 else 3
        vert = rng.random() < 0.35
        L, Wd = (h, w) if vert else (w, h)
        if n == 3 and L < 128:
            L2 = 160
            h, w = (L2, w) if vert else (h, L2)
            im, bc = plain_background(rng, h, w)
            pool = colours_beside(bc)
            L, Wd = (h, w) if vert else (w, h)
        ss = rng.sample(SHAPES[:11], n)
        cs = rng.sample(pool, n)
        while any(cs[j] in CLASH.get(cs[i], []) for i in range(n) for j in range(n)):
            cs = rng.sample(pool, n)
        sl = L / n
        bigi = rng.randrange(n) if rng.random() < 0.4 else None
        rs = []
        for i in range(n):
            m = min(sl, Wd) * 0.5 - 3
            r = m * (rng.uniform(0.7, 0.95) if bigi is None else 0.95 if i == bigi else 0.5)
            rs.append(r)
            a = sl * (i + 0.5)
            b = Wd / 2 + rng.uniform(-0.7, 0.7) * (Wd / 2 - r - 3)
            draw_shape(rng, im, ss[i], paint(rng, cs[i]), *((b, a) if vert else (a, b)), r)
        p = [with_article(f"{c} {s}") for c, s in zip(cs, ss)]
        pos = (
            (["at the top", "at the bottom"] if n == 2 else ["at the top", "in the middle", "at the bottom"])
            if vert
            else (["on the left", "on the right"] if n == 2 else ["on the left", "in the middle", "on the right"])
        )
        i = rng.randrange(n)
        j = (i + rng.randrange(1, n)) % n
        rel = (("above", "below") if vert else ("to the left of", "to the right of"))[0 if i < j else 1]
        ts = [
            (
                f"What shape is {pos[i]}?",
                rng.choice(
                    [
                        f"{capitalised(with_article(ss[i]))}.",
                        f"It's {p[i]}.",
                        f"The shape {pos[i]} is {with_article(ss[i])}.",
                    ]
                ),
            ),
            (
                rng.choice(
                    [f"What {colour_word(rng)} is the {ss[i]}?", f"Which {colour_word(rng)} does the {ss[i]} have?"]
                ),
                rng.choice([f"The {ss[i]} is {cs[i]}.", f"{capitalised(cs[i])}."]),
            ),
            (
                rng.choice(
                    ["Describe the picture.", "What shapes do you see?", "List the shapes.", "What do you see?"]
                ),
                rng.choice(
                    [
                        f"{capitalised(listed(p))}.",
                        f"I see {listed(p)}.",
                        f"{capitalised(listed([a + ' ' + b for a, b in zip(p, pos)]))}.",
                    ]
                ),
            ),
            (
                f"Where is the {ss[i]}?",
                rng.choice(
                    [
                        f"The {ss[i]} is {pos[i]}.",
                        f"The {ss[i]} is {rel} the {ss[j]}." if n == 2 else capitalised(pos[i]) + ".",
                    ]
                ),
            ),
            (
                rng.choice([f"Which shape is {cs[i]}?", f"What is {cs[i]} in the picture?"]),
                rng.choice([f"The {ss[i]} is {cs[i]}.", f"The {ss[i]}."]),
            ),
            (
                rng.choice(["How many shapes are there?", "How many shapes do you see?"]),
                rng.choice([f"There are {NUMBERS[n]} shapes.", f"{capitalised(NUMBERS[n])}."]),
            ),
            (
                (
                    f"Is the {ss[i]} {rel if rng.random() < 0.5 else {'above': 'below', 'below': 'above', 'to the left of': 'to the right of', 'to the right of': 'to the left of'}[rel]} "
                    f"the {ss[j]}?"
                ),
                None,
            ),
        ]
        ts[-1] = (
            ts[-1][0],
            (f"Yes, it is {rel} the {ss[j]}." if f" {rel} the" in ts[-1][0] else f"No, it is {rel} the {ss[j]}."),
        )
        k = rng.choice([x for x in pool if x not in cs])
        ts.append((f"Is there {with_article(k + ' ' + ss[i])}?", f"No, the {ss[i]} is {cs[i]}."))
        if bigi is not None:
            ts += [
                (
                    rng.choice(["Which shape is the biggest?", "Which shape is the largest?"]),
                    rng.choice([f"The {ss[bigi]} is the biggest.", f"The {ss[bigi]}."]),
                )
            ] * 2
        return im, rng.sample(ts, 1 + (rng.random() < 0.4)), {}
    if u < 0.62:  # overlap
        a, b = rng.sample(["circle", "square", "triangle", "star", "heart", "hexagon"], 2)
        ca, cb = rng.sample(pool, 2)
        while cb in CLASH.get(ca, []):
            ca, cb = rng.sample(pool, 2)
        r = S * rng.uniform(0.24, 0.3)
        dx = r * rng.uniform(0.5, 0.75)
        dy = r * rng.uniform(-0.3, 0.3)
        sg = rng.choice([-1, 1])
        draw_shape(rng, im, a, paint(rng, ca), w / 2 - sg * dx, h / 2 - dy, r)
        draw_shape(rng, im, b, paint(rng, cb), w / 2 + sg * dx, h / 2 + dy, r)
        ts = [
            (
                rng.choice(["Which shape is in front?", "Which shape is on top of the other?"]),
                f"The {cb} {b} is in front of the {ca} {a}.",
            ),
            ("Which shape is behind?", f"The {ca} {a}."),
            (
                rng.choice(["Do the shapes overlap?", "Do the two shapes touch?"]),
                f"Yes, the {cb} {b} covers part of the {ca} {a}.",
            ),
            (
                rng.choice(["Describe the picture.", "What do you see?"]),
                f"{capitalised(with_article(cb + ' ' + b))} in front of {with_article(ca + ' ' + a)}.",
            ),
        ]
        return im, [rng.choice(ts)], {}
    n = rng.choices(range(1, 10), [2, 3, 4, 4, 4, 4, 3, 3, 3])[0]  # counting
    if n > 4 and S < 128:
        h = w = 128
        im, bc = plain_background(rng, h, w)
        pool = colours_beside(bc)
    g = 1 if n == 1 else 2 if n < 4 else 3
    gx = gy = g
    mode = rng.random()
    s1 = rng.choices(SHAPES[:11], SHAPE_WEIGHTS[:11])[0]
    c1 = rng.choice(pool)
    s2 = s1
    c2 = c1
    if mode > 0.35 and n > 1:
        if mode < 0.7:
            s2 = rng.choice([x for x in SHAPES[:6] if x != s1])
        c2 = rng.choice([c for c in pool if c != c1 and c not in CLASH.get(c1, [])] or [c1]) if mode > 0.5 else c1
    k1 = n if (s2, c2) == (s1, c1) else rng.randint(1, n - 1)
    cw, ch = w / gx, h / gy
    pos = rng.sample(range(gx * gy), n)
    for i, k in enumerate(pos):
        m = min(cw, ch) * 0.5 - 2
        r = m * rng.uniform(0.6, 0.92)
        s, c = (s1, c1) if i < k1 else (s2, c2)
        draw_shape(
            rng,
            im,
            s,
            paint(rng, c, 8),
            cw * (k % gx + 0.5) + rng.uniform(-1, 1) * (cw / 2 - r - 2) * 0.9,
            ch * (k // gx + 0.5) + rng.uniform(-1, 1) * (ch / 2 - r - 2) * 0.9,
            r,
        )

    def cnt(k, w1):
        return (
            f"{NUMBERS[k]} {w1 if k == 1 else w1.rsplit(' ', 1)[0] + ' ' + plural_shape(w1.rsplit(' ', 1)[1]) if ' ' in w1 else plural_shape(w1)}"
            if not (k == 1 and " " not in w1)
            else f"one {w1}"
        )

    def ans(k, w1):
        be = "is" if k == 1 else "are"
        return rng.choice(
            [
                f"There {be} {cnt(k, w1)}.",
                f"{capitalised(NUMBERS[k])}.",
                f"{capitalised(cnt(k, w1))}.",
                f"I count {cnt(k, w1)}.",
            ]
        )

    n1s = n if s1 == s2 else k1
    n1c = n if c1 == c2 else k1
    ts = [
        (
            rng.choice(
                [
                    f"How many {c1} {plural_shape(s1)} are there?",
                    f"Count the {c1} {plural_shape(s1)}.",
                    f"How many {c1} {plural_shape(s1)} do you see?",
                ]
            ),
            ans(k1, f"{c1} {s1}"),
        ),
        (
            rng.choice([f"How many {plural_shape(s1)} are there?", f"How many {plural_shape(s1)} can you see?"]),
            ans(n1s, s1),
        ),
        (rng.choice(["How many shapes are there?", "How many shapes do you see?"]), ans(n, "shape")),
        (f"How many {c1} shapes are there?", ans(n1c, f"{c1} shape")),
        (
            rng.choice(["Describe the picture.", "What do you see?", "What is in the picture?"]),
            rng.choice(["{a}.", "I see {b}."]).format(
                a=capitalised(cnt(k1, f"{c1} {s1}") + ("" if k1 == n else " and " + cnt(n - k1, f"{c2} {s2}"))),
                b=cnt(k1, f"{c1} {s1}") + ("" if k1 == n else " and " + cnt(n - k1, f"{c2} {s2}")),
            ),
        ),
    ]
    if rng.random() < 0.12:
        k = rng.choice([c for c in pool if c not in (c1, c2)])
        ts = [
            (
                f"How many {k} {plural_shape(s1)} are there?",
                rng.choice([f"There are no {k} {plural_shape(s1)}.", f"None, there are no {k} {plural_shape(s1)}."]),
            )
        ]
    return im, rng.sample(ts, 1 + (rng.random() < 0.3 and len(ts) > 1)), {"n": n}
