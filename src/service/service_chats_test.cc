// SPDX-License-Identifier: Apache-2.0
// The service with conversations that are kept: their routes, replies that are written into them, answers that go on.
#include "service/service.h"

#include "host/model_shelf.h"
#include "memory_chat_store.h"
#include "service_tools.h"
#include "session_tools.h"
#include "text_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace thimble::service {
namespace {

using testing::Fixture;
using ::testing::HasSubstr;

class OneModelShelf : public ModelShelf {
 public:
  [[nodiscard]] std::vector<ShelfModel> List() const override {
    return {{"sees", "", 1000, false}, {"text", "", 500, false}, {"broken", "", 20, false}, {"own", "", 1, true}};
  }
  Result<std::shared_ptr<const Engine>> Open(const std::string& name,
                                             const std::function<bool(double)>& progress) override {
    progress(0.5);
    if (while_opening) while_opening();
    if (name == "broken") return Error{Code::kCorrupt, "[gguf] the file is cut"};
    host::OpenOptions options;
    options.model = Fixture(name == "sees" ? "models/vl" : "models/text-tied");
    options.threads = 2;
    options.context = 1024;
    return host::OpenModel(options);
  }
  std::function<void()> while_opening;
};

class ChatsTest : public ::testing::Test {
 protected:
  explicit ChatsTest(bool has_store = true) : decoder_(DecodeOptions{.max_pixels = 100'000'000}) {
    ServiceOptions options;
    options.desk.model = "sees";
    options.version = "test";
    options.now = [] { return 7; };
    options.new_id = [this] {
      std::string id = std::to_string(++num_ids_);
      return std::string(24 - id.size(), 'i') + id;
    };
    options.clock = [this] { return now_; };
    options.pack_bytes = [this] { return pack_bytes_; };
    options.delete_packs = [this]() -> Status {
      if (pack_bytes_ == 0) return Error{Code::kSystem, "[packs] 1 of 2 cannot be deleted"};
      pack_bytes_ = 0;
      return Done{};
    };
    if (has_store) options.chats = &store_;
    service_ = std::make_unique<Service>(std::move(options), &shelf_, &decoder_, Wakers{[] {}, [] {}});
  }

  RequestId Submit(const std::string& method, const std::string& path, const std::string& body,
                   std::vector<Header> headers, const std::shared_ptr<AnswerSink>& sink) {
    Request request;
    request.method = method;
    const std::size_t mark = path.find('?');
    request.path = path.substr(0, mark);
    if (mark != std::string::npos) request.query = path.substr(mark + 1);
    request.headers = std::move(headers);
    if (!body.empty() && request.FindHeader("content-type") == nullptr)
      request.headers.push_back({"content-type", "application/json"});
    request.body = body;
    const BodyRule rule = service_->Expect(request);
    if (rule.refusal.has_value()) {
      sink->Begin(rule.refusal->status, rule.refusal->headers);
      sink->End();
      return 0;
    }
    return service_->Submit(std::move(request), nullptr, sink);
  }
  // Until nothing is left to do.
  void Work() {
    bool has_more = true;
    for (int i = 0; i < 100'000 && has_more; ++i) {
      const bool helps = service_->Help();
      has_more = service_->Pump() || helps;
    }
    service_->Help();
  }
  void Help() {
    while (service_->Help()) {
    }
  }
  std::shared_ptr<KeepingSink> Send(const std::string& method, const std::string& path, const std::string& body = "",
                                    std::vector<Header> headers = {}) {
    auto sink = std::make_shared<KeepingSink>();
    Submit(method, path, body, std::move(headers), sink);
    Help();
    return sink;
  }
  Json Get(const std::string& path) {
    const auto answer = Send("GET", path);
    EXPECT_EQ(answer->status, 200) << path << answer->body;
    return answer->Document();
  }

