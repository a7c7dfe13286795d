# SPDX-License-Identifier: Apache-2.0
"""Turns (question, answer) about one emoji: what it is, yes or no, its kind, its colour, its background."""

from __future__ import annotations

from .assets import ASSETS
from .emoji import main_colours
from .words import alternatives, capitalised, colour_word, with_article, without_article

Q_WHAT = alternatives("""
    What is this? | What's this? | What is it? | What is this thing? | What's in this picture? | What is in the
    picture? | What's in the image? | What is in this image? | What does the picture show? | What does this image
    show? | What is shown here? | What is shown in the picture? | What's that? | Can you tell me what this is? | Do
    you know what this is? | Could you tell me what is in this picture? | What am I looking at? | Look at this. What
    is it? | I found this picture. What is it? | Guess what this is! | Which thing is shown in the picture? | What
    object is this? | Please identify this. | Identify the object. | what is this | whats this | what is it | Hey,
    what's this? | My friend sent me this. What is it? | What is the picture of? | What's this a picture of? | What
    is the main thing in the picture? | Tell me what this is. | What did I draw? | Do you recognise this? | What
    could this be? | Look at the picture and tell me what it is. | What is displayed here?
""")


Q_SEE = alternatives("""
    What do you see? | What can you see? | What do you see here? | What do you see in the picture? | What can you
    see in this image? | Tell me what you see. | what do you see | Can you see this picture? What is in it? | What
    do you notice? | Have a look. What do you see? | Say what you see.
""")


Q_DESC = alternatives("""
    Describe the picture. | Describe this image. | Describe what you see. | Describe this picture for me. | Give a
    short description of the picture. | Write a caption for this picture. | Caption this image. | Please describe
    the image. | How would you describe this picture? | Describe the image in one sentence. | Describe it. | Tell me
    about this picture. | Give me a caption. | Describe the object and the background.
""")


Q_NAME = alternatives("""
    Name the object in the image. | Name this. | What is this called? | What's the name of this? | Name what you
    see. | Give only the name of this thing. | What is it called? | What would you call this? | In a word or two,
    what is this? | Answer briefly: what is this?
""")


KIND_PHRASES = {
    "animal": "an animal",
    "plant": "a plant",
    "food": "food",
    "drink": "a drink",
    "vehicle": "a vehicle",
    "building": "a building",
    "face": "a face",
    "hand": "a hand",
    "person": "a person",
    "flag": "a flag",
    "clothing": "something to wear",
    "instrument": "a musical instrument",
    "tool": "a tool",
}


NOT_BOTH = {
    ("food", "plant"),
    ("plant", "food"),
    ("animal", "face"),
    ("face", "animal"),
    ("hand", "person"),
    ("person", "hand"),
    ("face", "person"),
    ("person", "face"),
    ("food", "animal"),
    ("drink", "food"),
    ("food", "drink"),
}


def answer_what(rng, r, see=False):
    """An answer that names the item, as in: It is a red apple."""
    p = r["phrase"] if rng.random() < 0.9 or not r["aliases"] else alias_phrase(rng, r)
    if r["is_plural"]:
        f = ["I see {p}.", "The picture shows {p}.", "It's a picture of {p}.", "{P}.", "This picture shows {p}."]
    elif see:
        f = ["I see {p}.", "I can see {p}.", "I see {p}.", "{P}."]
    else:
        f = [
            "It's {p}.",
            "This is {p}.",
            "It's a picture of {p}.",
            "That's {p}.",
            "It is {p}.",
            "The picture shows {p}.",
            "{P}.",
        ]
    return rng.choice(f).format(p=p, P=capitalised(p))


def alias_phrase(rng, r):
    """Another name of the item, with its article."""
    a = rng.choice(r["aliases"][:2])
    return (
        with_article(a)
        if r["phrase"].startswith(("a ", "an "))
        and not a.endswith("s")
        and a.lower() not in UNCOUNTED
        and a[0] not in "0123456789"
        else r["phrase"]
    )


UNCOUNTED = set(
    (
        "coffee tea milk beer wine corn chocolate rice bread meat honey money cheese pasta milk sushi noodles soup "
        "curry smoking crying laughing thinking tennis badminton cutlery paella ramen karaoke lotion toilet paper "
        "table tennis bowling ice cream drinking water saturn earth cd dvd tv red wine laughing halloween steak "
        "custard torch confetti trash beetroot narutomaki"
    ).split()
) | {
    "table tennis",
    "toilet paper",
    "ice cream",
    "drinking water",
    "red wine",
    "hot drink",
    "ice hockey",
    "fish cake",
    "boba tea",
    "paper and pencil",
    "knife and fork",
    "eight ball",
    "8 ball",
}


