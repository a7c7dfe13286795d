// SPDX-License-Identifier: Apache-2.0
// The engine's door: models opened from bytes that no path leads to, which are read in pieces, change, or cannot be
// read.
#include "engine/model_files.h"

#include "folder_test.h"
#include "gguf_writer.h"
#include "session_tools.h"
#include "sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>

namespace thimble::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::shared_ptr<const ModelFile> Shared(Result<ModelFile> file) {
  return std::make_shared<const ModelFile>(Get(std::move(file)));
}

// The file at `path` with nothing of it in memory.
std::shared_ptr<const ByteSource> Pieces(const std::string& path, const std::shared_ptr<ViewLog>& log) {
  return Copying(Get(MapFile(path)), log);
}

std::shared_ptr<const ModelFile> GgufInPieces(const std::string& path, const std::shared_ptr<ViewLog>& log) {
  return Shared(ModelFile::FromGguf(Pieces(path, log), path));
}

std::shared_ptr<const ModelFile> FolderInPieces(const std::string& folder, const std::vector<std::string>& parts,
                                                const std::shared_ptr<ViewLog>& log) {
  SafetensorsModel model;
  model.name = folder;
  model.folder = folder;
  for (const std::string& part : parts) model.parts.push_back({folder + "/" + part, Pieces(folder + "/" + part, log)});
  model.side_files = [folder, log](const std::string& name) -> Result<std::shared_ptr<const ByteSource>> {
    THIMBLE_ASSIGN_OR_RETURN(auto source, MapFile(folder + "/" + name));
    return Copying(std::move(source), log);
  };
  return Shared(ModelFile::FromSafetensors(std::move(model)));
}

EngineOptions OptionsFor(Precision precision) {
  EngineOptions options;
  options.precision = precision;
  options.threads = 2;
  options.context = 256;
  return options;
}

// All logits of a question, with a picture where the engine can see.
std::vector<float> LogitsOf(const std::shared_ptr<const Engine>& engine) {
  GenerateRequest request = Ask("");
  request.chat().messages = {UserMessage("What is this, and why?", engine->can_see() ? "rgb.png" : "")};
  if (engine->can_see()) request.pictures.push_back(LoadImage("rgb.png"));
  std::vector<float> all;
  Get(NewSession(engine)->Evaluate(request, LogitRows::kAll, [&](int, std::span<const float> logits) {
    all.insert(all.end(), logits.begin(), logits.end());
    return true;
  }));
  return all;
}

void ExpectSameBits(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  ASSERT_FALSE(a.empty());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0);
}

std::uint64_t LargestTensor(const ModelFile& file) {
  std::uint64_t largest = 0;
  for (const TensorEntry& tensor : file.tensors()) largest = std::max(largest, tensor.size_bytes);
  return largest;
}

// A GGUF file cut into two as llama.cpp's gguf-split does it: all keys in the first, half of the tensors in each.
std::array<std::vector<std::byte>, 2> SplitInTwo(const ModelFile& model, std::span<const std::byte> file) {
  const auto tensors = model.tensors();
  std::uint64_t data = file.size();
  std::uint64_t table_bytes = 0;
  for (const TensorEntry& tensor : tensors) {
    data = std::min(data, tensor.offset);
    table_bytes += 8 + tensor.name.size() + 4 + 8 * tensor.shape.size() + 4 + 8;
  }
  // The table ends at most an alignment before the data; it begins with the first tensor's name.
  std::uint64_t table = data - table_bytes;
  while (std::memcmp(file.data() + table + 8, tensors[0].name.data(), tensors[0].name.size()) != 0) --table;
  std::uint64_t num_keys = 0;
  std::memcpy(&num_keys, file.data() + 16, sizeof num_keys);
  std::array<std::vector<std::byte>, 2> parts;
  for (std::size_t part = 0; part < 2; ++part) {
    const std::size_t half = tensors.size() / 2;
    const auto own = part == 0 ? tensors.first(half) : tensors.subspan(half);
    ByteWriter out;
    out.Chars("GGUF").Add<std::uint32_t>(3).Add<std::uint64_t>(own.size());
    out.Add<std::uint64_t>(3 + (part == 0 ? num_keys : 0));
    const auto* chars = reinterpret_cast<const char*>(file.data());
    if (part == 0) out.Chars({chars + 24, static_cast<std::size_t>(table - 24)});
    const auto number = [&out](const char* name, std::uint16_t value) {
      out.Text(name).Add<std::uint32_t>(2).Add<std::uint16_t>(value);
    };
    number("split.no", static_cast<std::uint16_t>(part));
    number("split.count", 2);
    number("split.tensors.count", static_cast<std::uint16_t>(tensors.size()));
    ByteWriter content;
    for (const TensorEntry& tensor : own) {
      while (content.bytes().size() % 32 != 0) content.Add<char>(0);
      out.Text(tensor.name).Add<std::uint32_t>(static_cast<std::uint32_t>(tensor.shape.size()));
      for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) out.Add(*size);
      out.Add<std::uint32_t>(static_cast<std::uint32_t>(tensor.dtype)).Add<std::uint64_t>(content.bytes().size());
      content.Chars({chars + tensor.offset, static_cast<std::size_t>(tensor.size_bytes)});
    }
    while (out.bytes().size() % 32 != 0) out.Add<char>(0);
    parts[part] = out.bytes();
    parts[part].insert(parts[part].end(), content.bytes().begin(), content.bytes().end());
  }
  return parts;
}

