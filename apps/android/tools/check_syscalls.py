#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says no unless every system call that a program can make is one that Android lets apps make: it ends a program that
makes another one.

check_syscalls.py PROGRAM [--list ALLOWED]

PROGRAM: for AArch64, static, with its symbols (the linker's output before it is stripped). Read is what stands before
each `svc #0`, and what is given to the C library's functions that make any call. ALLOWED: names, one a line ("NAME in
FUNCTION ...": made there only); without it allowed_calls.txt beside this file. A call whose number cannot be read is a fault, but in the functions that take it as
an argument."""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
NUMBERS = pathlib.Path("/usr/include/asm-generic/unistd.h")
# musl's functions that make the call of their first argument: their callers are looked at.
THROUGH = ("__syscall_cp", "__syscall_cp_c", "__syscall_cp_asm", "sccp", "syscall", "__cp_begin", "__cp_end")
FURTHEST = 120  # instructions that are looked at before a call


def names_by_number():
    text = NUMBERS.read_text(encoding="ascii")
    pairs = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", text, re.M)
    names = {int(number): name for name, number in pairs}
    names[79] = "newfstatat"  # as 64-bit ARM calls what the header has under two names
    return names


def disassemble(program):
    for tool in ("llvm-objdump-19", "llvm-objdump", "aarch64-linux-gnu-objdump"):
        try:
            run = subprocess.run([tool, "-d", "--no-show-raw-insn", program], capture_output=True, text=True, check=True)
        except FileNotFoundError:
            continue
        except subprocess.CalledProcessError as error:
            sys.exit(f"{program}: cannot be disassembled: {error.stderr.strip()}")
        return run.stdout.splitlines()
    sys.exit("there is no llvm-objdump-19 on this machine: scripts/setup --dev installs it")


def number_before(lines, at, register):
    """What the register holds at line `at`: the last constant that was written there in the same function; None where it
    is no constant."""
    for back in range(at - 1, max(at - FURTHEST, -1), -1):
        line = lines[back]
        if re.match(r"^[0-9a-f]+ <.+>:$", line):
            return None
        constant = re.search(rf"\tmovz?\s+[wx]{register}, #(0x[0-9a-f]+|\d+)\b", line)
        if constant:
            return int(constant.group(1), 0)
        if re.search(rf"\tmov\s+[wx]{register}, [wx]zr\b", line):
            return 0
        writes = re.search(rf"\t([a-z.]+)\s+[wx]{register}(,|$)", line)
        if writes and not re.match(r"str|stp|stur|cmp|cmn|tst|cb|tb", writes.group(1)):
            return None
    return None


def calls_of(lines):
    """Number -> the functions that make this call; and the places whose number is not a constant."""
    found, unread, function = {}, [], "?"
    for at, line in enumerate(lines):
        begin = re.match(r"^[0-9a-f]+ <(.+)>:$", line)
        if begin:
            function = begin.group(1)
            continue
        through = re.search(r"\tbl?\s+0x[0-9a-f]+ <([\w.]+)>$", line)
        is_through = through is not None and through.group(1) in THROUGH
        is_call = re.search(r"\tsvc\s+#(0x)?0$", line) is not None
        if not is_call and not is_through:
            continue
        if function in THROUGH:
            continue
        number = number_before(lines, at, "0" if is_through else "8")
        if number is None:
            unread.append((function, line.split(":")[0].strip()))
        else:
            found.setdefault(number, set()).add(function)
    return found, unread


def read_allowed(path):
    """Name -> the only functions that may make this call; none named: all may."""
    lines = (line.partition("#")[0].split() for line in path.read_text(encoding="ascii").splitlines())
    return {line[0]: set(line[2:]) for line in lines if line and line[1:2] in ([], ["in"])}


def main(arguments):
    allowed = HERE / "allowed_calls.txt"
    if len(arguments) == 3 and arguments[1] == "--list":
        allowed = pathlib.Path(arguments[2])
    elif len(arguments) != 1:
        print(__doc__)
        return 2
    names, permitted = names_by_number(), read_allowed(allowed)
    found, unread = calls_of(disassemble(arguments[0]))
    wrong = 0
    for number in sorted(found):
        name = names.get(number, f"number {number}")
        outside = found[number] - permitted[name] if permitted.get(name) else set()
        if name not in permitted or outside:
            wrong += 1
            print(f"{arguments[0]}: {name} is not allowed to apps; it is made in {', '.join(sorted(outside or found[number]))}")
    for function, address in unread:
        wrong += 1
        print(f"{arguments[0]}: which call {function} makes at {address} cannot be read")
    if not found:
        wrong += 1
        print(f"{arguments[0]}: no system call was found: is it stripped, or another machine's?")
    made = ", ".join(sorted(names.get(number, str(number)) for number in found))
    print(f"{len(found)} system calls, {wrong} faults: {made}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
