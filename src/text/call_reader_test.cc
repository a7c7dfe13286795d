// SPDX-License-Identifier: Apache-2.0
// Calls of tools in replies as models write them: exact ones with any value, and those of small models.
#include "base/text.h"
#include "text/chat_template.h"
#include "text/reply_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

namespace thimble {
namespace {

constexpr const char* kTools = R"([
  {"type": "function", "function": {"name": "write_file", "parameters": {"type": "object", "properties": {
    "path": {"type": "string"}, "content": {"type": "string"}, "mode": {"type": "integer"}}, "required": ["path", "content"]}}},
  {"type": "function", "function": {"name": "set_alarm", "parameters": {"type": "object", "properties": {
    "hour": {"type": "integer"}, "minute": {"type": "integer"}, "label": {"type": ["string", "null"]}}}}},
  {"type": "function", "function": {"name": "now"}}])";
// Parameters that a call need not have, of every kind.
constexpr const char* kWeather =
    R"([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object",
  "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "kelvin"]}, "days": {"type": "integer"},
  "note": {"type": "string"}, "rain": {"type": "boolean"}, "hours": {"type": "array"}, "free": {},
  "height": {"type": ["string", "number"]}}, "required": ["city"]}}}])";

std::vector<Json> Tools() { return Json::Parse(kTools, "tools").value().items(); }

struct Outcome {
  std::string thinking, content, calls;
  bool operator==(const Outcome&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Outcome& o) {
  return out << "thinking: " << o.thinking << "\ncontent: " << o.content << "\ncalls: " << o.calls;
}

Outcome Read(const std::vector<std::string>& pieces, const ReplyOptions& options, ReplyEnd end = ReplyEnd::kWhole) {
  ReplyParser parser(options);
  std::vector<ReplyEvent> events;
  for (const std::string& piece : pieces) parser.Append(piece, &events);
  parser.Finish(&events, end);
  Outcome out;
  bool is_open = false;
  for (const ReplyEvent& event : events) {
    if (event.kind == ReplyEvent::Kind::kThinking) out.thinking += event.text;
    if (event.kind == ReplyEvent::Kind::kContent) out.content += event.text;
    if (event.kind == ReplyEvent::Kind::kToolCallPiece) {
      EXPECT_TRUE(is_open);
    }
    if (event.kind == ReplyEvent::Kind::kToolCallBegin) is_open = true;
    if (event.kind == ReplyEvent::Kind::kToolCallEnd) {
      EXPECT_TRUE(is_open);
      is_open = false;
      out.calls += Cat(event.call.name, event.call.arguments.Dump(), ";");
    }
  }
  return out;
}

// The reply read at once, which must be the same read in pieces of any length.
Outcome Read(const std::string& text, const ReplyOptions& options, ReplyEnd end = ReplyEnd::kWhole) {
  Outcome whole = Read(std::vector<std::string>{text}, options, end);
  for (const std::size_t step : {1U, 2U, 5U, 17U}) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += step) pieces.push_back(text.substr(at, step));
    EXPECT_EQ(Read(pieces, options, end), whole) << text << " in pieces of " << step;
  }
  return whole;
}

ReplyOptions Declared(bool starts_in_thinking = false) {
  ReplyOptions options;
  options.tools = Tools();
  options.starts_in_thinking = starts_in_thinking;
  return options;
}

// A call as the chat template writes it.
std::string Written(const std::string& name, const Json& arguments) {
  Chat chat;
  chat.messages = {{"user", {{Part::Kind::kText, "hi", ""}}, false, {}, {}},
                   {"assistant", {}, false, {}, {{name, arguments}}}};
  chat.options.add_generation_prompt = false;
  const std::string text = RenderChat(TemplateVariant::kSmall, chat).value().Text();
  const std::size_t begin = text.find("<tool_call>");
  return text.substr(begin, text.rfind("<|im_end|>") - begin);
}
Json File(const std::string& content) {
  return Json::Object({{"path", Json::String("a.txt")}, {"content", Json::String(content)}});
}

const std::string kWholeCall =
    "<tool_call>\n<function=write_file>\n<parameter=path>\nx\n</parameter>\n<parameter=content>\n1\n</parameter>\n"
    "</function>\n</tool_call>";

