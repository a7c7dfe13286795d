# SPDX-License-Identifier: Apache-2.0
"""Copying, reading a passage, remembering what was said."""

from __future__ import annotations

import re

from .basics import CITIES, COLORS, DAYS, NAMES, WORDS, assistant, fill, sentence, spin, user
from .extraction import SENTENCES, person


def random_sentence(r):
    p = person(r)
    return spin(r, fill(r.choice(SENTENCES)[0], **p))


def copying_chat(r, think=False):
    """Repeating text exactly, or a part of it."""
    k = r.randint(0, 9)
    t = random_sentence(r) if r.random() < 0.6 else " ".join(r.sample(WORDS, r.randint(2, 8)))
    th = ""
    if k <= 2:
        q = sentence(
            r,
            r.choice(
                [
                    "repeat [exactly|after me|this]: {t}",
                    "copy this [text|sentence] [word for word|exactly]: {t}",
                    'say "{t}"',
                    "[write|type] this again: {t}",
                    "echo: {t}",
                    "please [quote|repeat] the following: {t}",
                    "return this text unchanged: {t}",
                    'print "{t}" and nothing else',
                ]
            ),
            t=t,
        )
        ans = t
        th = "I repeat the text."
    elif k == 3:
        q = sentence(
            r,
            r.choice(
                [
                    'what is the {o} word of "{t}"?',
                    "give me the {o} word in this: {t}",
                    'which word comes {o} in "{t}"?',
                ]
            ),
            o=(
                o := r.choice(["first", "second", "third", "last"])
                if len(t.split()) > 2
                else r.choice(["first", "last"])
            ),
            t=t,
        )
        w = t.split()
        ans = w[{"first": 0, "second": 1, "third": 2, "last": -1}[o]].strip('.,!?"')
        th = f"The {o} word is {ans}."
    elif k == 4:
        q = sentence(
            r,
            r.choice(
                [
                    "write this in capital letters: {t}",
                    '[make|turn] "{t}" uppercase',
                    "uppercase: {t}",
                    "put this in all caps: {t}",
                ]
            ),
            t=t,
        )
        ans = t.upper()
        th = "I write every letter as a capital."
    elif k == 5:
        t = t.upper() if r.random() < 0.7 else t
        q = sentence(
            r,
            r.choice(
                [
                    "write this in small letters: {t}",
                    "lowercase: {t}",
                    '[make|turn] "{t}" lowercase',
                    "no capitals please: {t}",
                ]
            ),
            t=t,
        )
        ans = t.lower()
        th = "I write every letter small."
    elif k == 6:
        w = r.sample(WORDS, r.randint(3, 6))
        q = sentence(
            r,
            r.choice(
                [
                    "make a [bulleted|bullet] list of: {l}",
                    "write these as a list with dashes: {l}",
                    "list, one per line: {l}",
                    "turn this into bullet points: {l}",
                ]
            ),
            l=", ".join(w),
        )
        ans = "\n".join(w if "one per line" in q and "List" == q[:4] else ["- " + x for x in w])
        th = f"There are {len(w)} items."
    elif k == 7:
        w = r.choice(WORDS)
        n = r.randint(2, 6)
        q = sentence(
            r,
            r.choice(
                ["[write|say|repeat] the word {w} {n} times", "{n} times the word {w}, please", "print {w} {n} times"]
            ),
            w=w,
            n=n,
        )
        ans = " ".join([w] * n)
        th = f"{n} times {w}."
    elif k == 8:
        a, b = r.sample(WORDS, 2)
        t2 = f"The {a} is near the {b}."
        c = r.choice(WORDS)
        q = sentence(
            r,
            r.choice(
                [
                    "replace {a} with {c} in this sentence: {t}",
                    "change {a} to {c}: {t}",
                    'in "{t}" swap the word {a} for {c}',
                ]
            ),
            a=a,
            c=c,
            t=t2,
        )
        ans = f"The {c} is near the {b}."
        th = f"{a} becomes {c}."
    else:
        w = r.sample(WORDS, r.randint(3, 6))
        sep = r.choice([("commas", ", "), ("semicolons", "; "), ("hyphens", "-"), ("slashes", "/")])
        q = sentence(
            r,
            r.choice(
                ["join these words with {s}: {l}", "write {l} with {s} between the words", "put {s} between: {l}"]
            ),
            s=sep[0],
            l=" ".join(w),
        )
        ans = sep[1].join(w)
        th = f"Use {sep[0]} between the words."
    return [user(q), assistant(ans, th if think else "")], q


