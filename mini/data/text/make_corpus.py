# SPDX-License-Identifier: Apache-2.0
"""python -m text.make_corpus REPOSITORIES DEBS OUT (in mini/data): writes OUT/corpus0.xz ... corpus4.xz.

About 207 MB of English prose, documents separated by NUL, in an order drawn from a seed: textbooks, classic books,
handbooks, documentation, some code. REPOSITORIES: clones called owner+name. DEBS: Debian packages of documentation
(*.deb); those under GPL, GFDL, MPL and share-alike licences are left out. OUT/corpus.json says how many bytes came
from where.
"""

from __future__ import annotations

import collections
import hashlib
import html
import io
import json
import lzma
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile

from .sources import Repository, documents, is_english, markdown_paragraphs, normalised, one_line

SEED, PARTS = 7, 5
COPYLEFT = {
    "dict-foldoc",
    "git-doc",
    "gimp-help-en",
    "r-doc-html",
    "developers-reference",
    "debian-reference-en",
    "debian-handbook",
    "gnome-user-docs",
    "libreoffice-help-en-us",
}
TRANSLATIONS = re.compile(
    r"/(de|fr|ja|es|it|zh|ru|pl|pt|cs|nl|sv|ko|uk|el|hu|da|sl|sr|ca|fi|gl|hr|hi|id|ro|tr|vi|lv|bg|ar|te|pa|ta|he|nb|sk|"
    r"eu|ast|en_GB|zh_CN|pt_BR)([-_/.]|$)"
)
# What textbooks hold that is no prose.
NO_PROSE = ("figure", "table", "exercise", "metadata", "media", "equation", "glossary")


