// SPDX-License-Identifier: Apache-2.0
#include "model/write_pack.h"

#include "files/whole_pack.h"
#include "sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace thimble {
namespace {

using ::testing::HasSubstr;

class PackMakerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    text_ = Open("vl-q8_0.gguf");
    vision_ = Open("mmproj-vl-f16.gguf");
    std::vector<std::string> warnings;
    auto config = ReadModelConfig(*text_, &*vision_, &warnings);
    ASSERT_TRUE(config.ok()) << config.error().message;
    config_ = std::move(config).value();
    options_.pool = &pool_;
    options_.tower_floats = kernels::Family::kU8Flat;
  }
  static std::optional<ModelFile> Open(const std::string& name) {
    auto file = testing::MappedGguf(std::string(THIMBLE_FIXTURES_DIR) + "/gguf/" + name);
    EXPECT_TRUE(file.ok()) << file.error().message;
    return file.ok() ? std::optional(std::move(file).value()) : std::nullopt;
  }
  [[nodiscard]] Result<std::unique_ptr<PackMaker>> Begin(PackedFile which = PackedFile::kText) {
    return PackMaker::Begin(*text_, &*vision_, config_, options_, which,
                            [this](std::span<const std::byte> bytes) -> Status {
                              if (static_cast<std::int64_t>(written_.size() + bytes.size()) > fails_at_)
                                return Error{Code::kExhausted, "[test] no room"};
                              written_.insert(written_.end(), bytes.begin(), bytes.end());
                              return Done{};
                            });
  }
  // How many steps it took.
  int MakeAll(PackMaker* maker) {
    for (int steps = 1; steps < 100000; ++steps) {
      const auto is_over = maker->Step();
      EXPECT_TRUE(is_over.ok()) << is_over.error().message;
      if (!is_over.ok() || is_over.value()) return steps;
    }
    return 0;
  }
  // Names of the pack's entries of one kind, with their sizes.
  std::map<std::string, std::uint64_t> Entries(PackedKind kind) const {
    const auto table = ParsePackFile(*MemorySource(written_));
    EXPECT_TRUE(table.ok()) << table.error().message;
    std::map<std::string, std::uint64_t> found;
    if (!table.ok()) return found;
    for (const PackedEntry& entry : table.value().entries) {
      if (entry.kind != kind) continue;
      EXPECT_TRUE(found.emplace(entry.name, entry.size_bytes).second) << entry.name;
    }
    return found;
  }

  std::optional<ModelFile> text_;
  std::optional<ModelFile> vision_;
  ModelConfig config_;
  ThreadPool pool_{2};
  LoadOptions options_;
  std::vector<std::byte> written_;
  std::int64_t fails_at_ = std::int64_t{1} << 40;
};

TEST_F(PackMakerTest, WritesEveryTensorOnceAPieceAtATime) {
  auto maker = Begin();
  ASSERT_TRUE(maker.ok()) << maker.error().message;
  const int steps = MakeAll(maker.value().get());
  // The headers, each of the plan's weights, each tensor of the file, the end.
  EXPECT_GT(steps, static_cast<int>(text_->tensors().size()));
  const auto matrices = Entries(PackedKind::kMatrix);
  const auto tensors = Entries(PackedKind::kTensor);
  EXPECT_FALSE(matrices.empty());
  for (const TensorEntry& tensor : text_->tensors()) {
    EXPECT_EQ(matrices.count(tensor.name) + tensors.count(tensor.name), 1u) << tensor.name;
    const auto plain = tensors.find(tensor.name);
    EXPECT_EQ(plain == tensors.end() ? tensor.size_bytes : plain->second, tensor.size_bytes) << tensor.name;
  }
  EXPECT_EQ(Entries(PackedKind::kHead).size(), 1u);
  const auto whole = WholePack::Open(MemorySource(written_));
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_EQ(whole.value()->header().identity, text_->Identity().value());
}

TEST_F(PackMakerTest, WritesWhatWritePackWritesWithAnyNumberOfThreads) {
  auto maker = Begin();
  ASSERT_TRUE(maker.ok());
  MakeAll(maker.value().get());
  const std::vector<std::byte> in_steps = std::exchange(written_, {});
  ThreadPool alone(1);
  options_.pool = &alone;
  const Status done = WritePack(*text_, &*vision_, config_, options_, PackedFile::kText, [this](auto bytes) -> Status {
    written_.insert(written_.end(), bytes.begin(), bytes.end());
    return Done{};
  });
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_TRUE(written_ == in_steps);
}