  static std::string Id(char letter) { return std::string(24, letter); }
  void MakeChat(char letter, const std::string& more = "") {
    EXPECT_EQ(Send("POST", "/thimble/v1/chats", R"({"id":")" + Id(letter) + "\"" + more + "}")->status, 201);
  }
  int AddMessage(char chat, char letter, const std::string& more) {
    return Send("POST", "/thimble/v1/chats/" + Id(chat) + "/messages", R"({"id":")" + Id(letter) + "\"," + more + "}")
        ->status;
  }
  Json MessageOf(char chat, char letter) {
    const Json document = Get("/thimble/v1/chats/" + Id(chat));
    for (const Json& message : document.Find("messages")->items()) {
      if (message.Find("id")->text() == Id(letter)) return message;
    }
    ADD_FAILURE() << "no message " << letter;
    return Json::Object();
  }
  static std::string TextOf(const Json& json, std::string_view key) {
    const Json* const value = json.Find(key);
    return value == nullptr ? "(none)" : value->text();
  }
  // A chat with a question and a message that waits for its reply.
  void MakeQuestion() {
    MakeChat('c');
    EXPECT_EQ(AddMessage('c', 'q', R"("role":"user","text":"What now?")"), 201);
    EXPECT_EQ(AddMessage('c', 'a', R"("role":"assistant","state":"running","parent":")" + Id('q') + "\""), 201);
  }
  RequestId Ask(const std::string& name, const std::shared_ptr<AnswerSink>& sink, int tokens = 12) {
    return Submit("POST", "/v1/chat/completions",
                  R"({"stream":true,"messages":[{"role":"user","content":"What now?"}],"temperature":0,)"
                  R"("ignore_eos":true,"chat_template_kwargs":{"enable_thinking":false},"max_tokens":)" +
                      std::to_string(tokens) + "}",
                  {{"content-type", "application/json"}, {"x-conversation-id", name}}, sink);
  }
  // So many events are there.
  void PumpUntil(const KeepingSink& sink, std::size_t events) {
    for (int i = 0; i < 10'000 && sink.Data().size() < events; ++i) {
      service_->Help();
      service_->Pump();
    }
  }
  static std::string WordsOf(const KeepingSink& sink) {
    std::string text;
    for (const std::string& data : sink.Data()) {
      if (data == "[DONE]") continue;
      const auto chunk = Json::Parse(data, "chunk").value();
      const Json* const choices = chunk.Find("choices");
      if (choices == nullptr || choices->items().empty()) continue;
      const Json* const content = choices->items()[0].Find("delta")->Find("content");
      if (content != nullptr && content->IsString()) text += content->text();
    }
    return text;
  }

  testing::MemoryChatStore store_;
  OneModelShelf shelf_;
  host::CodecPictureDecoder decoder_;
  std::unique_ptr<Service> service_;
  int num_ids_ = 0;
  std::uint64_t pack_bytes_ = 77;
  double now_ = 100;
};

TEST_F(ChatsTest, NamesOfAnswersAreLookedAtAlsoWhereNothingGoesOn) {
  for (const char* stream : {"true", "false"}) {
    const auto sink = std::make_shared<KeepingSink>();
    Submit("POST", "/v1/chat/completions",
           std::string(R"({"messages":[{"role":"user","content":"x"}],"max_tokens":1,"stream":)") + stream + "}",
           {{"content-type", "application/json"}, {"x-conversation-id", "a name"}}, sink);
    EXPECT_EQ(sink->status, 400) << stream;
    EXPECT_NE(sink->body.find("X-Conversation-Id"), std::string::npos) << sink->body;
  }
}

