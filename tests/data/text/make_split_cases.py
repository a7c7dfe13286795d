#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes split_cases.jsonl: random strings of awkward characters, and what the reference makes of them.

Each line: "text"; "nfc", its normal form, where that differs; "pieces", the lengths in UTF-8 bytes of the pieces into
which the split rule cuts the normal form. Needs tokenizers==0.23.3. The same seed gives the same file.
"""
import json
import random
import unicodedata

from tokenizers import Regex, normalizers, pre_tokenizers

RULE = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+")
BITS = ["'s", "'S", "'\u017f", "'re", "'Ve", "'LL", "'d", "'l", "' ", "''", "word", "Two", " the", " ", "  ", "\t", "\n",
        "\r\n", "\u00a0", "\u3000", "\x85", "\u2028", "\x1c", "7", "42", "!", "...", " -", "\u200d", "\ufeff", "\0",
        "\u4f60\u597d", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31", "e\u0301", "\u0344", "\u212b",
        "\u1100\u1161\u11a8", "\uac00\u11a8", "\u0958", "\U0001f600", "\U0002f800"]


def main():
    rng = random.Random(35)
    combining = [c for c in range(0x30000) if unicodedata.combining(chr(c))]
    split = pre_tokenizers.Split(Regex(RULE), "isolated")
    nfc = normalizers.NFC()

    def character():
        kind = rng.randrange(8)
        if kind == 0:
            return chr(rng.choice(combining))
        if kind == 1:
            return chr(rng.randrange(0x20000, 0x110000))
        if kind == 2:
            return chr(rng.choice([c for c in (rng.randrange(0x20000) for _ in range(4)) if not 0xD800 <= c < 0xE000] or [32]))
        if kind == 3:
            return chr(rng.randrange(0x3000))
        return rng.choice(BITS)

    with open("split_cases.jsonl", "w", encoding="ascii") as out:
        for _ in range(500):
            text = "".join(character() for _ in range(rng.choice((2, 4, 8, 24))))
            normal = nfc.normalize_str(text)
            case = {"text": text}
            if normal != text:
                case["nfc"] = normal
            case["pieces"] = [len(piece.encode()) for piece, _ in split.pre_tokenize_str(normal)]
            out.write(json.dumps(case) + "\n")


if __name__ == "__main__":
    main()
