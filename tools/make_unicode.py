#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/text/unicode_tables.h: character classes and canonical composition, as small static tables.

The reference tokenizer (Hugging Face tokenizers 0.23) mixes two versions of Unicode, and equal tokens need the same mix:
its regex engine knows the categories of Unicode 16.0, its normaliser the compositions of Unicode 9.0. The compositions of
a character never change once it is assigned, so 9.0 is 16.0 without what came later (ADDED_AFTER_9 below).

Needs a unicodedata of version 16.0.0: Python 3.14's own, or the package unicodedata2==16.0.0.
With --check it also needs the package tokenizers, and compares every code point with what the reference does.

    python3 tools/make_unicode.py > src/text/unicode_tables.h
    python3 tools/make_unicode.py --check
"""
import argparse
import sys
import unicodedata

if unicodedata.unidata_version != "16.0.0":
    try:
        import unicodedata2 as unicodedata
    except ImportError:
        pass
if unicodedata.unidata_version != "16.0.0":
    sys.exit(f"Unicode 16.0.0 is needed, this Python has {unicodedata.unidata_version}: pip install unicodedata2==16.0.0")

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
OTHER, LETTER, MARK, NUMBER, SPACE = range(5)
NFC_UNSETTLED = 8  # the bit beside the class: this character may combine with or be moved before its predecessor
BLOCK = 128  # code points a block of the two-level table

# Characters with a combining class or a canonical decomposition that Unicode got after version 9.0
# (Age > 9.0 in DerivedAge.txt).
ADDED_AFTER_9 = [
    (0x7FD, 0x7FD), (0x897, 0x89F), (0x8CA, 0x8D3), (0x9FE, 0x9FE), (0xC3C, 0xC3C), (0xD3B, 0xD3C), (0xEBA, 0xEBA),
    (0x1715, 0x1715), (0x1ABF, 0x1ACE), (0x1DF6, 0x1DFA), (0xA82C, 0xA82C), (0x105C9, 0x105C9), (0x105E4, 0x105E4),
    (0x10D24, 0x10D27), (0x10D69, 0x10D6D), (0x10EAB, 0x10EAC), (0x10EFD, 0x10EFF), (0x10F46, 0x10F50),
    (0x10F82, 0x10F85), (0x11070, 0x11070), (0x1133B, 0x1133B), (0x11383, 0x11383), (0x11385, 0x11385),
    (0x1138E, 0x1138E), (0x11391, 0x11391), (0x113C5, 0x113C5), (0x113C7, 0x113C8), (0x113CE, 0x113D0),
    (0x1145E, 0x1145E), (0x11839, 0x1183A), (0x11938, 0x11938), (0x1193D, 0x1193E), (0x11943, 0x11943),
    (0x119E0, 0x119E0), (0x11A34, 0x11A34), (0x11A47, 0x11A47), (0x11A99, 0x11A99), (0x11D42, 0x11D42),
    (0x11D44, 0x11D45), (0x11D97, 0x11D97), (0x11F41, 0x11F42), (0x16121, 0x16128), (0x1612F, 0x1612F),
    (0x16D68, 0x16D6A), (0x16FF0, 0x16FF1), (0x1E08F, 0x1E08F), (0x1E130, 0x1E136), (0x1E2AE, 0x1E2AE),
    (0x1E2EC, 0x1E2EF), (0x1E4EC, 0x1E4EF), (0x1E5EE, 0x1E5EF)]
TOO_NEW = {c for first, last in ADDED_AFTER_9 for c in range(first, last + 1)}


def char_class(c):
    # The regex engine's \s: separators and the C0/C1 controls that Unicode lists as White_Space (not 1C..1F).
    if 0x09 <= c <= 0x0D or c == 0x85:
        return SPACE
    return {"L": LETTER, "M": MARK, "N": NUMBER, "Z": SPACE}.get(unicodedata.category(chr(c))[0], OTHER)


def combining_class(c):
    return 0 if c in TOO_NEW else unicodedata.combining(chr(c))


def decomposition(c):
    """One step of canonical decomposition: one or two code points; empty for none and for Hangul (arithmetic)."""
    text = unicodedata.decomposition(chr(c))
    if not text or text.startswith("<") or c in TOO_NEW:
        return []
    return [int(part, 16) for part in text.split()]


def is_composite(c):
    """Whether NFC builds c from its parts: it has two of them and survives normalisation itself."""
    return len(decomposition(c)) == 2 and unicodedata.normalize("NFC", chr(c)) == chr(c)


def is_unsettled(c, second_parts):
    if combining_class(c) != 0 or c in second_parts:
        return True
    if 0x1161 <= c <= 0x1175 or 0x11A8 <= c <= 0x11C2:  # Hangul vowels and final consonants
        return True
    return bool(decomposition(c)) and not is_composite(c)


def ranges_of(values):
    """(code point, value) pairs in order -> (first, last, value) of equal neighbours."""
    ranges = []
    for c, value in values:
        if ranges and ranges[-1][1] == c - 1 and ranges[-1][2] == value:
            ranges[-1][1] = c
        else:
            ranges.append([c, c, value])
    return ranges


def wrap(items, indent="    "):
    lines, line = [], indent
    for item in items:
        if len(line) + len(item) + 1 > 120:
            lines.append(line.rstrip())
            line = indent
        line += item + " "
    lines.append(line.rstrip())
    return "\n".join(lines)


def two_level(nibbles):
    """Blocks of 16-character words, equal blocks once, and the index of each block; the tail is left out."""
    blocks, index = {}, []
    for first in range(0, len(nibbles), BLOCK):
        words = []
        for start in range(first, first + BLOCK, 16):
            words.append(sum(nibbles[start + i] << (4 * i) for i in range(16)))
        index.append(blocks.setdefault(tuple(words), len(blocks)))
    return list(blocks), index


def write_tables(out):
    decompositions = [(c, decomposition(c)) for c in CODE_POINTS if decomposition(c)]
    composites = [(parts, c) for c, parts in decompositions if is_composite(c)]
    second_parts = {parts[1] for parts, _ in composites}
    nibbles = [0] * 0x110000
    for c in CODE_POINTS:
        nibbles[c] = char_class(c) | (NFC_UNSETTLED if is_unsettled(c, second_parts) else 0)
    # Everything above the last CJK extension but the variation selectors of plane 14 is "other".
    table_end = 0x33480
    tail = ranges_of([(c, nibbles[c]) for c in range(table_end, 0x110000) if nibbles[c]])
    assert tail == [[0xE0100, 0xE01EF, MARK]], tail
    blocks, index = two_level(nibbles[:table_end])
    classes = ranges_of([(c, combining_class(c)) for c in CODE_POINTS if combining_class(c)])
    row_of = {c: row for row, (c, _) in enumerate(decompositions)}
    by_parts = [row_of[c] for _, c in sorted(composites)]

    print(f"""// SPDX-License-Identifier: Apache-2.0
