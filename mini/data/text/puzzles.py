# SPDX-License-Identifier: Apache-2.0
"""Comparing, letters, sorting, dates, logic."""

from __future__ import annotations

import itertools

from .basics import CITIES, DAYS, MONTH_LENGTHS, MONTHS, NAMES, THING, WORDS, an, assistant, sentence, spin, user


def comparison_chat(r, think):
    """Which number is larger; decimals too."""
    kind = r.randint(0, 3)
    if kind == 3:
        a, b = round(r.uniform(0.1, 20), r.randint(1, 2)), round(r.uniform(0.1, 20), r.randint(1, 2))
        if r.random() < 0.5:
            b = round(int(a) + r.choice([0.05, 0.1, 0.11, 0.2, 0.25, 0.3, 0.09, 0.8, 0.9, 0.75]), 2)
    else:
        d = r.randint(1, 5 if think else 3)
        a = r.randint(10 ** (d - 1), 10**d - 1)
        b = r.choice(
            [r.randint(10 ** (d - 1), 10**d - 1), a + r.choice([-1, 1, 9, -9, 10, -10, 90, -90]), r.randint(1, 10**d)]
        )
        b = max(0, b)
    if a == b:
        b = a + 1
    small = r.random() < 0.4
    word = r.choice(["smaller", "less", "lower"]) if small else r.choice(["larger", "bigger", "greater", "higher"])
    v = min(a, b) if small else max(a, b)
    q = sentence(
        r,
        r.choice(
            [
                "which [number|one|] is {w}, {a} or {b}?",
                "which is {w}: {a} or {b}?",
                "what is {w}: {a} or {b}?",
                "{a} or {b}: which [one|number] is {w}?",
                "compare {a} and {b}. Which is {w}?",
                "tell me which of {a} and {b} is {w}.",
                "pick the {w} number: {a}, {b}",
                "of {a} and {b}, which is {w}?",
                "between {a} and {b}, which number is {w}?",
                "which of these is {w}: {a}, {b}?",
            ]
        ),
        a=a,
        b=b,
        w=word,
    )
    if r.random() < 0.25:
        q = sentence(
            r,
            r.choice(
                [
                    "is {a} {w} than {b}?",
                    "would you say {a} is {w} than {b}?",
                    "{a} is {w} than {b}. [True or false|Is that right]?",
                    "is it true that {a} is {w} than {b}?",
                ]
            ),
            a=a,
            b=b,
            w=word,
        )
        yes = v == a
        f = "True" in q or "true or false" in q
        ans = (
            ("True" if yes else "False") if f else ("Yes" if yes else "No")
        ) + f", {a} is {'smaller' if a < b else 'larger'} than {b}."
    else:
        ans = r.choice(
            [f"{v}", f"{v} is {word}.", f"{v} is {word} than {a if v == b else b}.", f"The {word} number is {v}."]
        )
        if word == "less":
            ans = ans.replace("The less number", "The smaller number")
    th = ""
    if think:
        if kind == 3:
            if int(a) != int(b):
                th = (
                    f"Compare the whole parts: {int(a)} and {int(b)}. {max(int(a), int(b))} is larger, so "
                    f"{max(a, b)} is larger."
                )
            else:
                x, y = f"{a:.2f}", f"{b:.2f}"
                th = (
                    f"The whole parts are both {int(a)}. With two decimals: {x} and {y}. {x[-2:]} {'>' if x > y else '<'} "
                    f"{y[-2:]}, so {max(a, b)} is larger and {min(a, b)} is smaller."
                )
        elif len(str(a)) != len(str(b)):
            th = (
                f"{a} has {len(str(a))} digit{'s' if len(str(a)) > 1 else ''} and {b} has {len(str(b))}. The one "
                f"with more digits is larger, so {max(a, b)} is larger."
            )
        else:
            i = next(i for i in range(len(str(a))) if str(a)[i] != str(b)[i])
            th = (
                f"Both have {len(str(a))} digit{'s' if len(str(a)) > 1 else ''}. The first different digits are "
                f"{str(a)[i]} and {str(b)[i]}. {max(str(a)[i], str(b)[i])} is larger, so {max(a, b)} is larger "
                f"than {min(a, b)}."
            )
    return [user(q), assistant(ans, th)], q


