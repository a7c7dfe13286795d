# SPDX-License-Identifier: Apache-2.0
"""Programs for 64-bit ARM under qemu-user, with the plugin that counts the instructions they execute."""
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
EMULATOR = "qemu-aarch64"
SYSTEM = "/usr/aarch64-linux-gnu"  # libraries of programs that are not static: Debian's cross compiler's
KINDS = ["dot", "vector", "load", "store", "other"]


def build_plugin(folder):
    """Compiles the plugin into `folder`; its path."""
    plugin = str(pathlib.Path(folder) / "count_plugin.so")
    source = HERE / "count_plugin.c"
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", plugin, source], check=True)
    return plugin


def missing(*programs):
    """Those of `programs`, of the emulator and of the compiler for plugins that this machine lacks."""
    return [name for name in ("cc", EMULATOR, *programs) if shutil.which(name) is None]


def run(plugin, cpu, command):
    """(instructions by kind and "all" of one run of `command` on `cpu`, what it printed)."""
    command = [EMULATOR, "-cpu", cpu, "-L", SYSTEM, "-plugin", plugin, *map(str, command)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    found = re.search(r"^instructions (\d+)" + "".join(rf" {kind} (\d+)" for kind in KINDS) + "$", done.stderr, re.M)
    if done.returncode != 0 or found is None:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    return dict(zip(["all", *KINDS], map(int, found.groups()))), done.stdout
