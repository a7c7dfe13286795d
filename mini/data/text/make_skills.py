# SPDX-License-Identifier: Apache-2.0
"""python -m text.make_skills OUT (in mini/data): writes skills.jsonl and eval_text.jsonl into OUT, from seeds.

131,900 generated conversations with answers that are right by construction: arithmetic with worked thinking, word
problems, puzzles, tools, JSON, classification, reading, memory, persona, capitals. And 300 questions with checks,
none of which occurs in the training conversations; every second of them is the evaluation set that is kept beside
this file.
"""

from __future__ import annotations

import collections
import hashlib
import json
import pathlib
import random
import re
import sys

from . import arithmetic, extraction, general, puzzles, reading, tool_chats, word_problems
from .basics import fill, user, with_system
from .chat_template import render

SKILLS_SEED, EVALUATION_SEED = 20250, 991
# (kind, with thinking?, conversations). "tool:" kinds are tool_chats' scenes.
PLAN = [
    ("arith", True, 17000),
    ("word", True, 11000),
    ("compare", True, 3000),
    ("letters", True, 5000),
    ("sort", True, 3500),
    ("dates", True, 4500),
    ("logic", True, 3500),
    ("arith", False, 6500),
    ("word", False, 4500),
    ("compare", False, 2000),
    ("letters", False, 1500),
    ("sort", False, 2000),
    ("dates", False, 2000),
    ("logic", False, 1500),
    ("tool:single", False, 7000),
    ("tool:single", True, 4500),
    ("tool:none", False, 1700),
    ("tool:none", True, 1000),
    ("tool:cannot", False, 700),
    ("tool:cannot", True, 400),
    ("tool:error", False, 700),
    ("tool:error", True, 500),
    ("tool:seq", False, 1700),
    ("tool:seq", True, 1400),
    ("tool:par", False, 1300),
    ("tool:par", True, 900),
    ("tool:multi", False, 1100),
    ("tool:multi", True, 600),
    ("json", False, 5000),
    ("json", True, 1200),
    ("class", False, 5500),
    ("class", True, 1500),
    ("copy", False, 3500),
    ("copy", True, 500),
    ("read", False, 6000),
    ("read", True, 2000),
    ("memory", False, 5500),
    ("memory", True, 1500),
    ("persona", False, 3600),
    ("persona", True, 700),
    ("fact", False, 3800),
    ("fact", True, 600),
]
MAKERS = {
    "arith": arithmetic.arithmetic_chat,
    "word": word_problems.word_problem_chat,
    "compare": puzzles.comparison_chat,
    "letters": puzzles.letters_chat,
    "sort": puzzles.sorting_chat,
    "dates": puzzles.dates_chat,
    "logic": puzzles.logic_chat,
    "json": extraction.json_chat,
    "class": extraction.classification_chat,
    "copy": reading.copying_chat,
    "read": reading.reading_chat,
    "memory": reading.memory_chat,
    "persona": general.persona_chat,
    "fact": general.fact_chat,
}
QUOTING = ("tool", "copy", "read", "json", "class", "memory")  # their questions hold text that must stay as it is
WITH_ARTICLES = ("read", "json", "memory", "class", "word", "logic")
# Countries that everybody is asked about, and those whose capital the evaluation leaves alone.
WELL_KNOWN = (
    "France,Germany,Italy,Spain,Japan,United Kingdom,Egypt,Canada,Australia,Norway,Sweden,Poland,Greece,Portugal,"
    "Russia,China,India,Brazil,Mexico,Ireland"
).split(",")
DISPUTED = ("Taiwan", "Kosovo", "Palau", "Tuvalu", "Sri Lanka", "Kiribati", "Eswatini")
CAPITAL_QUESTIONS = [
    "Please name the capital city of {c} for me.",
    "In geography class: which city serves as capital of {c}?",
    "Which city is {c}'s seat of government and capital?",
    "I am making a quiz. What should I write as the capital of {c}?",
]


