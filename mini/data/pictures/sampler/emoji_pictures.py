# SPDX-License-Identifier: Apache-2.0
"""Pictures of emoji with their conversations: one, several, counted, with a label, two pictures, wrong premises,
nothing.
"""

from __future__ import annotations

import math

from .assets import ASSETS, STYLE_WEIGHTS
from .drawing import SIZES, background, paste, size
from .emoji import colours_to_avoid, emoji_cell, emoji_image, pick_emoji, pick_style
from .lettering import PHRASES, draw_text, words
from .questions import (
    Q_DESC,
    Q_SEE,
    Q_WHAT,
    hard_negative,
    turn_background,
    turn_colour,
    turn_keywords,
    turn_kind,
    turn_what,
    turn_yes_no,
)
from .words import NUMBERS, capitalised, colour_word, listed, plural, with_article, without_article


def one_emoji(rng):
    """One emoji and up to four turns -> picture, turns, facts (as all functions of this kind)."""
    r = pick_emoji(rng)
    im, st, bd, bc = emoji_image(rng, r)
    turns = []
    u = rng.random()
    first = (
        turn_what(rng, r, bd)
        if u < 0.66
        else turn_yes_no(rng, r)
        if u < 0.82
        else turn_colour(rng, r, st)
        if u < 0.90
        else turn_kind(rng, r)
        if u < 0.96
        else turn_keywords(rng, r)
        if u < 0.97
        else turn_background(rng, bd, bc)
    )
    turns.append(first or turn_what(rng, r, bd))
    while len(turns) < 4 and rng.random() < 0.33:
        v = rng.random()
        t = (
            turn_yes_no(rng, r)
            if v < 0.35
            else turn_colour(rng, r, st)
            if v < 0.6
            else turn_kind(rng, r)
            if v < 0.8
            else turn_background(rng, bd, bc)
            if v < 0.9
            else turn_what(rng, r, bd)
        )
        if t and all(t[0] != x[0] for x in turns) and not any(x[1] == t[1] for x in turns):
            turns.append(
                (
                    "And " + t[0][0].lower() + t[0][1:]
                    if t[0][1:2].islower() and t[0][0] != "I" and rng.random() < 0.12
                    else t[0],
                    t[1],
                )
            )
    return im, turns, {"name": r["label"], "style": st}