NUMBER_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def letters_chat(r, think):
    """Spelling, counting letters, reversing."""
    w = r.choice(WORDS) if r.random() < 0.8 else r.choice(NAMES + CITIES[:60])
    kind = r.choice(["count", "count", "count", "len", "first", "last", "spell", "rev", "vow", "nth"])
    low = w.lower()
    sp = " ".join(low)
    sp_d = "-".join(low)
    qm = r.choice(['"', "'", '"', ""])
    W_ = qm + w + qm
    if kind == "count":
        L = r.choice(low) if r.random() < 0.85 else r.choice("aeiourstlnp")
        n = low.count(L)
        q = sentence(
            r,
            r.choice(
                [
                    "how many [times does the letter|] {L}'s are in {w}?",
                    "how many {L}s are [there|] in [the word|] {w}?",
                    "how many times does the letter {L} [appear|occur|come up] in {w}?",
                    "count the letter {L} in {w}.",
                    "count the {L}s in [the word|] {w}",
                    "how often is the letter {L} [used|found] in {w}?",
                    "the word {w}: how many {L}?",
                    "what is the number of {L}s in {w}?",
                    "in {w}, how many letters are {L}?",
                    "tell me how many {L}'s {w} has.",
                ]
            ).replace("[times does the letter|] ", ""),
            L=L,
            w=W_,
        )
        hits = []
        c = 0
        for ch in low:
            if ch == L:
                c += 1
                hits.append(f"{ch} ({c})")
            else:
                hits.append(ch)
        th = f"Spell it: {', '.join(hits)}. The letter {L} comes {n} time{'s' if n != 1 else ''}."
        ans = r.choice(
            [
                f"{n}",
                f"The letter {L} appears {n} time{'s' if n != 1 else ''} in {W_}.",
                f"There {'is' if n == 1 else 'are'} {n}.",
                f"{n} time{'s' if n != 1 else ''}.",
            ]
        )
    elif kind == "len":
        n = len(low.replace(" ", ""))
        q = sentence(
            r,
            r.choice(
                [
                    "how many letters [are in|does] {w}?",
                    "how long is the word {w}?",
                    "count the letters in {w}.",
                    "how many letters are there in {w}?",
                    "what is the number of letters in {w}?",
                ]
            ).replace("[are in|does]", "are in"),
            w=W_,
        )
        th = "Count: " + ", ".join(f"{ch} {i + 1}" for i, ch in enumerate(low.replace(" ", ""))) + f". That is {n}."
        ans = r.choice([f"{n}", f"{W_} has {n} letters.", f"It has {n} letters."])
    elif kind in ("first", "last"):
        q = sentence(r, "[what is|which is|give me|name] the {k} letter of [the word|] {w}[?|.]", k=kind, w=W_)
        ch = low[0] if kind == "first" else low[-1]
        th = f"Spell it: {sp}. The {kind} letter is {ch}."
        ans = r.choice([ch, f"The {kind} letter is {ch}.", f"It is {ch}."])
    elif kind == "nth":
        i = r.randint(1, min(len(low.replace(" ", "")), 6))
        o = ["first", "second", "third", "fourth", "fifth", "sixth"][i - 1]
        low2 = low.replace(" ", "")
        q = sentence(r, "[what is|which is|tell me] the {o} letter [of|in] {w}[?|.]", o=o, w=W_)
        th = (
            "Count: "
            + ", ".join(f"{c} {j + 1}" for j, c in enumerate(low2[:i]))
            + f". The {o} letter is {low2[i - 1]}."
        )
        ans = r.choice([low2[i - 1], f"The {o} letter is {low2[i - 1]}."])
    elif kind == "spell":
        q = sentence(r, "[spell|please spell|can you spell|how do you spell|spell out] [the word|] {w}[?|.]", w=W_)
        th = f"The letters are {sp}."
        ans = r.choice([sp_d.upper(), sp_d, ", ".join(low)])
    elif kind == "rev":
        q = sentence(r, "[write|spell|say] [the word|] {w} [backwards|in reverse|back to front][.|]", w=W_)
        th = f"Forward: {sp}. Backward: {' '.join(low[::-1])}."
        ans = low[::-1]
    else:
        v = [c for c in low if c in "aeiou"]
        n = len(v)
        q = sentence(r, "[how many vowels are in|count the vowels in|what is the number of vowels in] {w}[?|]", w=W_)
        th = f"Spell it: {sp}. The vowels are {', '.join(v)}. That is {n}."
        ans = r.choice([f"{n}", f"{W_} has {n} vowel{'s' if n != 1 else ''}: {', '.join(v)}."])
    return [user(q), assistant(ans, th if think else "")], q


