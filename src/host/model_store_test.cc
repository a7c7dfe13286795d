// SPDX-License-Identifier: Apache-2.0
#include "host/model_store.h"

#include "base/sha256.h"
#include "conformance/loaded_model.h"
#include "folder_test.h"
#include "host/find_model.h"
#include "host/store.h"
#include "text_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;
using service::Fault;
using service::ModelPiece;
using service::OrFault;
using service::PieceOutcome;
using testing::Fixture;
using ::testing::HasSubstr;
using ::testing::Not;

class Uploads : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    setenv("THIMBLE_HOME", folder_.c_str(), 1);
    model_ = testing::ReadTextFile(Fixture("gguf/text-tied-q8_0.gguf"));
    vision_ = testing::ReadTextFile(Fixture("gguf/mmproj-vl-q8_0.gguf"));
  }
  void TearDown() override {
    unsetenv("THIMBLE_HOME");
    FolderTest::TearDown();
  }

  // Bytes [begin, end) of `bytes`, of which `taken` come before the client goes away (all: it stays).
  OrFault<std::optional<PieceOutcome>> Send(const std::string& name, const std::string& file, const std::string& bytes,
                                            std::size_t begin, std::size_t end, const std::string& sha256 = "") {
    auto upload = store_.Begin({name, file, begin, end, bytes.size(), sha256});
    if (!upload.ok()) return upload.error();
    for (std::size_t at = begin; at < end;) {
      const std::size_t count = std::min<std::size_t>(1000, end - at);
      const Status taken = upload.value()->Take({reinterpret_cast<const std::uint8_t*>(bytes.data()) + at, count});
      EXPECT_TRUE(taken.ok());
      at += count;
    }
    while (true) {
      auto outcome = upload.value()->Finish();
      if (!outcome.ok() || outcome.value().has_value()) return outcome;
    }
  }
  OrFault<std::optional<PieceOutcome>> Send(const std::string& name, const std::string& file,
                                            const std::string& bytes) {
    return Send(name, file, bytes, 0, bytes.size());
  }
  // Begins, takes so many bytes and goes away.
  void SendAndLeave(const std::string& name, const std::string& file, const std::string& bytes, std::size_t count) {
    auto upload = store_.Begin({name, file, 0, bytes.size(), bytes.size(), ""});
    ASSERT_TRUE(upload.ok()) << upload.error().message;
    ASSERT_TRUE(upload.value()->Take({reinterpret_cast<const std::uint8_t*>(bytes.data()), count}).ok());
  }
  static std::vector<std::string> Stored() {
    std::vector<std::string> names;
    if (!fs::exists(ModelsFolder())) return names;
    for (const auto& entry : fs::directory_iterator(ModelsFolder())) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  static bool Opens(const std::string& name) {
    OpenOptions open;
    open.model = ModelsFolder() + "/" + name;
    return DescribeModel(open).ok();
  }
  static PieceOutcome Outcome(const OrFault<std::optional<PieceOutcome>>& outcome) {
    EXPECT_TRUE(outcome.ok()) << outcome.error().message;
    return outcome.ok() ? *outcome.value() : PieceOutcome();
  }
  static int StatusOf(const OrFault<std::optional<PieceOutcome>>& outcome) {
    return outcome.ok() ? 200 : outcome.error().status;
  }

  FileModelStore store_;
  std::string model_;
  std::string vision_;
};

TEST_F(Uploads, AModelInOneFile) {
  const PieceOutcome outcome = Outcome(Send("tied", "tied.gguf", model_, 0, model_.size(), Sha256Of(model_)));
  EXPECT_TRUE(outcome.is_model);
  EXPECT_TRUE(outcome.file.is_whole);
  EXPECT_EQ(outcome.file.sha256, Sha256Of(model_));
  EXPECT_EQ(Stored(), std::vector<std::string>{"tied"});
  EXPECT_EQ(testing::ReadTextFile(ModelsFolder() + "/tied/tied.gguf"), model_);
  EXPECT_TRUE(Opens("tied"));
  EXPECT_EQ(store_.Find("tied", "tied.gguf").value().sha256, Sha256Of(model_));
  const auto models = ListModels();
  EXPECT_EQ(models.back().Find("name")->text(), "tied");
  EXPECT_EQ(models.back().Find("imported_as")->text(), "upload");
  EXPECT_EQ(StatusOf(Send("tied", "other.gguf", model_)), 409);  // it is there already
}