TEST(CallReader, AValueMayHoldAnyCallSyntax) {
  const std::vector<std::string> values = {
      "<p>one</parameter>two</p>",
      "A call ends with </parameter> and then </tool_call> in this format.\nDone.",
      "</parameter>",
      "</function>",
      "</tool_call>",
      "<tool_call>",
      "<tool_call>\n<tool_call>",
      "<function=write_file>",
      "<parameter=path>",
      "<parameter=content>\nx\n</parameter>",
      "</parameter>\n</function>",
      "see:\n</parameter>\n</function>\nthen",
      "</parameter>\n</function>\n</tool_call>\nand more",
      "</function>\n</tool_call>",
      "</parameter>\n</tool_call>",
      "</parameter>\n<parameter=content>\nagain",
      "</parameter>\n<parameter=path>\nb.txt",
      "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>",
      kWholeCall,
      "Two calls:\n" + kWholeCall + "\n" + kWholeCall + "\nend",
      "Before\n" + kWholeCall,
      Written("write_file", File("one more level: " + kWholeCall + " and on")),
      "<function=now>\n</function>",
      "<function=other>\n<parameter=a>\n1\n</parameter>\n<parameter=b>\n2\n</parameter>\n</function>",
      "<think>\nhm\n</think>",
      "\n\nlines\n\n",
      "123",
      "null",
      "[\"a\"]",
      "",
  };
  for (const std::string& value : values) {
    for (const char* around : {"", "Done."}) {
      const Outcome out = Read("I write.\n\n" + Written("write_file", File(value)) + around, Declared());
      EXPECT_EQ(out.calls, Cat("write_file", File(value).Dump(), ";"));
      EXPECT_EQ(out.content, std::string("I write.") + around) << value;
    }
    // In any place among the values, and before another call.
    Json first = File(value);
    first.Set("mode", Json::Integer(7));
    const Outcome out = Read(Written("write_file", first) + "\n" + Written("now", Json::Object()), Declared());
    EXPECT_EQ(out.calls, Cat("write_file", first.Dump(), ";now{};")) << value;
    // Nobody declared the function.
    EXPECT_EQ(Read(Written("other", File(value)), {}).calls.substr(0, 5), "other") << value;
  }
}

TEST(CallReader, ValuesOfSeveralCallsStayApartOrThereIsNoCall) {
  const std::vector<std::string> values = {"<p>one</parameter>two</p>",
                                           "ends with </parameter> and then </tool_call> in this format",
                                           "see:\n</parameter>\n</function>\nthen",
                                           "a\n" + kWholeCall + "\nb",
                                           kWholeCall,
                                           "<function=other>\n<parameter=a>\n1\n</parameter>\n</function>"};
  for (const std::string& first : values) {
    for (const std::string& second : values) {
      const std::string text =
          Written("write_file", File(first)) + "\n" + Written("write_file", File(second)) + "\nBoth.";
      const Outcome out = Read(text, Declared());
      EXPECT_EQ(out.calls, Cat("write_file", File(first).Dump(), ";write_file", File(second).Dump(), ";")) << text;
      EXPECT_EQ(out.content, "Both.");
    }
  }
  // One value with two endings and a beginning between them, or two calls with an ending too many in the second?
  const std::string ending = "\n</parameter>\n</function>\n</tool_call>\n";
  for (const std::string& text : {Written("write_file", File("a")) + "\n" + Written("write_file", File(ending + "b")),
                                  Written("write_file", File(ending + kWholeCall + "\nb"))}) {
    EXPECT_EQ(Read(text, Declared()).calls, "");
    EXPECT_EQ(Read(text, Declared()).content, text);
  }
}

