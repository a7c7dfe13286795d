# SPDX-License-Identifier: Apache-2.0
"""Fonts, lettering that fits its place, and things to write."""

from __future__ import annotations

import math
import os

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .assets import ASSETS
from .drawing import contrast
from .words import alternatives, capitalised

FSZ = [12, 14, 16, 18, 20, 22, 24, 28, 32, 36, 40, 48, 56, 64, 76, 90]


def font(i, s):
    """Font number i at size s, cached."""
    k = (i, s)
    f = ASSETS["font_cache"].get(k)
    if f is None:
        f = ASSETS["font_cache"][k] = ImageFont.truetype(ASSETS["fonts"][i], s, layout_engine=ImageFont.Layout.BASIC)
    return f


def font_name(i):
    """The file's name without ending."""
    return os.path.basename(ASSETS["fonts"][i]).split(".")[0]


def pick_font(rng, text):
    """The number of a font that has all letters of t."""
    up = sum(c.isupper() for c in text) > 2
    low = any(c.islower() for c in text)
    while True:
        i = rng.randrange(len(ASSETS["fonts"]))
        n = font_name(i)
        if n == "HumorSans" and low:
            continue  # its small letters look like capitals
        if n in ("DancingScript", "Lobster") and (
            up or any(c in "@/$€£" or c.isdigit() for c in text) or rng.random() < 0.5
        ):
            continue
        if n == "GNUTypewriter" and any(c in "&£€" for c in text):
            continue
        return i


def fit_font(i, lines, bw, bh, lo=12, hi=90):
    """The largest size at which all lines fit into w x h, or None."""
    f = font(i, 32)
    wd = max(f.getlength(l) for l in lines)
    k = min(bw / max(1, wd), bh / (len(lines) * 32 * 1.25)) * 32
    ok = [s for s in FSZ if lo <= s <= min(k, hi)]
    return ok[-1] if ok else None


def draw_text(rng, im, lines, box, rot=None, bgc=None, fi=None, colr=None, align="c", fs=None, shadow=None):
    """Writes lines into the box (x0, y0, x1, y1) -> the lettering's colour name, or None if they do not fit."""
    x0, y0, x1, y1 = box
    bw, bh = x1 - x0, y1 - y0
    fi = pick_font(rng, " ".join(lines)) if fi is None else fi
    rot = rot if rot is not None else (rng.uniform(-7, 7) if rng.random() < 0.4 else 0)
    sr = abs(math.sin(math.radians(rot)))
    given = bool(fs)
    fs = fs or fit_font(
        fi, lines, (bw - sr * bh * 0.5) * 0.97, (bh - sr * bw) * 0.97, lo=20 if font_name(fi) == "DancingScript" else 12
    )
    if not fs:
        return None
    if rng.random() < 0.3 and fs > 22 and not given:
        fs = max(s for s in FSZ if s <= fs * 0.8)
    f = font(fi, fs)
    lh = fs * 1.22
    th = lh * len(lines)
    c, n = colr or contrast(rng, bgc)
    tw = max(f.getlength(l) for l in lines)
    jx = rng.uniform(-1, 1) * max(0, bw - tw - sr * th) / 2 * 0.8 if align == "c" else 0
    jy = rng.uniform(-1, 1) * max(0, bh - th - sr * tw) / 2 * 0.8 if align == "c" else 0
    m = Image.new("L", (bw, bh))
    d = ImageDraw.Draw(m)
    for k, l in enumerate(lines):
        x = {"c": (bw - f.getlength(l)) / 2, "l": 2, "r": bw - f.getlength(l) - 2}[align]
        d.text((x + jx, (bh - th) / 2 + k * lh + jy + lh * 0.5), l, fill=255, font=f, anchor="lm")
    m = np.asarray(m)
    if rot:
        m = cv2.warpAffine(m, cv2.getRotationMatrix2D((bw / 2, bh / 2), rot, 1), (bw, bh), flags=cv2.INTER_LINEAR)
    roi = im[y0:y1, x0:x1]
    a = cv2.merge([m] * 3)
    cc = np.empty_like(roi)
    cc[:] = c
    im[y0:y1, x0:x1] = cv2.add(cv2.multiply(roi, 255 - a, scale=1 / 255.0), cv2.multiply(cc, a, scale=1 / 255.0))
    return n