TEST_F(PackMakerTest, WritesTheVisionFileAlone) {
  auto maker = Begin(PackedFile::kVision);
  ASSERT_TRUE(maker.ok()) << maker.error().message;
  MakeAll(maker.value().get());
  const auto matrices = Entries(PackedKind::kMatrix);
  const auto tensors = Entries(PackedKind::kTensor);
  EXPECT_FALSE(matrices.empty());
  for (const TensorEntry& tensor : vision_->tensors())
    EXPECT_EQ(matrices.count(tensor.name) + tensors.count(tensor.name), 1u) << tensor.name;
  for (const TensorEntry& tensor : text_->tensors())
    EXPECT_EQ(matrices.count(tensor.name) + tensors.count(tensor.name), 0u) << tensor.name;
}

// What is packed for the text stays with the text, also where the tower is to stay as it is: a pack for all processors.
TEST_F(PackMakerTest, LeavesATowerThatIsToStayAsItIs) {
  options_.tower_floats = kernels::Family::kFileRows;
  auto maker = Begin(PackedFile::kVision);
  ASSERT_TRUE(maker.ok());
  MakeAll(maker.value().get());
  EXPECT_TRUE(Entries(PackedKind::kMatrix).empty());
  EXPECT_EQ(Entries(PackedKind::kTensor).size(), vision_->tensors().size());
}

// After any number of bytes: never a step that says that it is over, and never a pack that can be read.
TEST_F(PackMakerTest, GivesTheSinksErrorBack) {
  auto whole = Begin();
  ASSERT_TRUE(whole.ok());
  MakeAll(whole.value().get());
  const auto size = static_cast<std::int64_t>(std::exchange(written_, {}).size());
  for (const std::int64_t room : {std::int64_t{0}, std::int64_t{1}, size / 3, size / 2, size - 1}) {
    written_.clear();
    fails_at_ = room;
    auto maker = Begin();
    ASSERT_TRUE(maker.ok());
    std::optional<Error> error;
    for (int steps = 0; steps < 100000 && !error.has_value(); ++steps) {
      const auto is_over = maker.value()->Step();
      if (!is_over.ok()) error = is_over.error();
      ASSERT_FALSE(is_over.ok() && is_over.value()) << room;
    }
    ASSERT_TRUE(error.has_value()) << room;
    EXPECT_EQ(error->code, Code::kExhausted);
    EXPECT_EQ(error->message, "[test] no room");
    EXPECT_FALSE(WholePack::Open(MemorySource(written_)).ok()) << room;
  }
}

TEST_F(PackMakerTest, StopsWhereProgressSaysSo) {
  std::uint64_t most = 0;
  options_.progress = [&](std::uint64_t done, std::uint64_t total) {
    most = std::max(most, done);
    return done < total / 2;
  };
  auto maker = Begin();
  ASSERT_TRUE(maker.ok());
  std::optional<Error> error;
  for (int steps = 0; steps < 100000 && !error.has_value(); ++steps) {
    const auto is_over = maker.value()->Step();
    if (!is_over.ok()) error = is_over.error();
    ASSERT_FALSE(is_over.ok() && is_over.value());
  }
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, Code::kCancelled);
  EXPECT_GT(most, 0u);
}

TEST_F(PackMakerTest, RefusesAPackAndAModelThatLacksATensor) {
  auto maker = Begin();
  ASSERT_TRUE(maker.ok());
  MakeAll(maker.value().get());
  auto pack = ModelFile::FromGguf(MemorySource(std::exchange(written_, {})), "a.pack");
  ASSERT_TRUE(pack.ok()) << pack.error().message;
  text_ = std::move(pack).value();
  const auto again = Begin();
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Code::kInvalid);
  EXPECT_THAT(again.error().message, HasSubstr("a.pack is a pack already"));

  text_ = Open("text-tied-q8_0.gguf");  // whose layers are others
  config_.mlp *= 2;
  auto wrong = Begin();
  ASSERT_TRUE(wrong.ok());
  std::optional<Error> error;
  for (int steps = 0; steps < 100000 && !error.has_value(); ++steps) {
    const auto is_over = wrong.value()->Step();
    if (!is_over.ok()) error = is_over.error();
    ASSERT_FALSE(is_over.ok() && is_over.value());
  }
  ASSERT_TRUE(error.has_value());
  EXPECT_THAT(error->message, HasSubstr("text-tied-q8_0.gguf"));
}

}  // namespace
}  // namespace thimble
