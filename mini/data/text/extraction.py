# SPDX-License-Identifier: Apache-2.0
"""Facts of a sentence as JSON, and classification."""

from __future__ import annotations

import json
import re

from .basics import CITIES, COLORS, DAYS, MONTHS, NAMES, THING, an, assistant, fill, sentence, spin, user


def compact_json(x):
    """JSON text, letters as they are."""
    return json.dumps(x, ensure_ascii=False)


JOBS = (
    "teacher nurse baker farmer painter pilot plumber lawyer chef gardener driver writer engineer doctor "
    "waiter librarian singer carpenter dentist electrician"
).split()

SURNAMES = (
    "Stone Rivera Holm Adler Okafor Lind Moreau Novak Silva Tanaka Berg Costa Weber Khan Price Walsh Young Marsh"
).split()

PETS = ["cat", "dog", "parrot", "rabbit", "hamster", "goldfish", "turtle", "pony"]

HOBBIES = [
    "chess",
    "hiking",
    "painting",
    "football",
    "cooking",
    "fishing",
    "sailing",
    "knitting",
    "reading",
    "dancing",
    "running",
    "photography",
    "gardening",
    "tennis",
    "singing",
]

FOOD = [
    "pizza",
    "sushi",
    "pancakes",
    "soup",
    "curry",
    "salad",
    "pasta",
    "tacos",
    "apple pie",
    "ice cream",
    "rice",
    "noodles",
]

ANIMALS = ["cat", "dog", "horse", "owl", "fox", "bear", "whale", "tiger", "rabbit", "frog"]


def person(r):
    """Facts of an invented person."""
    return {
        "name": r.choice(NAMES) + " " + r.choice(SURNAMES),
        "age": r.randint(18, 90),
        "city": r.choice(CITIES),
        "job": r.choice(JOBS),
        "hobby": r.choice(HOBBIES),
        "year": r.randint(1960, 2024),
        "n": r.randint(2, 95),
        "price": r.randint(2, 900),
        "day": r.choice(DAYS),
        "time": f"{r.randint(7, 20)}:{r.choice(['00', '15', '30', '45'])}",
        "item": r.choice(THING)[0],
        "items": r.choice(THING)[1],
        "color": r.choice(COLORS),
        "food": r.choice(FOOD),
        "pet": r.choice(PETS),
        "petname": r.choice(NAMES),
        "friend": r.choice(NAMES),
        "date": f"{r.choice(MONTHS)} {r.randint(1, 28)}",
        "email": r.choice(NAMES).lower() + "@example.com",
        "phone": f"555-{r.randint(1000, 9999)}",
        "order": str(r.randint(10000, 99999)),
    }


SENTENCES = [
    ("{name}, {age}, [works as|is] a {job} in {city}.", ["name", "age", "job", "city"]),
    ("{name} [lives in|moved to|comes from] {city} and [likes|loves|enjoys] {hobby}.", ["name", "city", "hobby"]),
    (
        "On {date} {name} [bought|ordered] {n} {items} for {price} [dollars|euros].",
        ["date", "name", "n", "items", "price"],
    ),
    ("[The meeting|Our meeting|The workshop] is on {day} at {time} in {city}.", ["day", "time", "city"]),
    ("{name} has a {color} {item} and a {pet} called {petname}.", ["name", "color", "item", "pet", "petname"]),
    ("[Please send|Send] {n} {items} to {name} in {city}.", ["n", "items", "name", "city"]),
    ("You can reach {name} at {phone} or {email}.", ["name", "phone", "email"]),
    ("Order {order} from {name} contains {n} {items}.", ["order", "name", "n", "items"]),
    ("{name} [started|began] working as a {job} in {year}.", ["name", "job", "year"]),
    ("The {color} {item} costs {price} [dollars|euros].", ["color", "item", "price"]),
    ("My name is {name}, I am {age} years old and my favourite food is {food}.", ["name", "age", "food"]),
    ("{name} will arrive in {city} on {day} at {time}.", ["name", "city", "day", "time"]),
    ("[A table|Table] for {n} people, {date}, {time}, name {name}.", ["n", "date", "time", "name"]),
    (
        "[The concert|The show|The match] in {city} starts at {time} and tickets cost {price} [dollars|euros].",
        ["city", "time", "price"],
    ),
    ("In {year}, {name} opened a shop in {city} that sells {items}.", ["year", "name", "city", "items"]),
    ("{name} called on {day} about order {order}.", ["name", "day", "order"]),
]

