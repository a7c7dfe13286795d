// SPDX-License-Identifier: Apache-2.0
// The program behind its lines, without the process: what an app says and hears, with tiny models.
#include "android/native/child.h"

#include "base/text.h"
#include "common/model_places.h"
#include "folder_test.h"
#include "older_pack.h"
#include "sys/byte_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace thimble::android {
namespace {

constexpr auto kLongest = std::chrono::seconds(120);

std::string Fixture(const std::string& name) {
  const auto bytes = ReadFile(Cat(THIMBLE_FIXTURES_DIR, "/gguf/", name), std::uint64_t{1} << 30);
  EXPECT_TRUE(bytes.ok()) << name;
  return bytes.ok() ? std::string(reinterpret_cast<const char*>(bytes.value().data()), bytes.value().size()) : "";
}

// An app that says something when it has heard something.
class App {
 public:
  explicit App(std::string folder) : folder_(std::move(folder)) {}
  ~App() {
    if (!thread_.joinable()) return;
    Close();
    thread_.join();
  }
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  void Start(const std::string& more = "", std::optional<std::uint64_t> free_bytes = std::nullopt) {
    storage_ = std::make_unique<FolderStorage>(folder_ + "/models", [free_bytes]() { return free_bytes; });
    Say(Cat(R"({"start": {"version": "1", "threads": 2, "context": 512, "models": ")", folder_,
            R"(/models", "chats": ")", folder_, "\"", more, "}}\n"));
    thread_ = std::thread([this] {
      FrameWriter out([this](std::string_view bytes) { return Hear(bytes); });
      FrameReader in([this](std::span<char> to) { return Give(to); });
      const auto line = in.Line();
      auto start = ParseLine(*line.value());
      Child child(std::get<StartLine>(start.line.value()), storage_.get(), &out);
      const Status status = child.Run(&in);
      if (!status.ok()) out.Failed(status.error());
    });
    Wait("\"started\"");
  }
  void Say(const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    said_ += bytes;
    changed_.notify_all();
  }
  void Close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    changed_.notify_all();
  }
  // All that was heard, as soon as `text` is in it.
  std::string Wait(const std::string& text) {
    std::unique_lock lock(mutex_);
    const bool is_there = changed_.wait_for(lock, kLongest, [&] { return heard_.find(text) != std::string::npos; });
    EXPECT_TRUE(is_there) << "not heard: " << text << "\n" << heard_;
    return heard_;
  }
  std::string WaitForEnd() {
    Close();
    thread_.join();
    return heard_;
  }
  // What the app heard for this id until its end, heads and bytes.
  std::string Ask(int id, const std::string& method, const std::string& path, const std::string& body = "",
                  const std::string& headers = R"([["content-type", "application/json"]])") {
    Say(Cat(R"({"request": )", id, R"(, "method": ")", method, R"(", "path": ")", path, R"(", "headers": )", headers,
            R"(, "bytes": )", body.size(), "}\n", body, "\n"));
    const std::string heard = Wait(Cat("{\"end\":", id, "}"));
    return heard.substr(std::min(heard.size(), heard.rfind(Cat("{\"answer\":", id, ","))));
  }
  // In pieces, as the app hands a file over.
  std::string Send(int id, const std::string& model, const std::string& file, const std::string& bytes,
                   std::size_t piece) {
    Say(Cat(R"({"request": )", id, R"(, "method": "PUT", "path": "/thimble/v1/models/)", model, "/", file,
            R"(", "headers": [["content-type", "application/octet-stream"], ["content-length", ")", bytes.size(),
            R"("]], "more": true})", "\n"));
    for (std::size_t begin = 0; begin < bytes.size(); begin += piece) {
      const std::string part = bytes.substr(begin, piece);
      Say(Cat(R"({"body": )", id, R"(, "bytes": )", part.size(),
              begin + piece < bytes.size() ? R"(, "more": true)" : "", "}\n", part, "\n"));
    }
    const std::string heard = Wait(Cat("{\"end\":", id, "}"));
    return heard.substr(std::min(heard.size(), heard.rfind(Cat("{\"answer\":", id, ","))));
  }

 private:
  std::size_t Give(std::span<char> to) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !said_.empty() || is_closed_; });
    const std::size_t count = std::min(to.size(), said_.size());
    std::copy_n(said_.begin(), count, to.begin());
    said_.erase(0, count);
    return count;
  }
  bool Hear(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    heard_ += bytes;
    changed_.notify_all();
    return true;
  }

  const std::string folder_;
  std::unique_ptr<FolderStorage> storage_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string said_;
  std::string heard_;
  bool is_closed_ = false;
  std::thread thread_;
};

class ChildTest : public testing::FolderTest {};

constexpr const char* kHello = R"({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, "model": )";