TEST(CallReader, NoBeginningOfAReplyGivesACutValue) {
  const std::string unended = "uses </parameter>\n</function>\nthere";
  const std::vector<std::string> values = {
      "<p>one</parameter>two</p>", unended,
      "a\n" + kWholeCall + "\nb",  "<tool_call>\n<function=write_file>\n<parameter=path>\nunfinished",
      "<parameter=mode>\n7\n",     kWholeCall,
      "</function>\n</function>",  "</tool_call>\n</tool_call>"};
  for (const std::string& value : values) {
    const std::string text = Written("write_file", File(value));
    const std::string expected = Cat("write_file", File(value).Dump(), ";");
    for (std::size_t size = 0; size <= text.size(); ++size) {
      const std::string begin = text.substr(0, size);
      for (const bool is_thinking : {false, true}) {
        for (const ReplyEnd end : {ReplyEnd::kCut, ReplyEnd::kWhole}) {
          // A model that ends its reply behind </function> has forgotten </tool_call>.
          if (end == ReplyEnd::kWhole && value == unended) continue;
          const Outcome out = Read(std::vector<std::string>{begin}, Declared(is_thinking), end);
          EXPECT_TRUE(out.calls.empty() || out.calls == expected) << begin << "\n" << out;
          if (out.calls.empty() && !is_thinking) {
            EXPECT_EQ(out.content, begin);
          }
        }
      }
    }
  }
}

// Whether a value holds the end of a parameter with the next one or the next call behind it.
bool HoldsNext(const std::string& value) {
  constexpr std::string_view kClose = "</parameter>";
  for (std::size_t at = value.find(kClose); at != std::string::npos; at = value.find(kClose, at + 1)) {
    std::string_view rest = std::string_view(value).substr(at + kClose.size());
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(" \t\r\n\v\f")));
    if (rest.starts_with("<parameter=mode>")) return true;
    const bool ends_call = rest.starts_with("</function>") || rest.starts_with("</tool_call>");
    if (ends_call && rest.find("<function=") != std::string_view::npos) return true;
  }
  return false;
}

TEST(CallReader, CallsMadeOfFragmentsComeBackWholeOrNotAtAll) {
  const std::vector<std::string> fragments = {"<tool_call>",
                                              "</tool_call>",
                                              "<function=write_file>",
                                              "</function>",
                                              "<parameter=mode>",
                                              "</parameter>",
                                              "<parameter=content>",
                                              "\n",
                                              "\n",
                                              " ",
                                              "text",
                                              "<",
                                              "</",
                                              "7"};
  std::mt19937 random(11);
  int num_whole = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string value;
    for (std::size_t i = random() % 7; i > 0; --i) value += fragments[random() % fragments.size()];
    // These end a value, whatever is meant; or are the end of one call and the beginning of another.
    if (HoldsNext(value)) continue;
    const std::string text = Written("write_file", File(value));
    const Outcome out = Read(std::vector<std::string>{text}, Declared());
    if (out.calls.empty()) {
      EXPECT_EQ(out.content, text);
      continue;
    }
    ++num_whole;
    EXPECT_EQ(out.calls, Cat("write_file", File(value).Dump(), ";")) << text;
  }
  EXPECT_GT(num_whole, 3800);
}

TEST(CallReader, SmallModelsAreUnderstoodWhereTheToolIsDeclared) {
  const auto calls = [](const std::string& text) { return Read(text, Declared()).calls; };
  const std::string hour = "<parameter=hour>\n7\n</parameter>\n";
  const std::string expected = "set_alarm{\"hour\":7};";
  const std::vector<std::string> texts = {
      "<function=set_alarm>\n" + hour + "</function>\n</tool_call>",
      "<function=set_alarm>\n" + hour + "</function>",
      "<tool_call>\n<function=set_alarm>\n" + hour + "</tool_call>",
      "<tool_call>\n<function=set_alarm>\n" + hour + "</function>\n",
      "<tool_call>\n<function=\"set_alarm\">\n<parameter=\"hour\">\n7\n</parameter>\n</function>\n</tool_call>",
      "<tool_call>\n<function='set_alarm'>\n<parameter='hour'>\n7\n</parameter>\n</function>\n</tool_call>",
      "<tool_call>\n<function= set_alarm >\n<parameter= hour >\n7\n</parameter>\n</function>\n</tool_call>",
      "<tool_call><function=set_alarm><parameter=hour>7</parameter></function></tool_call>",
      "<tool_call>\n<function=set_alarm>\n<parameter=hour>\n7\n</function>\n</tool_call>",
      "<tool_call>\n{\"name\": \"set_alarm\", \"arguments\": {\"hour\": 7}}\n</tool_call>",
      "<tool_call>{\"name\": \"set_alarm\", \"arguments\": \"{\\\"hour\\\": 7}\"}</tool_call>",
      "<tool_call>\n{\"name\": \"set_alarm\", \"parameters\": {\"hour\": 7}}",
  };
  for (const std::string& text : texts) {
    EXPECT_EQ(calls(text), expected) << text;
    const Outcome out = Read("I will set it.\n\n" + text, Declared());
    EXPECT_EQ(out.content, "I will set it.") << text;
    EXPECT_EQ(out.calls, expected) << text;
    // Not declared: text, as it is written.
    ReplyOptions others = Declared();
    others.tools.erase(others.tools.begin() + 1);
    if (text.find("\"arguments") != std::string::npos || text != texts[7]) {
      EXPECT_EQ(Read(text, others).calls, "") << text;
      EXPECT_EQ(Read(text, others).content, text);
    }
  }
}