FIELD_NAMES = {
    "n": ["quantity", "count", "number", "amount"],
    "items": ["product", "item", "goods"],
    "name": ["name", "person", "who", "full_name"],
    "city": ["city", "place", "location"],
    "price": ["price", "cost"],
    "job": ["job", "occupation", "profession"],
    "item": ["item", "object"],
    "petname": ["pet_name"],
    "pet": ["pet", "animal"],
    "date": ["date"],
    "day": ["day", "weekday"],
    "time": ["time"],
    "age": ["age"],
    "year": ["year"],
    "order": ["order", "order_id", "order_number"],
    "hobby": ["hobby", "interest"],
    "color": ["color"],
    "food": ["food", "favorite_food"],
    "phone": ["phone", "telephone"],
    "email": ["email", "mail"],
}


def json_chat(r, think=False):
    """Fields of a sentence as JSON -> messages, question, the object."""
    p = person(r)
    s, fs = r.choice(SENTENCES)
    t = spin(r, fill(s, **p))
    fs = r.sample(fs, r.randint(2, min(4, len(fs))))
    ks = {f: r.choice(FIELD_NAMES[f]) for f in fs}
    out = {ks[f]: p[f] for f in fs}
    if r.random() < 0.12:
        miss = r.choice([f for f in ("phone", "email", "age", "city", "color", "job") if "{" + f + "}" not in s])
        ks[miss] = FIELD_NAMES[miss][0]
        out[FIELD_NAMES[miss][0]] = None
    l = ", ".join(out)
    sch = "{" + ", ".join(f'"{k}": ...' for k in out) + "}"
    q = sentence(
        r,
        r.choice(
            [
                "extract {l} from this [sentence|text] as JSON: {t}",
                "[return|give me|write] a JSON object with the [fields|keys] {l} for this text: {t}",
                "{t}\n\nExtract {l} as JSON.",
                '[text|sentence]: "{t}"\n[Answer|Reply] only with JSON with the keys {l}.',
                "[turn|convert] this into JSON ({l}): {t}",
                "{t}\nGive {l} as a JSON object.",
                "fill in this JSON: {sch}\nText: {t}",
                "[read|look at] the text and output JSON like {sch}.\n\n{t}",
                'get {l} out of the following. JSON only.\n"{t}"',
                "JSON with {l}, please: {t}",
                "which {l} are [named|given] in this text? Answer as JSON.\n{t}",
            ]
        ),
        l=l,
        t=t,
        sch=sch,
    )
    if None in out.values():
        q += " Use null if something is missing."
    th = "The text gives " + ", ".join(f"{k}: {v}" if v is not None else f"no {k}" for k, v in out.items()) + "."
    return [user(q), assistant(compact_json(out), th if think else "")], q, out


# classification
POSITIVE = [
    "I love this {x}, it works perfectly.",
    "What a wonderful {x}! Thank you.",
    "The {x} is great and arrived early.",
    "Best {x} I ever had.",
    "I am very happy with the {x}.",
    "The staff was kind and the {x} was excellent.",
    "My kids enjoy the {x} every day.",
    "Fantastic {x}, worth every cent.",
    "Everything about the {x} was lovely.",
    "I would buy this {x} again in a heartbeat.",
    "The {x} made my day.",
    "Superb quality, the {x} feels solid.",
]

NEGATIVE = [
    "I hate this {x}, it broke after a day.",
    "What a terrible {x}. I want my money back.",
    "The {x} is awful and came late.",
    "Worst {x} I ever had.",
    "I am very disappointed with the {x}.",
    "The staff was rude and the {x} was bad.",
    "My kids are bored by the {x}.",
    "A waste of money, this {x}.",
    "Nothing about the {x} was good.",
    "I would never buy this {x} again.",
    "The {x} ruined my day.",
    "Poor quality, the {x} fell apart.",
]

NEUTRAL = [
    "The {x} arrived on {d}.",
    "The {x} is {c} and comes in a box.",
    "I bought a {x} in {y}.",
    "This {x} has a label on the back.",
    "The {x} weighs two kilograms.",
    "There is a {x} on the table.",
    "The shop sells the {x} in {y}.",
    "The {x} is used in the kitchen on {d}.",
]

REVIEWED = [
    "phone",
    "restaurant",
    "movie",
    "book",
    "hotel",
    "camera",
    "blender",
    "game",
    "chair",
    "train ride",
    "course",
    "jacket",
    "laptop",
    "coffee",
    "bike",
    "concert",
    "meal",
    "app",
    "tent",
    "lamp",
]

