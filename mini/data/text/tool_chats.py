# SPDX-License-Identifier: Apache-2.0
"""Conversations with tools: one call, several, in a row, errors, none that fits."""

from __future__ import annotations

import re

from .basics import CITIES, NAMES, SYSTEM_PROMPTS, assistant, fill, join, spin, tool_result, user
from .extraction import compact_json
from .tool_specs_more import SPECS


def HUMAN(v):
    return join(map(str, v)) if isinstance(v, list) else str(v)


def instance(r, sp):
    """concrete tool: chosen name and parameter names"""
    nm = r.choice(sp["names"])
    used = set()
    keys = {}
    for k, p in sp["params"].items():
        c = [x for x in p["keys"] if x not in used]
        keys[k] = r.choice(c)
        used.add(keys[k])
    props = {}
    for k, p in sp["params"].items():
        d = {"type": p["typ"]}
        if p["typ"] == "array":
            d["items"] = {"type": "string"}
        if r.random() < 0.85:
            d["description"] = p["desc"]
        props[keys[k]] = d
    fn = {
        "name": nm,
        "description": sp["desc"] if r.random() < 0.8 else sp["desc"].rstrip("."),
        "parameters": {
            "type": "object",
            "properties": props,
            "required": [keys[k] for k, p in sp["params"].items() if p["req"]],
        },
    }
    return {"type": "function", "function": fn}, nm, keys


POLITE = ["", "", "", "", "", "[Please|Hey|Hi|Hello], ", "[Can you help? |Quick one: |One thing: ]"]

ENDINGS = ["", "", "", "", "", "[ Thanks!| Thank you.| please]"]


def use(r, sp):
    """request + args"""
    a = {k: p["gen"](r) for k, p in sp["params"].items()}
    if sp["names"][0] == "get_route" and a["a"] == a["b"]:
        a["b"] = "Oslo" if a["a"] != "Oslo" else "Rome"
    if sp["names"][0] == "unit_convert":
        a["a"], a["b"] = r.choice(
            [
                ("km", "miles"),
                ("miles", "km"),
                ("kg", "pounds"),
                ("pounds", "kg"),
                ("cm", "inches"),
                ("inches", "cm"),
                ("litres", "gallons"),
                ("gallons", "litres"),
            ]
        )
    if sp["names"][0] == "set_light":
        on = a["o"]
        req = r.choice(
            [
                "turn {w} the light in the {r}",
                "switch {w} the {r} light",
                "[please|can you] turn the {r} light {w}",
                "{r} light {w}",
                "it is too " + ("dark" if on else "bright") + " in the {r}, switch the light {w}",
            ]
        )
        a0 = dict(a, w="on" if on else "off")
    else:
        req = r.choice(sp["reqs"])
        a0 = a
    for k in list(a):
        if not sp["params"][k]["req"] and "{" + k + "}" not in req:
            del a[k]
    txt = fill(
        spin(r, r.choice(POLITE)) + " " + spin(r, req) + " " + spin(r, r.choice(ENDINGS)),
        **{k: HUMAN(v) for k, v in a0.items()},
    )
    txt = re.sub(r" {2,}", " ", txt).strip()
    if r.random() < 0.8:
        txt = txt[0].upper() + txt[1:]
    return txt, a


def answer(r, sp, a, f):
    d = {k: HUMAN(v) for k, v in a.items()}
    d.update({k: str(v) for k, v in f.items()})
    if "o" in a:
        d["oo"] = "on" if a["o"] else "off"
    if "i" in a and isinstance(a["i"], list):
        d["isare"] = "are"
    c = [x for x in sp["answers"] if all(k in d for k in re.findall(r"\{(\w+)\}", x))]
    s = fill(r.choice(c), **d)
    return s[0].upper() + s[1:]


def think_call(r, nm, a, keys, sp):
    ar = ", ".join(f"{keys[k]} = {HUMAN(v)}" for k, v in a.items())
    return r.choice(
        [
            f"The tool {nm} fits this request." + (f" I call it with {ar}." if ar else " It needs no parameters."),
            f"I need {nm} for this." + (f" Parameters: {ar}." if ar else ""),
            f"The user wants something that {nm} can do." + (f" The values are {ar}." if ar else ""),
        ]
    )