PHRASES = alternatives("""
    happy birthday | no parking | open | closed | exit | entrance | welcome | welcome home | for sale | thank you |
    good morning | good night | hello world | push | pull | danger | wet paint | wet floor | keep out | sale today |
    free coffee | hot tea | fresh bread | stop | slow down | one way | no smoking | ladies | gentlemen | please wait
    | quiet please | I love you | best friends | come in | we are open | sorry we are closed | back soon | mind the
    gap | beware of the dog | do not enter | merry christmas | happy new year | good luck | well done | get well
    soon | keep calm | dream big | be kind | smile | just do it now | live laugh love | once upon a time | the end |
    to be continued | game over | you win | try again | loading | next page | buy milk | call mom | team meeting |
    lunch break | school bus | city library | main street | park road | bus stop | taxi | police | hotel | bakery |
    pizza house | coffee shop | book store | garden centre | fish and chips | ice cream | lost cat | found dog |
    free wifi | out of order | private | staff only | ticket office | platform 2 | gate 7 | room 12 | level 3 | exit
    4 | caution | emergency exit | fire door | first aid | pay here | cash only | fragile | this side up | handle
    with care | keep dry | made in italy | 100% cotton | half price | buy one get one free | new | hello | hi there
    | good idea | think first | read more | sign in | log out | search | menu | home | settings | help | cancel |
    save | yes | no | ok | start | play | pause | high score | level up | hello my name is | today's menu | soup of
    the day
""")


MON = "January February March April May June July August September October November December".split()


DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def words(rng, n):
    """n words of the list, common ones more often."""
    w = ASSETS["words"]
    o = []
    for _ in range(n):
        N = len(w)
        k = int(N * rng.random() ** 2.2)
        o.append(w[k] if len(w[k]) > 1 else w[k + 1])
    return o


def random_case(rng, s):
    """A text in some case."""
    u = rng.random()
    return (
        s
        if u < 0.35
        else s.upper()
        if u < 0.6
        else capitalised(s)
        if u < 0.85
        else s.title()
        if "'" not in s
        else capitalised(s)
    )


def money(rng):
    c = rng.choice("$$€£")
    return f"{c}{rng.choice([rng.randint(1, 20), rng.randint(1, 99), rng.randint(1, 999)])}" + (
        f".{rng.choice([0, 25, 49, 50, 75, 90, 95, 99, rng.randint(0, 99)]):02d}" if rng.random() < 0.75 else ""
    )


def a_number(rng):
    u = rng.random()
    return (
        str(rng.randint(0, 9))
        if u < 0.12
        else str(rng.randint(10, 99))
        if u < 0.4
        else str(rng.randint(100, 999))
        if u < 0.6
        else str(rng.randint(1000, 9999))
        if u < 0.78
        else str(rng.randint(10000, 999999))
        if u < 0.9
        else f"{rng.randint(0, 99)}.{rng.randint(0, 9)}"
        if u < 0.96
        else f"-{rng.randint(1, 50)}"
    )


