#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the app calls Android's public API only, and what is newer than Android 9 only where it says so.

check_api.py CLASSES STUBS ANDROID_9.jar CT.sym [--list]

The jar that the app is compiled with has Android's hidden members, too, and a JDK's newer Java, so javac lets all of that pass. This
reads every class, method and field that our class files name and looks each up:
- android.* in STUBS, the public API of level 36 (.pyi files made from the SDK's android.jar, pinned by scripts/get-android-tools);
- and in ANDROID_9.jar, the Android of minSdk, with the types that it takes and gives. What is not there must stand in newer_api.txt
  with the level from which on it is there, and with the class of ours whose code compares SDK_INT before it;
- java.* in CT.sym, the JDK's list of older Java's API, under Java 8, which Android 9 has. What is not there must stand in
  newer_api.txt as d8's: the dex compiler puts code of its own in its place.
What Android 9 had hidden and a later level made public is not found out by this; neither are reflection (there is none) and constants,
which javac copies."""
import pathlib
import re
import struct
import sys
import zipfile

NEWER = pathlib.Path(__file__).with_name("newer_api.txt")
# Bytes of a constant by its tag (Java's class file format).
SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}


class ClassFile:
    """What a class file names, and whom it extends; `members` are its own fields and methods."""

    def __init__(self, data):
        if data[:4] != b"\xca\xfe\xba\xbe":
            raise ValueError("no class file")
        self.pool, at = {}, 10
        index, count = 1, struct.unpack_from(">H", data, 8)[0]
        while index < count:
            tag = data[at]
            if tag == 1:
                length = struct.unpack_from(">H", data, at + 1)[0]
                self.pool[index] = (1, data[at + 3:at + 3 + length].decode("utf-8", "replace"))
                at += 3 + length
            else:
                self.pool[index] = (tag, data[at + 1:at + 1 + SIZES[tag]])
                at += 1 + SIZES[tag]
            index += 2 if tag in (5, 6) else 1
        _, this, parent, interfaces = struct.unpack_from(">HHHH", data, at)
        at += 8
        self.name = self.class_name(this)
        others = struct.unpack_from(f">{interfaces}H", data, at)
        self.parents = [self.class_name(i) for i in (parent, *others) if i]
        self.members = self.read_members(data, at + 2 * interfaces)

    def text(self, index):
        return self.pool[index][1]

    def class_name(self, index):
        return self.text(struct.unpack(">H", self.pool[index][1])[0])

    def read_members(self, data, at):
        names = set()
        for _ in range(2):  # fields, then methods
            count = struct.unpack_from(">H", data, at)[0]
            at += 2
            for _ in range(count):
                _, name, descriptor, attributes = struct.unpack_from(">HHHH", data, at)
                at += 8
                names.add((self.text(name), self.text(descriptor)))
                for _ in range(attributes):
                    at += 6 + struct.unpack_from(">I", data, at + 2)[0]
        return names

    def uses(self):
        """(class, member, its types) of what the code names; member "" for a class itself."""
        for tag, value in self.pool.values():
            if tag == 7:
                yield self.text(struct.unpack(">H", value)[0]).lstrip("[").removeprefix("L").removesuffix(";"), "", ""
            elif tag in (9, 10, 11):
                owner, pair = struct.unpack(">HH", value)
                name, descriptor = struct.unpack(">HH", self.pool[pair][1])
                yield self.class_name(owner), self.text(name), self.text(descriptor)


class PublicApi:
    """The names in the stubs. A module is a package, in it classes are nested by their indentation."""

    def __init__(self, folder):
        self.folder, self.packages = pathlib.Path(folder), {}

    def classes_of(self, package):
        if package not in self.packages:
            parts = package.split("/")
            file = self.folder.joinpath(parts[0] + "-stubs", *parts[1:], "__init__.pyi")
            self.packages[package] = self.read(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return self.packages[package]

    @staticmethod
    def read(text):
        classes, open_classes = {}, []
        for line in text.splitlines():
            found = re.match(r"( *)class (\w+)(?:\((.*)\))?:", line)
            member = re.match(r"( *)(?:def )?(\w+)(?:\(|:)", line)
            depth = (len(line) - len(line.lstrip())) // 4
            if found:
                open_classes[depth:] = [found[2]]
                parents = re.sub(r"\[[^\]]*\]+", "", found[3] or "").split(",")
                classes["$".join(open_classes)] = ({p.strip().removesuffix(":") for p in parents if p.strip()}, set())
            elif member and 0 < depth <= len(open_classes):
                classes["$".join(open_classes[:depth])][1].add(member[2])
        return classes

    def find(self, name):
        package, _, simple = name.rpartition("/")
        return self.classes_of(package).get(simple)

    def has(self, name, member, seen=()):
        found = self.find(name)
        if found is None or name in seen:
            return found is not None and member == ""
        parents, members = found
        if member in ("", "values", "valueOf") or member in members or member == "<init>" and "__init__" in members:
            return True
        # A class without a constructor of its own in the stubs has its parent's.
        for parent in parents:
            path = self.path(parent, name)
            if not path.startswith("android/"):
                if member in OBJECT or path.startswith("java/"):
                    if self.find(path) is None or self.has(path, member, (*seen, name)):
                        return True
            elif self.has(path, member, (*seen, name)):
                return True
        return False

    def path(self, dotted, inside):
        """a.b.C.D as a/b/C$D; a name without a package is of the same one."""
        parts = dotted.split(".")
        first = next((i for i, part in enumerate(parts) if part[:1].isupper()), len(parts))
        package = "/".join(parts[:first]) or inside.rpartition("/")[0]
        return package + "/" + "$".join(parts[first:])


LEVEL = ("android/os/Build$VERSION", "SDK_INT")
OBJECT = {"getClass", "hashCode", "equals", "toString", "notify", "notifyAll", "wait", "clone"}


class OldClasses:
    """The classes of an older level in an archive: a member is there where its class or one that it extends has it."""

    def __init__(self, archive, paths, beside=None):
        self.archive, self.paths, self.beside, self.known = zipfile.ZipFile(archive), paths, beside, {}

    @staticmethod
    def android(jar, java):
        with zipfile.ZipFile(jar) as archive:
            return OldClasses(jar, {name.removesuffix(".class"): name for name in archive.namelist() if name.endswith(".class")}, java)

    @staticmethod
    def java_8(symbols):
        """A folder's name has a letter for each Java that it holds for: 8, 87, 9A."""
        paths = {}
        with zipfile.ZipFile(symbols) as archive:
            for name in archive.namelist():
                folder, _, path = name.partition("/")
                if "8" in folder and name.endswith(".sig"):
                    paths[path.partition("/")[2].removesuffix(".sig")] = name
        return OldClasses(symbols, paths)

    def find(self, name):
        if name not in self.known:
            path = self.paths.get(name)
            self.known[name] = ClassFile(self.archive.read(path)) if path else None
        return self.known[name]

    def has(self, name, member, descriptor):
        found = self.find(name)
        if found is None:
            return self.beside is not None and self.beside.has(name, member, descriptor)
        return member == "" or (member, descriptor) in found.members or any(self.has(p, member, descriptor) for p in found.parents)


def read_newer():
    """class.member -> (level or "d8", the class of ours that looks at the level)."""
    newer = {}
    for line in NEWER.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            use, level, *guard = line.split()
            newer[use] = (level, guard[0] if guard else "")
    return newer


def owner_of(owner, member, descriptor, ours):
    """Whose member it is: what one of our classes has not itself, it has from the class that it extends."""
    while owner in ours and member and (member, descriptor) not in ours[owner].members:
        owner = ours[owner].parents[0]
    return owner


class Check:
    def __init__(self, classes, api, android, java):
        self.api, self.android, self.java, self.newer = api, android, java, read_newer()
        self.files = {file.stem: ClassFile(file.read_bytes()) for file in sorted(pathlib.Path(classes).rglob("*.class"))}
        self.guards = {name for name, file in self.files.items() if any(use[:2] == LEVEL for use in file.uses())}
        self.faults, self.used, self.count = [], set(), 0

    def run(self):
        ours = {file.name: file for file in self.files.values()}
        for name, file in self.files.items():
            uses = {(owner_of(owner, member, types, ours), member, types) for owner, member, types in file.uses()}
            for owner, member, types in sorted(uses):
                if owner.startswith(("android/", "java/", "javax/", "org/json/")):
                    self.look(name, owner, member, types)
        self.faults += [f"{NEWER.name}: {use} is not used, or is old" for use in sorted(set(self.newer) - self.used)]

    def look(self, name, owner, member, types):
        self.count += 1
        use = owner.replace("/", ".").replace("$", ".") + ("." + member if member else "")
        is_java = owner.startswith(("java/", "javax/"))
        if not is_java and not self.api.has(owner, member):
            self.faults.append(f"{name}: {use} is not in Android's public API")
        elif not (self.java if is_java else self.android).has(owner, member, types):
            self.used.add(use)
            self.look_newer(name, use, types, is_java)

    def look_newer(self, name, use, types, is_java):
        level, guard = self.newer.get(use, ("", ""))
        if not level:
            self.faults.append(f"{name}: {use} {types} is not in Android 9 and not in {NEWER.name}")
        elif is_java != (level == "d8"):
            self.faults.append(f"{NEWER.name}: {use}: d8 has to do with java.* only")
        elif not is_java and (guard not in self.guards or name.split("$")[0] != guard):
            self.faults.append(f"{name}: {use} is of level {level}, and {guard} is to look at SDK_INT before")


def main(arguments):
    if len(arguments) not in (4, 5):
        print(__doc__)
        return 2
    java = OldClasses.java_8(arguments[3])
    check = Check(arguments[0], PublicApi(arguments[1]), OldClasses.android(arguments[2], java), java)
    check.run()
    if arguments[4:] == ["--list"]:
        print("\n".join(sorted(check.used)))
    for fault in check.faults:
        print(fault)
    print(f"{check.count} uses of Android and Java, {len(check.used)} of them newer than Android 9, {len(check.faults)} faults")
    return 1 if check.faults or check.count < 400 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