TEST_F(ChildTest, AModelComesInPiecesBecomesAWholePackAndAnswers) {
  App app(folder_);
  app.Start();
  std::string answer = app.Send(1, "eyes", "mmproj-vl-f16.gguf", Fixture("mmproj-vl-f16.gguf"), 100'001);
  EXPECT_NE(answer.find("no model that writes text"), std::string::npos) << answer;
  answer = app.Send(2, "eyes", "vl-q8_0.gguf", Fixture("vl-q8_0.gguf"), 65'537);
  EXPECT_NE(answer.find("\"model\":true"), std::string::npos) << answer;
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/models/eyes/model.pack"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/models/eyes/.upload"));
  answer = app.Ask(3, "POST", "/v1/chat/completions", Cat(kHello, "\"eyes\"}"));
  EXPECT_NE(answer.find("\"status\":200"), std::string::npos) << answer;
  EXPECT_NE(answer.find("\"finish_reason\":\"length\""), std::string::npos) << answer;
  answer = app.Ask(4, "GET", "/thimble/v1/info");
  EXPECT_NE(answer.find("\"sees\":true"), std::string::npos) << answer;
}

TEST_F(ChildTest, TheBuiltInModelIsPackedOnceAndAnswersUnasked) {
  const std::string builtin = Cat(THIMBLE_FIXTURES_DIR, "/gguf/text-tied-q8_0.gguf");
  const std::string more = Cat(R"(, "builtin": ")", builtin, "\"");
  {
    App app(folder_);
    app.Start(more);
    EXPECT_NE(app.Wait("made ready").find("\"models\":1"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(folder_ + "/models/builtin/model.pack"));
    const std::string answer =
        app.Ask(1, "POST", "/v1/chat/completions",
                R"({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, "stream": true})");
    EXPECT_NE(answer.find("\"status\":200"), std::string::npos) << answer;
    EXPECT_NE(answer.find("[DONE]"), std::string::npos) << answer;
    // It stays: as the one that answers, and as the one that came with the program.
    EXPECT_NE(app.Ask(2, "DELETE", "/thimble/v1/models/builtin").find("\"status\":409"), std::string::npos);
    const std::string sent = app.Send(3, "builtin", "x.gguf", "GGUF", 4);
    EXPECT_NE(sent.find("invalid_name"), std::string::npos) << sent;
  }
  App again(folder_);
  again.Start(more);
  EXPECT_EQ(again.WaitForEnd().find("made ready"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(builtin));
}

void WriteBytes(const std::string& path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

TEST_F(ChildTest, APackOfAnotherVersionOfTheAppIsToldAndComesAgain) {
  const std::string place = folder_ + "/models/tiny/model.pack";
  const std::string bytes = Fixture("text-tied-q8_0.gguf");
  {
    App app(folder_);
    app.Start();
    EXPECT_NE(app.Send(1, "tiny", "tiny.gguf", bytes, 1 << 20).find("\"model\":true"), std::string::npos);
  }
  const auto pack = ReadFile(place, std::uint64_t{1} << 30);
  ASSERT_TRUE(pack.ok());
  const std::vector<std::byte> current = pack.value();
  WriteBytes(place, testing::OfAnotherRevision(current));
  App app(folder_);
  app.Start();
  std::string answer = app.Ask(1, "GET", "/thimble/v1/models");
  EXPECT_NE(answer.find("tiny was prepared by another version"), std::string::npos) << answer;
  EXPECT_NE(answer.find(R"("failure_code":"outdated")"), std::string::npos) << answer;
  answer = app.Ask(2, "POST", "/v1/chat/completions", Cat(kHello, "\"tiny\"}"));
  EXPECT_NE(answer.find("choose the model's files again"), std::string::npos) << answer;
  EXPECT_TRUE(std::filesystem::exists(place));
  EXPECT_NE(app.Send(3, "tiny", "tiny.gguf", bytes, 1 << 20).find("\"model\":true"), std::string::npos);
  answer = app.Ask(4, "POST", "/v1/chat/completions", Cat(kHello, "\"tiny\"}"));
  EXPECT_NE(answer.find("\"status\":200"), std::string::npos) << answer;
  EXPECT_EQ(ReadFile(place, std::uint64_t{1} << 30).value(), current);
}

TEST_F(ChildTest, TheBuiltInModelIsPackedAgainWhereAnotherVersionPackedIt) {
  const std::string more = Cat(R"(, "builtin": ")", THIMBLE_FIXTURES_DIR, "/gguf/text-tied-q8_0.gguf\"");
  const std::string place = folder_ + "/models/builtin/model.pack";
  {
    App app(folder_);
    app.Start(more);
  }
  const auto pack = ReadFile(place, std::uint64_t{1} << 30);
  ASSERT_TRUE(pack.ok());
  const std::vector<std::byte> current = pack.value();
  WriteBytes(place, testing::OfAnotherRevision(current));
  {
    App app(folder_);
    app.Start(more);
    EXPECT_NE(app.Wait("made ready").find("\"models\":1"), std::string::npos);
    const std::string answer = app.Ask(1, "POST", "/v1/chat/completions", Cat(kHello, "\"builtin\"}"));
    EXPECT_NE(answer.find("\"status\":200"), std::string::npos) << answer;
  }
  EXPECT_EQ(ReadFile(place, std::uint64_t{1} << 30).value(), current);
  // An app that brings another one, where there is no room for it: the one that is there answers.
  App app(folder_);
  app.Start(Cat(R"(, "builtin": ")", THIMBLE_FIXTURES_DIR, "/gguf/vl-q8_0.gguf\""), 1000);
  EXPECT_NE(app.Wait("cannot be made ready").find("\"models\":1"), std::string::npos);
  const std::string answer = app.Ask(1, "POST", "/v1/chat/completions", Cat(kHello, "\"builtin\"}"));
  EXPECT_NE(answer.find("\"status\":200"), std::string::npos) << answer;
}

