# SPDX-License-Identifier: Apache-2.0
"""What a person sees: a terminal's screen as lines of cells, from the bytes that were sent to it."""
import re
import unicodedata

TOKEN = re.compile(r"\x1b\[([0-9;?]*)([a-zA-Z])|\x1b[()][A-Z0-9]|\x1b[=>78]|([\s\S])")


def width(char):
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Screen:
    """Enough of an xterm for what line editors and our own printing send; endless downwards, never scrolls."""

    def __init__(self, columns=80):
        self.columns = columns
        self.rows = [[]]  # cells: (text, style); the second half of a wide character is ("", style)
        self.row = self.column = 0
        self.style = ""

    def feed(self, text):
        for match in TOKEN.finditer(text):
            arguments, command, char = match.groups()
            if command is not None:
                self._control(arguments, command)
            elif char is not None:
                self._put(char)
        return self

    def lines(self):
        return ["".join(cell[0] for cell in row).rstrip() for row in self.rows]

    def _go(self, row, column):
        self.row, self.column = max(0, row), min(max(0, column), self.columns - 1)
        while len(self.rows) <= self.row:
            self.rows.append([])

    def _control(self, arguments, command):
        number = int(arguments) if arguments.isdigit() else 1
        moves = {"A": (-number, 0), "B": (number, 0), "C": (0, number), "D": (0, -number)}
        if command in moves:
            self._go(self.row + moves[command][0], self.column + moves[command][1])
        elif command == "G":
            self._go(self.row, number - 1)
        elif command == "K":
            del self.rows[self.row][self.column:]
        elif command == "J":
            del self.rows[self.row][self.column:]
            del self.rows[self.row + 1:]
        elif command == "P":
            del self.rows[self.row][self.column:self.column + number]
        elif command == "@":
            self.rows[self.row][self.column:self.column] = [(" ", "")] * number
        elif command == "m":
            self.style = "" if arguments in ("", "0") else arguments

    def _put(self, char):
        if char == "\n":
            self._go(self.row + 1, self.column)
        elif char == "\r":
            self.column = 0
        elif char == "\b":
            self.column = max(0, self.column - 1)
        elif char >= " ":
            size = width(char)
            if self.column + size > self.columns:  # the terminal breaks the line where a program did not
                self._go(self.row + 1, 0)
                self.column = 0
            row = self.rows[self.row]
            while len(row) < self.column:
                row.append((" ", ""))
            if size == 0:
                if row and self.column > 0:
                    row[self.column - 1] = (row[self.column - 1][0] + char, row[self.column - 1][1])
                return
            row[self.column:self.column + size] = [(char, self.style)] + [("", self.style)] * (size - 1)
            self.column += size
