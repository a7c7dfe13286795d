// SPDX-License-Identifier: Apache-2.0
// Models that are sent and deleted, as clients ask for it; the store itself is host's (host/model_store_test.cc).
#include "service/service.h"

#include "service_tools.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace thimble::service {
namespace {

using ::testing::HasSubstr;

class NamedShelf : public ModelShelf {
 public:
  [[nodiscard]] std::vector<ShelfModel> List() const override {
    return {{"builtin", "", 10, true}, {"open", "", 10, false}, {"other", "", 10, false}};
  }
  Result<std::shared_ptr<const Engine>> Open(const std::string& /*name*/,
                                             const std::function<bool(double)>& /*progress*/) override {
    return Error{Code::kCorrupt, "[gguf] the file is cut"};
  }
};

// Keeps files in memory; has room for 100 bytes.
class KeptStore : public ModelStore {
 public:
  class Upload : public ModelUpload {
   public:
    Upload(KeptStore* store, ModelPiece piece) : store_(store), piece_(std::move(piece)) {}
    Status Take(std::span<const std::uint8_t> piece) override {
      if (store_->breaks) return Error{Code::kExhausted, "[store] the disk is full"};
      store_->bytes[piece_.file].append(piece.begin(), piece.end());
      return Done{};
    }
    [[nodiscard]] int FailureStatus() const override { return store_->breaks ? 507 : 0; }
    OrFault<std::optional<PieceOutcome>> Finish() override {
      if (++num_steps_ < 3) return std::optional<PieceOutcome>();
      const std::string& all = store_->bytes[piece_.file];
      PieceOutcome outcome;
      outcome.file = {piece_.file, all.size(), piece_.total, "", all.size() == piece_.total};
      outcome.is_model = outcome.file.is_whole;
      if (!outcome.is_model) outcome.missing = "more";
      return std::optional(outcome);
    }

   private:
    KeptStore* store_;
    ModelPiece piece_;
    int num_steps_ = 0;
  };
  OrFault<std::unique_ptr<ModelUpload>> Begin(const ModelPiece& piece) override {
    if (piece.total > 100) return Fault{507, "", "disk_full", "", "make room"};
    if (piece.begin != bytes[piece.file].size()) return Fault{416, "", "invalid_range", "", "not there"};
    return std::unique_ptr<ModelUpload>(std::make_unique<Upload>(this, piece));
  }
  [[nodiscard]] OrFault<ModelFileState> Find(const std::string& /*model*/, const std::string& file) const override {
    const auto it = bytes.find(file);
    if (it == bytes.end()) return Fault{404, "", "file_not_found", "", "none"};
    return ModelFileState{file, it->second.size(), 50, "", false};
  }
  [[nodiscard]] std::vector<UnfinishedModel> Unfinished() const override {
    if (bytes.empty()) return {};
    return {{"new", {{"a.gguf", 3, 50, "", false}}}};
  }
  OrFault<Done> Delete(const std::string& model) override {
    deleted.push_back(model);
    return Done{};
  }
  std::map<std::string, std::string> bytes;
  std::vector<std::string> deleted;
  bool breaks = false;
};

class SentModels : public ::testing::Test {
 protected:
  explicit SentModels(bool has_store = true) {
    ServiceOptions options;
    options.desk.model = "open";
    options.now = [] { return 1; };
    options.new_id = [] { return "id"; };
    if (has_store) options.store = &store_;
    service_ = std::make_unique<Service>(std::move(options), &shelf_, nullptr, Wakers{[] {}, [] {}});
  }
  static Request Head(const std::string& method, const std::string& path, const std::vector<Header>& headers = {}) {
    Request head;
    head.method = method;
    head.path = path;
    head.headers = headers;
    if (method == "PUT") head.headers.push_back({"content-type", "application/octet-stream"});
    return head;
  }
  std::shared_ptr<KeepingSink> Submit(Request request, std::unique_ptr<BodyReceiver> receiver = nullptr) {
    auto sink = std::make_shared<KeepingSink>();
    service_->Submit(std::move(request), std::move(receiver), sink);
    while (service_->Help()) {
    }
    EXPECT_TRUE(sink->is_over);
    return sink;
  }
  // As a carrier does it that streams.
  std::shared_ptr<KeepingSink> Put(const std::string& body, const std::vector<Header>& headers) {
    const Request head = Head("PUT", kPath, headers);
    BodyRule rule = service_->Expect(head);
    EXPECT_FALSE(rule.refusal.has_value());
    if (rule.receiver == nullptr) return nullptr;
    EXPECT_EQ(rule.most_bytes, body.size());
    EXPECT_TRUE(rule.receiver->Take({reinterpret_cast<const std::uint8_t*>(body.data()), body.size()}).ok());
    return Submit(head, std::move(rule.receiver));
  }

