# SPDX-License-Identifier: Apache-2.0
"""Arithmetic with the working written out as one does it on paper."""

from __future__ import annotations

from .basics import assistant, fill, spin, user

Q_OP = {
    "+": ["{a} + {b}", "{a} plus {b}", "the sum of {a} and {b}", "{a} and {b} added together", "{a}+{b}"],
    "-": [
        "{a} - {b}",
        "{a} minus {b}",
        "{b} subtracted from {a}",
        "{a} take away {b}",
        "{a}-{b}",
        "the difference {a} - {b}",
    ],
    "*": [
        "{a} * {b}",
        "{a} times {b}",
        "{a} x {b}",
        "{a} multiplied by {b}",
        "the product of {a} and {b}",
        "{a} × {b}",
        "{a}*{b}",
    ],
    "/": ["{a} / {b}", "{a} divided by {b}", "{a} ÷ {b}", "{a} over {b}", "{a}/{b}"],
}

Q_FORM = [
    "what is {e}?",
    "what's {e}?",
    "calculate {e}.",
    "compute {e}",
    "{e} = ?",
    "{e} =",
    "how much is {e}?",
    "work out {e}.",
    "please [calculate|compute|work out] {e}.",
    "can you [tell me|work out|calculate] {e}?",
    "I need to know {e}.",
    "[solve|find] {e}",
    "tell me {e}",
    "what do you get for {e}?",
    "[hi|hello|hey], what is {e}?",
    "quick question: {e}?",
    "what does {e} come to?",
    "give me the [answer|result] of {e}.",
    "{e}",
    "find the value of {e}.",
    "could you [do|check] {e} for me?",
    "help me with {e}",
    "what would {e} be?",
    "my homework says {e}. what is the answer?",
    "evaluate {e}",
    "do the math: {e}",
    "[next|one more]: {e}",
    "I want to know what {e} is.",
    "for my budget I need {e}.",
    "[answer|reply with] {e}",
]


def arithmetic_question(r, a, op, b):
    """One of many ways to ask for a op b."""
    e = fill(r.choice(Q_OP[op]), a=a, b=b)
    s = fill(spin(r, r.choice(Q_FORM)), e=e)
    return s[0].upper() + s[1:] if r.random() < 0.9 else s


PLACES = ["ones", "tens", "hundreds", "thousands", "ten thousands", "hundred thousands", "millions"]


def parts(n):
    """347 -> [300, 40, 7]."""
    s = str(n)
    return [int(c) * 10 ** (len(s) - 1 - i) for i, c in enumerate(s) if c != "0"] or [0]


def worked_addition(r, a, b):
    """Column by column with carries, or in parts."""
    if r.random() < 0.75:
        L = max(len(str(a)), len(str(b)))
        c = 0
        out = []
        for i in range(L):
            x, y = a // 10**i % 10, b // 10**i % 10
            s = x + y + c
            e = f"{x} + {y}" + (f" + {c}" if c else "") + f" = {s}"
            out.append(f"{PLACES[i]}: {e}" + (f", write {s % 10}, carry 1" if s > 9 and i < L - 1 else ""))
            c = s // 10
        return f"{a} + {b}. " + ". ".join(x[0].upper() + x[1:] for x in out) + f". So {a} + {b} = {a + b}."
    p = parts(b)
    cur = a
    out = []
    for x in p:
        out.append(f"{cur} + {x} = {cur + x}")
        cur += x
    return f"Split {b} into {' + '.join(map(str, p))}. " + ". ".join(out) + "."


def worked_subtraction(r, a, b):
    """Column by column with borrowing, or in parts."""
    if a < b:
        return (
            f"{a} is smaller than {b}, so the result is negative. "
            + worked_subtraction(r, b, a)
            + f" So {a} - {b} = {a - b}."
        )
    if r.random() < 0.75:
        L = len(str(a))
        br = 0
        out = []
        for i in range(L):
            x, y = a // 10**i % 10, b // 10**i % 10
            if i >= len(str(b)) and not br:
                out.append(f"{PLACES[i]}: {x}")
                continue
            x2 = x - br
            e = f"{x} - 1 = {x2}, " if br else ""
            if x2 < y:
                out.append(f"{PLACES[i]}: {e}borrow, {x2 + 10} - {y} = {x2 + 10 - y}")
                br = 1
            else:
                out.append(f"{PLACES[i]}: {e}{x2} - {y} = {x2 - y}")
                br = 0
        return f"{a} - {b}. " + ". ".join(x[0].upper() + x[1:] for x in out) + f". So {a} - {b} = {a - b}."
    p = parts(b)
    cur = a
    out = []
    for x in p:
        out.append(f"{cur} - {x} = {cur - x}")
        cur -= x
    return f"Split {b} into {' + '.join(map(str, p))}. " + ". ".join(out) + "."


def worked_product_by_digit(a, d):  # a times one digit (or digit followed by zeros)
    """A number times one digit, in parts."""
    p = parts(a)
    if len(p) == 1:
        return f"{a} × {d} = {a * d}"
    return f"{a} × {d} = " + " + ".join(f"{x * d}" for x in p) + f" = {a * d}"


