// SPDX-License-Identifier: Apache-2.0
#include "host/pack_store.h"

#include "gguf_writer.h"
#include "model/pack_cache.h"
#include "sources.h"
#include "sys/folder.h"

#include "folder_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kRows = 40;
constexpr std::int64_t kCols = 256;
constexpr DType kType = DType::kQ8_0;
constexpr kernels::Family kFamily = kernels::Family::kU8Flat;

// A model file of two matrices, a folder around it, and one for caches.
class PackCacheTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    fs::create_directories(folder_ + "/models");
    model_path_ = folder_ + "/models/m.gguf";
    cache_path_ = model_path_ + ".thimble-pack";
    WriteModel(model_path_, 1);
  }
  static std::string Rows(unsigned seed) {
    std::string rows(RowBytes(kType, kCols) * kRows, '\0');
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<char>((i * 31 + seed * 7 + i / 251) & 0x3F);
    return rows;
  }
  static void WriteModel(const std::string& path, unsigned seed) {
    testing::GgufWriter writer;
    writer.TextKey("general.architecture", "qwen35");
    writer.Tensor("a", {kCols, kRows}, static_cast<std::uint32_t>(kType), Rows(seed));
    writer.Tensor("b", {kCols, kRows}, static_cast<std::uint32_t>(kType), Rows(seed + 1));
    const auto bytes = writer.Bytes();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void Write(const std::string& path, std::string_view content) {
    std::ofstream(path, std::ios::binary) << content;
  }

  struct Loaded {
    int num_cached = 0;
    bool wrote = false;
    Status status = Done{};
    std::string path;
  };
  // What loading does, and whether it ended up with the right bytes.
  Loaded Load(PackCacheUse use, const std::string& fallback = "", const std::function<bool()>& keep_going = {}) {
    auto file = testing::MappedGguf(model_path_);
    EXPECT_TRUE(file.ok());
    Loaded loaded;
    ThreadPool pool(2);
    PackCache cache(file.value(), "pack", {use, FolderPackStore(fallback)}, &pool);
    std::vector<PackedMatrix> matrices;
    for (const char* name : {"a", "b"}) {
      const auto rows = file.value().View(*file.value().Find(name)).value();
      auto packed = PackedMatrix::Pack(kType, kRows, kCols, rows, nullptr).value();
      auto cached = cache.Find(name, kType, kFamily, kRows, kCols);
      if (cached.has_value()) {
        ++loaded.num_cached;
        EXPECT_EQ(cached->size_bytes(), packed.size_bytes());
        EXPECT_EQ(std::memcmp(cached->bytes(), packed.bytes(), packed.size_bytes()), 0) << name;
        EXPECT_EQ(cached->owned_bytes(), 0u);
      } else {
        matrices.push_back(std::move(packed));
        cache.Add(name, matrices.back());
      }
    }
    if (cache.needs_writing()) {
      loaded.wrote = true;
      loaded.status = cache.Write(keep_going);
    }
    EXPECT_EQ(cache.hold() != nullptr, loaded.num_cached > 0);
    loaded.path = cache.place();
    return loaded;
  }
  static PackTable TableOf(const std::string& content) {
    const auto bytes = std::as_bytes(std::span(content));
    return ParsePackFile(*MemorySource({bytes.begin(), bytes.end()})).value();
  }
  // The same entries under another header.
  static std::string Rewritten(const std::string& content, const std::function<void(PackHeader*)>& change) {
    PackTable table = TableOf(content);
    change(&table.header);
    std::string out;
    PackWriter writer(
        table.header,
        [&out](std::span<const std::byte> bytes) -> Status {
          out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          return Done{};
        },
        nullptr);
    for (const PackedEntry& entry : table.entries)
      EXPECT_TRUE(writer.Add(entry, std::as_bytes(std::span(content)).subspan(entry.offset, entry.size_bytes)).ok());
    EXPECT_TRUE(writer.Finish().ok());
    return out;
  }
  void MakeCache() {
    const Loaded loaded = Load(PackCacheUse::kOn);
    ASSERT_TRUE(loaded.status.ok()) << loaded.status.error().message;
    ASSERT_EQ(loaded.path, cache_path_);
  }
  [[nodiscard]] std::vector<std::string> Names() const { return NamesInFolder(folder_ + "/models").value(); }

  std::string model_path_;
  std::string cache_path_;
};

