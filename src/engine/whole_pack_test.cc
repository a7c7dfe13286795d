// SPDX-License-Identifier: Apache-2.0
// Whole packs: a model opened from one answers as the files that it was made from.
#include "files/whole_pack.h"
#include "folder_test.h"
#include "kernels/kernels.h"
#include "model/write_pack.h"
#include "session_tools.h"
#include "sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <string_view>
#include <vector>

namespace thimble::testing {
namespace {

using ::testing::HasSubstr;

class WholePackTest : public FolderTest {
 protected:
  kernels::Family tower_floats_ = Get(kernels::Choose(DetectCpuFeatures(), ""))->packed->rounded_floats;

  // The pack's bytes.
  [[nodiscard]] std::vector<std::byte> Pack(const std::string& model, const std::string& mmproj,
                                            PackedFile which) const {
    const ModelFile text = Get(host::OpenModelFile(Fixture(model)));
    std::optional<ModelFile> vision;
    if (!mmproj.empty()) vision = Get(host::OpenModelFile(Fixture(mmproj)));
    const ModelFile* vision_file = vision.has_value() ? &*vision : nullptr;
    std::vector<std::string> warnings;
    const ModelConfig config = Get(ReadModelConfig(text, vision_file, &warnings));
    ThreadPool pool(2);
    LoadOptions options;
    options.pool = &pool;
    options.tower_floats = tower_floats_;
    std::vector<std::byte> out;
    Get(WritePack(text, vision_file, config, options, which, [&out](std::span<const std::byte> bytes) -> Status {
      out.insert(out.end(), bytes.begin(), bytes.end());
      return Done{};
    }));
    return out;
  }
  std::string Write(const std::string& name, const std::vector<std::byte>& bytes) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path;
  }
  static Result<std::shared_ptr<const Engine>> Open(const std::string& model, const std::string& mmproj) {
    host::OpenOptions options;
    options.model = model;
    options.mmproj = mmproj;
    options.threads = 2;
    return host::OpenModel(options);
  }

  static Reply AnswerOf(const Engine& engine, bool with_picture) {
    GenerateRequest request = Ask("", 12);
    request.chat().messages = {UserMessage("What is this?", with_picture ? "rgb.png" : "")};
    if (with_picture) request.pictures.push_back(LoadImage("rgb.png"));
    return Get(Get(engine.NewSession())->Generate(request, kNoSink));
  }
  static void ExpectSameAnswers(const std::string& model, const std::string& mmproj, const std::string& packed_model,
                                const std::string& packed_mmproj, bool with_picture) {
    const auto from_files = Get(Open(model, mmproj));
    const auto from_packs = Get(Open(packed_model, packed_mmproj));
    EXPECT_EQ(from_packs->config().name, from_files->config().name);
    EXPECT_EQ(from_packs->chat_template().variant, from_files->chat_template().variant);
    for (const bool picture : {false, true}) {
      if (picture && !with_picture) continue;
      const Reply wanted = AnswerOf(*from_files, picture);
      const Reply packed = AnswerOf(*from_packs, picture);
      EXPECT_EQ(packed.prompt_ids, wanted.prompt_ids);
      EXPECT_EQ(packed.ids, wanted.ids);
      EXPECT_EQ(packed.text, wanted.text);
    }
    EXPECT_EQ(from_packs->weights().final_norm.span().size(), from_files->weights().final_norm.span().size());
    const PackedMatrix& head = from_packs->weights().head();
    const PackedMatrix& wanted_head = from_files->weights().head();
    ASSERT_EQ(head.size_bytes(), wanted_head.size_bytes());
    EXPECT_EQ(std::memcmp(head.bytes(), wanted_head.bytes(), static_cast<std::size_t>(head.size_bytes())), 0);
  }
};

TEST_F(WholePackTest, OfAGgufAndItsVisionFileAnswersTheSame) {
  const std::string model = "gguf/vl-q8_0.gguf";
  const std::string mmproj = "gguf/mmproj-vl-f16.gguf";
  const std::string text = Write("text.thimble", Pack(model, mmproj, PackedFile::kText));
  const std::string vision = Write("vision.thimble", Pack(model, mmproj, PackedFile::kVision));
  ExpectSameAnswers(Fixture(model), Fixture(mmproj), text, vision, true);
  // Either may stay as it was.
  ExpectSameAnswers(Fixture(model), Fixture(mmproj), Fixture(model), vision, true);
  EXPECT_EQ(Get(Open(text, vision))->weights().embedding.owned_bytes(), 0u) << "read where it lies";
}

TEST_F(WholePackTest, OfAFolderWithATowerAnswersTheSame) {
  const std::string whole = Write("whole.thimble", Pack("models/vl", "", PackedFile::kText));
  ExpectSameAnswers(Fixture("models/vl"), "", whole, "", true);
}

TEST_F(WholePackTest, OfTextModelsAnswersTheSame) {
  for (const char* model : {"gguf/text-untied-q8_0.gguf", "gguf/vl-mtp-q8_0.gguf", "models/text-tied"}) {
    const std::string whole = Write("whole.thimble", Pack(model, "", PackedFile::kText));
    ExpectSameAnswers(Fixture(model), "", whole, "", false);
  }
}

// As in a browser: no path, nothing in memory as a whole.
TEST_F(WholePackTest, OfBytesThatAreReadInPiecesAnswersTheSame) {
  for (const char* model : {"gguf/text-untied-q8_0.gguf", "models/vl"}) {
    const bool with_picture = std::string_view(model) == "models/vl";
    const auto log = std::make_shared<ViewLog>();
    ModelFiles files;
    files.text = std::make_shared<const ModelFile>(
        Get(ModelFile::FromGguf(Copying(MemorySource(Pack(model, "", PackedFile::kText)), log), "whole")));
    EngineOptions options;
    options.threads = 2;
    const auto packed = Get(Engine::Open(files, options));
    const Reply wanted = AnswerOf(*Get(Open(Fixture(model), "")), with_picture);
    const Reply reply = AnswerOf(*packed, with_picture);
    EXPECT_EQ(reply.prompt_ids, wanted.prompt_ids);
    EXPECT_EQ(reply.ids, wanted.ids);
    EXPECT_GT(packed->weights().embedding.owned_bytes(), 0u);
    EXPECT_LT(log->largest, files.text->total_bytes() / 2);
  }
}

TEST_F(WholePackTest, IsRefusedByNameWhereItWasMadeForAnotherProcessor) {
  const kernels::Family own = tower_floats_;
  tower_floats_ = own == kernels::Family::kU8Flat ? kernels::Family::kU7Flat : kernels::Family::kU8Flat;
  const std::string vision =
      Write("vision.thimble", Pack("gguf/vl-q8_0.gguf", "gguf/mmproj-vl-f16.gguf", PackedFile::kVision));
  const auto opened = Open(Fixture("gguf/vl-q8_0.gguf"), vision);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kUnsupported);
  EXPECT_THAT(opened.error().message, HasSubstr("vision.thimble"));
  EXPECT_THAT(opened.error().message, HasSubstr("packed for another processor: import the model again"));
}