def sorting_chat(r, think):
    """Sorting, largest, smallest, middle."""
    kind = r.choice(["num", "num", "alpha", "max", "min", "sum", "lenw", "evens"])
    n = r.randint(3, 7 if think else 5)
    if kind in ("num", "max", "min", "sum", "evens"):
        xs = r.sample(range(1, r.choice([20, 100, 100, 1000]) if kind != "sum" else 30), n)
        lst = ", ".join(map(str, xs))
    if kind == "num":
        desc = r.random() < 0.4
        q = sentence(
            r,
            r.choice(
                [
                    "[sort|order|arrange] [these|the] numbers from {d}: {l}",
                    "put {l} in order from {d}.",
                    "[sort|order] {l} [from|] {d}",
                    "here are some numbers: {l}. [Sort|Order] them from {d}.",
                    "what is {l} sorted from {d}?",
                    "arrange {l} from {d}.",
                ]
            ),
            l=lst,
            d=r.choice(["largest to smallest", "biggest to smallest", "high to low"])
            if desc
            else r.choice(["smallest to largest", "low to high", "lowest to highest"]),
        )
        ys = sorted(xs, reverse=desc)
        rest = xs[:]
        st = []
        for y in ys[:-1]:
            st.append(f"{'largest' if desc else 'smallest'} of {', '.join(map(str, rest))} is {y}")
            rest.remove(y)
        th = ". ".join(s[0].upper() + s[1:] for s in st) + f". Last is {ys[-1]}."
        ans = ", ".join(map(str, ys))
    elif kind in ("max", "min"):
        q = sentence(
            r,
            "[what is|which is|find|give me] the {k} [number|one] [in|of] [this list:|these:|] {l}[?|.]",
            k=r.choice(["largest", "biggest", "highest"]) if kind == "max" else r.choice(["smallest", "lowest"]),
            l=lst,
        )
        cur = xs[0]
        st = [f"Start with {cur}"]
        for x in xs[1:]:
            if (x > cur) == (kind == "max"):
                st.append(f"{x} is {'larger' if kind == 'max' else 'smaller'}, take {x}")
                cur = x
            else:
                st.append(f"{x} is not")
        th = ". ".join(st) + "."
        ans = r.choice([f"{cur}", f"The {'largest' if kind == 'max' else 'smallest'} number is {cur}."])
    elif kind == "sum":
        xs = xs[:4]
        lst = ", ".join(map(str, xs))
        q = sentence(r, "[add up|what is the sum of|find the total of|add] {l}[.|?]", l=lst)
        cur = xs[0]
        st = []
        for x in xs[1:]:
            st.append(f"{cur} + {x} = {cur + x}")
            cur += x
        th = ". ".join(st) + "."
        ans = r.choice([f"{cur}", f"The sum is {cur}.", f"The total is {cur}."])
    elif kind == "evens":
        odd = r.random() < 0.5
        k = "odd" if odd else "even"
        q = (
            sentence(r, "[which of these numbers are|list the] {k}[:| numbers in] {l}", k=k, l=lst)
            .replace("are odd numbers in", "are odd:")
            .replace("are even numbers in", "are even:")
            .replace("List the odd:", "List the odd numbers:")
            .replace("List the even:", "List the even numbers:")
        )
        ys = [x for x in xs if x % 2 == odd]
        th = ". ".join(f"{x} is {'odd' if x % 2 else 'even'}" for x in xs) + "."
        ans = ", ".join(map(str, ys)) if ys else f"None of them are {k}."
    elif kind == "alpha":
        xs = r.sample([w for w in WORDS if w[0].islower()], n) if r.random() < 0.7 else r.sample(NAMES, n)
        lst = ", ".join(xs)
        q = sentence(
            r,
            r.choice(
                [
                    "[sort|order|put] [these|the] words [in alphabetical order|alphabetically]: {l}",
                    "put {l} in alphabetical order.",
                    "alphabetical order please: {l}",
                    "arrange {l} from A to Z.",
                ]
            ),
            l=lst,
        )
        ys = sorted(xs, key=str.lower)
        th = "First letters: " + ", ".join(f"{x} {x[0].lower()}" for x in xs) + ". Order: " + ", ".join(ys) + "."
        ans = ", ".join(ys)
    else:
        xs = r.sample(list(WORDS), n)
        xs = [x for i, x in enumerate(xs) if len(x) not in [len(y) for y in xs[:i]]]
        if len(xs) < 2:
            return sorting_chat(r, think)
        lo = r.random() < 0.6
        q = sentence(
            r, "which [word|of these words] is the {k}: {l}?", k="longest" if lo else "shortest", l=", ".join(xs)
        )
        v = (max if lo else min)(xs, key=len)
        th = "Lengths: " + ", ".join(f"{x} {len(x)}" for x in xs) + f". The {'longest' if lo else 'shortest'} is {v}."
        ans = r.choice([v, f"The {'longest' if lo else 'shortest'} word is {v}."])
    return [user(q), assistant(ans, th if think else "")], q


