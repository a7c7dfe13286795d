# SPDX-License-Identifier: Apache-2.0
"""Builds or finds the engines that Thimble is compared with. They live outside the repository, in a folder of their own
(default ~/.cache/thimble/peers); nothing of them is ever copied into it."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT_FOLDER = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "thimble/peers"
NODE_LLAMA_CPP = "node-llama-cpp@3.22.1"
IK_REPOSITORY = "https://github.com/ikawrakow/ik_llama.cpp"
IK_OPTIONS = ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_SERVER=OFF",
              # Attention over quantised caches: not measured here, and an hour of compiling.
              "-DGGML_IQK_FA_ALL_QUANTS=OFF"]


class PeerError(Exception):
    """A sentence for people: what is missing, and what to do about it."""


def need(program, for_what):
    if shutil.which(program) is None:
        raise PeerError(f"{for_what} needs {program}, which is not installed")


def run(command, **options):
    print("+", " ".join(map(str, command)), file=sys.stderr, flush=True)
    if subprocess.run(list(map(str, command)), check=False, stdout=sys.stderr, **options).returncode != 0:
        raise PeerError(f"this failed: {' '.join(map(str, command))}")


def setup_llama_cpp(folder):
    """llama.cpp as its Node binding ships it: prebuilt for every instruction set, chosen at run time."""
    need("npm", "llama.cpp")
    target = folder / "node"
    target.mkdir(parents=True, exist_ok=True)
    if not (target / "package.json").exists():
        (target / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    run(["npm", "install", "--no-audit", "--no-fund", NODE_LLAMA_CPP], cwd=target)
    return find_llama_cpp(folder)


def find_llama_cpp(folder):
    modules = folder / "node/node_modules"
    return modules if (modules / "node-llama-cpp/dist/index.js").exists() else None


def setup_ik(folder, source, jobs):
    """ik_llama.cpp from a checkout (or a fresh clone), its llama-bench only."""
    need("cmake", "ik_llama.cpp")
    if source is None:
        need("git", "ik_llama.cpp")
        source = folder / "ik_llama.cpp"
        if not source.exists():
            folder.mkdir(parents=True, exist_ok=True)
            run(["git", "clone", "--depth", "1", IK_REPOSITORY, source])
    build = folder / "ik/build"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    run(["cmake", "-S", source, "-B", build, *generator, *IK_OPTIONS])
    run(["cmake", "--build", build, "--target", "llama-bench", "-j", jobs])
    return find_ik(folder)


def find_ik(folder):
    program = folder / "ik/build/bin/llama-bench"
    return program if program.exists() else None


class Thimble:
    def __init__(self, program, arguments=()):
        self.program, self.arguments = pathlib.Path(program), list(arguments)
        if not self.program.exists():
            raise PeerError(f"{program} is not there; build it (cmake --preset release && cmake --build build --target thimble), or name "
                            "one with --thimble")
        self.name = "thimble"

    def measure(self, model, what):
        out = answer([self.program, "bench", model, "--json", "--repeat", 1, "--threads", what.threads, "--prompt", what.prompt, "--decode",
                      what.decode, "--depth", what.depth, *self.arguments])
        rates = {part: out[part]["tokens_per_second"] for part in ("prompt", "decode") if out[part]}
        return rates, f"thimble {out['version']}, {out['isa']}"


class LlamaBench:
    """Any llama-bench that speaks JSON: ik_llama.cpp's, or llama.cpp's own. Their warming up is one token, so the
    first of two runs is left out, as Thimble's is."""

    def __init__(self, name, program, arguments=(), has_gp=False):
        self.name, self.program, self.arguments = name, pathlib.Path(program), list(arguments)
        self.has_gp = has_gp  # ik_llama.cpp says -gp DEPTH,N where llama.cpp says -d DEPTH
        if not self.program.exists():
            raise PeerError(f"{program} is not there")

    def measure(self, model, what):
        tests = []
        if what.prompt > 0:
            tests.append(("prompt", ["-p", what.prompt, "-n", 0]))
        if what.decode > 0 and what.depth > 0:
            deep = ["-n", 0, "-gp", f"{what.depth},{what.decode}"] if self.has_gp else ["-n", what.decode, "-d", what.depth]
            tests.append(("decode", ["-p", 0, *deep]))
        elif what.decode > 0:
            tests.append(("decode", ["-p", 0, "-n", what.decode]))
        if what.depth == 0 and len(tests) == 2:  # both by one process: the model is loaded once
            tests = [(None, ["-p", what.prompt, "-n", what.decode])]
        rates, version = {}, self.name
        for only, flags in tests:
            rows = answer([self.program, "-m", model, "-t", what.threads, *flags, "-r", 2, "-o", "json", *self.arguments])
            for row in rows:
                rates[only or ("decode" if row["n_gen"] > 0 else "prompt")] = float(row["samples_ts"][-1])
                version = f"{self.name} {row.get('build_commit', '')} {' '.join(map(str, self.arguments))}".strip()
        wanted = {part for part in ("prompt", "decode") if getattr(what, part) > 0}
        if set(rates) != wanted:
            raise PeerError(f"{self.name}: llama-bench reported {sorted(rates)}, {sorted(wanted)} was asked for")
        return rates, version


class LlamaCpp:
    name = "llama.cpp"

    def __init__(self, modules):
        need("node", "llama.cpp")
        self.modules = modules

    def measure(self, model, what):
        wanted = {"modules": str(self.modules), "model": str(pathlib.Path(model).resolve()), "threads": what.threads, "prompt": what.prompt,
                  "decode": what.decode, "depth": what.depth}
        out = answer(["node", HERE / "llama_cpp.mjs", json.dumps(wanted)])
        return {part: out[part] for part in ("prompt", "decode") if part in out}, out["version"]


def answer(command):
    """The JSON that a command prints last; its standard error only when it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerError(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stderr.strip()[-2000:]}")
    text = done.stdout.strip()
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        starts = [i for i in range(len(text)) if text[i] in "[{" and (i == 0 or text[i - 1] == "\n")]
        for start in starts:
            try:
                return json.loads(text[start:])
            except json.JSONDecodeError:
                continue
        raise PeerError(f"{command[0]} printed no JSON: {text[:300]}") from None