# reading
def passage(r):
    """A short passage with facts to ask about."""
    n, m, l = r.sample(NAMES, 3)
    p = person(r)
    person(r)
    F = []  # (sentence, [(question, answer)])
    F = [
        (
            "{n} lives in [a small house in|the old part of|a flat in] {city}.",
            [("where does {n} live?", "{city}"), ("in which city does {n} live?", "{city}")],
        ),
        ("{n} works as a {job}.", [("what is {n}'s job?", "{job}"), ("what does {n} do for work?", "{job}")]),
        (
            "Every {day} {n} [goes to|practises|does] {hobby}[ class| with friends|].",
            [("on which day does {n} do {hobby}?", "{day}"), ("what does {n} do on {day}?", "{hobby}")],
        ),
        (
            "{n} has a {color} {pet} named {petname}.",
            [
                ("what is the name of the {pet}?", "{petname}"),
                ("what colour is the {pet}?", "{color}"),
                ("what pet does {n} have?", "a {color} {pet}"),
            ],
        ),
        (
            "{m} is {n}'s [neighbour|best friend|cousin|brother-in-law] and is {age} years old.",
            [("how old is {m}?", "{age}")],
        ),
        (
            "The [shop|cafe|museum] opens at {time}.",
            [("when does it open?", "{time}"), ("at what time does it open?", "{time}")],
        ),
        (
            "A ticket costs {price} [dollars|euros].",
            [("how much does a ticket cost?", "{price}"), ("what is the price of a ticket?", "{price}")],
        ),
        (
            "{m} [bought|found|brought] {k} {items}.",
            [
                ("how many {items} were there?", "{k}"),
                ("who had the {items}?", "{m}"),
                ("what did {m} have?", "{k} {items}"),
            ],
        ),
        ("They met in {year}.", [("when did they meet?", "{year}"), ("in which year did they meet?", "{year}")]),
        ("For dinner {n} made {food}.", [("what did {n} make for dinner?", "{food}"), ("who made {food}?", "{n}")]),
        (
            "{l} lost a {item} in the park.",
            [
                ("who lost something?", "{l}"),
                ("what did {l} lose?", "a {item}"),
                ("where did {l} lose the {item}?", "in the park"),
            ],
        ),
        (
            "The train to {city2} leaves on {day2}.",
            [("where does the train go?", "{city2}"), ("when does the train leave?", "{day2}")],
        ),
        (
            "{l} painted the door {color2}.",
            [("what colour is the door?", "{color2}"), ("who painted the door?", "{l}")],
        ),
        (
            "The bridge was built in {year2} and is {len} metres long.",
            [("when was the bridge built?", "{year2}"), ("how long is the bridge?", "{len} metres")],
        ),
        (
            "{m} and {l} planted {k2} trees behind the school.",
            [("how many trees were planted?", "{k2}"), ("where were the trees planted?", "behind the school")],
        ),
    ]
    city2 = r.choice([c for c in CITIES if c != p["city"]])
    col2 = r.choice([c for c in COLORS if c != p["color"]])
    v = dict(
        p,
        n=n,
        m=m,
        l=l,
        city2=city2,
        color2=col2,
        day2=r.choice([d for d in DAYS if d != p["day"]]),
        k=p["n"],
        year2=r.randint(1800, 1950),
        len=r.randint(20, 900),
        k2=r.randint(2, 60),
    )
    return F, v


