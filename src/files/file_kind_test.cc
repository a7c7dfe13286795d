// SPDX-License-Identifier: Apache-2.0
#include "files/file_kind.h"

#include "gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace thimble {
namespace {

using testing::GgufWriter;
using ::testing::HasSubstr;
using namespace std::string_literals;

FileFinding Look(const std::string& content, const std::string& name = "model.gguf") {
  return LookAtFile(std::as_bytes(std::span(content)), name);
}

// The bytes, padded to the length that files of that kind have at least.
std::string Padded(const std::string& begin, std::size_t size = 600) {
  return begin + std::string(size > begin.size() ? size - begin.size() : 0, '\x01');
}

TEST(FileKind, Models) {
  EXPECT_EQ(Look("GGUF").kind, FileKind::kGguf);
  EXPECT_EQ(Look(Padded("GGUF\x03\0\0\0"s), "model.safetensors").kind, FileKind::kGguf);
  EXPECT_EQ(Look("\x02\0\0\0\0\0\0\0{}"s).kind, FileKind::kSafetensors);
  // 640 bytes of header begin as a pickle does.
  EXPECT_EQ(Look(Padded("\x80\x02\0\0\0\0\0\0{\"a\":"s), "x.bin").kind, FileKind::kSafetensors);
  EXPECT_EQ(Look("\xff\xff\xff\xff\0\0\0\0{}"s).kind, FileKind::kUnknown);  // a header of 4 GB
  EXPECT_EQ(RefusalOf(Look("GGUF")), std::nullopt);
  const std::string pack = "THIMPACK\x02\0\0\0\x01\0\0\0"s + std::string(64, '5') + "\x01\0\0\0"s;
  EXPECT_EQ(Look(pack, "model.thimble").kind, FileKind::kPack);
  EXPECT_EQ(RefusalOf(Look(pack)), std::nullopt);
}

struct Case {
  std::string content;
  std::string name;
  std::string what;
};

TEST(FileKind, OtherKindsAreNamedWithWhatToDo) {
  const std::vector<Case> cases = {
      {Padded("PK\x03\x04"), "model.gguf", "zip archive"},
      {Padded("PK\x03\x04"), "pytorch_model.bin", "PyTorch checkpoint"},
      {"PK\x03\x04" + std::string(22, 'x') + "\x10\0\0\0"s + "archive/data.pkl" + "rest", "model.gguf", "PyTorch"},
      {"PK\x03\x04" + std::string(22, 'x') + "\x06\0\0\0"s + "a.gguf" + "rest", "all.zip", "with 'a.gguf' in it"},
      {Padded("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"s), "x.pth", "PyTorch checkpoint"},
      {Padded("\x80\x04\x95\x10\x01"), "x.pt", "pickle"},
      {Padded("\x1f\x8b\x08"), "model.gguf", "gzip"},
      {Padded("\xfd"
              "7zXZ\0"s),
       "model.gguf", "xz archive"},
      {Padded("\x28\xb5\x2f\xfd"), "model.gguf.zst", "zstd"},
      {Padded("BZh91AY&SY"), "model.gguf", "bzip2"},
      {Padded("7z\xbc\xaf\x27\x1c"), "model.gguf", "7z"},
      {Padded("Rar!\x1a\x07\x01"), "model.gguf", "rar"},
      {Padded("model/", 257) + Padded("ustar"), "model.tar", "tar archive"},
      {Padded("tjgg"), "old.gguf", "old ggml model (ggjt)"},
      {Padded("lmgg"), "old.bin", "old ggml model"},
      {Padded("algg"), "lora.bin", "adapter"},
      {"\x08\x07\x12\x07pytorch"s, "model.onnx", "ONNX"},
      {Padded("\x08\x0a\x3a\xff\x01"), "model.onnx", "ONNX model, by its name"},
      {Padded("\x1c\0\0\0TFL3"s), "model.bin", "TensorFlow Lite"},
      {Padded("ptrt"), "model.engine", "TensorRT"},
      {Padded("\x89HDF\r\n\x1a\n"), "model.h5", "HDF5"},
      {Padded("\x93NUMPY\x01"), "model.npy", "NumPy"},
      {Padded("PK\x03\x04"), "weights.npz", "NumPy"},
      {Padded("PK\x03\x04"), "x.mlpackage", "Core ML"},
      {Padded("MZqFpD='\n"), "x.llamafile", "llamafile"},
      {Padded("\x7f"
              "ELF\x02"),
       "x.llamafile", "llamafile"},
      {Padded("\x7f"
              "ELF\x02"),
       "llama-server", "a program"},
      {Padded("THIMPACK\x01"), "m.gguf.thimble-pack", "pack cache"},
      {Padded("\x89PNG\r\n\x1a\n"), "x.gguf", "picture (PNG)"},
      {Padded("\xff\xd8\xff\xe0"), "x.gguf", "picture (JPEG)"},
      {Padded("BM\x46\x08\x01\0\0\0\0\0\x36"s), "x.gguf", "picture (BMP)"},
      {Padded("\n\x0e\n\x05<unk>\x15"s), "tokenizer.model", "tokenizer"},
      {Padded("%PDF-1.7"), "x.gguf", "PDF"},
      {Padded("\0\x05\x16\x07"s), "._model.gguf", "macOS"},
      {"<!DOCTYPE html><html><head><title>Sign in</title>", "model.gguf", "web page (HTML), saying 'Sign in'"},
      {"\n  <HTML lang=en><TITLE> 404 </TITLE>", "model.gguf", "saying '404'"},
      {"\xef\xbb\xbf<html>", "model.safetensors", "web page"},
      {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", "model.gguf",
       "server's error message, saying 'Access Denied'"},
      {"Entry not found", "model.gguf", "saying 'Entry not found'"},
      {"Invalid username or password.", "model.gguf", "saying 'Invalid username"},
      {R"({"error":"Repository not found"})", "model.gguf", "saying 'Repository not found'"},
      {R"({"error":{"message":"gated","code":403}})", "model.gguf", "saying 'gated'"},
      {R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]})", "model.gguf", "'manifest unknown'"},
      {R"({"architectures":["Qwen3_5ForConditionalGeneration"],"model_type":"qwen3_5"})", "config.json", "settings"},
      {R"({"metadata":{"total_size":1},"weight_map":{}})", "model.safetensors.index.json", "index"},
      {R"({"version":"1.0","added_tokens":[]})", "tokenizer.json", "tokenizer"},
      {R"({"schemaVersion":2,"layers":[]})", "latest", "Ollama"},
      {R"([{"role":"user"}])", "talk.json", "JSON file"},
      {"FROM ./model.gguf\nPARAMETER top_k 20\n", "Modelfile", "Modelfile"},
  };
  for (const Case& one : cases) {
    const FileFinding finding = Look(one.content, one.name);
    EXPECT_EQ(finding.kind, FileKind::kOther) << one.what;
    EXPECT_THAT(finding.what, HasSubstr(one.what)) << one.name;
    const auto refusal = RefusalOf(finding);
    ASSERT_TRUE(refusal.has_value()) << one.what;
    EXPECT_EQ(refusal->code, Code::kUnsupported) << one.what;
    EXPECT_FALSE(finding.advice.empty()) << one.what;
  }
}

