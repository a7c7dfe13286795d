// SPDX-License-Identifier: Apache-2.0
// Which of the published templates a template's text stands for.
#include "base/sha256.h"
#include "base/text.h"
#include "text/chat_template.h"

#include <optional>

namespace thimble {

namespace {

constexpr std::string_view kSmallHash = "273d8e0e683b885071fb17e08d71e5f2a5ddfb5309756181681de4f5a1822d80";
constexpr std::string_view kLargeHash = "a4aee8afcf2e0711942cf848899be66016f8d14a889ff9ede07bca099c28f715";

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// What Jinja makes no difference between: line ends, and one at the end of the file.
std::string PlainLines(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    plain.push_back(text[i]);
  }
  if (plain.ends_with('\n')) plain.pop_back();
  return plain;
}

// A statement without spaces, so that spellings do not matter.
std::string Dense(std::string_view text) {
  std::string dense;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\n') dense.push_back(c);
  }
  return dense;
}

// The value of `default(true)` or `default(false)`, if the statement has one.
std::optional<bool> DefaultIn(std::string_view dense) {
  if (Has(dense, "default(true") || Has(dense, "default(True")) return true;
  if (Has(dense, "default(false") || Has(dense, "default(False")) return false;
  return std::nullopt;
}

// Whether the branch behind "if <condition>" is taken when nobody sets enable_thinking; `value` is what the template
// itself sets it to.
bool IsTakenByDefault(std::string_view dense, std::optional<bool> value) {
  if (!value.has_value()) value = DefaultIn(dense);
  const bool asks_for_false = Has(dense, "isfalse") || Has(dense, "==false") || Has(dense, "isnottrue");
  const bool is_negated = Has(dense, "notenable_thinking") || Has(dense, "not(enable_thinking");
  if (value.has_value()) return asks_for_false || is_negated ? !*value : *value;
  if (Has(dense, "isnotdefined") || Has(dense, "isundefined") || Has(dense, "isnottrue")) return true;
  return is_negated && !Has(dense, "isdefined");
}

// Whether the reply is to begin inside <think> when nobody says anything about thinking: what the template prints at
// its end then. A tail without any such tag leaves thinking to the model, or knows none.
bool ThinksByDefault(std::string_view text) {
  const std::size_t prompt = text.rfind("add_generation_prompt");
  const std::string_view tail = prompt == std::string_view::npos ? text : text.substr(prompt);
  const auto opens = [](std::string_view branch) { return Has(branch, "<think>") && !Has(branch, "</think>"); };
  const std::size_t mention = tail.find("enable_thinking");
  const std::size_t begin = mention == std::string_view::npos ? mention : tail.rfind("{%", mention);
  const std::size_t end = begin == std::string_view::npos ? begin : tail.find("%}", mention);
  if (end == std::string_view::npos) return opens(tail);
  const std::string condition = Dense(tail.substr(begin, end - begin));

  std::optional<bool> value;
  if (const std::size_t set = text.find("set enable_thinking"); set != std::string_view::npos)
    value = DefaultIn(Dense(text.substr(set, text.find("%}", set) - set)));

  const std::string_view branches = tail.substr(end + 2);
  std::size_t other = branches.find("else");
  if (const std::size_t last = branches.find("endif"); last < other) other = std::string_view::npos;
  const std::string_view first = branches.substr(0, other == std::string_view::npos ? branches.find("endif") : other);
  const std::string_view second = other == std::string_view::npos ? "" : branches.substr(other);
  const bool is_first = IsTakenByDefault(condition, value);
  const std::string_view taken = is_first ? first : second;
  if (Has(taken, "think>")) return opens(taken);
  // Nothing is printed here: the opposite of what the other branch is for.
  return Has(is_first ? second : first, "</think>");
}

}  // namespace

TemplateChoice ChooseTemplate(std::string_view template_text) {
  TemplateChoice choice;
  if (template_text.empty()) {
    choice.is_known = false;
    choice.warning = "the model brings no chat template: the one of Qwen 3.5 0.8B and 2B is used";
    return choice;
  }
  const std::string plain = PlainLines(template_text);
  const std::string hash = Sha256Of(plain);
  if (hash == kSmallHash) return choice;
  choice.variant = TemplateVariant::kLarge;
  if (hash == kLargeHash) return choice;
  // An edited template: what decides is whether thinking has to be switched on or off.
  if (!ThinksByDefault(plain)) choice.variant = TemplateVariant::kSmall;
  choice.is_known = false;
  choice.warning = Cat("the model's chat template is not one we know (SHA-256 ", Sha256Of(template_text).substr(0, 12),
                       "...): ", TemplateName(choice.variant), " is used instead");
  return choice;
}

std::string_view TemplateName(TemplateVariant variant) {
  return variant == TemplateVariant::kSmall ? "qwen3.5 (0.8B/2B)" : "qwen3.5 (4B/9B)";
}

}  // namespace thimble
