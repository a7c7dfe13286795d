# SPDX-License-Identifier: Apache-2.0
"""Word problems: templates with their equations."""

from __future__ import annotations

import re

from .basics import NAMES, THING, assistant, spin, user


def WORD_PROBLEMS(r, easy):
    n, m = r.sample(NAMES, 2)
    (t1, t), (_u1, u) = r.sample(THING, 2)
    hi = 20 if easy else 90
    a, b, c = r.randint(3, hi), r.randint(2, hi), r.randint(2, max(4, hi // 2))
    k = r.randint(2, 5 if easy else 12)
    big = a + b + r.randint(1, hi)
    P = []

    def p(q, th, v, unit):
        P.append((q, th, v, unit))

    p(
        (
            f"{n} has {a} {t} and [buys|gets|finds|is given|picks up] {b} more. How many {t} does {n} have [now|in "
            f"total|altogether]?"
        ),
        f"{n} starts with {a} and gets {b} more: {a} + {b} = {a + b}.",
        a + b,
        t,
    )
    p(
        (
            f"{n} had {big} {t}. {n} [gave|sold|lent|handed] {b} [to {m}|to a friend|to a neighbour]. How many {t} "
            f"[are left|does {n} still have|remain]?"
        ),
        f"{big} - {b} = {big - b}.",
        big - b,
        t,
    )
    p(
        (
            f"There are {k} [boxes|bags|baskets|packs|trays] with {a} {t} in each. How many {t} are there [in "
            f"all|altogether|in total]?"
        ),
        f"{k} groups of {a}: {k} × {a} = {k * a}.",
        k * a,
        t,
    )
    p(
        (
            f"{n} shares {k * c} {t} equally among {k} [friends|children|people|classmates|cousins]. How many {t} "
            f"does each [one get|person get|receive]?"
        ),
        f"{k * c} / {k} = {c}.",
        c,
        t,
    )
    p(
        f"{n} has {a} {t} and {m} has {a + b}. How many more {t} does {m} have than {n}?",
        f"The difference is {a + b} - {a} = {b}.",
        b,
        t,
    )
    p(f"One {t1} costs {k} [dollars|euros|pounds|coins]. How much do {a} {t} cost?", f"{a} × {k} = {a * k}.", a * k, "")
    p(
        f"{n} [reads|studies|practises|walks] {k} [pages|minutes] a day. How many is that in {c} days?",
        f"{c} × {k} = {c * k}.",
        c * k,
        "",
    )
    p(
        f"A [train|bus|ferry|plane] has {big} seats and {b} people are on board. How many seats are [free|empty]?",
        f"{big} - {b} = {big - b}.",
        big - b,
        "seats",
    )
    p(
        f"In a [class|club|choir|team] there are {a} girls and {b} boys. How many [children|members|people] are there?",
        f"{a} + {b} = {a + b}.",
        a + b,
        "",
    )
    p(
        (
            f"A [car|bus|train|cyclist|boat] travels {k * 10} km [each hour|per hour|an hour]. How far does it go in "
            f"{min(c, 9)} hours?"
        ),
        f"{k * 10} × {min(c, 9)} = {k * 10 * min(c, 9)}.",
        k * 10 * min(c, 9),
        "km",
    )
    # two steps
    p(
        (
            f"{n} has {a} {t}. {n} [buys|gets|finds] {b} more and then [gives away|loses|eats|sells] {min(c, a + b - 1)}. "
            f"How many {t} [are left|does {n} have now|remain]?"
        ),
        f"{a} + {b} = {a + b}. {a + b} - {min(c, a + b - 1)} = {a + b - min(c, a + b - 1)}.",
        a + b - min(c, a + b - 1),
        t,
    )
    p(
        f"{n} buys {k} [boxes|bags|packs] of {c} {t} and already had {a} {t}. How many {t} does {n} have now?",
        f"{k} × {c} = {k * c}. {k * c} + {a} = {k * c + a}.",
        k * c + a,
        t,
    )
    p(
        (
            f"A [shop|baker|farmer|market stall] has {k} crates with {a} {t} each and sells {min(b, k * a - 1)} {t}. "
            f"How many are left?"
        ),
        f"{k} × {a} = {k * a}. {k * a} - {min(b, k * a - 1)} = {k * a - min(b, k * a - 1)}.",
        k * a - min(b, k * a - 1),
        t,
    )
    p(
        (
            f"{n} pays with {10 * (a * k // 10 + 1)} [dollars|euros|pounds] for {a} {t} at {k} each. How much change "
            f"does {n} get?"
        ),
        f"The cost is {a} × {k} = {a * k}. The change is {10 * (a * k // 10 + 1)} - {a * k} = {10 * (a * k // 10 + 1) - a * k}.",
        10 * (a * k // 10 + 1) - a * k,
        "",
    )
    p(
        f"{n} has {a} {t} and {b} {u}. {m} has twice as many {t}. How many {t} do they have together?",
        f"{m} has 2 × {a} = {2 * a}. Together: {a} + {2 * a} = {3 * a}.",
        3 * a,
        t,
    )
    p(
        f"{n} is {a + 5} years old. {m} is {k} years older. How old will {m} be in {c} years?",
        f"{m} is {a + 5} + {k} = {a + 5 + k} now. In {c} years: {a + 5 + k} + {c} = {a + 5 + k + c}.",
        a + 5 + k + c,
        "years old",
    )
    p(
        (
            f"{n} saves {k} [dollars|euros|coins] a week for {c} weeks and then spends {min(b, k * c - 1)}. How much "
            f"is left?"
        ),
        f"Saved: {k} × {c} = {k * c}. Left: {k * c} - {min(b, k * c - 1)} = {k * c - min(b, k * c - 1)}.",
        k * c - min(b, k * c - 1),
        "",
    )
    p(
        f"There are {a} red {t}, {b} blue {t} and {c} green {t} in a box. How many {t} are in the box?",
        f"{a} + {b} = {a + b}. {a + b} + {c} = {a + b + c}.",
        a + b + c,
        t,
    )
    p(
        f"A rope is {k * c} metres long. It is cut into {k} equal pieces. How long is each piece?",
        f"{k * c} / {k} = {c}.",
        c,
        "metres",
    )
    p(
        f"A rectangle is {a} cm long and {k} cm wide. What is its [area|area in square cm]?",
        f"Area = length × width = {a} × {k} = {a * k}.",
        a * k,
        "square cm",
    )
    p(
        f"A rectangle is {a} cm long and {b} cm wide. What is its perimeter?",
        f"{a} + {b} = {a + b}. 2 × {a + b} = {2 * (a + b)}.",
        2 * (a + b),
        "cm",
    )
    p(
        f"{n} baked {k * c} {t} and put them into bags of {k}. How many bags were [filled|needed]?",
        f"{k * c} / {k} = {c}.",
        c,
        "bags",
    )
    p(
        (
            f"[On Monday|In the morning] {n} sold {a} {t}, [on Tuesday|in the afternoon] {b}. The goal is {big}. How "
            f"many {t} are still [missing|needed]?"
        ),
        f"{a} + {b} = {a + b}. {big} - {a + b} = {big - a - b}.",
        big - a - b,
        t,
    )
    p(
        f"{n} has {2 * a} {t} and gives half of them to {m}. How many {t} does {n} keep?",
        f"Half of {2 * a} is {2 * a} / 2 = {a}.",
        a,
        t,
    )
    p(f"{n} has {a} {t}. {m} has {k} times as many. How many {t} does {m} have?", f"{a} × {k} = {a * k}.", a * k, t)
    # three steps
    p(
        (
            f"{n} bought {k} packs of {c} {t}, gave {min(b, k * c - 1)} to {m} and later found {a} more. How many {t} "
            f"does {n} have?"
        ),
        (
            f"{k} × {c} = {k * c}. {k * c} - {min(b, k * c - 1)} = {k * c - min(b, k * c - 1)}. {k * c - min(b, k * c - 1)} "
            f"+ {a} = {k * c - min(b, k * c - 1) + a}."
        ),
        k * c - min(b, k * c - 1) + a,
        t,
    )
    p(
        f"A ticket costs {k} for a child and {2 * k} for an adult. How much do {c} children and 2 adults pay?",
        f"Children: {c} × {k} = {c * k}. Adults: 2 × {2 * k} = {4 * k}. Total: {c * k} + {4 * k} = {c * k + 4 * k}.",
        c * k + 4 * k,
        "",
    )
    p(
        f"{n} works {k} hours a day for 5 days and earns {c} an hour. How much does {n} earn?",
        f"Hours: {k} × 5 = {5 * k}. Pay: {5 * k} × {c} = {5 * k * c}.",
        5 * k * c,
        "",
    )
    p(
        f"{n} had {big} {t}, lost {min(b, big - 2)} of them and then [won|bought|found] {c}. How many {t} now?",
        f"{big} - {min(b, big - 2)} = {big - min(b, big - 2)}. {big - min(b, big - 2)} + {c} = {big - min(b, big - 2) + c}.",
        big - min(b, big - 2) + c,
        t,
    )
    p(f"{n} and {m} together have {a + b} {t}. {n} has {a}. How many does {m} have?", f"{a + b} - {a} = {b}.", b, t)
    return (r.choice(P[:10]) if easy else r.choice(P)), n, m


LEAD = [
    "",
    "",
    "",
    "",
    "[Please|Can you] help: ",
    "Word problem: ",
    "[Question|Problem|Exercise]: ",
    "[Hi|Hello|Hey]. ",
    "Here is a [puzzle|riddle|task]. ",
    "Solve this: ",
    "My [son|daughter|teacher] asks: ",
    "Math homework: ",
]

TAIL = [
    "",
    "",
    "",
    "",
    (
        " [Please explain briefly.|Thanks!|Please answer shortly.|Just the number, please.|Think step by step.|Show "
        "your work.]"
    ),
]


def word_problem_chat(r, think):
    """-> messages, question."""
    (q, th, v, unit), _n, _m = WORD_PROBLEMS(r, not think)
    tail = r.choice(TAIL)
    text = spin(r, r.choice(LEAD)) + " " + spin(r, q) + spin(r, tail) if True else ""
    text = re.sub(r"\s+", " ", spin(r, r.choice(LEAD)) + " " + spin(r, q) + " " + spin(r, tail)).strip()
    res = f"{v} {unit}".strip()
    opts = [
        f"The answer is {res}.",
        f"{res[0].upper() + res[1:]}.",
        f"{th} The answer is {res}." if not think else f"The answer is {v}.",
        f"{th.rstrip('.')}, so the answer is {res}." if not think else f"It is {res}.",
    ]
    if "Just the number" in text:
        opts = [str(v)]
    elif "Show your work" in text or "explain" in text or "step by step" in text:
        opts = [f"{th} The answer is {res}."]
    return [user(text), assistant(r.choice(opts), th if think else "")], text
