// SPDX-License-Identifier: Apache-2.0
// Masks: what a model that chooses at random among the tokens allowed writes must be valid.
#include "grammar/token_masker.h"

#include "fail.h"
#include "grammar/schema_gate.h"
#include "random_schema.h"
#include "schema_validator.h"
#include "sources.h"
#include "text/reply_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <random>
#include <set>
#include <thread>

namespace thimble {
namespace {

using ::testing::HasSubstr;

const std::string kFixtures = THIMBLE_FIXTURES_DIR;
constexpr std::size_t kRows = 248320;  // of the real model's logits: more than there are tokens
constexpr int kMostTokens = 400;

#define SKIP_WITHOUT_GRAMMARS() \
  if (!TokenMasker::IsBuilt()) GTEST_SKIP() << "built without XGrammar"

// The published vocabulary.
const Tokenizer& Real() {
  static const Tokenizer tokenizer = [] {
    auto file = testing::MappedGguf(kFixtures + "/tokenizer/qwen35-vocab.gguf");
    if (!file.ok()) testing::Fail(file.error().message);
    auto made = Tokenizer::FromModelFile(file.value());
    if (!made.ok()) testing::Fail(made.error().message);
    return std::move(made).value();
  }();
  return tokenizer;
}
TokenMasker& RealMasker() {
  static TokenMasker masker(&Real(), kRows);
  return masker;
}

Json Parsed(std::string_view text) {
  auto json = Json::Parse(text, "test");
  if (!json.ok()) testing::Fail(json.error().message);
  return std::move(json).value();
}
GrammarRequest OfSchema(const Json& schema) {
  GrammarRequest request;
  request.kind = GrammarRequest::Kind::kJsonSchema;
  request.schema = schema;
  return request;
}
GrammarRequest OfTools(std::string_view tools, bool must_call) {
  GrammarRequest request;
  request.kind = GrammarRequest::Kind::kToolCalls;
  request.tools = Parsed(tools).items();
  request.must_call = must_call;
  return request;
}
std::shared_ptr<TokenFilter> Filter(const GrammarRequest& request, bool starts_in_thinking = false) {
  auto filter = RealMasker().NewFilter(request);
  if (!filter.ok()) testing::Fail(filter.error().message);
  filter.value()->Begin(starts_in_thinking);
  return std::move(filter).value();
}

struct Times {
  std::vector<double> masks;
  std::vector<double> compiles;
  std::vector<double> refusals;
};
// The processor's seconds: what else the machine does is not counted.
double Now() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Written {
  std::string text;
  bool is_finished = false;
  bool is_stuck = false;  // a token was allowed that is none
  int num_tokens = 0;
};

// Writes with tokens drawn from those allowed, and comes to an end where it can.
class RandomModel {
 public:
  RandomModel(const Tokenizer& tokenizer, std::uint32_t seed) : tokenizer_(tokenizer), random_(seed) {
    for (const char* text :
         {"\"", "}", "]", "\"}", "\"]", "\"\n", "]}", "\n", "</", "parameter", ">", "</tool_call>"}) {
      const auto ids = tokenizer.Encode(text, AddedTokens::kRecognise);
      if (ids.size() == 1) closers_.push_back(ids[0]);
    }
  }

  Written Write(TokenFilter* filter, Times* times = nullptr) {
    Written out;
    std::vector<std::int32_t> ids;
    for (; out.num_tokens < kMostTokens; ++out.num_tokens) {
      const double start = Now();
      const TokenMask* mask = filter->Allowed();
      if (times != nullptr) times->masks.push_back(Now() - start);
      const std::int32_t id = Choose(*mask, out.num_tokens);
      if (!mask->Allows(id) || !tokenizer_.Exists(id)) {
        out.is_stuck = true;
        break;
      }
      if (IsEnd(id)) {
        out.is_finished = true;
        break;
      }
      filter->Accept(id);
      ids.push_back(id);
    }
    out.text = tokenizer_.Decode(ids, false);
    return out;
  }

