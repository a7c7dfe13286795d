# SPDX-License-Identifier: Apache-2.0
"""Tools that a model may be offered: names, parameters, requests, results, answers."""

from __future__ import annotations

import json

from .basics import CITIES, DAYS, NAMES, THING, WORDS


def compact_json(x):
    return json.dumps(x, ensure_ascii=False)


def integer(a, b):
    return lambda r: r.randint(a, b)


def one_of(*l):
    return lambda r: r.choice(l)


def city(r):
    return r.choice(CITIES)


def name(r):
    return r.choice(NAMES)


topic = one_of(
    "budget",
    "garden plan",
    "holiday in Italy",
    "tax return",
    "book club",
    "bread recipe",
    "car repair",
    "meeting with the team",
    "school trip",
    "password rules",
    "birthday party",
    "kitchen renovation",
    "running schedule",
    "project deadline",
    "wifi setup",
    "dentist",
    "shopping",
    "moving house",
    "guitar lessons",
    "insurance",
    "camping gear",
    "wedding speech",
    "reading list",
    "job interview",
)


def file_name(r):
    return (
        r.choice(
            [
                "report",
                "notes",
                "todo",
                "budget",
                "readme",
                "contract",
                "recipe",
                "letter",
                "invoice",
                "plan",
                "summary",
                "draft",
                "minutes",
                "manual",
            ]
        )
        + r.choice(["", "_2024", "_final", "_v2", "-march", "_old"])
        + r.choice([".txt", ".md", ".pdf", ".docx", ".csv"])
    )


def date(r):
    return f"2025-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"


def time_of_day(r):
    return f"{r.randint(6, 21):02d}:{r.choice(['00', '15', '30', '45'])}"


def email(r):
    return r.choice(NAMES).lower() + "@" + r.choice(["example.com", "mail.org", "work.net"])


def thing(r):
    return r.choice(THING)[0]


def expression(r):
    a, b, c = r.randint(12, 999), r.randint(12, 999), r.randint(2, 60)
    return r.choice(
        [f"{a} * {b}", f"{a} + {b}", f"{a * c} / {c}", f"({a} + {b}) * {c}", f"{a} * {b} - {c}", f"{a} - {c}"]
    )


# name aliases ; description ; params {key aliases: (type, desc, gen, required)} ; requests ; response(args,r) ->
# (text, fields) ; answers
SPECS = []


def spec(names, desc, params, reqs, resp, answers):
    """Registers a tool: its names, description, parameters, requests, result and answers."""
    SPECS.append(
        {"names": names.split(), "desc": desc, "params": params, "reqs": reqs, "resp": resp, "answers": answers}
    )


def parameter(keys, typ, desc, gen, req=True):
    """A parameter: its names, type, description, what draws a value, whether it is needed."""
    return {"keys": keys.split(), "typ": typ, "desc": desc, "gen": gen, "req": req}


spec(
    "calculator calculate eval_math calc",
    "Evaluate an arithmetic expression.",
    {"x": parameter("expression expr formula", "string", "The expression, for example 2 + 3 * 4", expression)},
    [
        "what is {x}?",
        "[calculate|compute|work out] {x}",
        "I need the [exact|] result of {x}[.|, please]",
        "use the calculator for {x}",
        "how much is {x}?",
    ],
    lambda a, r: (lambda v: (r.choice([f"{v}", compact_json({"result": v})]), {"v": v}))(
        (lambda z: int(z) if z == int(z) else z)(eval(a["x"]))
    ),
    ["{x} = {v}", "The result is {v}.", "It is {v}.", "{v}"],
)

spec(
    "get_time current_time time_now clock",
    "Get the current local time in a city.",
    {"c": parameter("city location place timezone_city", "string", "City name", city)},
    [
        "what time is it in {c}[?| now?|, please?]",
        "[tell me|I need] the [current|local] time in {c}",
        "is it late in {c} right now?",
        "time in {c}?",
        "what is the local time in {c}?",
    ],
    lambda a, r: (
        lambda t: (r.choice([t, compact_json({"time": t}), compact_json({"city": a["c"], "time": t})]), {"t": t})
    )(time_of_day(r)),
    ["It is {t} in {c}.", "The time in {c} is {t}.", "In {c} it is {t} now."],
)

spec(
    "get_weather weather_lookup current_weather weather",
    "Get the current weather for a city.",
    {
        "c": parameter("city location place town", "string", "Name of the city", city),
        "u": parameter("unit units", "string", "celsius or fahrenheit", one_of("celsius", "fahrenheit"), False),
    },
    [
        "what's the weather [like|] in {c}?",
        "[how is|tell me] the weather in {c}[?|]",
        "is it cold in {c}?",
        "do I need an umbrella in {c}[ today|]?",
        "weather [for|in] {c}[, please|]",
        "how warm is it in {c} in {u}?",
        "what is the temperature in {c}, in {u}?",
    ],
    lambda a, r: (
        lambda t, s: (
            r.choice(
                [
                    f"{t} degrees, {s}",
                    compact_json({"temperature": t, "condition": s}),
                    compact_json({"city": a["c"], "temp": t, "sky": s}),
                ]
            ),
            {"t": t, "s": s},
        )
    )(r.randint(-5, 34), r.choice(["sunny", "cloudy", "rain", "snow", "windy", "fog", "clear"])),
    [
        "It is {t} degrees in {c}, with {s} conditions.",
        "{c}: {t} degrees, {s}.",
        "The weather in {c} is {s} at {t} degrees.",
        "In {c} it is {t} degrees and the sky report says {s}.",
    ],
)

