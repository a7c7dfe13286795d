// SPDX-License-Identifier: Apache-2.0
// The carrier of a page's worker, natively: what apps/wasm/tests does to the module in a WebAssembly engine.
#include "wasm/carrier.h"

#include "base/sha256.h"
#include "base/text.h"
#include "browser/kept_storage.h"
#include "older_pack.h"
#include "sys/byte_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

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
    MemoryGauge memory;
    memory.free = [this] { return free_memory_; };
    carrier_ = std::make_unique<Carrier>(std::move(config), &storage_, &page_, std::move(memory));
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
  std::uint64_t free_memory_ = 0;  // nobody knows
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

// The events of a stream, without the one that ends it.
std::vector<std::string> EventsOf(const std::string& stream) {
  std::vector<std::string> events;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t end = std::min(stream.find("\n\n", at), stream.size());
    if (stream.compare(at, 6, "data: ") == 0) events.push_back(stream.substr(at, end - at));
    at = end + 2;
  }
  return events;
}

// A page that is loaded again while its worker lives, or whose connection to it was lost, goes on where it was.
TEST_F(CarrierTest, AnAnswerThatHasANameIsReadOnFromAnyEvent) {
  Start();
  Send("tiny", "tiny.gguf", Fixture("text-tied-q8_0.gguf"), 1 << 20);
  const AnswerId id = carrier_->Submit(
      R"({"method": "POST", "path": "/v1/chat/completions", "headers": [["content-type", "application/json"],
          ["x-conversation-id", "conversation-1-answer-1"]]})",
      R"({"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "stream": true, "max_tokens": 40})");
  while (EventsOf(page_.answers[id].body).size() < 5) {
    carrier_->Pump();
    carrier_->Help();
  }
  carrier_->Cancel(id);
  const std::vector<std::string> heard = EventsOf(page_.answers[id].body);
  const auto from = [this](std::size_t event) {
    const AnswerId again = carrier_->Submit(
        Cat(R"({"method": "GET", "path": "/thimble/v1/answers/conversation-1-answer-1", "query": "from=)", event,
            R"(", "headers": []})"),
        "");
    for (int turns = 0; turns < 100000 && !page_.answers[again].is_over; ++turns) {
      carrier_->Pump();
      carrier_->Help();
    }
    EXPECT_EQ(page_.answers[again].status, 200);
    return EventsOf(page_.answers[again].body);
  };
  const std::vector<std::string> all = from(0);
  ASSERT_GT(all.size(), heard.size());
  EXPECT_EQ(all.back(), "data: [DONE]");
  EXPECT_TRUE(std::equal(heard.begin(), heard.end(), all.begin()));
  for (const std::size_t event : {std::size_t{1}, heard.size(), all.size() - 1})
    EXPECT_EQ(from(event), std::vector<std::string>(all.begin() + static_cast<std::ptrdiff_t>(event), all.end()));
  EXPECT_EQ(Ask("GET", "/thimble/v1/answers/conversation-1-answer-2").status, 404);
}

TEST_F(CarrierTest, ADamagedPackIsToldOfInWordsThatHelp) {
  Start();
  Send("tiny", "tiny.gguf", Fixture("text-tied-q8_0.gguf"), 1 << 20);
  const std::vector<std::byte> pack = storage_.files["tiny/model.pack"];
  const auto opened = [this] {
    EXPECT_EQ(Ask("POST", "/thimble/v1/models/tiny/open", "{}").status, 202);
    Work();
    return Ask("GET", "/thimble/v1/models").body;
  };
  for (const std::size_t begin : {std::size_t{0}, std::size_t{8}, pack.size() / 2, pack.size() - 40}) {
    storage_.files["tiny/model.pack"] = pack;
    for (std::size_t at = begin; at < std::min(pack.size(), begin + 4096); at += 7)
      storage_.files["tiny/model.pack"][at] ^= std::byte{0x55};
    Start();
    const std::string listed = opened();
    EXPECT_NE(listed.find("choose the model's files again, and it is imported anew"), std::string::npos) << listed;
    EXPECT_NE(listed.find(R"("failure_code":"damaged")"), std::string::npos) << listed;
    EXPECT_EQ(listed.find("checksum"), std::string::npos) << listed;
    EXPECT_FALSE(page_.log.empty()) << "the format's own words";
  }
  // The files again, as the sentence says.
  EXPECT_EQ(Ask("DELETE", "/thimble/v1/models/tiny").status, 200);
  EXPECT_EQ(Send("tiny", "tiny.gguf", Fixture("text-tied-q8_0.gguf"), 1 << 20).status, 200);
  const std::string listed = opened();
  EXPECT_NE(listed.find(R"("open":true)"), std::string::npos) << listed;
  EXPECT_EQ(listed.find("failure"), std::string::npos) << listed;
}

