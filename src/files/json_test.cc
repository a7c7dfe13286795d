// SPDX-License-Identifier: Apache-2.0
#include "files/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <limits>

namespace thimble {
namespace {

using ::testing::HasSubstr;

Json Parsed(std::string_view text) {
  auto json = Json::Parse(text, "test");
  EXPECT_TRUE(json.ok()) << (json.ok() ? "" : json.error().message);
  return json.ok() ? std::move(json).value() : Json();
}

Error Refusal(std::string_view text) {
  auto json = Json::Parse(text, "test");
  return json.ok() ? Error{Code::kInvalid, "(parsed) " + json.value().Dump()} : json.error();
}

TEST(Json, KeepsOrderAndSpelling) {
  const std::string_view text =
      R"({"z":[1,-0,1.50,1e2,123456789012345678901234567890],"a":{"b":null},"c":[true,false,""]})";
  EXPECT_EQ(Parsed(text).Dump(), text);
}

TEST(Json, KindsAndGetters) {
  const Json json = Parsed(R"([null, true, 3, 3.0, 2.5, "s", [], {}, 1e2, -9223372036854775808, 9223372036854775808])");
  const auto& items = json.items();
  EXPECT_TRUE(items[0].IsNull());
  EXPECT_EQ(items[1].AsBool(), true);
  EXPECT_EQ(items[2].kind(), Json::Kind::kInteger);
  EXPECT_EQ(items[2].AsInt(), 3);
  EXPECT_EQ(items[2].AsDouble(), 3.0);
  EXPECT_EQ(items[3].kind(), Json::Kind::kFloat);
  EXPECT_EQ(items[3].AsInt(), 3);
  EXPECT_EQ(items[4].AsInt(), std::nullopt);
  EXPECT_EQ(items[4].AsDouble(), 2.5);
  EXPECT_EQ(items[5].AsString(), "s");
  EXPECT_TRUE(items[6].IsArray());
  EXPECT_TRUE(items[7].IsObject());
  EXPECT_EQ(items[8].AsInt(), 100);
  EXPECT_EQ(items[9].AsInt(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(items[10].AsInt(), std::nullopt);
  EXPECT_EQ(items[10].AsDouble(), 0x1p63);
  // The wrong kind is no value.
  EXPECT_EQ(items[5].AsInt(), std::nullopt);
  EXPECT_EQ(items[5].AsDouble(), std::nullopt);
  EXPECT_EQ(items[2].AsBool(), std::nullopt);
  EXPECT_EQ(items[2].AsString(), std::nullopt);
  EXPECT_EQ(items[2].Find("x"), nullptr);
}

TEST(Json, FloatsAtTheEndsOfTheRange) {
  EXPECT_EQ(Parsed("1e-400").AsDouble(), 0.0);
  EXPECT_TRUE(std::signbit(*Parsed("-1e-400").AsDouble()));
  EXPECT_EQ(Parsed("5e-324").AsDouble(), 5e-324);
  EXPECT_EQ(Parsed("1.7976931348623157e308").AsDouble(), std::numeric_limits<double>::max());
  EXPECT_EQ(Parsed("1e300").AsInt(), std::nullopt);
  EXPECT_EQ(Parsed("9.3e18").AsInt(), std::nullopt);
  EXPECT_EQ(Parsed("-9.223372036854775808e18").AsInt(), std::numeric_limits<std::int64_t>::min());
}

TEST(Json, ObjectsFindAndSet) {
  Json json = Parsed(R"({"a":1,"b":2})");
  json.Set("a", Json::String("new"));
  json.Set("c", Json::Array({Json::Integer(1), Json()}));
  EXPECT_EQ(json.Dump(), R"({"a":"new","b":2,"c":[1,null]})");
  ASSERT_NE(json.Find("b"), nullptr);
  EXPECT_EQ(json.Find("b")->AsInt(), 2);
  EXPECT_EQ(json.Find("d"), nullptr);
}

TEST(Json, OfRepeatedKeysTheLastCountsInTheFirstPlace) {
  EXPECT_EQ(Parsed(R"({"a":1,"b":2,"a":{"x":1,"x":2},"c":4,"b":5})").Dump(), R"({"a":{"x":2},"b":5,"c":4})");
}

// Expected texts are what Python 3 prints for the same numbers.
TEST(Json, FloatsPrintAsInPython) {
  const auto print = [](double value) { return Json::Float(value).Dump(); };
  EXPECT_EQ(print(0.0), "0.0");
  EXPECT_EQ(print(-0.0), "-0.0");
  EXPECT_EQ(print(1.0), "1.0");
  EXPECT_EQ(print(0.1), "0.1");
  EXPECT_EQ(print(100.0), "100.0");
  EXPECT_EQ(print(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(print(0.0001), "0.0001");
  EXPECT_EQ(print(0.00012), "0.00012");
  EXPECT_EQ(print(0.00001), "1e-05");
  EXPECT_EQ(print(1.5e-7), "1.5e-07");
  EXPECT_EQ(print(1e15), "1000000000000000.0");
  EXPECT_EQ(print(1e16), "1e+16");
  EXPECT_EQ(print(123456789012345680.0), "1.2345678901234568e+17");
  EXPECT_EQ(print(9007199254740993.0), "9007199254740992.0");
  EXPECT_EQ(print(-1.5e300), "-1.5e+300");
  EXPECT_EQ(print(5e-324), "5e-324");
  EXPECT_EQ(print(123.456), "123.456");
  EXPECT_EQ(print(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(print(std::nan("")), "null");
}

TEST(Json, Styles) {
  const Json json = Parsed(R"({"a":[1,-0,1e2,2.50],"b":{},"c":[],"ü":"ö\n"})");
  EXPECT_EQ(json.Dump(Json::Style::kCompact), R"({"a":[1,-0,1e2,2.50],"b":{},"c":[],"ü":"ö\n"})");
  EXPECT_EQ(json.Dump(Json::Style::kPython), R"({"a": [1, 0, 100.0, 2.5], "b": {}, "c": [], "ü": "ö\n"})");
  EXPECT_EQ(Parsed(R"({"a":[1,{"b":2}],"c":{}})").Dump(Json::Style::kPretty),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n  \"c\": {}\n}");
}

TEST(Json, StringsAreEscapedAsNeeded) {
  EXPECT_EQ(JsonQuote("a\"b\\c/\b\f\n\r\t\x01\x1f\x7f"), "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
  EXPECT_EQ(JsonQuote("é😀"), "\"é😀\"");
  EXPECT_EQ(JsonQuote("a\xff"
                      "b\xe2\x82"),
            "\"a\uFFFD"
            "b\uFFFD\"");
  EXPECT_EQ(JsonQuote(std::string_view("\0", 1)), "\"\\u0000\"");
  EXPECT_EQ(Parsed(R"("\u00e9\ud83d\ude00\/")").AsString(), "é😀/");
}

TEST(Json, WhatIsPrintedReadsBackTheSame) {
  const std::string_view text = R"({"a":[1,2.5,"x\u0000y",{"b":[[],{}]}],"":null})";
  const Json json = Parsed(text);
  for (const Json::Style style : {Json::Style::kCompact, Json::Style::kPython, Json::Style::kPretty}) {
    EXPECT_EQ(Parsed(json.Dump(style)).Dump(), json.Dump());
  }
}

TEST(Json, ManyKeysTakeNoSquareOfTime) {
  std::string text = "{";
  for (int key = 0; key < 200000; ++key) text += "\"k" + std::to_string(key) + "\":0,";
  text += "\"k7\":1}";
  const Json json = Parsed(text);
  EXPECT_EQ(json.members().size(), 200000u);
  EXPECT_EQ(json.Find("k7")->AsInt(), 1);
}

TEST(Json, NumbersDoNotDependOnTheLocale) {
  const char* previous = std::setlocale(LC_NUMERIC, nullptr);
  const std::string saved = previous == nullptr ? "C" : previous;
  if (std::setlocale(LC_NUMERIC, "de_DE.UTF-8") == nullptr) GTEST_SKIP() << "that locale is not installed";
  EXPECT_EQ(Parsed("[1.5,2e-3]").Dump(), "[1.5,2e-3]");
  EXPECT_EQ(Parsed("1.5").AsDouble(), 1.5);
  std::setlocale(LC_NUMERIC, saved.c_str());
}

TEST(JsonRefusal, MalformedText) {
  for (const std::string_view text :
       {"",   " ",        "{",     "[1,]",    "{\"a\":}", "{a:1}",    "nul",         "01",  "1.",    "+1",
        "\"", "\"\x01\"", "[1] 2", "\"\\x\"", "\xff",     "\"\xff\"", "\"\\ud800\"", "NaN", "1e999", "// c\n1"}) {
    EXPECT_EQ(Refusal(text).code, Code::kCorrupt) << text << ": " << Refusal(text).message;
    EXPECT_THAT(Refusal(text).message, HasSubstr("[test] not valid JSON: ")) << text;
  }
}

TEST(JsonRefusal, MessagesAreShortAndTame) {
  const Error error = Refusal("\"" + std::string(100000, 'x') + "\x1b[2J");
  EXPECT_LT(error.message.size(), 400u);
  EXPECT_EQ(error.message.find('\x1b'), std::string::npos);
}

TEST(JsonRefusal, TooDeep) {
  const auto nested = [](int levels) {
    return std::string(static_cast<std::size_t>(levels), '[') + std::string(static_cast<std::size_t>(levels), ']');
  };
  EXPECT_EQ(Parsed(nested(256)).Dump(), nested(256));
  EXPECT_EQ(Refusal(nested(257)).code, Code::kCorrupt);
  EXPECT_THAT(Refusal(nested(257)).message, HasSubstr("may nest 256 levels"));
  EXPECT_THAT(Refusal(std::string(10'000'000, '[')).message, HasSubstr("may nest 256 levels"));
  // Depth is what is open, not what was.
  std::string wide = "[";
  for (int item = 0; item < 1000; ++item) wide += "[],{},";
  EXPECT_EQ(Parsed(wide + "0]").items().size(), 2001u);
}

// Writes events as text; stops at the string "stop".
class Recorder : public JsonSink {
 public:
  bool Null() override { return Note("null"); }
  bool Bool(bool value) override { return Note(value ? "true" : "false"); }
  bool Number(std::string_view literal) override { return Note(std::string(literal)); }
  bool String(std::string&& value) override { return Note("'" + value + "'") && value != "stop"; }
  bool Key(std::string&& key) override { return Note(key + "="); }
  bool BeginObject() override { return Note("{"); }
  bool EndObject() override { return Note("}"); }
  bool BeginArray() override { return Note("["); }
  bool EndArray() override { return Note("]"); }
  std::string events;

 private:
  bool Note(const std::string& event) {
    events += event + " ";
    return true;
  }
};

TEST(JsonSink, ReceivesTheDocumentInOrder) {
  Recorder recorder;
  EXPECT_TRUE(ParseJson(R"({"a":[1,-0,2.50,null,true],"b":"x"})", "test", &recorder).ok());
  EXPECT_EQ(recorder.events, "{ a= [ 1 -0 2.50 null true ] b= 'x' } ");
}

TEST(JsonSink, MayStop) {
  Recorder recorder;
  const Status status = ParseJson(R"(["a","stop","b"])", "test", &recorder);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kInvalid);
  EXPECT_THAT(status.error().message, HasSubstr("stopped"));
  EXPECT_EQ(recorder.events, "[ 'a' 'stop' ");
}

}  // namespace
}  // namespace thimble
