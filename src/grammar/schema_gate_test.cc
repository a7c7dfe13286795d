// SPDX-License-Identifier: Apache-2.0
#include "grammar/schema_gate.h"

#include "base/text.h"
#include "fail.h"
#include "grammar/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace thimble {
namespace {

using ::testing::HasSubstr;

Json Parsed(std::string_view text) {
  auto json = Json::Parse(text, "test");
  if (!json.ok()) testing::Fail(json.error().message);
  return std::move(json).value();
}
std::string Made(std::string_view schema, bool is_strict = false) {
  auto made = EnforceableSchema(Parsed(schema), is_strict);
  return made.ok() ? made.value().Dump() : made.error().message;
}
Error Refused(std::string_view schema) {
  auto made = EnforceableSchema(Parsed(schema), false);
  if (made.ok()) testing::Fail(std::string(schema) + " became " + made.value().Dump());
  return made.error();
}
std::string Repeated(std::string_view text, int count, std::string_view between = "") {
  std::string out;
  for (int i = 0; i < count; ++i) out.append(i == 0 ? "" : between).append(text);
  return out;
}

TEST(SchemaGate, RefusesWhatNoMaskEnforcesByNameAndPlace) {
  struct Case {
    const char* schema;
    const char* place;
  };
  for (const Case& one : std::initializer_list<Case>{
           {R"({"not":{"type":"string"}})", "#/not"},
           {R"({"if":{},"then":{}})", "#/if"},
           {R"({"properties":{"a/b":{"else":{}}}})", "#/properties/a~1b/else"},
           {R"({"dependentRequired":{"a":["b"]}})", "#/dependentRequired"},
           {R"({"dependentSchemas":{}})", "#/dependentSchemas"},
           {R"({"dependencies":{}})", "#/dependencies"},
           {R"({"items":{"type":"array","uniqueItems":true}})", "#/items/uniqueItems"},
           {R"({"type":"array","contains":{"type":"null"}})", "#/contains"},
           {R"({"type":"array","minContains":2})", "#/minContains"},
           {R"({"type":"number","multipleOf":0.1})", "#/multipleOf"},
           {R"({"type":"integer","multipleOf":7,"minimum":1})", "multipleOf"},
           {R"({"type":"integer","multipleOf":5})", "multipleOf"},
           {R"({"type":"integer","multipleOf":5000,"minimum":0,"maximum":9000})", "multipleOf"},
           {R"({"type":"string","format":"date","maxLength":4})", "format (date)"},
           {R"({"type":"string","format":"date","pattern":"a"})", "format (date)"},
           {R"({"type":"string","pattern":"a","minLength":4})", "pattern"},
           {R"({"type":"string","pattern":"(?=a)b"})", "#/pattern"},
           {R"({"type":"string","pattern":"(a)\\1"})", "#/pattern"},
           {R"({"type":"string","pattern":"\\bword"})", "#/pattern"},
           {R"({"type":"string","pattern":"x^"})", "#/pattern"},
           {R"({"type":"string","pattern":"\""})", "#/pattern"},
           {R"({"type":"string","pattern":"(a+)*"})", "#/pattern"},
           {R"({"type":"string","pattern":"\\p{L}"})", "#/pattern"},
           {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", "#/oneOf"},
           {R"({"oneOf":[{"type":"object"},{"type":"object"}]})", "#/oneOf"},
           {R"({"allOf":[{"pattern":"a"},{"pattern":"b"}]})", "#/pattern"},
           {R"({"allOf":[{"unevaluatedProperties":false},{"properties":{"a":{}}}]})", "unevaluatedProperties"},
           {R"({"enum":["a","b"],"minLength":1})", "enum"},
           {R"({"$ref":"other.json#/a"})", "#/$ref"},
           {R"({"$ref":"#name"})", "#/$ref"},
           {R"({"$dynamicRef":"#a"})", "$dynamicRef"},
           {R"({"patternProperties":{"a":{},"b":{}}})", "patternProperties"},
           {R"({"patternProperties":{"a":{}},"properties":{"b":{}}})", "patternProperties"},
           {R"({"propertyNames":{"pattern":"a"},"properties":{"b":{}}})", "propertyNames"},
           {R"({"type":"object","minProperties":2})", "minProperties"},
       }) {
    auto made = EnforceableSchema(Parsed(one.schema), false);
    ASSERT_FALSE(made.ok()) << one.schema << " became " << made.value().Dump();
    EXPECT_EQ(made.error().code, Code::kUnsupported) << one.schema << made.error().message;
    EXPECT_THAT(made.error().message, HasSubstr(one.place)) << one.schema;
  }
}

TEST(SchemaGate, RefusesWhatIsNoSchemaOrAdmitsNothing) {
  for (const char* schema : {"3",
                             "[]",
                             R"({"type":"text"})",
                             R"({"type":[]})",
                             R"({"enum":[]})",
                             R"({"enum":"a"})",
                             R"({"required":true})",
                             R"({"properties":[]})",
                             R"({"properties":{"a":1}})",
                             R"({"minLength":-1})",
                             R"({"minLength":"1"})",
                             R"({"exclusiveMinimum":true})",
                             R"({"anyOf":[]})",
                             R"({"anyOf":{}})",
                             R"({"$ref":"#/nowhere"})",
                             R"({"$ref":"#"})",
                             R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})",
                             R"({"allOf":[{"$ref":"#"}]})",
                             "false",
                             R"({"type":"string","minLength":3,"maxLength":2})",
                             R"({"type":"integer","minimum":1.2,"maximum":1.8})",
                             R"({"allOf":[{"type":"string"},{"type":"null"}]})",
                             R"({"enum":[1],"type":"string"})",
                             R"({"type":"array","minItems":2,"items":false})",
                             R"({"required":["a"],"additionalProperties":false})",
                             R"({"properties":{"a":{"$ref":"#"}},"required":["a"]})",
                             R"({"type":"string","pattern":"(a"})",
                             R"({"type":"string","pattern":"a{2,1}"})",
                             R"({"type":"string","pattern":"*"})",
                             R"({"properties":{"a":{}},"maxProperties":0,"required":["a"]})"}) {
    EXPECT_EQ(Refused(schema).code, Code::kInvalid) << schema << ": " << Refused(schema).message;
  }
}

TEST(SchemaGate, LeavesOutWhatAnnotates) {
  EXPECT_EQ(Made(R"({"$schema":"x","$id":"y","$comment":"z","title":"t","description":"d","default":1,"examples":[2],
    "readOnly":true,"writeOnly":false,"deprecated":true,"format":"color","x-more":{},"type":"string","discriminator":{}})"),
            R"({"type":"string"})");
  EXPECT_EQ(Made("true"), "{}");
  EXPECT_EQ(Made(R"({"properties":{"not":{"type":"null"},"if":true},"additionalProperties":false})"),
            R"({"type":"object","properties":{"not":{"type":"null"},"if":{}},"additionalProperties":false})");
}

TEST(SchemaGate, MergesAllOf) {
  EXPECT_EQ(Made(R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer","minimum":1}},"required":["a"]},
    {"properties":{"a":{"maximum":5},"b":{"type":"null"}},"additionalProperties":false}]})"),
            R"({"type":"object","properties":{"a":{"type":"integer","minimum":1,"maximum":5},"b":{"type":"null"}},)"
            R"("required":["a"],"additionalProperties":false})");
  // A name that one of them forbids.
  EXPECT_EQ(Made(R"({"allOf":[{"properties":{"a":{}},"additionalProperties":false},{"properties":{"b":{}}}]})"),
            R"({"type":"object","properties":{"a":{}},"additionalProperties":false})");
  EXPECT_EQ(Made(R"({"$defs":{"n":{"type":"integer"}},"allOf":[{"$ref":"#/$defs/n"},{"minimum":3}]})"),
            R"({"type":"integer","minimum":3})");
  EXPECT_EQ(
      Made(R"({"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}},"additionalProperties":false,
    "anyOf":[{"required":["a"]},{"required":["b"]}]})"),
      R"({"anyOf":[{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}},"required":["a"],)"
      R"("additionalProperties":false},{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}},)"
      R"("required":["b"],"additionalProperties":false}]})");
  EXPECT_EQ(Made(R"({"allOf":[{"enum":[1,2,3]},{"enum":[2.0,3,4]}]})"), R"({"enum":[2,3]})");
}