 private:
  bool IsEnd(std::int32_t id) const {
    const auto ends = tokenizer_.end_tokens();
    return std::find(ends.begin(), ends.end(), id) != ends.end();
  }
  std::int32_t Choose(const TokenMask& mask, int written) {
    for (const std::int32_t end : tokenizer_.end_tokens()) {
      if (mask.Allows(end) && (written > 150 || random_() % 2 == 0)) return end;
    }
    if (written > 150 || random_() % 3 == 0) {
      const std::size_t from = random_() % closers_.size();
      for (std::size_t i = 0; i < closers_.size(); ++i) {
        const std::int32_t id = closers_[(from + i) % closers_.size()];
        if (mask.Allows(id)) return id;
      }
    }
    for (int i = 0; i < 64; ++i) {
      const auto id = static_cast<std::int32_t>(random_() % mask.size());
      if (mask.Allows(id)) return id;
    }
    const std::size_t from = random_() % mask.size();
    for (std::size_t i = 0; i < mask.size(); ++i) {
      const auto id = static_cast<std::int32_t>((from + i) % mask.size());
      if (mask.Allows(id)) return id;
    }
    return -1;
  }

  const Tokenizer& tokenizer_;
  std::mt19937 random_;
  std::vector<std::int32_t> closers_;
};

double At(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}
void Print(const char* what, const std::vector<double>& values) {
  std::printf("%s: %zu, median %.3f ms, 99th percentile %.3f ms, most %.3f ms\n", what, values.size(),
              At(values, 0.5) * 1e3, At(values, 0.99) * 1e3, At(values, 1) * 1e3);
}

// THIMBLE_SCHEMA_REPLIES names a file: every schema and reply goes there, a line of JSON each, for other validators.
void Keep(const Json& schema, const std::string& reply) {
  static const char* const path = std::getenv("THIMBLE_SCHEMA_REPLIES");
  if (path == nullptr) return;
  static std::ofstream out(path);
  out << Json::Object({{"schema", schema}, {"reply", Json::String(reply)}}).Dump() << "\n";
}

TEST(TokenMasker, RepliesToSchemasOfEveryKeywordAreValid) {
  SKIP_WITHOUT_GRAMMARS();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int kSchemas = 60;  // some twenty times slower
#else
  constexpr int kSchemas = 1000;
#endif
  RandomSchema schemas(20261130);
  RandomModel model(Real(), 5);
  Times times;
  int num_refused = 0;
  int num_replies = 0;
  int num_finished = 0;
  std::set<std::string> refusals;
  for (int i = 0; i < kSchemas; ++i) {
    const Json schema = schemas.Draw();
    const double start = Now();
    auto filter = RealMasker().NewFilter(OfSchema(schema));
    times.compiles.push_back(Now() - start);
    if (!filter.ok()) {
      ++num_refused;
      if (refusals.size() < 40) refusals.insert(filter.error().message);
      continue;
    }
    filter.value()->Begin(false);
    const Written reply = model.Write(filter.value().get(), &times);
    ++num_replies;
    ASSERT_FALSE(reply.is_stuck) << schema.Dump() << "\n" << reply.text;
    if (!reply.is_finished) continue;
    ++num_finished;
    Keep(schema, reply.text);
    auto value = Json::Parse(reply.text, "reply");
    ASSERT_TRUE(value.ok()) << value.error().message << "\n" << schema.Dump() << "\n" << reply.text;
    ASSERT_EQ(SchemaValidator(schema).Fault(value.value()), "") << schema.Dump() << "\n" << reply.text;
  }
  std::printf("%d schemas, %d refused; %d replies, %d finished\n", kSchemas, num_refused, num_replies, num_finished);
  for (const std::string& refusal : refusals) std::printf("  %s\n", refusal.c_str());
  Print("schemas", times.compiles);
  Print("masks", times.masks);
  EXPECT_LT(num_refused, kSchemas / 10);
  EXPECT_GT(num_finished, num_replies * 9 / 10);
}

// Writes `text`, token by token as the tokenizer cuts it; false where one of them is not allowed. `forced`: how many of
// them were the only ones.
bool Takes(TokenFilter* filter, std::string_view text, int* forced = nullptr) {
  for (const std::int32_t id : Real().Encode(text, AddedTokens::kRecognise)) {
    const TokenMask* mask = filter->Allowed();
    if (mask != nullptr && !mask->Allows(id)) return false;
    if (forced != nullptr && mask != nullptr && mask->count() == 1) ++*forced;
    filter->Accept(id);
  }
  return true;
}
bool MayEnd(TokenFilter* filter) {
  const auto ends = Real().end_tokens();
  return std::any_of(ends.begin(), ends.end(), [&](std::int32_t id) { return filter->Allowed()->Allows(id); });
}

constexpr std::string_view kTool = R"([{"type":"function","function":{"name":"get","parameters":{"type":"object",
  "properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1,"maximum":9},
  "unit":{"enum":["C","F"]},"where":{"type":"array","items":{"type":"number"}}},"required":["city"]}}}])";

