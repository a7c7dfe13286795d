// SPDX-License-Identifier: Apache-2.0
// The service over a real engine, driven by one thread as a browser's worker drives it.
#include "service/service.h"

#include "host/model_shelf.h"
#include "service_tools.h"
#include "session_tools.h"
#include "text_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace thimble::service {
namespace {

using testing::Fixture;
using ::testing::HasSubstr;

std::string PictureFile() { return testing::ReadTextFile(Fixture("vision/images/rgb.png")); }

std::string Base64(const std::string& bytes) {
  constexpr const char* kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  unsigned held = 0;
  int bits = 0;
  for (const char byte : bytes) {
    held = held << 8 | static_cast<unsigned char>(byte);
    for (bits += 8; bits >= 6; bits -= 6) text += kLetters[held >> (bits - 6) & 63];
    held &= (1U << bits) - 1;
  }
  if (bits > 0) text += kLetters[held << (6 - bits) & 63];
  return text;
}

// Fixture models by name; one that is not there fails to open.
class FixtureShelf : public ModelShelf {
 public:
  [[nodiscard]] std::vector<ShelfModel> List() const override {
    return {{"sees", "", 1000, false}, {"text", "", 1000, false}, {"broken", "", 1000, false}};
  }
  Result<std::shared_ptr<const Engine>> Open(const std::string& name,
                                             const std::function<bool(double)>& /*progress*/) override {
    ++num_opened;
    if (name == "broken") return Error{Code::kCorrupt, "[gguf] the file is cut"};
    host::OpenOptions options;
    options.model = Fixture(name == "sees" ? "models/vl" : "models/text-tied");
    options.threads = 2;
    options.context = 1024;
    return host::OpenModel(options);
  }
  int num_opened = 0;
};

// One that is full when the test says so.
class SlowSink : public AnswerSink {
 public:
  void Begin(int /*status*/, std::vector<Header> /*headers*/) override {}
  void Part(std::string_view bytes) override { size += bytes.size(); }
  void End() override { is_over = true; }
  [[nodiscard]] bool IsFull() const override { return is_full; }
  std::size_t size = 0;
  bool is_full = false;
  bool is_over = false;
};

// One whose memory runs out at one of the calls, and, if `is_lasting`, at all that follow.
class PoorSink : public AnswerSink {
 public:
  PoorSink(int call, bool is_lasting) : call_(call), is_lasting_(is_lasting) {}
  void Begin(int /*status*/, std::vector<Header> /*headers*/) override { Spend(); }
  void Part(std::string_view /*bytes*/) override { Spend(); }
  void End() override {
    Spend();
    is_over = true;
  }
  [[nodiscard]] bool IsFull() const override { return false; }
  bool has_failed = false;
  bool is_over = false;

 private:
  void Spend() {
    const int spent = num_spent_++;
    if (spent != call_ && !(is_lasting_ && spent > call_)) return;
    has_failed = true;
    throw std::bad_alloc();
  }
  int call_;
  bool is_lasting_;
  int num_spent_ = 0;
};

class ServiceTest : public ::testing::Test {
 protected:
  explicit ServiceTest(DeskOptions desk = {}) : decoder_(DecodeOptions{.max_pixels = 100'000'000}) {
    if (desk.model.empty()) desk.model = "sees";
    ServiceOptions options;
    options.desk = desk;
    options.version = "test";
    options.now = [] { return 1; };
    options.new_id = [this] { return "id" + std::to_string(++num_ids_); };
    service_ = std::make_unique<Service>(std::move(options), &shelf_, &decoder_, Wakers{[] {}, [] {}});
  }

