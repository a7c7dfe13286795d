// SPDX-License-Identifier: Apache-2.0
#include "text/reply_parser.h"

#include <gtest/gtest.h>

#include <random>

namespace thimble {
namespace {

struct Parsed {
  std::string thinking, content;
  std::vector<ToolCall> calls;
  bool stopped = false;
  bool operator==(const Parsed& o) const {
    if (thinking != o.thinking || content != o.content || stopped != o.stopped || calls.size() != o.calls.size())
      return false;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (calls[i].name != o.calls[i].name || calls[i].arguments.Dump() != o.calls[i].arguments.Dump()) return false;
    }
    return true;
  }
};

Parsed Parse(const std::vector<std::string>& pieces, const ReplyOptions& options) {
  ReplyParser parser(options);
  std::vector<ReplyEvent> events;
  for (const std::string& piece : pieces) parser.Append(piece, &events);
  parser.Finish(&events);
  Parsed out;
  for (const ReplyEvent& event : events) {
    if (event.kind == ReplyEvent::Kind::kThinking) out.thinking += event.text;
    if (event.kind == ReplyEvent::Kind::kContent) out.content += event.text;
    if (event.kind == ReplyEvent::Kind::kToolCallEnd) out.calls.push_back(event.call);
  }
  out.stopped = parser.hit_stop_string();
  return out;
}
Parsed Whole(const std::string& text, const ReplyOptions& options) { return Parse({text}, options); }

ReplyOptions Thinking() {
  ReplyOptions options;
  options.starts_in_thinking = true;
  return options;
}

TEST(ReplyParser, SeparatesThinkingFromContentAndTrimsTheNewlinesBetween) {
  const Parsed p = Whole("\nLet me see.\n\nYes.\n</think>\n\nThe answer\nis 4.", Thinking());
  EXPECT_EQ(p.thinking, "Let me see.\n\nYes.");
  EXPECT_EQ(p.content, "The answer\nis 4.");
  EXPECT_EQ(Whole("<think>\na\n</think>\n\nb", {}).thinking, "a");
  EXPECT_EQ(Whole("x <think> y", {}).content, "x <think> y");
  EXPECT_EQ(Whole("never closed", Thinking()).thinking, "never closed");
}

TEST(ReplyParser, ToolCallsAreTypedByTheirSchema) {
  ReplyOptions options;
  options.tools = {
      Json::Parse(
          R"({"type":"function","function":{"name":"f","parameters":{"properties":{"s":{"type":"string"},"i":{"type":"integer"},
      "b":{"type":"boolean"},"a":{"type":"array"},"n":{"type":["integer","null"]}}}}})",
          "t")
          .value()};
  const Parsed p = Whole(
      "Checking.\n\n<tool_call>\n<function=f>\n<parameter=s>\n12\n</parameter>\n<parameter=i>\n12\n</"
      "parameter>\n<parameter=b>\nTrue\n</parameter>\n"
      "<parameter=a>\n[1, "
      "2]\n</parameter>\n<parameter=n>\nNone\n</parameter>\n<parameter=free>\ntwo\nlines\n</parameter>\n</function>\n</"
      "tool_call>\n"
      "<tool_call>\n<function=g>\n</function>\n</tool_call>",
      options);
  EXPECT_EQ(p.content, "Checking.");
  ASSERT_EQ(p.calls.size(), 2U);
  EXPECT_EQ(p.calls[0].arguments.Dump(), R"({"s":"12","i":12,"b":true,"a":[1,2],"n":null,"free":"two\nlines"})");
  EXPECT_EQ(p.calls[1].name, "g");
  const Parsed bad =
      Whole("<tool_call>\n<function=f>\n<parameter=i>\ntwelve\n</parameter>\n</function>\n</tool_call>", options);
  EXPECT_EQ(bad.calls.at(0).arguments.Dump(), R"({"i":"twelve"})");
}

TEST(ReplyParser, MalformedOrUnfinishedCallsAreContent) {
  const std::string broken = "<tool_call>\n{\"name\": \"f\"}\n</tool_call> after";
  EXPECT_EQ(Whole(broken, {}).content, broken);
  EXPECT_EQ(Whole("<tool_call>\n<function=f>\n", {}).content, "<tool_call>\n<function=f>\n");
}