def dates_chat(r, think):
    """Weekdays, times, durations."""
    k = r.randint(0, 9)
    if k == 0:
        d = r.randint(0, 6)
        n = r.randint(1, 30 if think else 6)
        back = r.random() < 0.3
        q = sentence(
            r,
            r.choice(
                [
                    "[if|suppose] today is {d}, what day [is it|will it be|was it] in {n} days?",
                    "today is {d}. what day [is it|will it be] in {n} days?",
                    "what day comes {n} days after {d}?",
                    "it is {d} now. which weekday is it {n} days from now?",
                ]
            )
            if not back
            else r.choice(
                [
                    "today is {d}. what day was it {n} days ago?",
                    "if today is {d}, which day was {n} days ago?",
                    "what day is {n} days before {d}?",
                ]
            ),
            d=DAYS[d],
            n=n,
        ).replace("was it in", "is it in")
        if n == 1:
            q = q.replace("1 days", "1 day")
        v = DAYS[(d + (-n if back else n)) % 7]
        m = n % 7
        steps = [DAYS[(d + (-i if back else i)) % 7] for i in range(1, m + 1)]
        th = (f"{n} = {n // 7} × 7 + {m}, so it is the same as {m} day{'s' if m != 1 else ''}. " if n > 6 else "") + (
            f"From {DAYS[d]} {'back' if back else 'on'}: {', '.join(steps)}."
            if steps
            else f"That is whole weeks, so it is {v} again."
        )
        ans = r.choice([v + ".", f"It {'was' if back else 'will be'} {v}.", v])
    elif k == 1:
        i = r.randint(0, 6)
        q, v = r.choice(
            [
                (f"what day comes after {DAYS[i]}?", DAYS[(i + 1) % 7]),
                (f"which day is before {DAYS[i]}?", DAYS[(i - 1) % 7]),
                (f"what is the day after {DAYS[i]}?", DAYS[(i + 1) % 7]),
                (f"name the day before {DAYS[i]}.", DAYS[(i - 1) % 7]),
                (f"today is {DAYS[i]}. what is tomorrow?", DAYS[(i + 1) % 7]),
                (f"today is {DAYS[i]}. what was yesterday?", DAYS[(i - 1) % 7]),
                (f"yesterday was {DAYS[i]}. what is today?", DAYS[(i + 1) % 7]),
                (f"tomorrow is {DAYS[i]}. what is today?", DAYS[(i - 1) % 7]),
            ]
        )
        q = sentence(r, "[Hi, |Hey, |||]" + q)
        th = f"The week goes Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday. So it is {v}."
        ans = r.choice([v, v + ".", f"It is {v}."])
    elif k == 2:
        i = r.randint(0, 11)
        n = r.randint(1, 11 if think else 3)
        q = sentence(
            r,
            r.choice(
                [
                    "which month [is|comes] {n} months after {m}?",
                    "what month is it {n} months from {m}?",
                    "it is {m}. which month is it in {n} months?",
                ]
            ),
            n=n,
            m=MONTHS[i],
        ).replace(" 1 months", " 1 month")
        v = MONTHS[(i + n) % 12]
        th = (
            f"{MONTHS[i]} is month {i + 1}. {i + 1} + {n} = {i + 1 + n}"
            + (f", minus 12 is {i + 1 + n - 12}" if i + n > 11 else "")
            + f". That is {v}."
        )
        ans = r.choice([v, v + ".", f"It is {v}."])
    elif k == 3:
        i = r.randint(0, 11)
        q = sentence(
            r,
            r.choice(
                [
                    "how many days [are in|does] {m}?",
                    "how many days are there in {m}?",
                    "how long is {m} in days?",
                    "what is the number of days in {m}?",
                ]
            ).replace("[are in|does]", "are in"),
            m=MONTHS[i],
        )
        v = MONTH_LENGTHS[i]
        th = f"{MONTHS[i]} has {v} days" + (" in a normal year and 29 in a leap year." if i == 1 else ".")
        ans = f"{MONTHS[i]} has {v} days" + (", or 29 in a leap year." if i == 1 else ".")
    elif k == 4:
        i = r.randint(0, 11)
        d = r.randint(1, MONTH_LENGTHS[i] - 1)
        n = r.randint(1, 25)
        y = ""
        d2, j = d + n, i
        if d2 > MONTH_LENGTHS[i]:
            d2 -= MONTH_LENGTHS[i]
            j = (i + 1) % 12
        q = sentence(
            r,
            r.choice(
                [
                    "what date is {n} days after {m} {d}[ (not a leap year)|]?",
                    "today is {m} {d}. what is the date in {n} days?",
                    "it is {d} {m}. which date is it {n} days later?",
                ]
            ),
            n=n,
            m=MONTHS[i],
            d=d,
        ).replace(" 1 days", " 1 day")
        th = f"{d} + {n} = {d + n}. {MONTHS[i]} has {MONTH_LENGTHS[i]} days." + (
            f" {d + n} - {MONTH_LENGTHS[i]} = {d2}, so it is {MONTHS[j]} {d2}."
            if j != i
            else f" So it is {MONTHS[i]} {d + n}."
        )
        ans = f"{MONTHS[j]} {d2}"
    elif k == 5:
        h, m = r.randint(1, 11), r.choice([0, 5, 10, 15, 20, 30, 40, 45, 50])
        n = r.choice([10, 15, 20, 25, 30, 40, 45, 50, 60, 75, 90, 120])
        t = h * 60 + m + n
        H, M = t // 60, t % 60
        H12 = (H - 1) % 12 + 1
        q = sentence(
            r,
            r.choice(
                [
                    (
                        "a [film|meeting|lesson|match|show|train ride] starts at {h}:{m} and lasts {n} minutes. when "
                        "does it end?"
                    ),
                    "it is {h}:{m}. what time is it in {n} minutes?",
                    "what time is {n} minutes after {h}:{m}?",
                ]
            ),
            h=h,
            m=f"{m:02d}",
            n=n,
        )
        th = (
            f"{m} + {n} = {m + n} minutes."
            + (
                (
                    f" That is {(m + n) // 60} hour{'s' if (m + n) // 60 > 1 else ''} and {(m + n) % 60} minutes. {h} "
                    f"+ {(m + n) // 60} = {H}"
                )
                + (f", on the clock {H12}" if H > 12 else "")
                + "."
                if m + n >= 60
                else ""
            )
            + f" So {H12}:{M:02d}."
        )
        ans = (
            r.choice([f"{H12}:{M:02d}", f"At {H12}:{M:02d}.", f"It is {H12}:{M:02d}."])
            if "when" not in q.lower()
            else r.choice([f"It ends at {H12}:{M:02d}.", f"{H12}:{M:02d}"])
        )
    elif k == 6:
        a, b = r.randint(1, 9), r.randint(2, 12)
        u, f, w = r.choice(
            [
                ("hours", 60, "minutes"),
                ("minutes", 60, "seconds"),
                ("days", 24, "hours"),
                ("weeks", 7, "days"),
                ("years", 12, "months"),
            ]
        )
        q = sentence(
            r,
            r.choice(
                [
                    "how many {w} are in {b} {u}?",
                    "convert {b} {u} to {w}.",
                    "{b} {u} is how many {w}?",
                    "what is {b} {u} in {w}?",
                ]
            ),
            w=w,
            u=u,
            b=b,
        )
        th = f"One {u[:-1]} is {f} {w}. {b} × {f} = {b * f}."
        ans = r.choice([f"{b * f} {w}.", f"{b} {u} is {b * f} {w}.", f"{b * f}"])
    elif k == 7:
        y = r.randint(1900, 2030)
        n = r.randint(5, 80)
        nm = r.choice(NAMES)
        q = sentence(
            r,
            r.choice(
                [
                    "{p} was born in {y}. how old [is {p}|does {p} turn] in {z}?",
                    "[if|when] {p} was born in {y}, what age does {p} reach in {z}?",
                    "born in {y}: how old in {z}?",
                ]
            ),
            p=nm,
            y=y,
            z=y + n,
        )
        th = f"{y + n} - {y} = {n}."
        ans = r.choice([f"{n}", f"{n} years old.", f"{nm} turns {n} in {y + n}." if nm in q else f"{n} years."])
    elif k == 8:
        a = r.randint(0, 6)
        b = r.randint(0, 6)
        n = (b - a) % 7
        q = sentence(r, "how many days [is it|are there] from {a} [to|until] the next {b}?", a=DAYS[a], b=DAYS[b])
        n = n or 7
        th = "Count: " + ", ".join(f"{DAYS[(a + i) % 7]} {i}" for i in range(1, n + 1)) + "."
        ans = r.choice([f"{n} day{'s' if n > 1 else ''}.", f"{n}"])
    else:
        y = r.choice(range(1896, 2101))
        leap = y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)
        q = sentence(
            r,
            r.choice(
                [
                    "is {y} a leap year?",
                    "was {y} a leap year?",
                    "is the year {y} a leap year or not?",
                    "does {y} have 366 days?",
                ]
            ),
            y=y,
        )
        th = (
            f"{y} / 4 leaves {y % 4}"
            + (f". {y} ends in 00, and {y} / 400 leaves {y % 400}" if y % 100 == 0 else "")
            + f". So {y} is {'a' if leap else 'not a'} leap year."
        )
        ans = f"{'Yes' if leap else 'No'}, {y} is {'a' if leap else 'not a'} leap year."
    return [user(q), assistant(ans, th if think else "")], q