def with_question_marks(messages: list[dict]) -> None:
    """Questions of one sentence that a template ended with a full stop get a question mark."""
    for message in messages:
        text = message["content"]
        is_question = re.match(r"(?i)(what|which|how|who|is|does|where|when)\b", text) and text.endswith(".")
        if message["role"] == "user" and is_question and not any(mark in text for mark in ("\n", ". ", ": ")):
            message["content"] = text[:-1] + "?"


def with_right_articles(messages: list[dict]) -> None:
    """ "a" before the filled-in words that want "an"."""
    vowels = r"\b([Aa]) (?=(orange|engineer|electrician|app|apple|owl|eraser|onion|egg)\b)"
    for message in messages:
        for field in ("content", "reasoning_content"):
            if message.get(field):
                message[field] = re.sub(vowels, r"\1n ", message[field])


def key_of(messages: list[dict]) -> bytes:
    """Equal for conversations whose user turns are equal but for case and punctuation."""
    said = "||".join(message["content"] for message in messages if message["role"] == "user")
    return hashlib.md5(re.sub(r"\W+", " ", said.lower()).strip().encode()).digest()


class Evaluation:
    """Questions with checks, and what training must not contain because of them."""

    def __init__(self):
        self.rows: list[dict] = []
        self.keys: set[bytes] = set()
        self.sums: set[tuple[int, str, int]] = set()

    def add(self, skill: str, messages: list[dict], thinking: bool, check: dict, tools=None) -> bool:
        """False if the question is there already."""
        if skill in ("reading", "json", "memory"):
            with_right_articles(messages)
        key = key_of(messages)
        if key in self.keys:
            return False
        self.keys.add(key)
        text = render(messages, tools, thinking, prompt=True)
        self.rows.append({"skill": skill, "text": text, "check": check, "thinking": thinking})
        return True

    def make(self, rng: random.Random) -> None:
        self.add_arithmetic(rng, 60)
        self.add_capitals(rng)
        self.add_reading(rng, 60)
        count = 0
        while count < 40:
            messages, _, wanted = extraction.json_chat(rng)
            count += self.add("json", messages[:-1], count % 4 == 3, {"type": "json", "value": wanted})
        self.add_tools(rng, 60)
        count = 0
        while count < 40:
            messages, _, wanted = reading.memory_chat(rng)
            if wanted is not None:
                check = {"type": "contains", "value": wanted}
                count += self.add("memory", messages[:-1], count % 4 == 3, check)

    def add_arithmetic(self, rng: random.Random, wanted: int) -> None:
        count = 0
        while count < wanted:
            thinking = count % 2 == 0
            a, operator, b = arithmetic.arithmetic_task(rng, not thinking)
            is_hard = operator == "*" and a > 12 and b > 12 and not thinking
            has_rest = operator == "/" and a % b
            if has_rest or is_hard or (a, operator, b) in self.sums or (a < 10 and b < 10):
                continue
            self.sums.add((a, operator, b))
            question = arithmetic.arithmetic_question(rng, a, operator, b)
            check = {"type": "contains", "value": arithmetic.arithmetic_value(a, operator, b)}
            count += self.add("arith", [user(question)], thinking, check)

    def add_capitals(self, rng: random.Random) -> None:
        drawn = rng.sample([pair for pair in general.CAPITALS if pair[0] not in DISPUTED], 40)
        capitals = dict(general.CAPITALS)
        pairs = [(country, capitals[country]) for country in WELL_KNOWN]
        pairs += [pair for pair in drawn if pair[0] not in WELL_KNOWN][:20]
        for number, (country, capital) in enumerate(pairs):
            question = fill(CAPITAL_QUESTIONS[number % 4], c=general.country_name(country))
            self.add("capital", [user(question)], number % 4 == 3, {"type": "contains", "value": capital})

    def add_reading(self, rng: random.Random, wanted: int) -> None:
        """One in five asks for what the passage does not say."""
        count = 0
        while count < wanted:
            messages, _, answer = reading.reading_chat(rng, True)
            if answer is None and count % 5:
                continue
            value = "does not say" if answer is None else re.sub(r"^(an?|in the|behind the) ", "", answer)
            count += self.add("reading", messages[:-1], count % 3 == 2, {"type": "contains", "value": value})

    def add_tools(self, rng: random.Random, wanted: int) -> None:
        count = 0
        while count < wanted:
            scene = "single" if count < 45 else "par" if count < 52 else "none"
            messages, tools, _ = tool_chats.tool_chat(rng, True, scene)
            asked = next(number for number, message in enumerate(messages) if message["role"] == "user")
            calls = messages[asked + 1].get("tool_calls") or []
            check = {"type": "tool", "value": calls}
            count += self.add("tool", messages[: asked + 1], count % 3 == 2, check, tools)

    def holds_sum(self, question: str) -> bool:
        """Whether training arithmetic "3+4" (or "4+3") is asked in the evaluation."""
        match = re.match(r"^(\d+)([-+*/])(\d+)$", question)
        if not match:
            return False
        a, operator, b = int(match[1]), match[2], int(match[3])
        return (a, operator, b) in self.sums or (operator in "+*" and (b, operator, a) in self.sums)