def several_emoji(rng):
    """Two or three in a row or a column: which is where, what there is."""
    if rng.random() < 0.22:
        return counting(rng)
    n = 2 if rng.random() < 0.62 else 3
    rs = []
    while len(rs) < n:
        r = rng.choice(ASSETS["simple"]) if rng.random() < 0.85 else pick_emoji(rng)
        if not r["is_plural"] and all(not (r["words"] & o["words"]) and r["label"] != o["label"] for o in rs):
            rs.append(r)
    vert = rng.random() < 0.35
    L = rng.choice([128, 160, 192, 224, 256] if n == 2 else [192, 224, 256])
    Wd = rng.choice([x for x in SIZES if L / 3 <= x <= L and x >= 64])
    h, w = (L, Wd) if vert else (Wd, L)
    sts = [pick_style(rng, r) for r in rs] if rng.random() < 0.5 else None
    if sts is None:
        st = rng.choice(list(STYLE_WEIGHTS))
        sts = [st if st in r["styles"] else pick_style(rng, r) for r in rs]
    im, bd, _bc = background(rng, h, w, [c for r, s in zip(rs, sts) for c in colours_to_avoid(r, s)])
    sl = L / n
    for i, (r, s) in enumerate(zip(rs, sts)):
        sz = min(sl, Wd) * rng.uniform(0.7, 0.97)
        a = sl * (i + 0.5) + rng.uniform(-0.5, 0.5) * max(0, sl - sz)
        b = Wd / 2 + rng.uniform(-0.8, 0.8) * max(0, Wd - sz) / 2
        paste(rng, im, emoji_cell(r, s), *((b, a) if vert else (a, b)), sz)
    p = [r["phrase"] for r in rs]
    nm = [without_article(x) for x in p]
    pos = (
        (["at the top", "at the bottom"] if n == 2 else ["at the top", "in the middle", "at the bottom"])
        if vert
        else (["on the left", "on the right"] if n == 2 else ["on the left", "in the middle", "on the right"])
    )
    turns = []

    def one():
        u = rng.random()
        i = rng.randrange(n)
        j = (i + rng.randrange(1, n)) % n
        if u < 0.3:
            return rng.choice(
                ["What is {x}?", "What do you see {x}?", "What's {x}?", "Which thing is {x}?", "Name the thing {x}."]
            ).format(x=pos[i]), rng.choice(["{P}.", "There is {p} {x}.", "It's {p}.", "{P} is {x}."]).format(
                p=p[i], P=capitalised(p[i]), x=pos[i]
            )
        if u < 0.5:
            return rng.choice(
                [
                    "What do you see?",
                    "List what you see.",
                    "What is in the picture?",
                    "Which things are shown?",
                    "Name everything you see.",
                    "What's in this image?",
                    "List the objects from left to right." if not vert else "List the objects from top to bottom.",
                    "What are these?",
                ]
            ), rng.choice(["{l}.", "I see {l2}.", "The picture shows {l2}.", "There are {k} things: {l2}."]).format(
                l=capitalised(listed(p)), l2=listed(p), k=NUMBERS[n]
            )
        if u < 0.62:
            return rng.choice(
                [
                    "Describe the picture.",
                    "Describe this image.",
                    "Describe what you see.",
                    "Give a caption for this picture.",
                    "Describe where the things are.",
                ]
            ), rng.choice(
                [
                    capitalised(listed([f"{a} {b}" for a, b in zip(p, pos)])) + ".",
                    "There is " + listed([f"{a} {b}" for a, b in zip(p, pos)]) + ".",
                    f"{capitalised(listed(p))} on {bd}.",
                ]
            )
        if u < 0.74:
            return rng.choice(
                [
                    "How many things are in the picture?",
                    "How many objects do you see?",
                    "How many things are there?",
                    "How many different things can you see?",
                    "Count the objects.",
                ]
            ), rng.choice(["There are {k} things.", "{K}.", "I see {k} things: {l}.", "{K}: {l}."]).format(
                k=NUMBERS[n], K=capitalised(NUMBERS[n]), l=listed(p)
            )
        if u < 0.84:
            rel = ("above", "below") if vert else ("to the left of", "to the right of")
            k = 0 if i < j else 1
            q = rng.choice(
                [
                    f"Is the {nm[i]} {rel[0]} or {rel[1]} the {nm[j]}?",
                    f"Where is the {nm[i]}?",
                    f"Where can you see the {nm[i]}?",
                ]
            )
            return q, (
                f"The {nm[i]} is {rel[k]} the {nm[j]}."
                if q.startswith("Is")
                else rng.choice([f"The {nm[i]} is {pos[i]}.", f"It's {pos[i]}.", capitalised(pos[i]) + "."])
            )
        if u < 0.90 and n == 2:
            return rng.choice(
                [f"What is next to the {nm[i]}?", f"What else is in the picture besides the {nm[i]}?"]
            ), rng.choice([capitalised(p[j]) + ".", f"There is {p[j]}.", f"It's {p[j]}."])
        if rng.random() < 0.5:
            return f"Is there {p[i]} in the picture?", rng.choice(
                [f"Yes, there is {p[i]} {pos[i]}.", f"Yes, {pos[i]}.", "Yes."]
            )
        o = hard_negative(rng, rs[i])
        if not o or any(o["words"] & r["words"] for r in rs):
            return f"What is {pos[i]}?", capitalised(p[i]) + "."
        return f"Is there {o['phrase']} in the picture?", rng.choice(
            [
                f"No, there is no {without_article(o['phrase'])}. I see {listed(p)}.",
                f"No, only {listed(p)}.",
                f"No, I only see {listed(p)}.",
            ]
        )

    for _ in range(1 + (rng.random() < 0.4) + (rng.random() < 0.12)):
        t = one()
        if all(t[0] != x[0] for x in turns):
            turns.append(t)
    return im, turns, {"name": [r["label"] for r in rs]}