  RequestId Send(const std::string& method, const std::string& path, const std::string& body,
                 const std::shared_ptr<AnswerSink>& sink, const std::string& type = "application/json") {
    Request request;
    request.method = method;
    const std::size_t mark = path.find('?');
    request.path = path.substr(0, mark);
    if (mark != std::string::npos) request.query = path.substr(mark + 1);
    if (!body.empty()) request.headers.push_back({"content-type", type});
    request.body = body;
    return service_->Submit(std::move(request), nullptr, sink);
  }
  std::shared_ptr<KeepingSink> Send(const std::string& method, const std::string& path, const std::string& body,
                                    const std::string& type = "application/json") {
    auto sink = std::make_shared<KeepingSink>();
    Send(method, path, body, sink, type);
    return sink;
  }
  // Until nothing is left to do.
  void Work() {
    bool has_more = true;
    for (int i = 0; i < 100'000 && has_more; ++i) {
      const bool helps = service_->Help();
      has_more = service_->Pump() || helps;
    }
  }
  std::shared_ptr<KeepingSink> Ask(const std::string& path, const std::string& body) {
    auto sink = Send("POST", path, body);
    Work();
    EXPECT_TRUE(sink->is_over) << body.substr(0, 200);
    return sink;
  }
  std::shared_ptr<KeepingSink> Chat(const std::string& body) { return Ask("/v1/chat/completions", body); }
  static std::string TextOf(const KeepingSink& sink) {
    EXPECT_EQ(sink.status, 200) << sink.body;
    const Json answer = sink.Document();
    const Json* const choices = answer.Find("choices");
    return choices == nullptr ? sink.body : choices->items()[0].Find("message")->Find("content")->text();
  }
  static std::int64_t Cached(const KeepingSink& sink) {
    return *sink.Document().Find("usage")->Find("prompt_tokens_details")->Find("cached_tokens")->AsInt();
  }

  FixtureShelf shelf_;
  host::CodecPictureDecoder decoder_;
  std::unique_ptr<Service> service_;
  int num_ids_ = 0;
};

constexpr const char* kQuestion =
    R"({"messages":[{"role":"user","content":"What now?"}],"max_tokens":12,"temperature":0,"ignore_eos":true})";

TEST_F(ServiceTest, AnswersAsTheEngineDoes) {
  EXPECT_EQ(Send("GET", "/health", "")->status, 503);
  const auto answer = Chat(kQuestion);
  EXPECT_EQ(Send("GET", "/health", "")->status, 200);
  const auto engine = service_->State().live->engine;
  GenerateRequest request = testing::Ask("What now?", 12);
  const Reply wanted = testing::Get(testing::NewSession(engine)->Generate(request, testing::kNoSink));
  EXPECT_EQ(TextOf(*answer), wanted.text);
  EXPECT_EQ(answer->Document().Find("model")->text(), "sees");
}

TEST_F(ServiceTest, AStreamSaysTheSame) {
  const std::string whole = TextOf(*Chat(kQuestion));
  std::string body = kQuestion;
  body.insert(1, "\"stream\":true,");
  const auto stream = Chat(body);
  std::string text;
  for (const std::string& data : stream->Data()) {
    if (data == "[DONE]") continue;
    const auto chunk = Json::Parse(data, "chunk").value();
    if (chunk.Find("choices")->items().empty()) continue;
    const Json* const content = chunk.Find("choices")->items()[0].Find("delta")->Find("content");
    if (content != nullptr && content->IsString()) text += content->text();
  }
  EXPECT_EQ(text, whole);
  EXPECT_EQ(stream->Data().back(), "[DONE]");
}

TEST_F(ServiceTest, RoutesThatAreNone) {
  EXPECT_EQ(Send("GET", "/v1/nothing", "")->status, 404);
  EXPECT_EQ(Send("GET", "/v1/chat/completions", "")->status, 405);
  Request head;
  head.method = "POST";
  head.path = "/v1/chat/completions";
  EXPECT_EQ(service_->Expect(head).refusal->status, 415);
  head.headers = {{"content-type", "text/plain"}};
  EXPECT_EQ(service_->Expect(head).refusal->status, 415);
  head.headers = {{"content-type", "Application/JSON; charset=utf-8"}};
  EXPECT_FALSE(service_->Expect(head).refusal.has_value());
  const auto embeddings = Send("POST", "/v1/embeddings", "{}");
  EXPECT_EQ(embeddings->status, 501);
  EXPECT_EQ(embeddings->HeaderValue("x-should-retry"), "false");
}

TEST_F(ServiceTest, WhatIsWrongIsSaidAtOnceAlsoWhileOthersAreAnswered) {
  auto slow = Send("POST", "/v1/chat/completions", kQuestion);
  for (const char* body : {"{", "[]", "{}", R"({"messages":[]})", R"({"messages":[{"role":"user"}],"n":2})"}) {
    const auto wrong = Send("POST", "/v1/chat/completions", body);
    EXPECT_TRUE(wrong->is_over) << body;
    EXPECT_EQ(wrong->status, 400) << body;
  }
  const auto anthropic = Send("POST", "/v1/messages", "{");
  EXPECT_EQ(anthropic->Document().Find("type")->text(), "error");
  Work();
  EXPECT_TRUE(slow->is_over);
}

// OpenAI's own tests of its clients send a developer's message and nothing else.
TEST_F(ServiceTest, InstructionsAloneAreAQuestion) {
  std::string body = kQuestion;
  const std::string asked = TextOf(*Chat(body));
  const std::string tokens = Ask("/v1/chat/completions/input_tokens", body)->body;
  for (const char* role : {"developer", "system"}) {
    body = kQuestion;
    body.replace(body.find("user"), 4, role);
    EXPECT_EQ(TextOf(*Chat(body)), asked) << role;
    EXPECT_EQ(Ask("/v1/chat/completions/input_tokens", body)->body, tokens) << role;
  }
}

TEST_F(ServiceTest, AConversationGoesOnWhereItWas) {
  const std::string first =
      R"({"role":"user","content":"Tell me a long story about a fox and a hen that lived together."})";
  const auto answer = Chat("{\"max_tokens\":40,\"temperature\":0,\"ignore_eos\":true,\"messages\":[" + first + "]}");
  const std::string reply = R"({"role":"assistant","content":)" + JsonQuote(TextOf(*answer)) + "}";
  // A side request between the turns takes none of it away.
  Chat(R"({"messages":[{"role":"user","content":"A title, please."}],"max_tokens":3})");
  const auto next = Chat("{\"max_tokens\":3,\"temperature\":0,\"messages\":[" + first + "," + reply +
                         R"(,{"role":"user","content":"Go on."}]})");
  const Json count = Ask("/thimble/v1/count", "{\"messages\":[" + first + "]}")->Document();
  EXPECT_EQ(Cached(*next), *count.Find("total")->AsInt() - *count.Find("answer")->AsInt())
      << "the first question is remembered up to where its answer began";
}

TEST_F(ServiceTest, WhatDoesNotFit) {
  std::string words;
  for (int i = 0; i < 1200; ++i) words += "fox ";
  const std::string message = R"({"role":"user","content":")" + words + "\"}";
  const auto refused = Chat("{\"messages\":[" + message + "]}");
  EXPECT_EQ(refused->status, 400);
  const Json error = refused->Document();
  EXPECT_EQ(error.Find("error")->Find("code")->text(), "context_length_exceeded");
  EXPECT_THAT(error.Find("error")->Find("message")->text(), HasSubstr("1024"));
  EXPECT_EQ(Ask("/apply-template", "{\"messages\":[" + message + "]}")->body, refused->body);
  const std::string old = "{\"max_tokens\":4,\"messages\":[" + message +
                          R"(,{"role":"assistant","content":"Yes."},{"role":"user","content":"And now?"}]})";
  EXPECT_EQ(Chat(old)->status, 400);
  std::string window = old;
  window.insert(1, "\"when_full\":\"window\",");
  EXPECT_EQ(Chat(window)->status, 200);
}

