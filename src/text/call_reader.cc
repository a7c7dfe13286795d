// SPDX-License-Identifier: Apache-2.0
#include "text/call_reader.h"

#include "text/tool_schema.h"

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace thimble {

namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

// A function's call in JSON, as models of other families write it; nullopt unless it is a declared tool's.
std::optional<ToolCall> ParseJsonCall(std::string_view text, const std::vector<Json>& tools) {
  auto parsed = Json::Parse(text, "call");
  if (!parsed.ok()) return std::nullopt;
  const Json* inner = parsed.value().Find("function");
  const Json& from = inner != nullptr && inner->IsObject() ? *inner : parsed.value();
  const Json* name = from.Find("name");
  const Json* tool = name != nullptr && name->IsString() ? FindTool(tools, name->text()) : nullptr;
  if (tool == nullptr) return std::nullopt;
  ToolCall call;
  call.name = name->text();
  const Json* arguments = from.Find("arguments");
  if (arguments == nullptr) arguments = from.Find("parameters");
  if (arguments == nullptr || arguments->IsNull()) return call;
  call.arguments = *arguments;
  if (arguments->IsString()) {
    auto object = Json::Parse(arguments->text(), "arguments");
    if (!object.ok()) return std::nullopt;
    call.arguments = std::move(object).value();
  }
  if (!call.arguments.IsObject()) return std::nullopt;
  const ParameterSchemas schemas(ParametersOf(*tool));
  std::vector<Json::Member> members;
  for (const auto& [key, value] : call.arguments.members()) members.emplace_back(key, schemas.Converted(key, value));
  call.arguments = Json::Object(std::move(members));
  return call;
}

// Whether only spaces lie between the beginning of a line and text[at].
bool BeginsLine(std::string_view text, std::size_t at) {
  for (std::size_t spaces = 0; spaces <= kMaxTagGap; ++spaces, --at) {
    if (at == 0 || text[at - 1] == '\n') return true;
    if (text[at - 1] != ' ' && text[at - 1] != '\t') return false;
  }
  return false;
}

bool BeginsWithLineEnd(std::string_view text) { return text.starts_with('\n') || text.starts_with("\r\n"); }

// A value without the one line end on either side that belongs to the form.
std::string_view WithoutLineEnds(std::string_view value) {
  value.remove_prefix(value.starts_with("\r\n") ? 2 : value.starts_with('\n') ? 1 : 0);
  value.remove_suffix(value.ends_with("\r\n") ? 2 : value.ends_with('\n') ? 1 : 0);
  return value;
}

// Whether no more line ends stand around a value than belong to the form.
bool IsBare(std::string_view value) {
  value = WithoutLineEnds(value);
  return !BeginsWithLineEnd(value) && !value.ends_with('\n');
}

// The parameters of one call: the tags from behind <function=NAME> to the call's own ending. Tags of calls inside
// values are left out of `tags`, so that neighbours in it are not always neighbours in the text.
class ParameterReader {
 public:
  struct Tag {
    CallTag tag;
    bool is_near;  // only white space lies between it and the tag before it in the text
  };
  // tags[0] is <parameter=; the last value ends at `end`, where a </parameter> stands if it `is_closed`. `tool`:
  // nullptr if nobody declared the function.
  ParameterReader(std::string_view text, std::vector<Tag> tags, std::size_t end, bool is_closed, const Json* tool)
      : text_(text),
        tags_(std::move(tags)),
        end_(end),
        is_closed_(is_closed),
        tool_(tool),
        schemas_(tool != nullptr ? ParametersOf(*tool) : nullptr) {
    next_close_.resize(tags_.size() + 1, tags_.size());
    next_parameter_.resize(tags_.size() + 1, tags_.size());
    for (std::size_t i = tags_.size(); i-- > 0;) {
      const bool is_close = KindOf(i) == TagKind::kParameterClose;
      next_close_[i] = is_close ? i : next_close_[i + 1];
      next_parameter_[i] = is_close || KindOf(i) == TagKind::kParameterOpen ? i : next_parameter_[i + 1];
      if (KindOf(i) == TagKind::kParameterOpen) ++num_named_[NameOf(i)];
      if (i == 0 || IsBoundary(i - 1)) separated_.insert(NameOf(i));
    }
  }

  // nullopt where a value could as well be two.
  std::optional<Json> Read() {
    std::vector<Json::Member> members;
    for (std::size_t at = 0; at < tags_.size();) {
      const std::size_t stop = EndOfValue(at);
      if (is_unclear_) return std::nullopt;
      std::string_view value = ValueUpTo(at, stop);
      if (stop < tags_.size() && KindOf(stop) == TagKind::kParameterOpen && BeginsLine(text_, tags_[stop].tag.begin))
        value.remove_suffix(value.size() - value.find_last_not_of(" \t") - 1);  // that tag's indentation
      Json typed = schemas_.Typed(NameOf(at), WithoutLineEnds(value));
      const auto [entry, is_new] = given_.try_emplace(NameOf(at), members.size());
      if (is_new) {
        members.emplace_back(std::string(NameOf(at)), std::move(typed));
      } else {
        members[entry->second].second = std::move(typed);
      }
      at = stop < tags_.size() && KindOf(stop) == TagKind::kParameterClose ? stop + 1 : stop;
    }
    return Json::Object(std::move(members));
  }

 private:
  // Numbers that a value may hold are short; so this is enough to see one, and bounds the work.
  static constexpr std::size_t kLongestRepeated = 4096;

  [[nodiscard]] TagKind KindOf(std::size_t i) const { return tags_[i].tag.kind; }
  [[nodiscard]] std::string_view NameOf(std::size_t i) const {
    return tool_ != nullptr ? BareName(tags_[i].tag.name) : tags_[i].tag.name;
  }
  // Whether tag i is a </parameter> with <parameter= behind it.
  [[nodiscard]] bool IsBoundary(std::size_t i) const {
    return KindOf(i) == TagKind::kParameterClose && i + 1 < tags_.size() && tags_[i + 1].is_near &&
           KindOf(i + 1) == TagKind::kParameterOpen;
  }
  // What parameter `at` holds if its value ends at tag `stop`.
  [[nodiscard]] std::string_view ValueUpTo(std::size_t at, std::size_t stop) const {
    const std::size_t begin = tags_[at].tag.end;
    return text_.substr(begin, (stop < tags_.size() ? tags_[stop].tag.begin : end_) - begin);
  }

  // The tag that ends the value of the parameter at tag `at`: its </parameter>, or the next parameter where that was
  // forgotten; the number of tags for the last value.
  [[nodiscard]] std::size_t EndOfValue(std::size_t at) {
    text_begin_ = SkipSpace(text_, tags_[at].tag.end);
    int num_open = 0;  // <tool_call> and <function= in the value that are not closed there
    for (std::size_t i = at + 1; i < tags_.size(); ++i) {
      if (IsBoundary(i) && BeginsParameter(i + 1, at)) return i;
      const TagKind kind = KindOf(i);
      if (kind == TagKind::kParameterOpen && num_open == 0) {
        const Separation separation = SeparationAt(i, at);
        is_unclear_ = separation == Separation::kUnclear;
        if (separation != Separation::kNone) return i;
      }
      if (kind == TagKind::kCallOpen || kind == TagKind::kFunctionOpen) ++num_open;
      if (num_open > 0 && (kind == TagKind::kCallClose || kind == TagKind::kFunctionClose)) --num_open;
    }
    return tags_.size();
  }

  // Whether the parameter at tag i, which follows </parameter>, is one of this call and not a part of the value of
  // `at`: it is no other's name twice, nor unknown to a tool that says it has no more parameters.
  [[nodiscard]] bool BeginsParameter(std::size_t i, std::size_t at) const {
    const std::string_view name = NameOf(i);
    const bool is_repeated = name == NameOf(at) || given_.contains(name);
    const bool is_unknown = schemas_.is_closed() && !schemas_.Declares(name);
    if (!is_repeated && !is_unknown) return true;
    const std::string_view value = ValueUpTo(at, i - 1);
    return value.size() <= kLongestRepeated && !schemas_.Typed(NameOf(at), value).IsString();
  }

  enum class Separation { kNone, kSure, kUnclear };

  // Whether the parameter at tag i, which no </parameter> stands before, begins where that of `at` was forgotten: a
  // parameter that the tool declares, that comes nowhere else in the call, and that has no </parameter> of its own
  // inside the value of `at`. Besides, it begins a line, or what it holds is of its type where that is not text.
  [[nodiscard]] Separation SeparationAt(std::size_t i, std::size_t at) const {
    const std::string_view name = NameOf(i);
    if (tool_ == nullptr || name == NameOf(at) || given_.contains(name) || separated_.contains(name) ||
        !schemas_.Declares(name))
      return Separation::kNone;
    if (!schemas_.AdmitsText(NameOf(at)) && Fits(at, i)) return Separation::kSure;
    if (const std::size_t close = next_close_[i]; close < tags_.size()) {
      if (!IsBoundary(close)) return Separation::kNone;
      const std::string_view next = NameOf(close + 1);
      if (next == NameOf(at) || given_.contains(next)) return Separation::kNone;
    }
    const std::size_t stop = next_parameter_[i + 1];
    const bool begins_line = BeginsLine(text_, tags_[i].tag.begin);
    const bool fits = Fits(i, stop);
    if (!fits && !begins_line) return Separation::kNone;
    const bool is_missed = schemas_.Requires(name);
    const bool is_empty = text_begin_ >= tags_[i].tag.begin;
    const bool is_fit = fits || is_missed || schemas_.AdmitsText(name);
    // What is of no type is no value, where nothing else says that it is one.
    const std::string_view value = ValueUpTo(i, stop);
    const bool has_lines = BeginsWithLineEnd(value) && SkipSpace(value, 0) < value.size();
    if (!is_fit && (is_empty || !has_lines)) return Separation::kNone;
    const bool is_whole = begins_line || IsBare(value);
    const bool is_clear = is_fit && is_whole && (!is_empty || is_missed) && num_named_.at(name) == 1;
    return is_clear && !IsInlineIn(i, at, stop) ? Separation::kSure : Separation::kUnclear;
  }
  // Whether `at` is written on lines of its own, to the </parameter> at tag `stop`, and the parameter at tag i is not:
  // then that </parameter> looks like the one of `at`.
  [[nodiscard]] bool IsInlineIn(std::size_t i, std::size_t at, std::size_t stop) const {
    const bool is_close = stop < tags_.size() ? KindOf(stop) == TagKind::kParameterClose : is_closed_;
    return is_close && BeginsWithLineEnd(ValueUpTo(at, i)) && !BeginsWithLineEnd(ValueUpTo(i, stop)) &&
           ValueUpTo(i, stop).ends_with('\n');
  }
  // Whether what parameter `at` holds, if it ends at tag `stop`, is of its type, and that is not text.
  [[nodiscard]] bool Fits(std::size_t at, std::size_t stop) const {
    const std::string_view value = ValueUpTo(at, stop);
    return value.size() <= kLongestRepeated && schemas_.Fits(NameOf(at), value);
  }

  std::string_view text_;
  std::vector<Tag> tags_;
  std::size_t end_;
  bool is_closed_;
  const Json* tool_;
  ParameterSchemas schemas_;
  std::size_t text_begin_ = 0;                               // where the value read last is more than white space
  bool is_unclear_ = false;                                  // the value read last could as well be two
  std::vector<std::size_t> next_close_;                      // for each tag, the first </parameter> from it on
  std::vector<std::size_t> next_parameter_;                  // the same of </parameter> and <parameter=
  std::unordered_map<std::string_view, int> num_named_;      // how many <parameter= have this name
  std::unordered_set<std::string_view> separated_;           // names that follow </parameter> or begin the call
  std::unordered_map<std::string_view, std::size_t> given_;  // names of the values read so far, and their places
};

class CallReader {
 public:
  CallReader(std::string_view text, const std::vector<Json>& tools, CallScope scope, ReplyEnd end)
      : text_(text), tools_(tools), scope_(scope), is_whole_(end == ReplyEnd::kWhole) {
    FindTags();
    CountDepths();
  }

  std::vector<ReplyPart> Run() {
    std::size_t from = 0;
    std::size_t given = 0;
    while (from != kNowhere) {
      const CallOpening opening = FindOpening(text_, from, tools_, scope_);
      if (opening.kind == CallOpening::Kind::kNone || opening.kind == CallOpening::Kind::kUndecided) break;
      Outcome outcome =
          opening.kind == CallOpening::Kind::kJson ? ReadJsonCall(opening.body) : ReadFunctionCall(opening);
      from = outcome.end;
      if (!outcome.call.has_value()) continue;
      AddText(given, opening.begin);
      parts_.push_back(
          {text_.substr(opening.begin, from - opening.begin), std::move(outcome.call), opening.body - opening.begin});
      given = from;
    }
    AddText(given, text_.size());
    return std::move(parts_);
  }

 private:
  struct Outcome {
    std::optional<ToolCall> call;
    std::size_t end;  // where reading goes on; kNowhere: no calls follow
  };
  // The tags that end a call.
  struct Ending {
    std::size_t first;  // index of the first of them: the last value ends before it
    std::size_t end;    // offset behind them
    bool has_parameter_close;
    bool has_function_close;
    bool has_call_close;
    bool ends_reply;
    bool is_followed;  // by another call
  };

  void FindTags() {
    std::size_t last_end = kNowhere;
    for (std::size_t from = 0; from < text_.size();) {
      const CallTag tag = FindTag(text_, from);
      if (tag.kind == TagKind::kNone) break;
      tags_.push_back(tag);
      is_near_.push_back(last_end != kNowhere && IsNear(last_end, tag.begin));
      from = last_end = tag.end;
    }
  }
  [[nodiscard]] bool IsNear(std::size_t end, std::size_t begin) const {
    return begin - end <= kMaxTagGap && SkipSpace(text_, end) >= begin;
  }
  // The kind of the tag before or behind tag i, if only white space lies between.
  [[nodiscard]] TagKind Before(std::size_t i) const { return is_near_[i] ? tags_[i - 1].kind : TagKind::kNone; }
  [[nodiscard]] TagKind Behind(std::size_t i) const {
    return i + 1 < tags_.size() && is_near_[i + 1] ? tags_[i + 1].kind : TagKind::kNone;
  }

  // 1 for the tag that begins a call, -1 for the first that may end one.
  [[nodiscard]] int StepOf(std::size_t i) const {
    const TagKind before = Before(i);
    const TagKind behind = Behind(i);
    switch (tags_[i].kind) {
      case TagKind::kFunctionOpen: {
        const bool begins =
            behind == TagKind::kParameterOpen || behind == TagKind::kFunctionClose || behind == TagKind::kCallClose;
        return begins ? 1 : 0;
      }
      case TagKind::kFunctionClose: {
        const bool ends =
            before == TagKind::kParameterClose || before == TagKind::kFunctionOpen || behind == TagKind::kCallClose;
        return ends ? -1 : 0;
      }
      case TagKind::kCallClose:
        return before == TagKind::kParameterClose || before == TagKind::kFunctionOpen ? -1 : 0;
      default:
        return 0;
    }
  }

  // Whether a </function> is followed by </tool_call>, another call or the reply's end. If not, it is a part of a
  // value, unless a call is open that no <tool_call> began.
  [[nodiscard]] bool IsFollowed(std::size_t i) const {
    const TagKind behind = Behind(i);
    return behind == TagKind::kCallClose || behind == TagKind::kCallOpen || behind == TagKind::kFunctionOpen ||
           SkipSpace(text_, tags_[i].end) == text_.size();
  }

  // Whether a whole reply ends with this tag, at the beginning of a line, though more tags should follow or stand
  // before it: the model has forgotten them.
  [[nodiscard]] bool EndsReplyEarly(std::size_t i) const {
    const CallTag& tag = tags_[i];
    const bool ends_call = tag.kind == TagKind::kFunctionClose || tag.kind == TagKind::kCallClose;
    if (tag.kind != TagKind::kParameterClose && !(ends_call && Before(i) == TagKind::kNone)) return false;
    return is_whole_ && SkipSpace(text_, tag.end) == text_.size() && BeginsLine(text_, tag.begin);
  }

  void CountDepths() {
    const std::size_t count = tags_.size();
    steps_.resize(count);
    depth_.resize(count);
    lowest_.resize(count);
    std::vector<bool> open;  // for each call begun, whether by <tool_call>
    int depth = 0;
    for (std::size_t i = 0; i < count; ++i) {
      steps_[i] = StepOf(i);
      if (steps_[i] > 0) open.push_back(Before(i) == TagKind::kCallOpen);
      if (steps_[i] < 0 && tags_[i].kind == TagKind::kFunctionClose) {
        const bool ends_value = Before(i) == TagKind::kParameterClose || Before(i) == TagKind::kFunctionOpen;
        const bool is_counted = ends_value ? IsFollowed(i) || (!open.empty() && !open.back()) : !open.empty();
        if (!is_counted) steps_[i] = 0;
      }
      if (steps_[i] == 0 && !open.empty() && EndsReplyEarly(i)) steps_[i] = -1;
      if (steps_[i] < 0 && !open.empty()) open.pop_back();
      depth_[i] = depth += steps_[i];
    }
    for (std::size_t i = count; i-- > 0;)
      lowest_[i] = i + 1 == count || depth_[i] <= depth_[lowest_[i + 1]] ? i : lowest_[i + 1];
  }

  // The first tag of the ending of the call whose <function=NAME> is tag i, its </parameter> left out.
  [[nodiscard]] std::optional<std::size_t> ClosingOf(std::size_t i) const {
    const TagKind behind = Behind(i);
    if (behind == TagKind::kFunctionClose || behind == TagKind::kCallClose) return i + 1;  // no parameters
    if (i + 1 >= tags_.size()) return std::nullopt;
    const std::size_t at = lowest_[i + 1];
    if (depth_[at] >= depth_[i]) return std::nullopt;
    // An ending, a beginning, and an ending too many: the first ending is a part of this value, or the last one a part
    // of the other call's. There is no telling.
    bool is_behind_ending = false;
    for (std::size_t k = i + 1; k < at; ++k) {
      is_behind_ending = is_behind_ending || depth_[k] < depth_[i];
      if (is_behind_ending && steps_[k] > 0 && depth_[k] <= depth_[i]) return std::nullopt;
    }
    return at;
  }

  [[nodiscard]] Ending EndingAt(std::size_t closing) const {
    Ending ending{};
    std::size_t last = closing;
    ending.has_function_close = tags_[closing].kind == TagKind::kFunctionClose;
    ending.has_call_close = tags_[closing].kind == TagKind::kCallClose;
    if (ending.has_function_close && Behind(closing) == TagKind::kCallClose) {
      ending.has_call_close = true;
      ++last;
    }
    const bool is_parameter_close = tags_[closing].kind == TagKind::kParameterClose;
    ending.has_parameter_close = is_parameter_close || Before(closing) == TagKind::kParameterClose;
    ending.first = ending.has_parameter_close && !is_parameter_close ? closing - 1 : closing;
    ending.end = tags_[last].end;
    ending.ends_reply = SkipSpace(text_, ending.end) == text_.size();
    ending.is_followed = Behind(last) == TagKind::kCallOpen || Behind(last) == TagKind::kFunctionOpen;
    return ending;
  }

  // Whether the call is written well enough: exactly if nobody declared the function; else so that its last value can
  // hardly be a part of what the model meant.
  [[nodiscard]] bool IsEnough(const Ending& ending, bool has_values, bool is_wrapped, bool is_declared) const {
    const bool is_value_closed = ending.has_parameter_close || !has_values;
    if (!is_declared) return is_value_closed && ending.has_function_close && ending.has_call_close && is_wrapped;
    if (ending.has_call_close || ending.is_followed) return true;
    return is_whole_ && (ending.ends_reply || !is_wrapped);
  }

  // Whether a call with two endings forgotten is still certain: all parameters are there that it must have, and the
  // last of them cannot go on.
  static bool IsWhole(const Ending& ending, const Json& arguments, const Json* tool) {
    const int num_endings = ending.has_parameter_close + ending.has_function_close + ending.has_call_close;
    if (num_endings > 1 || tool == nullptr) return true;
    const ParameterSchemas schemas(ParametersOf(*tool));
    const bool may_go_on = !ending.has_parameter_close && schemas.AdmitsText(arguments.members().back().first);
    return !may_go_on && schemas.AreEnough(arguments);
  }

  Outcome ReadFunctionCall(const CallOpening& opening) {
    while (tags_[next_].end < opening.body) ++next_;
    const std::size_t function = next_;
    const auto closing = ClosingOf(function);
    if (!closing.has_value()) return {std::nullopt, kNowhere};  // its values are not whole, nor are calls inside them
    const Ending ending = EndingAt(*closing);
    const bool is_wrapped = text_[opening.begin + 1] == 't';
    const bool has_values = Behind(function) == TagKind::kParameterOpen;
    const Json* tool = FindTool(tools_, opening.name);
    if (!IsEnough(ending, has_values, is_wrapped, tool != nullptr))
      return {std::nullopt, tool != nullptr ? kNowhere : ending.end};
    ToolCall call;
    call.name = opening.name;
    if (has_values) {
      ParameterReader reader(text_, TagsOutsideCalls(function + 1, ending.first), tags_[ending.first].begin,
                             ending.has_parameter_close, tool);
      auto arguments = reader.Read();
      if (!arguments.has_value()) return {std::nullopt, kNowhere};
      call.arguments = *std::move(arguments);
      if (!IsWhole(ending, call.arguments, tool)) return {std::nullopt, kNowhere};
    }
    return {std::move(call), ending.end};
  }

  // The tags [begin, end) without those of whole calls among them.
  [[nodiscard]] std::vector<ParameterReader::Tag> TagsOutsideCalls(std::size_t begin, std::size_t end) const {
    std::vector<ParameterReader::Tag> tags;
    std::vector<std::size_t> open;  // how many tags there were when a call began
    bool is_behind_call = false;
    for (std::size_t i = begin; i < end; ++i) {
      const int step = steps_[i];
      if (step > 0) open.push_back(tags.size());
      if (step < 0 && !open.empty()) {
        tags.resize(open.back());
        open.pop_back();
        is_behind_call = true;
      } else {
        tags.push_back({tags_[i], is_near_[i] && !is_behind_call});
        is_behind_call = false;
      }
    }
    return tags;
  }

  Outcome ReadJsonCall(std::size_t begin) const {
    std::size_t end = begin;
    ObjectScan scan;
    if (!scan.Advance(text_, &end)) return {std::nullopt, kNowhere};
    auto call = ParseJsonCall(text_.substr(begin, end - begin), tools_);
    constexpr std::string_view kCallClose = "</tool_call>";
    if (const std::size_t next = SkipSpace(text_, end); text_.substr(next).starts_with(kCallClose))
      end = next + kCallClose.size();
    return {std::move(call), end};
  }

  void AddText(std::size_t begin, std::size_t end) {
    if (end > begin) parts_.push_back({text_.substr(begin, end - begin), std::nullopt, 0});
  }

  std::string_view text_;
  const std::vector<Json>& tools_;
  CallScope scope_;
  bool is_whole_;
  std::vector<CallTag> tags_;
  std::vector<bool> is_near_;        // only white space lies between a tag and the one before it
  std::vector<int> steps_;           // 1 for each tag that begins a call, -1 for each that ends one
  std::vector<int> depth_;           // calls begun less calls ended, behind each tag
  std::vector<std::size_t> lowest_;  // for each tag, the first of the tags from it on behind which depth_ is lowest
  std::size_t next_ = 0;             // tags before it lie before the last opening
  std::vector<ReplyPart> parts_;
};

}  // namespace

std::vector<ReplyPart> ReadCalls(std::string_view text, const std::vector<Json>& tools, CallScope scope, ReplyEnd end) {
  return CallReader(text, tools, scope, end).Run();
}

}  // namespace thimble
