# SPDX-License-Identifier: Apache-2.0
"""Pictures of printed text: words, signs, receipts, lists."""

from __future__ import annotations

import cv2
import numpy as np

from .drawing import SIZES, background, contrast, luminance, paint, rounded_rectangle
from .emoji_pictures import one_emoji
from .lettering import PHRASES, draw_text, fit_font, font_name, pick_font, random_case, text_item, words, wrap
from .words import NUMBERS, capitalised, colour_word, listed, number_word, with_article

Q_SAY = [
    "What does it say?",
    "What does the text say?",
    "What does this say?",
    "what does it say",
    "What does the picture say?",
    "What does the image say?",
    "Can you tell me what it says?",
    "What does the writing say?",
]


Q_READ = [
    "Read the text.",
    "Read this.",
    "Please read the text in the picture.",
    "Transcribe the text.",
    "Write down the text you see.",
    "Read the text in the image.",
    "Copy the text.",
    "Read it to me.",
    "Give only the text.",
]


Q_WRIT = [
    "What is written here?",
    "What text is in the image?",
    "What is written in the picture?",
    "What's written?",
    "Which text do you see?",
    "Can you read this?",
    "Can you read the text?",
]


QT = {
    "number": [
        "What number is shown?",
        "What number is this?",
        "Which number do you see?",
        "Read the number.",
        "What is the number?",
    ],
    "date": ["What date is shown?", "Which date is this?", "What is the date?"],
    "price": ["What is the price?", "How much does it cost?", "What price is shown?"],
    "time": ["What time is shown?", "What time is it?", "What time does it say?"],
    "phone": ["What is the phone number?", "Which phone number is shown?", "Read the phone number."],
    "email": ["What is the e-mail address?", "What e-mail address is shown?", "Read the e-mail address."],
    "url": ["What is the web address?", "Which website is shown?"],
    "code": ["What code is shown?", "Read the code."],
    "math": ["What does the formula say?", "Read the equation."],
}


AT = {
    "number": "The number is {t}.",
    "date": "The date is {t}.",
    "price": "The price is {t}.",
    "time": "It's {t}.",
    "phone": "The phone number is {t}.",
    "email": "The e-mail address is {t}.",
    "url": "The web address is {t}.",
    "code": "The code is {t}.",
    "math": "It says {t}.",
}


def text_turn(rng, ty, t, tc=None, sign=False):
    """(question, answer): what is written."""
    u = rng.random()
    if ty in QT and u < 0.55:
        return rng.choice(QT[ty]), rng.choice([AT[ty], "{t}"]).format(t=t)
    if u < 0.70:
        return (
            rng.choice(["What does the sign say?", "What is on the sign?", "Read the sign."])
            if sign and rng.random() < 0.5
            else rng.choice(Q_SAY)
        ), f'It says "{t}".'
    if u < 0.90:
        return rng.choice(Q_READ), t
    if ty == "words" and " " not in t and rng.random() < 0.5:
        return rng.choice(["What word is this?", "Which word do you see?", "What is the word?"]), rng.choice(
            [f'The word is "{t}".', t]
        )
    return rng.choice(Q_WRIT), rng.choice([f'It says "{t}".', f'"{t}"', f'The text says "{t}".'])


def text_extra(rng, ty, t, n):
    """More about the text: letters, words, colours."""
    ws = t.split()
    u = rng.random()
    if u < 0.3 and n:
        return rng.choice(
            [
                f"What {colour_word(rng)} is the text?",
                f"Which {colour_word(rng)} are the letters?"
                if ty == "words"
                else f"What {colour_word(rng)} is the text?",
            ]
        ), rng.choice([f"The text is {n}.", f"{capitalised(n)}.", f"It's {n}."])
    if ty == "words" and u < 0.5:
        return rng.choice(["How many words are there?", "How many words do you see?"]), rng.choice(
            [
                f"There {'is' if len(ws) == 1 else 'are'} {number_word(rng, len(ws))} word{'' if len(ws) == 1 else 's'}.",
                f"{capitalised(number_word(rng, len(ws)))}.",
            ]
        )
    if ty == "words" and len(ws) > 1 and u < 0.75:
        k = rng.choice([0, -1])
        return f"What is the {'first' if k == 0 else 'last'} word?", rng.choice(
            [f'"{ws[k]}"', f'The {"first" if k == 0 else "last"} word is "{ws[k]}".', ws[k]]
        )
    if u < 0.9:
        if rng.random() < 0.5:
            return f'Does it say "{t}"?', f'Yes, it says "{t}".'
        o = text_item(rng)[1] if ty != "words" else random_case(rng, " ".join(words(rng, len(ws))))
        return (
            (f'Does it say "{o}"?', f'No, it says "{t}".')
            if o.lower() != t.lower()
            else ("Is there any text?", f'Yes, it says "{t}".')
        )
    return rng.choice(["Is there any text in the picture?", "Is there something written here?"]), f'Yes, it says "{t}".'