TEST_F(ServiceTest, Pictures) {
  const std::string url = "data:image/png;base64," + Base64(PictureFile());
  const std::string body = R"({"max_tokens":6,"temperature":0,"ignore_eos":true,"messages":[{"role":"user","content":[
    {"type":"image_url","image_url":{"url":")" +
                           url + R"("}},{"type":"text","text":"What is this?"}]}]})";
  const std::string text = TextOf(*Chat(body));
  const auto put = Send("PUT", "/thimble/v1/pictures", PictureFile(), "image/png");
  Work();
  ASSERT_EQ(put->status, 200) << put->body;
  const Json kept = put->Document();
  EXPECT_GT(*kept.Find("tokens")->Find("low")->AsInt(), 0);
  std::string by_id = body;
  by_id.replace(by_id.find(url), url.size(), "thimble:" + kept.Find("id")->text());
  EXPECT_EQ(TextOf(*Chat(by_id)), text);
  const auto price = Send("GET",
                          "/thimble/v1/picture-price?width=" + std::to_string(*kept.Find("width")->AsInt()) +
                              "&height=" + std::to_string(*kept.Find("height")->AsInt()),
                          "");
  EXPECT_EQ(price->Document().Find("tokens")->Dump(), kept.Find("tokens")->Dump());
  for (const char* source : {"https://example.org/x.png", "file:///etc/passwd", "/etc/passwd", "thimble:none",
                             "data:image/png;base64,AAAA", "data:image/svg+xml;base64,PHN2Zy8+"}) {
    std::string bad = body;
    bad.replace(bad.find(url), url.size(), source);
    const auto refused = Chat(bad);
    EXPECT_GE(refused->status, 400) << source;
    EXPECT_LT(refused->status, 500) << source << refused->body;
  }
}

