# SPDX-License-Identifier: Apache-2.0
"""Model files as they are met in the world: vision files that do not belong, missing parts, other producers' metadata."""
import json
import os
import pathlib
import shutil
import struct
import tempfile
import unittest

import gguf_edit
from harness import FIXTURES, PICTURE, VL, can_mount, thimble, with_memory

GGUF = FIXTURES / "gguf"
IDS = ["--ids", "608,1824,1652,1424,894"]
UINT32, INT32, BOOL, STRING, ARRAY = 4, 5, 7, 8, 9


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def logits(self, model):
        """What the model gives, and what it says on the way."""
        done = thimble("logits", str(model), *IDS, "--exact", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["positions"], done.stderr

    def refused(self, model, status, *parts):
        done = thimble("logits", str(model), *IDS, "--json")
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)


class VisionFiles(Files):
    """A vision file that nobody asked for never stops a text request; one that was asked for is refused by name."""

    def setUp(self):
        super().setUp()
        self.model = self.folder / "Qwen3.5-0.8B-Q4_K_M.gguf"
        shutil.copy(GGUF / "vl-f32.gguf", self.model)
        self.mmproj = self.folder / "mmproj-F16.gguf"
        self.keys, self.tensors = gguf_edit.read(GGUF / "mmproj-vl-f16.gguf")

    def check(self, why):
        text = thimble("run", str(self.model), "hello", "-n", "1")
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertIn("warning", text.stderr)
        self.assertIn(why, text.stderr)
        picture = thimble("run", str(self.model), "hello", "-n", "1", "--image", PICTURE)
        self.assertEqual((picture.returncode, picture.stdout), (4, ""))
        self.assertIn("cannot see", picture.stderr)
        self.assertEqual(thimble("info", str(self.model)).returncode, 0)

    def check_asked(self, status, why):
        asked = thimble("run", str(self.model), "hello", "-n", "1", "--mmproj", str(self.mmproj))
        self.assertEqual((asked.returncode, asked.stdout), (status, ""), asked.stderr)
        self.assertIn(why, asked.stderr)
        self.assertIn(self.mmproj.name, asked.stderr)

    def test_a_missing_tensor(self):
        for name in ("mm.2.weight", "v.patch_embd.weight.1", "v.blk.1.ln2.bias"):
            gguf_edit.write(self.mmproj, self.keys, {k: v for k, v in self.tensors.items() if k != name})
            self.check(name)
            self.check_asked(5, name)

    def test_a_wrong_shape(self):
        tensors = dict(self.tensors)
        dims, kind, data = tensors["v.blk.0.ffn_up.weight"]
        tensors["v.blk.0.ffn_up.weight"] = (dims[::-1], kind, data)
        gguf_edit.write(self.mmproj, self.keys, tensors)
        self.check("v.blk.0.ffn_up.weight")
        self.check_asked(5, "v.blk.0.ffn_up.weight")

    def test_a_truncated_file(self):
        data = (GGUF / "mmproj-vl-f16.gguf").read_bytes()
        for size in (0, 100, len(data) // 2):
            self.mmproj.write_bytes(data[:size])
            self.check(self.mmproj.name)
            self.check_asked(5, "truncated")

    def test_another_models(self):
        gguf_edit.write(self.mmproj, self.keys | {"clip.vision.projection_dim": (UINT32, 128)}, self.tensors)
        self.check("rows of 64")
        self.check_asked(2, "belongs to another model")

    def test_another_familys(self):
        gguf_edit.write(self.mmproj, self.keys | {"clip.projector_type": (STRING, "gemma3")}, self.tensors)
        self.check("gemma3")
        self.check_asked(4, "gemma3")

    def test_two_that_fit(self):
        for name in ("mmproj-F16.gguf", "mmproj-BF16.gguf"):
            shutil.copy(GGUF / "mmproj-vl-f16.gguf", self.folder / name)
        self.check("2 vision files beside the model fit it")
        seen = thimble("run", str(self.model), "hello", "-n", "1", "--image", PICTURE, "--mmproj", str(self.mmproj))
        self.assertEqual(seen.returncode, 0, seen.stderr)
        # The same name decides.
        (self.folder / "mmproj-BF16.gguf").rename(self.folder / "mmproj-Qwen3.5-0.8B-BF16.gguf")
        seen = thimble("run", str(self.model), "hello", "-n", "1", "--image", PICTURE)
        self.assertEqual((seen.returncode, seen.stderr), (0, ""))

    def test_another_that_cannot_be_meant_does_not_count(self):
        shutil.copy(GGUF / "mmproj-vl-f16.gguf", self.mmproj)
        other = self.folder / "mmproj-other.gguf"
        gguf_edit.write(other, self.keys | {"clip.vision.is_deepstack_layers": (ARRAY, (BOOL, [True, False]))}, self.tensors)
        seen = thimble("run", str(self.model), "hello", "-n", "1", "--image", PICTURE)
        self.assertEqual((seen.returncode, seen.stderr), (0, ""))
        self.mmproj.unlink()
        self.mmproj = other
        self.check("deepstack")
        self.check_asked(4, "deepstack")

    @unittest.skipUnless(can_mount(), "no file systems of one's own here")
    def test_one_that_memory_has_no_room_for(self):
        alone = json.loads(thimble("info", str(self.model), "--json").stdout)["memory"]["total_bytes"]
        shutil.copy(GGUF / "mmproj-vl-f16.gguf", self.mmproj)
        both = json.loads(thimble("info", str(self.model), "--json").stdout)["memory"]["total_bytes"]
        self.assertGreater(both, alone + 4096)
        kibibytes = (alone + both) // 2048
        text = with_memory(kibibytes, "run", str(self.model), "hello", "-n", "1")
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertIn("no pictures", text.stderr)
        asked = with_memory(kibibytes, "run", str(self.model), "hello", "-n", "1", "--mmproj", str(self.mmproj))
        self.assertEqual((asked.returncode, asked.stdout), (3, ""))


def edit_safetensors(path, change):
    """Rewrites a safetensors file with the header that `change` makes of its own."""
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.dumps(change(json.loads(data[8:8 + size]))).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(header)) + header + data[8 + size:])