def text_item(rng):
    """-> type, text"""
    u = rng.random()
    if u < 0.30:
        return "words", random_case(rng, " ".join(words(rng, rng.choices([1, 2, 3, 4], [48, 28, 14, 10])[0])))
    if u < 0.46:
        return "words", random_case(rng, rng.choice(PHRASES))
    if u < 0.66:
        return "number", a_number(rng)
    if u < 0.73:
        d, m, y = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1950, 2035)
        return "date", rng.choice(
            [
                f"{d} {MON[m - 1]} {y}",
                f"{MON[m - 1]} {d}, {y}",
                f"{y}-{m:02d}-{d:02d}",
                f"{d:02d}/{m:02d}/{y}",
                f"{d} {MON[m - 1][:3]}",
                f"{rng.choice(DAYS)} {d} {MON[m - 1]}",
                str(y),
            ]
        )
    if u < 0.81:
        return "price", money(rng)
    if u < 0.86:
        return "time", rng.choice(
            [
                f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}",
                f"{rng.randint(1, 12)}:{rng.choice([0, 15, 30, 45, rng.randint(0, 59)]):02d} {rng.choice(['am', 'pm', 'AM', 'PM'])}",
            ]
        )
    if u < 0.90:
        return "phone", rng.choice(
            [
                f"555-01{rng.randint(0, 99):02d}",
                f"({rng.randint(200, 989)}) 555-01{rng.randint(0, 99):02d}",
                f"0{rng.randint(20, 99)} 55{rng.randint(100, 999)}",
            ]
        )
    if u < 0.94:
        return (
            "email",
            f"{rng.choice(words(rng, 3))}{rng.choice(['', '', str(rng.randint(1, 99))])}@{rng.choice(['example.com', 'example.org', 'mail.example', 'example.net'])}",
        )
    if u < 0.96:
        return "url", f"www.{words(rng, 1)[0]}.{rng.choice(['com', 'org', 'net'])}"
    if u < 0.98:
        L = "ABCDEFGHJKLMNPRSTUVWXYZ"
        return "code", rng.choice(
            [
                f"{rng.choice(L)}{rng.choice(L)} {rng.randint(10, 999)}",
                f"{rng.choice(L)}{rng.randint(2, 99)}",
                f"{rng.choice(L)}{rng.choice(L)}{rng.choice(L)}-{rng.randint(100, 999)}",
            ]
        )
    return "math", (lambda a, b: rng.choice([f"{a} + {b} = {a + b}", f"{a} x {b} = {a * b}", f"{a} + {b} = ?"]))(
        rng.randint(1, 20), rng.randint(1, 20)
    )


def wrap(t, k):
    """t in up to two lines (k) of nearly equal length."""
    ws = t.split()
    if k <= 1 or len(ws) < 2:
        return [t]
    best = min(range(1, len(ws)), key=lambda i: abs(len(" ".join(ws[:i])) - len(" ".join(ws[i:]))))
    return [" ".join(ws[:best]), " ".join(ws[best:])]


def small_text(im, t, cx, cy, fs, c, fi=None, anchor="mm"):
    """One short line of size fs around (cx, cy)."""
    fi = (
        fi
        if fi is not None
        else ASSETS.setdefault(
            "plain_font", next(i for i in range(len(ASSETS["fonts"])) if font_name(i) == "DejaVuSans")
        )
    )
    f = font(fi, fs)
    tw = int(f.getlength(t)) + 4
    th = int(fs * 1.3) + 2
    x0, y0 = int(cx - tw / 2), int(cy - th / 2)
    x0, y0 = max(0, min(x0, im.shape[1] - tw)), max(0, min(y0, im.shape[0] - th))
    m = Image.new("L", (tw, th))
    ImageDraw.Draw(m).text((tw / 2, th / 2), t, fill=255, font=f, anchor="mm")
    m = np.asarray(m)[: im.shape[0], : im.shape[1]]
    roi = im[y0 : y0 + m.shape[0], x0 : x0 + m.shape[1]]
    a = cv2.merge([m[: roi.shape[0], : roi.shape[1]]] * 3)
    cc = np.empty_like(roi)
    cc[:] = c
    im[y0 : y0 + m.shape[0], x0 : x0 + m.shape[1]] = cv2.add(
        cv2.multiply(roi, 255 - a, scale=1 / 255.0), cv2.multiply(cc, a, scale=1 / 255.0)
    )