def hard_negative(rng, r):
    """An item that is near this one but shares no name with it; None if none was found."""
    pool = (
        ASSETS["by_subgroup"][r["subgroup"]]
        if rng.random() < 0.6
        else ASSETS["by_group"][r["group"]]
        if rng.random() < 0.5
        else ASSETS["simple"]
    )
    for _ in range(12):
        o = rng.choice(pool)
        if (
            o is not r
            and not (o["words"] & r["words"])
            and not o["is_plural"]
            and o["words"]
            and not (o["subgroup"] == r["subgroup"] and o["label"] in GENERIC)
            and not (o["subgroup"] == "person" and r["group"] == "people-body")
            and not (o["kind"] == "face" and o["label"] in GENERIC)
        ):
            return o
        pool = ASSETS["simple"]
    return None


GENERIC = {
    "bird",
    "fish",
    "bug",
    "mountain",
    "house",
    "train",
    "ship",
    "monkey",
    "cat",
    "dog",
    "smiling face",
    "slightly smiling face",
    "grinning face",
    "blossom",
    "bouquet",
    "seedling",
    "herb",
    "package",
    "shallow pan of food",
    "pot of food",
    "bowl with spoon",
    "canned food",
    "label",
    "mouse",
    "family",
    "beetle",
    "rosette",
    "house with garden",
    "houses",
    "department store",
    "building construction",
    "office building",
    "baby",
    "child",
    "goal net",
    "ticket",
    "tropical fish",
    "cooked rice",
    "bread",
    "clinking glasses",
    "game die",
    "face",
    "lizard",
    "sauropod",
    "tropical drink",
    "hot beverage",
    "beverage box",
    "cup with straw",
    "station",
    "hand with fingers splayed",
    "raised hand",
    "waving hand",
}


def name_or_alias(rng, r):
    """A name of the item without article."""
    return rng.choice(r["aliases"][:2]) if r["aliases"] and rng.random() < 0.4 else without_article(r["phrase"])


def ask_yes_no(rng, p, n):
    """A question whether the picture shows p."""
    return rng.choice(
        [
            "Is there {p} in this picture?",
            "Is there {p} in the picture?",
            "Is this {p}?",
            "Can you see {p}?",
            "Do you see {p} here?",
            "Does the picture show {p}?",
            "Is it {p}?",
            "Is that {p}?",
            "Is {p} shown here?",
            "I think this is {p}. Am I right?",
        ]
    ).format(p=p)


def turn_yes_no(rng, r):
    """(question, answer): is it this (half the time a near miss)? None for plurals."""
    if r["is_plural"]:
        return None
    if rng.random() < 0.5:
        n = without_article(r["phrase"])
        p = r["phrase"]
        if r["aliases"] and rng.random() < 0.4:
            p = alias_phrase(rng, r)
            n = without_article(p)
        q = ask_yes_no(rng, p, n)
        if q.startswith(("Is there", "Can you", "Do you")):
            a = [f"Yes, there is {p} in the picture.", f"Yes, I can see {p}.", "Yes.", f"Yes, there is {p}."]
        else:
            a = (
                [f"Yes, it is {p}.", f"Yes, this is {p}.", "Yes, it is.", "Yes."]
                if "right" not in q
                else [f"Yes, it is {p}.", f"Yes, you are right. It is {p}."]
            )
        return q, rng.choice(a)
    o = hard_negative(rng, r)
    if not o:
        return None
    q = ask_yes_no(rng, o["phrase"], without_article(o["phrase"]))
    p = r["phrase"]
    n = without_article(o["phrase"])
    if q.startswith(("Is there", "Can you", "Do you")):
        a = [
            f"No, there is no {n}. The picture shows {p}.",
            f"No, it shows {p}.",
            f"No, I see {p}.",
            f"No, I can't see {o['phrase']}. It's {p}.",
        ]
    else:
        a = [f"No, it's {p}.", f"No, this is {p}.", f"No, it is {p}.", f"No, it's not {o['phrase']}, it's {p}."]
    return q, rng.choice(a)


def turn_kind(rng, r):
    """What kind of thing it is; None for items without a kind."""
    if not r["kind"]:
        return None
    k = r["kind"]
    if rng.random() < 0.6:
        o = rng.choice([x for x in KIND_PHRASES if x != k and (x, k) not in NOT_BOTH])
        a, b = (k, o) if rng.random() < 0.5 else (o, k)
        return rng.choice(["Is this {a} or {b}?", "Is it {a} or {b}?", "Does the picture show {a} or {b}?"]).format(
            a=KIND_PHRASES[a], b=KIND_PHRASES[b]
        ), rng.choice(["It's {k}: {p}.", "It is {k}.", "It's {k}.", "{K}."]).format(
            k=KIND_PHRASES[k], p=r["phrase"], K=capitalised(KIND_PHRASES[k])
        )
    if rng.random() < 0.5:
        if rng.random() < 0.5:
            return rng.choice(["Is this {a}?", "Is it {a}?"]).format(a=KIND_PHRASES[k]), rng.choice(
                ["Yes, it's {p}.", "Yes, it is {p}."]
            ).format(p=r["phrase"])
        o = rng.choice([x for x in KIND_PHRASES if x != k and (x, k) not in NOT_BOTH])
        return rng.choice(["Is this {a}?", "Is it {a}?"]).format(a=KIND_PHRASES[o]), rng.choice(
            ["No, it's {k}.", "No, it's {p}."]
        ).format(k=KIND_PHRASES[k], p=r["phrase"])
    return rng.choice(
        ["What kind of thing is this?", "What sort of thing is it?", "Which category does this belong to?"]
    ), rng.choice(["It's {k}: {p}.", "It's {k}."]).format(k=KIND_PHRASES[k], p=r["phrase"])


