// SPDX-License-Identifier: Apache-2.0
// The carrier of a page's worker, natively: what apps/wasm/tests does to the module in a WebAssembly engine.
#include "wasm/carrier.h"

#include "base/sha256.h"
#include "base/text.h"
#include "browser/kept_storage.h"
#include "sys/byte_source.h"

#include <gtest/gtest.h>

#include <string>

namespace thimble::browser {
namespace {

std::string Fixture(const std::string& name) {
  const auto bytes = ReadFile(Cat(THIMBLE_FIXTURES_DIR, "/gguf/", name), std::uint64_t{1} << 30);
  EXPECT_TRUE(bytes.ok()) << name;
  return bytes.ok() ? std::string(reinterpret_cast<const char*>(bytes.value().data()), bytes.value().size()) : "";
}

class CarrierTest : public ::testing::Test {
 protected:
  void Start() {
    carrier_.reset();
    page_.answers.clear();  // another carrier counts anew
    StartConfig config;
    config.threads = 2;
    config.context = 512;
    config.page = Json::Object({{"carrier", Json::String("page")}});
    carrier_ = std::make_unique<Carrier>(std::move(config), &storage_, &page_, MemoryGauge{});
  }
  void Work() {
    for (bool has_more = true; has_more;) {
      has_more = carrier_->Pump();
      has_more = carrier_->Help() || has_more;
    }
  }
  KeptAnswer Ask(const std::string& method, const std::string& path, const std::string& body = "",
                 const std::string& headers = R"([["content-type", "application/json"]])") {
    const std::string head = Cat(R"({"method": ")", method, R"(", "path": ")", path, R"(", "headers": )", headers, "}");
    const AnswerId id = carrier_->Submit(head, body);
    for (int turns = 0; turns < 100000 && !page_.answers[id].is_over; ++turns) {
      carrier_->Pump();
      carrier_->Help();
    }
    EXPECT_TRUE(page_.answers[id].is_over);
    return page_.answers[id];
  }
  KeptAnswer Send(const std::string& model, const std::string& file, const std::string& bytes, std::size_t piece,
                  std::size_t from = 0) {
    KeptAnswer answer;
    for (std::size_t begin = from; begin < bytes.size(); begin += piece) {
      const std::size_t end = std::min(bytes.size(), begin + piece);
      answer = Ask("PUT", Cat("/thimble/v1/models/", model, "/", file), bytes.substr(begin, end - begin),
                   Cat(R"([["content-type", "application/octet-stream"], ["content-range", "bytes )", begin, "-",
                       end - 1, "/", bytes.size(), R"("]])"));
      if (answer.status >= 300) break;
    }
    return answer;
  }

  KeptStorage storage_;
  KeepingPage page_;
  std::unique_ptr<Carrier> carrier_;
};

TEST_F(CarrierTest, AModelThatSeesComesInPiecesAndAnswers) {
  Start();
  EXPECT_EQ(Ask("GET", "/health").status, 200);
  KeptAnswer answer = Send("eyes", "mmproj-vl-f16.gguf", Fixture("mmproj-vl-f16.gguf"), 100001);
  EXPECT_NE(answer.body.find("no model that writes text"), std::string::npos) << answer.body;
  answer = Send("eyes", "vl-q8_0.gguf", Fixture("vl-q8_0.gguf"), 65537);
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_NE(answer.body.find(R"("model":true)"), std::string::npos) << answer.body;
  ASSERT_EQ(storage_.files.size(), 2u);
  EXPECT_TRUE(storage_.files.contains("eyes/model.pack") && storage_.files.contains("eyes/vision.gguf"));

  Start();
  const KeptAnswer chat =
      Ask("POST", "/v1/chat/completions",
          R"({"model": "eyes", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4})");
  EXPECT_EQ(chat.status, 200) << chat.body;
  const KeptAnswer info = Ask("GET", "/thimble/v1/info");
  EXPECT_NE(info.body.find(R"("sees":true)"), std::string::npos) << info.body;
  EXPECT_NE(info.body.find(R"("carrier":"page")"), std::string::npos) << info.body;
  // The one that answers stays; unloaded, it may go.
  EXPECT_EQ(Ask("DELETE", "/thimble/v1/models/eyes").status, 409);
  EXPECT_EQ(Ask("POST", "/thimble/v1/models/unload", "{}").status, 204);
  Work();
  EXPECT_EQ(Ask("DELETE", "/thimble/v1/models/eyes").status, 200);
  EXPECT_TRUE(storage_.files.empty());
  EXPECT_EQ(Ask("GET", "/health").status, 200);
}

TEST_F(CarrierTest, WithoutRoomForThePackTheFileStaysUntilThereIsRoom) {
  const std::string bytes = Fixture("text-tied-q8_0.gguf");
  storage_.room = bytes.size() + 100000;
  storage_.tells_room = false;
  Start();
  EXPECT_EQ(Send("tiny", "tiny.gguf", bytes, bytes.size()).status, 507);
  EXPECT_TRUE(storage_.files.contains("tiny/.upload/tiny.gguf"));
  EXPECT_FALSE(storage_.files.contains("tiny/.pack"));
  storage_.room.reset();
  Start();
  Work();
  EXPECT_EQ(storage_.files.size(), 1u);
  EXPECT_TRUE(storage_.files.contains("tiny/model.pack"));
}

TEST_F(CarrierTest, WhatTheLastPageLeftIsPutInOrder) {
  storage_.files["gone/.deleted"] = std::vector<std::byte>(10);
  storage_.files["gone/vision.gguf"] = std::vector<std::byte>(10);
  storage_.files["half/.pack"] = std::vector<std::byte>(10);
  storage_.files["half/.upload/a.gguf.100.part"] = std::vector<std::byte>(10);
  Start();
  Work();
  ASSERT_EQ(storage_.files.size(), 1u);
  EXPECT_TRUE(storage_.files.contains("half/.upload/a.gguf.100.part"));
  EXPECT_TRUE(page_.log.empty());
}

TEST_F(CarrierTest, AfterACancelThePageHearsNoMore) {
  Start();
  Send("tiny", "tiny.gguf", Fixture("text-tied-q8_0.gguf"), 1 << 20);
  const AnswerId id = carrier_->Submit(
      R"({"method": "POST", "path": "/v1/chat/completions", "headers": [["content-type", "application/json"]]})",
      R"({"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "stream": true, "max_tokens": 200})");
  for (int i = 0; i < 8; ++i) carrier_->Pump();
  carrier_->Cancel(id);
  const std::string heard = page_.answers[id].body;
  Work();
  EXPECT_EQ(page_.answers[id].body, heard);
  EXPECT_FALSE(page_.answers[id].is_over);
  carrier_->Cancel(id);
  carrier_->Cancel(12345);
  EXPECT_EQ(Ask("GET", "/health").status, 200);
}

}  // namespace
}  // namespace thimble::browser