TEST(ReplyParser, StopStringsEndTheContentBeforeThem) {
  ReplyOptions options = Thinking();
  options.stop_strings = {"END", "\n\nUser:"};
  const Parsed p = Whole("END is fine here</think>Some text\n\nUser: more", options);
  EXPECT_EQ(p.thinking, "END is fine here");
  EXPECT_EQ(p.content, "Some text");
  EXPECT_TRUE(p.stopped);
  EXPECT_FALSE(Whole("</think>EN", options).stopped);
  EXPECT_EQ(Whole("</think>EN", options).content, "EN");
}

TEST(ReplyParser, TellsWhichStopStringWasHit) {
  const auto hit = [](const std::string& text, std::vector<std::string> stops) {
    ReplyOptions options;
    options.stop_strings = std::move(stops);
    ReplyParser parser(options);
    std::vector<ReplyEvent> events;
    for (const char c : text) parser.Append(std::string(1, c), &events);
    parser.Finish(&events);
    return parser.stop_string();
  };
  EXPECT_EQ(hit("one two three", {"three", "two"}), "two");
  EXPECT_EQ(hit("one two three", {"four"}), "");
  EXPECT_EQ(hit("<tool_call>\n<function=f>\n<parameter=a>\nx STOP", {"HALT", "STOP"}), "STOP");
}

TEST(ReplyParser, APlainReplyIsTextAndNothingElse) {
  ReplyOptions options = Thinking();
  options.is_plain = true;
  options.stop_strings = {"END"};
  const std::string text =
      "<think>\nwhy\n</think>\n\nx\n<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</"
      "tool_call>\n";
  for (const std::string& end : {std::string(), std::string("END and more")}) {
    ReplyParser parser(options);
    std::vector<ReplyEvent> events;
    std::string read;
    for (const char c : text + end) parser.Append(std::string(1, c), &events);
    parser.Finish(&events);
    for (const ReplyEvent& event : events) {
      EXPECT_EQ(event.kind, ReplyEvent::Kind::kContent);
      read += event.text;
    }
    EXPECT_EQ(read, text);
    EXPECT_EQ(parser.hit_stop_string(), !end.empty());
  }
}

// The reply read at once and in pieces of any length, which must be the same.
Parsed InPieces(const std::string& text, const ReplyOptions& options) {
  const Parsed whole = Whole(text, options);
  for (std::size_t step = 1; step < 12; ++step) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += step) pieces.push_back(text.substr(at, step));
    EXPECT_TRUE(Parse(pieces, options) == whole) << text << " in pieces of " << step;
  }
  return whole;
}

TEST(ReplyParser, CallsOrTextInWhichNothingIsACall) {
  ReplyOptions options = Thinking();
  options.is_calls_or_text = true;
  options.tools = {Json::Parse(R"({"name":"f"})", "tool").value()};
  const std::string call = "<tool_call>\n<function=f>\n</function>\n</tool_call>";
  const std::string answer = R"({"a": ")" + call + R"("})";
  for (const std::string& begin : {std::string("So.\n</think>\n\n"), std::string("</think> \n")}) {
    EXPECT_EQ(Whole(begin + call, options).calls.size(), 1U);
    const Parsed text = Whole(begin + answer, options);
    EXPECT_TRUE(text.calls.empty());
    EXPECT_TRUE(text.content.ends_with(answer)) << text.content;
    std::vector<std::string> pieces;
    for (const char c : begin + answer) pieces.emplace_back(1, c);
    EXPECT_TRUE(Parse(pieces, options) == text);
  }
  options.is_calls_or_text = false;
  EXPECT_EQ(Whole("</think>" + answer, options).calls.size(), 1U);
}