def turn_colour(rng, r, st):
    """The main colour, or the main two; None where the picture has no clear one."""
    mc = [(n, f) for n, f in main_colours(r, st)]
    if not mc or r["group"] == "people-body" or mc[0][0] == "beige" or any(n == "beige" and f > 0.15 for n, f in mc):
        return None
    n = without_article(r["phrase"])
    it = "they" if r["is_plural"] else "it"
    be = "are" if r["is_plural"] else "is"
    subj = rng.choice([it, "the " + n if r["group"] != "flags" else "this flag"])
    if r["phrase"].startswith("a pair of") or (" " in n and len(n) > 22):
        subj = it
    be = "are" if subj == "they" or (r["is_plural"] and subj != it) else "is"
    if mc[0][1] >= (0.85 if r["group"] == "flags" else 0.62):
        q = rng.choice(["What {c} {be} {s}?", "Which {c} {be} {s}?", "What is the main {c}?"]).format(
            c=colour_word(rng), be=be, s=subj
        )
        S = capitalised(subj) if subj.startswith("the") else capitalised(it)
        return q, rng.choice(
            [
                f"{S} {be} {mc[0][0]}.",
                f"{capitalised(mc[0][0])}.",
                f"{capitalised(it)}{chr(39)}{'re' if it == 'they' else 's'} mostly {mc[0][0]}.",
            ]
        )
    if (
        len(mc) > 1
        and mc[1][1] >= 0.22
        and mc[0][1] + mc[1][1] >= (0.9 if r["group"] == "flags" else 0.8)
        and mc[1][0] != "beige"
    ):
        q = rng.choice(["What {c}s does it have?", "Which {c}s do you see on it?", "What {c} is it?"]).format(
            c=colour_word(rng)
        )
        return q, rng.choice(
            [
                f"It is {mc[0][0]} and {mc[1][0]}.",
                f"{capitalised(mc[0][0])} and {mc[1][0]}.",
                f"Mostly {mc[0][0]} and {mc[1][0]}.",
            ]
        )
    return None


def turn_background(rng, bd, bc):
    """About the background; bd: words for it, bc: its colour name or None."""
    q = rng.choice(
        [
            "What {c} is the background?",
            "Which {c} is the background?",
            "What is the background like?",
            "What's behind it?",
        ]
    ).format(c=colour_word(rng))
    if bc and "olo" in q:
        return q, rng.choice([f"The background is {bc}.", f"It's {bc}.", f"{capitalised(bc)}."])
    return rng.choice(
        ["What is the background like?", "Describe the background.", "What does the background look like?"]
    ), rng.choice([f"It's {bd}.", f"It is {bd}."])


def turn_what(rng, r, bd):
    """What it is: a question, a description, a name."""
    u = rng.random()
    if r["kind"] == "flag" and u < 0.5 and r["cldr_phrase"].startswith("the flag of"):
        return rng.choice(
            [
                "Which flag is this?",
                "Whose flag is this?",
                "Which country's flag is this?",
                "What flag do you see?",
                "Which country does this flag belong to?",
            ]
        ), rng.choice(["The flag of {c}.", "It's the flag of {c}.", "This is the flag of {c}."]).format(
            c=r["cldr_phrase"][12:]
        )
    if r["kind"] == "face" and u < 0.25:
        return rng.choice(
            [
                "What kind of face is this?",
                "Which emoji is this?",
                "What does this face look like?",
                "What feeling does this face show?",
            ]
        ), rng.choice(["It's {p}.", "{P}."]).format(p=r["phrase"], P=capitalised(r["phrase"]))
    if u < 0.48:
        return rng.choice(Q_WHAT), answer_what(rng, r)
    if u < 0.66:
        return rng.choice(Q_SEE), answer_what(rng, r, True)
    if u < 0.84:
        p = r["phrase"]
        return rng.choice(Q_DESC), rng.choice(
            ["{P} on {b}.", "The picture shows {p} on {b}.", "A picture of {p} on {b}.", "{P} on {b}."]
            + ([] if r["is_plural"] else ["There is {p} on {b}.", "It's {p} on {b}."])
        ).format(p=p, P=capitalised(p), b=bd)
    n = without_article(r["phrase"])
    return rng.choice(Q_NAME), rng.choice([capitalised(n) + ".", capitalised(n), capitalised(r["phrase"]) + "."])


def turn_keywords(rng, r):
    """Keywords; None with fewer than three."""
    t = [x for x in r["tags"] if x.isascii() and len(x) > 2]
    if len(t) < 3:
        return None
    return rng.choice(
        [
            "Give me some keywords for this picture.",
            "Which words go with this picture?",
            "List a few tags for this image.",
        ]
    ), ", ".join([without_article(r["phrase"])] + rng.sample(t, 2)) + "."
