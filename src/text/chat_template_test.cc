// SPDX-License-Identifier: Apache-2.0
// All fixture conversations through both templates, and where the pieces are cut.
#include "text/chat_template.h"

#include "sys/byte_source.h"

#include <gtest/gtest.h>

#include <string>

namespace thimble {
namespace {

std::string ReadText(const std::string& path) {
  const auto bytes = ReadFile(path, 1 << 24);
  EXPECT_TRUE(bytes.ok()) << path;
  return {reinterpret_cast<const char*>(bytes.value().data()), bytes.value().size()};
}
std::string Fixture(const std::string& name) { return std::string(THIMBLE_FIXTURES_DIR) + "/chat/" + name; }

TEST(ChatTemplate, RendersEveryFixtureConversationByteForByte) {
  const auto cases = Json::Parse(ReadText(Fixture("cases.json")), "cases.json");
  ASSERT_TRUE(cases.ok());
  int checked = 0;
  for (const Json& item : cases.value().items()) {
    SCOPED_TRACE(item.Find("name")->text());
    const auto chat = ParseChat(item, ArgumentStrings::kKeep);
    for (const auto& [variant, key] :
         {std::pair{TemplateVariant::kSmall, "0.8b_2b"}, std::pair{TemplateVariant::kLarge, "4b_9b"}}) {
      ASSERT_TRUE(chat.ok()) << chat.error().message;
      const auto rendered = RenderChat(variant, chat.value());
      ++checked;
      if (const Json* wanted = item.Find("rendered"); wanted != nullptr) {
        ASSERT_TRUE(rendered.ok()) << rendered.error().message;
        EXPECT_EQ(rendered.value().Text(), wanted->Find(key)->text());
      } else {
        ASSERT_FALSE(rendered.ok());
        EXPECT_EQ(rendered.error().message, item.Find("error")->Find(key)->Find("message")->text());
        EXPECT_EQ(rendered.error().code, Code::kInvalid);
      }
    }
  }
  EXPECT_EQ(checked, 180);
}

TEST(ChatTemplate, TemplatesAreChosenByTheirText) {
  const std::string small = ReadText(Fixture("chat_template_0.8b_2b.jinja"));
  const std::string large = ReadText(Fixture("chat_template_4b_9b.jinja"));
  EXPECT_EQ(ChooseTemplate(small).variant, TemplateVariant::kSmall);
  EXPECT_TRUE(ChooseTemplate(small).is_known);
  EXPECT_EQ(ChooseTemplate(large).variant, TemplateVariant::kLarge);
  EXPECT_TRUE(ChooseTemplate(large).is_known);
  EXPECT_EQ(ChooseTemplate(small + " ").variant, TemplateVariant::kSmall);
  EXPECT_EQ(ChooseTemplate(large + " ").variant, TemplateVariant::kLarge);
  EXPECT_FALSE(ChooseTemplate(large + " ").warning.empty());
  EXPECT_FALSE(ChooseTemplate("").is_known);
  // Line ends make no difference.
  EXPECT_TRUE(ChooseTemplate(small + "\n").is_known);
  std::string from_windows;
  for (const char c : large) from_windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_TRUE(ChooseTemplate(from_windows).is_known);
  EXPECT_EQ(ChooseTemplate(from_windows).variant, TemplateVariant::kLarge);
}

TEST(ChatTemplate, AnUnknownTemplateIsTheOneThatThinksAsItDoes) {
  constexpr const char* kOn = "{{- '<think>\\n' }}";
  constexpr const char* kOff = "{{- '<think>\\n\\n</think>\\n\\n' }}";
  struct Case {
    const char* condition;  // of enable_thinking
    const char* first;      // printed when it holds
    const char* second;     // and when it does not; nullptr: there is no else
    TemplateVariant wanted;
  };
  constexpr TemplateVariant kSmall = TemplateVariant::kSmall;
  constexpr TemplateVariant kLarge = TemplateVariant::kLarge;
  const Case cases[] = {
      {"enable_thinking is defined and enable_thinking is true", kOn, kOff, kSmall},
      {"enable_thinking is defined and enable_thinking is false", kOff, kOn, kLarge},
      {"enable_thinking is defined and enable_thinking", kOn, kOff, kSmall},
      {"enable_thinking", kOn, kOff, kSmall},
      {"not enable_thinking", kOff, kOn, kSmall},
      {"enable_thinking is defined and not enable_thinking", kOff, kOn, kLarge},
      {"enable_thinking == false", kOff, kOn, kLarge},
      {"enable_thinking is not defined or enable_thinking", kOn, kOff, kLarge},
      {"enable_thinking | default(true)", kOn, kOff, kLarge},
      {"enable_thinking|default(false)", kOn, kOff, kSmall},
      {"not enable_thinking | default(true)", kOff, kOn, kLarge},
      {"enable_thinking is defined and enable_thinking is false", kOff, nullptr, kLarge},  // Qwen 3's
      {"enable_thinking is defined and enable_thinking is true", kOn, nullptr, kSmall},
  };
  for (const Case& c : cases) {
    std::string text =
        "{% for m in messages %}<think></think>{% endfor %}{%- if add_generation_prompt %}<|im_start|>assistant\n";
    text += std::string("{%- if ") + c.condition + " %}" + c.first;
    if (c.second != nullptr) text += std::string("{%- else %}") + c.second;
    text += "{%- endif %}{%- endif %}";
    EXPECT_EQ(ChooseTemplate(text).variant, c.wanted) << text;
    EXPECT_FALSE(ChooseTemplate(text).is_known);
  }
  const std::string set =
      "{%- set enable_thinking = enable_thinking | default(true) %}{%- if add_generation_prompt %}{%- if "
      "enable_thinking "
      "%}<think>\n{%- else %}<think>\n\n</think>{%- endif %}{%- endif %}";
  EXPECT_EQ(ChooseTemplate(set).variant, kLarge);
  EXPECT_EQ(ChooseTemplate("{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}").variant,
            kLarge);
  EXPECT_EQ(ChooseTemplate("{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}").variant, kSmall);
  EXPECT_EQ(ChooseTemplate("{{ foo }}").variant, kSmall);
}

TEST(ChatTemplate, PiecesAreCutAtPicturesAndTheBoundaryIsTheGenerationPrompt) {
  Chat chat;
  Message message{
      "user",
      {{Part::Kind::kText, "  Look: ", ""}, {Part::Kind::kImage, "", "a.png"}, {Part::Kind::kText, " well? ", ""}},
      false,
      {},
      {}};
  chat.messages.push_back(message);
  const auto rendered = RenderChat(TemplateVariant::kSmall, chat);
  ASSERT_TRUE(rendered.ok());
  const auto& pieces = rendered.value().pieces;
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[0].text, "<|im_start|>user\nLook: <|vision_start|>");
  EXPECT_EQ(pieces[1].kind, PromptPiece::Kind::kImage);
  EXPECT_EQ(pieces[1].part_index, 0);
  EXPECT_EQ(rendered.value().generation_prompt_piece, 2U);
  EXPECT_EQ(pieces[2].text.substr(0, rendered.value().generation_prompt_offset), "<|vision_end|> well?<|im_end|>\n");
  EXPECT_FALSE(rendered.value().ends_in_thinking);
}

TEST(Chat, ParsesWhatClientsSendAndSaysWhatIsWrong) {
  const auto parse = [](const char* text) {
    return ParseChat(Json::Parse(text, "test").value(), ArgumentStrings::kParse);
  };
  const auto chat = parse(
      R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}},{"type":"text","text":"hi"}]},
      {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}}]}])");
  ASSERT_TRUE(chat.ok()) << chat.error().message;
  EXPECT_EQ(chat.value().messages[0].content[0].source, "data:x");
  EXPECT_EQ(chat.value().messages[1].tool_calls[0].arguments.Find("a")->AsInt(), 1);
  EXPECT_FALSE(parse("{}").ok());
  // A generation prompt has to be asked for, unless the list is all there is.
  EXPECT_TRUE(parse("[]").value().options.add_generation_prompt);
  for (const char* object :
       {R"({"messages": []})", R"({"messages": [], "options": {}})", R"({"messages": [], "options": null})"})
    EXPECT_FALSE(parse(object).value().options.add_generation_prompt) << object;
  EXPECT_TRUE(
      parse(R"({"messages": [], "options": {"add_generation_prompt": true}})").value().options.add_generation_prompt);
  EXPECT_FALSE(parse("[5]").ok());
  EXPECT_FALSE(parse(R"([{"content":"x"}])").ok());
  const auto again = ParseChat(MessagesToJson(chat.value().messages), ArgumentStrings::kKeep);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(MessagesToJson(again.value().messages).Dump(), MessagesToJson(chat.value().messages).Dump());
}

}  // namespace
}  // namespace thimble