// What the engine's reader makes of a reply.
struct Read {
  std::string text;
  std::vector<ToolCall> calls;
};
Read ReadReply(const std::string& text, const std::vector<Json>& tools) {
  ReplyOptions options;
  options.tools = tools;
  ReplyParser parser(options);
  std::vector<ReplyEvent> events;
  parser.Append(text, &events);
  parser.Finish(&events);
  Read out;
  for (const ReplyEvent& event : events) {
    if (event.kind == ReplyEvent::Kind::kContent) out.text += event.text;
    if (event.kind == ReplyEvent::Kind::kToolCallEnd) out.calls.push_back(event.call);
  }
  return out;
}

constexpr std::string_view kCall =
    "<tool_call>\n<function=get>\n<parameter=city>\nBad Homburg\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
    "</function>\n</tool_call>";

TEST(TokenMasker, CallsThatMustCome) {
  SKIP_WITHOUT_GRAMMARS();
  auto filter = Filter(OfTools(kTool, true));
  EXPECT_FALSE(MayEnd(filter.get()));
  int forced = 0;
  ASSERT_TRUE(Takes(filter.get(), kCall, &forced));
  EXPECT_GT(forced, 12);
  EXPECT_TRUE(MayEnd(filter.get()));
  EXPECT_TRUE(Takes(filter.get(), "\n" + std::string(kCall)));
  EXPECT_FALSE(Takes(Filter(OfTools(kTool, true)).get(), "Well"));
  GrammarRequest one = OfTools(kTool, true);
  one.one_call = true;
  filter = Filter(one);
  ASSERT_TRUE(Takes(filter.get(), kCall));
  EXPECT_EQ(filter->Allowed()->count(), 1U);  // the end, without asking the model
  EXPECT_TRUE(MayEnd(filter.get()));
}

TEST(TokenMasker, CallsThatMayCome) {
  SKIP_WITHOUT_GRAMMARS();
  for (const std::string_view begin : {"Let me see.\n\n", ""}) {
    auto filter = Filter(OfTools(kTool, false));
    EXPECT_TRUE(MayEnd(filter.get()));
    ASSERT_TRUE(Takes(filter.get(), std::string(begin) + "2 < 3 <tools>"));
    EXPECT_TRUE(MayEnd(filter.get()));
    ASSERT_TRUE(Takes(filter.get(), "<tool_call>"));
    EXPECT_FALSE(MayEnd(filter.get()));
    EXPECT_FALSE(Takes(filter.get(), "\n{"));
  }
  auto filter = Filter(OfTools(kTool, false));
  ASSERT_TRUE(Takes(filter.get(), std::string(kCall) + "\nAnd now"));
  EXPECT_TRUE(MayEnd(filter.get()));
  filter = Filter(OfTools(kTool, false));
  ASSERT_TRUE(Takes(filter.get(), "<function=get>\n<parameter=city>\nBern\n</parameter>\n</function>"));
  EXPECT_TRUE(MayEnd(filter.get()));
  filter = Filter(OfTools(kTool, false));
  EXPECT_FALSE(Takes(filter.get(), "<function=other>"));
}