TEST_F(ChatsTest, ChatsAreMadeChangedListedAndDeleted) {
  const auto made = Send("POST", "/thimble/v1/chats", R"({"title":"Foxes"})");
  EXPECT_EQ(made->status, 201);
  const std::string id = TextOf(made->Document(), "id");
  EXPECT_EQ(id.size(), 24u);
  EXPECT_EQ(*made->Document().Find("created")->AsInt(), 7000);
  MakeChat('b', R"(,"title":"Hens","folder":"Birds & co")");
  EXPECT_EQ(Send("POST", "/thimble/v1/chats", R"({"id":")" + Id('b') + "\"}")->status, 409);
  EXPECT_EQ(Send("POST", "/thimble/v1/chats", R"({"id":"short"})")->status, 400);
  EXPECT_EQ(Get("/thimble/v1/chats").Find("chats")->items().size(), 2u);
  EXPECT_EQ(Get("/thimble/v1/chats?most=1").Find("chats")->items().size(), 1u);
  EXPECT_EQ(Get("/thimble/v1/chats?before=7000").Find("chats")->items().size(), 0u);
  const Json folder = Get("/thimble/v1/chats?folder=Birds+%26%20co");
  ASSERT_EQ(folder.Find("chats")->items().size(), 1u);
  EXPECT_EQ(TextOf(folder.Find("chats")->items()[0], "title"), "Hens");
  const Json hits = Get("/thimble/v1/chats?search=Fox");
  ASSERT_EQ(hits.Find("chats")->items().size(), 1u);
  EXPECT_EQ(TextOf(*hits.Find("chats")->items()[0].Find("hit"), "excerpt"),
            "\xEE\x80\x80"
            "Fox\xEE\x80\x81"
            "es");
  for (const char* query : {"most=0", "most=1001", "most=x", "before=-1", "before=99999999999999999999", "search=%",
                            "search=%zz", "search=%ff", "search=%00"})
    EXPECT_EQ(Send("GET", std::string("/thimble/v1/chats?") + query)->status, 400) << query;
  const auto changed = Send("PATCH", "/thimble/v1/chats/" + id, R"({"title":"Red foxes","pinned":true})");
  EXPECT_EQ(TextOf(changed->Document(), "title"), "Red foxes");
  EXPECT_EQ(TextOf(*Get("/thimble/v1/chats/" + id).Find("chat"), "title"), "Red foxes");
  EXPECT_EQ(Send("DELETE", "/thimble/v1/chats/" + id)->status, 204);
  EXPECT_EQ(Send("DELETE", "/thimble/v1/chats/" + id)->status, 404);
  EXPECT_EQ(Send("GET", "/thimble/v1/chats/" + id)->status, 404);
}

TEST_F(ChatsTest, MessagesAreAddedChangedAndDeletedWithWhatFollows) {
  MakeChat('c');
  EXPECT_EQ(AddMessage('c', 'q', R"("role":"user","text":"Hello")"), 201);
  EXPECT_EQ(AddMessage('c', 'q', R"("role":"user","text":"Hello")"), 409);
  EXPECT_EQ(AddMessage('c', 'x', R"("role":"wizard")"), 400);
  EXPECT_EQ(AddMessage('d', 'x', R"("role":"user")"), 404);
  EXPECT_EQ(AddMessage('c', 'a', R"("role":"assistant","text":"Hi","parent":")" + Id('q') + "\""), 201);
  const std::string answer = "/thimble/v1/chats/" + Id('c') + "/messages/" + Id('a');
  EXPECT_EQ(Send("PATCH", answer, R"({"text":"Hi!","facts":{"finish":"stop"}})")->status, 200);
  EXPECT_EQ(TextOf(MessageOf('c', 'a'), "text"), "Hi!");
  EXPECT_EQ(*MessageOf('c', 'a').Find("created")->AsInt(), 7000);
  EXPECT_EQ(Send("PATCH", answer, R"({"state":"asleep"})")->status, 400);
  EXPECT_EQ(Send("DELETE", "/thimble/v1/chats/" + Id('c') + "/messages/" + Id('q'))->status, 204);
  EXPECT_EQ(Get("/thimble/v1/chats/" + Id('c')).Find("messages")->items().size(), 0u);
  EXPECT_EQ(Send("DELETE", answer)->status, 404);
}

