// SPDX-License-Identifier: Apache-2.0
// Models over bytes that no path leads to; host/open_model_file_test.cc has those that lie in files.
#include "files/model_file.h"

#include "files/json.h"
#include "gguf_writer.h"
#include "sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>

namespace thimble {
namespace {

using testing::Copying;
using testing::GgufWriter;
using ::testing::HasSubstr;
using testing::SourceOf;
using testing::ViewLog;

const std::string kFixtures = THIMBLE_FIXTURES_DIR;

std::string TextOf(const ModelFile& model, std::string_view name) {
  const TensorEntry* tensor = model.Find(name);
  if (tensor == nullptr) return "(absent)";
  const auto view = model.View(*tensor);
  if (!view.ok()) return view.error().message;
  return std::string(reinterpret_cast<const char*>(view.value().data()), view.value().size());
}

// One F32 tensor of one number, `value` its four bytes.
std::shared_ptr<const ByteSource> Safetensors(const std::string& tensor, std::string_view value) {
  const std::string header = R"({")" + tensor + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  testing::ByteWriter file;
  file.Text(header).Chars(value);
  return MemorySource(file.bytes());
}

std::shared_ptr<const ByteSource> GgufPart(std::uint16_t part, std::uint16_t count) {
  GgufWriter file;
  file.Key<std::uint16_t>("split.no", 2, part).Key<std::uint16_t>("split.count", 2, count);
  if (part == 0) file.TextKey("general.architecture", "qwen35");
  file.Tensor("t" + std::to_string(part), {1}, 0, "par" + std::to_string(part));
  return MemorySource(file.Bytes());
}

SideFiles Beside(std::map<std::string, std::string> texts) {
  return [texts = std::move(texts)](const std::string& name) -> Result<std::shared_ptr<const ByteSource>> {
    const auto found = texts.find(name);
    if (found == texts.end()) return Error{Code::kNotFound, name + ": [file] is not there"};
    return SourceOf(found->second);
  };
}

// A header with a vocabulary, longer than the first piece that is read.
std::vector<std::byte> LongHeader() {
  std::vector<std::string> tokens(70'000);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = "a token of some length, number " + std::to_string(i);
  GgufWriter file;
  file.TextKey("general.architecture", "qwen35").TextArrayKey("tokens", tokens).TextKey("last", "word");
  file.Tensor("t", {1}, 0, "abcd");
  return file.Bytes();
}

TEST(ModelFile, ReadsAHeaderPieceByPiece) {
  const std::vector<std::byte> bytes = LongHeader();
  const auto log = std::make_shared<ViewLog>();
  auto opened = ModelFile::FromGguf(Copying(MemorySource(bytes), log), "m");
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  // Strings stay valid wherever the model goes, and the source's copies with it.
  const ModelFile model = std::move(opened).value();
  const auto* tokens = model.metadata().Strings("tokens");
  ASSERT_NE(tokens, nullptr);
  EXPECT_EQ(tokens->back(), "a token of some length, number 69999");
  EXPECT_EQ(model.metadata().String("last"), "word");
  EXPECT_EQ(TextOf(model, "t"), "abcd");
  EXPECT_GT(log->views, 3);                 // a look at it, and more than one piece
  EXPECT_LT(log->bytes, 3 * bytes.size());  // each piece twice the last
  EXPECT_LE(log->largest, bytes.size());
}

TEST(ModelFile, IsTheSameHoweverItsBytesAreHad) {
  for (const char* name : {"gguf/vl-q8_0.gguf", "gguf/mmproj-vl-f16.gguf", "tokenizer/qwen35-vocab.gguf"}) {
    const std::string path = kFixtures + "/" + name;
    auto mapped = testing::MappedGguf(path);
    const auto log = std::make_shared<ViewLog>();
    auto copied = ModelFile::FromGguf(Copying(MapFile(path).value(), log), path);
    ASSERT_TRUE(mapped.ok() && copied.ok()) << name;
    EXPECT_EQ(copied.value().total_bytes(), mapped.value().total_bytes());
    EXPECT_EQ(copied.value().metadata().values().size(), mapped.value().metadata().values().size());
    ASSERT_EQ(copied.value().tensors().size(), mapped.value().tensors().size());
    for (const TensorEntry& tensor : mapped.value().tensors()) {
      EXPECT_EQ(TextOf(copied.value(), tensor.name), TextOf(mapped.value(), tensor.name)) << tensor.name;
      EXPECT_TRUE(mapped.value().View(tensor).value().is_borrowed());
      EXPECT_FALSE(copied.value().View(tensor).value().is_borrowed());
    }
  }
}

TEST(ModelFile, GivesPartsOfTensors) {
  GgufWriter file;
  file.Tensor("t", {2}, 0, "abcdefgh");
  const auto model = ModelFile::FromGguf(MemorySource(file.Bytes()), "m").value();
  const TensorEntry& tensor = *model.Find("t");
  const auto part = [&](std::uint64_t offset, std::uint64_t size) {
    const auto view = model.ViewPart(tensor, offset, size).value();
    return std::string(reinterpret_cast<const char*>(view.data()), view.size());
  };
  EXPECT_EQ(part(0, 3), "abc");
  EXPECT_EQ(part(6, 10), "gh");
  EXPECT_EQ(part(8, 1), "");
  EXPECT_EQ(part(UINT64_MAX, UINT64_MAX), "");
}

TEST(ModelFile, SplitGgufsAskForTheirParts) {
  const auto open = [](std::int64_t missing, std::uint16_t first) {
    return ModelFile::FromGguf({"one", GgufPart(first, 3)}, "all",
                               [&](std::int64_t part, std::int64_t count) -> Result<std::vector<NamedSource>> {
                                 EXPECT_EQ(part, first);
                                 EXPECT_EQ(count, 3);
                                 std::vector<NamedSource> parts;
                                 for (std::uint16_t i = 0; i < count - missing; ++i)
                                   parts.push_back({"part " + std::to_string(i), Copying(GgufPart(i, 3))});
                                 return parts;
                               });
  };
  for (const std::uint16_t first : {std::uint16_t{0}, std::uint16_t{2}}) {
    const auto model = open(0, first);
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ(model.value().path(), "all");
    EXPECT_EQ(model.value().shard_paths().size(), 3u);
    EXPECT_EQ(TextOf(model.value(), "t1"), "par1");
    EXPECT_EQ(model.value().metadata().String("general.architecture"), "qwen35");
  }
  EXPECT_THAT(open(1, 0).error().message, HasSubstr("one: [gguf] is split into 3 files, found 2"));
  const auto alone = ModelFile::FromGguf(GgufPart(0, 3), "one");
  ASSERT_FALSE(alone.ok());
  EXPECT_EQ(alone.error().code, Code::kUnsupported);
}

TEST(ModelFile, OpensAFolderThatIsNone) {
  SafetensorsModel folder;
  folder.name = "picked";
  folder.folder = "picked";
  folder.parts = {{"m-1.safetensors", Copying(Safetensors("x", "xxxx"))},
                  {"m-2.safetensors", Copying(Safetensors("y", "yyyy"))}};
  folder.index = {{"x", "m-1.safetensors"}, {"y", "m-2.safetensors"}};
  folder.side_files = Beside({{"config.json", "{}"}, {"page.json", "<html></html>"}});
  const auto model = ModelFile::FromSafetensors(folder);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(TextOf(model.value(), "x"), "xxxx");
  EXPECT_EQ(TextOf(model.value(), "y"), "yyyy");
  EXPECT_EQ(model.value().SideFile("config.json").value(), "{}");
  EXPECT_EQ(model.value().SideFile("tokenizer.json").error().code, Code::kNotFound);
  EXPECT_THAT(model.value().SideFile("page.json").error().message, HasSubstr("picked/page.json: [file] is a web page"));
  folder.index["z"] = "m-2.safetensors";
  EXPECT_THAT(ModelFile::FromSafetensors(folder).error().message,
              HasSubstr("picked/m-2.safetensors: [safetensors] the index places tensor 'z' here"));
  folder.index.clear();
  folder.side_files = nullptr;
  EXPECT_EQ(ModelFile::FromSafetensors(folder).value().SideFile("config.json").error().code, Code::kNotFound);
}

TEST(ModelFile, ReadsThatFailAreErrorsWithTheFilesName) {
  const std::vector<std::byte> bytes = LongHeader();
  const auto log = std::make_shared<ViewLog>();
  long failures = 0;
  for (bool is_open = false; !is_open && failures < 20;) {
    log->views = 0;
    log->fails_from = failures;
    const auto model = ModelFile::FromGguf(Copying(MemorySource(bytes), log), "m.gguf");
    is_open = model.ok();
    if (is_open) break;
    EXPECT_EQ(model.error().code, Code::kSystem);
    EXPECT_EQ(model.error().message, "m.gguf: [file] cannot read it: the test says so");
    ++failures;
  }
  EXPECT_GT(failures, 2);
  EXPECT_LT(failures, 20);
  // Later ones are remembered for who opens the model, once.
  log->fails_from = -1;
  const auto model = ModelFile::FromGguf(Copying(MemorySource(bytes), log), "m.gguf").value();
  EXPECT_TRUE(model.TakeReadFailure().ok());
  log->fails_from = 0;
  EXPECT_FALSE(model.View(*model.Find("t")).ok());
  log->fails_from = -1;
  EXPECT_TRUE(model.View(*model.Find("t")).ok());
  EXPECT_EQ(model.TakeReadFailure().error().message, "m.gguf: [file] cannot read it: the test says so");
  EXPECT_TRUE(model.TakeReadFailure().ok());
}

TEST(ModelFile, FaultsAreTheSameHoweverTheBytesAreHad) {
  std::vector<std::byte> bytes;
  {
    const auto source = MapFile(kFixtures + "/gguf/text-tied-q8_0.gguf").value();
    bytes.assign(source->mapped().begin(), source->mapped().end());
  }
  for (std::size_t place = 0; place < bytes.size(); place += place < 200 ? 1 : 1499) {
    std::vector<std::byte> changed = bytes;
    changed[place] ^= std::byte{0xFF};
    const auto in_memory = ModelFile::FromGguf(MemorySource(changed), "m");
    const auto copied = ModelFile::FromGguf(Copying(MemorySource(changed)), "m");
    ASSERT_EQ(in_memory.ok(), copied.ok()) << place;
    if (!copied.ok()) {
      EXPECT_EQ(copied.error().message, in_memory.error().message) << place;
    }
    const auto cut = std::vector<std::byte>(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(place));
    EXPECT_EQ(ModelFile::FromGguf(MemorySource(cut), "m").error().message,
              ModelFile::FromGguf(Copying(MemorySource(cut)), "m").error().message);
  }
}

}  // namespace
}  // namespace thimble
