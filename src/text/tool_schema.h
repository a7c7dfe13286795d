// SPDX-License-Identifier: Apache-2.0
// Tools as clients describe them, and the types that their JSON schemas give to arguments that a model wrote as text.
// Read are OpenAI's form ({"type": "function", "function": {"name", "parameters"}}, also without the wrapper),
// Anthropic's ({"name", "input_schema"}) and MCP's ({"name", "inputSchema"}).
#pragma once

#include "files/json.h"

#include <string_view>
#include <vector>

namespace thimble {

// The tool of this name; nullptr when none is declared.
const Json* FindTool(const std::vector<Json>& tools, std::string_view name);
// The schema of all parameters of a tool; nullptr when it has none.
const Json* ParametersOf(const Json& tool);

// One function's parameters, all of which may be unknown (nullptr): everything is admitted then.
class ParameterSchemas {
 public:
  // `parameters` must outlive this.
  explicit ParameterSchemas(const Json* parameters) : root_(parameters) {}

  // Whether the schema lists this parameter itself (not only by "additionalProperties").
  [[nodiscard]] bool Declares(std::string_view name) const;
  // Whether a call without this parameter is none.
  [[nodiscard]] bool Requires(std::string_view name) const;
  // Whether these arguments, an object, have every parameter that a call must have.
  [[nodiscard]] bool AreEnough(const Json& arguments) const;
  // Whether the schema says that there are no parameters but the ones it lists.
  [[nodiscard]] bool is_closed() const;
  // Whether any text may be this parameter's value.
  [[nodiscard]] bool AdmitsText(std::string_view name) const;
  // The value that `text`, as the model wrote it, stands for: of the type that the schema gives (type, enum, const,
  // anyOf, oneOf, allOf, nullable, local $ref), else guessed as JSON. Text that fits no type stays a string; integers
  // keep all their digits.
  [[nodiscard]] Json Typed(std::string_view name, std::string_view text) const;
  // Whether `text`, as the model wrote it, is a value of the types other than text that the schema gives, one of an
  // enum's among them.
  [[nodiscard]] bool Fits(std::string_view name, std::string_view text) const;
  // A value that the model wrote as JSON, of the type that the schema gives: 123 is "123" for a string, "5" is 5 for an
  // integer. What the schema admits stays as it is, and so does what cannot be converted.
  [[nodiscard]] Json Converted(std::string_view name, const Json& value) const;

 private:
  // The schema of a parameter, listed or not; nullptr when there is none.
  [[nodiscard]] const Json* SchemaOf(std::string_view name) const;

  const Json* root_;
};

// Tools in Anthropic's and MCP's form become OpenAI's, the form that models were trained on; others stay as they are.
std::vector<Json> NormaliseTools(std::vector<Json> tools);

}  // namespace thimble
