# SPDX-License-Identifier: Apache-2.0
"""What people give under a model's name that is none, and which files belong together."""
import io
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time
import unittest
import zipfile

import gguf_edit
from harness import FIXTURES, GREEDY, PATIENCE, PICTURE, THIMBLE, VL, VL_GGUF, answer, thimble

GGUF = FIXTURES / "gguf"
UINT32, STRING = 4, 8
F32, F16, Q8_0, BF16 = 0, 1, 8, 30
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4cac76a5b2\nsize 532517120\n"


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path


def zipped(name):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, b"some bytes")
    return data.getvalue()


class NotAModel(Folder):
    """One sentence that says what the file is and what to do: status 4, or 5 for a model that is not here yet."""

    def refused(self, path, status, *words):
        """As the model, and with a name that fits so far, as a vision file, and when imported."""
        env = {"THIMBLE_HOME": str(self.folder / "home")}
        for command in (["run", str(path), "hello", "-n", "1"], ["info", str(path)], ["import", str(path)],
                        ["run", VL_GGUF, "hello", "-n", "1", "--mmproj", str(path)]):
            done = thimble(*command, env=env)
            self.assertEqual((done.returncode, done.stdout), (status, ""), (command, done.stderr))
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            for word in (path.name, *words):
                self.assertIn(word, done.stderr)
            self.assertNotIn("must begin with 'GGUF'", done.stderr)
            self.assertNotIn("the header may have", done.stderr)

    def test_by_content_whatever_the_name(self):
        kinds = [
            ("web page", 4, b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>", "'Sign in'", "fetch the file itself"),
            ("server's error message", 4, b"Entry not found", "'Entry not found'"),
            ("server's error message", 4, b"Invalid username or password."),
            ("server's error message", 4, b'{"error":"Access to model is restricted"}', "restricted"),
            ("server's error message", 4, b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>No key</Message></Error>', "'No key'"),
            ("zip archive", 4, zipped("model.gguf"), "'model.gguf'", "unpack"),
            ("PyTorch", 4, zipped("archive/data.pkl"), "GGUF"),
            ("PyTorch", 4, b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19" + bytes(50)),
            ("gzip", 4, b"\x1f\x8b\x08" + bytes(99), "unpack"),
            ("xz", 4, b"\xfd7zXZ\0" + bytes(99)),
            ("zstd", 4, b"\x28\xb5\x2f\xfd" + bytes(99)),
            ("7z", 4, b"7z\xbc\xaf\x27\x1c" + bytes(99)),
            ("rar", 4, b"Rar!\x1a\x07\x01" + bytes(99)),
            ("tar archive", 4, b"model.gguf".ljust(257, b"\0") + b"ustar" + bytes(250)),
            ("old ggml model", 4, b"tjgg\x03" + bytes(99)),
            ("old ggml model", 4, b"lmgg\x01" + bytes(99)),
            ("llamafile", 4, b"MZqFpD='\n" + bytes(99)),
            ("ONNX", 4, b"\x08\x07\x12\x07pytorch"),
            ("TensorFlow Lite", 4, b"\x1c\0\0\0TFL3" + bytes(99)),
            ("HDF5", 4, b"\x89HDF\r\n\x1a\n" + bytes(99)),
            ("picture (PNG)", 4, pathlib.Path(PICTURE).read_bytes(), "--image"),
            ("PDF", 4, b"%PDF-1.7\n" + bytes(99)),
            ("index", 4, b'{"metadata": {"total_size": 1}, "weight_map": {"x": "m-1.safetensors"}}', "folder"),
            ("config.json", 4, (FIXTURES / "models/vl/config.json").read_bytes(), "folder"),
            ("tokenizer", 4, (FIXTURES / "models/vl/tokenizer.json").read_bytes(), "folder"),
            ("Git LFS pointer", 5, LFS, "507.8 MiB", "git lfs pull"),
            ("empty", 5, b"", "truncated"),
            ("zeros", 5, bytes(9999), "download"),
        ]
        for kind, status, data, *words in kinds:
            for name in ("model.gguf", "model.safetensors"):
                self.refused(self.write(name, data), status, kind, *words)

    def test_by_name(self):
        whole = pathlib.Path(VL_GGUF).read_bytes()
        for name in ("model.gguf.part", "model.gguf.crdownload", "model.gguf.incomplete", "downloading.gguf.aria2"):
            self.refused(self.write(name, whole), 5, "not finished")
        self.refused(self.write("model.gguf.part1of2", whole[:5000]), 5, "one piece")
        self.refused(self.write("pytorch_model.bin", b"PK\x03\x04" + bytes(99)), 4, "PyTorch")
        self.write("held.gguf.aria2", b"\0\1")
        self.refused(self.write("held.gguf", whole), 5, "not downloaded whole")

    def test_other_gguf_files(self):
        tensors = {"blk.3.attn_q.weight.lora_a": ([64], F32, bytes(256))}
        for keys, *words in (
                ({"general.type": "adapter", "general.architecture": "qwen35", "adapter.type": "lora"}, "adapter"),
                ({"general.architecture": "controlvector"}, "control vector"),
                ({"general.type": "imatrix"}, "importance matrix"),
                ({"general.architecture": "dflash", "general.type": "model"}, "draft model", "dflash")):
            path = self.folder / "other.gguf"
            gguf_edit.write(path, {key: (STRING, value) for key, value in keys.items()}, tensors)
            self.refused(path, 4, *words)
        self.refused(self.write("be.gguf", b"GGUF" + struct.pack(">I", 3) + bytes(80)), 4, "big-endian")
        self.refused(self.write("v1.gguf", b"GGUF" + struct.pack("<III", 1, 0, 0) + bytes(80)), 4, "found 1")

    def test_a_download_with_holes(self):
        """Its header is there, and zeros in place of what has not come yet."""
        vision = GGUF / "mmproj-vl-f32.gguf"
        for source, size in ((VL_GGUF, 40000), (vision, 800000)):
            data = pathlib.Path(source).read_bytes()
            path = self.write("holes.gguf", data[:-size] + bytes(size))
            done = thimble("run", *([VL_GGUF, "--mmproj", str(path)] if source == vision else [str(path)]), "hello", "-n", "1")
            self.assertEqual((done.returncode, done.stdout), (5, ""), done.stderr)
            self.assertIn("holes.gguf: [gguf] tensor", done.stderr)
            self.assertIn("nothing but zeros", done.stderr)
        path.rename(self.folder / "mmproj.gguf")
        shutil.copy(VL_GGUF, self.folder / "model.gguf")
        done = thimble("run", str(self.folder / "model.gguf"), "hello", "-n", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("nothing but zeros", done.stderr)

    def test_text_is_called_text(self):
        done = thimble("run", str(self.write("notes.gguf", b"hello there, this is a letter")), "hi")
        self.assertEqual(done.returncode, 5)
        self.assertIn("this is a text file", done.stderr)

    def test_the_content_counts_not_the_name(self):
        wanted = answer("run", VL_GGUF, "hello", "-n", "3", *GREEDY)["ids"]
        shutil.copy(VL_GGUF, self.folder / "model.safetensors")
        for model in (self.folder, self.folder / "model.safetensors"):
            self.assertEqual(answer("run", str(model), "hello", "-n", "3", *GREEDY)["ids"], wanted)
        shutil.copytree(VL, self.folder / "hf")
        (self.folder / "hf/model.safetensors").rename(self.folder / "hf/model.gguf")
        wanted = answer("run", VL, "hello", "-n", "3", *GREEDY)["ids"]
        for model in (self.folder / "hf", self.folder / "hf/model.gguf"):
            self.assertEqual(answer("run", str(model), "hello", "-n", "3", *GREEDY)["ids"], wanted)

    def test_a_clone_without_lfs(self):
        shutil.copytree(VL, self.folder / "hf")
        for name in ("tokenizer.json", "model.safetensors"):
            (self.folder / "hf" / name).write_bytes(LFS)
            done = thimble("run", str(self.folder / "hf"), "hi")
            self.assertEqual(done.returncode, 5, done.stderr)
            self.assertIn(name + ": [file] is a Git LFS pointer", done.stderr)
        (self.folder / "hf/config.json").write_text("<html><title>Sign in</title></html>", encoding="utf-8")
        shutil.copy(VL + "/model.safetensors", self.folder / "hf")
        self.assertIn("config.json: [file] is a web page", thimble("run", str(self.folder / "hf"), "hi").stderr)

    def test_half_a_folder(self):
        shutil.copytree(VL, self.folder / "hf")
        (self.folder / "hf/model.safetensors").unlink()
        (self.folder / "hf/pytorch_model.bin").write_bytes(zipped("archive/data.pkl"))
        done = thimble("run", str(self.folder / "hf"), "hi")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("no weights", done.stderr)
        self.assertIn("pytorch_model.bin is a PyTorch checkpoint", done.stderr)
        self.assertEqual(thimble("tokenize", str(self.folder / "hf"), "hi").returncode, 0)
        os.makedirs(self.folder / "alone")
        shutil.copy(VL + "/model.safetensors", self.folder / "alone")
        done = thimble("run", str(self.folder / "alone"), "hi")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("config.json", done.stderr)
        self.assertIn("fetch the whole folder", done.stderr)
        shutil.copy(VL + "/tokenizer.json", self.folder / "alone")
        (self.folder / "alone/model.safetensors").unlink()
        (self.folder / "alone/adapter_config.json").write_text('{"peft_type": "LORA"}', encoding="utf-8")
        done = thimble("run", str(self.folder / "alone"), "hi")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("adapter_config.json is the settings of an adapter", done.stderr)
        done = thimble("run", str(FIXTURES / "tokenizer/qwen35-vocab.gguf"), "hi")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("vocabulary and no weights", done.stderr)


class LooksLikeAModel(Folder):
    """What has the form of a model's path or name and is none is no prompt."""

    def test_refused(self):
        env = {"THIMBLE_BUILTIN": VL_GGUF, "THIMBLE_HOME": str(self.folder), "HOME": str(self.folder)}
        for word, *says in (("/missing/path", "there is no folder /missing"), ("./models/x", "./models/x"), ("../x/y.z", "../x/y.z"),
                            ("~/nothing", str(self.folder / "nothing")), ("x.gguf", "x.gguf"), ("X.GGUF", "X.GGUF"),
                            ("a/x.safetensors", "x.safetensors"), ("pytorch_model.bin", "pytorch_model.bin"),
                            ("qwen3.5:0.8b", "Ollama", "thimble run builtin 'qwen3.5:0.8b'"), ("hf.co/a/b-GGUF:Q4_K_M", "Ollama"),
                            ("https://example.com/model.gguf", "is an address")):
            done = thimble("run", word, "-n", "1", env=env, text="piped text")
            self.assertEqual((done.returncode, done.stdout), (4, ""), (word, done.stderr))
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            for text in says:
                self.assertIn(text, done.stderr)

    def test_prompts(self):
        env = {"THIMBLE_BUILTIN": VL_GGUF, "THIMBLE_HOME": str(self.folder)}
        for text in ("Hi:", "10:30", "http://example.com", "::", ":x", "a:b:c", "Note: done", "/ is a slash", "see x.gguf now", "a/b",
                     "C:\\x", "word", "über:morgen", ":-)", "a:b,c", "what is ~/x", "x.gguf?"):
            done = thimble("run", text, "-n", "1", "--ignore-eos", "--json", env=env)
            self.assertEqual(done.returncode, 0, (text, done.stderr))
            self.assertEqual(json.loads(done.stdout)["prompt_ids"], answer("run", VL_GGUF, text, "-n", "1", "--ignore-eos", "--json")["prompt_ids"])

    def test_the_home_folder_and_near_misses(self):
        shutil.copy(VL_GGUF, self.folder / "small.gguf")
        env = {"HOME": str(self.folder)}
        self.assertEqual(thimble("run", "~/small.gguf", "hi", "-n", "1", env=env).returncode, 0)
        done = thimble("run", "~/smal.gguf", "hi", env=env)
        self.assertEqual(done.returncode, 4)
        self.assertIn(f"did you mean '{self.folder}/small.gguf'?", done.stderr)
        (self.folder / "link.gguf").symlink_to("/nowhere/else.gguf")
        self.assertIn("a link to /nowhere/else.gguf", thimble("info", str(self.folder / "link.gguf")).stderr)
        stored = {"THIMBLE_HOME": str(self.folder / "home")}
        self.assertEqual(thimble("import", VL_GGUF, "--name", "small", env=stored).returncode, 0)
        self.assertIn("did you mean 'small'", thimble("info", "small:latest", env=stored).stderr)


def stored_as(tensors, kind):
    """The matrices of an F32 vision file in another type."""
    def number(bits):
        return struct.unpack("<f", bits)[0]

    def convert(name, dims, old, data):
        if old != F32 or len(dims) < 2 or name == "v.position_embd.weight":
            return dims, old, data
        values = struct.unpack(f"<{len(data) // 4}f", data)
        if kind == BF16:
            return dims, kind, b"".join(struct.pack("<f", value)[2:] for value in values)
        return dims, kind, struct.pack(f"<{len(values)}e", *values)
    return {name: convert(name, *tensor) for name, tensor in tensors.items()}


class VisionFiles(Folder):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "Tiny-Q8_0.gguf"
        shutil.copy(GGUF / "vl-q8_0.gguf", self.model)
        self.keys, self.tensors = gguf_edit.read(GGUF / "mmproj-vl-f32.gguf")
        self.env = {"THIMBLE_HOME": str(self.folder / "home")}

    def add(self, name, kind):
        """A vision file: one of the fixtures' types, or BF16."""
        path = self.folder / name
        if kind == BF16:
            gguf_edit.write(path, self.keys, stored_as(self.tensors, BF16))
        else:
            shutil.copy(GGUF / f"mmproj-vl-{kind}.gguf", path)
        return path

    def sees(self, model=None):
        return thimble("run", str(model or self.model), "hello", "-n", "1", "--ignore-eos", "--image", PICTURE)

    def chosen(self, model=None):
        return answer("info", str(model or self.model), "--json")["mmproj"]

    def check_taken(self, path, *others, why=""):
        self.assertEqual(self.sees().returncode, 0)
        choice = self.chosen()
        self.assertEqual((choice["path"], choice["others"]), (str(path), [str(other) for other in sorted(others)]))
        self.assertIn(why, choice["why"])

    def test_of_several_storages_one_is_taken_and_named(self):
        files = {}
        for name, kind in (("mmproj-a.gguf", "f32"), ("mmproj-b.gguf", "q8_0"), ("mmproj-d.gguf", BF16), ("mmproj-c.gguf", "f16")):
            files[kind] = self.add(name, kind)
            best = next(files[kind] for kind in ("f16", BF16, "q8_0", "f32") if kind in files)
            others = [path for path in files.values() if path != best]
            self.check_taken(best, *others, why="differ in storage only" if others else "the only vision file")
        seen = self.sees()
        self.assertIn("mmproj-c.gguf: of 4 vision files that differ in storage only", seen.stderr)
        self.assertNotIn("warning", seen.stderr)
        told = thimble("info", str(self.model)).stdout
        self.assertIn("mmproj-c.gguf (of 4 vision files", told)
        self.assertIn("not taken: " + str(files["f32"]), told)

    def test_names_say_nothing_of_the_storage(self):
        wrong = self.add("mmproj-F16.gguf", "q8_0")
        right = self.add("mmproj-F32.gguf", "f16")
        self.check_taken(right, wrong, why="F16 is taken")

    def test_towers_that_differ_are_not_one(self):
        keys, tensors = self.keys, self.tensors
        for other_keys, other_tensors in (
                (keys | {"clip.vision.attention.layer_norm_epsilon": (6, 1e-5)}, tensors),
                (keys, tensors | {"mm.2.weight": (*tensors["mm.2.weight"][:2], tensors["mm.2.weight"][2][::-1])}),
                (keys, tensors | {"v.blk.1.ln1.bias": (*tensors["v.blk.1.ln1.bias"][:2], struct.pack("<64f", *range(64)))})):
            gguf_edit.write(self.folder / "mmproj-one.gguf", other_keys, other_tensors)
            self.add("mmproj-two.gguf", "f16")
            seen = self.sees()
            self.assertEqual(seen.returncode, 4)
            self.assertIn("2 vision files beside the model fit it", seen.stderr)
            choice = self.chosen()
            self.assertEqual((choice["path"], len(choice["others"])), (None, 2))
            self.assertIn("--mmproj", choice["why"])
        # Names decide between towers, then storage among those named.
        for name, kind in (("Tiny.mmproj-F32.gguf", "f32"), ("Tiny.mmproj-f16.gguf", "f16")):
            self.add(name, kind)
        self.assertEqual(self.chosen()["path"], str(self.folder / "Tiny.mmproj-f16.gguf"))

    def test_a_vision_file_is_told_by_its_header(self):
        for name in ("vision.gguf", "clip.gguf", "MMPROJ-F16.GGUF", "Tiny.mmproj-F16.gguf", "mmproj-model-f16.gguf"):
            path = self.add(name, "f16")
            self.check_taken(path, why="the only vision file")
            self.assertEqual(self.sees(self.folder).returncode, 0)  # the folder holds one text model
            path.unlink()
        self.assertEqual(self.chosen(), {"path": None, "why": "no vision file (mmproj) was found beside the model", "others": []})

    def test_what_macos_lays_beside_files_is_no_file(self):
        path = self.add("mmproj-F16.gguf", "f16")
        for name in ("._mmproj-F16.gguf", "._Tiny-Q8_0.gguf"):
            self.write(name, b"\0\5\x16\7" + bytes(80))
        self.check_taken(path)
        self.assertEqual(self.sees(self.folder).returncode, 0)

    def test_a_link_to_a_vision_file_is_not_another(self):
        self.add("mmproj-F16.gguf", "f16")
        (self.folder / "mmproj.gguf").symlink_to("mmproj-F16.gguf")
        self.check_taken(self.folder / "mmproj-F16.gguf", why="the only vision file")

    def test_beside_a_split_model(self):
        keys, tensors = gguf_edit.read(self.model)
        self.model.unlink()
        parts = list(tensors.items())
        for number, part in enumerate((parts[:9], parts[9:])):
            split = {"split.no": (2, number), "split.count": (2, 2), "split.tensors.count": (5, len(parts))}
            gguf_edit.write(self.folder / f"Tiny-0000{number + 1}-of-00002.gguf", (keys if number == 0 else {}) | split, dict(part))
        self.model = self.folder / "Tiny-00002-of-00002.gguf"
        self.add("other-F16.gguf", "f16")
        self.check_taken(self.folder / "other-F16.gguf")
        self.assertEqual(self.sees(self.folder).returncode, 0)

    def test_hugging_faces_cache(self):
        repo = self.folder / "models--qwen--tiny"
        snapshot = repo / "snapshots/4cac76a5"
        snapshot.mkdir(parents=True)
        (repo / "blobs").mkdir()
        self.model.rename(repo / "blobs/aaaa")
        self.add("v.gguf", "f16").rename(repo / "blobs/bbbb")
        (snapshot / "Tiny-Q8_0.gguf").symlink_to("../../blobs/aaaa")
        (snapshot / "mmproj-F16.gguf").symlink_to("../../blobs/bbbb")
        self.model = snapshot / "Tiny-Q8_0.gguf"
        self.check_taken(snapshot / "mmproj-F16.gguf")
        self.assertEqual(self.sees(snapshot).returncode, 0)
        lost = thimble("run", str(repo), "hi")
        self.assertEqual(lost.returncode, 4)
        self.assertIn(f"give {snapshot}", lost.stderr)
        (repo / "blobs/aaaa").unlink()
        self.assertIn("is a link to ../../blobs/aaaa", thimble("run", str(snapshot), "hi").stderr)

    def test_asked_for_and_of_its_own(self):
        self.add("mmproj-F16.gguf", "f16")
        other = GGUF / "mmproj-vl-f32.gguf"
        self.assertEqual(answer("info", str(self.model), "--json", "--mmproj", str(other))["mmproj"],
                         {"path": str(other), "why": "given with --mmproj", "others": []})
        own = answer("info", VL, "--json")["mmproj"]
        self.assertEqual((own["path"], own["others"]), (None, []))
        self.assertIn("the tower is in the model's own file", own["why"])

    def imported(self, *args):
        done = thimble("import", *map(str, args), "--json", env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        manifest = json.loads(done.stdout)
        stored = thimble("info", manifest["name"], "--json", env=self.env)
        self.assertEqual(stored.returncode, 0, stored.stderr)
        return manifest, sorted(file["path"] for file in manifest["files"]), done.stderr

    def test_import_takes_the_chosen_one_and_says_so(self):
        for name, kind in (("mmproj-F32.gguf", "f32"), ("mmproj-F16.gguf", "f16"), ("mmproj-Q8_0.gguf", "q8_0")):
            self.add(name, kind)
        manifest, files, told = self.imported(self.model, "--name", "one")
        self.assertEqual(files, ["Tiny-Q8_0.gguf", "mmproj-F16.gguf"])
        self.assertEqual(manifest["mmproj"]["path"], "mmproj-F16.gguf")
        self.assertEqual(manifest["left_out"], [str(self.folder / name) for name in ("mmproj-F32.gguf", "mmproj-Q8_0.gguf")])
        self.assertIn("mmproj-F16.gguf: of 3 vision files", told)
        self.assertIn("not taken along: mmproj-F32.gguf, mmproj-Q8_0.gguf", told)
        _, files, _ = self.imported(self.model, "--name", "two", "--mmproj", self.folder / "mmproj-Q8_0.gguf")
        self.assertEqual(files, ["Tiny-Q8_0.gguf", "mmproj-Q8_0.gguf"])

    def test_import_says_when_none_could_be_chosen(self):
        for name in ("mmproj-F16.gguf", "mmproj-BF16.gguf"):
            self.add(name, "f16")
        manifest, files, told = self.imported(self.model, "--name", "none")
        self.assertEqual(files, ["Tiny-Q8_0.gguf"])
        self.assertEqual((manifest["mmproj"]["path"], len(manifest["mmproj"]["others"])), (None, 2))
        self.assertIn("no vision file is taken along", told)
        self.assertIn("--mmproj", told)
        (self.folder / "mmproj-BF16.gguf").unlink()
        self.write("mmproj-F16.gguf", (GGUF / "mmproj-vl-f16.gguf").read_bytes()[:9000])
        _, files, told = self.imported(self.model, "--name", "broken")
        self.assertEqual(files, ["Tiny-Q8_0.gguf"])
        self.assertIn("no vision file is taken along", told)
        self.assertIn("mmproj-F16.gguf", told)

    def test_import_with_a_vision_file_that_does_not_fit(self):
        path = self.folder / "broken.gguf"
        gguf_edit.write(path, self.keys, {name: tensor for name, tensor in self.tensors.items() if name != "mm.2.weight"})
        done = thimble("import", str(self.model), "--name", "broken", "--mmproj", str(path), env=self.env)
        self.assertEqual((done.returncode, done.stdout), (5, ""), done.stderr)
        self.assertIn("mm.2.weight", done.stderr)
        self.assertEqual(os.listdir(self.folder / "home/models"), [])

    def test_import_under_names_that_say_nothing(self):
        self.model.rename(self.folder / "sha256-4cac76a5b2ab")
        _, files, _ = self.imported(self.folder / "sha256-4cac76a5b2ab", "--name", "blob", "--mmproj", GGUF / "mmproj-vl-f16.gguf")
        self.assertEqual(files, ["mmproj-vl-f16.gguf", "sha256-4cac76a5b2ab.gguf"])
        self.assertTrue(answer("info", "blob", "--json", env=self.env)["mmproj"]["path"].endswith("mmproj-vl-f16.gguf"))

    def test_import_of_a_folder_names_what_stays(self):
        shutil.copytree(VL, self.folder / "hf")
        for name in ("processor_config.json", "extra.jinja", "merges.txt"):
            (self.folder / "hf" / name).write_text("{}", encoding="utf-8")
        for name in ("README.md", ".gitattributes"):
            (self.folder / "hf" / name).write_text("# a model", encoding="utf-8")
        (self.folder / "hf/onnx").mkdir()
        manifest, files, told = self.imported(self.folder / "hf")
        self.assertTrue({"processor_config.json", "extra.jinja", "merges.txt", "config.json", "tokenizer.json"} <= set(files))
        self.assertEqual([pathlib.Path(path).name for path in manifest["left_out"]], ["README.md", "onnx"])
        self.assertIn("not taken along: README.md, onnx", told)
        # A model of its own in a folder with others: its weights only.
        shutil.copy(VL + "/model.safetensors", self.folder / "hf/other.safetensors")
        _, files, _ = self.imported(self.folder / "hf/other.safetensors", "--name", "other")
        self.assertIn("other.safetensors", files)
        self.assertNotIn("model.safetensors", files)

    def test_import_of_a_file_that_changes_meanwhile(self):
        with open(self.model, "ab") as file:
            file.truncate(1 << 29)  # long to read, and no room on the disk
        command = subprocess.Popen([THIMBLE, "import", str(self.model), "--link", "--name", "moving"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=os.environ | self.env)
        self.addCleanup(command.kill)
        end = time.monotonic() + PATIENCE
        while not self.is_read_by(command.pid):
            self.assertIsNone(command.poll(), "it was over before it was looked at")
            self.assertLess(time.monotonic(), end)
        with open(self.model, "ab") as file:
            file.write(b"more")
        out, told = command.communicate(timeout=PATIENCE)
        self.assertEqual((command.returncode, out), (5, ""), told)
        self.assertIn("Tiny-Q8_0.gguf was changed while it was read", told)
        self.assertEqual(os.listdir(self.folder / "home/models"), [])

    def is_read_by(self, pid):
        """Whether the process has read some of the model, and not all."""
        try:
            for number in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{number}") == str(self.model):
                    return not pathlib.Path(f"/proc/{pid}/fdinfo/{number}").read_text(encoding="ascii").startswith("pos:\t0\n")
        except OSError:
            pass  # closed while we looked
        return False