TEST(SchemaGate, TellsBranchesApart) {
  EXPECT_EQ(Made(R"({"oneOf":[{"type":"string"},{"type":"null"}]})"),
            R"({"anyOf":[{"type":"string"},{"type":"null"}]})");
  // By what their references say.
  const std::string pets = Made(R"({"oneOf":[{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"}],"$defs":{
    "cat":{"type":"object","properties":{"kind":{"const":"cat"}},"required":["kind"],"additionalProperties":false},
    "dog":{"type":"object","properties":{"kind":{"enum":["dog","puppy"]}},"required":["kind"]}}})");
  EXPECT_THAT(pets, HasSubstr(R"("anyOf":[{"$ref":"#/$defs/d0"},{"$ref":"#/$defs/d1"}])"));
  // Of an object that another forbids a name to.
  EXPECT_THAT(Made(R"({"oneOf":[{"type":"object","required":["x"]},
    {"type":"object","properties":{"y":{}},"additionalProperties":false}]})"),
              HasSubstr("anyOf"));
  EXPECT_THAT(
      Made(
          R"({"oneOf":[{"type":"object","properties":{"a":{"const":1}}},{"type":"object","properties":{"a":{"const":2}}}]})"),
      HasSubstr("may both hold"));
}

TEST(SchemaGate, KeepsRecursion) {
  EXPECT_EQ(
      Made(R"({"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false})"),
      R"({"$defs":{"d0":{"type":"object","properties":{"next":{"$ref":"#/$defs/d0"}},"additionalProperties":false}},)"
      R"("type":"object","properties":{"next":{"$ref":"#/$defs/d0"}},"additionalProperties":false})");
  EXPECT_THAT(
      Made(
          R"({"$ref":"#/definitions/a~1b","definitions":{"a/b":{"type":"array","items":{"$ref":"#/definitions/a%7E1b"}}}})"),
      HasSubstr(R"("type":"array","items":{"$ref":"#/$defs/d0"})"));
}

TEST(SchemaGate, ClosesObjectsWhereAskedTo) {
  const char* const open = R"({"type":"object","properties":{"a":{"type":"null"}}})";
  EXPECT_THAT(Made(open), HasSubstr(R"("additionalProperties":true)"));
  EXPECT_EQ(Made(open, true), R"({"type":"object","properties":{"a":{"type":"null"}},"additionalProperties":false})");
  EXPECT_EQ(Made(R"({"type":"object"})", true), R"({"type":"object"})");
  EXPECT_THAT(Made(R"({"properties":{},"additionalProperties":true})", true),
              HasSubstr(R"("additionalProperties":true)"));
}

// What takes XGrammar longer than 0.2 s.
TEST(SchemaGate, RefusesWhatWouldTakeLong) {
  const auto pattern = [](std::string_view text) { return Cat(R"({"type":"string","pattern":")", text, "\"}"); };
  for (const std::string& text :
       std::vector<std::string>{Repeated(".", 20), Repeated("a?", 30), "^([a-z]{1,100}x){1,10}$", "^(.{1,10}){1,10}$",
                                "^([a-z]{0,10}){0,10}$", "^[a-z]{1,100}[0-9]$", Repeated("a", 20, "|")})
    EXPECT_THAT(Refused(pattern(text)).message, HasSubstr("#/pattern")) << text;
  for (const char* text : {"^.{1,10000}$", "^[a-z]{5,10000}$", "^[a-z]{1,63}-[0-9]{1,5}$", "^(ab){1,5000}$", "^[a-z]+$",
                           "^[A-Z]{2,4}-[0-9]{3,6}$", "foo"})
    EXPECT_TRUE(EnforceableSchema(Parsed(pattern(text)), false).ok()) << text;
  std::string properties;
  for (int i = 0; i < 20; ++i) properties += Cat(i > 0 ? "," : "", "\"p", i, "\":", pattern(Cat("x", i)));
  EXPECT_THAT(Refused(Cat("{\"properties\":{", properties, "}}")).message, HasSubstr("all patterns together"));
  std::string values;
  for (int i = 0; i < 900; ++i) values += Cat(i > 0 ? "," : "", "\"", i, "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvv\"");
  EXPECT_THAT(Refused(Cat("{\"enum\":[", values, "]}")).message, HasSubstr("values of enums"));
}

TEST(SchemaGate, HasLimits) {
  const auto refuses = [](const std::string& schema, const char* why) {
    const auto start = std::chrono::steady_clock::now();
    const Error error = Refused(schema);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_THAT(error.message, HasSubstr(why));
    EXPECT_EQ(error.code, Code::kUnsupported);
    EXPECT_LT(seconds, 5);  // some milliseconds; sanitizers and neighbours take their time
  };
  refuses(R"({"title":")" + std::string(70000, 'x') + R"("})", "bytes");
  refuses(Repeated(R"({"items":)", 40) + "{}" + std::string(40, '}'), "deep");
  refuses(R"({"enum":[)" + Repeated("1", 1001, ",") + "]}", "1000");
  refuses(R"({"anyOf":[)" + Repeated(R"({"enum":[1,2,3,4,5,6,7,8,9,10]})", 100, ",") + "]}", "alternatives");
  refuses(R"({"type":"string","maxLength":10001})", "#/maxLength");
  refuses(R"({"type":"array","minItems":10001})", "#/minItems");
  refuses(R"({"type":"string","pattern":")" + std::string(1001, 'a') + "\"}", "1001");
  refuses(R"({"type":"string","pattern":"a{10001}"})", "repeats");
  refuses(R"({"type":"string","pattern":"(a{200}){200}"})", "repeats");
  // References that multiply.
  std::string doubling = R"({"allOf":[{"$ref":"#/$defs/a0"}],"$defs":{"a14":{"type":"null"})";
  for (int i = 0; i < 14; ++i) {
    const std::string next = R"({"$ref":"#/$defs/a)" + std::to_string(i + 1) + "\"}";
    doubling += ",\"a" + std::to_string(i) + R"(":{"allOf":[)" + next + "," + next + "]}";
  }
  refuses(doubling + "}}", "schemas in all");
  // Choices that multiply.
  const std::string choice = R"({"anyOf":[)" + Repeated(R"({"type":"object","properties":{"a":{}}})", 30, ",") + "]}";
  refuses(R"({"allOf":[)" + Repeated(choice, 4, ",") + "]}", "in all");
}

TEST(WholePattern, IsAnchored) {
  const auto made = [](const char* pattern) {
    auto whole = WholePattern(pattern);
    return whole.ok() ? whole.value() : whole.error().message;
  };
  EXPECT_EQ(made("^abc$"), "abc");
  EXPECT_EQ(made("^a|b$").substr(0, 2), "a[");
  EXPECT_THAT(made("b$"), ::testing::EndsWith("*b"));
  EXPECT_EQ(made("^[a-c]{2,}?$"), "[a-c]{2,}");
  EXPECT_EQ(made("^(?:x|y)+$"), "(x|y)+");
  EXPECT_EQ(made("^(?<year>\\d{4})$"), "([0-9]{4})");
  EXPECT_EQ(made("^\\.\\u0041\\x42$"), "\\u002eAB");
  EXPECT_EQ(made("^[\\^]$"), "\\u005e");
  EXPECT_EQ(made("^[\\^_]$"), "[\\u005f\\u005e]");
}

}  // namespace
}  // namespace thimble
