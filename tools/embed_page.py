#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""embed_page.py FOLDER FUNCTION OUT.cc: the files of a built page as a table in C++ (service/page_files.h), each plain and,
where that is smaller, as gzip and Brotli bytes, so that a server compresses nothing. Brotli comes from the module `brotli` or
from Node, and is left out where neither is here. The same files give the same text."""
import gzip
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}
PACKED_ALREADY = {".png", ".webp", ".jpg", ".ico", ".woff2"}
LEFT_OUT = {".map"}
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
# What the bundler names by its content.
HASHED = re.compile(r"assets/.*[.-][A-Za-z0-9_-]{8,}\.[a-z0-9]+")
MOST_BYTES = 16 << 20


def brotli_of(data):
    """None: there is nothing here that makes it."""
    try:
        import brotli  # pylint: disable=import-outside-toplevel
        return brotli.compress(data, quality=11)
    except ImportError:
        pass
    node = shutil.which("node")
    if node is None:
        return None
    script = ("const c = require('zlib').constants; process.stdout.write(require('zlib').brotliCompressSync(require('fs').readFileSync(0),"
              " {params: {[c.BROTLI_PARAM_QUALITY]: 11}}))")
    done = subprocess.run([node, "-e", script], input=data, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def forms_of(data, suffix):
    """Plain, gzip, Brotli; b"" where a form is none or no smaller than nine tenths."""
    if suffix in PACKED_ALREADY:
        return [data, b"", b""]
    forms = [data, gzip.compress(data, 9, mtime=0), brotli_of(data) or b""]
    return [data] + [form if len(form) * 10 <= len(data) * 9 else b"" for form in forms[1:]]


def files_of(folder):
    """(name, path) of all files of the page, by name."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or path.suffix in LEFT_OUT:
            continue
        if not NAME.fullmatch(name):
            raise ValueError(f"{name}: a file of the page is named by letters, digits, '.', '_' and '-'")
        if path.suffix not in TYPES:
            raise ValueError(f"{name}: of what type is it? (TYPES)")
        found.append((name, path))
    if not any(name == "index.html" for name, _ in found):
        raise ValueError(f"{folder} has no index.html: it is no page that was built")
    if (total := sum(path.stat().st_size for _, path in found)) > MOST_BYTES:
        raise ValueError(f"the page has {total} bytes, at most {MOST_BYTES}")
    return found


def array_of(data, name):
    rows = (",".join(map(str, data[at:at + 32])) for at in range(0, len(data), 32))
    return f"constexpr unsigned char {name}[] = {{\n" + ",\n".join(rows) + "};\n"


def table_of(folder, function):
    arrays, rows = [], []
    for number, (name, path) in enumerate(files_of(folder)):
        data = path.read_bytes()
        views = []
        for form, suffix in zip(forms_of(data, path.suffix), ("", "z", "b")):
            if form:
                arrays.append(array_of(form, f"k{number}{suffix}"))
            views.append(f"View(k{number}{suffix}, sizeof k{number}{suffix})" if form else "{}")
        where = "/" if name == "index.html" else "/" + name
        is_hashed = "true" if HASHED.fullmatch(name) else "false"
        rows.append(f'      {{"{where}", "{TYPES[path.suffix]}", "{hashlib.sha256(data).hexdigest()[:32]}", {", ".join(views)}, {is_hashed}}},\n')
    return (f"""// Made by tools/embed_page.py.
#include "server/embedded_page.h"

namespace thimble::server {{

namespace {{

{"".join(arrays)}
std::string_view View(const unsigned char* bytes, std::size_t size) {{
  return {{reinterpret_cast<const char*>(bytes), size}};
}}

}}  // namespace

std::span<const service::PageFile> {function}();
std::span<const service::PageFile> {function}() {{
  static const service::PageFile kFiles[] = {{
{"".join(rows)}  }};
  return kFiles;
}}

}}  // namespace thimble::server
""")


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        text = table_of(pathlib.Path(arguments[0]), arguments[1])
    except (OSError, ValueError) as error:
        print(f"embed_page: {error}", file=sys.stderr)
        return 1
    pathlib.Path(arguments[2]).write_text(text, encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
