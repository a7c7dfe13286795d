#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures Thimble beside other engines, on the same files, in turns.

    compare.py setup [llama.cpp] [ik_llama.cpp] [--ik-source DIR]   build or fetch the peers (needs the network)
    compare.py run --model A.gguf [--model B.gguf ...]              measure; a table, and JSON with --out

Every round starts each engine once as a process of its own; the order turns around from round to round, so that a machine that grows
hot or busy favours nobody. Reported are medians of the rounds, and ratios: the median of each round's own Thimble / peer.
bench/README.md says more."""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import peers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PARTS = ("prompt", "decode")


def engines_of(options):
    found = [peers.Thimble(options.thimble, options.thimble_option)]
    asked = options.peer or ["llama.cpp", "ik_llama.cpp"]
    for name in asked:
        if name == "llama.cpp":
            modules = peers.find_llama_cpp(options.peers)
            if modules is None:
                raise peers.PeerError(f"llama.cpp is not in {options.peers}; `compare.py setup llama.cpp` fetches it")
            found.append(peers.LlamaCpp(modules))
        elif name == "ik_llama.cpp":
            program = options.ik or peers.find_ik(options.peers)
            if program is None:
                raise peers.PeerError(f"ik_llama.cpp is not in {options.peers}; `compare.py setup ik_llama.cpp` builds it, --ik names one")
            # Its best flags: weights repacked for this processor, flash attention; with huge pages and without.
            found.append(peers.LlamaBench("ik_llama.cpp", program, ["-rtr", 1, "-fa", 1, "-thp", 0], has_gp=True))
            found.append(peers.LlamaBench("ik_llama.cpp thp", program, ["-rtr", 1, "-fa", 1, "-thp", 1], has_gp=True))
    for text in options.llama_bench or []:
        name, _, program = text.partition("=")
        found.append(peers.LlamaBench(name, program))
    return found


def synthetic(size, options):
    """A file of the released shapes with random weights: speed does not depend on what the weights are."""
    path = options.peers / f"models/{size}-q4_k_m.gguf"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        vocabulary = ROOT / "build/fixtures/tokenizer/qwen35-vocab.gguf"
        extra = ["--vocab", str(vocabulary)] if vocabulary.exists() else []
        peers.run([sys.executable, ROOT / "tools/make_synthetic.py", size, "q4_k_m", part, *extra])
        part.rename(path)
    return path


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "runs": values}


def measure(model, engines, options):
    runs = {engine.name: {part: [] for part in PARTS} for engine in engines}
    versions = {}
    for number in range(options.rounds):
        order = engines if number % 2 == 0 else engines[::-1]
        for engine in order:
            print(f"{pathlib.Path(model).name}: round {number + 1} of {options.rounds}, {engine.name}", file=sys.stderr, flush=True)
            rates, versions[engine.name] = engine.measure(model, options)
            for part, rate in rates.items():
                runs[engine.name][part].append(rate)
    result = {"model": str(model), "file_bytes": os.path.getsize(model), "engines": {}}
    ours = runs["thimble"]
    for engine in engines:
        entry = {"version": versions[engine.name]}
        for part in PARTS:
            rates = runs[engine.name][part]
            if not rates:
                continue
            entry[part] = spread(rates)
            if engine.name != "thimble":
                entry[part]["thimble_ratio"] = spread([a / b for a, b in zip(ours[part], rates, strict=True)])
        result["engines"][engine.name] = entry
    return result


def table(result, options):
    lines = [f"\n{result['model']}  ({options.threads} threads, medians of {options.rounds}; tokens/s, least to most; Thimble's speed over the peer's)",
             f"{'engine':<20}{'prompt ' + str(options.prompt):>28}{'':>9}{'decode ' + str(options.decode):>28}{'':>9}"]
    for name, entry in result["engines"].items():
        line = f"{name:<20}"
        for part in PARTS:
            if part not in entry:
                line += " " * 37
                continue
            e = entry[part]
            ratio = f"x {e['thimble_ratio']['median']:.2f}" if "thimble_ratio" in e else ""
            line += f"{e['median']:>10.1f} ({e['least']:.1f} to {e['most']:.1f})".rjust(28) + ratio.rjust(9)
        lines.append(line)
    return "\n".join(lines)


def processor():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def run(options):
    engines = engines_of(options)
    models = [*options.model, *(synthetic(size, options) for size in options.synthetic)]
    if not models:
        raise peers.PeerError("nothing to measure: name files with --model, or make one with --synthetic 0.8b")
    for model in models:
        if not pathlib.Path(model).exists():
            raise peers.PeerError(f"{model} is not there")
    results = {"date": time.strftime("%Y-%m-%d"), "processor": processor(), "threads": options.threads, "prompt": options.prompt,
               "decode": options.decode, "depth": options.depth, "rounds": options.rounds, "results": []}
    for model in models:
        result = measure(model, engines, options)
        results["results"].append(result)
        print(table(result, options), flush=True)
        if options.out:
            options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def setup(options):
    for name in options.names or ["llama.cpp", "ik_llama.cpp"]:
        where = peers.setup_llama_cpp(options.peers) if name == "llama.cpp" else peers.setup_ik(options.peers, options.ik_source, options.jobs)
        if where is None:
            raise peers.PeerError(f"{name} was built, but is not where it should be in {options.peers}")
        print(f"{name}: {where}")


def count(text):
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def peer_name(text):
    if text not in ("llama.cpp", "ik_llama.cpp"):
        raise argparse.ArgumentTypeError(f"'{text}' is neither llama.cpp nor ik_llama.cpp")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

    def add(name, action):
        command = commands.add_parser(name)
        command.add_argument("--peers", type=lambda text: pathlib.Path(text).resolve(), default=peers.DEFAULT_FOLDER,
                             help="folder of the peers (default %(default)s)")
        command.set_defaults(action=action)
        return command

    command = add("setup", setup)
    command.add_argument("names", nargs="*", metavar="PEER", type=peer_name, help="llama.cpp, ik_llama.cpp (default: both)")
    command.add_argument("--ik-source", type=pathlib.Path, help="a checkout of ik_llama.cpp (default: clone one)")
    command.add_argument("--jobs", type=count, default=cores)
    command = add("run", run)
    command.add_argument("--model", action="append", type=pathlib.Path, default=[], help="GGUF file; repeatable")
    command.add_argument("--synthetic", action="append", default=[], choices=["0.8b", "2b", "4b", "9b"], help="make such a Q4_K_M file once, and measure it")
    command.add_argument("--thimble", type=pathlib.Path, default=ROOT / "build/thimble")
    command.add_argument("--thimble-option", action="append", default=[], help="passed on to thimble bench, e.g. --thimble-option=--isa=avx2")
    command.add_argument("--peer", action="append", choices=["llama.cpp", "ik_llama.cpp", "none"], help="measure this one (default: both)")
    command.add_argument("--ik", type=pathlib.Path, help="llama-bench of ik_llama.cpp (default: the one that setup built)")
    command.add_argument("--llama-bench", action="append", metavar="NAME=PATH", help="another llama-bench, e.g. llama.cpp's own")
    command.add_argument("--threads", type=count, default=cores)
    command.add_argument("--prompt", type=count, default=256)
    command.add_argument("--decode", type=count, default=32)
    command.add_argument("--depth", type=count, default=0, help="decode after so many tokens")
    command.add_argument("--rounds", type=count, default=5)
    command.add_argument("--out", type=pathlib.Path, help="results as JSON")
    options = parser.parse_args()
    try:
        options.action(options)
    except peers.PeerError as error:
        sys.exit(f"compare: {error}")
    except subprocess.SubprocessError as error:
        sys.exit(f"compare: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