TEST_F(PackCacheTest, GivesTheSameBytesAgain) {
  const Loaded first = Load(PackCacheUse::kOn);
  EXPECT_EQ(first.num_cached, 0);
  EXPECT_TRUE(first.wrote);
  ASSERT_TRUE(first.status.ok()) << first.status.error().message;
  EXPECT_THAT(Names(), ElementsAre("m.gguf", "m.gguf.thimble-pack"));
  const std::string content = Read(cache_path_);
  for (const PackCacheUse use : {PackCacheUse::kOn, PackCacheUse::kAuto}) {
    const Loaded again = Load(use);
    EXPECT_EQ(again.num_cached, 2);
    EXPECT_FALSE(again.wrote);
    EXPECT_EQ(again.path, cache_path_);
  }
  EXPECT_EQ(Load(PackCacheUse::kOff).num_cached, 0);
  EXPECT_EQ(Read(cache_path_), content);
}

TEST_F(PackCacheTest, IsNotMadeUnlessAskedFor) {
  for (const PackCacheUse use : {PackCacheUse::kOff, PackCacheUse::kAuto}) EXPECT_FALSE(Load(use).wrote);
  EXPECT_THAT(Names(), ElementsAre("m.gguf"));
}

TEST_F(PackCacheTest, KnowsAnotherModel) {
  MakeCache();
  const std::string old_content = Read(cache_path_);
  const auto old_time = fs::last_write_time(model_path_);
  // Other weights of the same shape, the same header, the same time.
  WriteModel(model_path_, 5);
  fs::last_write_time(model_path_, old_time);
  const Loaded changed = Load(PackCacheUse::kAuto);
  EXPECT_EQ(changed.num_cached, 0);
  EXPECT_TRUE(changed.wrote && changed.status.ok());  // renewed, because there was one
  EXPECT_NE(Read(cache_path_), old_content);
  EXPECT_EQ(Load(PackCacheUse::kAuto).num_cached, 2);
  // The same bytes written at another time are the same model.
  fs::last_write_time(model_path_, old_time + std::chrono::seconds(1));
  EXPECT_EQ(Load(PackCacheUse::kAuto).num_cached, 2);
}

TEST_F(PackCacheTest, GoesAlongWithACopy) {
  MakeCache();
  fs::create_directories(folder_ + "/copy");
  fs::copy(model_path_, folder_ + "/copy/m.gguf");
  fs::copy(cache_path_, folder_ + "/copy/m.gguf.thimble-pack");
  model_path_ = folder_ + "/copy/m.gguf";
  EXPECT_EQ(Load(PackCacheUse::kAuto).num_cached, 2);
}

TEST_F(PackCacheTest, KnowsAnotherKindOfMatrix) {
  MakeCache();
  auto file = testing::MappedGguf(model_path_);
  PackCache cache(file.value(), "pack", {PackCacheUse::kAuto, FolderPackStore("")}, nullptr);
  EXPECT_FALSE(cache.Find("c", kType, kFamily, kRows, kCols).has_value());
  EXPECT_FALSE(cache.Find("a", DType::kF16, kFamily, kRows, kCols).has_value());
  EXPECT_FALSE(cache.Find("a", kType, kernels::Family::kU4Flat, kRows, kCols).has_value());
  EXPECT_FALSE(cache.Find("a", kType, kFamily, kCols, kRows).has_value());
  EXPECT_TRUE(cache.Find("a", kType, kFamily, kRows, kCols).has_value());
  PackCache other(file.value(), "pack8", {PackCacheUse::kAuto, FolderPackStore("")}, nullptr);
  EXPECT_FALSE(other.Find("a", kType, kFamily, kRows, kCols).has_value());
}

TEST_F(PackCacheTest, KnowsAnotherRevision) {
  MakeCache();
  const std::string content = Read(cache_path_);
  Write(cache_path_, Rewritten(content, [](PackHeader* header) { ++header->panel_revision; }));
  EXPECT_EQ(Load(PackCacheUse::kAuto).num_cached, 0);
  EXPECT_EQ(Read(cache_path_), content);  // renewed
}