def make_one(rng: random.Random, kind: str, thinking: bool) -> tuple[list[dict], list[dict] | None, str]:
    """messages, tools, the question."""
    if kind.startswith("tool:"):
        return tool_chats.tool_chat(rng, thinking, kind.removeprefix("tool:"))
    messages, question, *_ = MAKERS[kind](rng, thinking)
    return messages, None, question


def make_skills(rng: random.Random, evaluation: Evaluation) -> list[dict]:
    rows, seen = [], set()
    for kind, thinking, wanted in PLAN:
        count = tries = 0
        while count < wanted and tries < wanted * 12:
            tries += 1
            messages, tools, question = make_one(rng, kind, thinking)
            if kind == "arith" and evaluation.holds_sum(question):
                continue
            if not kind.startswith(QUOTING):
                with_question_marks(messages)
            if kind in WITH_ARTICLES:
                with_right_articles(messages)
            if not (kind.startswith("tool") or any(message["role"] == "system" for message in messages)):
                messages = with_system(rng, messages, 0.22)
            if key_of(messages) in evaluation.keys:
                continue
            text = render(messages, tools)
            digest = hashlib.md5(text.encode()).digest()
            if digest not in seen:
                seen.add(digest)
                rows.append({"text": text, "skill": f"{kind}/{'think' if thinking else 'direct'}"})
                count += 1
    rng.shuffle(rows)
    return rows


def check_equations(rows: list[dict]) -> int:
    """Every "3 + 4 = 7" in the answers of counting kinds is right ("= 7 remainder 1" too); -> how many there were."""
    pattern = r"(?<![\d.×+\-*/÷] )(?<![\d.])((?:\d+)(?: [-+×*/÷] \d+)+) = (-?\d+)(?! \+| -| ×|\d)( rest| remainder)?"
    count = 0
    for row in rows:
        if row["skill"].split("/")[0] not in ("arith", "word", "dates", "sort", "logic"):
            continue
        answer = row["text"].split("<|im_start|>assistant\n")[-1]
        for match in re.finditer(pattern, answer):
            left = match[1].replace("×", "*").replace("÷", "/")  # digits, blanks and operators only
            value = eval(left.replace("/", "//") if match[3] else left)
            if abs(value - int(match[2])) > 1e-9:
                sys.exit(f"wrong: {match[0]} in {answer!r}")
            count += 1
    return count


def write(path: pathlib.Path, rows: list[dict]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")


def main(out: pathlib.Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    evaluation = Evaluation()
    evaluation.make(random.Random(EVALUATION_SEED))
    write(out / "eval_text.jsonl", evaluation.rows)
    rows = make_skills(random.Random(SKILLS_SEED), evaluation)
    write(out / "skills.jsonl", rows)
    print(f"{check_equations(rows)} equations are right")
    print(f"{len(rows)} conversations:", dict(collections.Counter(row["skill"] for row in rows)))
    print(f"{len(evaluation.rows)} questions:", dict(collections.Counter(row["skill"] for row in evaluation.rows)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