// Tables of unicode.cc, written by tools/make_unicode.py: do not edit. Classes are those of Unicode 16.0, compositions
// those of Unicode 9.0, the mix that the reference tokenizer uses.
#pragma once

#include <cstdint>

// clang-format off
namespace thimble::unicode_tables {{

// Per code point four bits: the CharClass in the lower three, and in the upper one whether the character can change
// under NFC together with what stands before it. Code point c stands in kBlocks[kBlockIndex[c / 128]][c / 16 % 8], bits
// 4 * (c % 16). From kTableEnd on all are 0, except marks at kTailMarksFirst to kTailMarksLast.
inline constexpr std::uint32_t kTableEnd = 0x{table_end:X};
inline constexpr std::uint32_t kTailMarksFirst = 0x{tail[0][0]:X};
inline constexpr std::uint32_t kTailMarksLast = 0x{tail[0][1]:X};
inline constexpr std::uint8_t kNfcUnsettled = {NFC_UNSETTLED};
inline constexpr std::uint16_t kBlockIndex[{len(index)}] = {{
{wrap(f"{i}," for i in index)}
}};
inline constexpr std::uint64_t kBlocks[{len(blocks)}][8] = {{
{wrap("{" + ",".join(f"0x{word:X}" for word in block) + "}," for block in blocks)}
}};

// Canonical combining classes other than 0, ascending.
struct CombiningRange {{
  std::uint32_t first, last;
  std::uint8_t combining_class;
}};
inline constexpr CombiningRange kCombiningRanges[{len(classes)}] = {{
{wrap(f"{{0x{first:X},0x{last:X},{value}}}," for first, last, value in classes)}
}};

// One step of canonical decomposition, ascending; second is 0 where a character becomes a single other one.
struct Decomposition {{
  std::uint32_t code_point, first, second;
}};
inline constexpr Decomposition kDecompositions[{len(decompositions)}] = {{
{wrap(f"{{0x{c:X},0x{parts[0]:X},{'0x%X' % parts[1] if len(parts) == 2 else 0}}}," for c, parts in decompositions)}
}};

// Rows of kDecompositions that composition may undo, ordered by (first, second).
inline constexpr std::uint16_t kCompositions[{len(by_parts)}] = {{
{wrap(f"{row}," for row in by_parts)}
}};

}}  // namespace thimble::unicode_tables
// clang-format on""", file=out)