TEST(FileKind, ModelsThatAreNotHereYet) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4cac\nsize 532517120\n";
  const std::vector<Case> cases = {
      {"", "model.gguf", "empty"},
      {std::string(5000, '\0'), "model.gguf", "zeros"},
      {std::string(3, '\0'), "model.safetensors", "zeros"},
      {pointer, "model.safetensors", "Git LFS pointer, which stands for a file of 507.8 MiB"},
      {"# xet version 0\nfilesize = 5\n", "model.gguf", "Git Xet"},
      {"../../blobs/4cac76a5b2ab", "model.gguf", "link that was copied as text"},
      {"GGUF\x03", "model.gguf.part", "not finished"},
      {"GGUF\x03", "Unconfirmed 12.crdownload", "not finished"},
      {"GGUF\x03", "sha256-4cac-partial", "not finished"},
      {"GGUF\x03", "model.gguf.part1of2", "one piece"},
      {"GGUF\x03", "model.gguf-split-a", "one piece"},
  };
  for (const Case& one : cases) {
    const FileFinding finding = Look(one.content, "folder/" + one.name);
    EXPECT_EQ(finding.kind, FileKind::kUnfinished) << one.what;
    EXPECT_THAT(finding.what, HasSubstr(one.what));
    const auto refusal = RefusalOf(finding);
    ASSERT_TRUE(refusal.has_value()) << one.what;
    EXPECT_EQ(refusal->code, Code::kCorrupt) << one.what;
  }
}

