# SPDX-License-Identifier: Apache-2.0
"""python -m text.make_prompts REPOSITORIES OUT (in mini/data): writes OUT/prompts.jsonl and OUT/answers.jsonl.

Prompts for the teacher (about 86,000) and human answers (about 35,000), from public question sets and from templates.
OUT must hold what make_skills and make_corpus wrote: questions of eval_text.jsonl are left out, and some prompts
quote the corpus.
"""

from __future__ import annotations

import collections
import html
import json
import lzma
import pathlib
import random
import re
import sys
from collections.abc import Iterator

from . import general, prompt_templates
from .basics import WORDS, spin
from .extraction import JOBS
from .sources import Repository, is_english, markdown_paragraphs, one_line

SEED = 4242
TRIVIA_WITH_ANSWERS = (
    "world,science-technology,general,history,animals,geography,humanities,for-kids,literature,people,brain-teasers"
).split(",")


def key_of(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def instruction(task: str, given: str) -> str:
    return task if not given else task + "\n\n" + given


class Collection:
    """Prompts and answers, each once, none of the evaluation."""

    def __init__(self, repositories: pathlib.Path, held_out: set[str]):
        self.repositories, self.held_out, self.rng = repositories, held_out, random.Random(SEED)
        self.prompts: list[dict] = []
        self.answers: list[dict] = []
        self._seen: set[str] = set()

    def prompt(self, text: str, source: str) -> None:
        text = text.replace("\r", "").strip()
        key = key_of(text)
        foreign = sum(ord(letter) > 0x250 for letter in text)
        if not 2 <= len(text) <= 900 or key in self._seen or key in self.held_out or foreign > 20 or "<|" in text:
            return
        self._seen.add(key)
        self.prompts.append({"prompt": text, "source": source})

    def answer(self, question: str, answer: str, source: str) -> None:
        answer = answer.strip()
        if 1 <= len(answer) <= 1200 and len(question) <= 900 and key_of(question) not in self.held_out:
            turns = [{"role": "user", "content": question.strip()}, {"role": "assistant", "content": answer}]
            self.answers.append({"messages": turns, "source": source})

    def texts(self, name: str, pattern: str, revision: str = "HEAD") -> Iterator[tuple[str, str]]:
        repository = Repository(self.repositories, name, revision)
        return repository.texts(repository.files(pattern))

    # ---- question sets

    def add_word_problems(self) -> None:
        for _, text in self.texts("openai/grade-school-math", r"data/train\.jsonl$"):  # the train split only
            for line in text.splitlines():
                row = json.loads(line)
                self.prompt(row["question"], "gsm8k-train")
                worked = re.sub(r"<<[^>]*>>", "", row["answer"])
                self.answer(row["question"], re.sub(r"\n#### (.*)$", r"\nThe answer is \1.", worked), "gsm8k-train")
        for _, text in self.texts("arkilpatel/SVAMP", r"SVAMP\.json$"):
            for row in json.loads(text):
                body, question = row["Body"], row["Question"]
                if body.strip()[-1:] not in "?":
                    body, question = body.strip().rstrip(".") + ".", question.strip()
                value = row["Answer"]
                value = int(value) if float(value) == int(value) else value
                self.prompt(f"{body} {question}", "svamp")
                self.answer(f"{body} {question}", f"The answer is {value}.", "svamp")

    def add_instructions(self) -> None:
        source = "self-instruct-human"
        for _, text in self.texts("yizhongw/self-instruct", r"(seed_tasks|user_oriented_instructions)\.jsonl$"):
            for line in text.splitlines():
                row = json.loads(line)
                for instance in row["instances"]:
                    question = instruction(row["instruction"], instance.get("input", ""))
                    self.prompt(question, source)
                    self.answer(question, instance["output"], source)
        for _, text in self.texts("teknium1/GPTeacher", r"Codegen/codegen-instruct\.json$"):
            for row in json.loads(text):
                self.prompt(instruction(row["instruction"], row.get("input", "")), "gpteacher-codegen")

    def add_intents(self) -> None:
        """What people say to assistants."""
        question = r"(what|how|can|is|do|where|when|why|who|are|could|would|will|does)\b"
        for _, text in self.texts("clinc/oos-eval", r"data_full\.json$"):
            sets = json.loads(text)
            lines = [row[0] for name in sorted(sets) for row in sets[name]]
            self.rng.shuffle(lines)
            for line in lines[:14000]:
                if self.rng.random() >= 0.5:
                    line = capital(line) + ("?" if re.match(question, line) else "")
                self.prompt(line, "clinc150")
        merged = r"KFold_(4|7)/merged/RasaNlu_Merged_KFold_\d_[\w\-:.]*json$"
        for _, text in self.texts("xliuhw/NLU-Evaluation-Data", merged):
            found = re.findall(r'"text"\s*:\s*"([^"\\]+)"', text)
            lines = sorted({line for line in found if 8 < len(line) < 200})
            self.rng.shuffle(lines)
            for line in lines[:6000]:
                self.prompt(line, "nlu-evaluation-data")

    def add_trivia(self) -> None:
        for _, text in self.texts("brmson/dataset-factoid-webquestions", r"^main/.*\.json$"):
            for row in json.loads(text):
                self.prompt(capital(row["qText"]), "webquestions")
        source, found = "opentriviaqa", []
        for path, text in self.texts("uberspot/OpenTriviaQA", r"^categories/"):
            for block in re.split(r"\n\s*\n", text.replace("\r", "")):
                match = re.match(r"\s*#Q (.*?)\n\^ (.*?)\n(.*)", block, re.DOTALL)
                if match:
                    question, answer = one_line(match[1]), match[2].strip()
                    if stands_alone(question, answer):
                        found.append((question, answer, path.split("/")[1]))
        found.sort()
        self.rng.shuffle(found)
        for question, _, _ in found[:14000]:
            self.prompt(question, source)
        for question, answer, _ in [row for row in found if row[2] in TRIVIA_WITH_ANSWERS][:13000]:
            self.answer(question, answer if self.rng.random() < 0.4 else answer.rstrip(".") + ".", source)

    def add_glossaries(self, revisions: dict[str, str]) -> None:
        source, meanings = "openstax-glossary", {}
        for name, revision in sorted(revisions.items()):
            for _, text in self.texts(name, r"index\.cnxml$", revision):
                for term, meaning in definitions(text):
                    meanings.setdefault(term, meaning)
        for number, (term, meaning) in enumerate(sorted(meanings.items())):
            form = self.rng.choice(prompt_templates.DEFINITION)
            question = capital(spin(self.rng, form).replace("{k}", term))
            if number % 2:
                self.prompt(question, source)
            self.answer(question, capital(meaning) + ("" if meaning[-1] in ".!?" else "."), source)

    def add_commands(self) -> None:
        found = []
        for path, text in self.texts("tldr-pages/tldr", r"^pages/(common|linux)/.*\.md$"):
            for match in re.finditer(r"^- (.*?):\n+`(.*?)`$", text, re.MULTILINE):
                purpose = re.sub(r"\[(\w)\](\w*)", r"\1\2", match[1])
                found.append((pathlib.PurePath(path).stem, purpose, re.sub(r"\{\{(.*?)\}\}", r"\1", match[2])))
        found.sort()
        self.rng.shuffle(found)
        for command, purpose, line in found[:5000]:
            form = spin(self.rng, self.rng.choice(prompt_templates.SHELL))
            question = capital(form.replace("{c}", command).replace("{d}", purpose[0].lower() + purpose[1:]))
            is_short = self.rng.random() < 0.5
            self.answer(question, f"`{line}`" if is_short else f"Use this:\n\n```\n{line}\n```", "tldr")
            if self.rng.random() < 0.4:
                self.prompt(question, "tldr")

    def add_exercises(self) -> None:
        for _, text in self.texts("exercism/problem-specifications", r"description\.md$"):
            task = re.sub(r"\s+", " ", " ".join(markdown_paragraphs(text)))[:600]
            self.prompt(self.rng.choice(prompt_templates.EXERCISE) + task, "exercism")

    # ---- templates

    def add_templates(self) -> None:
        t, rng = prompt_templates, self.rng
        for country, _ in general.CAPITALS:
            for form in [*rng.sample(t.COUNTRY, 9), "What is the capital of {c}?"]:
                self.prompt(form.replace("{c}", general.country_name(country)), "templated-country")
        for topic in t.TOPICS:
            for form in rng.sample(t.TOPIC, 30):
                self.prompt(form.replace("{x}", topic).replace("{y}", rng.choice(t.TOPICS)), "templated-topic")
        for word in WORDS:
            for form in rng.sample(t.WORD, 6):
                self.prompt(form.replace("{x}", word), "templated-word")
        for pair in general.OPPOSITES:
            for word in pair.split(":"):
                self.prompt(f"What is the opposite of {word}?", "templated-word")
                self.prompt(f"Give me three words that mean {word}.", "templated-word")
        for said in t.SAID:
            for language in t.LANGUAGES:
                form = rng.choice(t.TRANSLATE)
                self.prompt(form.replace("{l}", language).replace("{p}", said), "templated-translate")
        for occasion in t.OCCASIONS:
            for recipient in t.RECIPIENTS:
                for form in rng.sample(t.EMAIL, 4):
                    self.prompt(form.replace("{t}", recipient).replace("{w}", occasion), "templated-email")
        for program in t.PROGRAMS:
            for language in t.PROGRAMMING_LANGUAGES:
                form = rng.choice(t.PROGRAM)
                self.prompt(form.replace("{l}", language).replace("{c}", program), "templated-code")
        for said in t.SMALL_TALK:
            for form in t.SMALL_TALK_FORMS:
                self.prompt(form.replace("{x}", said).replace("{X}", capital(said)), "templated-smalltalk")
        for job in [*JOBS, *t.MORE_JOBS]:
            for form in t.JOB:
                question = re.sub(r"\ba (?=[aeiou])", "an ", form.replace("{x}", job))
                self.prompt(question, "templated-job")

    def add_quotations(self, documents: list[str]) -> None:
        """Tasks on paragraphs of the corpus, one of every second document."""
        found = []
        for document in documents[::2]:
            for paragraph in map(one_line, document.split("\n\n")[1:4]):
                is_sentence = 180 < len(paragraph) < 700 and paragraph[0].isupper() and paragraph[-1] in '.!?"'
                if is_sentence and is_english(paragraph) and not {"`", "{"} & set(paragraph):
                    found.append(paragraph)
                    break
        self.rng.shuffle(found)
        forms = prompt_templates.PARAGRAPH
        for number, paragraph in enumerate(found[:8000]):
            self.prompt(forms[number % len(forms)].replace("{p}", paragraph), "templated-paragraph")
        for paragraph in found[8000:12000]:
            sentence = re.split(r"(?<=[.!?]) ", paragraph)[0]
            if 30 < len(sentence) < 220:
                form = self.rng.choice(prompt_templates.GRAMMAR)
                self.prompt(form.replace("{s}", with_mistakes(self.rng, sentence)), "templated-grammar")


def stands_alone(question: str, answer: str) -> bool:
    """Whether a multiple-choice question makes sense without its choices."""
    return (
        not re.search(r"these|following|picture|image|shown", question)
        and not re.search(r"(?i)these|above|none|all of|both", answer)
        and answer not in ("", "True", "False")
        and len(question) >= 15
        and "?" in question
        and "\ufffd" not in question + answer
    )


def definitions(cnxml: str) -> Iterator[tuple[str, str]]:
    """(term, meaning) of a textbook's glossary, without formulas."""

    def plain(markup: str) -> str:
        return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", markup))).strip()

    for block in re.findall(r"<definition\b[^>]*>(.*?)</definition>", cnxml, re.DOTALL):
        term = re.search(r"<term\b[^>]*>(.*?)</term>", block, re.DOTALL)
        meaning = re.search(r"<meaning\b[^>]*>(.*?)</meaning>", block, re.DOTALL)
        if term and meaning and "<m:" not in meaning[1]:
            if 2 < len(plain(term[1])) < 50 and 20 < len(plain(meaning[1])) < 500:
                yield plain(term[1]), plain(meaning[1])


def with_mistakes(rng: random.Random, sentence: str) -> str:
    """One kind of mistake: no capitals, no articles, wrong verbs, no punctuation, or swapped letters."""
    kind = rng.randint(0, 4)
    if kind == 0:
        return sentence.lower()
    if kind == 1:
        return re.sub(r"\b(the|a|an) ", "", sentence)
    if kind == 2:
        return sentence.replace(" is ", " are ").replace(" was ", " were ").replace(" has ", " have ")
    if kind == 3:
        return re.sub(r"[.,]", "", sentence)
    words = sentence.split()
    for _ in range(3):
        i = rng.randrange(len(words))
        if len(words[i]) > 4:
            at = rng.randrange(1, len(words[i]) - 2)
            words[i] = words[i][:at] + words[i][at + 1] + words[i][at] + words[i][at + 2 :]
    return " ".join(words)


def write(path: pathlib.Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    print(f"{path.name}: {len(rows)}", dict(collections.Counter(row["source"] for row in rows)))


def main(repositories: pathlib.Path, out: pathlib.Path) -> None:
    held_out = set()
    for line in (out / "eval_text.jsonl").read_text(encoding="utf-8").splitlines():
        turns = re.findall(r"<\|im_start\|>user\n(.*?)<\|im_end\|>", json.loads(line)["text"], re.DOTALL)
        held_out |= set(map(key_of, turns))
    collection = Collection(repositories, held_out)
    collection.add_word_problems()
    collection.add_instructions()
    collection.add_intents()
    collection.add_trivia()
    revisions = pathlib.Path(__file__).with_name("openstax_revisions.json")
    collection.add_glossaries(json.loads(revisions.read_text(encoding="utf-8")))
    collection.add_commands()
    collection.add_exercises()
    collection.add_templates()
    documents = []
    for path in sorted(out.glob("corpus*.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as file:
            documents += file.read().split("\0")
    collection.add_quotations(documents)
    collection.rng.shuffle(collection.prompts)
    collection.rng.shuffle(collection.answers)
    write(out / "prompts.jsonl", collection.prompts)
    write(out / "answers.jsonl", collection.answers)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*map(pathlib.Path, sys.argv[1:]))
