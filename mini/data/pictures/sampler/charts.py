# SPDX-License-Identifier: Apache-2.0
"""Bar and pie charts, clocks, gauges, tic-tac-toe, dice, seven-segment displays."""

from __future__ import annotations

import math

import cv2
import numpy as np

from .colours import SHAPE_COLOURS
from .drawing import luminance, paint, paste, rounded_rectangle
from .lettering import a_number, small_text
from .shapes import CLASH, colours_beside
from .words import NUMBERS, capitalised, colour_word, listed

LABEL_SETS = [
    ["A", "B", "C", "D", "E"],
    ["Mon", "Tue", "Wed", "Thu", "Fri"],
    ["Jan", "Feb", "Mar", "Apr", "May"],
    ["Tea", "Milk", "Beer", "Wine", "Juice"],
    ["Cats", "Dogs", "Birds", "Fish", "Cows"],
    ["Ann", "Bob", "Eve", "Tom", "Max"],
    ["2021", "2022", "2023", "2024", "2025"],
    ["Red", "Blue", "Green", "Pink", "Black"],
    ["1", "2", "3", "4", "5"],
]


def chart(rng):
    """A chart or instrument of any kind -> picture, turns, facts."""
    u = rng.random()
    return (
        bar_chart
        if u < 0.28
        else pie_chart
        if u < 0.38
        else clock
        if u < 0.62
        else gauge
        if u < 0.72
        else tic_tac_toe
        if u < 0.78
        else dice
        if u < 0.88
        else seven_segments
    )(rng)


def chart_background(rng, h, w, names=("white", "white", "white", "grey", "yellow", "black")):
    """-> picture, colour name, ink that shows on it."""
    n = rng.choice(names)
    im = np.empty((h, w, 3), np.uint8)
    im[:] = paint(rng, n) if n != "grey" else (rng.randint(190, 212),) * 3
    return im, n, ((20, 20, 22) if n != "black" else (235, 235, 235))