TEST_F(ChildTest, WithoutRoomASentenceSaysSo) {
  App app(folder_);
  app.Start("", 100'000);
  const std::string answer = app.Send(1, "tiny", "tiny.gguf", Fixture("text-tied-q8_0.gguf"), 1 << 20);
  EXPECT_NE(answer.find("\"status\":507"), std::string::npos) << answer;
  EXPECT_NE(answer.find("phone"), std::string::npos) << answer;
  EXPECT_NE(app.Ask(2, "GET", "/health").find("\"status\":200"), std::string::npos);
}

TEST_F(ChildTest, TwoAtOnceAreBothAnsweredAndACancelledOneIsNot) {
  App app(folder_);
  app.Start(Cat(R"(, "builtin": ")", THIMBLE_FIXTURES_DIR, "/gguf/text-tied-q8_0.gguf\""));
  const std::string body =
      R"({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 200, "stream": true, "ignore_eos": true})";
  const auto ask = [&](int id) {
    app.Say(Cat(
        R"({"request": )", id,
        R"(, "method": "POST", "path": "/v1/chat/completions", "headers": [["content-type", "application/json"]], "bytes": )",
        body.size(), "}\n", body, "\n"));
  };
  ask(1);
  ask(2);
  ask(3);
  app.Wait("{\"part\":1,");
  app.Say("{\"cancel\": 1}\n{\"cancel\": 99}\n");
  app.Wait("{\"end\":2}");
  const std::string heard = app.Wait("{\"end\":3}");
  EXPECT_EQ(heard.find("{\"end\":1}"), std::string::npos);
  EXPECT_NE(app.Ask(4, "GET", "/health").find("\"status\":200"), std::string::npos);
}

TEST_F(ChildTest, AWrongLineIsToldAndTheNextOneRead) {
  App app(folder_);
  app.Start();
  app.Say("nonsense\n{\"request\": 0, \"bytes\": 10}\n{\"stop\":1}\n{\"body\": 5, \"bytes\": 3}\nabc\n");
  EXPECT_NE(app.Ask(1, "GET", "/health").find("\"status\":200"), std::string::npos);
  const std::string heard = app.Wait("an id is a number");
  EXPECT_NE(heard.find("\"log\":\"error\""), std::string::npos);
}

TEST_F(ChildTest, AStreamThatEndsWithinABodyIsAFailure) {
  App app(folder_);
  app.Start();
  app.Say("{\"request\": 1, \"method\": \"POST\", \"path\": \"/tokenize\", \"bytes\": 100}\n{\"content\"");
  EXPECT_NE(app.WaitForEnd().find("{\"failed\":{\"code\":\"corrupt\""), std::string::npos);
}

TEST_F(ChildTest, AHotPhoneRestsAndGoesOn) {
  App app(folder_);
  app.Start(Cat(R"(, "builtin": ")", THIMBLE_FIXTURES_DIR, "/gguf/text-tied-q8_0.gguf\""));
  app.Say(R"({"readings": {"thermal": 4, "mode": "balanced"}})"
          "\n");
  app.Wait("\"stop\":true");
  const std::string body = R"({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4})";
  app.Say(Cat(
      R"({"request": 1, "method": "POST", "path": "/v1/chat/completions", "headers": [["content-type", "application/json"]], "bytes": )",
      body.size(), "}\n", body, "\n"));
  // Everything else is answered meanwhile, in the same order as always: the answer would have been there.
  EXPECT_EQ(app.Ask(2, "GET", "/health").find("{\"end\":1}"), std::string::npos);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(app.Ask(3, "GET", "/health").find("{\"end\":1}"), std::string::npos);
  app.Say(R"({"readings": {"thermal": 0, "mode": "balanced"}})"
          "\n");
  app.Wait("\"stop\":false");
  app.Wait("{\"end\":1}");
}

TEST_F(ChildTest, ItChecksItself) {
  App app(folder_);
  app.Start(Cat(R"(, "builtin": ")", THIMBLE_FIXTURES_DIR, "/gguf/text-tied-q8_0.gguf\""));
  const std::string answer = app.Ask(1, "GET", "/thimble/v1/self-check");
  EXPECT_NE(answer.find("\"passed\":true}"), std::string::npos) << answer;
  EXPECT_NE(answer.find("\"mapped\":true"), std::string::npos) << answer;
  EXPECT_NE(answer.find("\"tokens\":8"), std::string::npos) << answer;
}

}  // namespace
}  // namespace thimble::android