def check():
    """Every code point against the reference: classes by splitting, orders and compositions by normalising."""
    from tokenizers import Regex, normalizers, pre_tokenizers

    wrong = 0
    for name, value in ((r"\p{L}", LETTER), (r"\p{M}", MARK), (r"\p{N}", NUMBER), (r"\s", SPACE)):
        remover = pre_tokenizers.Split(Regex(name), "removed")
        kept = set()
        for start in range(0, len(CODE_POINTS), 4096):
            for piece, _ in remover.pre_tokenize_str("".join(map(chr, CODE_POINTS[start:start + 4096]))):
                kept.update(map(ord, piece))
        different = [c for c in CODE_POINTS if (c not in kept) != (char_class(c) == value)]
        print(f"{name}: {len(different)} code points differ")
        wrong += len(different)
    nfc = normalizers.NFC().normalize_str
    # One mark of each kind of combining class, to see whether the reference moves c before it.
    witnesses = [(m, combining_class(m)) for m in (0x334, 0x5B0, 0x316, 0x301, 0x345, 0x94D, 0x3099, 0x93C)]
    different = set()
    for c in CODE_POINTS:
        if decomposition(c):
            full = unicodedata.normalize("NFD", chr(c))
            if nfc(full) != unicodedata.normalize("NFC", chr(c)) or nfc(chr(c)) != unicodedata.normalize("NFC", chr(c)):
                different.add(c)
            continue
        for mark, mark_class in witnesses:
            moved = 0 < combining_class(c) < mark_class
            want = "\u2020" + (chr(c) + chr(mark) if moved else chr(mark) + chr(c))
            if nfc("\u2020" + chr(mark) + chr(c)) != want:
                different.add(c)
    for c in TOO_NEW:
        full = unicodedata.normalize("NFD", chr(c))
        if nfc(full) != full or nfc(chr(c)) != chr(c):
            different.add(c)
    print(f"NFC: {len(different)} code points differ")
    return wrong + len(different)


def main():
    parser = argparse.ArgumentParser(description="Writes the Unicode tables of src/text to standard output.")
    parser.add_argument("--check", action="store_true", help="compare with the reference tokenizer instead")
    if parser.parse_args().check:
        sys.exit(1 if check() else 0)
    write_tables(sys.stdout)


if __name__ == "__main__":
    main()
