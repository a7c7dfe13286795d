// SPDX-License-Identifier: Apache-2.0
#include "text/tool_call_syntax.h"

namespace thimble {

namespace {

constexpr std::string_view kFunction = "<function=";
constexpr std::string_view kFunctionClose = "</function>";
constexpr std::string_view kParameter = "<parameter=";
constexpr std::string_view kParameterClose = "</parameter>";

std::string_view SkipSpace(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

// The schema of a function's parameter; nullptr when no tool describes it.
const Json* SchemaOf(const std::vector<Json>& tools, std::string_view function, std::string_view parameter) {
  for (const Json& tool : tools) {
    const Json* inner = tool.Find("function");
    const Json& from = inner != nullptr && inner->IsObject() ? *inner : tool;
    const Json* name = from.Find("name");
    if (name == nullptr || name->text() != function) continue;
    const Json* parameters = from.Find("parameters");
    const Json* properties = parameters != nullptr ? parameters->Find("properties") : nullptr;
    return properties != nullptr ? properties->Find(parameter) : nullptr;
  }
  return nullptr;
}

bool Fits(std::string_view type, const Json& value) {
  if (type == "integer") return value.AsInt().has_value();
  if (type == "number") return value.IsNumber();
  if (type == "boolean") return value.kind() == Json::Kind::kBool;
  if (type == "array") return value.IsArray();
  if (type == "object") return value.IsObject();
  return type == "null" && value.IsNull();
}

// `text` as JSON, Python's spellings of the constants included.
std::optional<Json> ReadJson(std::string_view text) {
  if (text == "True") return Json::Bool(true);
  if (text == "False") return Json::Bool(false);
  if (text == "None") return Json();
  auto parsed = Json::Parse(text, "argument");
  if (!parsed.ok()) return std::nullopt;
  return std::move(parsed).value();
}

Json Typed(std::string_view text, const Json* schema) {
  std::vector<std::string> types;
  if (const Json* type = schema != nullptr ? schema->Find("type") : nullptr; type != nullptr) {
    if (type->IsString()) types.push_back(type->text());
    for (const Json& item : type->items()) types.push_back(item.text());
  }
  if (types.size() == 1 && types[0] == "string") return Json::String(std::string(text));
  const auto value = ReadJson(text);
  if (!value.has_value()) return Json::String(std::string(text));
  if (types.empty()) return value->IsString() ? Json::String(std::string(text)) : *value;
  for (const std::string& type : types) {
    if (Fits(type, *value)) return *value;
  }
  return Json::String(std::string(text));
}

}  // namespace

std::optional<FunctionHeader> ReadFunctionHeader(std::string_view body) {
  const std::string_view text = SkipSpace(body);
  if (!text.starts_with(kFunction)) return std::nullopt;
  const std::size_t end = text.find('>');
  if (end == std::string_view::npos || end == kFunction.size()) return std::nullopt;
  const std::string_view name = text.substr(kFunction.size(), end - kFunction.size());
  if (name.find_first_of(" \t\r\n<") != std::string_view::npos) return std::nullopt;
  return FunctionHeader{std::string(name), body.size() - text.size() + end + 1};
}

std::optional<ToolCall> ParseToolCall(std::string_view body, const std::vector<Json>& tools) {
  const auto header = ReadFunctionHeader(body);
  if (!header.has_value()) return std::nullopt;
  ToolCall call;
  call.name = header->name;
  std::string_view rest = SkipSpace(body.substr(header->length));
  while (rest.starts_with(kParameter)) {
    const std::size_t key_end = rest.find('>');
    if (key_end == std::string_view::npos || key_end == kParameter.size()) return std::nullopt;
    const std::string_view key = rest.substr(kParameter.size(), key_end - kParameter.size());
    rest.remove_prefix(key_end + 1);
    const std::size_t close = rest.find(kParameterClose);
    if (close == std::string_view::npos) return std::nullopt;
    std::string_view value = rest.substr(0, close);
    // One newline on either side belongs to the form.
    if (value.starts_with('\n')) value.remove_prefix(1);
    if (value.ends_with('\n')) value.remove_suffix(1);
    call.arguments.Set(key, Typed(value, SchemaOf(tools, call.name, key)));
    rest = SkipSpace(rest.substr(close + kParameterClose.size()));
  }
  if (!rest.starts_with(kFunctionClose)) return std::nullopt;
  if (!SkipSpace(rest.substr(kFunctionClose.size())).empty()) return std::nullopt;
  return call;
}

}  // namespace thimble