TEST_F(ChatsTest, AConversationComesAsAWhole) {
  MakeQuestion();
  const Json document = Get("/thimble/v1/chats/" + Id('c'));
  const auto imported = Send("POST", "/thimble/v1/chats/import", document.Dump());
  EXPECT_EQ(imported->status, 201) << imported->body;
  EXPECT_NE(TextOf(imported->Document(), "id"), Id('c'));
  EXPECT_EQ(*imported->Document().Find("messages")->AsInt(), 2);
  EXPECT_EQ(Send("POST", "/thimble/v1/chats/import", R"({"chat":{},"messages":[{}]})")->status, 400);
}

TEST_F(ChatsTest, SettingsAndSpace) {
  EXPECT_EQ(Get("/thimble/v1/settings").Dump(), "{}");
  EXPECT_EQ(Send("PUT", "/thimble/v1/settings", R"({"theme":"dark"})")->status, 200);
  EXPECT_EQ(TextOf(Get("/thimble/v1/settings"), "theme"), "dark");
  EXPECT_EQ(Send("PUT", "/thimble/v1/settings", "[]")->status, 400);
  EXPECT_EQ(Send("PUT", "/thimble/v1/settings", R"({"a":")" + std::string(70'000, 'x') + "\"}")->status, 413);
  EXPECT_EQ(Send("PUT", "/thimble/v1/settings", "{}", {{"content-type", "text/plain"}})->status, 415);
  const Json space = Get("/thimble/v1/space");
  EXPECT_EQ(*space.Find("models")->AsInt(), 1520) << "the built-in one may not go";
  EXPECT_EQ(*space.Find("packs")->AsInt(), 77);
  EXPECT_EQ(Send("DELETE", "/thimble/v1/packs")->status, 204);
  EXPECT_EQ(*Get("/thimble/v1/space").Find("packs")->AsInt(), 0);
  EXPECT_EQ(Send("DELETE", "/thimble/v1/packs")->status, 500) << "this one says why";
}

TEST_F(ChatsTest, PicturesThatACarrierDecodedAreKeptAsBmp) {
  Work();
  // 2 x 1 pixels of 24 bits, in a row of 8 bytes.
  std::string file("BM\x3e\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\2\0\0\0\1\0\0\0\1\0\x18\0", 30);
  file.resize(62, '\0');
  auto sink = std::make_shared<KeepingSink>();
  Submit("PUT", "/thimble/v1/pictures?keep=1", file, {{"content-type", "image/bmp"}}, sink);
  Help();
  ASSERT_EQ(sink->status, 200) << sink->body;
  const auto got = Send("GET", "/thimble/v1/pictures/" + TextOf(sink->Document(), "sha256"));
  EXPECT_EQ(got->body, file);
  EXPECT_EQ(got->HeaderValue("content-type"), "image/bmp");
}