def printed_text(rng):
    """Printed text of any kind -> picture, turns, facts."""
    u = rng.random()
    if u < 0.72:
        return plain_text(rng)
    if u < 0.86:
        return sign(rng)
    return lines_of_text(rng)


def plain_text(rng):
    """A word or a line on a background."""
    for _ in range(20):
        ty, t = text_item(rng)
        lines = wrap(t, 2 if len(t) > 14 and rng.random() < 0.8 else 1)
        n = max(map(len, lines))
        w = rng.choice([x for x in SIZES if x >= min(256, n * rng.choice([10, 12, 15])) and x >= 64] or [256])
        hs = [x for x in SIZES if x >= 32 * len(lines) and x <= 2 * w and (x <= w or rng.random() < 0.25)]
        h = rng.choice(hs[:3] or [64])
        im, bd, bc = background(rng, h, w, plain=0.68)
        bgc = im[h // 4 : 3 * h // 4].reshape(-1, 3).mean(0)
        if bd in ("a striped background", "a checked background") or im[::4, ::4].std() > 45:
            continue
        if not bc and abs(luminance(bgc) - 128) < 35:
            continue
        c = draw_text(rng, im, lines, (3, 3, w - 3, h - 3), bgc=bgc)
        if c:
            break
    else:
        return one_emoji(rng)
    ts = [text_turn(rng, ty, t)]
    if rng.random() < 0.3:
        ts.append(text_extra(rng, ty, t, c))
    return im, ts, {"text": t}


def sign(rng):
    """A sign with a border, sometimes on a post."""
    for _ in range(20):
        ty, t = ("words", random_case(rng, rng.choice(PHRASES))) if rng.random() < 0.6 else text_item(rng)
        lines = wrap(t, 2 if len(t) > 9 else 1)
        w = rng.choice([128, 160, 192, 224])
        h = rng.choice([x for x in (96, 128, 160, 192) if x <= w])
        im, _bd, bc = background(rng, h, w, plain=0.3)
        n = rng.choice([c for c in ("red", "blue", "green", "white", "yellow", "black", "brown", "orange") if c != bc])
        c = paint(rng, n)
        m = rng.randint(8, 14)
        r = rng.choice([2, 6, 12])
        x0, y0, x1, y1 = m, m, w - m, h - m - (rng.randint(8, 20) if rng.random() < 0.4 else 0)
        if y1 < h - m:
            cv2.rectangle(im, (w // 2 - 4, y1), (w // 2 + 4, h), (110, 110, 112), -1)
        tc = contrast(rng, c, 110)
        rounded_rectangle(im, x0, y0, x1, y1, c, r)
        if rng.random() < 0.5:
            cv2.rectangle(im, (x0 + 5, y0 + 5), (x1 - 5, y1 - 5), tc[0], 2, cv2.LINE_AA)
        if draw_text(rng, im, lines, (x0 + 8, y0 + 8, x1 - 8, y1 - 8), rot=0, colr=tc):
            break
    else:
        return one_emoji(rng)
    ts = [text_turn(rng, ty, t, sign=True)]
    if rng.random() < 0.3:
        ts.append(
            rng.choice(
                [
                    (f"What {colour_word(rng)} is the sign?", rng.choice([f"The sign is {n}.", capitalised(n) + "."])),
                    (f"What {colour_word(rng)} is the text?", f"The text is {tc[1]}."),
                    (
                        rng.choice(["What do you see?", "Describe the picture."]),
                        f'{capitalised(with_article(n + " sign"))} that says "{t}".',
                    ),
                ]
            )
        )
    elif rng.random() < 0.15:
        ts = [
            (
                rng.choice(["What do you see?", "Describe the picture.", "What is this?"]),
                f'{capitalised(with_article(n + " sign"))} that says "{t}".',
            )
        ]
    return im, ts, {"text": t}


GOODS = (
    "milk bread eggs butter apples coffee tea cheese rice pasta soap water juice bananas sugar flour honey "
    "fish soup cake pizza salad wine beer tomatoes potatoes onions carrots paper pens stamps socks shampoo "
    "chicken oil salt pepper jam cookies yogurt"
).split()


def lines_of_text(rng):
    """A receipt, a list or a label of several lines."""
    w, h = rng.choice([(160, 128), (192, 128), (192, 160), (192, 192), (160, 160), (224, 160), (224, 192), (256, 192)])
    u = rng.random()
    im = np.empty((h, w, 3), np.uint8)
    im[:] = (
        paint(rng, rng.choice(["white", "white", "white", "yellow", "grey"]))
        if rng.random() < 0.8
        else paint(rng, "black")
    )
    bgc = im[0, 0].astype(int)
    fi = pick_font(rng, "ABC 1$")
    while font_name(fi) in ("GNUTypewriter", "Lobster", "DancingScript"):
        fi = pick_font(rng, "ABC 1$")
    tc = contrast(rng, bgc, 120)
    if u < 0.45:  # receipt
        k = rng.choice([1, 2, 2, 3])
        it = rng.sample(GOODS, k)
        cu = rng.choice("$€£")
        pr = [rng.randint(50, 999) for _ in it]
        tot = sum(pr)
        rows = [(capitalised(a), f"{cu}{p / 100:.2f}") for a, p in zip(it, pr)] + [("Total", f"{cu}{tot / 100:.2f}")]
        if k == 1:
            rows = rows[:1] if rng.random() < 0.5 else rows
        nl = len(rows)
        fs = fit_font(fi, [a + "   " + b for a, b in rows], w - 16, h - 12, 12, 28)
        if not fs:
            return plain_text(rng)
        for i, (a, b) in enumerate(rows):
            y0, y1 = 6 + (h - 12) * i // nl, 6 + (h - 12) * (i + 1) // nl
            draw_text(rng, im, [a], (8, y0, w // 2 + 20, y1), 0, fi=fi, colr=tc, align="l", fs=fs + 0)
            draw_text(rng, im, [b], (w // 2 - 10, y0, w - 6, y1), 0, fi=fi, colr=tc, align="r", fs=fs)
        i = rng.randrange(k)
        tr = "\n".join(a + " " + b for a, b in rows)
        ts = [
            (
                rng.choice(
                    [
                        f"How much is the {it[i]}?",
                        f"How much does the {it[i]} cost?",
                        f"What is the price of the {it[i]}?",
                    ]
                )
                if it[i][-1] != "s" or it[i] == "swiss"
                else rng.choice([f"How much are the {it[i]}?", f"What is the price of the {it[i]}?"]),
                rng.choice([f"{rows[i][1]}", f"The {it[i]} cost{'' if it[i][-1] == 's' else 's'} {rows[i][1]}."]),
            ),
            (rng.choice(["Read the receipt.", "Transcribe the text.", "Read all the lines."]), tr),
            (
                rng.choice(["What was bought?", "Which things are on the receipt?", "What is on the list?"]),
                capitalised(listed(it)) + ".",
            ),
        ]
        if rows[-1][0] == "Total":
            ts += [
                (
                    rng.choice(["What is the total?", "How much is the total?", "How much is it in all?"]),
                    rng.choice([f"The total is {rows[-1][1]}.", rows[-1][1]]),
                )
            ] * 2
        return im, rng.sample(ts, 1 + (rng.random() < 0.3)), {"text": tr}
    if u < 0.75:  # list
        k = rng.choice([2, 3, 3, 4])
        it = [
            capitalised(x)
            for x in (rng.sample(GOODS, k) if rng.random() < 0.5 else list(dict.fromkeys(words(rng, k + 2)))[:k])
        ]
        b = rng.choice(["", "- ", "{i}. "])
        rows = [b.format(i=i + 1) + x for i, x in enumerate(it)]
        ttl = rng.choice([None, "Shopping list", "To do", "Notes", "Menu"])
        rows = ([ttl] if ttl and k < 4 else []) + rows
        ttl = ttl if k < 4 else None
    else:  # label with mixed lines
        it = [capitalised(words(rng, 1)[0]), text_item(rng)[1][:18].strip(), text_item(rng)[1][:18].strip()][
            : rng.choice([2, 3])
        ]
        rows = it
        ttl = None
    fs = fit_font(fi, rows, w - 20, h - 12, 12, 36)
    if not fs:
        return plain_text(rng)
    al = rng.choice("lc")
    bx = 10
    for i, l in enumerate(rows):
        y0, y1 = 6 + (h - 12) * i // len(rows), 6 + (h - 12) * (i + 1) // len(rows)
        if draw_text(rng, im, [l], (bx, y0, w - 6, y1), 0, fi=fi, colr=tc, align=al, fs=fs) is None:
            return plain_text(rng)
    tr = "\n".join(rows)
    o = ["first", "second", "third", "fourth", "fifth"]
    i = rng.randrange(len(rows))
    ts = [
        (rng.choice(["Read all the lines.", "Transcribe the text.", "Read the text.", "What does it say?"]), tr),
        (f"What is the {o[i]} line?", rng.choice([rows[i], f'The {o[i]} line says "{rows[i]}".'])),
        (
            rng.choice(["What is the last line?", "What does the last line say?"]),
            rng.choice([rows[-1], f'The last line says "{rows[-1]}".']),
        ),
        (
            rng.choice(["How many lines of text are there?", "How many lines do you see?"]),
            rng.choice([f"There are {NUMBERS[len(rows)]} lines.", capitalised(NUMBERS[len(rows)]) + "."]),
        ),
    ]
    if ttl:
        ts.append(("What is the title?", rng.choice([ttl, f'The title is "{ttl}".'])))
    return im, rng.sample(ts, 1 + (rng.random() < 0.3)), {"text": tr}