TEST_F(ServiceTest, PixelsThatACarrierDecoded) {
  Work();
  const std::string pixels(3 * 64 * 48, 'x');
  const auto put = Send("PUT", "/thimble/v1/pictures", pixels, "application/x-thimble-rgb; width=64; height=48");
  Work();
  EXPECT_EQ(put->status, 200) << put->body;
  for (const char* type : {"application/x-thimble-rgb", "application/x-thimble-rgb; width=64; height=49",
                           "application/x-thimble-rgb; width=-1; height=48",
                           "application/x-thimble-rgb; width=99999999999999999999; height=1"}) {
    const auto wrong = Send("PUT", "/thimble/v1/pictures", pixels, type);
    Work();
    EXPECT_EQ(wrong->status, 400) << type;
  }
}

TEST_F(ServiceTest, WhoGoesAwayIsForgotten) {
  auto first = std::make_shared<KeepingSink>();
  const RequestId id =
      Send("POST", "/v1/chat/completions",
           R"({"messages":[{"role":"user","content":"x"}],"max_tokens":500,"ignore_eos":true})", first);
  service_->Help();
  for (int i = 0; i < 8; ++i) service_->Pump();
  EXPECT_EQ(service_->State().active, 1u);
  service_->Cancel(id);
  Work();
  EXPECT_FALSE(first->is_over);
  EXPECT_EQ(service_->State().active, 0u);
  EXPECT_EQ(service_->State().cancelled, 1u);
  EXPECT_EQ(Chat(kQuestion)->status, 200);
}

TEST_F(ServiceTest, ASlowReaderHoldsUpNobody) {
  const std::string body =
      R"({"stream":true,"messages":[{"role":"user","content":"x"}],"max_tokens":50,"ignore_eos":true})";
  auto slow = std::make_shared<SlowSink>();
  Send("POST", "/v1/chat/completions", body, slow);
  service_->Help();
  for (int i = 0; i < 12; ++i) service_->Pump();
  slow->is_full = true;
  const std::size_t size = slow->size;
  EXPECT_GT(size, 0u);
  EXPECT_EQ(Chat(kQuestion)->status, 200);
  EXPECT_EQ(slow->size, size);
  EXPECT_FALSE(slow->is_over);
  slow->is_full = false;
  Work();
  EXPECT_TRUE(slow->is_over);
}

TEST_F(ServiceTest, WhereMemoryRunsOutOverAnAnswerOnlyThatOneEnds) {
  const std::string wanted = TextOf(*Chat(kQuestion));
  for (const bool streams : {false, true}) {
    const std::string body = streams ? std::string(R"({"stream":true,)") + (kQuestion + 1) : kQuestion;
    int num_failed = 0;
    for (int call = 0;; ++call, ++num_failed) {
      auto poor = std::make_shared<PoorSink>(call, call % 2 == 1);
      Send("POST", "/v1/chat/completions", body, poor);
      auto other = Send("POST", "/v1/chat/completions", kQuestion);
      Work();
      EXPECT_EQ(TextOf(*other), wanted) << call;
      EXPECT_EQ(service_->State().active, 0u);
      EXPECT_EQ(service_->State().waiting, 0u);
      if (!poor->has_failed) break;
      ASSERT_LT(call, 1000);
    }
    EXPECT_GT(num_failed, 2);
  }
}