def think_ans(r):
    return r.choice(
        [
            "The tool answered. I tell the user the result.",
            "I have the result now and can answer.",
            "The tool response has what the user needs.",
            "Now I answer with this result.",
        ]
    )


def toolset(r, need, n=None):
    """The tool among others."""
    n = n or r.choice([1, 2, 2, 3, 3, 4])
    n = max(n, len(need))
    rest = [s for s in SPECS if s not in need]
    extra = r.sample(rest, n - len(need))
    l = list(need) + extra
    r.shuffle(l)
    d = {}
    tools = []
    for s in l:
        t, nm, keys = instance(r, s)
        d[id(s)] = (nm, keys)
        tools.append(t)
    return tools, d


def call(nm, keys, a):
    return {"name": nm, "arguments": {keys[k]: v for k, v in a.items()}}


OPENINGS = ["", "", "", "", "Let me check.", "I will look that up.", "One moment.", "Sure."]

TOOL_SYSTEM_PROMPTS = SYSTEM_PROMPTS + [
    "Use the tools when they help.",
    "You can use tools. Answer in one or two sentences.",
    "Call a tool only if it is needed.",
]


def with_tool_system(r, ms):
    return ([{"role": "system", "content": r.choice(TOOL_SYSTEM_PROMPTS)}] + ms) if r.random() < 0.3 else ms


WITHOUT_TOOLS = [
    ("hello", "Hello! How can I help you?"),
    ("hi there", "Hi! What can I do for you?"),
    ("thank you", "You are welcome!"),
    ("good morning", "Good morning! How can I help?"),
    ("how are you?", "I am doing well, thank you. How can I help you?"),
    ("bye", "Goodbye!"),
    ("what is the opposite of hot?", "The opposite of hot is cold."),
    ("what colour is the sky on a clear day?", "On a clear day the sky is blue."),
    ("how many legs does a spider have?", "A spider has eight legs."),
    ("what is the capital of France?", "The capital of France is Paris."),
    ("how many days are in a week?", "There are seven days in a week."),
    ("what do bees make?", "Bees make honey."),
    ("what animal says meow?", "A cat says meow."),
    ("name three fruits", "Apple, banana and orange."),
    ("what is H2O?", "H2O is water."),
    ("write a short sentence about a cat", "The cat sleeps in the warm sun."),
    ("what is the plural of mouse?", "The plural of mouse is mice."),
    ("which season comes after winter?", "Spring comes after winter."),
    ("is a whale a fish?", "No, a whale is a mammal."),
    ("what shape has three sides?", "A triangle has three sides."),
    ("what comes after Tuesday?", "Wednesday comes after Tuesday."),
    ("how do you spell cat?", "C-A-T."),
    ("what is a group of wolves called?", "A group of wolves is called a pack."),
    ("tell me a joke", "Why did the tomato blush? Because it saw the salad dressing!"),
    ("what do cows drink?", "Cows drink water. Calves drink milk."),
    ("what is ice made of?", "Ice is frozen water."),
    ("who are you?", "I am Thimble Mini, the tiny model built into Thimble."),
    ("do you work offline?", "Yes. I run on your own device and need no network."),
    ("say something nice", "You are doing great today!"),
    ("what is the past tense of go?", "The past tense of go is went."),
]