TEST_F(ChatsTest, PicturesAreKeptAndReadAgain) {
  Work();
  const std::string file = testing::ReadTextFile(Fixture("vision/images/rgb.png"));
  const auto put = [&](const std::string& query, const std::string& type) {
    auto sink = std::make_shared<KeepingSink>();
    Submit("PUT", "/thimble/v1/pictures" + query, file, {{"content-type", type}}, sink);
    Help();
    return sink;
  };
  EXPECT_EQ(put("", "image/png")->Document().Find("sha256"), nullptr);
  EXPECT_EQ(put("?keep=2", "image/png")->status, 400);
  EXPECT_EQ(put("?keep=1", "application/x-thimble-rgb; width=1; height=1")->status, 415);
  const auto kept = put("?keep=1", "image/svg+xml");
  ASSERT_EQ(kept->status, 200) << kept->body;
  const std::string sha256 = TextOf(kept->Document(), "sha256");
  const auto got = Send("GET", "/thimble/v1/pictures/" + sha256);
  EXPECT_EQ(got->body, file);
  EXPECT_EQ(got->HeaderValue("content-type"), "image/png") << "what it is, not what it was called";
  EXPECT_THAT(got->HeaderValue("cache-control"), HasSubstr("immutable"));
  EXPECT_EQ(Send("GET", "/thimble/v1/pictures/" + std::string(64, '0'))->status, 404);
  EXPECT_EQ(Send("GET", "/thimble/v1/pictures/none")->status, 404);

  const auto ask = [&](const std::string& name) {
    auto sink = std::make_shared<KeepingSink>();
    Submit(
        "POST", "/v1/chat/completions",
        R"({"max_tokens":4,"temperature":0,"messages":[{"role":"user","content":[{"type":"image_url","image_url":"thimble:)" +
            name + R"("},{"type":"text","text":"What is this?"}]}]})",
        {}, sink);
    Work();
    return sink;
  };
  const int num_read = store_.num_pictures_read;
  const auto seen = ask(sha256);
  EXPECT_EQ(seen->status, 200) << seen->body;
  EXPECT_EQ(store_.num_pictures_read, num_read) << "it is on the shelf";
  EXPECT_EQ(ask(std::string(64, '0'))->status, 400);

  // Another run of the program: nothing is on the shelf.
  ServiceOptions options;
  options.desk.model = "sees";
  options.now = [] { return 7; };
  options.new_id = [] { return "id"; };
  options.chats = &store_;
  service_ = std::make_unique<Service>(std::move(options), &shelf_, &decoder_, Wakers{[] {}, [] {}});
  const int before = store_.num_pictures_read;
  const auto again = ask(sha256);
  EXPECT_EQ(again->status, 200) << again->body;
  EXPECT_EQ(store_.num_pictures_read, before + 1);
  const Json answer = again->Document();
  EXPECT_EQ(answer.Find("choices")->Dump(), seen->Document().Find("choices")->Dump());
  ask(sha256);
  EXPECT_EQ(store_.num_pictures_read, before + 1) << "from the shelf";
}

TEST_F(ChatsTest, AReplyIsWrittenIntoItsMessage) {
  MakeQuestion();
  auto reader = std::make_shared<KeepingSink>();
  Ask(Id('a'), reader);
  PumpUntil(*reader, 5);
  const Json so_far = MessageOf('c', 'a');
  EXPECT_EQ(TextOf(so_far, "state"), "running");
  EXPECT_EQ(TextOf(so_far, "text"), WordsOf(*reader)) << "no more and no less than what a reader has seen";
  EXPECT_FALSE(WordsOf(*reader).empty());
  Work();
  EXPECT_TRUE(reader->is_over);
  const Json message = MessageOf('c', 'a');
  EXPECT_EQ(TextOf(message, "state"), "done");
  EXPECT_EQ(TextOf(message, "text"), WordsOf(*reader));
  EXPECT_EQ(TextOf(message, "model"), "sees");
  const Json& facts = *message.Find("facts");
  EXPECT_EQ(TextOf(facts, "finish"), "length");
  EXPECT_EQ(*facts.Find("usage")->Find("completion_tokens")->AsInt(), 12);
  EXPECT_EQ(*facts.Find("timings")->Find("predicted_n")->AsInt(), 12);
  EXPECT_NE(facts.Find("ttft_ms"), nullptr);
}