def counting(rng):
    """Several of one kind: how many."""
    r = rng.choice(ASSETS["countable"])
    n = rng.choices([1, 2, 3, 4, 5, 6], [1, 3, 4, 4, 3, 3])[0]
    st = pick_style(rng, r)
    gx, gy = rng.choice(
        {
            1: [(1, 1), (2, 1)],
            2: [(2, 1), (1, 2), (2, 2)],
            3: [(3, 1), (2, 2), (1, 3)],
            4: [(2, 2), (4, 1), (3, 2)],
            5: [(3, 2), (2, 3)],
            6: [(3, 2), (2, 3), (3, 3)],
        }[n]
    )
    cl = rng.choice([64, 64, 56, 80]) if max(gx, gy) < 4 else 64
    w, h = [min(256, max(64, int(math.ceil(x * cl / 32) * 32))) for x in (gx, gy)]
    im, bd, _bc = background(rng, h, w, colours_to_avoid(r, st))
    cw, ch = w / gx, h / gy
    for k in rng.sample(range(gx * gy), n):
        sz = min(cw, ch) * rng.uniform(0.7, 0.95)
        paste(
            rng,
            im,
            emoji_cell(r, st),
            cw * (k % gx + 0.5) + rng.uniform(-0.5, 0.5) * (cw - sz),
            ch * (k // gx + 0.5) + rng.uniform(-0.5, 0.5) * (ch - sz),
            sz,
        )
    pl, nn = plural(r["noun"]), r["noun"]
    k = NUMBERS[n]
    w_ = nn if n == 1 else pl
    be = "is" if n == 1 else "are"
    u = rng.random()
    if u < 0.6:
        t = (
            rng.choice(
                [
                    f"How many {pl} are there?",
                    f"How many {pl} do you see?",
                    f"Count the {pl}.",
                    f"How many {pl} are in the picture?",
                ]
            ),
            rng.choice(
                [f"There {be} {k} {w_}.", f"{capitalised(k)}.", f"{capitalised(k)} {w_}.", f"I count {k} {w_}."]
            ),
        )
    elif u < 0.85:
        t = (
            rng.choice(Q_SEE + Q_DESC[:4]),
            rng.choice([f"I see {k} {w_}.", f"{capitalised(k)} {w_} on {bd}.", f"{capitalised(k)} {w_}."]),
        )
    else:
        m = rng.choice([1, 2, 3, 4, 5, 6])
        t = (
            f"Are there {NUMBERS[m]} {pl}?" if m > 1 else f"Is there only one {nn}?",
            f"Yes, there {be} {k} {w_}." if m == n else f"No, there {be} {k} {w_}.",
        )
    return im, [t], {"name": r["label"], "n": n}


def emoji_with_label(rng):
    """One with some text above or below it."""
    while True:
        r = rng.choice(ASSETS["simple"])
        if len(r["label"]) < 24:
            break
    w = rng.choice([128, 160, 192])
    h = w if rng.random() < 0.6 else min(256, w + 32)
    st = pick_style(rng, r)
    im, _bd, _bc = background(rng, h, w, colours_to_avoid(r, st), plain=0.75)
    tx = (
        capitalised(rng.choice(PHRASES))
        if rng.random() < 0.4
        else capitalised(" ".join(words(rng, rng.choice([1, 1, 2]))))
    )
    tx = tx if len(tx) < 16 else capitalised(words(rng, 1)[0])
    top = rng.random() < 0.4
    th = int(h * 0.26)
    y0 = 0 if top else h - th
    draw_text(rng, im, [tx], (4, y0 + 2, w - 4, y0 + th - 2), rot=0, bgc=im[y0 : y0 + th].reshape(-1, 3).mean(0))
    sz = min(w, h - th) * rng.uniform(0.75, 0.95)
    paste(rng, im, emoji_cell(r, st), w / 2, (th if top else 0) + (h - th) / 2, sz)
    p = r["phrase"]
    wh = "above" if top else "below"
    qs = []
    qs = [
        (
            rng.choice(
                ["What is in the picture?", "Describe the picture.", "What do you see?", "Describe this image."]
            ),
            rng.choice(
                [
                    f'{capitalised(p)} with the text "{tx}" {wh} it.',
                    f'The picture shows {p} and the text "{tx}".',
                    f'I see {p}. The text {wh} it says "{tx}".',
                ]
            ),
        ),
        (
            rng.choice(["What does the text say?", "What is written in the picture?", "What does it say?"]),
            f'It says "{tx}".',
        ),
        (rng.choice(["Read the text.", "Transcribe the text."]), tx),
        (
            rng.choice(["Which object is shown?", f"What is {'below' if top else 'above'} the text?"]),
            rng.choice([capitalised(p) + ".", f"It's {p}."]),
        ),
        ("Is there any text in the picture?", f'Yes, it says "{tx}".'),
    ]
    return im, rng.sample(qs, 1 + (rng.random() < 0.4)), {"name": r["label"], "text": tx}


def two_pictures(rng):
    """Two pictures to tell apart; returns a list of pictures."""
    a = rng.choice(ASSETS["simple"])
    b = None
    while b is None or (b["words"] & a["words"]):
        b = rng.choice(ASSETS["by_subgroup"][a["subgroup"]] if rng.random() < 0.3 else ASSETS["simple"])
        b = None if b["is_plural"] or not b["phrase"].startswith(("a ", "an ")) else b
    if rng.random() < 0.12:
        b = a
    hw = size(rng, 64, 192)
    A = emoji_image(rng, a, hw=hw)
    B = emoji_image(rng, b, hw=hw if rng.random() < 0.6 else size(rng, 64, 192))
    pa, pb = a["phrase"], b["phrase"]
    na, nb = without_article(pa), without_article(pb)
    o = ["first", "second"]
    if a is b:
        t = rng.choice(
            [
                ("What is the same in both pictures?", f"Both pictures show {pa}."),
                ("Do the two pictures show the same thing?", f"Yes, both show {pa}."),
                ("What do you see in the two pictures?", f"Both pictures show {pa}."),
                ("Is there a difference?", f"Both pictures show {pa}, but they look a little different."),
            ]
        )
        ts = [t]
    else:
        i = rng.randrange(2)
        x = (na, nb)[i]
        px = (pa, pb)[i]
        ts = [
            (
                rng.choice(
                    [
                        f"Which picture shows the {x}, the first or the second?",
                        f"Which picture shows {px}?",
                        f"In which picture is the {x}?",
                        f"Where is the {x}, in the first or the second picture?",
                    ]
                ),
                rng.choice([f"The {o[i]} picture shows the {x}.", f"The {o[i]} one.", f"The {o[i]} picture."]),
            ),
            (
                rng.choice(
                    [
                        "What is the difference?",
                        "What is the difference between the two pictures?",
                        "Compare the two pictures.",
                        "How are the pictures different?",
                    ]
                ),
                rng.choice(
                    [
                        f"The first picture shows {pa}, the second shows {pb}.",
                        f"The first one is {pa} and the second one is {pb}.",
                    ]
                ),
            ),
            (
                rng.choice(
                    [
                        f"What is in the {o[i]} picture?",
                        f"What does the {o[i]} picture show?",
                        f"What do you see in the {o[i]} image?",
                    ]
                ),
                rng.choice([capitalised(px) + ".", f"The {o[i]} picture shows {px}.", f"It's {px}."]),
            ),
            (
                rng.choice(
                    ["What do you see in the two pictures?", "What is in these pictures?", "Describe both pictures."]
                ),
                rng.choice(
                    [f"{capitalised(pa)} and {pb}.", f"The first picture shows {pa} and the second shows {pb}."]
                ),
            ),
            (
                rng.choice(["Do the two pictures show the same thing?", "Are these pictures of the same thing?"]),
                rng.choice([f"No, the first is {pa} and the second is {pb}.", f"No, they show {pa} and {pb}."]),
            ),
        ]
        if A[3] and B[3] and A[3] != B[3]:
            ts.append(
                (
                    f"Which picture has a {A[3]} background?"
                    if A[3][0] != "o"
                    else "Which picture has an orange background?",
                    "The first picture.",
                )
                if rng.random() < 0.5
                else (
                    f"Which picture has {with_article(B[3])} background?",
                    rng.choice(["The second picture.", "The second one."]),
                )
            )
        ts = rng.sample(ts, 1 + (rng.random() < 0.4))
    return [A[0], B[0]], ts, {"name": [a["label"], b["label"]]}


def wrong_premise(rng):
    """question about something that is not there"""
    if rng.random() < 0.15:
        r = None
        h, w = size(rng)
        im, bd, _ = background(rng, h, w)
        p = bd
    else:
        r = pick_emoji(rng)
        im, _st, bd, _bc = emoji_image(rng, r)
        p = r["phrase"]
    o = hard_negative(rng, r) if r else rng.choice(ASSETS["simple"])
    if not o or (r and r["is_plural"] and rng.random() < 0.5):
        o = rng.choice(
            [x for x in rng.sample(ASSETS["simple"], 9) if not r or not (x["words"] & r["words"])]
            or ASSETS["simple"][:1]
        )
    n = without_article(o["phrase"])
    q = rng.choice(
        [
            "What {c} is the {n}?",
            "Where is the {n}?",
            "How big is the {n}?",
            "What is the {n} doing?"
            if o["kind"] in ("animal", "person")
            else "Is the {n} on the left or on the right?",
            "Which {c} does the {n} have?",
            "Is the {n} big or small?",
            "What is next to the {n}?",
            "Can you describe the {n}?",
            "Tell me about the {n}.",
        ]
    ).format(c=colour_word(rng), n=n)
    if r:
        a = rng.choice(
            [
                f"There is no {n} in this picture; it shows {p}.",
                f"I don't see {o['phrase']} here. The picture shows {p}.",
                f"There is no {n} in the picture, only {p}.",
                f"I can't see {o['phrase']}. It's a picture of {p}.",
            ]
        )
    else:
        a = rng.choice(
            [f"There is no {n} in this picture, only {p}.", f"I don't see {o['phrase']}. There is only {p}."]
        )
    if rng.random() < 0.1:
        q = rng.choice(["What does the text say?", "What is written here?", "Read the text."])
        a = (
            rng.choice(
                [f"There is no text in this picture; it shows {p}.", f"I don't see any text. The picture shows {p}."]
            )
            if not r or r["group"] not in ("symbols", "objects", "flags", "travel-places", "smileys-emotion")
            else a
        )
        q = q if "text" in a else f"Where is the {n}?"
    return im, [(q, a)], {"name": r["label"] if r else None}


def empty_picture(rng):
    """A plain background: there is nothing to see."""
    h, w = size(rng)
    im, bd, bc = background(rng, h, w)
    if bc:
        d = rng.choice(
            [
                f"There is nothing in the picture, only a plain {bc} background.",
                f"The picture is empty: it is just {bc}.",
                f"I only see a plain {bc} background.",
                f"Nothing, just {bc}.",
            ]
        )
    else:
        d = rng.choice(
            [f"There is nothing in the picture, only {bd}.", f"I only see {bd}.", f"Nothing special, just {bd}."]
        )
    u = rng.random()
    if u < 0.75:
        t = (rng.choice(Q_WHAT[:20] + Q_SEE + Q_DESC), d)
    elif u < 0.87:
        t = (rng.choice(["Is there anything in the picture?", "Do you see an object?", "Is the picture empty?"]), None)
        t = (t[0], (f"Yes, it is empty. There is only {bd}." if "empty" in t[0] else f"No, there is only {bd}."))
    else:
        t = (
            rng.choice(["How many things are in the picture?", "How many objects do you see?"]),
            rng.choice([f"None, there is only {bd}.", "There are no objects in the picture."]),
        )
    return im, [t], {}