TEST(TokenMasker, CallsOrAnAnswerOfAForm) {
  SKIP_WITHOUT_GRAMMARS();
  GrammarRequest either = OfTools(kTool, false);
  either.schema = Parsed(R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"]})");
  auto filter = Filter(either);
  EXPECT_FALSE(MayEnd(filter.get()));
  ASSERT_TRUE(Takes(filter.get(), R"({"a": "b <c>"})"));
  EXPECT_TRUE(MayEnd(filter.get()));
  EXPECT_FALSE(Takes(filter.get(), "\n<tool_call>"));
  filter = Filter(either);
  ASSERT_TRUE(Takes(filter.get(), std::string(kCall) + "\n" + std::string(kCall)));
  EXPECT_TRUE(MayEnd(filter.get()));
  for (const char* wrong : {"Well", "[", R"({"b)", R"({"a": "\ud800)", "<function=get>"})
    EXPECT_FALSE(Takes(Filter(either).get(), wrong)) << wrong;
  either.schema = Parsed(R"({"type":"array","items":{"type":"string","maxLength":12}})");
  EXPECT_TRUE(Takes(Filter(either).get(), R"(["<tool_call>","b"])"));
  EXPECT_FALSE(Takes(Filter(either).get(), R"(["<tool_call> a)"));
  either.schema = Parsed(R"({"not":{}})");
  const auto refused = RealMasker().NewFilter(either);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("#/not"));
}

// A list of parameters without any is a function without arguments; without a list anything may be one.
TEST(TokenMasker, CallsWithoutArguments) {
  SKIP_WITHOUT_GRAMMARS();
  const auto takes_one = [](const std::string& parameters) {
    const std::string tools = R"([{"name":"f","parameters":)" + parameters + "}]";
    auto none = Filter(OfTools(tools, true));
    EXPECT_TRUE(Takes(none.get(), "<tool_call>\n<function=f>\n</function>\n</tool_call>")) << parameters;
    return Takes(Filter(OfTools(tools, true)).get(), "<tool_call>\n<function=f>\n<parameter=a>\nb\n</parameter>\n");
  };
  EXPECT_FALSE(takes_one(R"({"type":"object","properties":{}})"));
  EXPECT_FALSE(takes_one(R"({"type":"object","properties":{},"additionalProperties":false})"));
  EXPECT_TRUE(takes_one(R"({"type":"object"})"));
  EXPECT_TRUE(takes_one(R"({"type":"object","properties":{},"additionalProperties":true})"));
}

TEST(TokenMasker, ValuesOfCallsAreOfTheirTypes) {
  SKIP_WITHOUT_GRAMMARS();
  const std::string begin = "<tool_call>\n<function=get>\n<parameter=city>\n";
  const auto takes = [&](const std::string& rest) { return Takes(Filter(OfTools(kTool, true)).get(), begin + rest); };
  EXPECT_TRUE(takes("a \"b\"\n\n<c>\n</parameter>\n</function>"));
  EXPECT_FALSE(takes("a</parameter>"));
  EXPECT_FALSE(takes("a\n</function>"));
  EXPECT_FALSE(takes("a\n</parameter>\n<parameter=days>\n0"));
  EXPECT_FALSE(takes("a\n</parameter>\n<parameter=unit>\n\"C"));
  EXPECT_TRUE(takes(
      "a\n</parameter>\n<parameter=unit>\nC\n</parameter>\n<parameter=where>\n[1, 2.5]\n</parameter>\n</function>"));
  EXPECT_FALSE(takes("a\n</parameter>\n<parameter=other>"));
  EXPECT_FALSE(Takes(Filter(OfTools(kTool, true)).get(), "<tool_call>\n<function=get>\n<parameter=days>"));
}

TEST(TokenMasker, RandomCallsAreReadAndValid) {
  SKIP_WITHOUT_GRAMMARS();
  RandomSchema schemas(77);
  RandomModel model(Real(), 6);
  int num_finished = 0;
  constexpr int kTools = 60;
  for (int i = 0; i < kTools; ++i) {
    Json parameters = Json::Object({{"type", Json::String("object")}});
    Json properties = Json::Object();
    for (const char* name : {"first", "second", "third"}) {
      Json schema = schemas.Draw();
      if (schema.Find("$defs") != nullptr || schema.Find("$ref") != nullptr)
        schema = Json::Object({{"type", Json::String("string")}});
      properties.Set(name, schema);
    }
    parameters.Set("properties", properties);
    parameters.Set("required", Json::Array({Json::String("second")}));
    GrammarRequest request = OfTools("[]", true);
    request.is_strict = true;
    request.one_call = true;
    request.tools = {Json::Object({{"name", Json::String("f")}, {"parameters", parameters}})};
    auto filter = RealMasker().NewFilter(request);
    if (!filter.ok()) continue;  // admits text beside other types
    filter.value()->Begin(false);
    const Written reply = model.Write(filter.value().get());
    ASSERT_FALSE(reply.is_stuck);
    if (!reply.is_finished) continue;
    ++num_finished;
    const Read read = ReadReply(reply.text, request.tools);
    ASSERT_EQ(read.calls.size(), 1U) << reply.text;
    ASSERT_EQ(SchemaValidator(parameters).Fault(read.calls[0].arguments), "") << parameters.Dump() << "\n"
                                                                              << reply.text << "\n"
                                                                              << read.calls[0].arguments.Dump();
  }
  EXPECT_GT(num_finished, kTools / 3);
}

TEST(TokenMasker, WhatIsNotEnforcedInToolsIsLooserUnlessStrict) {
  SKIP_WITHOUT_GRAMMARS();
  GrammarRequest request = OfTools(
      R"([{"name":"f","parameters":{"properties":{"a":{"type":"array","uniqueItems":true},"b":{"not":{}}}}}])", true);
  auto filter = Filter(request);
  EXPECT_TRUE(Takes(filter.get(),
                    "<tool_call>\n<function=f>\n<parameter=a>\n[1]\n</parameter>\n<parameter=b>\nx\n</parameter>"));
  EXPECT_FALSE(Takes(Filter(request).get(), "<tool_call>\n<function=f>\n<parameter=a>\nx"));
  request.is_strict = true;
  auto refused = RealMasker().NewFilter(request);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("tool f: [schema] #/properties/a/uniqueItems"));
  for (const char* tools : {"[]", R"([{"name":""}])", R"([{"name":"a>b"}])", "[3]"})
    EXPECT_FALSE(RealMasker().Check(OfTools(tools, true)).ok()) << tools;
}