TEST_F(ChatsTest, WhoGoesAwayStopsNothingAndReadsOnLater) {
  MakeQuestion();
  auto whole = std::make_shared<KeepingSink>();
  auto gone = std::make_shared<KeepingSink>();
  const RequestId id = Ask(Id('a'), gone);
  PumpUntil(*gone, 4);
  service_->Cancel(id);
  const std::size_t seen = gone->Data().size();
  service_->Pump();
  EXPECT_EQ(gone->Data().size(), seen);
  EXPECT_EQ(service_->State().active, 1u);
  Submit("GET", "/thimble/v1/answers/" + Id('a'), "", {}, whole);
  auto rest = std::make_shared<KeepingSink>();
  Submit("GET", "/thimble/v1/answers/" + Id('a') + "?from=" + std::to_string(seen), "", {}, rest);
  // The same name twice while it runs.
  auto twice = std::make_shared<KeepingSink>();
  Ask(Id('a'), twice);
  EXPECT_EQ(twice->status, 409);
  Work();
  EXPECT_EQ(service_->State().cancelled, 0u);
  EXPECT_EQ(whole->body, gone->body + rest->body);
  EXPECT_EQ(whole->Data().back(), "[DONE]");
  EXPECT_EQ(whole->HeaderValue("content-type"), "text/event-stream");
  EXPECT_EQ(TextOf(MessageOf('c', 'a'), "text"), WordsOf(*whole));
  now_ += 299;
  EXPECT_EQ(Send("GET", "/thimble/v1/answers/" + Id('a'))->body, whole->body);
  EXPECT_EQ(Send("GET", "/thimble/v1/answers/" + Id('a') + "?from=1000")->status, 400);
  EXPECT_EQ(Send("GET", "/thimble/v1/answers/" + Id('a') + "?from=x")->status, 400);
  now_ += 2;
  EXPECT_EQ(Send("GET", "/thimble/v1/answers/" + Id('a'))->status, 404);
  EXPECT_EQ(Send("DELETE", "/thimble/v1/answers/" + Id('a'))->status, 404);
}

TEST_F(ChatsTest, AnswersWithoutAMessageGoOnToo) {
  auto reader = std::make_shared<KeepingSink>();
  const RequestId id = Ask("any-name", reader);
  service_->Help();
  service_->Cancel(id);
  Work();
  const auto later = Send("GET", "/thimble/v1/answers/any-name");
  EXPECT_EQ(later->Data().back(), "[DONE]");
  for (const std::string& name : {std::string("two words"), std::string(129, 'x')}) {
    auto wrong = std::make_shared<KeepingSink>();
    Ask(name, wrong);
    EXPECT_EQ(wrong->status, 400) << name;
  }
}

TEST_F(ChatsTest, AStoppedAnswerHasWhatCame) {
  MakeQuestion();
  auto reader = std::make_shared<KeepingSink>();
  Ask(Id('a'), reader, 500);
  PumpUntil(*reader, 5);
  EXPECT_EQ(Send("DELETE", "/thimble/v1/answers/" + Id('a'))->status, 204);
  Work();
  EXPECT_TRUE(reader->is_over);
  EXPECT_EQ(reader->Data().back(), "[DONE]");
  const Json message = MessageOf('c', 'a');
  EXPECT_EQ(TextOf(message, "state"), "stopped");
  EXPECT_EQ(TextOf(message, "text"), WordsOf(*reader));
  EXPECT_EQ(TextOf(*message.Find("facts"), "finish"), "stopped");
  EXPECT_GT(*message.Find("facts")->Find("usage")->Find("completion_tokens")->AsInt(), 0);
  EXPECT_LT(*message.Find("facts")->Find("usage")->Find("completion_tokens")->AsInt(), 500);
  EXPECT_EQ(Send("DELETE", "/thimble/v1/answers/" + Id('a'))->status, 204) << "it is over already";
}

TEST_F(ChatsTest, AnAnswerIsStoppedBeforeItsTurn) {
  MakeQuestion();
  auto reader = std::make_shared<KeepingSink>();
  Ask(Id('a'), reader, 500);
  EXPECT_EQ(Send("DELETE", "/thimble/v1/answers/" + Id('a'))->status, 204);
  Work();
  EXPECT_EQ(reader->Data().back(), "[DONE]");
  EXPECT_EQ(TextOf(MessageOf('c', 'a'), "state"), "stopped");
  EXPECT_EQ(service_->State().active, 0u);
}

