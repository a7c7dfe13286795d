#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of what surrounds the app's code: its manifest, its sentences, its ways out, its tools, and the package's bytes.

app_files_test.py [-k NAME]; needs what scripts/get-android-tools fetches, and no network."""
import hashlib
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
APP = ROOT / "apps/android"
ANDROID = "{http://schemas.android.com/apk/res/android}"
LANGUAGES = ["ar", "b+zh+Hans", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "tr"]
sys.path.insert(0, str(APP / "tools"))
import fetch_maven  # noqa: E402
import pack_apk  # noqa: E402
import version  # noqa: E402


def sources():
    return {file.name: file.read_text(encoding="utf-8") for file in sorted((APP / "java").rglob("*.java"))}


def code_of(text):
    """Java without comments and the contents of strings."""
    parts = r'"(?:[^"\\\n]|\\.)*"|/\*.*?\*/|//[^\n]*'
    return re.sub(parts, lambda found: '""' if found[0].startswith('"') else "", text, flags=re.S)


class ManifestTest(unittest.TestCase):
    manifest = ElementTree.parse(APP / "AndroidManifest.xml").getroot()

    def test_permissions_are_those_that_are_explained(self):
        asked = {p.get(ANDROID + "name") for p in self.manifest.iter() if p.tag.startswith("uses-permission")}
        readme = (APP / "README.md").read_text(encoding="utf-8")
        section = readme[readme.index("## Permissions"):]
        section = section[:section.index("\n## ", 5)]
        explained = dict(re.findall(r"(?m)^\| `([A-Z_]+)` \| (.+?) \|$", section))
        self.assertEqual(asked, {"android.permission." + name for name in explained})
        for name, reason in explained.items():
            self.assertGreater(len(reason), 60, f"{name} is explained in a word")
        for never in ("INTERNET", "ACCESS_NETWORK_STATE", "CAMERA", "READ_EXTERNAL_STORAGE", "READ_MEDIA_IMAGES", "QUERY_ALL_PACKAGES"):
            self.assertNotIn("android.permission." + never, asked)

    def test_what_other_apps_may_start(self):
        application = self.manifest.find("application")
        exported = [e.get(ANDROID + "name") for e in application if e.get(ANDROID + "exported") == "true"]
        self.assertEqual(exported, [".MainActivity"])
        for part in application:
            if part.tag in ("activity", "service", "receiver", "provider"):
                self.assertIsNotNone(part.get(ANDROID + "exported"), part.get(ANDROID + "name"))

    def test_the_shortcut_and_the_selected_text_lead_to_the_window(self):
        window = next(a for a in self.manifest.iter("activity") if a.get(ANDROID + "name") == ".MainActivity")
        metadata = {m.get(ANDROID + "name"): m.get(ANDROID + "resource") for m in window.findall("meta-data")}
        self.assertEqual(metadata["android.app.shortcuts"], "@xml/shortcuts")
        shortcut, = ElementTree.parse(APP / "res/xml/shortcuts.xml").getroot()
        intent = shortcut.find("intent")
        package = self.manifest.get("package")
        self.assertEqual((shortcut.get(ANDROID + "enabled"), shortcut.get(ANDROID + "shortcutShortLabel")), ("true", "@string/new_chat"))
        self.assertEqual((intent.get(ANDROID + "targetPackage"), intent.get(ANDROID + "targetClass")), (package, package + ".MainActivity"))
        self.assertIn(f'ACTION_NEW_CHAT = "{intent.get(ANDROID + "action")}"', sources()["Shares.java"])
        selected, = (f for f in window.findall("intent-filter") if f.find("action").get(ANDROID + "name") == "android.intent.action.PROCESS_TEXT")
        self.assertEqual(selected.get(ANDROID + "label"), "@string/ask_thimble")
        self.assertEqual([d.get(ANDROID + "mimeType") for d in selected.findall("data")], ["text/plain"])
        self.assertEqual(SentencesTest.strings("values")["ask_thimble"], "Ask Thimble")

    def test_facts(self):
        application = self.manifest.find("application")
        sdk = self.manifest.find("uses-sdk")
        self.assertEqual((sdk.get(ANDROID + "minSdkVersion"), sdk.get(ANDROID + "targetSdkVersion")), ("28", "36"))
        for name, value in {"extractNativeLibs": "true", "allowBackup": "false", "supportsRtl": "true", "usesCleartextTraffic": "false"}.items():
            self.assertEqual(application.get(ANDROID + name), value, name)
        metadata = {m.get(ANDROID + "name"): m.get(ANDROID + "value") for m in application.findall("meta-data")}
        self.assertEqual(metadata["android.webkit.WebView.MetricsOptOut"], "true")
        self.assertEqual(metadata["android.webkit.WebView.EnableSafeBrowsing"], "false")
        services = {s.get(ANDROID + "name"): s.get(ANDROID + "foregroundServiceType") for s in application.findall("service")}
        self.assertEqual(services, {".AnswerService": "specialUse"})
        self.assertIsNone(application.get(ANDROID + "debuggable"))

    def test_nothing_is_backed_up(self):
        rules = ElementTree.parse(APP / "res/xml/no_backup.xml").getroot()
        for way in ("cloud-backup", "device-transfer"):
            domains = {e.get("domain") for e in rules.find(way).findall("exclude")}
            self.assertEqual(domains, {"root", "file", "database", "sharedpref", "external"})


class SentencesTest(unittest.TestCase):
    @staticmethod
    def strings(folder):
        root = ElementTree.parse(APP / "res" / folder / "strings.xml").getroot()
        return {s.get("name"): s.text for s in root if s.get("translatable") != "false"}

    def test_every_language_says_everything(self):
        english = self.strings("values")
        self.assertGreater(len(english), 30)
        folders = {f.name for f in (APP / "res").glob("values-*") if (f / "strings.xml").is_file()}
        self.assertEqual(folders, {"values-" + language for language in LANGUAGES})
        for language in LANGUAGES:
            said = self.strings("values-" + language)
            self.assertEqual(set(said), set(english), language)
            for name, text in said.items():
                places = re.findall(r"%\d\$[sd]", text)
                self.assertEqual(sorted(places), sorted(re.findall(r"%\d\$[sd]", english[name])), f"{language} {name}")
                self.assertTrue(text.strip(), f"{language} {name}")
            same = [name for name in english if said[name] == english[name]]
            self.assertLessEqual(len(same), 3, f"{language} says in English: {same}")

    def test_every_sentence_is_used(self):
        code = "".join(sources().values()) + "".join(f.read_text(encoding="utf-8") for f in [APP / "AndroidManifest.xml", APP / "res/xml/shortcuts.xml"])
        for name in self.strings("values"):
            self.assertTrue(re.search(rf"R\.string\.{name}\b|@string/{name}\b", code), name)

    def test_the_system_knows_the_languages(self):
        told = [e.get(ANDROID + "name") for e in ElementTree.parse(APP / "res/xml/locales.xml").getroot()]
        self.assertEqual(len(told), len(LANGUAGES) + 1)
        self.assertEqual({t.replace("zh-Hans", "b+zh+Hans") for t in told}, set(LANGUAGES) | {"en"})


class WaysOutTest(unittest.TestCase):
    def test_only_links_leaves_the_app(self):
        for name, text in sources().items():
            code = code_of(text)
            if name != "Links.java":
                self.assertFalse(re.search(r"\bstartActivit(y|ies)\w*\(|startIntentSender\w*\(|sendBroadcast\w*\(", code), name)
            # Intents for the app's own service and window, and those that come in, are no way out.
            for made in re.findall(r"new Intent\(([^;]*?)\)", code):
                if name != "Links.java":
                    self.assertRegex(made, r"^(this|context), (AnswerService|MainActivity)\.class$", name)

    def test_nothing_that_talks_to_a_network(self):
        for name, text in sources().items():
            self.assertFalse(re.search(r"java\.net\.|javax\.net|URLConnection|\bSocket\b|DownloadManager|ConnectivityManager|org\.apache\.http", code_of(text)), name)

    def test_the_web_view_loads_one_address(self):
        self.assertEqual(code_of('a("*/*"); /* b(" */ c(\'d\'); // e("\nf();'), 'a("");  c(\'d\'); \nf();')
        loads = re.findall(r"\.(loadUrl|loadData\w*|postUrl|evaluateJavascript|addJavascriptInterface)\(([^)]*)\)", code_of("".join(sources().values())))
        self.assertEqual(loads, [("loadUrl", "START")])

    def test_files_can_be_read_in_a_sitting(self):
        for name, text in sources().items():
            self.assertLessEqual(text.count("\n"), 450, name)
            self.assertTrue(text.startswith("// SPDX-License-Identifier: Apache-2.0\n"), name)
            self.assertLessEqual(max(map(len, text.splitlines())), 180, name)


class ToolsTest(unittest.TestCase):
    def test_the_version_code_grows_with_the_version(self):
        codes = [version.version_of(f"project(thimble VERSION {v} LANGUAGES CXX)")[0] for v in ("0.5.0", "0.5.1", "0.6.0", "0.10.0", "1.0.0", "12.0.3")]
        self.assertEqual(codes[0], 5000)
        self.assertEqual(codes, sorted(set(codes)))
        for bad in ("project(thimble)", "project(thimble VERSION 1.1000.0)"):
            with self.assertRaises(SystemExit):
                version.version_of(bad)

    def test_the_lock_pins_everything(self):
        packages = fetch_maven.read_lock()
        self.assertGreater(len(packages), 50)
        for package in packages:
            self.assertRegex(package.sha256, r"^[0-9a-f]{64}$")
            self.assertLessEqual(package.uses, {"build", "lint", "test", "android"})

    def test_a_package_with_another_digest_is_removed(self):
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            wanted = next(p for p in fetch_maven.read_lock() if p.artifact == "junit" and "test" in p.uses)
            before, lock = fetch_maven.fetch, fetch_maven.read_lock
            fetch_maven.read_lock = lambda: [wanted]
            fetch_maven.fetch = lambda missing, where: [(where / p.file).write_bytes(b"another") for p in missing]
            try:
                with self.assertRaises(SystemExit) as refused:
                    fetch_maven.main([str(folder)])
            finally:
                fetch_maven.fetch, fetch_maven.read_lock = before, lock
            self.assertIn("SHA-256", str(refused.exception))
            self.assertFalse((folder / wanted.file).exists())

    def test_what_is_no_program_for_arm_is_refused(self):
        with tempfile.TemporaryDirectory() as scratch:
            program = pathlib.Path(scratch) / "program"
            for head in (b"#!/bin/sh\n", b"", elf(62)):
                program.write_bytes(head)
                with self.assertRaises(SystemExit):
                    pack_apk.check_program(program)
            program.write_bytes(elf(183))
            pack_apk.check_program(program)


def elf(machine):
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine) + bytes(44)


class Dex:
    """The classes that a .dex file defines."""

    def __init__(self, data):
        strings, types, classes = (struct.unpack_from("<II", data, at) for at in (0x38, 0x40, 0x60))

        def text(index):
            at, = struct.unpack_from("<I", data, strings[1] + 4 * index)
            while data[at] >= 0x80:  # how long it is
                at += 1
            return data[at + 1:data.index(b"\0", at + 1)].decode()
        kinds = [struct.unpack_from("<I", data, classes[1] + 32 * index)[0] for index in range(classes[0])]
        self.classes = [text(struct.unpack_from("<I", data, types[1] + 4 * kind)[0]) for kind in kinds]


class PackageTest(unittest.TestCase):
    """Builds the package twice, in two folders, with a program and a page that are none."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name)
        cls.apks = []
        for name in ("one", "another folder with a longer name"):
            tree = cls.folder / name
            shutil.copytree(APP, tree / "apps/android")
            shutil.copy(ROOT / "CMakeLists.txt", tree)
            (tree / ".cache").symlink_to(ROOT / ".cache")
            (tree / "program").write_bytes(elf(183) + b"the program" * 1000)
            (tree / "builtin.gguf").write_bytes(b"GGUF" + bytes(100_000))
            cls.build(tree, "--builtin", "builtin.gguf")
            cls.apks.append(tree / "build/android/thimble-unsigned.apk")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def build(cls, tree, *options, program="program"):
        environment = {**os.environ, "HOME": str(cls.folder / "home"), "TZ": "Asia/Tokyo" if "another" in tree.name else "UTC"}
        environment.pop("THIMBLE_ANDROID_KEY", None)
        command = ["apps/android/tools/package", "--native", program, "--page", "apps/android/tests/page", *options]
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)

    def test_two_folders_give_the_same_bytes(self):
        one, another = (hashlib.sha256(apk.read_bytes()).hexdigest() for apk in self.apks)
        self.assertEqual(one, another)
        signed = [apk.with_name("thimble.apk").read_bytes() for apk in self.apks]
        self.assertEqual(signed[0], signed[1], "signed with the same key, too")

    def test_what_is_in_it(self):
        with zipfile.ZipFile(self.apks[0]) as apk:
            infos = {i.filename: i for i in apk.infolist()}
            self.assertTrue({"AndroidManifest.xml", "classes.dex", "resources.arsc", "lib/arm64-v8a/libthimble.so", "assets/page/index.html", "assets/builtin.gguf"} <= set(infos))
            for stored in ("resources.arsc", "assets/builtin.gguf"):
                self.assertEqual(infos[stored].compress_type, zipfile.ZIP_STORED, stored)
            program = infos["lib/arm64-v8a/libthimble.so"]
            self.assertEqual(program.compress_type, zipfile.ZIP_DEFLATED)
            self.assertEqual([name for name in infos if name.startswith("lib/")], ["lib/arm64-v8a/libthimble.so"])
            self.assertEqual(list(infos), sorted(infos))
        checked = subprocess.run(["zipalign", "-c", "-p", "4", str(self.apks[0])], capture_output=True)
        self.assertEqual(checked.returncode, 0)

    def test_its_classes_are_ours(self):
        """And those that the dex compiler makes beside them, as NOTICE says: no library's."""
        with zipfile.ZipFile(self.apks[0]) as apk:
            dex = Dex(apk.read("classes.dex"))
        ours = {name.removesuffix(".java") for name in sources()} | {"R"}
        self.assertGreater(len(dex.classes), len(ours))
        for name in dex.classes:
            self.assertRegex(name, r"^Lorg/thimble/app/(" + "|".join(ours) + r")(\$\w+)*;$")

    def test_the_manifest_in_it(self):
        said = subprocess.run(["aapt2", "dump", "badging", str(self.apks[0])], capture_output=True, text=True).stdout
        code, name = version.version_of((ROOT / "CMakeLists.txt").read_text())
        self.assertIn(f"versionCode='{code}' versionName='{name}'", said)
        self.assertIn("targetSdkVersion:'36'", said)
        self.assertIn("native-code: 'arm64-v8a'", said)
        self.assertNotIn("INTERNET", said)
        self.assertNotIn("application-debuggable", said)

    def test_the_key_is_its_owners_alone(self):
        key = self.folder / "home/.config/thimble/android.p12"
        for file in (key, key.with_name("android.p12.password")):
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        signed = self.apks[0].with_name("thimble.apk")
        told = subprocess.run(["apksigner", "verify", "-v", "--min-sdk-version", "28", str(signed)], capture_output=True, text=True)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("Verified using v3 scheme (APK Signature Scheme v3): true", told.stdout)
        self.assertEqual(list(self.apks[0].parents[2].rglob("*.p12")), [])

    def test_what_is_missing_is_said(self):
        for options, word in ((["--native", "nothing"], "no program at nothing"), (["--page", "nothing"], "no page at nothing")):
            command = ["apps/android/tools/package", "--native", "program", "--page", "apps/android/tests/page", *options]
            done = subprocess.run(command, cwd=self.folder / "one", capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn(word, done.stderr)
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main(verbosity=1)