TEST(ModelFiles, GiveTheSameBitsInPieces) {
  for (const char* name : {"gguf/text-tied-q8_0.gguf", "gguf/text-real-heads-bf16.gguf", "gguf/vl-mtp-q8_0.gguf"}) {
    for (const Precision precision : {Precision::kFast, Precision::kExact}) {
      const auto log = std::make_shared<ViewLog>();
      ModelFiles files;
      files.text = GgufInPieces(Fixture(name), log);
      const std::uint64_t header_bytes = log->bytes;
      const auto pieces = Get(Engine::Open(files, OptionsFor(precision)));
      // Never more at once than a tensor, or the first piece of a header; and hardly anything twice.
      EXPECT_LE(log->largest, std::max(LargestTensor(*files.text), std::uint64_t{1} << 20)) << name;
      EXPECT_LE(log->bytes, header_bytes + files.text->total_bytes() * 5 / 4) << name;
      files.text = Shared(MappedGguf(Fixture(name)));
      ExpectSameBits(LogitsOf(pieces), LogitsOf(Get(Engine::Open(files, OptionsFor(precision)))));
    }
  }
}

TEST(ModelFiles, AVisionFileInPieces) {
  for (const Precision precision : {Precision::kFast, Precision::kExact}) {
    ModelFiles files;
    files.text = GgufInPieces(Fixture("gguf/vl-q8_0.gguf"), std::make_shared<ViewLog>());
    files.vision = GgufInPieces(Fixture("gguf/mmproj-vl-f16.gguf"), std::make_shared<ViewLog>());
    EXPECT_TRUE(CheckTowerFits(*files.text, *files.vision).ok());
    const auto pieces = Get(Engine::Open(files, OptionsFor(precision)));
    ASSERT_TRUE(pieces->can_see());
    files.text = Shared(MappedGguf(Fixture("gguf/vl-q8_0.gguf")));
    files.vision = Shared(MappedGguf(Fixture("gguf/mmproj-vl-f16.gguf")));
    ExpectSameBits(LogitsOf(pieces), LogitsOf(Get(Engine::Open(files, OptionsFor(precision)))));
  }
  // A tower for another model is refused, whoever asks.
  ModelFiles files;
  files.text = Shared(MappedGguf(Fixture("gguf/text-untied-bf16.gguf")));
  files.vision = Shared(MappedGguf(Fixture("gguf/mmproj-vl-f16.gguf")));
  EXPECT_FALSE(CheckTowerFits(*files.text, *files.vision).ok());
  EXPECT_FALSE(Engine::Open(files, OptionsFor(Precision::kFast)).ok());
}

TEST(ModelFiles, AFolderInPieces) {
  for (const auto& [name, parts] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"text-untied", {"model.safetensors"}},
           {"vl-mtp", {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}}}) {
    const std::string folder = Fixture("models/" + name);
    ModelFiles files;
    files.text = FolderInPieces(folder, parts, std::make_shared<ViewLog>());
    const auto pieces = Get(Engine::Open(files, OptionsFor(Precision::kFast)));
    host::OpenOptions options;
    static_cast<EngineOptions&>(options) = OptionsFor(Precision::kFast);
    options.model = folder;
    ExpectSameBits(LogitsOf(pieces), LogitsOf(Get(host::OpenModel(options))));
  }
}

TEST(ModelFiles, ASplitModelInPieces) {
  const std::string path = Fixture("gguf/vl-mtp-q8_0.gguf");
  const auto whole = Shared(MappedGguf(path));
  const auto parts = SplitInTwo(*whole, Get(MapFile(path))->mapped());
  const auto source = [&](std::size_t part) { return Copying(MemorySource(parts[part])); };
  ModelFiles files;
  files.text = Shared(ModelFile::FromGguf({"first", source(0)}, "split", [&](std::int64_t, std::int64_t) {
    return Result<std::vector<NamedSource>>(std::vector<NamedSource>{{"first", source(0)}, {"second", source(1)}});
  }));
  ASSERT_EQ(files.text->shard_paths().size(), 2u);
  const auto split = Get(Engine::Open(files, OptionsFor(Precision::kFast)));
  files.text = whole;
  ExpectSameBits(LogitsOf(split), LogitsOf(Get(Engine::Open(files, OptionsFor(Precision::kFast)))));
}