TEST_F(ChatsTest, AnAnswerThatFailsSaysWhyInItsMessage) {
  MakeQuestion();
  auto reader = std::make_shared<KeepingSink>();
  Submit("POST", "/v1/chat/completions",
         R"({"stream":true,"messages":[{"role":"user","content":[{"type":"image_url","image_url":"thimble:none"}]}]})",
         {{"content-type", "application/json"}, {"x-conversation-id", Id('a')}}, reader);
  Work();
  EXPECT_EQ(reader->status, 400);
  EXPECT_TRUE(reader->is_over);
  const Json message = MessageOf('c', 'a');
  EXPECT_EQ(TextOf(message, "state"), "failed");
  EXPECT_EQ(TextOf(*message.Find("facts"), "error_code"), "picture_not_found");
  EXPECT_THAT(TextOf(*message.Find("facts"), "error"), HasSubstr("no longer here"));
  EXPECT_EQ(Send("GET", "/thimble/v1/answers/" + Id('a'))->status, 404);
}

TEST_F(ChatsTest, WhatCameIsOnTheDiskEachSecond) {
  MakeQuestion();
  auto reader = std::make_shared<KeepingSink>();
  Ask(Id('a'), reader, 100);
  PumpUntil(*reader, 3);
  EXPECT_LE(service_->HelpDue(), 1);
  const int before = store_.num_syncs;
  for (int i = 0; i < 5; ++i) service_->Help();
  EXPECT_EQ(store_.num_syncs, before);
  now_ += 1.1;
  for (int i = 0; i < 5; ++i) service_->Help();
  EXPECT_EQ(store_.num_syncs, before + 1);
  Work();
  EXPECT_GT(service_->HelpDue(), 1);
}

TEST_F(ChatsTest, AnEndThatFindsNoRoomIsTriedAgain) {
  MakeQuestion();
  store_.num_failures = 2;
  auto reader = std::make_shared<KeepingSink>();
  Ask(Id('a'), reader);
  Work();
  EXPECT_TRUE(reader->is_over);
  EXPECT_EQ(TextOf(MessageOf('c', 'a'), "state"), "running");
  for (int i = 0; i < 3; ++i) {
    now_ += 1.1;
    service_->Help();
  }
  EXPECT_EQ(TextOf(MessageOf('c', 'a'), "state"), "done");
}

TEST_F(ChatsTest, TheEndOfTheServiceFinishesReplies) {
  MakeQuestion();
  EXPECT_EQ(AddMessage('c', 'b', R"("role":"assistant","state":"running")"), 201);
  auto reader = std::make_shared<KeepingSink>();
  Ask(Id('a'), reader, 500);
  PumpUntil(*reader, 5);
  auto waiting = std::make_shared<KeepingSink>();
  Ask(Id('b'), waiting, 500);
  Help();
  service_->Close();
  const auto messages = store_.Messages(Id('c'));
  ASSERT_TRUE(messages.ok());
  EXPECT_EQ(messages.value()[1].state, MessageState::kStopped);
  EXPECT_EQ(messages.value()[1].text, WordsOf(*reader));
  EXPECT_EQ(TextOf(messages.value()[1].facts, "finish"), "stopped");
  EXPECT_EQ(messages.value()[2].state, MessageState::kStopped);
}

TEST_F(ChatsTest, AChatThatIsDeletedTakesItsReplyAlong) {
  MakeQuestion();
  auto reader = std::make_shared<KeepingSink>();
  Ask(Id('a'), reader, 500);
  PumpUntil(*reader, 3);
  EXPECT_EQ(Send("DELETE", "/thimble/v1/chats/" + Id('c'))->status, 204);
  Work();
  EXPECT_TRUE(reader->is_over);
  EXPECT_LT(reader->Data().size(), 500u);
}

TEST_F(ChatsTest, AMessageThatIsEditedBackToRunningGetsAReply) {
  MakeQuestion();
  auto reader = std::make_shared<KeepingSink>();
  Ask(Id('a'), reader, 3);
  Work();
  EXPECT_EQ(Send("PATCH", "/thimble/v1/chats/" + Id('c') + "/messages/" + Id('a'), R"({"state":"running","text":""})")
                ->status,
            200);
  auto again = std::make_shared<KeepingSink>();
  Ask(Id('a'), again, 5);
  Work();
  EXPECT_EQ(TextOf(MessageOf('c', 'a'), "state"), "done");
  EXPECT_EQ(TextOf(MessageOf('c', 'a'), "text"), WordsOf(*again));
}

