# SPDX-License-Identifier: Apache-2.0
"""English for questions and answers: articles, plurals, numbers, lists."""

from __future__ import annotations


def capitalised(s):
    """With a capital letter at the start."""
    return s[:1].upper() + s[1:]


def without_article(p):
    """ "a red apple" -> "red apple"."""
    for a in ("a ", "an ", "the "):
        if p.startswith(a):
            return p[len(a) :]
    return p


SOUND_LIKE_CONSONANT = ("unicorn", "unicycle", "ufo", "euro", "one", "uniform", "ukulele")


def with_article(p):
    """ "red apple" -> "a red apple"; "an" where it is spoken so."""
    l = p.split()[0].lower()
    if l in SOUND_LIKE_CONSONANT or l.startswith("one-"):
        return "a " + p
    if l in ("hourglass", "suv", "x-ray", "x", "sos", "8"):
        return "an " + p
    return ("an " if l[0] in "aeiou" else "a ") + p


def plural(n):
    """The plural of a countable noun."""
    irr = {
        "mouse": "mice",
        "fish": "fish",
        "sheep": "sheep",
        "goose": "geese",
        "leaf": "leaves",
        "knife": "knives",
        "tooth": "teeth",
        "foot": "feet",
        "deer": "deer",
        "wolf": "wolves",
        "ox": "oxen",
        "squid": "squid",
        "shrimp": "shrimp",
        "loaf": "loaves",
        "bison": "bison",
        "die": "dice",
        "moose": "moose",
    }
    if n in irr:
        return irr[n]
    if n.endswith(("ch", "sh", "x", "s", "z")):
        return n + "es"
    if n.endswith("y") and n[-2] not in "aeiou":
        return n[:-1] + "ies"
    if n in ("tomato", "potato", "mango", "mosquito", "volcano"):
        return n + "es"
    return n + "s"


NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def number_word(rng, n):
    """A number up to twelve as a word, mostly; others in digits."""
    return NUMBERS[n] if n < 13 and rng.random() < 0.65 else str(n)


def alternatives(text):
    """The alternatives of a block of text, separated by |; line ends are blanks."""
    return [" ".join(part.split()) for part in text.split("|")]


def listed(x):
    """["a", "b", "c"] -> "a, b and c"."""
    return x[0] if len(x) == 1 else ", ".join(x[:-1]) + " and " + x[-1]


def colour_word(rng):
    """British or American spelling."""
    return "color" if rng.random() < 0.4 else "colour"