TEST(CallReader, ForgottenTagsBetweenValuesAndCalls) {
  const auto calls = [](const std::string& text) { return Read(text, Declared()).calls; };
  const std::string both = "set_alarm{\"hour\":7,\"minute\":30};";
  const std::string begin = "<tool_call>\n<function=set_alarm>\n";
  const std::string end = "</function>\n</tool_call>";
  EXPECT_EQ(calls(begin + "<parameter=hour>\n7\n<parameter=minute>\n30\n" + end), both);
  EXPECT_EQ(calls(begin + "<parameter=hour>\n7\n<parameter=minute>\n30\n</parameter>\n" + end), both);
  EXPECT_EQ(calls(begin + "<parameter=hour>7<parameter=minute>30</parameter>" + end), both);
  EXPECT_EQ(calls("<tool_call>\n<function=write_file>\n<parameter=path>\na\n<parameter=content>\nb\n" + end),
            "write_file{\"path\":\"a\",\"content\":\"b\"};");
  // A parameter that has an end of its own inside the value, or is named in a sentence, is a part of the value.
  EXPECT_EQ(calls("<tool_call>\n<function=write_file>\n<parameter=path>\na\n<parameter=content>\nb\n</parameter>\nc\n"
                  "</parameter>\n" +
                  end),
            "write_file{\"path\":\"a\\n<parameter=content>\\nb\\n</parameter>\\nc\"};");
  EXPECT_EQ(
      calls("<tool_call>\n<function=write_file>\n<parameter=path>\nsee <parameter=content> there\n</parameter>\n" +
            end),
      "write_file{\"path\":\"see <parameter=content> there\"};");
  // Several calls, each with its fault.
  const std::string hour = "<parameter=hour>\n7\n</parameter>\n";
  EXPECT_EQ(calls(begin + hour + "</tool_call>\n" + begin + hour + "</function>\n" + begin + hour + end),
            "set_alarm{\"hour\":7};set_alarm{\"hour\":7};set_alarm{\"hour\":7};");
  EXPECT_EQ(calls("<tool_call>\n<function=now>\n</tool_call>"), "now{};");
  // Two endings forgotten at the end, where the value is certain all the same.
  EXPECT_EQ(calls(begin + hour), "set_alarm{\"hour\":7};");
  EXPECT_EQ(calls(begin + "<parameter=hour>\n7\n</tool_call>"), "set_alarm{\"hour\":7};");
  EXPECT_EQ(calls(begin + "<parameter=hour>\n7\n</function>"), "set_alarm{\"hour\":7};");
  EXPECT_EQ(Read(begin + hour, Declared(), ReplyEnd::kCut).calls, "");
  // Endings written twice are text.
  const std::string twice = begin + hour + end + "\n" + end;
  EXPECT_EQ(calls(twice), "set_alarm{\"hour\":7};");
  EXPECT_EQ(Read(twice, Declared()).content, end);
  EXPECT_EQ(calls(begin + hour + end + "\n</tool_call>"), "set_alarm{\"hour\":7};");
  // A value that was never ended is no value.
  EXPECT_EQ(calls(begin + hour + "<parameter=minute>\n3"), "");
  EXPECT_EQ(calls(begin + "<parameter=hour>\n7\n"), "");
  EXPECT_EQ(calls(begin + "<parameter=minute>\n30\n</parameter>\n<parameter=label>\nx\n</tool_call>"), "");
  const std::string path = "<tool_call>\n<function=write_file>\n<parameter=content>\nb\n</parameter>";
  EXPECT_EQ(calls(path), "");  // its path is still to come
  EXPECT_EQ(calls("<tool_call>\n<function=write_file>\n<parameter=path>\na</parameter>"), "");
  EXPECT_EQ(calls(begin), "");
  // A sentence about a tool is none of its calls.
  const std::string sentence = "Use <function=set_alarm> with <parameter=hour>, inside <tool_call> tags.";
  EXPECT_EQ(Read(sentence, Declared()).content, sentence);
}

