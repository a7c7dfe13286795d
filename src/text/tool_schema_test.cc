// SPDX-License-Identifier: Apache-2.0
#include "text/tool_schema.h"

#include "base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace thimble {
namespace {

Json Read(const std::string& text) { return Json::Parse(text, "test").value(); }

// `text` as a parameter "p" of this schema; "definitions" go beside it.
std::string Typed(const std::string& schema, const std::string& text, const std::string& definitions = "") {
  const Json parameters = Read(Cat(R"({"type": "object", "properties": {"p": )", schema, "}", definitions, "}"));
  return ParameterSchemas(&parameters).Typed("p", text).Dump();
}

TEST(ToolSchema, TypesAreReadWhereverTheyStand) {
  const std::string string_or_null = R"({"anyOf": [{"type": "string"}, {"type": "null"}]})";
  EXPECT_EQ(Typed(string_or_null, "123"), "\"123\"");
  EXPECT_EQ(Typed(string_or_null, "true"), "\"true\"");
  EXPECT_EQ(Typed(string_or_null, "[1]"), "\"[1]\"");
  EXPECT_EQ(Typed(string_or_null, "null"), "null");
  EXPECT_EQ(Typed(string_or_null, "None"), "null");
  EXPECT_EQ(Typed(R"({"type": ["string", "null"]})", "123"), "\"123\"");
  EXPECT_EQ(Typed(R"({"type": "string", "nullable": true})", "null"), "null");
  EXPECT_EQ(Typed(R"({"type": "string"})", "null"), "\"null\"");
  EXPECT_EQ(Typed(R"({"type": "string"})", "{\"a\": 1}"), "\"{\\\"a\\\": 1}\"");
  EXPECT_EQ(Typed(R"({"oneOf": [{"type": "integer"}, {"type": "null"}]})", "12"), "12");
  EXPECT_EQ(Typed(R"({"allOf": [{"type": ["string", "integer"]}, {"type": "string"}]})", "12"), "\"12\"");
  EXPECT_EQ(Typed(R"({"description": "d", "allOf": [{"$ref": "#/$defs/S"}]})", "12",
                  R"(, "$defs": {"S": {"type": "string"}})"),
            "\"12\"");
  EXPECT_EQ(Typed(R"({"$ref": "#/definitions/a~1b%20c"})", "12", R"(, "definitions": {"a/b c": {"type": "string"}})"),
            "\"12\"");
  EXPECT_EQ(Typed(R"({"anyOf": [{"$ref": "#/$defs/L/0"}, {"type": "null"}]})", "12",
                  R"(, "$defs": {"L": [{"type": "string"}]})"),
            "\"12\"");
  EXPECT_EQ(Typed(R"({"type": "STRING"})", "12"), "\"12\"");
  EXPECT_EQ(Typed(R"({"type": "str"})", "12"), "\"12\"");
  EXPECT_EQ(Typed(R"({"pattern": "^[0-9]+$"})", "12"), "\"12\"");
  EXPECT_EQ(Typed(R"({"items": {"type": "string"}})", "[\"a\"]"), "[\"a\"]");
}

// A JSON value as a parameter of this schema.
std::string Converted(const std::string& schema, const std::string& value) {
  const Json parameters = Read(Cat(R"({"properties": {"p": )", schema, "}}"));
  return ParameterSchemas(&parameters).Converted("p", Read(value)).Dump();
}

TEST(ToolSchema, ValuesInJsonAreConvertedWhereTheyMust) {
  EXPECT_EQ(Converted(R"({"type": "string"})", "123"), "\"123\"");
  EXPECT_EQ(Converted(R"({"type": "string"})", "12345678901234567890.10"), "\"12345678901234567890.10\"");
  EXPECT_EQ(Converted(R"({"type": "string"})", "false"), "\"false\"");
  EXPECT_EQ(Converted(R"({"type": "string"})", "[1]"), "[1]");
  EXPECT_EQ(Converted(R"({"type": "string"})", "null"), "null");
  EXPECT_EQ(Converted(R"({"type": ["string", "null"]})", "\"null\""), "\"null\"");
  EXPECT_EQ(Converted(R"({"type": ["string", "integer"]})", "\"5\""), "\"5\"");
  EXPECT_EQ(Converted(R"({"type": "integer"})", "\"5\""), "5");
  EXPECT_EQ(Converted(R"({"type": "integer"})", "5.0"), "5");
  EXPECT_EQ(Converted(R"({"type": "integer"})", "5.5"), "5.5");
  EXPECT_EQ(Converted(R"({"type": "integer"})", "true"), "true");
  EXPECT_EQ(Converted(R"({"type": "number"})", "5.0"), "5.0");
  EXPECT_EQ(Converted(R"({"type": "boolean"})", "\"True\""), "true");
  EXPECT_EQ(Converted(R"({"type": "boolean"})", "1"), "1");
  EXPECT_EQ(Converted(R"({"type": "array"})", "\"[1, \\\"2\\\"]\""), "[1,\"2\"]");
  EXPECT_EQ(Converted(R"({"type": "array", "items": {"type": "integer"}})", "[\"1\"]"), "[\"1\"]");
  EXPECT_EQ(Converted(R"({"anyOf": [{"type": "integer"}, {"type": "null"}]})", "\"5\""), "5");
  EXPECT_EQ(Converted(R"({"enum": ["1", "2"]})", "1"), "\"1\"");
  EXPECT_EQ(Converted(R"({"enum": ["1", "2"]})", "3"), "3");
  EXPECT_EQ(Converted(R"({"enum": [1, 2]})", "\"2\""), "2");
  EXPECT_EQ(Converted("{}", "\"5\""), "\"5\"");
  EXPECT_EQ(ParameterSchemas(nullptr).Converted("p", Read("\"5\"")).Dump(), "\"5\"");
}

TEST(ToolSchema, WhatFitsATypeOtherThanText) {
  const auto fits = [](const std::string& schema, const std::string& text) {
    const Json parameters = Read(Cat(R"({"properties": {"p": )", schema, "}}"));
    return ParameterSchemas(&parameters).Fits("p", text);
  };
  EXPECT_TRUE(fits(R"({"type": "integer"})", "\n7\n"));
  EXPECT_TRUE(fits(R"({"type": ["string", "integer"]})", "7"));
  EXPECT_TRUE(fits(R"({"enum": ["a", "b"]})", "b"));
  EXPECT_TRUE(fits(R"({"type": "object"})", "{\"a\": 1}"));
  EXPECT_FALSE(fits(R"({"type": "integer"})", "7 or so"));
  EXPECT_FALSE(fits(R"({"type": "integer"})", ""));
  EXPECT_FALSE(fits(R"({"type": "string"})", "7"));
  EXPECT_FALSE(fits(R"({"enum": ["a", "b"]})", "c"));
  EXPECT_FALSE(fits("{}", "7"));
  EXPECT_FALSE(ParameterSchemas(nullptr).Fits("p", "7"));
}

TEST(ToolSchema, ValuesOfEnumsAndConstants) {
  EXPECT_EQ(Typed(R"({"enum": ["1", "2"]})", "1"), "\"1\"");
  EXPECT_EQ(Typed(R"({"enum": [1, 2]})", "1"), "1");
  EXPECT_EQ(Typed(R"({"type": "string", "enum": ["007", "42"]})", "007"), "\"007\"");
  EXPECT_EQ(Typed(R"({"enum": ["null", "x"]})", "null"), "\"null\"");
  EXPECT_EQ(Typed(R"({"enum": ["x", null]})", "null"), "null");
  EXPECT_EQ(Typed(R"({"enum": ["Mon", "Tue"]})", " \"Mon\" "), "\"Mon\"");
  EXPECT_EQ(Typed(R"({"enum": [true, "auto"]})", "True"), "true");
  EXPECT_EQ(Typed(R"({"const": "1"})", "1"), "\"1\"");
  EXPECT_EQ(Typed(R"({"const": 1.5})", "1.50"), "1.5");
  EXPECT_EQ(Typed(R"({"anyOf": [{"const": "1"}, {"type": "integer"}]})", "1"), "\"1\"");
  EXPECT_EQ(Typed(R"({"anyOf": [{"const": "1"}, {"type": "integer"}]})", "2"), "2");
  EXPECT_EQ(Typed(R"({"enum": ["a", "b"]})", "c"), "\"c\"");
  EXPECT_EQ(Typed(R"({"enum": [9007199254740993]})", "9007199254740992"), "9007199254740992");
}

TEST(ToolSchema, NumbersBooleansAndNull) {
  EXPECT_EQ(Typed(R"({"type": "integer"})", "5.0"), "5");
  EXPECT_EQ(Typed(R"({"type": "integer"})", " 5\n"), "5");
  EXPECT_EQ(Typed(R"({"type": "integer"})", "5.5"), "\"5.5\"");
  EXPECT_EQ(Typed(R"({"type": "integer"})", "\"5\""), "5");
  EXPECT_EQ(Typed(R"({"type": "integer"})", "five"), "\"five\"");
  EXPECT_EQ(Typed(R"({"type": "number"})", "5.0"), "5.0");
  EXPECT_EQ(Typed(R"({"type": "number"})", "5"), "5");
  EXPECT_EQ(Typed(R"({"type": "integer"})", "123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_EQ(Typed(R"({"type": "number"})", "0.1000000000000000000001"), "0.1000000000000000000001");
  EXPECT_EQ(Typed("{}", "18446744073709551617"), "18446744073709551617");
  for (const char* text : {"true", "True", "TRUE", " true "}) EXPECT_EQ(Typed(R"({"type": "boolean"})", text), "true");
  EXPECT_EQ(Typed(R"({"type": "boolean"})", "yes"), "\"yes\"");
  for (const char* text : {"null", "None", "NULL"}) EXPECT_EQ(Typed(R"({"type": ["number", "null"]})", text), "null");
  EXPECT_EQ(Typed(R"({"type": ["string", "null"]})", "none"), "\"none\"");
  EXPECT_EQ(Typed(R"({"type": "object"})", R"({"a": [1, {"b": null}]})"), R"({"a":[1,{"b":null}]})");
  EXPECT_EQ(Typed("true", "[1"), "\"[1\"");
  EXPECT_EQ(Typed("{}", "12"), "12");
  EXPECT_EQ(Typed("{}", "\"12\""), R"("\"12\"")");
}

TEST(ToolSchema, ParametersOfReferencesAndOthers) {
  const Json parameters = Read(R"({"$ref": "#/$defs/Args", "$defs": {"Args": {"allOf": [{"properties": {
      "s": {"type": "string"}}, "required": ["s"]}]}}, "additionalProperties": {"type": "string"}})");
  const ParameterSchemas schemas(&parameters);
  EXPECT_TRUE(schemas.Declares("s"));
  EXPECT_TRUE(schemas.Requires("s"));
  EXPECT_FALSE(schemas.Declares("other"));
  EXPECT_EQ(schemas.Typed("s", "1").Dump(), "\"1\"");
  EXPECT_EQ(schemas.Typed("other", "1").Dump(), "\"1\"");
  EXPECT_FALSE(schemas.is_closed());
  const Json closed = Read(R"({"properties": {"s": {"type": "integer"}}, "additionalProperties": false})");
  EXPECT_TRUE(ParameterSchemas(&closed).is_closed());
  EXPECT_FALSE(ParameterSchemas(&closed).AdmitsText("s"));
  EXPECT_TRUE(ParameterSchemas(nullptr).AdmitsText("s"));
  const Json listed = Read(R"({"properties": {"s": {"type": "string", "enum": ["a"]}}})");
  EXPECT_FALSE(ParameterSchemas(&listed).AdmitsText("s"));
  EXPECT_EQ(ParameterSchemas(nullptr).Typed("s", "1").Dump(), "1");
}