spec(
    "set_timer start_timer timer create_timer",
    "Start a countdown timer.",
    {
        "m": parameter("minutes duration_minutes mins", "integer", "Length in minutes", integer(1, 90)),
        "l": parameter(
            "label name title",
            "string",
            "Label for the timer",
            one_of("pasta", "tea", "laundry", "eggs", "break", "bread", "homework", "workout", "rice"),
            False,
        ),
    },
    [
        "set a timer for {m} minutes",
        "[start|set] a {m} minute timer [called|for] {l}",
        "remind me in {m} minutes [please|]",
        "I need a timer, {m} minutes",
        "[wake|ping|call] me in {m} minutes",
        "{m} minutes for the {l}, please",
    ],
    lambda a, r: (r.choice(["ok", "Timer started", compact_json({"status": "started", "minutes": a["m"]})]), {}),
    [
        "Your timer for {m} minutes is running.",
        "Done. The timer is set for {m} minutes.",
        "I set a timer for {m} minutes.",
    ],
)

spec(
    "search_notes find_notes notes_search lookup_notes",
    "Search the user's notes.",
    {"q": parameter("query text keywords term", "string", "Words to look for", topic)},
    [
        "[find|search] my notes [about|on|for] {q}",
        "what did I write about {q}?",
        "do I have [any|] notes on {q}?",
        "look up {q} in my notes",
        "[show|get] me the note about {q}",
    ],
    lambda a, r: (
        lambda n, s: (
            r.choice([s, compact_json({"results": [s]}), compact_json([{"title": a["q"], "text": s}])]),
            {"s": s},
        )
    )(
        0,
        r.choice(
            [
                "Call " + name(r) + " on " + r.choice(DAYS) + ".",
                "Budget is " + str(r.randint(2, 90) * 50) + " dollars.",
                "Start at " + time_of_day(r) + ".",
                "Buy " + str(r.randint(2, 12)) + " " + r.choice(THING)[1] + ".",
                "Ask " + name(r) + " for the key.",
                "Due on " + date(r) + ".",
                "The code word is " + r.choice(WORDS) + ".",
            ]
        ),
    ),
    ["Your note about {q} says: {s}", "I found this note: {s}", "In your notes on {q}: {s}"],
)

spec(
    "read_document open_document read_file get_document",
    "Read the text of a document.",
    {"f": parameter("filename path file name", "string", "Document name", file_name)},
    [
        "[read|open] {f}",
        "what does {f} say?",
        "[show me|what is in|tell me what is in] {f}",
        "summarise {f} [for me|]",
        "can you [open|read] the file {f}?",
    ],
    lambda a, r: (lambda s: (s, {"s": s}))(
        r.choice(
            [
                f"The meeting was moved to {r.choice(DAYS)}. {name(r)} will bring the plans.",
                f"Total cost: {r.randint(20, 900)} euros. Paid by {name(r)}.",
                f"Step 1: mix flour and water. Step 2: bake for {r.randint(20, 60)} minutes.",
                f"{name(r)} agrees to deliver {r.randint(5, 90)} {r.choice(THING)[1]} by {date(r)}.",
                f"The garden needs {r.randint(2, 30)} new {r.choice(THING)[1]}.",
                f"Access code: {r.randint(1000, 9999)}. Ask {name(r)} for help.",
            ]
        )
    ),
    ["{f} says: {s}", "The document {f} contains this: {s}", "Here is what {f} says: {s}"],
)

spec(
    "unit_convert convert_units convert measure_convert",
    "Convert a value from one unit to another.",
    {
        "v": parameter("value amount quantity", "number", "The number to convert", integer(1, 500)),
        "a": parameter(
            "from_unit source_unit unit_from",
            "string",
            "Unit to convert from",
            one_of("km", "miles", "kg", "pounds", "cm", "inches", "litres", "gallons"),
        ),
        "b": parameter(
            "to_unit target_unit unit_to",
            "string",
            "Unit to convert to",
            one_of("miles", "km", "pounds", "kg", "inches", "cm", "gallons", "litres"),
        ),
    },
    ["convert {v} {a} to {b}", "how many {b} are {v} {a}?", "what is {v} {a} in {b}?", "{v} {a} in {b}[, please|?]"],
    lambda a, r: (lambda v: (r.choice([f"{v}", compact_json({"value": v, "unit": a["b"]})]), {"z": v}))(
        round(a["v"] * r.choice([0.62, 1.61, 2.2, 0.45, 0.39, 2.54, 3.79]), 2)
    ),
    ["{v} {a} is {z} {b}.", "That is {z} {b}.", "{v} {a} = {z} {b}"],
)
