#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks a model the questions of Mini's evaluation through the thimble program and prints a table by kind.

    mini/evaluate.py                                   the built-in model, the 150 text questions
    mini/evaluate.py --model mini.gguf --pictures eval_vision.jsonl
    mini/evaluate.py --slice 20 --expect 4             what CI runs: 20 of them, spread evenly; at least 4 right

Answers are greedy. Exit status 1 when fewer are right than --expect, 77 (skipped) when MODEL is a GGUF file that is not there. A text question is a conversation rendered by Qwen 3.5's template; its answer passes when it contains
the expected words, is the expected JSON, or makes the expected tool calls. Only the standard library is used.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def spread(rows, count):
    """`count` rows, evenly over all kinds, which stand in groups."""
    if not count or count >= len(rows):
        return rows
    return [rows[i * len(rows) // count] for i in range(count)]


def run(program, *arguments, text=None):
    done = subprocess.run([program, *arguments], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{program} {' '.join(arguments)[:120]}: {done.stderr.strip()}")
    return done.stdout


def tokens_of(program, model, texts):
    """Token ids of each text, special tokens parsed."""
    requests = "".join(json.dumps({"text": text, "special": True}) + "\n" for text in texts)
    return [json.loads(line)["ids"] for line in run(program, "tokenize", model, "--jsonl", text=requests).splitlines()]


def answer_to_ids(options, ids):
    """What follows the tokens, as plain text: thoughts, answer and tool calls as the model wrote them."""
    out = json.loads(run(options.thimble, "run", options.model, "--ids", ",".join(map(str, ids)), "--temperature", "0",
                         "--max-tokens", str(options.max_tokens), "--no-loop-guard", "--think-budget", "0", "--json",
                         *options.flags))
    if not out["ids"]:
        return ""
    return run(options.thimble, "detokenize", options.model, ",".join(map(str, out["ids"])))


def answer_to_picture(options, row, folder):
    out = json.loads(run(options.thimble, "run", options.model, row["question"], "--image", str(folder / row["image"]),
                         "--think", "off", "--temperature", "0", "--max-tokens", str(options.max_tokens), "--json",
                         *options.flags))
    return out["text"]


def final_part(answer):
    """The answer without end token and thoughts."""
    return answer.replace("<|im_end|>", "").split("</think>")[-1].strip()


def makes_calls(answer, calls):
    """Whether the tool calls in an answer are the expected ones: as many, with these names and argument values."""
    if answer.count("<tool_call>") != len(calls):
        return False

    def shown(value):
        return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).lower()

    text = answer.lower()
    return all(f"<function={call['name']}>".lower() in text and all(shown(v) in text for v in call["arguments"].values())
               for call in calls)


def kind_of(row):
    """The kind of a text question; questions beside which tools stand but none is needed count apart."""
    return "no tool needed" if row["check"]["type"] == "tool" and not row["check"]["value"] else row["skill"]


def is_right(check, answer):
    answer, value = final_part(answer), check["value"]
    if check["type"] == "contains":
        return str(value).lower() in answer.lower()
    if check["type"] == "equals":
        return answer.lower().rstrip(".") == str(value).lower().rstrip(".")
    if check["type"] == "tool":
        return makes_calls(answer, value if isinstance(value, list) else [value])
    try:
        return json.loads(answer) == (json.loads(value) if isinstance(value, str) else value)
    except ValueError:
        return False


def names_it(answer, accepted, kind):
    """Whether an answer about a picture names one of the accepted things, as whole words in any case; for yes and no
    the first word counts."""
    text = " ".join(answer.lower().replace("\u2019", "'").split())
    if kind == "yesno":
        words = re.findall(r"[a-z]+", text)
        return bool(words) and words[0] in [word.lower() for word in accepted]
    wanted = (" ".join(word.lower().split()) for word in accepted)
    return any(re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", text) for word in wanted)


def table(title, rows):
    kinds = {}
    for row in rows:
        kinds.setdefault(row["kind"], []).append(row["right"])
    print(f"| {title} | right | of | share |\n|---|---|---|---|")
    for kind, right in kinds.items():
        print(f"| {kind} | {sum(right)} | {len(right)} | {100 * sum(right) / len(right):.0f} % |")
    every = [row["right"] for row in rows]
    print(f"| all | {sum(every)} | {len(every)} | {100 * sum(every) / len(every):.0f} % |\n")


def ask_all(count, title, rows, ask):
    """Answers of all rows, `count` at a time, with a line of progress on a terminal."""
    answers = [None] * len(rows)
    with concurrent.futures.ThreadPoolExecutor(count) as workers:
        pending = {workers.submit(ask, i): i for i in range(len(rows))}
        for done, future in enumerate(concurrent.futures.as_completed(pending), 1):
            answers[pending[future]] = future.result()
            if sys.stderr.isatty():
                print(f"\r{title}: {done}/{len(rows)}", end="" if done < len(rows) else "\n", file=sys.stderr)
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thimble", default=os.environ.get("THIMBLE_UNDER_TEST", str(ROOT / "build/thimble")))
    parser.add_argument("--model", default="builtin", help="GGUF file, folder or name (default: builtin)")
    parser.add_argument("--text", default=str(ROOT / "mini/data/text/eval_text.jsonl"), help="text questions; '' for none")
    parser.add_argument("--pictures", help="picture questions: {image, question, accept, kind} a line")
    parser.add_argument("--slice", type=int, default=0, help="ask so many of each set only, evenly spread")
    parser.add_argument("--expect", type=int, default=0, help="fail when fewer are right")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=1, help="programs that run at once")
    parser.add_argument("--out", help="write every answer there, one JSON object a line")
    parser.add_argument("flags", nargs="*", help="further flags of `thimble run`, after --")
    options = parser.parse_args()

    if options.model.endswith(".gguf") and not os.path.exists(options.model):
        print(f"{options.model} is not there: skipped")
        return 77
    results = []
    if options.text:
        rows = spread(lines_of(options.text), options.slice)
        ids = tokens_of(options.thimble, options.model, [row["text"] for row in rows])
        answers = ask_all(options.jobs, "questions", rows, lambda i: answer_to_ids(options, ids[i]))
        text_rows = [{"kind": kind_of(row), "question": row["text"], "answer": answer,
                      "right": is_right(row["check"], answer)} for row, answer in zip(rows, answers)]
        table("text", text_rows)
        results += text_rows
    if options.pictures:
        folder = pathlib.Path(options.pictures).parent
        rows = spread(lines_of(options.pictures), options.slice)
        answers = ask_all(options.jobs, "pictures", rows, lambda i: answer_to_picture(options, rows[i], folder))
        picture_rows = [{"kind": row["kind"], "question": row["question"], "answer": answer,
                         "right": names_it(answer, row["accept"], row["kind"])} for row, answer in zip(rows, answers)]
        table("pictures", picture_rows)
        results += picture_rows
    if options.out:
        with tempfile.NamedTemporaryFile("w", dir=pathlib.Path(options.out).resolve().parent, delete=False,
                                         encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in results)
        os.replace(file.name, options.out)
    right = sum(row["right"] for row in results)
    if right < options.expect:
        print(f"{right} right, {options.expect} expected")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
