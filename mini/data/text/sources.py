# SPDX-License-Identifier: Apache-2.0
"""Reading the sources: files of cloned git repositories, and prose out of Markdown.

REPOSITORIES is a folder of clones (bare or not) called owner+name; docs/mini.md lists them with their licences.
"""

from __future__ import annotations

import html
import pathlib
import re
import subprocess
from collections.abc import Iterable, Iterator

COMMON_WORDS = set(
    "the of and to in a is that it was for as with be on by he his at not are this but had from or have an they which "
    "you were her she all we one there their been if would who so no will more when what up out into them can could "
    "said some its do then about other than has".split()
)
STRAIGHT = str.maketrans(
    {"\r": None, "\u00a0": " ", "\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\ufeff": None, "\0": None}
)


class Repository:
    """One clone at one revision."""

    def __init__(self, folder: pathlib.Path, name: str, revision: str = "HEAD"):
        clone = folder / name.replace("/", "+")
        self.name, self.revision = name, revision
        self.git_folder = clone / ".git" if (clone / ".git").exists() else clone
        if not self.git_folder.exists():
            raise FileNotFoundError(f"clone https://github.com/{name} into {clone}")

    def git(self, *arguments: str) -> bytes:
        command = ["git", "--git-dir", str(self.git_folder), *arguments]
        return subprocess.run(command, capture_output=True, check=False).stdout

    def files(self, pattern: str, least: int = 0, most: int = 1 << 40) -> list[tuple[str, str]]:
        """(object, path) of files whose path has `pattern` and whose size is between the two, by path."""
        listing = self.git("-c", "core.quotepath=off", "ls-tree", "-r", "-l", "-z", self.revision)
        found = []
        for line in listing.decode("utf-8", "replace").split("\0"):
            if "\t" not in line:
                continue
            meta, path = line.split("\t", 1)
            _, _, name, size = meta.split()
            if size.isdigit() and least < int(size) < most and re.search(pattern, path):
                found.append((name, path))
        return sorted(found, key=lambda item: item[1])

    def texts(self, files: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """(path, text) of each."""
        command = ["git", "--git-dir", str(self.git_folder), "cat-file", "--batch"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            for name, path in files:
                process.stdin.write(f"{name}\n".encode())
                process.stdin.flush()
                header = process.stdout.readline().split()
                if len(header) == 3:
                    data = process.stdout.read(int(header[2]))
                    process.stdout.read(1)
                    yield path, data.decode("utf-8", "replace")
            process.stdin.close()


def is_english(text: str) -> bool:
    """A quarter of the first words are common English ones, and few letters are of other scripts."""
    start = text[:3000]
    words = re.findall(r"[a-z']+", start.lower())
    foreign = sum(ord(letter) > 0x24F for letter in start)
    return len(words) > 15 and sum(word in COMMON_WORDS for word in words) / len(words) > 0.25 and foreign < 90


def normalised(text: str) -> str:
    """Straight quotes, no blanks at line ends, at most one empty line."""
    text = re.sub(r"[ \t]+\n", "\n", text.translate(STRAIGHT))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def documents(paragraphs: Iterable[str], most: int = 6000) -> Iterator[str]:
    """Paragraphs joined to documents of at most `most` characters; a rest of 300 or fewer is dropped."""
    current, length = [], 0
    for paragraph in paragraphs:
        if length + len(paragraph) > most and length:
            yield "\n\n".join(current)
            current, length = [], 0
        if len(paragraph) > most:
            for start in range(0, len(paragraph), most):
                yield paragraph[start : start + most]
            continue
        current.append(paragraph)
        length += len(paragraph) + 2
    if length > 300:
        yield "\n\n".join(current)


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def markdown_paragraphs(text: str, keep_code: bool = False) -> list[str]:
    """Paragraphs without headers' marks, links, pictures, tables and tags; code blocks only if they are to be kept."""
    text = re.sub(r"^---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    if not keep_code:
        text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\[([^\]]*)\]\[[^\]]*\]", r"\1", text)
    text = re.sub(r"^\[[^\]]*\]:.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\{[{%].*?[%}]\}", "", text)
    text = re.sub(r"</?[a-zA-Z][^>\n]*>", "", text)
    out = []
    for paragraph in re.split(r"\n\s*\n", text):
        paragraph = paragraph.strip("\n")
        if not paragraph.strip() or paragraph.lstrip().startswith("|"):
            continue
        if not keep_code:
            paragraph = re.sub(r"^#+\s*", "", paragraph)
            paragraph = re.sub(r"(\*\*|__)(.*?)\1", r"\2", paragraph)
            paragraph = re.sub(r"(?<!\w)[*_](\S.*?\S)[*_](?!\w)", r"\1", paragraph)
            if not re.match(r"\s*([-*+]|\d+\.) ", paragraph):
                paragraph = re.sub(r"\s*\n\s*", " ", paragraph)
        out.append(html.unescape(paragraph))
    return out