def bar_chart(rng):
    """Bars with labels, sometimes with values."""
    n = rng.choice([2, 3, 3, 4, 4, 5])
    w = rng.choice([160, 192, 224, 256]) if n > 3 else rng.choice([128, 160, 192, 224])
    h = rng.choice([x for x in (128, 160, 192) if x <= w])
    im, bn, ink = chart_background(rng, h, w)
    lab = rng.choice(LABEL_SETS if n < 4 else [x for x in LABEL_SETS if x[0] != "2021"])
    k = rng.sample(range(5), n) if rng.random() < 0.5 else range(n)
    lab = [lab[i] for i in k]
    if max(map(len, lab)) * 9 > (w - 12) / n:
        lab = [LABEL_SETS[0][i] for i in k]
    vals = rng.sample(range(2, 21), n)
    pool = colours_beside(bn)
    cs = rng.sample([c for c in pool if c not in ("white",)], n) if rng.random() < 0.6 else [rng.choice(pool)] * n
    if lab[0] in LABEL_SETS[7]:
        cs = [rng.choice(["orange", "brown", "purple"])] * n
    show = rng.random() < 0.6
    b = h - 20
    top = 18 if show else 8
    sl = (w - 12) / n
    for i in range(n):
        x0, x1 = int(6 + sl * (i + 0.16)), int(6 + sl * (i + 0.84))
        y = int(b - (b - top) * vals[i] / max(vals))
        cv2.rectangle(im, (x0, y), (x1, b), paint(rng, cs[i], 6), -1)
        small_text(im, lab[i], (x0 + x1) / 2, b + 10, 14 if sl > 34 else 12, ink)
        if show:
            small_text(im, str(vals[i]), (x0 + x1) / 2, y - 8, 12 if sl < 40 else 14, ink)
    cv2.line(im, (4, b), (w - 4, b), ink, 1)
    o = sorted(range(n), key=lambda i: vals[i])
    hi, lo = o[-1], o[0]
    i, j = rng.sample(range(n), 2)
    bar = rng.choice(["bar", "column"]) if rng.random() < 0.2 else "bar"
    ts = [
        (
            rng.choice(
                [
                    f"Which {bar} is the tallest?",
                    f"Which {bar} is the highest?",
                    "Which one has the highest value?",
                    "What is the biggest?",
                ]
            ),
            rng.choice([f"{lab[hi]} is the tallest.", f"The {bar} {lab[hi]}.", f"{lab[hi]}."]),
        ),
        (
            rng.choice(
                [f"Which {bar} is the shortest?", "Which one has the lowest value?", f"Which {bar} is the smallest?"]
            ),
            rng.choice([f"{lab[lo]} is the shortest.", f"{lab[lo]}."]),
        ),
        (
            rng.choice([f"How many {bar}s are there?", f"How many {bar}s does the chart have?"]),
            rng.choice([f"There are {NUMBERS[n]} {bar}s.", f"{capitalised(NUMBERS[n])}."]),
        ),
        (
            f"Is {lab[i]} taller than {lab[j]}?",
            f"Yes, {lab[i]} is taller." if vals[i] > vals[j] else f"No, {lab[j]} is taller.",
        ),
        (
            rng.choice(["What is this?", "What do you see?", "Describe the picture."]),
            f"A bar chart with {NUMBERS[n]} bars: {listed(lab)}.",
        ),
        (f"What are the labels of the {bar}s?", listed(lab) + "."),
    ]
    if show:
        ts += [
            (
                rng.choice(
                    [f"What is the value of {lab[i]}?", f"How much is {lab[i]}?", f"What value does {lab[i]} have?"]
                ),
                rng.choice([f"{lab[i]} is {vals[i]}.", str(vals[i])]),
            )
        ] * 2
    if len(set(cs)) > 1:
        ts += [
            (
                f"What {colour_word(rng)} is the tallest {bar}?",
                rng.choice([f"The tallest {bar} is {cs[hi]}.", capitalised(cs[hi]) + "."]),
            ),
            (f"Which {bar} is {cs[i]}?", f"{lab[i]}."),
        ]
    return im, rng.sample(ts, 1 + (rng.random() < 0.4)), {}