TEST_F(Uploads, GoOnAfterAnInterruption) {
  const std::size_t half = model_.size() / 2;
  SendAndLeave("tied", "tied.gguf", model_, half);
  EXPECT_EQ(Stored(), std::vector<std::string>{".tied.upload"});
  EXPECT_EQ(ListModels().empty() || ListModels().back().Find("name")->text() == "builtin", true);
  const auto state = store_.Find("tied", "tied.gguf");
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state.value().bytes, half);
  EXPECT_EQ(state.value().total, model_.size());
  EXPECT_FALSE(state.value().is_whole);
  ASSERT_EQ(store_.Unfinished().size(), 1u);
  EXPECT_EQ(store_.Unfinished()[0].name, "tied");
  EXPECT_EQ(store_.Unfinished()[0].files[0].bytes, half);
  // Nowhere else, not with another size, and not behind its end.
  EXPECT_EQ(StatusOf(Send("tied", "tied.gguf", model_, half + 1, model_.size())), 416);
  EXPECT_EQ(StatusOf(Send("tied", "tied.gguf", model_ + "x", half, model_.size())), 416);
  const PieceOutcome piece = Outcome(Send("tied", "tied.gguf", model_, half, half + 100));
  EXPECT_FALSE(piece.is_model);
  EXPECT_EQ(piece.file.bytes, half + 100);
  EXPECT_TRUE(Outcome(Send("tied", "tied.gguf", model_, half + 100, model_.size(), Sha256Of(model_))).is_model);
  EXPECT_EQ(testing::ReadTextFile(ModelsFolder() + "/tied/tied.gguf"), model_);
  EXPECT_TRUE(store_.Unfinished().empty());
}

// As where the server ended before it had looked at what came.
TEST_F(Uploads, WhatCameMayBeSentAgain) {
  SendAndLeave("tied", "tied.gguf", model_, model_.size());
  EXPECT_EQ(store_.Find("tied", "tied.gguf").value().bytes, model_.size());
  EXPECT_FALSE(store_.Find("tied", "tied.gguf").value().is_whole);
  const PieceOutcome piece = Outcome(Send("tied", "tied.gguf", model_, 100, 200));
  EXPECT_EQ(piece.file.bytes, 200u);
  EXPECT_EQ(store_.Find("tied", "tied.gguf").value().bytes, 200u);
  SendAndLeave("tied", "tied.gguf", model_, model_.size());
  EXPECT_TRUE(Outcome(Send("tied", "tied.gguf", model_, model_.size() - 1, model_.size(), Sha256Of(model_))).is_model);
}

TEST_F(Uploads, AWholeFileThatWaitsForOthersIsNotGoneOnWith) {
  EXPECT_FALSE(Outcome(Send("eyes", "mmproj.gguf", vision_)).is_model);
  EXPECT_EQ(StatusOf(Send("eyes", "mmproj.gguf", vision_, 10, 20)), 416);
  EXPECT_TRUE(store_.Find("eyes", "mmproj.gguf").value().is_whole);
  EXPECT_FALSE(Outcome(Send("eyes", "mmproj.gguf", vision_)).is_model);
}

TEST_F(Uploads, BeginAnew) {
  SendAndLeave("tied", "tied.gguf", std::string(100, 'x'), 60);
  EXPECT_TRUE(Outcome(Send("tied", "tied.gguf", model_)).is_model);
  EXPECT_EQ(testing::ReadTextFile(ModelsFolder() + "/tied/tied.gguf"), model_);
}