def tool_chat(r, think, kind):
    """A scene: single, none, cannot, error, seq, par or multi -> messages, tools, question."""

    def R(s):
        return s if think else ""

    if kind == "none":
        tools, d = toolset(r, [])
        if r.random() < 0.7:
            q, a = r.choice(WITHOUT_TOOLS)
            q = (spin(r, "[||||Hey,|Hi,|Quick question:|Tell me:|One question,]") + " " + q).strip()
            q = q[0].upper() + q[1:] if r.random() < 0.7 else q
        else:
            x, y = r.randint(1, 20), r.randint(1, 20)
            q, a = f"What is {x} + {y}?", f"{x} + {y} = {x + y}"
        if r.random() < 0.5:
            q += r.choice(["", " Thanks.", " (no tool needed)", " Please answer directly."])
        return (
            with_tool_system(
                r,
                [
                    user(q),
                    assistant(
                        a,
                        R(
                            r.choice(
                                [
                                    "No tool is needed here. I can answer directly.",
                                    "None of the tools is needed. I just answer.",
                                    "This does not need a tool.",
                                ]
                            )
                        ),
                    ),
                ],
            ),
            tools,
            q,
        )
    if kind == "cannot":
        sp = r.choice(SPECS)
        q, a = use(r, sp)
        rest = [s for s in SPECS if s is not sp and s["names"][0] not in ("battery_status", "list_timers")]
        tl = r.sample(rest, r.randint(1, 3))
        tools = [instance(r, s)[0] for s in tl]
        if sp["names"][0] in (
            "calculator",
            "count_words",
            "translate",
            "define_word",
            "check_spelling",
            "get_recipe",
            "create_task",
            "add_event",
            "set_timer",
            "set_alarm",
            "search_notes",
            "send_email",
            "send_message",
            "unit_convert",
        ):
            return tool_chat(r, think, "single")
        return (
            with_tool_system(
                r,
                [
                    user(q),
                    assistant(
                        r.choice(
                            [
                                "I have no tool for that, so I cannot do it here.",
                                "Sorry, none of my tools can do that.",
                                "I cannot do that with the tools I have.",
                                "I do not have a tool for this, sorry.",
                            ]
                        ),
                        R(
                            f"The tools are {join(t['function']['name'] for t in tools)}. None of them fits this "
                            f"request."
                        ),
                    ),
                ],
            ),
            tools,
            q,
        )
    if kind == "single" or kind == "error":
        sp = r.choice(SPECS)
        q, a = use(r, sp)
        tools, d = toolset(r, [sp])
        nm, keys = d[id(sp)]
        ms = [
            user(q),
            assistant(
                r.choice(OPENINGS) if r.random() < 0.4 else "", R(think_call(r, nm, a, keys, sp)), [call(nm, keys, a)]
            ),
        ]
        if kind == "error":
            e = r.choice(
                ["not found", "service unavailable", "timeout", "permission denied", "no data", "invalid value"]
            )
            ms += [
                tool_result(r.choice([f"Error: {e}", compact_json({"error": e}), f"error: {e}"])),
                assistant(
                    r.choice(
                        [
                            f'That did not work: the tool reported "{e}".',
                            f"Sorry, I could not do it. The error was: {e}.",
                            f'The tool failed with "{e}". Do you want me to try again?',
                        ]
                    ),
                    R("The tool returned an error. I tell the user."),
                ),
            ]
        else:
            resp, f = sp["resp"](a, r)
            ms += [tool_result(resp), assistant(answer(r, sp, a, f), R(think_ans(r)))]
        return with_tool_system(r, ms), tools, q
    if kind == "seq":
        s1, s2 = r.sample([s for s in SPECS if s["params"]], 2)
        q1, a1 = use(r, s1)
        q2, a2 = use(r, s2)
        tools, d = toolset(r, [s1, s2], r.choice([2, 3, 4]))

        def lw(s):
            return s[0].lower() + s[1:] if s[:2] != "I " and s.split()[0].rstrip(",'s") not in NAMES + CITIES else s

        q = f"{q1.rstrip('.?! ')}{r.choice(['. Then ', ', and then ', '. After that, ', '. Next, '])}{lw(q2)}"
        ms = [user(q)]
        fs = []
        for s, a in ((s1, a1), (s2, a2)):
            nm, keys = d[id(s)]
            resp, f = s["resp"](a, r)
            fs.append(answer(r, s, a, f))
            ms += [
                assistant(
                    "",
                    R(("First: " if s is s1 else "Now the second part. ") + think_call(r, nm, a, keys, s)),
                    [call(nm, keys, a)],
                ),
                tool_result(resp),
            ]
        ms.append(assistant(" ".join(x if x[-1] in '.!?"' else x + "." for x in fs), R(think_ans(r))))
        return with_tool_system(r, ms), tools, q
    if kind == "par":
        sp = r.choice(
            [
                s
                for s in SPECS
                if s["names"][0]
                in (
                    "get_time",
                    "get_weather",
                    "get_stock_price",
                    "find_contact",
                    "track_parcel",
                    "get_balance",
                    "get_tides",
                    "search_notes",
                    "read_document",
                    "get_inventory",
                    "list_events",
                    "movie_info",
                    "list_files",
                )
            ]
        )
        k = next(iter(sp["params"]))
        vs = []
        while len(vs) < r.choice([2, 2, 3]):
            v = sp["params"][k]["gen"](r)
            if v not in vs:
                vs.append(v)
        tools, d = toolset(r, [sp])
        nm, keys = d[id(sp)]
        what = {
            "get_time": "[what time is it in|the time in]",
            "get_weather": "[how is the weather in|weather for|compare the weather in]",
            "get_stock_price": "[get the prices of|share prices of]",
            "find_contact": "[find the numbers of|phone numbers of]",
            "track_parcel": "[track the parcels|where are my parcels]",
            "get_balance": "[what are the balances of|show the balances of]",
            "get_tides": "[when is high tide in|tides for]",
            "search_notes": "[search my notes for|find notes on]",
            "read_document": "[read|open|show me]",
            "get_inventory": "[check the stock of|how much stock do we have of]",
            "list_events": "[what do I have on|list my events for]",
            "movie_info": "[look up the films|tell me about the films]",
            "list_files": "[list the files in|what is in]",
        }[sp["names"][0]]
        q = spin(r, what) + " " + join(map(str, vs)) + r.choice(["?", "", "."])
        q = q[0].upper() + q[1:]
        calls = [call(nm, keys, {k: v}) for v in vs]
        rs = [sp["resp"]({k: v}, r) for v in vs]
        ms = [
            user(q),
            assistant(
                "", R(f"There are {len(vs)} values, so I call {nm} {len(vs)} times: {join(map(str, vs))}."), calls
            ),
        ] + [tool_result(x[0]) for x in rs]
        full = [x for x in sp["answers"] if "{" + k + "}" in x]
        out = []
        for v, (_, f) in zip(vs, rs):
            s = fill(r.choice(full), **{k: v, **f}) if full else f"{v}: " + answer(r, sp, {k: v}, f)
            out.append(s if s[-1] in ".!?" else s + ".")
        ms.append(assistant(" ".join(out), R(think_ans(r))))
        return with_tool_system(r, ms), tools, q
    if kind == "multi":  # two user turns; the second one may refer to a new value
        m1, tools, q = tool_chat(r, False, "single")
        m1 = [m for m in m1 if m["role"] != "system"]
        byname = {t["function"]["name"]: t for t in tools}
        c0 = m1[1]["tool_calls"][0]
        sp = next(s for s in SPECS if c0["name"] in s["names"])
        if not sp["params"] or len(sp["params"]) > 2 or sp["reqs"] is None:
            q2, an2 = r.choice(WITHOUT_TOOLS[:6])
            return (
                with_tool_system(r, m1 + [user(q2.capitalize()), assistant(an2, R("This needs no tool."))]),
                tools,
                q + q2,
            )
        q2, a2 = use(r, sp)
        props = list(byname[c0["name"]]["function"]["parameters"]["properties"])
        keys = dict(zip(sp["params"], props))
        resp, f = sp["resp"](a2, r)
        ms = m1 + [
            user(r.choice(["And ", "Now ", "Also: ", "Next: "]) + q2[0].lower() + q2[1:] if q2[:2] != "I " else q2),
            assistant("", R(think_call(r, c0["name"], a2, keys, sp)), [call(c0["name"], keys, a2)]),
            tool_result(resp),
            assistant(answer(r, sp, a2, f), R(think_ans(r))),
        ]
        return with_tool_system(r, ms), tools, q + q2