def pie_chart(rng):
    """Slices of clearly different size."""
    s = rng.choice([96, 128, 160])
    im, bn, _ink = chart_background(rng, s, s, ("white", "white", "grey", "black"))
    n = rng.choice([2, 3, 3, 4])
    while True:
        v = [rng.randint(8, 60) for _ in range(n)]
        o = sorted(v)
        if o[-1] - o[-2] > 0.08 * sum(v) and (n == 2 or o[1] - o[0] > 0.05 * sum(v)):
            break
    cs = rng.sample([c for c in colours_beside(bn) if c not in ("white", "grey", "black")][:8], n)
    while any(a in CLASH.get(b, []) for a in cs for b in cs):
        cs = rng.sample([c for c in SHAPE_COLOURS if c not in ("white", "grey", "black")], n)
    a = rng.uniform(0, 360)
    for c, x in zip(cs, v):
        e = a + 360 * x / sum(v)
        cv2.ellipse(im, (s // 2, s // 2), (int(s * 0.44),) * 2, 0, a, e, paint(rng, c, 6), -1, cv2.LINE_AA)
        a = e
    hi, lo = v.index(max(v)), v.index(min(v))
    ts = [
        (
            rng.choice(
                [
                    f"Which {colour_word(rng)} has the biggest slice?",
                    "Which slice is the biggest?",
                    "Which part is the largest?",
                ]
            ),
            rng.choice([f"The {cs[hi]} slice is the biggest.", f"{capitalised(cs[hi])}."]),
        ),
        (
            rng.choice(["Which slice is the smallest?", "Which part is the smallest?"]),
            rng.choice([f"The {cs[lo]} slice is the smallest.", f"{capitalised(cs[lo])}."]),
        ),
        (
            rng.choice(["How many slices does the pie chart have?", "How many slices are there?"]),
            rng.choice([f"It has {NUMBERS[n]} slices.", f"{capitalised(NUMBERS[n])}."]),
        ),
        (
            rng.choice(["What is this?", "What do you see?", "Describe the picture."]),
            f"A pie chart with {NUMBERS[n]} slices: {listed(cs)}.",
        ),
    ]
    return im, rng.sample(ts, 1 + (rng.random() < 0.35)), {}


def clock(rng):
    """A clock face at a multiple of five minutes."""
    s = rng.choice([96, 128, 128, 160, 192])
    bgn = rng.choice(["white", "blue", "yellow", "green", "grey", "red"])
    im = np.empty((s, s, 3), np.uint8)
    im[:] = paint(rng, bgn)
    h, m = rng.randint(1, 12), 5 * rng.choices(range(12), [4, 1, 1, 3, 1, 1, 4, 1, 1, 3, 1, 1])[0]
    fc = (250, 250, 248) if rng.random() < 0.8 else (35, 35, 40)
    ink = (20, 20, 20) if fc[0] > 128 else (240, 240, 240)
    c = s / 2
    r = s * rng.uniform(0.42, 0.48)
    F = 16

    def P(a, k):
        return (
            round((c + r * k * math.sin(math.radians(a))) * F),
            round((c - r * k * math.cos(math.radians(a))) * F),
        )

    cv2.circle(im, (round(c * F),) * 2, round(r * F), fc, -1, cv2.LINE_AA, 4)
    cv2.circle(im, (round(c * F),) * 2, round(r * F), ink, max(2, s // 48), cv2.LINE_AA, 4)
    nums = rng.random() < 0.7 and s >= 128
    for i in range(12):
        if nums:
            small_text(
                im,
                str(i or 12),
                c + r * 0.8 * math.sin(math.radians(30 * i)),
                c - r * 0.8 * math.cos(math.radians(30 * i)),
                12 if s < 150 else 16,
                ink,
            )
        else:
            cv2.line(
                im,
                P(30 * i, 0.84 if i % 3 else 0.76),
                P(30 * i, 0.95),
                ink,
                1 + (i % 3 == 0) + s // 130,
                cv2.LINE_AA,
                4,
            )
    mh = rng.choice([ink, ink, (200, 30, 30), (30, 60, 190)])
    L = 0.62 if nums else 0.78
    cv2.line(im, (round(c * F),) * 2, P(30 * (h % 12) + m / 2, 0.44), ink, max(3, s // 28), cv2.LINE_AA, 4)
    cv2.line(im, (round(c * F),) * 2, P(6 * m, L), mh, max(2, s // 52), cv2.LINE_AA, 4)
    cv2.circle(im, (int(c), int(c)), max(3, s // 32), ink, -1, cv2.LINE_AA)
    t = f"{h}:{m:02d}"
    say = (
        f"{NUMBERS[h]} o'clock"
        if m == 0
        else f"half past {NUMBERS[h]}"
        if m == 30
        else f"quarter past {NUMBERS[h]}"
        if m == 15
        else f"quarter to {NUMBERS[h % 12 + 1]}"
        if m == 45
        else None
    )
    ts = [
        (
            rng.choice(
                [
                    "What time is it?",
                    "What time is it on the clock?",
                    "What time does the clock show?",
                    "Tell me the time.",
                    "Read the clock.",
                ]
            ),
            rng.choice([f"It is {t}.", f"{t}", f"The clock shows {t}."] + ([f"It is {t}, {say}."] if say else [])),
        )
    ] * 4 + [(rng.choice(["What is this?", "What do you see?"]), f"A clock. It shows {t}.")]
    return im, [rng.choice(ts)], {"time": t}


def gauge(rng):
    """A bar that is filled to a tenth."""
    w, h = rng.choice([(160, 64), (192, 64), (192, 96), (128, 64), (224, 64)])
    im, bn, ink = chart_background(rng, h, w)
    p = rng.choice(range(0, 101, 10))
    n = rng.choice([c for c in colours_beside(bn) if c in ("red", "green", "blue", "purple", "orange", "pink")])
    c = paint(rng, n)
    m = 12
    bh = rng.randint(14, 26)
    y = (h - bh) // 2
    e = tuple(int(x) for x in (np.array(ink) * 0.25 + im[0, 0] * 0.75))
    sh = rng.random() < 0.35
    if sh:
        small_text(im, f"{p}%", w - 24, h / 2, 14, ink)
        x1 = w - 48
    else:
        x1 = w - m
    cv2.rectangle(im, (m, y), (x1, y + bh), e, -1)
    if p:
        cv2.rectangle(im, (m, y), (m + (x1 - m) * p // 100, y + bh), c, -1)
    cv2.rectangle(im, (m, y), (x1, y + bh), ink, 1)
    if p < 100 and p > 0:
        pass
    else:
        pass
    ts = [
        (
            rng.choice(
                [
                    "How full is the bar?",
                    "How far is the progress bar?",
                    "How much is done?",
                    "What percentage is shown?",
                ]
            ),
            (f"It is at {p}%." if sh else f"It is at about {p}%.") if p not in (0, 100) else f"It is at {p}%.",
        ),
        (
            rng.choice(["Is the bar more than half full?", "Is it more than half done?"]),
            (f"Yes, it is at about {p}%." if p > 50 else f"No, it is at about {p}%."),
        ),
        (rng.choice(["What is this?", "What do you see?"]), f"A progress bar at about {p}%."),
    ]
    if p >= 10:
        ts.append((f"What {colour_word(rng)} is the bar?", rng.choice([f"The bar is {n}.", capitalised(n) + "."])))
    return im, [rng.choice(ts)], {}


def tic_tac_toe(rng):
    """A board: who stands where, who has won."""
    s = rng.choice([96, 128, 160])
    im, bn, ink = chart_background(rng, s, s)
    b = [""] * 9
    k = rng.randint(3, 8)
    cl = rng.sample(range(9), k)
    for i, x in enumerate(cl):
        b[x] = "XO"[i % 2] if rng.random() < 0.85 else rng.choice("XO")
    u = s / 3
    cX, cO = [
        paint(rng, c, 5)
        for c in rng.sample(
            [c for c in colours_beside(bn) if c in ("red", "blue", "green", "purple", "black", "orange")]
            or ["red", "blue"],
            2,
        )
    ]
    for i in (1, 2):
        cv2.line(im, (int(u * i), 6), (int(u * i), s - 6), ink, 2)
        cv2.line(im, (6, int(u * i)), (s - 6, int(u * i)), ink, 2)
    for i, v in enumerate(b):
        cx, cy, r = int(u * (i % 3 + 0.5)), int(u * (i // 3 + 0.5)), int(u * 0.28)
        if v == "X":
            cv2.line(im, (cx - r, cy - r), (cx + r, cy + r), cX, 3, cv2.LINE_AA)
            cv2.line(im, (cx + r, cy - r), (cx - r, cy + r), cX, 3, cv2.LINE_AA)
        elif v == "O":
            cv2.circle(im, (cx, cy), r, cO, 3, cv2.LINE_AA)
    x, o = b.count("X"), b.count("O")
    mid = b[4]

    def f(k, c):
        return f"{NUMBERS[k]} {c}{'' if k == 1 else 's'}"

    ts = [
        (
            rng.choice(["Who has more, X or O?", "Are there more Xs or Os?"]),
            f"X has more: {x} to {o}."
            if x > o
            else f"O has more: {o} to {x}."
            if o > x
            else f"They have the same: {x} each.",
        ),
        ("How many Xs are there?", f"There {'is' if x == 1 else 'are'} {f(x, 'X')}." if x else "There are no Xs."),
        ("How many Os are there?", f"There {'is' if o == 1 else 'are'} {f(o, 'O')}." if o else "There are no Os."),
        ("What is in the middle?", f"There is an {mid} in the middle." if mid else "The middle is empty."),
        (rng.choice(["What is this?", "What do you see?"]), "A tic-tac-toe board."),
    ]
    return im, [rng.choice(ts)], {}


def dice(rng):
    """One to three dice."""
    n = rng.choices([1, 2, 3], [5, 4, 1])[0]
    s = rng.choice([64, 80, 96]) if n > 1 else rng.choice([64, 96, 128])
    W = max(64, math.ceil(s * n / 32) * 32)
    H = math.ceil(s / 32) * 32
    im = np.empty((H, W, 3), np.uint8)
    bn = rng.choice(["green", "blue", "red", "grey", "brown", "white", "black"])
    im[:] = paint(rng, bn)
    v = [rng.randint(1, 6) for _ in range(n)]
    pts = {
        1: [(0, 0)],
        2: [(-1, -1), (1, 1)],
        3: [(-1, -1), (0, 0), (1, 1)],
        4: [(-1, -1), (1, 1), (-1, 1), (1, -1)],
        5: [(-1, -1), (1, 1), (-1, 1), (1, -1), (0, 0)],
        6: [(-1, -1), (1, 1), (-1, 1), (1, -1), (-1, 0), (1, 0)],
    }
    dn = rng.choice([c for c in ("white", "red", "black", "yellow", "blue") if c != bn])
    dc = paint(rng, dn, 6)
    pc = (245, 245, 245) if luminance(dc) < 130 else (20, 20, 20)
    for k, x in enumerate(v):
        q = W / n
        c = int(min(q, H) * 0.82)
        t = np.zeros((c, c, 4), np.uint8)
        tmp = np.zeros((c, c, 3), np.uint8)
        mk = np.zeros((c, c, 3), np.uint8)
        rounded_rectangle(mk, 1, 1, c - 2, c - 2, (255, 255, 255), c // 7)
        tmp[:] = dc
        fl = rng.random() < 0.5
        for a, b in pts[x]:
            if fl:
                a, b = b, -a
            cv2.circle(
                tmp,
                (round((c / 2 + a * c * 0.26) * 16), round((c / 2 + b * c * 0.26) * 16)),
                round(c * 0.09 * 16),
                pc,
                -1,
                cv2.LINE_AA,
                4,
            )
        t[..., :3] = cv2.multiply(tmp, mk, scale=1 / 255.0)
        t[..., 3] = mk[..., 0]
        paste(rng, im, t, q * (k + 0.5), H / 2, c, rot=rng.uniform(-14, 14))
    if n == 1:
        ts = [
            (
                rng.choice(
                    [
                        "What number does the die show?",
                        "How many dots does the die show?",
                        "What did I roll?",
                        "How many dots are there?",
                        "Which number was rolled?",
                    ]
                ),
                rng.choice([f"The die shows {NUMBERS[v[0]]}.", capitalised(NUMBERS[v[0]]) + ".", f"{v[0]}"]),
            ),
            (rng.choice(["What is this?", "What do you see?"]), f"A {dn} die showing {NUMBERS[v[0]]}."),
        ]
    else:
        ts = [
            (
                rng.choice(
                    [
                        "What is the sum of the dice?",
                        "How many dots are there in all?",
                        "What is the total of the dice?",
                    ]
                ),
                rng.choice([f"The sum is {sum(v)}.", f"{' + '.join(map(str, v))} = {sum(v)}."]),
            ),
            (
                rng.choice(["What do the dice show?", "Which numbers were rolled?", "What did I roll?"]),
                rng.choice(
                    [
                        f"The dice show {listed([NUMBERS[x] for x in v])}.",
                        capitalised(listed([NUMBERS[x] for x in v])) + ".",
                    ]
                ),
            ),
            ("How many dice are there?", f"There are {NUMBERS[n]} dice."),
            ("What does the left die show?", f"The left die shows {NUMBERS[v[0]]}."),
            ("What does the right die show?", f"The right die shows {NUMBERS[v[-1]]}."),
        ]
    return im, [rng.choices(ts, [4] + [1] * (len(ts) - 1))[0]], {}


SEGMENTS = {
    "0": "abcdef",
    "1": "bc",
    "2": "abged",
    "3": "abgcd",
    "4": "fgbc",
    "5": "afgcd",
    "6": "afgedc",
    "7": "abc",
    "8": "abcdefg",
    "9": "abcdfg",
    "-": "g",
}


def seven_segments(rng):
    """A seven-segment display: a time or a number."""
    tm = rng.random() < 0.4
    t = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}" if tm else a_number(rng)
    if not tm and ("." in t or len(t) > 4):
        t = str(rng.randint(0, 9999))
    dw, dh = 22, 44
    adv = 32
    W_ = sum(14 if c == ":" else adv for c in t) + 8
    w = max(64, math.ceil((W_ + 16) / 32) * 32)
    h = rng.choice([64, 96])
    bg = rng.choice([(15, 18, 15), (10, 10, 14), (180, 195, 170), (60, 8, 8)])
    fg = (
        rng.choice([(255, 50, 40), (60, 240, 90), (70, 180, 255), (255, 170, 30)])
        if luminance(bg) < 90
        else (20, 25, 20)
    )
    im = np.empty((h, w, 3), np.uint8)
    im[:] = bg
    x = (w - W_) / 2 + 8
    y = (h - dh) / 2
    th = 5
    dim = tuple(int(b * 0.88 + f * 0.12) for b, f in zip(bg, fg))
    gh = rng.random() < 0.4
    sl = rng.choice([0, 0, 0.1])
    for ch in t:
        if ch == ":":
            for k in (0.3, 0.7):
                cv2.circle(im, (int(x + 2), int(y + dh * k)), 3, fg, -1, cv2.LINE_AA)
            x += 14
            continue
        S = {
            "a": ((3, 0), (dw - 3, 0)),
            "b": ((dw, 3), (dw, dh / 2 - 3)),
            "c": ((dw, dh / 2 + 3), (dw, dh - 3)),
            "d": ((3, dh), (dw - 3, dh)),
            "e": ((0, dh / 2 + 3), (0, dh - 3)),
            "f": ((0, 3), (0, dh / 2 - 3)),
            "g": ((3, dh / 2), (dw - 3, dh / 2)),
        }
        for k, (a, b) in S.items():
            on = k in SEGMENTS[ch]
            if on or gh:
                cv2.line(
                    im,
                    (int(x + a[0] + sl * (dh - a[1])), int(y + a[1])),
                    (int(x + b[0] + sl * (dh - b[1])), int(y + b[1])),
                    fg if on else dim,
                    th - 1,
                    cv2.LINE_AA,
                )
        x += adv
    if tm:
        return (
            im,
            [
                (
                    rng.choice(
                        [
                            "What time is it?",
                            "What time does the display show?",
                            "What does the display show?",
                            "What time is shown?",
                        ]
                    ),
                    rng.choice([f"It is {t}.", t, f"The display shows {t}."]),
                )
            ],
            {"text": t},
        )
    return (
        im,
        [
            (
                rng.choice(
                    [
                        "What number is shown?",
                        "What does the display show?",
                        "Which number is on the display?",
                        "Read the display.",
                    ]
                ),
                rng.choice([f"The display shows {t}.", t, f"The number is {t}."]),
            )
        ],
        {"text": t},
    )
