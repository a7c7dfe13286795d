#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws a real chat with the built-in model as a picture: what it prints on a terminal, typed lines included.

    capture_chat.py [THIMBLE [OUTPUT.svg]]     default: build/thimble docs/chat.svg

Replies are drawn greedily, so the same build and processor kind give the same picture."""
import html
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
THIMBLE = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/thimble")
OUTPUT = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "docs/chat.svg")
COLUMNS = 84
SAID = ["What is the capital of France?", "Write one sentence about the sea.", "/imag photo.jpg", "/reset", "/quit"]
INK, DIM, PAPER = "#d8dee9", "#8791a5", "#1f2430"
CELL, LINE, MARGIN = 8.4, 19, 16  # pixels


def capture():
    """The screen after the conversation."""
    os.environ |= {"THIMBLE_UNDER_TEST": THIMBLE, "THIMBLE_FIXTURES": "."}
    sys.path.insert(0, str(ROOT / "tests/cli"))
    from harness import Terminal
    from screen import Screen
    terminal = Terminal("chat", "--no-history", "--temperature", "0", "--max-tokens", "120", env={"XDG_STATE_HOME": "/nonexistent"}, columns=COLUMNS)
    for line in SAID:
        terminal.read_until("> ")
        terminal.type(line + "\n")
        terminal.read_until("\n")
    status = terminal.finish()
    if status != 0:
        sys.exit(f"the chat ended with status {status}:\n{terminal.raw}")
    return Screen(COLUMNS).feed("\x1b[1m$ thimble\x1b[0m\r\n" + terminal.raw)


def runs(row):
    """A row's cells as (column, text, style) of one style each."""
    column = 0
    while column < len(row):
        end = column
        while end < len(row) and row[end][1] == row[column][1]:
            end += 1
        text = "".join(cell[0] for cell in row[column:end])
        if text.strip():
            yield column, text, row[column][1]
        column = end


def draw(screen):
    rows = list(screen.rows)
    while rows and not any(cell[0].strip() for cell in rows[-1]):
        rows.pop()
    width, height = COLUMNS * CELL + 2 * MARGIN, len(rows) * LINE + 2 * MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
           'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
           "<!-- made by tools/capture_chat.py -->", "<title>A chat with the built-in model</title>",
           f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>']
    for number, row in enumerate(rows):
        for column, text, style in runs(row):
            look = f' fill="{DIM if style == "2" else INK}"' + (' font-weight="bold"' if style == "1" else "")
            x, y = MARGIN + column * CELL, MARGIN + number * LINE + 14
            length = (len(text.rstrip())) * CELL
            out.append(f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}"{look} xml:space="preserve">{html.escape(text.rstrip())}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    screen = capture()
    OUTPUT.write_text(draw(screen), encoding="utf-8")
    print("\n".join(screen.lines()).rstrip())
    print(f"written to {OUTPUT}")


if __name__ == "__main__":
    main()
