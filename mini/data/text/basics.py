# SPDX-License-Identifier: Apache-2.0
"""What all generated conversations draw from: names, places, things, words; messages; templates with choices."""

from __future__ import annotations

import re

NAMES = """
    Anna Ben Carla David Elena Frank Grace Henry Isla Jack Karen Liam Maria Nina Omar Paula Quinn Rosa Sam Tina
    Uma Victor Wendy Xavier Yara Zoe Ahmed Bella Chen Dina Emil Fatima George Hana Ivan Julia Kofi Lena Marco
    Noah Olga Pedro Ravi Sofia Tom Ursula Vera Will Amara Boris Clara Diego Esther Felix Gita Hugo Ines Jonas
    Kira Leo Mila Nils Oscar Priya Ruth Simon Tara Viola Walter Yusuf Alma Bruno Celia Dario Ella Finn Gus Helga
    Igor Joan Kevin Lucy Max Nora Otto Petra Rita Stan Tess Lars Mei Aiko Kenji Sana Tariq Zara Abel Beth Cora
    Dean Eva Fiona Glen Heidi Ida Jim Kate Luis Mona Ned Opal Phil Rae Sean Troy Vince
""".split()

CITIES = [
    name.replace("_", " ")
    for name in """
    Oslo Rome Paris London Berlin Madrid Lisbon Vienna Prague Warsaw Athens Dublin Helsinki Stockholm Copenhagen
    Brussels Amsterdam Zurich Geneva Milan Naples Turin Porto Seville Valencia Hamburg Munich Cologne Lyon Nice
    Bordeaux Glasgow Leeds Bristol Cardiff Toronto Montreal Vancouver Boston Chicago Denver Austin Seattle
    Portland Miami Atlanta Lima Quito Bogota Santiago Tokyo Osaka Kyoto Seoul Busan Beijing Shanghai Delhi
    Mumbai Chennai Karachi Lahore Dhaka Bangkok Hanoi Manila Jakarta Sydney Perth Auckland Nairobi Accra Lagos
    Cairo Tunis Dakar Cape_Town Tel_Aviv New_York San_Diego Buenos_Aires Kuala_Lumpur
""".split()
]

# (singular, plural)
THING = [
    tuple(pair.replace("_", " ").split("|"))
    for pair in """
    apple|apples pear|pears orange|oranges banana|bananas plum|plums lemon|lemons egg|eggs cookie|cookies
    cake|cakes muffin|muffins bun|buns candle|candles book|books pencil|pencils pen|pens marble|marbles
    sticker|stickers stamp|stamps coin|coins shell|shells button|buttons balloon|balloons card|cards
    toy_car|toy_cars ball|balls hat|hats scarf|scarves sock|socks shirt|shirts chair|chairs lamp|lamps cup|cups
    plate|plates spoon|spoons bottle|bottles brick|bricks nail|nails screw|screws tile|tiles flower|flowers
    rose|roses tulip|tulips seed|seeds tree|trees fish|fish rock|rocks photo|photos postcard|postcards
    letter|letters ticket|tickets magnet|magnets bead|beads crayon|crayons notebook|notebooks eraser|erasers
    carrot|carrots potato|potatoes tomato|tomatoes onion|onions melon|melons peach|peaches sandwich|sandwiches
""".split()
]

WORDS = """
    banana letter window garden summer winter kitten puppy rabbit tiger monkey elephant giraffe butterfly dragon
    castle bridge river mountain island forest desert ocean planet rocket engine bicycle airplane station market
    kitchen bedroom cupboard pillow blanket mirror candle pencil eraser notebook library teacher student doctor
    farmer painter singer dancer balloon cookie pepper tomato potato carrot onion cherry apple orange lemon
    coffee butter cheese yogurt noodle sandwich breakfast dinner holiday weekend birthday calendar minute second
    number letterbox parrot pigeon penguin dolphin octopus turtle lizard spider beetle mosquito grasshopper
    strawberry blueberry raspberry pineapple coconut avocado cucumber mushroom broccoli cabbage spinach
    chocolate vanilla cinnamon ginger pumpkin meadow valley thunder lightning rainbow snowflake umbrella
    raincoat sweater trousers slipper necklace bracelet diamond silver copper marble granite concrete hammer
    screwdriver scissors ladder bucket basket bottle glass kettle toaster oven blender computer keyboard monitor
    printer telephone camera television radio guitar piano violin trumpet drummer orchestra melody whistle
    football tennis hockey basketball swimming running cycling champion winner trophy medal village street
    avenue highway tunnel harbor airport passenger luggage ticket passport journey adventure mystery history
    science chemistry biology physics geometry algebra language grammar sentence paragraph chapter dictionary
    question answer success happiness freedom courage wisdom patience kindness honesty friendship Mississippi
    Tennessee committee address occasion necessary accommodate embarrass possess parallel balance assess
    bookkeeper coffee moon wooden sleep green tree between fifteen seventeen eleven seven
""".split()

WORDS = sorted(set(WORDS))

MONTHS = "January February March April May June July August September October November December".split()

MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

COLORS = "red blue green yellow orange purple pink brown black white gray".split()

SYSTEM_PROMPTS = [
    "You are a helpful assistant.",
    "You are a friendly assistant. Keep answers short.",
    "Answer briefly.",
    "Be concise and correct.",
    "You are Thimble Mini, a small assistant that runs on the user's device.",
    "You are Thimble Mini.",
    "You help with small everyday tasks.",
    "Give short, clear answers.",
    "You are a careful assistant. If you do not know, say so.",
    "Reply in plain English.",
    "You are a polite helper.",
    "Keep it short and friendly.",
]


def spin(r, s):
    """expand [a|b|c] choices, innermost first"""
    while True:
        m = re.search(r"\[([^\[\]]*)\]", s)
        if not m:
            return re.sub(r" {2,}", " ", s).strip()
        s = s[: m.start()] + r.choice(m.group(1).split("|")) + s[m.end() :]


def fill(s, /, **k):
    """Replaces {name} by what k holds; other braces stay."""
    return re.sub(r"\{(\w+)\}", lambda m: str(k[m.group(1)]) if m.group(1) in k else m.group(0), s)


def sentence(r, s, /, **k):
    """spin, fill, and mostly a capital at the start."""
    s = fill(spin(r, s), **k)
    return s[0].upper() + s[1:] if s and r.random() < 0.97 else s


def user(c):
    """A user's message."""
    return {"role": "user", "content": c}


def assistant(c, think="", calls=None):
    """An assistant's message, with thinking and tool calls."""
    d = {"role": "assistant", "content": c, "reasoning_content": think}
    if calls:
        d["tool_calls"] = calls
    return d


def tool_result(c):
    """A tool's answer."""
    return {"role": "tool", "content": c}


def with_system(r, ms, p=0.3):
    """With a system prompt in front, with probability p."""
    if r.random() < p:
        return [{"role": "system", "content": r.choice(SYSTEM_PROMPTS)}] + ms
    return ms


def an(w):
    """With its article."""
    if w in ("furniture", "clothing"):
        return "a piece of " + w
    return ("an " if w[0].lower() in "aeiou" else "a ") + w


def join(l):
    """["a", "b", "c"] -> "a, b and c"."""
    l = list(l)
    return l[0] if len(l) == 1 else ", ".join(l[:-1]) + " and " + l[-1]