ADJECTIVES = [
    ("taller", "shorter", "tallest", "shortest"),
    ("older", "younger", "oldest", "youngest"),
    ("faster", "slower", "fastest", "slowest"),
    ("heavier", "lighter", "heaviest", "lightest"),
    ("stronger", "weaker", "strongest", "weakest"),
    ("richer", "poorer", "richest", "poorest"),
    ("louder", "quieter", "loudest", "quietest"),
]

KIND = [
    ("cats", "animals", "cat"),
    ("roses", "flowers", "rose"),
    ("dogs", "mammals", "dog"),
    ("robins", "birds", "robin"),
    ("oaks", "trees", "oak"),
    ("cars", "vehicles", "car"),
    ("hammers", "tools", "hammer"),
    ("violins", "instruments", "violin"),
    ("trout", "fish", "trout"),
    ("bloops", "razzies", "bloop"),
    ("zorks", "mims", "zork"),
    ("wugs", "daxes", "wug"),
    ("blickets", "toys", "blicket"),
    ("ants", "insects", "ant"),
    ("squares", "shapes", "square"),
]

PROPERTIES = [
    "green",
    "happy",
    "made of wood",
    "very old",
    "shiny",
    "heavy",
    "quiet",
    "hungry",
    "soft",
    "fast",
    "clever",
    "blue",
    "warm",
    "round",
]