TEST(ReplyParser, StopStringsCountAtOnceInWhatLooksLikeACallWhereThereAreNoTools) {
  ReplyOptions options;
  options.stop_strings = {"STOP", "</tool_call>\n\nEND"};
  const std::string begin = "Write:\n\n<tool_call>\n<function=f>\n<parameter=a>\n";
  const std::string end = "\n</parameter>\n</function>\n</tool_call>";
  for (const std::string& rest : {std::string(), " and on" + end, end}) {
    const Parsed p = InPieces(begin + "x STOP" + rest, options);
    EXPECT_EQ(p.content, begin + "x ");
    EXPECT_TRUE(p.calls.empty());
    EXPECT_TRUE(p.stopped);
  }
  ReplyParser parser(options);
  std::vector<ReplyEvent> events;
  parser.Append(begin + "x STO", &events);
  EXPECT_FALSE(parser.hit_stop_string());
  for (const ReplyEvent& event : events) EXPECT_EQ(event.text.find("STO"), std::string::npos);
  parser.Append("P", &events);
  EXPECT_TRUE(parser.hit_stop_string());
  EXPECT_EQ(events.back().text, begin.substr(begin.find("\n\n<tool")) + "x ");
  // A call before it stays one; a stop string may begin at a call's end, or at a tag inside.
  Parsed p = InPieces(begin + "1" + end + "\n" + begin + "STOP", options);
  ASSERT_EQ(p.calls.size(), 1U);
  EXPECT_EQ(p.calls[0].arguments.Dump(), R"({"a":1})");
  EXPECT_EQ(p.content, "Write:" + begin);
  p = InPieces(begin + "1" + end + "\n\nEND", options);
  EXPECT_EQ(p.content, begin + "1\n</parameter>\n</function>\n");
  EXPECT_TRUE(p.stopped);
  p = InPieces(begin + "1" + end + "\n\nEN", options);
  EXPECT_EQ(p.calls.size(), 1U);
  EXPECT_FALSE(p.stopped);
  options.stop_strings = {"</parameter>", "meter=b"};
  EXPECT_EQ(InPieces(begin + "1" + end, options).content, begin + "1\n");
  EXPECT_EQ(InPieces("<tool_call>\n<function=f>\n<parameter=b>\n", options).content,
            "<tool_call>\n<function=f>\n<para");
}

TEST(ReplyParser, StopStringsCutWhatTurnsOutToBeNoCall) {
  ReplyOptions options;
  options.tools = {
      Json::Parse(R"({"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}})", "t").value()};
  options.stop_strings = {"STOP", "HALT"};
  const std::string begin = "<tool_call>\n<function=f>\n<parameter=a>\n";
  const std::string end = "\n</parameter>\n</function>\n</tool_call>";
  Parsed p = InPieces("So:\n" + begin + "x HALT and STOP", options);
  EXPECT_EQ(p.content, "So:\n" + begin + "x ");
  EXPECT_TRUE(p.stopped);
  p = InPieces("<tool_call>{\"name\": \"g\", \"arguments\": {\"a\": \"STOP\"}}</tool_call>", options);
  EXPECT_EQ(p.content, "<tool_call>{\"name\": \"g\", \"arguments\": {\"a\": \"");
  EXPECT_TRUE(p.stopped);
  // In a call's value it is a part of the value.
  p = InPieces("So:\n" + begin + "x STOP" + end, options);
  EXPECT_EQ(p.calls.at(0).arguments.Dump(), R"({"a":"x STOP"})");
  EXPECT_EQ(p.content, "So:");
  EXPECT_FALSE(p.stopped);
  // Behind such a call, in one that is none.
  p = InPieces(begin + "x STOP" + end + "\n" + begin + "y STOP", options);
  EXPECT_EQ(p.calls.size(), 1U);
  EXPECT_EQ(p.content, begin + "y ");
  EXPECT_TRUE(p.stopped);
}

TEST(ReplyParser, NothingThatMayBecomeAStopStringIsGivenOutEarly) {
  ReplyOptions options;
  options.stop_strings = {"abcd"};
  ReplyParser parser(options);
  std::vector<ReplyEvent> events;
  parser.Append("xxabc", &events);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].text, "xx");
  parser.Append("d", &events);
  EXPECT_EQ(events.size(), 1U);
  EXPECT_TRUE(parser.hit_stop_string());
}

TEST(ReplyParser, AnySplitGivesTheSameReply) {
  ReplyOptions options = Thinking();
  options.stop_strings = {"</end", "<tool_call>x"};
  const std::vector<std::string> texts = {
      "\n\nhm <th\n</thin</think>\n\n\nHello "
      "<tool_cal\n\n<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>\nbye\n",
      "a</think>b</en</end c", "</think><tool_call>x",
      "</think>\n\n<tool_call>\n<function=f>\n</function>\n</tool_call>\n\n<tool_call>\nbad</tool_call>\n\n",
      "</think>a\n<tool_call>\n<function=f>\n<parameter=a>\n</en</end\n</parameter>\n</function>\n</tool_call>\nb"};
  std::mt19937 random(5);
  for (const std::string& text : texts) {
    const Parsed whole = Whole(text, options);
    for (int round = 0; round < 200; ++round) {
      std::vector<std::string> pieces;
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = round == 0 ? 1 : 1 + random() % 7;
        pieces.push_back(text.substr(at, length));
        at += length;
      }
      EXPECT_TRUE(Parse(pieces, options) == whole) << text << " round " << round;
    }
  }
}

}  // namespace
}  // namespace thimble