class Folders(Files):
    def copy(self, name, change_header=None, change_config=None):
        model = self.folder / name
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(FIXTURES / "models" / name, model)
        if change_header is not None:
            edit_safetensors(model / "model.safetensors", change_header)
        if change_config is not None:
            config = json.loads((model / "config.json").read_text(encoding="utf-8"))
            change_config(config)
            (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return model

    def test_a_missing_tensor_is_named_as_the_file_would_name_it(self):
        def without(name):
            return lambda header: {k: v for k, v in header.items() if k != name}
        name = "model.language_model.layers.1.mlp.up_proj.weight"
        self.refused(self.copy("text-tied", without(name)), 5, name, "text-tied", "[192, 64]")
        name = "model.layers.1.mlp.up_proj.weight"
        self.refused(self.copy("text-untied", without(name)), 5, f"'{name}'", "[224, 96]")
        self.refused(self.copy("text-untied", without("lm_head.weight")), 5, "'lm_head.weight'", "[2048, 96]")
        for name in ("model.visual.blocks.1.attn.qkv.bias", "model.visual.pos_embed.weight"):
            self.refused(self.copy("vl", without(name)), 5, f"'{name}'", "missing")

    def test_a_wrong_shape_names_the_part_that_holds_the_tensor(self):
        name = "model.language_model.layers.0.mlp.up_proj.weight"
        model = self.copy("vl-mtp")
        part = json.loads((model / "model.safetensors.index.json").read_text(encoding="utf-8"))["weight_map"][name]
        edit_safetensors(model / part, lambda h: h | {name: h[name] | {"shape": h[name]["shape"][::-1]}})
        self.refused(model, 5, part, f"'{name}'", "is [64, 192], this model needs [192, 64]")

    def test_settings_that_make_another_model(self):
        def text(**settings):
            return lambda config: config["text_config"].update(settings)
        self.refused(self.copy("text-tied", None, text(hidden_act="gelu")), 4, "hidden_act must be silu", "gelu")
        self.refused(self.copy("text-tied", None, text(attention_bias=True)), 4, "attention_bias must be false")
        self.refused(self.copy("text-tied", None, text(attn_output_gate=False)), 4, "attn_output_gate must be true")
        self.refused(self.copy("text-tied", None, lambda c: c["text_config"]["rope_parameters"].update(mrope_interleaved=False)), 4,
                     "mrope_interleaved must be true")
        self.refused(self.copy("vl", None, lambda c: c["vision_config"].update(deepstack_visual_indexes=[0])), 4, "deepstack")
        self.refused(self.copy("vl", None, lambda c: c.update(model_type="qwen3_5_moe")), 4, "'qwen3_5_moe'")

    def test_settings_that_are_said_otherwise(self):
        wanted, _ = self.logits(FIXTURES / "models/text-tied")

        def drop(*keys):
            return lambda c: [part.pop(key, None) for key in keys for part in (c, c["text_config"])]
        for change in (lambda c: c.pop("model_type"), lambda c: c.update(tie_word_embeddings=False), lambda c: c.update(tie_word_embeddings=None),
                       drop("tie_word_embeddings"), drop("layer_types"), drop("attention_bias", "attn_output_gate", "hidden_act")):
            self.assertEqual(self.logits(self.copy("text-tied", None, change)), (wanted, ""))
        scaled = self.copy("text-tied", None, lambda c: c["text_config"]["rope_parameters"].update(rope_type="yarn", factor=4.0))
        positions, said = self.logits(scaled)
        self.assertEqual(positions, wanted)
        self.assertIn("'yarn'", said)
        blind = self.copy("vl", None, lambda c: c.pop("vision_config"))
        self.assertIn("vision_config", self.logits(blind)[1])

    def test_pixel_limits_of_older_files(self):
        model = self.copy("vl")
        path = model / "preprocessor_config.json"
        limits = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(limits | {"min_pixels": 65536, "max_pixels": 65536}), encoding="utf-8")
        wanted = thimble("embed-image", VL, PICTURE, "--json", "--min-pixels", "65536", "--max-pixels", "65536")
        self.assertEqual(thimble("embed-image", str(model), PICTURE, "--json").stdout, wanted.stdout)