TEST_F(WholePackTest, IsRefusedForExactNumbersAndAsItsOwnSource) {
  const std::string whole = Write("whole.thimble", Pack("gguf/vl-q8_0.gguf", "", PackedFile::kText));
  host::OpenOptions options;
  options.model = whole;
  options.precision = Precision::kExact;
  const auto opened = host::OpenModel(options);
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.error().message, HasSubstr("which loses its exact numbers"));
  ASSERT_EQ(opened.error().advice.size(), 1u);
  EXPECT_EQ(opened.error().advice[0].kind, Advice::kUseModelsFiles);
  const ModelFile file = Get(host::OpenModelFile(whole));
  std::vector<std::string> warnings;
  const ModelConfig config = Get(ReadModelConfig(file, nullptr, &warnings));
  const Status again = WritePack(file, nullptr, config, {}, PackedFile::kText, [](auto) -> Status { return Done{}; });
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(again.error().message, HasSubstr("is a pack already"));
}

// The pack with its entries or header changed, and right checksums.
std::vector<std::byte> Changed(const std::vector<std::byte>& pack, const std::function<void(PackTable*)>& change) {
  PackTable table = Get(ParsePackFile(*MemorySource(pack)));
  change(&table);
  std::vector<std::byte> out;
  PackWriter writer(
      table.header,
      [&out](std::span<const std::byte> bytes) -> Status {
        out.insert(out.end(), bytes.begin(), bytes.end());
        return Done{};
      },
      nullptr);
  for (const PackedEntry& entry : table.entries)
    Get(writer.Add(entry, std::span(pack).subspan(static_cast<std::size_t>(entry.offset),
                                                  static_cast<std::size_t>(entry.size_bytes))));
  Get(writer.Finish());
  return out;
}

TEST_F(WholePackTest, ThatContradictsItselfIsRefused) {
  const std::vector<std::byte> good = Pack("gguf/vl-q8_0.gguf", "", PackedFile::kText);
  const auto refused = [&](const std::function<void(PackTable*)>& change) {
    const auto opened = Open(Write("changed.thimble", Changed(good, change)), "");
    return opened.ok() ? std::string("opened") : opened.error().message;
  };
  const auto first = [](PackTable* table, PackedKind kind) -> PackedEntry& {
    return *std::find_if(table->entries.begin(), table->entries.end(), [&](const auto& e) { return e.kind == kind; });
  };
  EXPECT_EQ(refused([](PackTable*) {}), "opened");
  EXPECT_THAT(refused([](PackTable* t) { ++t->header.panel_revision; }), HasSubstr("import the model again"));
  EXPECT_THAT(refused([](PackTable* t) { t->header.is_whole = false; }), HasSubstr("pack cache"));
  EXPECT_THAT(refused([](PackTable* t) { t->entries.clear(); }), HasSubstr("holds no model"));
  EXPECT_THAT(refused([&](PackTable* t) { first(t, PackedKind::kHead).rows = 10; }), HasSubstr("a header of"));
  EXPECT_THAT(refused([&](PackTable* t) { first(t, PackedKind::kHead).dtype = 1; }), HasSubstr("has number 1"));
  EXPECT_THAT(refused([&](PackTable* t) { first(t, PackedKind::kTensor).dtype = 7; }), HasSubstr("is of file 7"));
  EXPECT_THAT(refused([&](PackTable* t) { first(t, PackedKind::kTensor).rows = -64; }), HasSubstr("at -64"));
  EXPECT_THAT(refused([&](PackTable* t) { first(t, PackedKind::kTensor).rows = 0; }), HasSubstr("overlaps"));
  EXPECT_THAT(refused([&](PackTable* t) { first(t, PackedKind::kMatrix).name = "output.weight"; }),
              HasSubstr("packed"));
  EXPECT_THAT(refused([&](PackTable* t) { ++first(t, PackedKind::kMatrix).checksum; }), HasSubstr("is damaged"));
  EXPECT_THAT(refused([&](PackTable* t) { ++first(t, PackedKind::kHead).checksum; }), HasSubstr("checksum"));
  EXPECT_THAT(refused([&](PackTable* t) { first(t, PackedKind::kMatrix).cols += 16; }), HasSubstr("is damaged"));
}

}  // namespace
}  // namespace thimble::testing