def reading_chat(r, think=False):
    """-> messages, question, answer (None: the passage does not say)."""
    F, v = passage(r)
    ch = r.sample(F, r.randint(2, 4))
    rest = [f for f in F if f not in ch]
    ch.sort(key=F.index)
    text = " ".join(spin(r, fill(s, **v)) for s, _ in ch)
    text = re.sub(r" {2,}", " ", text)
    no = r.random() < 0.22
    if no:
        cand = [
            (q, a)
            for s, qs in rest
            for q, a in qs
            if not re.search(
                r"who had|where did \{l|what did \{m|who lost|in which city does|where does|what pet|when does it|at what",
                q,
            )
            or True
        ]
        q, a = r.choice(cand)
        ans = "The text does not say."
        th = "The text says nothing about this."
    else:
        s, qs = r.choice(ch)
        q, a = r.choice(qs)
        a = fill(a, **v)
        spin(r, fill(s, **v))
        s_in = next((x for x in re.split(r"(?<=\.) ", text) if a.replace("a ", "", 1).split()[-1] in x), text)
        ans = r.choice([a[0].upper() + a[1:] + ".", a, a])
        th = f"The text says: {s_in}"
    q = fill(q, **v)
    Q = q[0].upper() + q[1:]
    U_ = fill(
        spin(
            r,
            r.choice(
                [
                    "{t}\n\n{q}",
                    "Read the text and answer.\n\n{t}\n\n{q}",
                    "Text: {t}\nQuestion: {q}",
                    "{q}\n\n{t}",
                    "[Passage|Story|Paragraph]: {t}\n\n[Question|Q]: {q}\n[Answer|A]:",
                    "[Answer|Please answer] from the text only. {t} {q}",
                    "{t}\n\nAccording to [the text|this], {ql}",
                    'Here is a [short|] text: "{t}" {q}',
                    '[Use|Look at] this text to answer "{q}"\n\n{t}',
                    "Context:\n{t}\n\n{q} If the text does not say, say so.",
                ]
            ),
        ),
        t=text,
        q=Q,
        ql=q,
    )
    return [user(U_), assistant(ans, th if think else "")], U_, (None if no else a)


# memory
FACTS = [
    (
        "my name is {name}",
        [
            "what is my name?",
            "what's my name?",
            "do you remember my name?",
            "who am I?",
            "what did I say my name was?",
            "tell me my name.",
        ],
        "{name}",
        ["Your name is {v}.", "You are {v}.", "{v}."],
    ),
    (
        "I live in {city}",
        ["where do I live?", "which city do I live in?", "what city did I tell you?", "do you know where I live?"],
        "{city}",
        ["You live in {v}.", "{v}.", "You said you live in {v}."],
    ),
    (
        "I am {age} years old",
        ["how old am I?", "what is my age?", "what age did I say?"],
        "{age}",
        ["You are {v} years old.", "{v}.", "You said you are {v}."],
    ),
    (
        "my favourite colour is {color}",
        ["what is my favourite colour?", "which colour do I like [best|most]?", "do you remember my favourite colour?"],
        "{color}",
        ["Your favourite colour is {v}.", "{v}."],
    ),
    (
        "my {pet} is called {petname}",
        ["what is the name of my {pet}?", "what is my {pet} called?", "how is my {pet} named?"],
        "{petname}",
        ["Your {pet} is called {v}.", "{v}."],
    ),
    (
        "I work as a {job}",
        ["what is my job?", "what do I do for work?", "which job do I have?"],
        "{job}",
        ["You work as a {v}.", "You are a {v}.", "{v}."],
    ),
    (
        "my favourite food is {food}",
        ["what is my favourite food?", "what do I like to eat?", "which food did I say I like?"],
        "{food}",
        ["Your favourite food is {v}.", "{v}."],
    ),
    (
        "the password for the game is {word}",
        ["what is the password for the game?", "which password did I give you?", "what was the password?"],
        "{word}",
        ["The password is {v}.", "{v}."],
    ),
    (
        "my meeting is on {day}",
        ["when is my meeting?", "which day is my meeting?", "on what day do I have the meeting?"],
        "{day}",
        ["Your meeting is on {v}.", "{v}."],
    ),
    (
        "I have {n} {items}",
        ["how many {items} do I have?", "what number of {items} did I mention?"],
        "{n}",
        ["You have {v} {items}.", "{v}."],
    ),
    (
        "my sister is called {friend}",
        ["what is my sister's name?", "what is my sister called?"],
        "{friend}",
        ["Your sister is called {v}.", "{v}."],
    ),
    (
        "my train leaves at {time}",
        ["when does my train leave?", "at what time is my train?"],
        "{time}",
        ["Your train leaves at {v}.", "{v}."],
    ),
    (
        "my hobby is {hobby}",
        ["what is my hobby?", "which hobby do I have?", "what do I do for fun?"],
        "{hobby}",
        ["Your hobby is {v}.", "{v}."],
    ),
    (
        "I parked the car on level {lv}",
        ["where did I park?", "on which level is my car?"],
        "level {lv}",
        ["You parked on {v}.", "Your car is on {v}."],
    ),
]

