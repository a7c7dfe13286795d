#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the packages of maven.lock into a folder, each checked by its SHA-256; Maven fetches what is not there yet.

fetch_maven.py FOLDER [USE ...]        the packages of these uses (build, lint, test), or of all
fetch_maven.py --class-path FOLDER USE the files of one use, as java wants them, in the order of the lock; fetches nothing

What lies there with the right digest is left alone, so a second run needs no network. A file with another digest than the
lock says is removed and the run fails: nothing that is not pinned gets into a build."""
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile
from xml.sax.saxutils import escape

LOCK = pathlib.Path(__file__).with_name("maven.lock")
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.0"


class Package:
    """One line of the lock: uses, comma-separated; group:artifact:version:extension; SHA-256."""

    def __init__(self, line):
        uses, coordinates, self.sha256 = line.split()
        self.uses = set(uses.split(","))
        self.group, self.artifact, self.version, self.extension = coordinates.split(":")
        self.file = f"{self.artifact}-{self.version}.{self.extension}"


def read_lock():
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    packages = [Package(line) for line in lines if line.strip() and not line.startswith("#")]
    names = [package.file for package in packages]
    if len(set(names)) != len(names):
        raise SystemExit(f"{LOCK.name}: two packages have the same file name")
    return packages


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(missing, folder):
    """Has Maven copy the packages into the folder, none of them with what they depend on: the lock names that, too."""
    items = "".join(
        f"<artifactItem><groupId>{escape(p.group)}</groupId><artifactId>{escape(p.artifact)}</artifactId>"
        f"<version>{escape(p.version)}</version><type>{escape(p.extension)}</type></artifactItem>" for p in missing)
    group, artifact, version = PLUGIN.split(":")
    project = (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>thimble</groupId>'
        "<artifactId>packages</artifactId><version>1</version><packaging>pom</packaging><build><plugins><plugin>"
        f"<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
        f"<configuration><outputDirectory>{escape(str(folder))}</outputDirectory><artifactItems>{items}</artifactItems>"
        "</configuration></plugin></plugins></build></project>")
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "pom.xml"
        file.write_text(project, encoding="utf-8")
        subprocess.run(["mvn", "-q", "-B", "-f", str(file), f"{PLUGIN}:copy"], check=True, stdout=sys.stderr)


def unpack_classes(path):
    """The classes of an Android library (.aar) as a .jar beside it, which is what a JVM reads."""
    jar = path.with_suffix(".jar")
    with zipfile.ZipFile(path) as library:
        jar.write_bytes(library.read("classes.jar"))


def class_path(folder, use):
    files = [folder / p.file for p in read_lock() if use in p.uses]
    files = [file.with_suffix(".jar") if file.suffix == ".aar" else file for file in files]
    for file in files:
        if not file.is_file():
            raise SystemExit(f"{file} is missing: run scripts/get-android-tools")
    return ":".join(str(file) for file in files)


def main(arguments):
    if arguments[:1] == ["--class-path"] and len(arguments) == 3:
        print(class_path(pathlib.Path(arguments[1]).resolve(), arguments[2]))
        return 0
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    folder = pathlib.Path(arguments[0]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    uses = set(arguments[1:])
    wanted = [p for p in read_lock() if not uses or uses & p.uses]
    missing = [p for p in wanted if not (folder / p.file).is_file() or digest(folder / p.file) != p.sha256]
    if missing:
        print(f"fetching {len(missing)} packages of Maven Central into {folder}", file=sys.stderr)
        fetch(missing, folder)
    for package in missing:
        path = folder / package.file
        found = digest(path)
        if found != package.sha256:
            path.unlink()
            raise SystemExit(f"{package.file}: SHA-256 is {found}, and maven.lock says {package.sha256}; removed")
    for package in wanted:
        if package.extension == "aar":
            unpack_classes(folder / package.file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