TEST_F(Uploads, ABodyThatEndsEarly) {
  auto upload = store_.Begin({"tied", "tied.gguf", 0, model_.size(), model_.size(), ""});
  ASSERT_TRUE(upload.ok());
  ASSERT_TRUE(upload.value()->Take({reinterpret_cast<const std::uint8_t*>(model_.data()), 50}).ok());
  EXPECT_EQ(StatusOf(upload.value()->Finish()), 400);
  EXPECT_EQ(store_.Find("tied", "tied.gguf").value().bytes, 50u);
}

TEST_F(Uploads, MoreThanWasAnnounced) {
  auto upload = store_.Begin({"tied", "tied.gguf", 0, 10, model_.size(), ""});
  ASSERT_TRUE(upload.ok());
  EXPECT_FALSE(upload.value()->Take({reinterpret_cast<const std::uint8_t*>(model_.data()), 11}).ok());
  EXPECT_EQ(store_.Find("tied", "tied.gguf").value().bytes, 0u);
}

TEST_F(Uploads, AnotherHash) {
  const auto wrong = Send("tied", "tied.gguf", model_, 0, model_.size(), Sha256Of("other"));
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().status, 400);
  EXPECT_EQ(wrong.error().code, "digest_mismatch");
  EXPECT_FALSE(store_.Find("tied", "tied.gguf").ok());
  EXPECT_FALSE(fs::exists(ModelsFolder() + "/tied"));
}

TEST_F(Uploads, FilesThatAreNoModel) {
  std::string cut = model_.substr(0, model_.size() / 2);  // its tensors lie behind the end
  for (const auto& [file, bytes] : std::vector<std::pair<std::string, std::string>>{{"a.gguf", "no model at all"},
                                                                                    {"a.gguf", cut},
                                                                                    {"a.gguf", std::string(4000, '\0')},
                                                                                    {"a.safetensors", "{}"},
                                                                                    {"config.json", "{\"a\": "}}) {
    const auto wrong = Send("bad", file, bytes);
    ASSERT_FALSE(wrong.ok()) << file;
    EXPECT_EQ(wrong.error().status, 400) << wrong.error().message;
    EXPECT_EQ(wrong.error().code, "invalid_model");
    EXPECT_THAT(wrong.error().message, Not(HasSubstr(folder_)));
    EXPECT_TRUE(Stored().empty()) << Stored().size();
  }
}

TEST_F(Uploads, AVisionFileComesFirst) {
  const PieceOutcome first = Outcome(Send("eyes", "mmproj.gguf", vision_));
  EXPECT_FALSE(first.is_model);
  EXPECT_THAT(first.missing, Not(HasSubstr(folder_)));
  EXPECT_FALSE(first.missing.empty());
  EXPECT_FALSE(fs::exists(ModelsFolder() + "/eyes"));
  const std::string text = testing::ReadTextFile(Fixture("gguf/vl-q8_0.gguf"));
  EXPECT_TRUE(Outcome(Send("eyes", "vl.gguf", text)).is_model);
  OpenOptions open;
  open.model = ModelsFolder() + "/eyes";
  const auto described = DescribeModel(open);
  ASSERT_TRUE(described.ok());
  EXPECT_TRUE(described.value().config.vision.has_value());
  EXPECT_EQ(store_.Find("eyes", "mmproj.gguf").value().sha256, Sha256Of(vision_));
}

// Of a Hugging Face folder in the order of the names, and with what was left unfinished.
TEST_F(Uploads, AFolder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(Fixture("models/text-tied"))) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".json") || name.ends_with(".safetensors") || name.ends_with(".jinja")) names.push_back(name);
  }
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return std::pair(a.ends_with(".safetensors"), a) < std::pair(b.ends_with(".safetensors"), b);
  });
  SendAndLeave("folder", "notes.txt", "hello", 2);
  for (const std::string& name : names) {
    const std::string bytes = testing::ReadTextFile(Fixture("models/text-tied/" + name));
    const PieceOutcome outcome = Outcome(Send("folder", name, bytes));
    EXPECT_EQ(outcome.is_model, name == names.back()) << name << ": " << outcome.missing;
  }
  EXPECT_TRUE(Opens("folder"));
  for (const auto& entry : fs::directory_iterator(ModelsFolder() + "/folder"))
    EXPECT_FALSE(entry.path().string().ends_with(".part")) << entry.path();
}