def logic_chat(r, think):
    """Order, exclusion, if-then."""
    k = r.randint(0, 7)
    a, b, c, d = r.sample(NAMES, 4)
    if k <= 1:
        w = r.choice(ADJECTIVES)
        n = 4 if think and r.random() < 0.3 else 3
        o = [a, b, c, d][:n]
        f = [
            (f"{x} is {w[0]} than {y}" if r.random() < 0.6 else f"{y} is {w[1]} than {x}")
            for x, y in itertools.pairwise(o)
        ]
        if r.random() < 0.5:
            r.shuffle(f)
        hi = r.random() < 0.6
        v = o[0] if hi else o[-1]
        q = (
            ". ".join(f)
            + ". "
            + spin(r, f"[Who is the|Which person is the|Who is] {w[2] if hi else w[3]}?").replace(
                "Who is " + (w[2] if hi else w[3]), "Who is the " + (w[2] if hi else w[3])
            )
        )
        th = f"From {w[2]} to {w[3]}: {', '.join(o)}. The {w[2] if hi else w[3]} is {v}."
        ans = r.choice([v, f"{v} is the {w[2] if hi else w[3]}.", v + "."])
    elif k == 2:
        w = r.choice(ADJECTIVES)
        q = f"{a} is {w[0]} than {b}. {b} is {w[0]} than {c}. " + r.choice(
            [f"Is {a} {w[0]} than {c}?", f"Is {c} {w[0]} than {a}?", f"Is {c} {w[1]} than {a}?"]
        )
        yes = not q.endswith(f"Is {c} {w[0]} than {a}?")
        th = f"The order is {a}, {b}, {c}, with {a} the {w[2]}."
        ans = f"{'Yes' if yes else 'No'}, {a} is {w[0]} than {c}."
    elif k == 3:
        x, y, x1 = r.choice(KIND)
        p = r.choice(PROPERTIES)
        z = r.randint(0, 2)
        if z == 0:
            q = f"All {x} are {y}. {a} is {an(x1)}. Is {a} one of the {y}?"
            th = f"{a} is {an(x1)}, and all {x} are {y}. So yes."
            ans = f"Yes, because all {x} are {y}."
        elif z == 1:
            q = f"All {x} are {p}. This thing is not {p}. Can it be {an(x1)}?"
            th = f"If it were {an(x1)}, it would be {p}. It is not {p}, so it cannot be {an(x1)}."
            ans = f"No, it cannot be {an(x1)}, because all {x} are {p}."
        else:
            q = f"No {x} are {p}. {a} owns {an(x1)}. Is it {p}?"
            th = f"No {x} are {p}, so this {x1} is not {p}."
            ans = f"No, because no {x} are {p}."
        q = spin(r, "[||Suppose this is true. |Logic puzzle: |Assume the following. ]") + q
    elif k == 4:
        t = r.sample(["red", "blue", "green", "yellow"], 3)
        q = (
            f"{a}, {b} and {c} each have a different hat: {', '.join(sorted(t))}. {a} has the {t[0]} hat. {b} "
            f"does not have the {t[2]} hat. Which hat does {r.choice([c, b])} have?"
        )
        who = q.rsplit("does ", 1)[1].split(" have")[0]
        v = t[1] if who == b else t[2]
        th = f"{a} has {t[0]}. {b} cannot have {t[2]}, so {b} has {t[1]}. {c} has {t[2]}."
        ans = f"{who} has the {v} hat."
    elif k == 5:
        st = r.randint(1, 20)
        dl = r.randint(2, 12)
        mul = r.random() < 0.25
        xs = [st * 2**i for i in range(5)] if mul else [st + dl * i for i in range(5)]
        q = sentence(
            r,
            r.choice(
                [
                    "what [comes next|is the next number]: {l}, ...?",
                    "continue the [sequence|pattern]: {l}, ?",
                    "which number follows {l}?",
                    "{l}, ... what is next?",
                ]
            ),
            l=", ".join(map(str, xs[:4])),
        )
        th = (
            f"Each number is twice the one before. {xs[3]} × 2 = {xs[4]}."
            if mul
            else f"{xs[1]} - {xs[0]} = {dl} and {xs[2]} - {xs[1]} = {dl}. So add {dl}: {xs[3]} + {dl} = {xs[4]}."
        )
        ans = r.choice([f"{xs[4]}", f"The next number is {xs[4]}."])
    elif k == 6:
        n = r.randint(1, 200)
        q = sentence(
            r,
            r.choice(
                [
                    "is {n} even or odd?",
                    "is {n} an even number?",
                    "is {n} an odd number?",
                    "tell me if {n} is odd or even.",
                ]
            ),
            n=n,
        )
        ev = n % 2 == 0
        th = f"{n} ends in {n % 10}, which is {'even' if ev else 'odd'}."
        ans = (
            f"{n} is {'even' if ev else 'odd'}."
            if " or " in q
            else (
                f"Yes, {n} is {'even' if ev else 'odd'}."
                if ("even" in q) == ev
                else f"No, {n} is {'even' if ev else 'odd'}."
            )
        )
    else:
        l = r.sample(["kitchen", "garden", "bedroom", "office", "garage", "hall", "library", "attic"], 3)
        ((o, _),) = r.sample(THING, 1)
        q = (
            f"{a} puts the {o} in the {l[0]}. {b} moves the {o} to the {l[1]}. "
            + (f"Then {a} moves it to the {l[2]}. " if think and r.random() < 0.5 else "")
            + f"Where is the {o} now?"
        )
        v = l[2] if "Then" in q else l[1]
        th = f"The {o} was first in the {l[0]}, then moved. The last place is the {v}."
        ans = r.choice([f"The {o} is in the {v}.", f"In the {v}."])
    return [user(q), assistant(ans, th if think else "")], q