CATEGORIES = {
    "animal": ANIMALS + ["lion", "elephant", "snake", "duck"],
    "fruit": ["apple", "banana", "pear", "plum", "mango", "cherry", "grape"],
    "vehicle": ["car", "bus", "truck", "bicycle", "train", "tram"],
    "color": COLORS[:8],
    "tool": ["hammer", "saw", "drill", "wrench", "pliers"],
    "clothing": ["shirt", "coat", "sock", "hat", "scarf", "glove"],
    "country": ["France", "Japan", "Brazil", "Egypt", "Canada", "Norway"],
    "instrument": ["piano", "violin", "flute", "drum", "guitar"],
    "vegetable": ["carrot", "onion", "cabbage", "pea", "spinach"],
    "furniture": ["chair", "table", "sofa", "bed", "shelf"],
    "sport": ["tennis", "football", "hockey", "golf", "rugby"],
    "body part": ["arm", "leg", "nose", "ear", "knee"],
}

TOPICS = {
    "sports": [
        "The team won {n} to 1 after extra time.",
        "She ran the marathon in under {n} hours.",
        "The coach changed the goalkeeper before the match.",
        "The striker scored twice in {y}.",
    ],
    "weather": [
        "Heavy rain is expected in {y} on {d}.",
        "It will be sunny and {n} degrees in {y}.",
        "Snow fell all night in {y}.",
    ],
    "food": [
        "Stir the sauce for {n} minutes and add salt.",
        "The bakery in {y} sells fresh bread on {d}.",
        "Mix {n} eggs with flour.",
    ],
    "technology": [
        "The new phone has {n} gigabytes of memory.",
        "The update fixes {n} bugs in the app.",
        "The laptop battery lasts {n} hours.",
    ],
    "travel": [
        "The flight to {y} leaves on {d}.",
        "Our hotel in {y} is near the beach.",
        "We took the night train to {y}.",
    ],
    "health": [
        "Drink water and sleep {n} hours.",
        "The nurse checked her blood pressure on {d}.",
        "He has had a cough for {n} days.",
    ],
    "money": [
        "The bank raised the interest rate by {n} percent.",
        "She paid {n} dollars in tax.",
        "The loan must be paid back by {d}.",
    ],
}