TEST_F(ServiceTest, ModelsAreChangedWhenNobodyIsAnswered) {
  EXPECT_EQ(Chat(R"({"model":"gpt-4o","max_tokens":1,"messages":[{"role":"user","content":"x"}]})")
                ->Document()
                .Find("model")
                ->text(),
            "sees");
  auto busy = Send("POST", "/v1/chat/completions", kQuestion);
  EXPECT_EQ(
      Send("POST", "/v1/chat/completions", R"({"model":"text","messages":[{"role":"user","content":"x"}]})")->status,
      409);
  Work();
  const auto other = Chat(R"({"model":"text","max_tokens":1,"messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(other->Document().Find("model")->text(), "text");
  // It fails to open: the one before answers again.
  const auto broken = Chat(R"({"model":"broken","messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(broken->status, 503);
  EXPECT_THAT(broken->body, HasSubstr("cut"));
  EXPECT_EQ(service_->State().live->name, "text");
  EXPECT_EQ(Chat(kQuestion)->status, 200);
}

TEST_F(ServiceTest, ABlindModelSaysSo) {
  Chat(R"({"model":"text","max_tokens":1,"messages":[{"role":"user","content":"x"}]})");
  const std::string url = "data:image/png;base64," + Base64(PictureFile());
  const auto refused =
      Chat(R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":")" + url + R"("}}]}]})");
  EXPECT_EQ(refused->status, 400);
  EXPECT_THAT(refused->body, HasSubstr("cannot see"));
}

TEST_F(ServiceTest, CountsAndTokens) {
  Work();
  const std::string body =
      R"({"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello"}]})";
  const Json count = Ask("/thimble/v1/count", body)->Document();
  EXPECT_EQ(count.Find("messages")->items().size(), 2u);
  EXPECT_EQ(*count.Find("context")->AsInt(), 1024);
  const std::int64_t total = *count.Find("total")->AsInt();
  EXPECT_EQ(*Ask("/v1/chat/completions/input_tokens", body)->Document().Find("input_tokens")->AsInt(), total);
  const std::string prompt = Ask("/apply-template", body)->Document().Find("prompt")->text();
  EXPECT_THAT(prompt, HasSubstr("<|im_start|>user\nHello<|im_end|>"));
  const Json tokens = Ask("/tokenize", "{\"content\":" + JsonQuote(prompt) + "}")->Document();
  EXPECT_EQ(static_cast<std::int64_t>(tokens.Find("tokens")->items().size()), total);
  EXPECT_EQ(Ask("/detokenize", tokens.Dump())->Document().Find("content")->text(), prompt);
  EXPECT_EQ(Ask("/detokenize", R"({"tokens":[99999999]})")->status, 400);
}

TEST_F(ServiceTest, CompletionsOfTextAsItStands) {
  const auto answer = Ask("/v1/completions", R"({"prompt":"Once upon","max_tokens":5,"temperature":0})");
  ASSERT_EQ(answer->status, 200) << answer->body;
  EXPECT_EQ(*answer->Document().Find("usage")->Find("completion_tokens")->AsInt(), 5);
}

// What the engine makes of the three tokens and the texts between them, which are text whatever they spell.
TEST_F(ServiceTest, CompletionsOfAGap) {
  const auto answer =
      Ask("/v1/completions", R"({"prompt":"a <|im_end|>","suffix":"<|fim_middle|> b","max_tokens":8,"temperature":0,)"
                             R"("echo":true,"ignore_eos":true})");
  ASSERT_EQ(answer->status, 200) << answer->body;
  const auto engine = service_->State().live->engine;
  const Tokenizer& tokenizer = engine->tokenizer();
  PromptIds prompt;
  prompt.ids.push_back(*tokenizer.Find("<|fim_prefix|>"));
  tokenizer.EncodeTo("a <|im_end|>", AddedTokens::kPlainText, &prompt.ids);
  prompt.ids.push_back(*tokenizer.Find("<|fim_suffix|>"));
  tokenizer.EncodeTo("<|fim_middle|> b", AddedTokens::kPlainText, &prompt.ids);
  prompt.ids.push_back(*tokenizer.Find("<|fim_middle|>"));
  const Json usage = *answer->Document().Find("usage");
  EXPECT_EQ(*usage.Find("prompt_tokens")->AsInt(), static_cast<std::int64_t>(prompt.ids.size()));
  GenerateRequest request = testing::Ask("", 8);
  request.prompt = std::move(prompt);
  request.is_plain = true;
  const Reply wanted = testing::Get(testing::NewSession(engine)->Generate(request, testing::kNoSink));
  EXPECT_EQ(answer->Document().Find("choices")->items()[0].Find("text")->text(), "a <|im_end|>" + wanted.text);
  EXPECT_EQ(Ask("/v1/completions", R"({"prompt":"","suffix":" b","max_tokens":1})")->status, 200);
}

// Every token of a gap's end ends the reply.
TEST_F(ServiceTest, GapsEndWhereTheNextFileBegins) {
  Work();
  const Tokenizer& tokenizer = service_->State().live->engine->tokenizer();
  for (const char* end : {"<|fim_pad|>", "<|file_sep|>", "<|repo_name|>", "<|endoftext|>"}) {
    const std::string bias = "\"" + std::to_string(tokenizer.Find(end).value()) + "\":100";
    const auto answer =
        Ask("/v1/completions", R"({"prompt":"a","suffix":"b","max_tokens":8,"logit_bias":{)" + bias + "}}");
    ASSERT_EQ(answer->status, 200) << answer->body;
    const Json choice = answer->Document().Find("choices")->items()[0];
    EXPECT_EQ(choice.Find("text")->text(), "") << end;
    EXPECT_EQ(choice.Find("finish_reason")->text(), "stop") << end;
  }
}

TEST_F(ServiceTest, FactsOfTheService) {
  Work();
  for (const char* path : {"/", "/v1/models", "/v1/models/sees", "/props", "/slots", "/metrics", "/openapi.json",
                           "/thimble/v1/info", "/thimble/v1/models"}) {
    const auto answer = Send("GET", path, "");
    EXPECT_EQ(answer->status, 200) << path;
    EXPECT_FALSE(answer->body.empty()) << path;
    EXPECT_EQ(answer->body.find("/models/vl"), std::string::npos) << path << " shows a path";
  }
  EXPECT_EQ(Send("GET", "/v1/models/none", "")->status, 404);
}

class CrowdedTest : public ServiceTest {
 protected:
  CrowdedTest() : ServiceTest(DeskOptions{.model = "sees", .parallel = 2, .queue = 2, .is_strict = true}) {}
};

TEST_F(CrowdedTest, TooManyAreTurnedAway) {
  std::vector<std::shared_ptr<KeepingSink>> sinks;
  for (int i = 0; i < 5; ++i) sinks.push_back(Send("POST", "/v1/chat/completions", kQuestion));
  EXPECT_EQ(sinks[4]->status, 429);
  EXPECT_FALSE(sinks[4]->HeaderValue("retry-after").empty());
  Work();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(TextOf(*sinks[static_cast<std::size_t>(i)]), TextOf(*sinks[0])) << i;
  EXPECT_EQ(Chat(kQuestion)->status, 200);
}

TEST_F(CrowdedTest, SlowReadersKeepNobodyFromATurn) {
  std::vector<std::shared_ptr<SlowSink>> slow;
  for (int i = 0; i < 2; ++i) {
    slow.push_back(std::make_shared<SlowSink>());
    Send("POST", "/v1/chat/completions",
         R"({"stream":true,"messages":[{"role":"user","content":"x"}],"max_tokens":50,"ignore_eos":true})",
         slow.back());
  }
  while (slow[0]->size == 0 || slow[1]->size == 0) {
    service_->Help();
    service_->Pump();
  }
  for (const auto& sink : slow) sink->is_full = true;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Chat(kQuestion)->status, 200);
  for (const auto& sink : slow) EXPECT_FALSE(sink->is_over);
  for (const auto& sink : slow) sink->is_full = false;
  Work();
  for (const auto& sink : slow) EXPECT_TRUE(sink->is_over);
}

TEST_F(CrowdedTest, WhoGoesAwayWhileWaitingMakesRoom) {
  std::vector<std::shared_ptr<KeepingSink>> sinks;
  std::vector<RequestId> ids;
  for (int i = 0; i < 4; ++i) {
    sinks.push_back(std::make_shared<KeepingSink>());
    ids.push_back(Send("POST", "/v1/chat/completions", kQuestion, sinks.back()));
  }
  while (service_->Help()) {
  }
  service_->Pump();  // opens the model
  service_->Pump();
  service_->Cancel(ids[3]);
  service_->Pump();
  const auto next = Send("POST", "/v1/chat/completions", kQuestion);
  Work();
  EXPECT_EQ(next->status, 200);
  EXPECT_FALSE(sinks[3]->is_over);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(sinks[i]->is_over) << i;
}

TEST_F(CrowdedTest, NamesOfNoModelAreRefusedWhereThatIsWanted) {
  EXPECT_EQ(Chat(R"({"model":"gpt-4o","messages":[{"role":"user","content":"x"}]})")->status, 404);
}

class IdleTest : public ServiceTest {
 protected:
  IdleTest() : ServiceTest(DeskOptions{.model = "sees", .idle_seconds = 1e-9}) {}
};

TEST_F(IdleTest, MemoryIsGivenBackAndTheNextRequestOpensTheModelAgain) {
  const std::string text = TextOf(*Chat(kQuestion));
  Work();
  service_->Pump();
  EXPECT_EQ(service_->State().live, nullptr);
  EXPECT_EQ(Send("GET", "/health", "")->status, 200) << "it is only asleep";
  const int num_opened = shelf_.num_opened;
  EXPECT_EQ(TextOf(*Chat(kQuestion)), text);
  EXPECT_EQ(shelf_.num_opened, num_opened + 1);
}

}  // namespace
}  // namespace thimble::service