TEST(CallReader, AForgottenParameterCloseSeparatesOrThereIsNoCall) {
  ReplyOptions options;
  options.tools = Json::Parse(kWeather, "tools").value().items();
  const auto calls = [&](const std::string& values) {
    const std::string text = "<tool_call>\n<function=weather>\n" + values + "\n</function>\n</tool_call>";
    const Outcome out = Read(text, options);
    EXPECT_EQ(out.content, out.calls.empty() ? text : "") << text;
    return out.calls;
  };
  const auto whole = [](const std::string& arguments) { return Cat("weather{", arguments, "};"); };
  // At the beginning of a line, whether the call must have the parameter or not.
  const std::string days = whole(R"("city":"Oslo","days":7)");
  EXPECT_EQ(calls("<parameter=city>\nOslo\n<parameter=days>\n7\n</parameter>"), days);
  EXPECT_EQ(calls("<parameter=city>\nOslo\n<parameter=days>\n7"), days);
  EXPECT_EQ(calls("  <parameter=city>\n  Oslo\n  <parameter=days>7</parameter>"), whole(R"("city":"  Oslo","days":7)"));
  EXPECT_EQ(calls("<parameter=city>\r\nOslo\r\n<parameter=days>\r\n7\r\n</parameter>"), days);
  EXPECT_EQ(calls("<parameter=city>\nOslo\n<parameter=note>\nnorth\n</parameter>"),
            whole(R"("city":"Oslo","note":"north")"));
  EXPECT_EQ(calls("<parameter=city>\nOslo\n<parameter=days>\n7\n<parameter=note>\na\n<parameter=unit>\nkelvin\n"
                  "</parameter>\n<parameter=rain>\nTrue\n</parameter>"),
            whole(R"("city":"Oslo","days":7,"note":"a","unit":"kelvin","rain":true)"));
  // In a line, where the text is of the parameter's type.
  EXPECT_EQ(calls("<parameter=city>Oslo<parameter=unit>celsius</parameter>"),
            whole(R"("city":"Oslo","unit":"celsius")"));
  EXPECT_EQ(calls("<parameter=city>Oslo<parameter=days>7<parameter=rain>false</parameter>"),
            whole(R"("city":"Oslo","days":7,"rain":false)"));
  EXPECT_EQ(calls("<parameter=city>Oslo<parameter=hours>[1, 2]</parameter>"), whole(R"("city":"Oslo","hours":[1,2])"));
  EXPECT_EQ(calls("<parameter=city>Oslo<parameter=height>7.5</parameter>"), whole(R"("city":"Oslo","height":7.5)"));
  EXPECT_EQ(calls("<parameter=city>Oslo<parameter=days>7"), days);
  // Parts of a value: a mention, a call that is not closed, a parameter that has its end there or is given.
  for (const std::string value :
       {"say <parameter=days> here", "say <parameter=unit>rankine", "as in <parameter=note>text", "a <parameter=free>7",
        "a <parameter=height>high", "<tool_call>\n<parameter=days>\n7", "<parameter=days>", "a\n<parameter=days>",
        "a\n<parameter=days> is how long", "use <parameter=days>7</parameter> to ask",
        "a\n<parameter=note>\nb\n</parameter>\nc"}) {
    EXPECT_EQ(calls("<parameter=city>\n" + value + "\n</parameter>"),
              Cat("weather", Json::Object({{"city", Json::String(value)}}).Dump(), ";"));
  }
  EXPECT_EQ(calls("<parameter=city>\nOslo\n<parameter=days>\n8\n</parameter>\n<parameter=days>\n7\n</parameter>"),
            whole(R"("city":"Oslo\n<parameter=days>\n8","days":7)"));
  EXPECT_EQ(calls("<parameter=hours>\n[\"a <parameter=days> b\"]\n</parameter>"),
            whole(R"("hours":["a <parameter=days> b"])"));
  // One value or two?
  for (const std::string value : {"<parameter=days>\n7", "Oslo\n<parameter=days>\nseven", "Oslo<parameter=days>7",
                                  "Oslo\n<parameter=days>\n7\n<parameter=days>\n8"})
    EXPECT_EQ(calls("<parameter=city>\n" + value + "\n</parameter>"), "") << value;
}