FILLERS = [
    ("what is {a} + {b}?", "{a} + {b} = {s}."),
    ("tell me a fun fact.", "Honey can stay good for a very long time."),
    ("how are you?", "I am fine, thank you."),
    ("what colour is grass?", "Grass is green."),
    ("say hello in French.", "Bonjour!"),
    ("what day comes after {d0}?", "{d1}."),
    ("name an animal.", "A horse."),
    ("thanks!", "You are welcome!"),
    ("what is the opposite of big?", "Small."),
    ("is {a} even?", "{ev}"),
    ("give me a word that rhymes with cat.", "Hat."),
    ("what is the capital of Italy?", "The capital of Italy is Rome."),
    ("how many legs does a dog have?", "A dog has four legs."),
    ("it is raining here.", "Then stay dry! A warm tea may help."),
    ("I am a bit tired today.", "I am sorry to hear that. Maybe take a short rest."),
    ("spell dog.", "D-O-G."),
    ("nice weather today.", "That sounds lovely!"),
    ("what is water made of?", "Water is made of hydrogen and oxygen."),
]

ACKNOWLEDGEMENTS = [
    "Nice to meet you, {v}!",
    "Okay, I will remember that.",
    "Got it.",
    "Thanks for telling me.",
    "Good to know!",
    "Noted.",
    "All right, I will keep that in mind.",
]


def memory_chat(r, think=False):
    """What was said earlier in the conversation -> messages, kind, value."""
    p = dict(person(r), word=r.choice(WORDS), lv=r.randint(1, 9))
    p["name"] = r.choice(NAMES)
    fs = r.sample(FACTS, r.choice([1, 1, 1, 2, 2, 3]))
    if r.random() < 0.35 and FACTS[0] not in fs:
        fs[0] = FACTS[0]
    ms = []

    def fillers(k):
        for q, a in r.sample(FILLERS, k):
            x, y, d = r.randint(1, 50), r.randint(1, 50), r.randint(0, 6)
            kk = {
                "a": x,
                "b": y,
                "s": x + y,
                "d0": DAYS[d],
                "d1": DAYS[(d + 1) % 7],
                "ev": ("Yes, it is even." if x % 2 == 0 else "No, it is odd."),
            }
            q = fill(q, **kk)
            ms.extend([user(q[0].upper() + q[1:] if r.random() < 0.8 else q), assistant(fill(a, **kk))])

    if r.random() < 0.2:
        fillers(1)

    def state(f):
        return fill(f[0], **p)

    if r.random() < 0.5 or len(fs) == 1:
        t = " and ".join(state(f) for f in fs)
        t = spin(r, "[|||Hi, |Hello, |Hey, |By the way, |Please remember: |Just so you know, ]") + " " + t
        t = t.strip()
        t = t[0].upper() + t[1:] + r.choice([".", ".", "!", ""])
        ms += [
            user(t),
            assistant(fill(r.choice(ACKNOWLEDGEMENTS[1:] if fs[0] is not FACTS[0] else ACKNOWLEDGEMENTS), v=p["name"])),
        ]
    else:
        for f in fs:
            s = state(f)
            ms += [
                user(s[0].upper() + s[1:] + "."),
                assistant(fill(r.choice(ACKNOWLEDGEMENTS[1:] if f is not FACTS[0] else ACKNOWLEDGEMENTS), v=p["name"])),
            ]
    fillers(r.choice([0, 1, 1, 2, 3]))
    if r.random() < 0.1:
        f = r.choice([f for f in FACTS if f not in fs])
        q = spin(r, fill(r.choice(f[1]), **p))
        v = None
        ans = r.choice(
            ["You have not told me that yet.", "I do not know, you have not told me.", "You did not mention that."]
        )
        th = "The user has not said this in our talk."
    else:
        f = r.choice(fs)
        q = spin(r, fill(r.choice(f[1]), **p))
        v = fill(f[2], **p)
        ans = fill(r.choice(f[3]), v=v, **{k: x for k, x in p.items() if k != "v"})
        ans = ans[0].upper() + ans[1:]
        th = f"Earlier the user said: {state(f)}."
    ms += [user(q[0].upper() + q[1:] if r.random() < 0.85 else q), assistant(ans, th if think else "")]
    return ms, ms[0]["content"] + str(len(ms)) + q, v