class Corpus:
    def __init__(self, repositories: pathlib.Path):
        self.repositories, self.rng = repositories, random.Random(SEED)
        self.documents: list[str] = []
        self.bytes: collections.Counter[str] = collections.Counter()
        self._seen: set[bytes] = set()

    def add(self, source: str, text: str, english_only: bool = True) -> None:
        """Takes a document unless it is short, foreign, or begins like one that is there."""
        text = normalised(text)
        if len(text) < 200 or (english_only and not is_english(text)):
            return
        beginning = hashlib.md5(text[:400].encode()).digest()
        if beginning in self._seen:
            return
        self._seen.add(beginning)
        self.documents.append(text)
        self.bytes[source] += len(text.encode())

    def add_paragraphs(self, source: str, paragraphs: list[str], english_only: bool = True) -> None:
        for document in documents(paragraphs):
            self.add(source, document, english_only)

    def repository(self, name: str, revision: str = "HEAD") -> Repository:
        return Repository(self.repositories, name, revision)

    def add_markdown(self, name, source, pattern, most=10**9, keep_code=False, least=400, english_only=True) -> None:
        repository = self.repository(name)
        files = repository.files(pattern, least)
        self.rng.shuffle(files)
        for _, text in repository.texts(files):
            self.add_paragraphs(source, markdown_paragraphs(text, keep_code), english_only)
            if self.bytes[source] > most:
                break

    def add_code(self, name: str, source: str, pattern: str, most: int, least: int = 300, longest: int = 6000) -> None:
        repository = self.repository(name)
        files = repository.files(pattern, least, longest)
        self.rng.shuffle(files)
        for _, text in repository.texts(files):
            self.add(source, text, english_only=False)
            if self.bytes[source] > most:
                break

    def add_books(self, most: int, most_of_one: int) -> None:
        """Classic books; of long ones some documents from random places."""
        source, repository = "classic-books", self.repository("mlschmitt/classic-books-markdown")
        files = repository.files(r"\.md$", 20000)
        self.rng.shuffle(files)
        for path, text in repository.texts(files):
            if re.search(r"readme|french|german|latin", path, re.IGNORECASE):
                continue
            about_the_file = r"gutenberg|transcriber|copyright|e-?text|www\."
            paragraphs = [
                paragraph
                for paragraph in markdown_paragraphs(text)
                if len(paragraph) > 1
                and not re.search(about_the_file, paragraph, re.IGNORECASE)
                and not re.match(r"^[\W\d]+$", paragraph)
            ]
            parts = [part for part in documents(paragraphs[8:-4]) if len(part) > 1500]
            count = max(1, most_of_one // 6000)
            if len(parts) > count:
                parts = [parts[i] for i in sorted(self.rng.sample(range(len(parts)), count))]
            for part in parts:
                self.add(source, part)
            if self.bytes[source] > most:
                break

    def add_textbooks(self, revisions: dict[str, str]) -> None:
        """OpenStax books at revisions whose licence is CC BY and nothing else (openstax_revisions.json)."""
        for name, revision in sorted(revisions.items()):
            repository = self.repository(name, revision)
            for _, text in repository.texts(repository.files(r"index\.cnxml$")):
                try:
                    root = ElementTree.fromstring(text.encode())
                except ElementTree.ParseError:
                    continue
                self.add_paragraphs("openstax:" + name.split("/")[1], textbook_paragraphs(root))

    def add_peps(self) -> None:
        repository = self.repository("python/peps")
        for _, text in repository.texts(repository.files(r"pep-\d+\.(rst|txt)$")):
            self.add_paragraphs("python-peps", pep_paragraphs(text))

    def add_factbook(self) -> None:
        repository = self.repository("factbook/factbook.json")
        for _, text in repository.texts(repository.files(r"\.json$")):
            try:
                country = json.loads(text)
            except ValueError:
                continue
            paragraphs = factbook_paragraphs(country, "")
            try:
                paragraphs.insert(0, country["Government"]["Country name"]["conventional short form"]["text"])
            except (KeyError, TypeError):
                pass  # seas and regions have no government
            self.add_paragraphs("cia-factbook", paragraphs)

    def add_speeches(self) -> None:
        """Addresses of US presidents, in archives of nltk_data."""
        repository = self.repository("nltk/nltk_data")
        for name, path in repository.files(r"corpora/(inaugural|state_union)\.zip$"):
            archive = zipfile.ZipFile(io.BytesIO(repository.git("cat-file", "blob", name)))
            for member in sorted(archive.namelist()):
                if member.endswith(".txt"):
                    text = archive.read(member).decode("latin1")
                    paragraphs = [one_line(part) for part in re.split(r"\n\s*\n", text) if part.strip()]
                    self.add_paragraphs("nltk:" + pathlib.PurePath(path).stem, paragraphs)

    def add_debian(self, folder: pathlib.Path) -> None:
        for package in sorted(folder.glob("*.deb")):
            name = package.name.split("_")[0]
            if name in COPYLEFT:
                continue
            with tempfile.TemporaryDirectory() as temporary:
                subprocess.run(["dpkg-deb", "-x", str(package), temporary], check=True)
                self.add_unpacked(f"debian:{name}", pathlib.Path(temporary))

    def add_unpacked(self, source: str, folder: pathlib.Path) -> None:
        for path in sorted(folder.rglob("*")):
            shown = "/" + str(path.relative_to(folder))
            is_page = (
                path.is_file()
                and not path.is_symlink()
                and path.suffix in (".html", ".htm", ".xhtml", ".page", ".txt", ".xhp")
            )
            if not is_page or TRANSLATIONS.search(shown) or "genindex" in shown or "whatsnew/changelog" in shown:
                continue
            if path.stat().st_size <= 3e6:
                self.add_paragraphs(source, page_paragraphs(path.read_text(encoding="utf-8", errors="replace")))
            if self.bytes[source] > 9e6:
                break
        for path in folder.glob("usr/share/dictd/*.dict.dz"):
            text = subprocess.run(["zcat", "-f", str(path)], capture_output=True, check=True).stdout.decode(
                "utf-8", "replace"
            )
            entries = [re.sub(r"[{}]", "", entry) for entry in re.split(r"\n(?=\S)|\n\s*\n", text)]
            entries = [re.sub(r"\s*\n\s*", " ", entry).strip() for entry in entries]
            self.add_paragraphs(source, [entry for entry in entries if len(entry) > 120])


def textbook_paragraphs(root: ElementTree.Element) -> list[str]:
    """Titles and paragraphs of a CNXML module; those with formulas are left out."""
    paragraphs: list[str] = []

    def tag(element) -> str:
        return element.tag.split("}")[-1]

    def walk(element) -> None:
        if tag(element) in NO_PROSE:
            return
        if tag(element) == "para":
            if any(tag(inner) in ("math", "equation") for inner in element.iter()):
                return
            text = re.sub(
                r"\((see )?(figure|table)?\s*\)", "", one_line("".join(element.itertext())), flags=re.IGNORECASE
            )
            if len(text) > 60:
                paragraphs.append(text)
            return
        if tag(element) == "title" and element.text and len(element.text) > 3:
            paragraphs.append(one_line("".join(element.itertext())))
        for inner in element:
            walk(inner)

    walk(root)
    return paragraphs


def pep_paragraphs(text: str) -> list[str]:
    """Prose of reStructuredText: no directives, literal blocks, tables, underlines and roles."""
    out = []
    for part in re.split(r"\n\s*\n", text.split("\n\n", 1)[-1]):
        if (
            re.match(r"\s*\.\. |\s*[=\-~^*]{4,}|^\s+:|.*\.\. _", part)
            or re.match(r"^ {3,}", part)
            or part.count("|") > 4
        ):
            continue
        part = re.sub(r"\n[=\-~^'*]{3,}\s*$", "", part)
        part = re.sub(r":\w+:`([^`<]*?)(\s*<[^>]*>)?`", r"\1", part)
        part = re.sub(r"`([^`<]+?)\s*<[^>]*>`__?", r"\1", part)
        part = part.replace("``", "`")
        is_item = re.match(r"\s*([-*]|\d+\.) ", part)
        out.append((part if is_item else re.sub(r"\s*\n\s*", " ", part)).strip())
    return out


def factbook_paragraphs(value, key: str) -> list[str]:
    """Texts of several sentences, each behind its heading."""
    if isinstance(value, dict):
        return [
            paragraph
            for name, inner in value.items()
            for paragraph in factbook_paragraphs(inner, name if name != "text" else key)
        ]
    if not isinstance(value, str):
        return []
    text = one_line(re.sub(r"<[^>]+>", " ", html.unescape(value)))
    if len(text) <= 220 or text.count(".") < 2:
        return []
    return [f"{key}: {text}" if key else text]


def page_paragraphs(text: str) -> list[str]:
    """Paragraphs, headings and short listings of an HTML page."""
    text = re.sub(r"<(script|style|head|nav|table)\b.*?</\1>", "", text, flags=re.DOTALL | re.IGNORECASE)
    boilerplate = r"copyright|all rights|last updated|javascript|previous topic"
    out = []
    for match in re.finditer(r"<(p|h[1-4]|title|pre)\b[^>]*>(.*?)</\1>", text, flags=re.DOTALL | re.IGNORECASE):
        kind, inner = match[1].lower(), html.unescape(re.sub(r"<[^>]+>", "", match[2]))
        inner = inner.strip("\n") if kind == "pre" else one_line(inner)
        least = 3 if kind.startswith(("h", "t")) else 25
        is_long_listing = kind == "pre" and len(inner) > 900
        if len(inner) > least and not is_long_listing and not re.search(boilerplate, inner, re.IGNORECASE):
            out.append(inner)
    return out


def main(repositories: pathlib.Path, debs: pathlib.Path, out: pathlib.Path) -> None:
    corpus = Corpus(repositories)
    revisions = pathlib.Path(__file__).with_name("openstax_revisions.json")
    corpus.add_textbooks(json.loads(revisions.read_text(encoding="utf-8")))
    corpus.add_peps()
    corpus.add_factbook()
    corpus.add_speeches()
    corpus.add_markdown("rust-lang/book", "rust-book", r"^src/.*\.md$", keep_code=True, english_only=False)
    corpus.add_markdown("18F/handbook", "18f-handbook", r"\.(md|markdown)$")
    corpus.add_markdown("exercism/problem-specifications", "exercism", r"description\.md$", keep_code=True)
    pages = r"^pages/(common|linux)/.*\.md$"
    corpus.add_markdown("tldr-pages/tldr", "tldr", pages, 1_200_000, keep_code=True, least=300, english_only=False)
    corpus.add_code("TheAlgorithms/Python", "thealgorithms-python", r"\.py$", 4_000_000)
    corpus.add_debian(debs)
    corpus.add_books(min(135_000_000, 230_000_000 - sum(corpus.bytes.values())), 230_000)
    corpus.rng.shuffle(corpus.documents)
    out.mkdir(parents=True, exist_ok=True)
    size = -(-len(corpus.documents) // PARTS)
    for part in range(PARTS):
        with lzma.open(out / f"corpus{part}.xz", "wt", encoding="utf-8") as file:
            file.write("\0".join(corpus.documents[part * size : (part + 1) * size]))
    report = {"documents": len(corpus.documents), "bytes": dict(corpus.bytes.most_common())}
    (out / "corpus.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(pathlib.Path, sys.argv[1:]))