// Fails every read of opening in turn, once or for good.
void FailEveryRead(const std::shared_ptr<ViewLog>& log, const std::function<ModelFiles()>& make) {
  ASSERT_TRUE(Engine::Open(make(), OptionsFor(Precision::kFast)).ok());
  for (const bool for_good : {true, false}) {
    long failures = 0;
    for (bool is_open = false; !is_open; ++failures) {
      ASSERT_LT(failures, 2000);
      const ModelFiles files = make();
      log->views = 0;
      log->fails_from = failures;
      log->fails_once = !for_good;
      const auto engine = Engine::Open(files, OptionsFor(Precision::kFast));
      const bool has_failed = log->views > failures;
      log->fails_from = -1;
      is_open = engine.ok();
      EXPECT_EQ(is_open, !has_failed) << failures;
      if (is_open) break;
      EXPECT_THAT(engine.error().message, HasSubstr("the test says so")) << failures;
      EXPECT_EQ(engine.error().message.find('\n'), std::string::npos);
      // The same files open once they can be read again.
      if (failures % 16 == 0) {
        EXPECT_TRUE(Engine::Open(files, OptionsFor(Precision::kFast)).ok());
      }
    }
    EXPECT_GT(failures, 20);
  }
}

TEST(ModelFiles, AReadThatFailsIsAnError) {
  const auto log = std::make_shared<ViewLog>();
  FailEveryRead(log, [&] {
    ModelFiles files;
    files.text = GgufInPieces(Fixture("gguf/vl-q8_0.gguf"), log);
    files.vision = GgufInPieces(Fixture("gguf/mmproj-vl-f16.gguf"), log);
    return files;
  });
}

TEST(ModelFiles, AReadThatFailsInAFolderIsAnError) {
  const auto log = std::make_shared<ViewLog>();
  FailEveryRead(log, [&] {
    ModelFiles files;
    files.text = FolderInPieces(Fixture("models/vl"), {"model.safetensors"}, log);
    return files;
  });
}

TEST(ModelFiles, NoneIsAnError) {
  const auto engine = Engine::Open(ModelFiles(), EngineOptions());
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.error().code, Code::kInvalid);
  EXPECT_FALSE(Engine::Describe(ModelFiles(), EngineOptions()).ok());
}

class ChangedModel : public FolderTest {};

TEST_F(ChangedModel, IsRefusedWithItsName) {
  const std::string path = folder_ + "/model.gguf";
  fs::copy(Fixture("gguf/text-tied-q8_0.gguf"), path);
  const auto files = Get(host::FindModel(path));
  ASSERT_TRUE(Engine::Open(files, OptionsFor(Precision::kFast)).ok());
  fs::resize_file(path, fs::file_size(path) / 2);
  const auto engine = Engine::Open(files, OptionsFor(Precision::kFast));
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.error().code, Code::kCorrupt);
  EXPECT_THAT(engine.error().message, HasSubstr("model.gguf: [file] has changed since it was opened ("));
  EXPECT_FALSE(Engine::Describe(files, OptionsFor(Precision::kFast)).ok());
}

TEST_F(ChangedModel, WhileItIsLoadedIsRefusedToo) {
  const std::string path = folder_ + "/model.gguf";
  fs::copy(Fixture("gguf/text-tied-q8_0.gguf"), path);
  const auto files = Get(host::FindModel(path));
  EngineOptions options = OptionsFor(Precision::kFast);
  options.progress = [&](double) {
    fs::resize_file(path, fs::file_size(path) + 1);  // as long as it may be read
    return true;
  };
  const auto engine = Engine::Open(files, options);
  ASSERT_FALSE(engine.ok());
  EXPECT_THAT(engine.error().message, HasSubstr("has changed since it was opened"));
}

TEST_F(ChangedModel, AnotherInItsPlaceIsOpenedNextTime) {
  const std::string path = folder_ + "/model.gguf";
  fs::copy(Fixture("gguf/text-tied-q8_0.gguf"), path);
  const auto before = Get(host::FindModel(path));
  fs::copy(Fixture("gguf/text-untied-q8_0.gguf"), folder_ + "/new.gguf");
  fs::rename(folder_ + "/new.gguf", path);
  // What was found stays whole.
  EXPECT_TRUE(Get(Engine::Open(before, OptionsFor(Precision::kFast)))->config().is_tied);
  EXPECT_FALSE(Get(Engine::Open(Get(host::FindModel(path)), OptionsFor(Precision::kFast)))->config().is_tied);
}

}  // namespace
}  // namespace thimble::testing