TEST(CallReader, LineEndsAroundAValueMayBeWindowsOwn) {
  const auto calls = [](const std::string& written) {
    std::string text;
    for (const char c : written) {
      if (c == '\n') text.push_back('\r');
      text.push_back(c);
    }
    return Read(text, Declared()).calls;
  };
  EXPECT_EQ(calls(Written("write_file", File("one\ntwo"))), R"(write_file{"path":"a.txt","content":"one\r\ntwo"};)");
  EXPECT_EQ(calls(Written("write_file", File("\n\n"))), R"(write_file{"path":"a.txt","content":"\r\n\r\n"};)");
  EXPECT_EQ(calls(Written("write_file", File(""))), R"(write_file{"path":"a.txt","content":""};)");
  EXPECT_EQ(calls(Written("set_alarm", Json::Object({{"hour", Json::Integer(7)}}))), "set_alarm{\"hour\":7};");
}

TEST(CallReader, CallsInJsonAreTypedByTheirSchemaToo) {
  const auto calls = [](const std::string& name, const std::string& arguments) {
    return Read(Cat(R"(<tool_call>{"name": ")", name, R"(", "arguments": )", arguments, "}</tool_call>"), Declared())
        .calls;
  };
  EXPECT_EQ(calls("write_file", R"({"path": 123, "content": true, "mode": "5", "more": "7"})"),
            R"(write_file{"path":"123","content":"true","mode":5,"more":"7"};)");
  EXPECT_EQ(calls("write_file", R"({"path": {"a": 1}, "content": null, "mode": "five"})"),
            R"(write_file{"path":{"a":1},"content":null,"mode":"five"};)");
  EXPECT_EQ(calls("write_file", R"("{\"path\": 1.50, \"mode\": 5.0}")"), R"(write_file{"path":"1.50","mode":5};)");
  EXPECT_EQ(calls("set_alarm", R"({"hour": 7, "label": null})"), R"(set_alarm{"hour":7,"label":null};)");
  EXPECT_EQ(calls("now", R"({"any": "5"})"), R"(now{"any":"5"};)");
}

TEST(CallReader, ReasoningKeepsItsCallsUnlessItNeverEnds) {
  const std::string call = Written("set_alarm", Json::Object({{"hour", Json::Integer(7)}}));
  Outcome out = Read("The user wants an alarm.\n\n" + call, Declared(true));
  EXPECT_EQ(out.thinking, "The user wants an alarm.");
  EXPECT_EQ(out.calls, "set_alarm{\"hour\":7};");
  EXPECT_EQ(out.content, "");
  out = Read("I could write " + call + "\nLet me.\n</think>\n\nNo.", Declared(true));
  EXPECT_EQ(out.thinking, "I could write " + call + "\nLet me.");
  EXPECT_EQ(out.content, "No.");
  EXPECT_EQ(out.calls, "");
  out = Read("I could write\n" + call + "\n</think>\n\n" + call, Declared(true));
  EXPECT_EQ(out.thinking, "I could write\n" + call);
  EXPECT_EQ(out.calls, "set_alarm{\"hour\":7};");
  // Not declared, or not whole.
  const std::string other = Written("other", Json::Object({{"hour", Json::Integer(7)}}));
  EXPECT_EQ(Read(other, Declared(true)).thinking, other);
  EXPECT_EQ(Read(call.substr(0, call.size() - 30), Declared(true)).thinking, call.substr(0, call.size() - 30));
  EXPECT_EQ(Read(call + "\nmore", Declared(true)).thinking, "\nmore");
  EXPECT_EQ(Read("So: " + call, Declared(true), ReplyEnd::kCut), (Outcome{"So: " + call, "", ""}));
}

TEST(CallReader, StopStringsCountBehindACallButNotInIt) {
  ReplyOptions options = Declared();
  options.stop_strings = {"STOP", "</tool_call>!"};
  const std::string call = Written("write_file", File("a STOP b"));
  EXPECT_EQ(Read(call + "\nx STOP y", options).calls, Cat("write_file", File("a STOP b").Dump(), ";"));
  EXPECT_EQ(Read(call + "\nx STOP y", options).content, "x ");
  ReplyParser parser(options);
  std::vector<ReplyEvent> events;
  parser.Append(call + "\nx STOP", &events);
  EXPECT_TRUE(parser.hit_stop_string());
}

TEST(CallReader, TheFirstCallIsShownWhileItComes) {
  ReplyParser parser(Declared());
  std::vector<ReplyEvent> events;
  parser.Append("Hi.\n\n<tool_call>\n<function=write_file>\n<parameter=path>\na", &events);
  ASSERT_GE(events.size(), 3U);
  EXPECT_EQ(events[0].text, "Hi.");
  EXPECT_EQ(events[1].kind, ReplyEvent::Kind::kToolCallBegin);
  EXPECT_EQ(events[1].text, "write_file");
  EXPECT_EQ(events[2].kind, ReplyEvent::Kind::kToolCallPiece);
  EXPECT_EQ(events[2].text, "\n<parameter=path>\na");
  parser.Append(".txt\n</parameter>\n</function>\n</tool_call>", &events);
  parser.Finish(&events);
  EXPECT_EQ(events.back().kind, ReplyEvent::Kind::kToolCallEnd);
  std::string raw;
  for (const ReplyEvent& event : events) {
    if (event.kind == ReplyEvent::Kind::kToolCallPiece) raw += event.text;
  }
  EXPECT_EQ(raw, "\n<parameter=path>\na.txt\n</parameter>\n</function>\n");
}

// Time that grows with the square of a reply's length would be minutes here.
TEST(CallReader, HostileRepliesTakeTimeInProportion) {
  const std::string begin = "<tool_call>\n<function=write_file>\n<parameter=content>\n";
  const std::string end = "\n</parameter>\n</function>\n</tool_call>";
  const std::vector<std::string> units = {"</parameter>",
                                          "</parameter>\n</function>\n",
                                          "</parameter>\n</function>\n</tool_call>\n",
                                          "<tool_call>",
                                          "<tool_call>\n<function=write_file>\n<parameter=path>\n",
                                          "<parameter=",
                                          "<parameter=mode>\n",
                                          "a<parameter=mode>7",
                                          "<parameter=mode>a\n",
                                          "\n<parameter=path>\na",
                                          "\n",
                                          " ",
                                          "<",
                                          "{",
                                          "</parameter>\n<parameter=content>\n",
                                          "</parameter>\n<parameter=path>\n[1]\n",
                                          "<tool_call>{",
                                          "<tool_call> ",
                                          "<function=write_file>\n",
                                          "<tool_call>\n{}\n</tool_call>",
                                          "\n<tool_call>\n<function=now>\n</function>\n</tool_call>"};
  ReplyOptions options = Declared();
  options.stop_strings = {"STOP", "\n\n\nnever"};
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& unit : units) {
    std::string many;
    while (many.size() < 300000) many += unit;
    for (const std::string& text : {many, begin + many, begin + many + end}) {
      ReplyParser parser(options);
      std::vector<ReplyEvent> events;
      for (std::size_t at = 0; at < text.size(); at += 4) parser.Append(std::string_view(text).substr(at, 4), &events);
      parser.Finish(&events);
      ReplyParser whole(options);
      whole.Append(text, &events);
      whole.Finish(&events);
      ReplyParser without_tools(ReplyOptions{false, options.stop_strings, {}});
      for (std::size_t at = 0; at < text.size(); at += 4)
        without_tools.Append(std::string_view(text).substr(at, 4), &events);
      without_tools.Finish(&events);
      ReplyOptions either = options;
      either.is_calls_or_text = true;
      ReplyParser calls_or_text(either);
      for (std::size_t at = 0; at < text.size(); at += 4)
        calls_or_text.Append(std::string_view(text).substr(at, 4), &events);
      calls_or_text.Finish(&events);
    }
  }
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 60.0);
}

}  // namespace
}  // namespace thimble