def classification_chat(r, think=False):
    """Sentiment, category, topic, odd one out."""
    k = r.choice(["sent", "sent", "cat", "yes", "pick", "odd", "topic", "isq"])
    c = {
        "x": r.choice(REVIEWED),
        "d": r.choice(DAYS),
        "c": r.choice(COLORS),
        "y": r.choice(CITIES),
        "n": r.randint(2, 30),
    }
    if k == "sent":
        lab = r.choice(["positive", "negative", "positive", "negative", "neutral"])
        t = fill(r.choice({"positive": POSITIVE, "negative": NEGATIVE, "neutral": NEUTRAL}[lab]), **c)
        if r.random() < 0.3:
            t += " " + fill(r.choice({"positive": POSITIVE, "negative": NEGATIVE, "neutral": NEUTRAL}[lab]), **dict(c))
        opts = ["positive", "negative", "neutral"]
        r.shuffle(opts)
        q = sentence(
            r,
            r.choice(
                [
                    'is this review positive, negative or neutral? "{t}"',
                    "what is the sentiment of this text: {t}",
                    "classify the sentiment ({o}): {t}",
                    "{t}\n\nSentiment?",
                    "review: {t}\n[Label|Answer with] one word: {o}.",
                    'tell me the [mood|tone|sentiment] of "{t}" ({o})',
                    "sentiment analysis, one word only: {t}",
                    "[does|how does] the writer feel, {o}?\n{t}",
                ]
            ).replace("[does|how does]", "how does"),
            t=t,
            o=", ".join(opts),
        )
        ans = lab if "one word" in q or r.random() < 0.6 else f"The sentiment is {lab}."
        th = {
            "positive": "The words show that the writer is pleased.",
            "negative": "The words show that the writer is not pleased.",
            "neutral": "The text states a fact without praise or complaint.",
        }[lab]
        if r.random() < 0.4:
            ans = ans[0].upper() + ans[1:]
    elif k == "topic":
        lab = r.choice(list(TOPICS))
        t = fill(r.choice(TOPICS[lab]), **c)
        o = r.sample([x for x in TOPICS if x != lab], r.randint(1, 4)) + [lab]
        r.shuffle(o)
        q = sentence(
            r,
            r.choice(
                [
                    'which topic fits best: {o}?\n"{t}"',
                    "classify this [sentence|text] as one of {o}: {t}",
                    "{t}\nTopic ({o}):",
                    "pick the right label from {o} for: {t}",
                    "choose one [category|topic] from the list [{o}] for this text: {t}".replace("[{o}]", "{o}"),
                ]
            ),
            o=", ".join(o),
            t=t,
        )
        ans = lab
        th = f"The text is about {lab}."
    elif k == "cat":
        lab = r.choice(list(CATEGORIES))
        w = r.choice(CATEGORIES[lab])
        o = r.sample([x for x in CATEGORIES if x != lab], r.randint(1, 4)) + [lab]
        r.shuffle(o)
        q = sentence(
            r,
            r.choice(
                [
                    "is {w} a {o}?",
                    "what kind of thing is {w}: {o}?",
                    "put {w} into one of these groups: {o}.",
                    "which category does {w} belong to: {o}?",
                    "{w}: {o}?",
                    "choose the right word for {w} from: {o}",
                ]
            ),
            w=w,
            o=", ".join(o[:-1]) + " or " + o[-1],
        )
        q = re.sub(r"\ba ([aeiou])", r"an \1", q)
        ans = r.choice([lab, f"{w} is {an(lab)}.".capitalize() if lab != "country" else f"{w} is a country.", f"{lab}"])
        th = f"{w} is {an(lab)}."
    elif k == "yes":
        lab = r.choice(list(CATEGORIES))
        w = r.choice(CATEGORIES[lab])
        l2 = lab if r.random() < 0.5 else r.choice([x for x in CATEGORIES if w not in CATEGORIES[x]])
        ok = l2 == lab
        q = sentence(
            r,
            r.choice(
                [
                    "is {w} {l}? [Answer yes or no.|]",
                    "yes or no: is {w} {l}?",
                    "would you call {w} {l}?",
                    "does {w} count as {l}?",
                    "true or false: {w} is {l}.",
                ]
            ),
            w=w,
            l=an(l2),
        )
        tf = "true or false" in q.lower()
        y = ("True" if ok else "False") if tf else ("Yes" if ok else "No")
        ans = y if "yes or no" in q.lower() else r.choice([y + ".", f"{y}, {w} is {an(lab)}."])
        th = f"{w} is {an(lab)}."
    elif k == "pick":
        lab = r.choice(list(CATEGORIES))
        w = r.choice(CATEGORIES[lab])
        oth = [
            r.choice(CATEGORIES[x])
            for x in r.sample([x for x in CATEGORIES if x != lab and w not in CATEGORIES[x]], r.randint(2, 4))
        ]
        l = oth + [w]
        r.shuffle(l)
        q = sentence(
            r,
            r.choice(
                [
                    "which of these is {k}: {l}?",
                    "pick the {kk} from this list: {l}",
                    "[find|choose|select] the {kk}: {l}",
                    "{l}. Which one is {k}?",
                    "only one of these is {k}: {l}. Which?",
                ]
            ),
            k=an(lab),
            kk=lab,
            l=", ".join(l),
        )
        ans = r.choice([w, f"{w} is {an(lab)}."])
        th = f"Of {', '.join(l)}, only {w} is {an(lab)}."
    elif k == "odd":
        lab = r.choice(list(CATEGORIES))
        l = r.sample(CATEGORIES[lab], 3)
        l2 = r.choice([x for x in CATEGORIES if x != lab])
        w = r.choice([x for x in CATEGORIES[l2] if x not in CATEGORIES[lab]])
        l = l + [w]
        r.shuffle(l)
        q = sentence(
            r,
            r.choice(
                [
                    "which word does not [fit|belong]: {l}?",
                    "find the odd one out: {l}",
                    "odd one out: {l}?",
                    "which one is different: {l}?",
                ]
            ),
            l=", ".join(l),
        )
        ans = r.choice([w, f"{w} does not fit."])
        th = f"The others are each {an(lab)}; {w} is {an(l2)}."
    else:
        isq = r.random() < 0.5
        t = fill(
            r.choice(
                ["Where is the {x}?", "Can you bring the {x} on {d}?", "How old is the {x}?", "Who lives in {y}?"]
                if isq
                else ["The {x} is in {y}.", "Bring the {x} on {d}.", "I like the {x}.", "We go to {y} on {d}."]
            ),
            **c,
        )
        q = sentence(
            r,
            r.choice(
                [
                    'is this a question? "{t}"',
                    "question or statement: {t}",
                    "does this [sentence|text] ask something? {t}",
                    "label as question or statement: {t}",
                ]
            ),
            t=t,
        )
        ans = ("question" if isq else "statement") if "statement" in q.lower() else ("Yes." if isq else "No.")
        th = "It asks something." if isq else "It does not ask anything."
    return [user(q), assistant(ans, th if think else "")], q
