// SPDX-License-Identifier: Apache-2.0
#include "model/vision_tower.h"

#include "sources.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace thimble {
namespace {

std::shared_ptr<const ModelFile> Open(const std::string& name) {
  auto file = testing::MappedGguf(std::string(THIMBLE_FIXTURES_DIR) + "/gguf/" + name);
  EXPECT_TRUE(file.ok()) << file.error().message;
  return std::make_shared<const ModelFile>(std::move(file).value());
}

class VisionTowerTest : public ::testing::Test {
 protected:
  VisionTowerTest() {
    options_.pool = &pool_;
    options_.tower_floats = kernels::Family::kU8Flat;
  }
  static bool HoldSame(const PackedMatrix& a, const PackedMatrix& b) {
    return a.family() == b.family() && a.size_bytes() == b.size_bytes() &&
           std::memcmp(a.bytes(), b.bytes(), static_cast<std::size_t>(a.size_bytes())) == 0;
  }
  VisionTower Tower() { return VisionTower(text_, vision_, config_, options_, nullptr); }

  ThreadPool pool_{2};
  std::shared_ptr<const ModelFile> text_ = Open("vl-q8_0.gguf");
  std::shared_ptr<const ModelFile> vision_ = Open("mmproj-vl-f16.gguf");
  ModelConfig config_ = ReadModelConfig(*text_, vision_.get(), nullptr).value();
  LoadOptions options_;
};

TEST_F(VisionTowerTest, HoldsWhatLoadingTheWholeModelGives) {
  const Weights whole = LoadWeights(*text_, vision_.get(), config_, options_).value();
  ASSERT_NE(whole.vision, nullptr);
  VisionTower tower = Tower();
  const auto weights = tower.Get(&pool_).value();
  ASSERT_EQ(weights->blocks.size(), whole.vision->blocks.size());
  for (std::size_t i = 0; i < weights->blocks.size(); ++i) {
    EXPECT_TRUE(HoldSame(weights->blocks[i].qkv, whole.vision->blocks[i].qkv)) << i;
    EXPECT_TRUE(HoldSame(weights->blocks[i].fc2, whole.vision->blocks[i].fc2)) << i;
  }
  EXPECT_TRUE(HoldSame(weights->patch, whole.vision->patch));
  options_.reads_tower = false;
  EXPECT_EQ(LoadWeights(*text_, vision_.get(), config_, options_).value().vision, nullptr);
}

TEST_F(VisionTowerTest, IsReadOnceAndAgainAfterItWasGivenBack) {
  VisionTower tower = Tower();
  const std::uint64_t bytes = tower.bytes_to_read();
  EXPECT_GT(bytes, 0u);
  auto first = tower.Get(&pool_).value();
  EXPECT_EQ(tower.bytes_to_read(), 0u);
  EXPECT_EQ(tower.Get(nullptr).value(), first);
  tower.GiveBack();
  EXPECT_EQ(tower.bytes_to_read(), bytes);
  EXPECT_EQ(first.use_count(), 1);  // whoever holds them may go on
  const auto second = tower.Get(nullptr).value();
  EXPECT_NE(second, first);
  EXPECT_TRUE(HoldSame(second->merger_fc1, first->merger_fc1));
}

TEST_F(VisionTowerTest, CancelledItIsReadTheNextTime) {
  VisionTower tower = Tower();
  int asked = 0;
  const auto cut = tower.Get(&pool_, [&asked] { return ++asked < 5; });
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code, Code::kCancelled);
  EXPECT_EQ(asked, 5);
  EXPECT_TRUE(tower.Get(&pool_).ok());
}

TEST_F(VisionTowerTest, AStoppedPoolEndsItAndLeavesNothingHalfDone) {
  VisionTower tower = Tower();
  std::atomic<bool> stop{false};
  pool_.StopWhen(&stop);
  int asked = 0;
  const auto cut = tower.Get(&pool_, [&] {
    stop = ++asked == 5;
    return true;
  });
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code, Code::kCancelled);
  EXPECT_EQ(pool_.stop(), &stop);
  pool_.StopWhen(nullptr);
  const auto weights = tower.Get(&pool_).value();
  EXPECT_TRUE(HoldSame(weights->merger_fc2, Tower().Get(nullptr).value()->merger_fc2));
}

// A file that somebody writes to after it was opened.
class ChangingSource : public ByteSource {
 public:
  explicit ChangingSource(std::shared_ptr<const ByteSource> file) : file_(std::move(file)) {}
  [[nodiscard]] std::uint64_t size() const override { return file_->size(); }
  [[nodiscard]] std::span<const std::byte> mapped() const override { return file_->mapped(); }
  [[nodiscard]] Status CheckUnchanged() const override {
    return has_changed ? Status(Error{Code::kCorrupt, "[file] has changed"}) : Status(Done{});
  }
  bool has_changed = false;

 private:
  std::shared_ptr<const ByteSource> file_;
};

TEST_F(VisionTowerTest, OfAFileThatChangedIsRefused) {
  const std::string path = std::string(THIMBLE_FIXTURES_DIR) + "/gguf/mmproj-vl-f16.gguf";
  const auto source = std::make_shared<ChangingSource>(MapFile(path).value());
  vision_ = std::make_shared<const ModelFile>(ModelFile::FromGguf(source, "vision.gguf").value());
  VisionTower tower = Tower();
  EXPECT_TRUE(tower.Get(&pool_).ok());
  tower.GiveBack();
  source->has_changed = true;
  const auto changed = tower.Get(&pool_);
  ASSERT_FALSE(changed.ok());
  EXPECT_EQ(changed.error().code, Code::kCorrupt);
  EXPECT_EQ(changed.error().message, "vision.gguf: [file] has changed");
  EXPECT_GT(tower.bytes_to_read(), 0u) << "kept";
}

TEST_F(VisionTowerTest, AStoppedPoolLeavesNoGarbage) {
  VisionTower tower = Tower();
  std::atomic<bool> stop{true};
  pool_.StopWhen(&stop);
  const auto cut = tower.Get(&pool_);
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code, Code::kCancelled);
  stop = false;
  const auto weights = tower.Get(&pool_).value();
  pool_.StopWhen(nullptr);
  const auto wanted = LoadTower(*text_, vision_.get(), config_, options_).value();
  EXPECT_TRUE(HoldSame(weights->merger_fc1, wanted->merger_fc1));
  EXPECT_TRUE(HoldSame(weights->blocks[0].qkv, wanted->blocks[0].qkv));
}

TEST_F(VisionTowerTest, ManyMayAskAtOnce) {
  VisionTower tower = Tower();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&tower] {
      for (int round = 0; round < 3; ++round) {
        const auto weights = tower.Get(nullptr);
        EXPECT_TRUE(weights.ok() && !weights.value()->blocks.empty());
        tower.GiveBack();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(VisionTowerTest, ABrokenTowerIsToldWithoutReadingIt) {
  config_.vision->mlp += 32;
  options_.reads_tower = false;
  const auto loaded = LoadWeights(*text_, vision_.get(), config_, options_);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, Code::kCorrupt);
  EXPECT_EQ(loaded.error().message, CheckVisionTensors(*text_, vision_.get(), config_).error().message);
}

}  // namespace
}  // namespace thimble