class Metadata(Files):
    def test_what_producers_write(self):
        keys, tensors = gguf_edit.read(GGUF / "vl-mtp-bf16.gguf")
        model = self.folder / "model.gguf"
        wanted, _ = self.logits(GGUF / "vl-mtp-bf16.gguf")

        def same(change, said="", version=3, table=tensors):
            gguf_edit.write(model, {k: v for k, v in (keys | change).items() if v is not None}, table, version)
            positions, told = self.logits(model)
            self.assertEqual(positions, wanted, change)
            self.assertIn(said, told)
            if not said:
                self.assertEqual(told, "")
        same({}, version=2)
        for name in ("head_count", "head_count_kv"):
            size = keys["qwen35.attention." + name][1]
            same({"qwen35.attention." + name: (ARRAY, (UINT32, [0, 0, 0, size, size]))})
        same({"qwen35.feed_forward_length": (ARRAY, (INT32, [keys["qwen35.feed_forward_length"][1]] * 5))})
        same({"qwen35.rope.dimension_sections": (ARRAY, (INT32, keys["qwen35.rope.dimension_sections"][1][1][:3]))})
        same({"qwen35.attention.recurrent_layers": None, "qwen35.full_attention_interval": None, "qwen35.rope.dimension_count": None})
        same({"qwen35.rope.scaling.type": (STRING, "none"), "general.tags": (ARRAY, (STRING, []))})
        same({"qwen35.rope.scaling.type": (STRING, "yarn")}, "'yarn'")
        same({"qwen35.nextn_predict_layers": None})
        same({}, table={name.replace("ssm_dt.bias", "ssm_dt"): tensor for name, tensor in tensors.items()})
        same({}, "running without drafts", table={k: v for k, v in tensors.items() if k != "blk.4.nextn.enorm.weight"})
        gguf_edit.write(model, keys | {"qwen35.block_count": (STRING, "five")}, tensors)
        self.refused(model, 5, "qwen35.block_count must be a whole number")