TEST_F(PackCacheTest, DamageIsSeenAndMended) {
  MakeCache();
  const std::string content = Read(cache_path_);
  const PackTable table = TableOf(content);
  const std::uint64_t first = table.entries[0].offset;
  const std::uint64_t end = table.entries[1].offset + table.entries[1].size_bytes;  // the table's begin, about
  for (const std::uint64_t at :
       {std::uint64_t{0}, std::uint64_t{20}, std::uint64_t{60}, first, first + table.entries[0].size_bytes - 1, end - 1,
        std::uint64_t{content.size() - 50}, std::uint64_t{content.size() - 1}}) {
    std::string damaged = content;
    damaged[static_cast<std::size_t>(at)] ^= 0x10;
    Write(cache_path_, damaged);
    const Loaded loaded = Load(PackCacheUse::kAuto);
    EXPECT_EQ(loaded.num_cached, at < first || at >= end ? 0 : 1) << "byte " << at;
    EXPECT_TRUE(loaded.wrote && loaded.status.ok()) << "byte " << at;
    EXPECT_EQ(Load(PackCacheUse::kAuto).num_cached, 2) << "byte " << at;
  }
  auto file = testing::MappedGguf(model_path_);
  for (std::size_t size = 0; size < content.size(); size += size < 300 ? 1 : 97) {
    Write(cache_path_, content.substr(0, size));
    PackCache cut(file.value(), "pack", {PackCacheUse::kAuto, FolderPackStore("")}, nullptr);
    EXPECT_FALSE(cut.Find("a", kType, kFamily, kRows, kCols).has_value()) << size << " bytes left";
    EXPECT_EQ(cut.hold(), nullptr);
  }
  EXPECT_TRUE(Load(PackCacheUse::kAuto).wrote);
  EXPECT_EQ(Read(cache_path_), content);
}

TEST_F(PackCacheTest, WhereTheModelsFolderIsClosedItGoesElsewhere) {
  // A folder in the temporary file's place refuses everybody, the administrator too.
  fs::create_directories(cache_path_ + ".part");
  const std::string elsewhere = folder_ + "/caches/deep";
  const Loaded loaded = Load(PackCacheUse::kOn, elsewhere);
  ASSERT_TRUE(loaded.status.ok()) << loaded.status.error().message;
  EXPECT_EQ(loaded.path, elsewhere + "/m.gguf.thimble-pack");
  EXPECT_EQ(Load(PackCacheUse::kAuto, elsewhere).num_cached, 2);
  EXPECT_EQ(Load(PackCacheUse::kAuto).num_cached, 0);
  fs::remove_all(cache_path_ + ".part");
  EXPECT_THAT(Names(), ElementsAre("m.gguf"));
}

TEST_F(PackCacheTest, NowhereToWriteIsNoMisfortune) {
  fs::create_directories(cache_path_ + ".part");
  for (const std::string& fallback : {std::string(), model_path_ + "/below"}) {
    const Loaded loaded = Load(PackCacheUse::kOn, fallback);
    EXPECT_TRUE(loaded.wrote);
    EXPECT_FALSE(loaded.status.ok());
    EXPECT_EQ(loaded.num_cached, 0);
  }
}

TEST_F(PackCacheTest, CancelledItLeavesNothing) {
  int asked = 0;
  const Loaded loaded = Load(PackCacheUse::kOn, "", [&asked] { return ++asked < 3; });
  ASSERT_FALSE(loaded.status.ok());
  EXPECT_EQ(loaded.status.error().code, Code::kCancelled);
  EXPECT_THAT(Names(), ElementsAre("m.gguf"));
}

TEST_F(PackCacheTest, ManyMayStartAtOnce) {
  std::vector<std::thread> starts;
  starts.reserve(4);
  for (int i = 0; i < 4; ++i) {
    starts.emplace_back([this] {
      for (int round = 0; round < 5; ++round) {
        Load(PackCacheUse::kOn);  // compares the bytes
        std::error_code gone;
        fs::remove(cache_path_, gone);
      }
    });
  }
  for (std::thread& start : starts) start.join();
  MakeCache();
  EXPECT_EQ(Load(PackCacheUse::kAuto).num_cached, 2);
  EXPECT_THAT(Names(), ElementsAre("m.gguf", "m.gguf.thimble-pack"));
}

TEST_F(PackCacheTest, BytesInMemoryAreTheSameModel) {
  MakeCache();
  const std::string content = Read(model_path_);
  const auto bytes = std::as_bytes(std::span(content));
  auto file = ModelFile::FromGguf(MemorySource({bytes.begin(), bytes.end()}), model_path_);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file.value().Identity().value(), testing::MappedGguf(model_path_).value().Identity().value());
  PackCache cache(file.value(), "pack", {PackCacheUse::kAuto, FolderPackStore("")}, nullptr);
  EXPECT_TRUE(cache.Find("a", kType, kFamily, kRows, kCols).has_value());
}

}  // namespace
}  // namespace thimble::host