  static constexpr const char* kPath = "/thimble/v1/models/new/a.gguf";
  NamedShelf shelf_;
  KeptStore store_;
  std::unique_ptr<Service> service_;
};

TEST_F(SentModels, ComeInPieces) {
  const auto first = Put("abc", {{"content-length", "3"}, {"content-range", "bytes 0-2/5"}});
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(first->Document().Dump(),
            R"({"file":"a.gguf","bytes":3,"total":5,"whole":false,"name":"new","model":false,"missing":"more"})");
  EXPECT_EQ(Submit(Head("GET", kPath))->Document().Find("bytes")->Dump(), "3");
  EXPECT_THAT(Submit(Head("GET", "/thimble/v1/models"))->body,
              HasSubstr(R"("unfinished":[{"name":"new","files":[{"file":"a.gguf","bytes":3,)"));
  const auto second = Put("de", {{"content-range", "bytes 3-4/5"}});
  ASSERT_NE(second, nullptr);
  EXPECT_TRUE(second->Document().Find("model")->AsBool());
  EXPECT_EQ(store_.bytes["a.gguf"], "abcde");
}

TEST_F(SentModels, ACarrierMayBringTheBodyAsAWhole) {
  Request request = Head("PUT", kPath, {{"content-length", "5"}});
  request.body = "abcde";
  EXPECT_EQ(Submit(request)->status, 200);
  EXPECT_EQ(store_.bytes["a.gguf"], "abcde");
  store_.bytes.clear();
  store_.breaks = true;
  EXPECT_EQ(Submit(request)->status, 507);
}

TEST_F(SentModels, WhatIsWrongIsSaidBeforeTheBodyComes) {
  const auto status = [&](const std::vector<Header>& headers) {
    const BodyRule rule = service_->Expect(Head("PUT", kPath, headers));
    EXPECT_TRUE(rule.refusal.has_value());
    EXPECT_EQ(rule.receiver, nullptr);
    return rule.refusal.has_value() ? rule.refusal->status : 0;
  };
  EXPECT_EQ(status({}), 411);
  EXPECT_EQ(status({{"content-length", "101"}}), 507);
  EXPECT_EQ(status({{"content-length", "2"}, {"content-range", "bytes 0-2/5"}}), 400);
  EXPECT_EQ(status({{"content-range", "bytes 0-0/99999999999999"}}), 413);
  EXPECT_EQ(status({{"content-length", "1"}, {"x-thimble-sha256", "abc"}}), 400);
  Request head = Head("PUT", kPath, {{"content-length", "1"}});
  head.headers.back().value = "text/plain";
  EXPECT_EQ(service_->Expect(head).refusal->status, 415);
}

TEST_F(SentModels, WhereToGoOnIsSaid) {
  store_.bytes["a.gguf"] = "abc";
  const BodyRule rule = service_->Expect(Head("PUT", kPath, {{"content-range", "bytes 4-4/5"}}));
  ASSERT_TRUE(rule.refusal.has_value());
  EXPECT_EQ(rule.refusal->status, 416);
  bool is_said = false;
  for (const Header& header : rule.refusal->headers) is_said |= header.name == "x-thimble-bytes" && header.value == "3";
  EXPECT_TRUE(is_said);
  EXPECT_THAT(rule.refusal->body, HasSubstr(R"("code":"invalid_range")"));
}

TEST_F(SentModels, AreDeletedUnlessTheyAnswer) {
  EXPECT_EQ(Submit(Head("DELETE", "/thimble/v1/models/open"))->status, 409);
  EXPECT_EQ(Submit(Head("DELETE", "/thimble/v1/models/builtin"))->status, 409);
  EXPECT_TRUE(store_.deleted.empty());
  EXPECT_EQ(Submit(Head("DELETE", "/thimble/v1/models/other"))->status, 200);
  EXPECT_EQ(store_.deleted, std::vector<std::string>{"other"});
}

class WithoutStore : public SentModels {
 protected:
  WithoutStore() : SentModels(false) {}
};

TEST_F(WithoutStore, NothingIsTaken) {
  EXPECT_EQ(service_->Expect(Head("PUT", kPath, {{"content-length", "1"}})).refusal->status, 501);
  EXPECT_EQ(Submit(Head("GET", kPath))->status, 501);
  EXPECT_EQ(Submit(Head("DELETE", "/thimble/v1/models/other"))->status, 501);
}

}  // namespace
}  // namespace thimble::service