TEST(ToolSchema, CirclesAndManyBranchesEnd) {
  EXPECT_EQ(Typed(R"({"$ref": "#/properties/p"})", "12"), "12");
  EXPECT_EQ(Typed(R"({"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}, {"type": "string"}]})", "12",
                  R"(, "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}, {"$ref": "#"}]}})"),
            "12");
  EXPECT_EQ(Typed(R"({"$ref": "http://example.com/schema"})", "12"), "12");
  EXPECT_EQ(Typed(R"({"$ref": "#/nowhere"})", "12"), "12");
  EXPECT_EQ(Typed(R"({"type": 5, "enum": 7, "anyOf": "x", "allOf": {}})", "12"), "12");
}

TEST(ToolSchema, FormsOfTools) {
  const std::string schema = R"({"properties": {"p": {"type": "string"}}})";
  const std::vector<std::string> forms = {
      Cat(R"({"type": "function", "function": {"name": "f", "parameters": )", schema, "}}"),
      Cat(R"({"type": "function", "name": "f", "parameters": )", schema, "}"),
      Cat(R"({"name": "f", "description": "d", "input_schema": )", schema, "}"),
      Cat(R"({"name": "f", "title": "F", "inputSchema": )", schema, "}")};
  for (const std::string& form : forms) {
    const std::vector<Json> tools = {Read("3"), Read(R"({"name": 7})"), Read(form)};
    const Json* tool = FindTool(tools, "f");
    ASSERT_NE(tool, nullptr) << form;
    ASSERT_NE(ParametersOf(*tool), nullptr) << form;
    EXPECT_EQ(ParameterSchemas(ParametersOf(*tool)).Typed("p", "1").Dump(), "\"1\"") << form;
    EXPECT_EQ(FindTool(tools, "g"), nullptr);
  }
}

TEST(ToolSchema, ToolsOfOtherServicesTakeTheFormThatModelsKnow) {
  const std::vector<Json> tools =
      NormaliseTools({Read(R"({"name": "f", "description": "d", "input_schema": {"type": "object"},
                                "cache_control": {"type": "ephemeral"}})"),
                      Read(R"({"inputSchema": {}, "title": "G", "name": "g"})"),
                      Read(R"({"type": "function", "function": {"name": "h", "parameters": {}, "strict": true}})"),
                      Read(R"({"type": "web_search_20250305", "name": "web_search"})"), Read("\"x\""),
                      Read(R"({"type": "function", "name": "k", "parameters": {}, "strict": true})")});
  ASSERT_EQ(tools.size(), 6U);
  EXPECT_EQ(tools[5].Dump(), R"({"type":"function","function":{"name":"k","parameters":{}}})");
  EXPECT_EQ(tools[0].Dump(),
            R"({"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}})");
  EXPECT_EQ(tools[1].Dump(), R"({"type":"function","function":{"name":"g","parameters":{}}})");
  EXPECT_EQ(tools[2].Dump(), R"({"type":"function","function":{"name":"h","parameters":{},"strict":true}})");
  EXPECT_EQ(tools[3].Dump(), R"({"type":"web_search_20250305","name":"web_search"})");
  EXPECT_EQ(tools[4].Dump(), "\"x\"");
}

}  // namespace
}  // namespace thimble