TEST_F(ChatsTest, ModelsAreOpenedAndPutAway) {
  Work();
  const auto model = [&](const std::string& name) {
    const Json list = Get("/thimble/v1/models");
    for (const Json& each : list.Find("models")->items()) {
      if (TextOf(each, "name") == name) return each;
    }
    return Json::Object();
  };
  EXPECT_TRUE(model("sees").Find("open")->bool_value());
  EXPECT_EQ(Send("POST", "/thimble/v1/models/none/open", "{}")->status, 404);
  std::optional<double> opening;
  shelf_.while_opening = [&] { opening = model("text").Find("opening")->AsDouble(); };
  EXPECT_EQ(Send("POST", "/thimble/v1/models/text/open", "{}")->status, 202);
  Work();
  shelf_.while_opening = nullptr;
  EXPECT_EQ(opening, 0.5);
  EXPECT_TRUE(model("text").Find("open")->bool_value());
  EXPECT_EQ(model("text").Find("opening"), nullptr);
  // It fails: the one before answers again, and the list says why.
  EXPECT_EQ(Send("POST", "/thimble/v1/models/broken/open", "{}")->status, 202);
  Work();
  EXPECT_TRUE(model("text").Find("open")->bool_value());
  EXPECT_THAT(TextOf(model("broken"), "failure"), HasSubstr("cut"));

  EXPECT_EQ(Send("POST", "/thimble/v1/models/unload", "{}")->status, 204);
  Work();
  EXPECT_EQ(service_->State().live, nullptr);
  EXPECT_FALSE(model("text").Find("open")->bool_value());
  EXPECT_EQ(Send("GET", "/health")->status, 200) << "it is only asleep";
  EXPECT_EQ(Send("POST", "/thimble/v1/models/text/open", "{}")->status, 202);
  Work();
  EXPECT_NE(service_->State().live, nullptr);
  // Whoever counts tokens wants it too.
  EXPECT_EQ(Send("POST", "/thimble/v1/models/unload")->status, 415);
  EXPECT_EQ(Send("POST", "/thimble/v1/models/unload", "[]")->status, 400);
  EXPECT_EQ(Send("POST", "/thimble/v1/models/unload", "{}")->status, 204);
  Work();
  EXPECT_EQ(Send("POST", "/tokenize", R"({"content":"x"})")->status, 503);
  Work();
  EXPECT_EQ(Send("POST", "/tokenize", R"({"content":"x"})")->status, 200);

  auto busy = std::make_shared<KeepingSink>();
  Ask("x", busy);
  EXPECT_EQ(Send("POST", "/thimble/v1/models/sees/open", "{}")->status, 409);
  EXPECT_EQ(Send("POST", "/thimble/v1/models/unload", "{}")->status, 409);
  EXPECT_EQ(Send("POST", "/thimble/v1/models/text/open", "{}")->status, 202) << "it is open";
  Work();
  EXPECT_TRUE(busy->is_over);
  EXPECT_EQ(service_->State().live->name, "text");
}

class NoStoreTest : public ChatsTest {
 protected:
  NoStoreTest() : ChatsTest(false) {}
};

TEST_F(NoStoreTest, SaysSo) {
  for (const char* path : {"/thimble/v1/chats", "/thimble/v1/settings", "/thimble/v1/space"})
    EXPECT_EQ(Send("GET", path)->status, 501) << path;
  EXPECT_EQ(Send("POST", "/thimble/v1/chats", "{}")->status, 501);
  EXPECT_EQ(Send("PUT", "/thimble/v1/pictures?keep=1", "x", {{"content-type", "image/png"}})->status, 501);
  auto reader = std::make_shared<KeepingSink>();
  service_->Cancel(Ask("a", reader));
  Work();
  EXPECT_EQ(Send("GET", "/thimble/v1/answers/a")->Data().back(), "[DONE]");
}

}  // namespace
}  // namespace thimble::service
