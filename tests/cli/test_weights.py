# SPDX-License-Identifier: Apache-2.0
"""Nothing in a model's files is ignored in silence: what is applied, what is harmless, what is named, what is refused."""
import json
import math
import pathlib
import shutil
import struct
import tempfile
import unittest

import gguf_edit
import safetensors_edit
from harness import FIXTURES, PICTURE, answer, thimble

GGUF, MODELS = FIXTURES / "gguf", FIXTURES / "models"
IDS = ["--ids", "608,1824,1652,1424,894"]
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
F32 = 0
LIMITS = ["--min-pixels", "3072", "--max-pixels", "65536"]


class Weights(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def logits(self, model, *options, said=""):
        """Every logit; `said` is what standard error must hold (nothing: it must be empty)."""
        done = thimble("logits", str(model), *IDS, "--positions", "all", "--full", "--json", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        if said:
            self.assertIn(said, done.stderr)
        else:
            self.assertEqual(done.stderr, "")
        return [position["logits"] for position in json.loads(done.stdout)["positions"]]

    def refused(self, model, status, *parts, options=()):
        done = thimble("logits", str(model), *IDS, "--json", *options)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    def rows(self, model, *options):
        """A picture as the tower gives it."""
        return answer("embed-image", str(model), PICTURE, "--json", *options)["embeddings"]

    def write(self, keys, tensors, name="model.gguf"):
        model = self.folder / name
        gguf_edit.write(model, keys, tensors)
        return model

    def copy(self, name, change_tensors=None, change_config=None):
        """A folder like the fixture's, its tensors as the function gives them back, its config as it leaves it."""
        model = self.folder / name
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(MODELS / name, model)
        if change_tensors is not None:
            tensors, metadata = safetensors_edit.read(model / "model.safetensors")
            safetensors_edit.write(model / "model.safetensors", change_tensors(tensors), metadata)
        if change_config is not None:
            config = json.loads((model / "config.json").read_text(encoding="utf-8"))
            change_config(config)
            (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return model


def one(value):
    return ([1], F32, struct.pack("<f", value))


def is_matrix(name, tensor):
    return name.endswith(".weight") and len(tensor[0]) == 2 and "conv1d" not in name and "embd.weight.1" not in name


def scaled(tensors, ending, factor=4.0):
    """Every matrix divided by a power of two, which a tensor beside it takes back."""
    changed = {}
    for name, (dims, kind, data) in tensors.items():
        if not is_matrix(name, (dims, kind, data)) or "pos" in name:
            changed[name] = (dims, kind, data)
            continue
        if kind == F32:
            data = struct.pack(f"<{len(data) // 4}f", *(x / factor for x in struct.unpack(f"<{len(data) // 4}f", data)))
        elif kind == 1:
            data = struct.pack(f"<{len(data) // 2}e", *(x / factor for x in struct.unpack(f"<{len(data) // 2}e", data)))
        else:  # Q8_0: scale and 32 codes
            assert kind == 8
            halves = [struct.unpack_from("<e", data, at)[0] / factor for at in range(0, len(data), 34)]
            data = b"".join(struct.pack("<e", d) + data[34 * i + 2:34 * i + 34] for i, d in enumerate(halves))
        changed[name] = (dims, kind, data)
        changed[name.removesuffix(".weight") + ending] = one(factor)
    return changed


class Factors(Weights):
    """One factor beside a matrix, as files with NVFP4 weights have them."""

    def test_a_factor_is_applied_in_every_path(self):
        for source, paths in (("text-tied-f32", ((), ("--exact",))), ("text-tied-q8_0", ((), ("--exact",))),
                              ("text-untied-q8_0", ((),))):
            keys, tensors = gguf_edit.read(GGUF / f"{source}.gguf")
            plain = self.write(keys, tensors, "plain.gguf")
            for ending in (".scale", ".weight.scale"):
                model = self.write(keys, scaled(tensors, ending))
                for options in paths:
                    self.assertEqual(self.logits(model, *options), self.logits(plain, *options), (source, ending, options))

    def test_a_factor_of_no_power_of_two(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        dims, kind, data = tensors["blk.1.ffn_down.weight"]
        thrice = struct.pack(f"<{len(data) // 4}f", *(3 * x for x in struct.unpack(f"<{len(data) // 4}f", data)))
        wanted = self.logits(self.write(keys, tensors | {"blk.1.ffn_down.weight": (dims, kind, thrice)}, "thrice.gguf"), "--exact")
        got = self.logits(self.write(keys, tensors | {"blk.1.ffn_down.scale": one(3.0)}), "--exact")
        self.assertLess(max(abs(a - b) for x, y in zip(got, wanted) for a, b in zip(x, y)), 1e-3)

    def test_a_pack_cache_knows_nothing_of_factors(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-q8_0.gguf")
        wanted = self.logits(self.write(keys, tensors, "plain.gguf"))
        model = self.write(keys, scaled(tensors, ".scale"))
        for _ in range(2):
            self.assertEqual(self.logits(model, "--pack-cache", "on"), wanted)
        self.assertTrue(list(self.folder.glob("model.gguf.thimble-pack*")))

    def test_factors_in_a_vision_file(self):
        model = self.folder / "model.gguf"
        shutil.copy(GGUF / "vl-f32.gguf", model)
        for kind in ("f32", "q8_0"):
            keys, tensors = gguf_edit.read(GGUF / f"mmproj-vl-{kind}.gguf")
            mmproj = self.write(keys, scaled(tensors, ".scale"), "mmproj.gguf")
            plain = ["--mmproj", str(GGUF / f"mmproj-vl-{kind}.gguf")]
            for options in ([], ["--exact"]):
                self.assertEqual(self.rows(model, "--mmproj", str(mmproj), *options, *LIMITS), self.rows(model, *plain, *options, *LIMITS))

    def test_forms_of_a_factor(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        name = "blk.0.ffn_up.scale"
        wanted = self.logits(self.write(keys, tensors | {name: one(0.5)}, "plain.gguf"))
        self.assertNotEqual(wanted, self.logits(self.write(keys, tensors)))
        for form in (([], F32, struct.pack("<f", 0.5)), ([1, 1], F32, struct.pack("<f", 0.5)), ([1], 1, struct.pack("<e", 0.5)),
                     ([1], 30, struct.pack("<f", 0.5)[2:])):
            self.assertEqual(self.logits(self.write(keys, tensors | {name: form})), wanted, form)
        self.assertEqual(self.logits(self.write(keys, tensors | {name: one(1.0)})), self.logits(self.write(keys, tensors)))

    def test_factors_that_are_none(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        name = "blk.0.ffn_up.scale"
        pair = ([2], F32, struct.pack("<2f", 1, 1))
        self.refused(self.write(keys, tensors | {name: pair}), 4, name)
        self.refused(self.write(keys, tensors | {name: one(1), "blk.0.ffn_up.weight.scale": one(1)}), 4, "'blk.0.ffn_up.weight.scale'")
        for value in (math.nan, math.inf, -math.inf):
            self.refused(self.write(keys, tensors | {name: one(value)}), 5, name)
        # A factor of something that is no matrix, or of a head that is not there.
        for name in ("blk.0.attn_norm.scale", "blk.0.attn_norm.weight.scale", "blk.0.ssm_a.scale", "output.scale", "blk.0.ssm_conv1d.scale"):
            self.refused(self.write(keys, tensors | {name: one(2)}), 4, name)


REFUSED = ("blk.0.ffn_up.bias", "blk.0.attn_qkv.bias", "blk.3.attn_q.bias", "output.bias", "output_norm.bias", "token_embd.weight.lora_a",
           "blk.0.ffn_up.weight.lora_b", "blk.0.ffn_up.g_idx", "blk.0.ffn_up.qweight", "blk.0.ffn_up.zeros", "blk.0.ffn_up.weight_scale",
           "blk.0.ffn_up.scales", "blk.0.ffn_up.output_scale", "blk.0.attn_out_norm.weight", "blk.3.attn_sinks.weight",
           "blk.0.ffn_gate_exps.weight", "blk.0.layer_output_scale.weight", "token_embd_norm.weight")
HARMLESS = ("blk.0.attn_rot_embd", "blk.0.ffn_up.input_scale", "rotary_emb.inv_freq", "position_ids", "blk.0.num_batches_tracked")
STRANGE = ("blk.0.something.weight", "extra", "blk.40.ffn_up.weight", "blk.0.attn_q.weight")


class Extras(Weights):
    def test_what_would_change_the_model_is_refused_by_name(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        for name in REFUSED:
            model = self.write(keys, tensors | {name: ([64], F32, bytes(256))})
            self.refused(model, 4, f"'{name}'")
            told = answer("info", str(model), "--json")
            self.assertEqual([t["name"] for t in told["unused_tensors"]], [name])
            self.assertTrue(told["unused_tensors"][0]["why"])
            self.assertTrue(any(name in warning for warning in told["warnings"]), told["warnings"])
        shown = thimble("info", str(model))
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("not used", shown.stdout)
        self.assertIn(REFUSED[-1], shown.stdout)

    def test_what_is_harmless_says_nothing(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        wanted = self.logits(self.write(keys, tensors, "plain.gguf"))
        for name in HARMLESS:
            model = self.write(keys, tensors | {name: one(2)})
            self.assertEqual(self.logits(model), wanted, name)
            told = answer("info", str(model), "--json")
            self.assertEqual([t["name"] for t in told["unused_tensors"]], [name])
            self.assertEqual(told["warnings"], [])
        ones = self.write(keys, tensors | {"rope_freqs.weight": ([8], F32, struct.pack("<8f", *[1.0] * 8))})
        self.assertEqual(self.logits(ones), wanted)

    def test_what_is_strange_is_named(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        wanted = self.logits(self.write(keys, tensors, "plain.gguf"))
        for name in STRANGE:
            model = self.write(keys, tensors | {name: one(2)})
            self.assertEqual(self.logits(model, said=f"'{name}'"), wanted, name)
            told = answer("info", str(model), "--json")
            self.assertEqual([t["name"] for t in told["unused_tensors"]], [name])
        many = self.write(keys, tensors | {f"extra.{i}": one(2) for i in range(12)})
        self.logits(many, said="12 tensors")
        self.logits(many, said="and 9 more")
        self.assertEqual(len(answer("info", str(many), "--json")["unused_tensors"]), 12)

    def test_what_info_says_of_a_broken_file(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        name = "blk.5.ffn_up.weight"
        model = self.write(keys, {k: v for k, v in tensors.items() if k != name})
        self.refused(model, 5, name)
        self.assertTrue(any(name in warning for warning in answer("info", str(model), "--json")["warnings"]))

    def test_a_whole_model_has_none(self):
        for model in (GGUF / "vl-mtp-bf16.gguf", MODELS / "vl-mtp", MODELS / "vl", MODELS / "text-untied"):
            self.assertEqual(answer("info", str(model), "--json")["unused_tensors"], [], model)

    def test_drafts(self):
        keys, tensors = gguf_edit.read(GGUF / "vl-mtp-bf16.gguf")
        wanted = self.logits(self.write(keys, tensors, "plain.gguf"))
        for part in ("shared_head_head.weight", "shared_head_head.scale", "embed_tokens.weight"):
            name = "blk.4.nextn." + part
            self.assertEqual(self.logits(self.write(keys, tensors | {name: one(2)}), said=f"'{name}'"), wanted)
        self.refused(self.write(keys, tensors | {"blk.4.nextn.eh_proj.bias": one(2)}), 4, "eh_proj.bias")
        self.assertEqual(self.logits(self.write(keys, tensors | {"blk.4.nextn.eh_proj.scale": one(2)})), wanted)
        # One that is not complete is said once, and what is left of it is no fault.
        half = {k: v for k, v in tensors.items() if k != "blk.4.nextn.enorm.weight"}
        self.assertEqual(self.logits(self.write(keys, half | {"blk.4.nextn.eh_proj.scale": one(2)}), said="without drafts"), wanted)

    def test_parts_of_layers_that_are_not_used(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        for name in ("blk.99.attn_q.bias", "blk.8.ffn_up.lora_a", "blk.99.attn_q.weight.lora_b", "blk.99.attn_q.weight_scale", "blk.8.ffn_up.g_idx", "blk.8.ffn_up.b"):
            self.refused(self.write(keys, tensors | {name: one(2)}), 4, f"'{name}'")
        # A layer's own tensors, its norms too, and the factors beside them say nothing about other layers.
        for name in ("blk.8.attn_norm.weight", "blk.40.attn_q.scale", "blk.40.ssm_dt.bias", "blk.40.ssm_a"):
            self.logits(self.write(keys, tensors | {name: one(2)}), said=f"'{name}'")
        keys, tensors = gguf_edit.read(GGUF / "vl-mtp-bf16.gguf")
        wanted = self.logits(self.write(keys, tensors, "plain.gguf"))
        for name in ("blk.5.nextn.enorm.weight", "blk.5.attn_norm.weight", "blk.5.nextn.eh_proj.weight"):
            self.assertEqual(self.logits(self.write(keys, tensors | {name: one(2)})), wanted, name)
        half = {k: v for k, v in tensors.items() if k != "blk.4.nextn.enorm.weight"}
        for name in ("blk.5.ffn_up.lora_a", "blk.5.nextn.eh_proj.bias", "blk.5.attn_q.weight_scale"):
            self.refused(self.write(keys, tensors | {name: one(2)}), 4, f"'{name}'")
        for name in ("blk.4.ffn_up.lora_a", "blk.4.nextn.eh_proj.bias", "blk.4.attn_q.weight_scale"):
            self.refused(self.write(keys, half | {name: one(2)}), 4, f"'{name}'")
        self.assertEqual(self.logits(self.write(keys, half), said="without drafts"), wanted)
        extra = lambda name: lambda tensors: tensors | {name: ("F32", [1], struct.pack("<f", 2))}
        name = "model.language_model.layers.99.mlp.up_proj.lora_A.weight"
        self.refused(self.copy("text-tied", extra(name)), 4, f"'{name}'")
        self.refused(self.copy("vl", extra("mtp.layers.0.mlp.up_proj.lora_A.weight")), 4, "lora_A")

    def test_factors_under_other_names(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        for name in ("blk.0.ls1.weight", "blk.0.ls2", "blk.0.layer_scale.weight", "blk.0.ffn_up.multiplier", "blk.0.ffn_up.delta", "blk.0.ffn_up.b",
                     "blk.0.ffn_up.weight.delta", "blk.0.attn_q.alpha", "blk.0.ffn_up.a", "blk.0.residual_multiplier", "blk.0.ffn_up.mask"):
            self.refused(self.write(keys, tensors | {name: ([64], F32, bytes(256))}), 4, f"'{name}'")
        shutil.copy(GGUF / "vl-f32.gguf", self.folder / "model.gguf")
        keys, tensors = gguf_edit.read(GGUF / "mmproj-vl-f32.gguf")
        mmproj = self.write(keys, tensors | {"v.blk.0.ls1.weight": ([64], F32, bytes(256))}, "mmproj.gguf")
        self.refused(self.folder / "model.gguf", 4, "v.blk.0.ls1.weight", options=["--mmproj", str(mmproj)])

    def test_factors_of_the_rotation(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        wanted = self.logits(self.write(keys, tensors, "plain.gguf"))
        ones = {F32: struct.pack("<8f", *[1.0] * 8), 1: struct.pack("<8e", *[1.0] * 8), 30: b"\x80\x3f" * 8}
        for name in ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"):
            for kind, data in ones.items():
                self.assertEqual(self.logits(self.write(keys, tensors | {name: ([8], kind, data)})), wanted, name)
            for data in (struct.pack("<8f", *[1.0] * 7, 8.0), struct.pack("<8f", *[math.nan] * 8)):
                self.refused(self.write(keys, tensors | {name: ([8], F32, data)}), 4, f"'{name}'")

    def test_folders(self):
        stem = "model.language_model.layers.0.mlp.up_proj."
        extra = lambda name: lambda tensors: tensors | {name: ("F32", [1], struct.pack("<f", 2))}
        for part in ("bias", "scale", "weight_scale", "weight_scale_inv", "lora_A.weight", "lora_B.default.weight", "qweight", "g_idx",
                     "qzeros", "weight_g", "weight.absmax", "SCB"):
            self.refused(self.copy("text-tied", extra(stem + part)), 4, f"'{stem}{part}'")
        for name in ("model.language_model.rotary_emb.inv_freq", "model.language_model.layers.3.self_attn.rotary_emb.inv_freq",
                     "model.language_model.embeddings.position_ids"):
            model = self.copy("text-tied", extra(name))
            self.logits(model)
            self.assertEqual([t["name"] for t in answer("info", str(model), "--json")["unused_tensors"]], [name])
        self.logits(self.copy("text-tied", extra("model.language_model.surprise")), said="'model.language_model.surprise'")
        self.refused(self.copy("vl", extra("model.visual.merger.linear_fc1.scale")), 4, "linear_fc1.scale")
        self.refused(self.copy("vl", extra("model.visual.deepstack_merger_list.0.linear_fc1.weight")), 4, "deepstack")

    def test_a_vision_file_with_something_more(self):
        shutil.copy(GGUF / "vl-f32.gguf", self.folder / "model.gguf")
        keys, tensors = gguf_edit.read(GGUF / "mmproj-vl-f32.gguf")
        name = "v.blk.0.ffn_gate.bias"
        mmproj = self.write(keys, tensors | {name: ([64], F32, bytes(256))}, "mmproj.gguf")
        self.refused(self.folder / "model.gguf", 4, name, options=["--mmproj", str(mmproj)])
        # One that nobody asked for never stops a text request.
        self.logits(self.folder / "model.gguf", said=name)

    def test_a_head_beside_a_tie(self):
        name = "model.language_model.embed_tokens.weight"
        wanted = self.logits(MODELS / "text-tied", "--exact")
        same = self.copy("text-tied", lambda tensors: tensors | {"lm_head.weight": tensors[name]})
        self.assertEqual(self.logits(same, "--exact"), wanted)
        told = answer("info", str(same), "--json")
        self.assertEqual(([t["name"] for t in told["unused_tensors"]], told["tied_embedding"]), (["lm_head.weight"], True))
        twice = lambda data: safetensors_edit.stored("BF16", [2 * x for x in safetensors_edit.floats("BF16", data)])
        other = self.copy("text-tied", lambda tensors: tensors | {"lm_head.weight": tensors[name][:2] + (twice(tensors[name][2]),)})
        got = self.logits(other, "--exact", said="lm_head.weight")
        self.assertLess(max(abs(2 * a - b) for x, y in zip(wanted, got) for a, b in zip(x, y)), 1e-5)

    def test_an_adapter(self):
        model = self.copy("text-tied")
        (model / "adapter_config.json").write_text("{}", encoding="utf-8")
        self.logits(model, said="adapter")
        (model / "config.json").unlink()
        self.refused(model, 4, "adapter")

    def test_a_tokenizer_larger_than_the_embedding(self):
        keys, tensors = gguf_edit.read(GGUF / "text-untied-bf16.gguf")
        dims, kind, data = tensors["token_embd.weight"]
        cut = {name: (dims[:1] + [2000], kind, tensors[name][2][:len(data) // dims[1] * 2000])
               for name in ("token_embd.weight", "output.weight")}
        model = self.write(keys, tensors | cut)
        self.refused(model, 5, "2033", "2000")
        self.assertTrue(any("2033" in warning for warning in answer("info", str(model), "--json")["warnings"]))


class Quantised(Weights):
    """Settings that change what weights mean."""

    def check(self, settings, method, where=lambda config: config, files=()):
        model = self.copy("text-tied", None, lambda config: where(config).update(settings))
        for name, value in files:
            (model / name).write_text(json.dumps(value), encoding="utf-8")
        self.refused(model, 4, f"quantised with {method}", "which is not read: use the GGUF or the unquantised folder")
        done = thimble("info", str(model))
        self.assertIn(f"quantised with {method}", done.stdout + done.stderr)

    def test_methods(self):
        for method in ("gptq", "awq", "bitsandbytes", "fp8", "hqq", "torchao", "eetq", "quanto", "aqlm", "mxfp4", "auto-round", "modelopt"):
            self.check({"quantization_config": {"quant_method": method, "bits": 4}}, method)
        self.check({"quantization_config": {"quant_method": "gptq"}}, "gptq", lambda config: config["text_config"])
        model = self.copy("vl", None, lambda config: config["vision_config"].update(quantization_config={"quant_method": "fp8"}))
        self.refused(model, 4, "quantised with fp8")
        self.check({"quantization_config": {"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}},
                   "compressed-tensors (nvfp4-pack-quantized)")
        self.check({"compression_config": {"quant_method": "compressed-tensors"}}, "compressed-tensors")
        self.check({"quantization_config": {"load_in_4bit": True}}, "bitsandbytes")
        self.check({"quantization": {"group_size": 32, "bits": 4, "mode": "mxfp4"}}, "mlx (mxfp4)")
        self.check({"quantization": {"group_size": 64, "bits": 4, "x.down_proj": {"group_size": 32, "bits": 4, "mode": "nvfp4"}}}, "mlx (nvfp4)")
        self.check({}, "gptq", files=[("quantize_config.json", {"bits": 4, "group_size": 128})])
        self.check({}, "awq", files=[("quant_config.json", {"w_bit": 4, "zero_point": True})])
        self.check({}, "modelopt (NVFP4)", files=[("hf_quant_config.json", {"producer": {}, "quantization": {"quant_algo": "NVFP4"}})])

    def test_settings_that_quantise_nothing(self):
        wanted = self.logits(MODELS / "text-tied")
        for settings in ({"quantization_config": None}, {"quantization_config": {}}, {"quantization": None},
                         {"quantization_config": {"quant_method": "none"}}):
            self.assertEqual(self.logits(self.copy("text-tied", None, lambda config, settings=settings: config.update(settings))), wanted)
        model = self.copy("text-tied")
        (model / "hf_quant_config.json").write_text(json.dumps({"quantization": {"quant_algo": None}}), encoding="utf-8")
        self.assertEqual(self.logits(model), wanted)

    def test_settings_of_other_architectures(self):
        for key, value in (("final_logit_softcapping", 30.0), ("embedding_multiplier", 12.0), ("num_experts", 8), ("attn_logit_softcapping", 50)):
            self.refused(self.copy("text-tied", None, lambda config: config["text_config"].update({key: value})), 4, key)
        for key in ("mlp_bias", "use_sliding_window"):
            self.refused(self.copy("text-tied", None, lambda config: config["text_config"].update({key: True})), 4, key)
        wanted = self.logits(MODELS / "text-tied")
        neutral = {"final_logit_softcapping": None, "logit_scale": 1.0, "num_experts": 0, "use_sliding_window": False}
        self.assertEqual(self.logits(self.copy("text-tied", None, lambda config: config["text_config"].update(neutral))), wanted)
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        for key, value in (("logit_scale", 0.5), ("final_logit_softcapping", 30.0), ("residual_scale", 2.0)):
            self.refused(self.write(keys | {"qwen35." + key: (FLOAT32, value)}, tensors), 4, "qwen35." + key)
        self.refused(self.write(keys | {"qwen35.expert_count": (UINT32, 8)}, tensors), 4, "expert_count")

    def test_keys_that_change_what_is_computed(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        plain = self.logits(self.write(keys, tensors))
        for key, kind, value in (("attention.scale", FLOAT32, 2.0), ("attention.scale", FLOAT32, 1.0), ("logit_scale", FLOAT32, math.nan),
                                 ("embedding_scale", FLOAT32, 8.0), ("residual_scale", FLOAT32, 0.22), ("attn_logit_softcapping", FLOAT32, 50.0),
                                 ("final_logit_softcapping", FLOAT32, 1.0), ("attention.clamp_kqv", FLOAT32, 1.0),
                                 ("attention.max_alibi_bias", FLOAT32, 1.0), ("attention.sliding_window", UINT32, 1),
                                 ("attention.sliding_window", ARRAY, (UINT32, [0, 0, 0, 512])), ("attention.causal", BOOL, False),
                                 ("attention.causal", UINT32, 0), ("pooling_type", UINT32, 3), ("expert_count", UINT32, 1),
                                 ("expert_used_count", UINT32, 2), ("expert_shared_count", UINT32, 1), ("expert_feed_forward_length", UINT32, 64),
                                 ("expert_weights_scale", FLOAT32, 2.5), ("use_parallel_residual", BOOL, True),
                                 ("rope.scaling.factor", FLOAT32, 4.0), ("rope.scaling.attn_factor", FLOAT32, 1.2),
                                 ("rope.scale_linear", FLOAT32, 4.0), ("rope.mrope_interleaved", BOOL, False), ("logit_scale", STRING, "much")):
            shown = (str(value).lower() if kind == BOOL else '512' if kind == ARRAY else value if kind == STRING else f'{value:g}')
            self.refused(self.write(keys | {"qwen35." + key: (kind, value)}, tensors), 4, f"qwen35.{key} is {'false' if 'causal' in key else shown}")
        linear = {"qwen35.rope.scaling.type": (STRING, "linear"), "qwen35.rope.scaling.factor": (FLOAT32, 2.0)}
        self.refused(self.write(keys | linear, tensors), 4, "qwen35.rope.scaling.factor is 2")
        # What means the same as nothing.
        for key, kind, value in (("attention.scale", FLOAT32, 0.125), ("attention.scale", FLOAT32, 0.0), ("logit_scale", FLOAT32, 1.0),
                                 ("residual_scale", FLOAT32, 0.0), ("attention.causal", BOOL, True), ("attention.sliding_window", UINT32, 0),
                                 ("pooling_type", UINT32, 0), ("expert_count", UINT32, 0), ("expert_used_count", UINT32, 0),
                                 ("rope.scaling.factor", FLOAT32, 1.0), ("rope.mrope_interleaved", BOOL, True)):
            self.assertEqual(self.logits(self.write(keys | {"qwen35." + key: (kind, value)}, tensors)), plain, key)
        off = {"qwen35.rope.scaling.type": (STRING, "none"), "qwen35.rope.scaling.factor": (FLOAT32, 4.0)}
        self.assertEqual(self.logits(self.write(keys | off, tensors)), plain)

    def test_files_that_say_they_are_no_model(self):
        keys, tensors = gguf_edit.read(GGUF / "text-tied-f32.gguf")
        for kind in ("mmproj", "adapter", "lora", "imatrix", "dataset"):
            self.refused(self.write(keys | {"general.type": (STRING, kind)}, tensors), 4, "general.type" if kind not in ("adapter", "imatrix") else kind)
        self.refused(self.write(keys | {"adapter.type": (STRING, "lora")}, tensors), 4, "adapter.type is lora")
        self.refused(self.write(keys | {"adapter.lora.alpha": (FLOAT32, 16.0)}, tensors), 4, "adapter.lora.alpha is 16")
        untyped = self.write({key: value for key, value in keys.items() if key != "general.type"}, tensors)
        self.logits(untyped)
        shutil.copy(GGUF / "vl-f32.gguf", self.folder / "model.gguf")
        keys, tensors = gguf_edit.read(GGUF / "mmproj-vl-f32.gguf")
        other = self.write(keys | {"general.type": (STRING, "dataset")}, tensors, "mmproj.gguf")
        self.refused(self.folder / "model.gguf", 4, "general.type", options=["--mmproj", str(other)])
        for key, kind, value in (("clip.use_gelu", BOOL, False), ("clip.vision.n_wa_pattern", UINT32, 8), ("clip.vision.window_size", UINT32, 112)):
            other = self.write(keys | {key: (kind, value)}, tensors, "mmproj.gguf")
            self.refused(self.folder / "model.gguf", 4, key + " is ", options=["--mmproj", str(other)])

    def test_settings_that_change_what_is_computed(self):
        def folder(change):
            return self.copy("text-tied", None, lambda config: config["text_config"].update(change))
        for key, value in (("attention_multiplier", 1.0), ("attention_multiplier", 2.0), ("query_pre_attn_scalar", 256), ("scale_emb", 12),
                           ("scale_depth", 1.4), ("logit_scale", "inv_sqrt_d_model"), ("final_logit_softcapping", 1.0), ("clip_qkv", 8.0),
                           ("sliding_window", 512), ("num_experts", 1), ("num_local_experts", 8), ("num_experts_per_tok", 2), ("is_causal", False),
                           ("use_bidirectional_attention", True), ("alibi", True), ("mlp_multipliers", [1.0, 0.5])):
            self.refused(folder({key: value}), 4, key)
        for part in ("rope_scaling", "rope_parameters"):
            for scaling in ({"factor": 4.0}, {"rope_type": "linear", "factor": 4.0}, {"type": "linear", "factor": 4.0}):
                rope = json.loads((MODELS / "text-tied" / "config.json").read_text(encoding="utf-8"))["text_config"]["rope_parameters"]
                rope = {key: value for key, value in rope.items() if key != "rope_type"}
                self.refused(folder({part: rope | scaling}), 4, part + ".factor is 4")
        self.refused(self.copy("text-tied", None, lambda config: config.update(architectures=["Qwen3_5ForSequenceClassification"])), 4,
                     "Qwen3_5ForSequenceClassification")
        wanted = self.logits(MODELS / "text-tied")
        neutral = {"attention_multiplier": 0.125, "query_pre_attn_scalar": 64, "sliding_window": 512, "use_sliding_window": False, "is_causal": True,
                   "num_experts": 0, "num_experts_per_tok": 8, "scale_emb": 1, "clip_qkv": None, "mlp_multipliers": [1.0, 1.0]}
        self.assertEqual(self.logits(folder(neutral)), wanted)

    def test_tensors_tell_where_the_settings_do_not(self):
        name = "model.language_model.layers.0.mlp.up_proj.weight"
        bytes_only = self.copy("text-tied", lambda t: t | {name: ("F8_E4M3", t[name][1], t[name][2][::2])})
        self.refused(bytes_only, 4, name, "F8_E4M3")


def mlx_names(tensors, is_shifted=True):
    """The same model as mlx-vlm saves it: its names, channels last, norms with their one added."""
    changed = {}
    for name, (dtype, shape, data) in tensors.items():
        name = name.replace("model.language_model.", "language_model.model.").replace("model.visual.", "vision_tower.")
        name = name.replace("lm_head", "language_model.lm_head")
        if "conv1d" in name:
            shape = [shape[0], shape[2], shape[1]]
        elif name.endswith("patch_embed.proj.weight"):
            out, channels, frames, height, width = shape
            size = len(data) // (out * channels * frames * height * width)
            places = frames * height * width
            item = lambda at: data[at * size:(at + 1) * size]
            data = b"".join(item((o * channels + c) * places + place) for o in range(out) for place in range(places) for c in range(channels))
            shape = [out, frames, height, width, channels]
        elif is_shifted and name.endswith("norm.weight") and "linear_attn" not in name and "vision_tower" not in name:
            # In float32, so that nothing is rounded.
            dtype, data = "F32", safetensors_edit.stored("F32", [safetensors_edit.single(x + 1) for x in safetensors_edit.floats(dtype, data)])
        changed[name] = (dtype, shape, data)
    return changed


class Towers(Weights):
    """Names and forms in which folders hold text model and tower."""

    def same(self, model):
        self.assertEqual(self.logits(model, "--exact"), self.logits(MODELS / "vl", "--exact"))
        self.assertEqual(self.rows(model, "--exact"), self.rows(MODELS / "vl", "--exact"))
        self.assertEqual(answer("info", str(model), "--json")["unused_tensors"], [])

    def test_prefixes(self):
        for prefix in ("visual.", "vision_tower.", "model.vision_tower.", "vision_model.", "model.vision_model.", "model.model.visual."):
            self.same(self.copy("vl", lambda t, prefix=prefix: {name.replace("model.visual.", prefix): value for name, value in t.items()}))
        for prefix in ("language_model.model.", "model.model.language_model.", "model.", "model.language_model.model.", "language_model."):
            self.same(self.copy("vl", lambda t, prefix=prefix: {name.replace("model.language_model.", prefix): value for name, value in t.items()}))

    def test_mlx(self):
        self.same(self.copy("vl", mlx_names))
        # The patch kernel's form is told by its own shape, whatever the rest looks like.
        def kernel_only(tensors):
            name = "model.visual.patch_embed.proj.weight"
            changed = mlx_names({name: tensors[name]}, False)
            return tensors | {name: changed["vision_tower.patch_embed.proj.weight"]}
        self.same(self.copy("vl", kernel_only))

    def test_a_tower_that_is_announced_and_not_there(self):
        model = self.copy("vl", lambda t: {name: value for name, value in t.items() if "visual" not in name})
        self.logits(model, said="vision_config")
        unknown = self.copy("vl", lambda t: {name.replace("model.visual.", "eyes."): value for name, value in t.items()})
        done = thimble("run", str(unknown), "hello", "--image", PICTURE, "-n", "1")
        self.assertEqual(done.returncode, 4)
        self.assertIn("cannot see", done.stderr)
        for prefix in ("vision_tower.vision_model.", "model.visual.visual."):
            unknown = self.copy("vl", lambda t: {name.replace("model.visual.", prefix): value for name, value in t.items()})
            told = answer("info", str(unknown), "--json")["unused_tensors"]
            self.assertEqual({t["why"] for t in told}, {"of a vision tower of which nothing is found under a name that is known"}, prefix)
            self.logits(unknown, said="vision_config")
        undescribed = self.copy("vl", None, lambda config: config.pop("vision_config"))
        told = answer("info", str(undescribed), "--json")["unused_tensors"]
        self.assertEqual({t["why"] for t in told}, {"of a vision tower that the settings do not describe"})
        gelu = self.copy("vl", None, lambda config: config["vision_config"].update(hidden_act="silu"))
        self.refused(gelu, 4, "hidden_act")


class Mlx(Weights):
    """Folders that MLX has quantised."""

    def quantised(self, name, bits_of, group, dtype, where=lambda config: config):
        """The folder, and one with the numbers that its codes stand for."""
        def matrices(tensors):
            return {k: t for k, t in tensors.items() if k.endswith(".weight") and len(t[1]) == 2 and t[1][1] % group == 0}
        plain, _ = safetensors_edit.read(MODELS / name / "model.safetensors")
        packed, meant = mlx_names(plain), mlx_names(plain)
        for key, (kind, (rows, cols), data) in matrices(packed).items():
            codes, scales, biases, values = safetensors_edit.quantise(safetensors_edit.floats(kind, data), rows, cols, bits_of(key), group, dtype)
            stem = key.removesuffix("weight")
            packed |= {key: codes, stem + "scales": scales, stem + "biases": biases}
            meant[key] = ("F32", [rows, cols], safetensors_edit.stored("F32", values))
        settings = {"group_size": group, "bits": bits_of("")}
        folder = self.copy(name, lambda _: packed, lambda config: where(config).update(quantization=settings, quantization_config=settings))
        folder = folder.rename(self.folder / "packed")
        return folder, self.copy(name, lambda _: meant)

    def check(self, *how, picture=False, **more):
        packed, meant = self.quantised(*how, **more)
        self.assertEqual(self.logits(packed, "--exact"), self.logits(meant, "--exact"), how)
        exact = self.logits(meant, "--exact")
        size = math.sqrt(sum(x * x for row in exact for x in row))
        error = math.sqrt(sum((a - b) ** 2 for x, y in zip(self.logits(packed), exact) for a, b in zip(x, y)))
        self.assertLess(error / size, 0.2, how)  # what 8-bit activations cost in models as small as these
        if picture:
            self.assertEqual(self.rows(packed, "--exact"), self.rows(meant, "--exact"))
        told = answer("info", str(packed), "--json")
        self.assertEqual(told["unused_tensors"], [])
        self.assertIn("U32", told["tensor_types"])
        shutil.rmtree(packed)

    def test_four_bits_equal_the_numbers_they_stand_for(self):
        self.check("vl", lambda name: 4, 32, "BF16", picture=True)
        self.check("text-tied", lambda name: 4, 64, "F16", where=lambda config: config["text_config"])

    def test_eight_bits_and_a_mixture(self):
        self.check("vl", lambda name: 8, 32, "BF16", picture=True)
        self.check("text-tied", lambda name: 6 if "down_proj" in name else 5 if "embed" in name else 3 if "up_proj" in name else 4, 32, "F32")

    def test_a_pack_cache(self):
        packed, _ = self.quantised("text-tied", lambda name: 8 if "mlp" in name else 4, 64, "F16")
        wanted = self.logits(packed)
        for _ in range(2):
            self.assertEqual(self.logits(packed, "--pack-cache", "on"), wanted)
        done = thimble("logits", str(packed), *IDS, "--json", "--verbose", "--pack-cache", "on")
        self.assertRegex(done.stderr, "pack cache: .* from ")

    def test_what_does_not_fit(self):
        packed, _ = self.quantised("text-tied", lambda name: 4, 64, "BF16")
        path = packed / "model.safetensors"
        tensors, metadata = safetensors_edit.read(path)
        stem = "language_model.model.layers.0.mlp.up_proj."

        def refused(status, change, *parts):
            safetensors_edit.write(path, {k: v for k, v in (tensors | change).items() if v is not None}, metadata)
            self.refused(packed, status, *parts)
        dtype, (rows, words), data = tensors[stem + "weight"]
        refused(5, {stem + "weight": (dtype, [rows, words - 1], data[:rows * (words - 1) * 4])}, stem + "weight")
        dtype, shape, data = tensors[stem + "scales"]
        refused(5, {stem + "scales": (dtype, [shape[0] - 1, shape[1]], data[:-2])}, stem + "scales")
        refused(4, {stem + "biases": None}, stem)
        refused(4, {stem + "bias": ("F32", [1], bytes(4))}, stem + "bias'")


class Processors(Weights):
    def limits(self, model):
        return answer("embed-image", str(model), PICTURE, "--json")["tokens"]

    def put(self, model, name, value):
        (model / name).write_text(json.dumps(value), encoding="utf-8")

    def test_where_limits_are_said(self):
        model = self.copy("vl")
        images = json.loads((model / "preprocessor_config.json").read_text(encoding="utf-8"))
        large = images | {"size": {"shortest_edge": 65536, "longest_edge": 65536}}
        few, many = self.limits(model), 64
        self.assertEqual(few, 6)
        # The nested form counts before the files of their own, as in transformers 5.
        self.put(model, "processor_config.json", {"image_processor": large, "processor_class": "Qwen3VLProcessor"})
        self.assertGreaterEqual(self.limits(model), many - 10)
        self.put(model, "processor_config.json", {"processor_class": "Qwen3VLProcessor"})
        self.assertEqual(self.limits(model), few)
        (model / "preprocessor_config.json").unlink()
        self.put(model, "processor_config.json", {"image_processor": images})
        self.assertEqual(self.limits(model), few)
        self.put(model, "processor_config.json", {"image_processor": images | {"size": {"min_pixels": 3072, "max_pixels": 65536}}})
        self.assertEqual(self.limits(model), few)
        (model / "processor_config.json").unlink()
        self.assertGreater(self.limits(model), few)

    def test_videos(self):
        frames = self.folder / "frames"
        frames.mkdir()
        for i in range(4):
            shutil.copy(PICTURE, frames / f"{i}.png")
        def tokens(model):
            messages = [{"role": "user", "content": [{"type": "video", "video": "v"}]}]
            reply = answer("run", str(model), "--messages", "-", "--frames", str(frames), "--all-frames", "-n", "1", "--json", text=json.dumps(messages))
            return len(reply["prompt_ids"])
        model = self.copy("vl")
        videos = json.loads((model / "video_preprocessor_config.json").read_text(encoding="utf-8"))
        wanted = tokens(model)
        (model / "video_preprocessor_config.json").unlink()
        self.put(model, "processor_config.json", {"video_processor": videos})
        self.assertEqual(tokens(model), wanted)
        self.put(model, "processor_config.json", {"video_processor": videos | {"size": {"shortest_edge": 4096, "longest_edge": 8192}}})
        self.assertLess(tokens(model), wanted)

    def test_limits_that_contradict_each_other(self):
        model = self.copy("vl")
        (model / "preprocessor_config.json").unlink()
        (model / "video_preprocessor_config.json").unlink()
        released = self.limits(model)
        size = {"size": {"shortest_edge": 65536, "longest_edge": 3072}}
        for name, settings in (("preprocessor_config.json", size), ("processor_config.json", {"image_processor": size}),
                               ("preprocessor_config.json", {"min_pixels": 65536, "max_pixels": 3072})):
            self.put(model, name, settings)
            self.logits(model, said=name)
            self.logits(model, said="65536")
            self.logits(model, said="3072")
            self.assertEqual(self.limits(model), released)
            (model / name).unlink()
        # The half that is not said is the released one.
        self.put(model, "preprocessor_config.json", {"size": {"shortest_edge": 2 ** 30}})
        self.logits(model, said=str(2 ** 30))
        (model / "preprocessor_config.json").unlink()
        self.put(model, "video_preprocessor_config.json", size)
        self.logits(model, said="video_preprocessor_config.json")
        keys, tensors = ollama(GGUF / "vl-f32.gguf", GGUF / "mmproj-vl-f32.gguf")
        file = self.write(keys | {"qwen35.vision.shortest_edge": (UINT32, 65536), "qwen35.vision.longest_edge": (UINT32, 3072)}, tensors)
        self.logits(file, said="qwen35.vision")
        self.rows(file, "--max-pixels", "70000")

    def test_settings_that_say_otherwise(self):
        model = self.copy("vl")
        plain = json.loads((model / "preprocessor_config.json").read_text(encoding="utf-8"))
        for key, value in (("image_mean", [0.48145466, 0.4578275, 0.40821073]), ("image_std", 0.25), ("patch_size", 14), ("merge_size", 1),
                           ("temporal_patch_size", 1), ("rescale_factor", 1.0), ("resample", 2), ("do_normalize", False)):
            self.put(model, "preprocessor_config.json", plain | {key: value})
            self.logits(model, said=f"preprocessor_config.json says {key} ")
        self.put(model, "preprocessor_config.json", plain | {"size": {"height": 224, "width": 224}})
        self.logits(model, said="preprocessor_config.json says size")
        self.put(model, "preprocessor_config.json", plain | {"image_mean": None, "do_normalize": True, "resample": 3, "rescale_factor": 1 / 255})
        self.logits(model)
        (model / "preprocessor_config.json").write_text("{", encoding="utf-8")
        self.logits(model, said="preprocessor_config.json")
        keys, tensors = gguf_edit.read(GGUF / "mmproj-vl-f32.gguf")
        shutil.copy(GGUF / "vl-f32.gguf", self.folder / "model.gguf")
        self.write(keys | {"clip.vision.image_mean": (ARRAY, (FLOAT32, [0.48, 0.46, 0.41]))}, tensors, "mmproj.gguf")
        self.logits(self.folder / "model.gguf", "--mmproj", str(self.folder / "mmproj.gguf"), said="image_mean")


def ollama(text, mmproj):
    """Text and tower in one file, as Ollama's converter writes it."""
    keys, tensors = gguf_edit.read(text)
    vision_keys, vision = gguf_edit.read(mmproj)
    value = lambda key: vision_keys["clip.vision." + key]
    keys |= {"qwen35.vision." + key: value(key) for key in ("block_count", "embedding_length", "patch_size", "spatial_merge_size")}
    keys |= {"qwen35.vision." + key: value(key) for key in ("attention.head_count", "attention.layer_norm_epsilon", "image_mean", "image_std")}
    keys |= {"qwen35.vision.num_channels": (UINT32, 3), "qwen35.vision.temporal_patch_size": (UINT32, 2),
             "qwen35.vision.rope.freq_base": (FLOAT32, 10000.0), "qwen35.vision.deepstack_visual_indexes": (ARRAY, (INT32, [])),
             "qwen35.vision.shortest_edge": (UINT32, 3072), "qwen35.vision.longest_edge": (UINT32, 65536),
             "qwen35.image_token_id": (UINT32, 2012), "qwen35.rope.mrope_interleaved": (BOOL, True)}
    tensors = {name.replace("ssm_dt.bias", "ssm_dt"): tensor for name, tensor in tensors.items()}
    for name, (dims, kind, data) in vision.items():
        if name == "v.patch_embd.weight":
            width, height, channels, rows = dims
            size = len(data) // (width * height * channels * rows)
            area = width * height * size
            slices = [data, vision[name + ".1"][2]]
            data = b"".join(part[at * area:(at + 1) * area] for at in range(rows * channels) for part in slices)
            tensors["v.patch_embed.weight"] = ([width, height, 2, rows * channels], kind, data)
        elif ".attn_qkv." in name:
            for i, letter in enumerate("qkv"):
                third = len(data) // 3
                tensors[name.replace("attn_qkv", "attn_" + letter)] = (dims[:-1] + [dims[-1] // 3], kind, data[i * third:(i + 1) * third])
        elif name != "v.patch_embd.weight.1":
            for old, new in (("v.patch_embd", "v.patch_embed"), ("v.position_embd", "v.pos_embed"), (".ln1.", ".norm1."), (".ln2.", ".norm2."),
                             (".ffn_up.", ".mlp.linear_fc1."), (".ffn_down.", ".mlp.linear_fc2."), ("v.post_ln.", "v.merger.norm."),
                             ("mm.0.", "v.merger.linear_fc1."), ("mm.2.", "v.merger.linear_fc2.")):
                name = name.replace(old, new)
            tensors[name] = (dims, kind, data)
    return keys, tensors


class Ollama(Weights):
    def test_one_file_equals_the_pair(self):
        for model, kind, is_exact in (("vl", "f32", True), ("vl", "f16", True), ("vl", "q8_0", True), ("vl", "f32", False),
                                      ("vl", "q8_0", False)):
            options = ["--exact"] if is_exact else []
            text, mmproj = GGUF / f"{model}-{kind}.gguf", GGUF / f"mmproj-{model}-{kind}.gguf"
            file = self.write(*ollama(text, mmproj))
            self.assertEqual(self.logits(file, *options), self.logits(text, "--mmproj", str(mmproj), *options))
            self.assertEqual(self.rows(file, *options), self.rows(text, "--mmproj", str(mmproj), *LIMITS, *options), kind)
            told = answer("info", str(file), "--json")
            self.assertEqual((told["unused_tensors"], told["warnings"]), ([], []))
            self.assertIsNotNone(told["vision"])

    def test_a_conversation_with_a_picture(self):
        file = self.write(*ollama(GGUF / "vl-f32.gguf", GGUF / "mmproj-vl-f32.gguf"))
        talk = ["What is this?", "--image", PICTURE, "-n", "8", "--temperature", "0", "--ignore-eos", "--exact", "--json"]
        pair = answer("run", str(GGUF / "vl-f32.gguf"), "--mmproj", str(GGUF / "mmproj-vl-f32.gguf"), *talk, *LIMITS)
        self.assertEqual(answer("run", str(file), *talk)["ids"], pair["ids"])

    def test_its_tower_for_another_text_file(self):
        file = self.write(*ollama(GGUF / "vl-f32.gguf", GGUF / "mmproj-vl-f32.gguf"))
        wanted = self.rows(GGUF / "vl-f32.gguf", "--mmproj", str(GGUF / "mmproj-vl-f32.gguf"), *LIMITS)
        for text in (GGUF / "vl-f32.gguf", file):
            self.assertEqual(self.rows(text, "--mmproj", str(file), *LIMITS), wanted)

    def test_what_is_not_right_is_named(self):
        keys, tensors = ollama(GGUF / "vl-f32.gguf", GGUF / "mmproj-vl-f32.gguf")
        without = lambda name: {k: v for k, v in tensors.items() if k != name}
        self.refused(self.write(keys, without("v.blk.1.attn_k.weight")), 5, "v.blk.1.attn_k.weight")
        self.refused(self.write(keys, without("v.merger.norm.bias")), 5, "v.merger.norm.bias")
        self.logits(self.write(keys, {k: v for k, v in tensors.items() if not k.startswith("v.")}), said="qwen35.vision")
        self.refused(self.write(keys, tensors | {"v.deepstack_merger.0.linear_fc1.weight": one(1)}), 4, "deepstack")
        self.refused(self.write(keys, tensors | {"v.blk.0.attn_q.scale": ([2], F32, bytes(8))}), 4, "v.blk.0.attn_q.scale")
        self.refused(self.write(keys | {"qwen35.vision.deepstack_visual_indexes": (ARRAY, (INT32, [1]))}, tensors), 4, "deepstack")
        scaled_up = self.write(keys, scaled(tensors, ".scale"), "scaled.gguf")
        self.assertEqual(self.rows(scaled_up, "--exact"), self.rows(self.write(keys, tensors), "--exact"))
        # Parts of different types.
        dims, _, data = tensors["v.blk.0.attn_v.weight"]
        halves = struct.pack(f"<{len(data) // 4}e", *struct.unpack(f"<{len(data) // 4}f", data))
        widened = struct.pack(f"<{len(data) // 4}f", *struct.unpack(f"<{len(data) // 4}e", halves))
        mixed, same = (self.write(keys, tensors | {"v.blk.0.attn_v.weight": (dims, kind, value)}, name)
                       for kind, value, name in ((1, halves, "mixed.gguf"), (F32, widened, "same.gguf")))
        self.assertEqual(self.rows(mixed, "--exact"), self.rows(same, "--exact"))