TEST(TokenMasker, ThinkingIsFree) {
  SKIP_WITHOUT_GRAMMARS();
  const GrammarRequest request = OfSchema(Parsed(R"({"type":"integer","minimum":5,"maximum":6})"));
  auto filter = Filter(request, true);
  EXPECT_FALSE(MayEnd(filter.get()));
  ASSERT_TRUE(Takes(filter.get(), "So {\"a\"} </thin <think> well.\n"));
  EXPECT_FALSE(MayEnd(filter.get()));
  int forced = 0;
  ASSERT_TRUE(Takes(filter.get(), "</think>\n\n5", &forced));
  EXPECT_EQ(forced, 1);  // the line ends
  EXPECT_TRUE(MayEnd(filter.get()));
  // Spelled by other tokens than its own.
  filter->Begin(true);
  for (const std::int32_t id : Real().Encode("hm\n</think>\n\n", AddedTokens::kPlainText)) filter->Accept(id);
  EXPECT_TRUE(Takes(filter.get(), "6"));
  // Without an open block there is none.
  filter->Begin(false);
  EXPECT_FALSE(Takes(filter.get(), "<think>"));
  EXPECT_TRUE(Takes(filter.get(), "5"));
  EXPECT_TRUE(MayEnd(filter.get()));
}

TEST(TokenMasker, WritesOnlyTokensThatExistAndAreText) {
  SKIP_WITHOUT_GRAMMARS();
  for (const GrammarRequest& request : {OfSchema(Parsed(R"({"type":"string"})")), OfTools(kTool, false)}) {
    auto filter = Filter(request);
    if (request.kind == GrammarRequest::Kind::kJsonSchema)
      filter->Accept(Real().Encode("\"", AddedTokens::kPlainText)[0]);
    const TokenMask* mask = filter->Allowed();
    EXPECT_GT(mask->count(), 200000U);
    for (std::int32_t id = 0; id < static_cast<std::int32_t>(kRows); ++id) {
      if (!mask->Allows(id)) continue;
      const auto ends = Real().end_tokens();
      const bool is_end = std::find(ends.begin(), ends.end(), id) != ends.end();
      ASSERT_TRUE(Real().Exists(id)) << id;
      ASSERT_TRUE(is_end || !Real().IsSpecial(id)) << id;
    }
  }
}

