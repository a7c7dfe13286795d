// SPDX-License-Identifier: Apache-2.0
#include "host/store.h"

#include "folder_test.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;

// A store in a folder of its own.
class Store : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    Set("THIMBLE_HOME", folder_ + "/home");
    Set("THIMBLE_BUILTIN", folder_ + "/builtin.gguf");
    Set("HOME", folder_ + "/user");
  }
  void TearDown() override {
    for (const auto& [name, value] : before_) {
      if (value.has_value())
        setenv(name.c_str(), value->c_str(), 1);
      else
        unsetenv(name.c_str());
    }
    FolderTest::TearDown();
  }
  void Set(const std::string& name, const std::string& value) {
    const char* old = std::getenv(name.c_str());
    before_.emplace(name, old == nullptr ? std::nullopt : std::optional<std::string>(old));
    setenv(name.c_str(), value.c_str(), 1);
  }
  void Write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(folder_ + "/" + path).parent_path());
    std::ofstream(folder_ + "/" + path) << text;
  }

  std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(Store, NamesThatLeadNowhereElse) {
  for (const char* name : {"a", "qwen3.5-0.8b_Q4"}) EXPECT_TRUE(IsPlainName(name)) << name;
  for (const char* name : {"", ".", "..", ".hidden", "-x", "a/b", "a b", "\xc3\xa9"})
    EXPECT_FALSE(IsPlainName(name)) << name;
  EXPECT_FALSE(IsPlainName(std::string(129, 'a')));
}

TEST_F(Store, WhereFilesLie) {
  EXPECT_EQ(ModelsFolder(), folder_ + "/home/models");
  Set("THIMBLE_HOME", "");
  Set("XDG_DATA_HOME", "/data");
  EXPECT_EQ(StoreHome(), "/data/thimble");
  Set("XDG_DATA_HOME", "");
  EXPECT_EQ(StoreHome(), folder_ + "/user/.local/share/thimble");
  Set("XDG_CACHE_HOME", "");
  EXPECT_EQ(CacheFolder(), folder_ + "/user/.cache/thimble");
  Set("XDG_CACHE_HOME", "/cache");
  Write("a/x.gguf", "");
  const std::string folder = fs::canonical(folder_ + "/a").string();
  std::string flat = folder;
  for (char& c : flat) c = c == '/' ? '%' : c;
  EXPECT_EQ(CacheFolderFor(folder_ + "/a/x.gguf"), "/cache/thimble/" + flat);
  EXPECT_EQ(CacheFolderFor(folder_ + "/missing"), "");
  EXPECT_EQ(ExpandHome("~/x"), folder_ + "/user/x");
  EXPECT_EQ(ExpandHome("~x"), "~x");
}

TEST_F(Store, ANameAPathOrTheBuiltinModelIsFound) {
  Write("home/models/small/x.gguf", "");
  Write("user/y.gguf", "");
  Write("builtin.gguf", "");
  EXPECT_EQ(FindModelByName("small").path, folder_ + "/home/models/small");
  EXPECT_EQ(FindModelByName("~/y.gguf").path, folder_ + "/user/y.gguf");
  EXPECT_EQ(FindModelByName("").path, folder_ + "/builtin.gguf");
  EXPECT_EQ(FindModelByName("builtin").path, folder_ + "/builtin.gguf");
}

TEST_F(Store, WhatIsNotThereSaysWhatMayBeMeant) {
  const auto message = [](const std::string& text) {
    const ModelSearch search = FindModelByName(text);
    EXPECT_TRUE(search.path.empty());
    return search.error.has_value() ? search.error->message : "found";
  };
  const auto missing = [](const std::string& text) { return FindModelByName(text).missing; };
  EXPECT_NE(message("builtin").find("THIMBLE_BUILTIN"), std::string::npos);
  EXPECT_EQ(missing("nothing-like-it"), MissingModel::kEmptyStore);
  Write("home/models/small/x.gguf", "");
  EXPECT_EQ(missing("nothing-like-it"), MissingModel::kUnknownName);
  EXPECT_NE(message("smal").find("did you mean 'small'?"), std::string::npos);
  EXPECT_NE(message("small:latest").find("'small', without a tag"), std::string::npos);
  EXPECT_EQ(missing("qwen3.5:0.8b"), MissingModel::kForeignName);
  EXPECT_NE(message(folder_ + "/home/model").find("did you mean '" + folder_ + "/home/models'?"), std::string::npos);
  EXPECT_NE(message("/no/such/folder/x.gguf").find("there is no folder /no/such/folder either"), std::string::npos);
  fs::create_symlink("gone.gguf", folder_ + "/link.gguf");
  EXPECT_NE(message(folder_ + "/link.gguf").find("a link to gone.gguf"), std::string::npos);
  EXPECT_NE(message("https://host/x.gguf").find("is an address"), std::string::npos);
}

TEST_F(Store, PromptsAreNoModels) {
  for (const char* text : {"x.gguf", "./x", "~/x", "a.BIN", "qwen3.5:0.8b", "builtin"})
    EXPECT_TRUE(IsModel(text)) << text;
  for (const char* text : {"", "hello", "Note:", "10:30", "what is x.gguf", "https://a.b/c"})
    EXPECT_FALSE(IsModel(text)) << text;
  Write("home/models/hello/x.gguf", "");
  EXPECT_TRUE(IsModel("hello"));
}

TEST_F(Store, ListsTheBuiltinModelFirst) {
  Write("builtin.gguf", "12345");
  Write("builtin.json", R"({"name": "A title", "licence": "MIT"})");
  Write("home/models/b/x.gguf", "123");
  Write("home/models/b/manifest.json", R"({"name": "evil", "path": "/evil", "date": "today"})");
  Write("home/models/a", "12");
  Write("home/models/.part/x", "");
  const std::vector<Json> models = ListModels();
  ASSERT_EQ(models.size(), 3u);
  EXPECT_EQ(models[0].Find("name")->text(), "builtin");
  EXPECT_EQ(models[0].Find("title")->text(), "A title");
  EXPECT_EQ(models[0].Find("bytes")->AsInt(), 5);
  EXPECT_EQ(models[1].Find("name")->text(), "a");
  EXPECT_EQ(models[1].Find("bytes")->AsInt(), 2);
  EXPECT_EQ(models[2].Find("name")->text(), "b");
  EXPECT_EQ(models[2].Find("path")->text(), folder_ + "/home/models/b");
  EXPECT_EQ(models[2].Find("date")->text(), "today");
}

}  // namespace
}  // namespace thimble::host