def worked_product(r, a, b):
    """Long multiplication."""
    if len(str(b)) > len(str(a)):
        a, b, _sw = b, a, True
    else:
        pass
    if b == 0:
        return f"Anything times 0 is 0. So {a} × 0 = 0."
    if b == 1:
        return f"Anything times 1 stays the same. So {a} × 1 = {a}."
    p = parts(b)
    if len(p) == 1:
        return worked_product_by_digit(a, b) + "."
    out = [worked_product_by_digit(a, x) for x in p]
    cur = a * p[0]
    s = ". ".join(out) + "."
    for x in p[1:]:
        s += f" {cur} + {a * x} = {cur + a * x}."
        cur += a * x
    return f"{a} × {b} = {' + '.join(f'{a} × {x}' for x in p)}. " + s


def worked_division(r, a, b):
    """Long division, digit by digit, with its rest."""
    if b == 1:
        return f"Anything divided by 1 stays the same, so {a} / 1 = {a}."
    s = str(a)
    rem = 0
    q = ""
    out = []
    for ch in s:
        cur = rem * 10 + int(ch)
        if cur < b and q == "":
            rem = cur
            continue
        d = cur // b
        out.append(f"{cur} / {b}: {b} × {d} = {b * d}, rest {cur - b * d}")
        q += str(d)
        rem = cur - b * d
    if not out:
        return f"{a} is smaller than {b}, so the quotient is 0 and the rest is {a}."
    return f"{a} / {b}. " + ". ".join(out) + f". So the quotient is {q} and the rest is {rem}."


def arithmetic_answer(r, a, op, b, v):
    """A short answer."""
    o = {"*": r.choice(["×", "*"]), "/": r.choice(["/", "÷"])}.get(op, op)
    e = f"{a} {o} {b}"
    return r.choice(
        [
            f"{e} = {v}",
            f"{e} = {v}.",
            f"The answer is {v}.",
            f"{v}",
            f"It is {v}.",
            f"The result is {v}.",
            f"{e} is {v}.",
            f"That makes {v}.",
        ]
    )


def drawn_number(r, dmax):
    d = r.randint(1, dmax)
    return r.randint(10 ** (d - 1) if d > 1 else 0, 10**d - 1)


def arithmetic_task(r, easy):
    """(a, operator, b); easy ones where no thinking is shown."""
    op = r.choices("+-*/", [35, 27, 23, 15])[0]
    if easy:
        if op == "+":
            a, b = r.randint(0, 99), r.randint(0, 99)
        elif op == "-":
            a, b = r.randint(0, 99), r.randint(0, 99)
            a, b = max(a, b), min(a, b)
        elif op == "*":
            a, b = r.choice(
                [
                    (r.randint(0, 12), r.randint(0, 12)),
                    (r.randint(2, 9), 10 * r.randint(1, 9)),
                    (r.randint(11, 25), r.randint(2, 5)),
                ]
            )
        else:
            b = r.randint(1, 12)
            a = b * r.randint(1, 12)
    else:
        if op in "+-":
            a, b = drawn_number(r, 4), drawn_number(r, 4)
            if op == "-" and a < b and r.random() < 0.85:
                a, b = b, a
        elif op == "*":
            a, b = r.choice(
                [
                    (drawn_number(r, 2), drawn_number(r, 2)),
                    (drawn_number(r, 3), drawn_number(r, 1)),
                    (drawn_number(r, 3), drawn_number(r, 2)),
                    (drawn_number(r, 1), drawn_number(r, 2)),
                    (drawn_number(r, 4), drawn_number(r, 1)),
                    (drawn_number(r, 2), drawn_number(r, 2)),
                ]
            )
        else:
            b = r.choice([r.randint(2, 9), r.randint(2, 9), r.randint(10, 25)])
            a = b * r.randint(2, 400 if b < 10 else 60)
            if r.random() < 0.2:
                a += r.randint(0, b - 1)
    return a, op, b


def arithmetic_value(a, op, b):
    """The result as text."""
    if op == "+":
        return str(a + b)
    if op == "-":
        return str(a - b)
    if op == "*":
        return str(a * b)
    return str(a // b) if a % b == 0 else f"{a // b} remainder {a % b}"


def arithmetic_chat(r, think):
    """-> messages, and the task as a key."""
    if r.random() < 0.08:  # three terms
        a, b, c = (r.randint(1, 60 if not think else 900) for _ in range(3))
        o1 = r.choice("+-")
        if o1 == "-" and b > a:
            a, b = b, a
        m = a + b if o1 == "+" else a - b
        q = spin(r, fill(r.choice(Q_FORM), e=f"{a} {o1} {b} + {c}"))
        v = m + c
        th = f"First {a} {o1} {b} = {m}. Then {m} + {c} = {v}." if think else ""
        return [
            user(q[0].upper() + q[1:]),
            assistant(r.choice([f"The answer is {v}.", f"{v}", f"{a} {o1} {b} + {c} = {v}"]), th),
        ], f"{a}{o1}{b}+{c}"
    a, op, b = arithmetic_task(r, not think)
    v = arithmetic_value(a, op, b)
    th = (
        {"+": worked_addition, "-": worked_subtraction, "*": worked_product, "/": worked_division}[op](r, a, b)
        if think
        else ""
    )
    return [user(arithmetic_question(r, a, op, b)), assistant(arithmetic_answer(r, a, op, b, v), th)], f"{a}{op}{b}"