TEST(FileKind, WhatIsNotKnownIsLeftToTheParsers) {
  EXPECT_EQ(Look("hello there", "notes.txt").kind, FileKind::kText);
  EXPECT_EQ(Look("\xff\xfeh\0i\0"s, "notes.txt").kind, FileKind::kText);
  EXPECT_EQ(Look("a\x01\x02", "x").kind, FileKind::kUnknown);
  EXPECT_EQ(Look("a <b>bold</b> word", "x").kind, FileKind::kText);
  EXPECT_EQ(Look("[section]\nkey=1\n", "x").kind, FileKind::kText);
  EXPECT_EQ(RefusalOf(Look("hello there")), std::nullopt);
  EXPECT_EQ(RefusalOf(Look("a\x01\x02")), std::nullopt);
}

TEST(FileKind, WhatPagesSayIsTamed) {
  const FileFinding finding = Look("<html><title>\x1b[31m" + std::string(3000, 'n') + "</title>");
  EXPECT_THAT(finding.what, HasSubstr("\\x1b[31mnnn"));
  EXPECT_LT(finding.what.size(), 300U);
  EXPECT_EQ(finding.what.find('\x1b'), std::string::npos);
  EXPECT_THAT(Look("Access to this model\n\tis restricted\r\n").what,
              HasSubstr("'Access to this model is restricted'"));
}

TEST(FileKind, CutAnywhere) {
  for (const std::string& whole :
       {"PK\x03\x04" + std::string(22, 'x') + "\xff\xff\0\0"s + "name", "<html><title>x"s,
        "version https://git-lfs.github.com/spec/v1\nsize 99999999999999999999999"s, R"({"error":)"s}) {
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      const FileFinding finding = Look(whole.substr(0, size));
      EXPECT_EQ(RefusalOf(finding).has_value(),
                finding.kind == FileKind::kOther || finding.kind == FileKind::kUnfinished);
    }
  }
}

GgufLabel LabelOfFile(GgufWriter* file) { return ReadGgufLabel(file->Bytes()); }

TEST(GgufLabel, IsReadFromTheFront) {
  GgufWriter file;
  file.Key<std::uint32_t>("general.file_type", 4, 1).TextArrayKey("general.tags", {"a", "bb"});
  file.ArrayKey<float>("floats", 6, {1, 2}).TextKey("general.type", "mmproj").TextKey("general.architecture", "clip");
  const std::vector<std::byte> bytes = file.Bytes();
  const GgufLabel label = ReadGgufLabel(bytes);
  EXPECT_EQ(label.type, "mmproj");
  EXPECT_EQ(label.architecture, "clip");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const GgufLabel cut = ReadGgufLabel(std::span(bytes).first(size));
    EXPECT_TRUE(cut.type.empty() || cut.type == "mmproj");
    EXPECT_TRUE(cut.architecture.empty() || cut.architecture == "clip");
  }
  GgufWriter numbers;
  numbers.Key<std::uint32_t>("general.architecture", 4, 1).TextKey("general.type", "model");
  EXPECT_EQ(LabelOfFile(&numbers).architecture, "");
  EXPECT_EQ(LabelOfFile(&numbers).type, "model");
}

TEST(GgufLabel, FilesThatAreNoModels) {
  const auto refusal = [](const GgufLabel& label) {
    const auto error = RefusalOf(label);
    return error.has_value() ? error->message : "";
  };
  EXPECT_THAT(refusal({"qwen35", "adapter"}), HasSubstr("adapter (LoRA)"));
  EXPECT_THAT(refusal({"controlvector", ""}), HasSubstr("control vector"));
  EXPECT_THAT(refusal({"", "imatrix"}), HasSubstr("importance matrix"));
  EXPECT_THAT(refusal({"eagle3", "model"}), HasSubstr("draft model (eagle3)"));
  EXPECT_EQ(refusal({"qwen35", "model"}), "");
  EXPECT_EQ(refusal({"clip", "mmproj"}), "");
  EXPECT_EQ(refusal({"", ""}), "");
}

TEST(Adapters, AreToldByTheirTensors) {
  const auto named = [](std::initializer_list<const char*> names) {
    std::vector<TensorEntry> tensors;
    for (const char* name : names) tensors.emplace_back().name = name;
    return tensors;
  };
  EXPECT_TRUE(HoldsAdapter(named({"base_model.model.layers.0.q_proj.lora_A.weight", "x.lora_B.weight", "x.alpha"})));
  EXPECT_FALSE(HoldsAdapter(named({"x.lora_A.weight", "model.norm.weight"})));
  EXPECT_FALSE(HoldsAdapter(named({"x.alpha"})));
  EXPECT_FALSE(HoldsAdapter({}));
}

}  // namespace
}  // namespace thimble