TEST_F(CarrierTest, APackOfAnotherVersionIsListedAsSuchAndReplacedWhenItsFilesComeAgain) {
  Start();
  const std::string text = Fixture("vl-q8_0.gguf");
  Send("eyes", "mmproj-vl-f16.gguf", Fixture("mmproj-vl-f16.gguf"), 1 << 20);
  Send("eyes", "vl-q8_0.gguf", text, 1 << 20);
  Send("tiny", "tiny.gguf", Fixture("text-tied-q8_0.gguf"), 1 << 20);
  const std::vector<std::byte> current = storage_.files["eyes/model.pack"];
  const std::vector<std::byte> older = testing::OfAnotherRevision(current);
  ASSERT_EQ(older.size(), current.size());
  storage_.files["eyes/model.pack"] = older;
  Start();
  const auto listed = [this] { return Ask("GET", "/thimble/v1/models").body; };
  constexpr const char* kWhy = "eyes was prepared by another version of this program";
  EXPECT_NE(listed().find(kWhy), std::string::npos) << listed();
  EXPECT_EQ(listed().find("tiny was prepared"), std::string::npos) << listed();
  EXPECT_NE(listed().find(R"("failure_code":"outdated")"), std::string::npos) << listed();
  KeptAnswer chat = Ask("POST", "/v1/chat/completions",
                        R"({"model": "eyes", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4})");
  EXPECT_EQ(chat.status, 503) << chat.body;
  EXPECT_NE(chat.body.find(kWhy), std::string::npos) << chat.body;
  // Some of its file comes again, and the page goes: what was there and what came are there still.
  const KeptAnswer half = Ask(
      "PUT", "/thimble/v1/models/eyes/vl-q8_0.gguf", text.substr(0, 1000),
      Cat(R"([["content-type", "application/octet-stream"], ["content-range", "bytes 0-999/)", text.size(), R"("]])"));
  EXPECT_EQ(half.status, 200) << half.body;
  Start();
  Work();
  EXPECT_EQ(storage_.files["eyes/model.pack"], older);
  EXPECT_NE(listed().find(R"("file":"vl-q8_0.gguf","bytes":1000)"), std::string::npos) << listed();
  EXPECT_EQ(Send("eyes", "vl-q8_0.gguf", text, 1 << 20, 1000).status, 200);
  EXPECT_EQ(storage_.files.size(), 3u) << "two packs and the vision file that was there";
  EXPECT_EQ(storage_.files["eyes/model.pack"], current);
  EXPECT_EQ(listed().find("failure"), std::string::npos) << listed();
  chat = Ask("POST", "/v1/chat/completions",
             R"({"model": "eyes", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4})");
  EXPECT_EQ(chat.status, 200) << chat.body;
  EXPECT_NE(Ask("GET", "/thimble/v1/info").body.find(R"("sees":true)"), std::string::npos);
  // One that can be read is not replaced.
  EXPECT_EQ(Send("eyes", "vl-q8_0.gguf", text, 1 << 20).status, 409);
}

TEST_F(CarrierTest, APackOfAnotherVersionCanBeRemovedAndEyesThatDoNotFitGoWithIt) {
  Start();
  Send("eyes", "mmproj-vl-f16.gguf", Fixture("mmproj-vl-f16.gguf"), 1 << 20);
  Send("eyes", "vl-q8_0.gguf", Fixture("vl-q8_0.gguf"), 1 << 20);
  const std::vector<std::byte> older = testing::OfAnotherRevision(storage_.files["eyes/model.pack"]);
  storage_.files["eyes/model.pack"] = older;
  Start();
  storage_.files["eyes/vision.gguf"].resize(1000);  // what the model that comes cannot see with
  const KeptAnswer other = Send("eyes", "text.gguf", Fixture("text-tied-q8_0.gguf"), 1 << 20);
  EXPECT_EQ(other.status, 200) << other.body;
  EXPECT_FALSE(storage_.files.contains("eyes/vision.gguf"));
  storage_.files["eyes/model.pack"] = older;
  Start();
  EXPECT_EQ(Ask("DELETE", "/thimble/v1/models/eyes").status, 200);
  EXPECT_TRUE(storage_.files.empty());
}

TEST_F(CarrierTest, AModelThatNeedsMoreMemoryThanThereIsIsRefusedAndTheNextOneOpens) {
  free_memory_ = std::uint64_t{1} << 30;
  Start();
  Send("tiny", "tiny.gguf", Fixture("text-tied-q8_0.gguf"), 1 << 20);
  Send("large", "large.gguf", Fixture("text-untied-q8_0.gguf"), 1 << 20);
  ASSERT_EQ(storage_.files.size(), 2u);
  // Between what the two need.
  free_memory_ = std::uint64_t{4} << 20;
  EXPECT_EQ(Ask("POST", "/thimble/v1/models/large/open", "{}").status, 202);
  Work();
  std::string listed = Ask("GET", "/thimble/v1/models").body;
  EXPECT_NE(listed.find(R"("failure_code":"out_of_memory")"), std::string::npos) << listed;
  EXPECT_NE(listed.find(" needs "), std::string::npos) << listed;
  free_memory_ = std::uint64_t{1} << 30;
  EXPECT_EQ(Ask("POST", "/thimble/v1/models/tiny/open", "{}").status, 202);
  Work();
  listed = Ask("GET", "/thimble/v1/models").body;
  EXPECT_NE(listed.find(R"("open":true)"), std::string::npos) << listed;
  EXPECT_EQ(storage_.files.size(), 2u);
}

}  // namespace
}  // namespace thimble::browser
