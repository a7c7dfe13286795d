// SPDX-License-Identifier: Apache-2.0
#include "cli/reply_json.h"

#include "base/text.h"
#include "cli/terminal.h"

#include <charconv>
#include <cmath>

namespace thimble::cli {

namespace {

// Of pictures, not of videos.
Json PicturesJson(const std::vector<PictureReading>& readings) {
  std::vector<Json> list;
  for (const PictureReading& r : readings) {
    if (r.tokens == 0) continue;
    list.push_back(Json::Object({{"width", Json::Integer(r.given.width)},
                                 {"height", Json::Integer(r.given.height)},
                                 {"read_width", Json::Integer(r.read.width)},
                                 {"read_height", Json::Integer(r.read.height)},
                                 {"tokens", Json::Integer(r.tokens)},
                                 {"detail", r.detail == Detail::kFile ? Json() : Json::String(DetailName(r.detail))}}));
  }
  return Json::Array(std::move(list));
}

// Beyond int64 too.
Json UnsignedJson(std::uint64_t value) { return Json::Parse(Cat(value), "number").value(); }

}  // namespace

Json ToolCallJson(const ToolCall& call) {
  return Json::Object({{"name", Json::String(call.name)}, {"arguments", call.arguments}});
}

Json FloatJson(float value) {
  if (!std::isfinite(value)) return {};
  // The shortest decimal form that reads back as this float, then as a double: nine digits at most.
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  double wide = static_cast<double>(value);
  if (error == std::errc()) std::from_chars(digits, end, wide);
  return Json::Float(wide);
}

Json IdsJson(const std::vector<std::int32_t>& ids) {
  std::vector<Json> items;
  items.reserve(ids.size());
  for (const std::int32_t id : ids) items.push_back(Json::Integer(id));
  return Json::Array(std::move(items));
}

Json ReplyJson(const Reply& reply) {
  std::vector<Json> calls;
  calls.reserve(reply.tool_calls.size());
  for (const ToolCall& call : reply.tool_calls) calls.push_back(ToolCallJson(call));
  const GenerateStats& s = reply.stats;
  const int read = s.prompt_tokens - s.reused_tokens;
  const auto rate = [](int count, double seconds) { return Json::Float(seconds > 0 ? count / seconds : 0.0); };
  Json stats = Json::Object({{"load_seconds", Json::Float(s.load_seconds)},
                             {"prompt_tokens", Json::Integer(s.prompt_tokens)},
                             {"reused_tokens", Json::Integer(s.reused_tokens)},
                             {"prompt_seconds", Json::Float(s.prompt_seconds)},
                             {"prompt_tokens_per_second", rate(read, s.prompt_seconds - s.picture_seconds)},
                             {"picture_seconds", Json::Float(s.picture_seconds)},
                             {"pictures_encoded", Json::Integer(s.pictures_encoded)},
                             {"tokens", Json::Integer(s.tokens)},
                             {"seconds", Json::Float(s.seconds)},
                             {"tokens_per_second", rate(s.tokens, s.seconds)},
                             {"first_token_seconds", Json::Float(s.first_token_seconds)},
                             {"seed", UnsignedJson(s.seed)},
                             {"cpu_seconds", Json::Float(s.cpu_seconds)},
                             {"head", Json()},  // of versions that could screen it
                             {"peak_rss_bytes", Json::Integer(static_cast<std::int64_t>(s.peak_rss_bytes))},
                             {"think_closed_by_budget", Json::Bool(s.think_closed_by_budget)},
                             {"think_closed_by_loop", Json::Bool(s.think_closed_by_loop)},
                             {"dropped", Json::Object({{"messages", Json::Integer(s.dropped_messages)},
                                                       {"tokens", Json::Integer(s.dropped_tokens)}})}});
  return Json::Object({{"prompt_ids", IdsJson(reply.prompt_ids)},
                       {"ids", IdsJson(reply.ids)},
                       {"thinking", Json::String(reply.thinking)},
                       {"text", Json::String(reply.text)},
                       {"tool_calls", Json::Array(std::move(calls))},
                       {"pictures", PicturesJson(reply.pictures)},
                       {"finish_reason", Json::String(FinishReasonName(reply.finish_reason))},
                       {"stats", std::move(stats)}});
}

std::vector<std::string> ReadingLines(std::span<const PictureReading> readings) {
  std::vector<std::string> lines;
  for (const PictureReading& r : readings) {
    if (!r.is_new || !r.is_reduced) continue;
    const char* advice = !r.fills_its_share   ? "; --detail high reads more"
                         : r.context_can_grow ? "; a larger --context reads more"
                                              : ", half of what the context has left";
    lines.push_back(Cat(r.given.width, " x ", r.given.height, " read at ", r.read.width, " x ", r.read.height, ", ",
                        r.tokens, " tokens", advice));
  }
  return lines;
}

std::string StatsLine(const Reply& reply) {
  const GenerateStats& s = reply.stats;
  const int read = s.prompt_tokens - s.reused_tokens;
  const double text_seconds = s.prompt_seconds - s.picture_seconds;
  std::string line = Cat("read ", read, " tokens in ", Fixed(text_seconds, 2), " s");
  if (text_seconds > 0) line += Cat(" (", Fixed(read / text_seconds, 1), "/s)");
  if (s.reused_tokens > 0) line += Cat(", remembered ", s.reused_tokens);
  if (s.pictures_encoded > 0) {
    line += Cat(", looked at ", s.pictures_encoded, s.pictures_encoded == 1 ? " picture in " : " pictures in ",
                Fixed(s.picture_seconds, 2), " s");
  }
  line += Cat(", wrote ", s.tokens, " in ", Fixed(s.seconds, 2), " s");
  if (s.seconds > 0) line += Cat(" (", Fixed(s.tokens / s.seconds, 1), "/s)");
  if (s.dropped_messages > 0)
    line += Cat(", left out ", s.dropped_messages, " messages of ", Grouped(s.dropped_tokens), " tokens");
  return line +
         Cat(", ended by ", FinishReasonName(reply.finish_reason), ", peak memory ", FormatBytes(s.peak_rss_bytes));
}

std::string AboutMissingAnswer(const Reply& reply, int context) {
  const bool is_blank = reply.text.find_first_not_of(" \t\r\n") == std::string::npos;
  if (!is_blank || !reply.tool_calls.empty()) return "";
  const int tokens = reply.stats.tokens;
  const std::string count = Cat(tokens, tokens == 1 ? " token" : " tokens");
  if (!reply.thinking.empty()) {
    const std::string begin = Cat("the answer never began: ", count, tokens == 1 ? " was" : " were", " reasoning, ");
    constexpr const char* kOthers = "--think off, or a smaller --think-budget";
    switch (reply.finish_reason) {
      case FinishReason::kLength:
        return Cat(begin, "then --max-tokens was reached; what helps: a larger --max-tokens, ", kOthers);
      case FinishReason::kContext:
        return Cat(begin, "then the context of ", context, " tokens was full; what helps: a larger --context, ",
                   kOthers);
      case FinishReason::kStop:
        return Cat(begin, "then the reply ended; what helps: another --seed, ", kOthers);
      case FinishReason::kCancelled:
        return Cat(begin, "then it was stopped; what helps: ", kOthers);
    }
  }
  if (reply.finish_reason == FinishReason::kCancelled) return "";
  if (tokens == 0) return "the model ended its answer at once, without a word";
  return Cat("the answer is empty: ", count, tokens == 1 ? " was" : " were", " written, ",
             reply.text.empty() ? "none of them text to show" : "nothing but white space");
}

}  // namespace thimble::cli