TEST(TokenMasker, AnyObject) {
  SKIP_WITHOUT_GRAMMARS();
  GrammarRequest request;
  EXPECT_TRUE(Takes(Filter(request).get(), R"({"a": [1, null, {"b": "c\n\u00e9"}]})"));
  EXPECT_FALSE(Takes(Filter(request).get(), "["));
  EXPECT_FALSE(Takes(Filter(request).get(), R"({"a": "\ud800)"));
  EXPECT_FALSE(Takes(Filter(request).get(), "{   "));
  auto filter = Filter(request);
  ASSERT_TRUE(Takes(filter.get(), "{}"));
  EXPECT_EQ(filter->Allowed()->count(), 1U);
  // Whoever goes on all the same gets no more than the end.
  filter->Accept(Real().end_tokens()[0]);
  EXPECT_EQ(filter->Allowed()->count(), 1U);
  EXPECT_TRUE(MayEnd(filter.get()));
}

TEST(TokenMasker, ServesManyAtOnce) {
  SKIP_WITHOUT_GRAMMARS();
  std::vector<std::thread> threads;
  std::atomic<int> num_valid{0};
  for (std::uint32_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      RandomSchema schemas(100 + i / 2);  // two of them the same
      RandomModel model(Real(), i);
      for (int k = 0; k < 6; ++k) {
        const Json schema = schemas.Draw();
        auto filter = RealMasker().NewFilter(OfSchema(schema));
        if (!filter.ok()) continue;
        const Written reply = model.Write(filter.value().get());
        if (!reply.is_finished) continue;
        auto value = Json::Parse(reply.text, "reply");
        if (value.ok() && SchemaValidator(schema).Fault(value.value()).empty()) ++num_valid;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(num_valid, 12);
}

TEST(TokenMasker, BuildsWithoutGrammarsSaySo) {
  if (TokenMasker::IsBuilt()) GTEST_SKIP() << "built with XGrammar";
  const Status status = TokenMasker(nullptr, 0).Check({});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kUnsupported);
  EXPECT_THAT(status.error().message, HasSubstr("this build has no grammars"));
}

// THIMBLE_SCHEMAS names a file with a schema a line: how many are enforced, and how long that takes.
TEST(TokenMasker, TimesOfSchemasFromAFile) {
  SKIP_WITHOUT_GRAMMARS();
  const char* const path = std::getenv("THIMBLE_SCHEMAS");
  if (path == nullptr) GTEST_SKIP() << "THIMBLE_SCHEMAS is not set";
  std::ifstream in(path);
  RandomModel model(Real(), 5);
  Times times;
  int num_schemas = 0;
  int num_enforced = 0;
  for (std::string line; std::getline(in, line); ++num_schemas) {
    std::fflush(stdout);
    auto schema = Json::Parse(line, path);
    if (!schema.ok()) continue;
    (void)Filter(OfSchema(Json::Object()));  // what is made once
    const GrammarRequest request =
        schema.value().IsArray() ? OfTools(line, true) : OfSchema(schema.value());  // of tools: their list
    const double start = Now();
    auto filter = RealMasker().NewFilter(request);
    if (!filter.ok()) {
      times.refusals.push_back(Now() - start);
      std::printf("refused in %.1f ms: %s\n", times.refusals.back() * 1e3, filter.error().message.c_str());
      continue;
    }
    times.compiles.push_back(Now() - start);
    ++num_enforced;
    const std::size_t before = times.masks.size();
    filter.value()->Begin(false);
    (void)model.Write(filter.value().get(), &times);
    const double most = *std::max_element(times.masks.begin() + static_cast<std::ptrdiff_t>(before), times.masks.end());
    if (std::getenv("THIMBLE_ALL") != nullptr || times.compiles.back() > 0.2 || most > 1e-3)
      std::printf("slow: %.1f ms, masks up to %.3f ms: %s\n", times.compiles.back() * 1e3, most * 1e3, line.c_str());
  }
  const auto num_slow = std::count_if(times.compiles.begin(), times.compiles.end(), [](double t) { return t > 0.2; });
  std::printf("%d schemas, %d enforced, %d above 0.2 s\n", num_schemas, num_enforced, static_cast<int>(num_slow));
  Print("schemas", times.compiles);
  Print("refusals", times.refusals);
  Print("masks", times.masks);
}

}  // namespace
}  // namespace thimble