TEST_F(Uploads, HostileNames) {
  for (const char* name :
       {"", ".", "..", ".hidden", "-x", "a/b", "../x", "a b", "builtin", "a\\b", "\xc3\xa4", "a\nb"}) {
    EXPECT_EQ(StatusOf(Send(name, "a.gguf", model_)), 400) << name;
    EXPECT_FALSE(store_.Delete(name).ok()) << name;
    EXPECT_FALSE(store_.Find(name, "a.gguf").ok());
  }
  EXPECT_EQ(StatusOf(Send(std::string(129, 'a'), "a.gguf", model_)), 400);
  for (const char* file : {"", "..", "../a.gguf", ".gguf", "a.exe", "a", "manifest.json", "a.gguf.part", "a/b.gguf",
                           "a.gguf ", "a.thimble-pack"})
    EXPECT_EQ(StatusOf(Send("fine", file, model_)), 400) << file;
  EXPECT_TRUE(Stored().empty());
  EXPECT_FALSE(fs::exists(folder_ + "/a.gguf"));
}

TEST_F(Uploads, ALinkInTheWayIsNotFollowed) {
  const std::string aim = folder_ + "/aim";
  fs::create_directories(ModelsFolder() + "/.x.upload");
  fs::create_symlink(aim, ModelsFolder() + "/.x.upload/a.gguf." + std::to_string(model_.size()) + ".part");
  EXPECT_FALSE(store_.Begin({"x", "a.gguf", 0, 10, model_.size(), ""}).ok() && fs::exists(aim));
  EXPECT_FALSE(fs::exists(aim));
}

TEST_F(Uploads, AFullDisk) {
  std::uint64_t free = model_.size() - 1;
  FileModelStore store([&](const std::string&) { return free; });
  const ModelPiece piece{"tied", "tied.gguf", 0, model_.size(), model_.size(), ""};
  const auto full = store.Begin(piece);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().status, 507);
  EXPECT_TRUE(Stored().empty());
  free = model_.size();
  EXPECT_TRUE(store.Begin(piece).ok());
}

TEST_F(Uploads, OneAtATime) {
  const auto first = store_.Begin({"tied", "a.gguf", 0, 10, 10, ""});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(store_.Begin({"tied", "b.gguf", 0, 10, 10, ""}).error().status, 409);
  EXPECT_EQ(store_.Delete("tied").error().status, 409);
  EXPECT_TRUE(store_.Begin({"other", "b.gguf", 0, 10, 10, ""}).ok());
}

TEST_F(Uploads, AreDeleted) {
  EXPECT_EQ(store_.Delete("tied").error().status, 404);
  SendAndLeave("tied", "tied.gguf", model_, 100);
  EXPECT_TRUE(store_.Delete("tied").ok());
  EXPECT_TRUE(Stored().empty());
  EXPECT_TRUE(Outcome(Send("tied", "tied.gguf", model_)).is_model);
  EXPECT_TRUE(store_.Delete("tied").ok());
  EXPECT_TRUE(Stored().empty());
  // A link's aim stays.
  fs::create_directory(folder_ + "/elsewhere");
  fs::create_directory_symlink(folder_ + "/elsewhere", ModelsFolder() + "/linked");
  EXPECT_TRUE(store_.Delete("linked").ok());
  EXPECT_TRUE(fs::exists(folder_ + "/elsewhere"));
  EXPECT_TRUE(Stored().empty());
}

}  // namespace
}  // namespace thimble::host
