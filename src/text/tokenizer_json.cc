// SPDX-License-Identifier: Apache-2.0
// TokenizerSource from a Hugging Face tokenizer.json, read as a stream: vocabulary and merges go straight to their
// lists, the small settings around them become Json values.
#include "base/text.h"
#include "text/pretokenize.h"
#include "text/tokenizer_source.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

namespace thimble {
namespace {

constexpr std::string_view kPlace = "tokenizer.json";
// Settings and added tokens of real files have a few hundred values, of heavily extended ones some ten thousand.
constexpr std::size_t kMaxSettings = std::size_t{1} << 18;

Error Corrupt(const std::string& message) { return Error{Code::kCorrupt, Cat("[", kPlace, "] ", message)}; }
Error Unsupported(const std::string& message) { return Error{Code::kUnsupported, Cat("[", kPlace, "] ", message)}; }

// Puts events together to one Json value.
class ValueBuilder {
 public:
  // True when the value is complete.
  bool Scalar(Json value) {
    if (open_.empty()) {
      result_ = std::move(value);
      return true;
    }
    Level& level = open_.back();
    if (level.is_object) {
      level.members.emplace_back(std::move(level.key), std::move(value));
    } else {
      level.items.push_back(std::move(value));
    }
    return false;
  }
  void Key(std::string&& key) { open_.back().key = std::move(key); }
  void Begin(bool is_object) { open_.push_back({is_object, {}, {}, {}}); }
  bool End() {
    Level level = std::move(open_.back());
    open_.pop_back();
    return Scalar(level.is_object ? Json::Object(std::move(level.members)) : Json::Array(std::move(level.items)));
  }
  Json Take() { return std::exchange(result_, Json()); }

 private:
  struct Level {
    bool is_object = false;
    std::string key;
    std::vector<Json::Member> members;
    std::vector<Json> items;
  };
  std::vector<Level> open_;
  Json result_;
};

class Reader final : public JsonSink {
 public:
  explicit Reader(TokenizerSource* source) : source_(*source) {}

  bool Null() override { return Scalar(Json()); }
  bool Bool(bool value) override { return Scalar(Json::Bool(value)); }
  bool Number(std::string_view literal) override {
    if (where_ == Where::kVocab) return AddToken(literal);
    const std::optional<std::int32_t> id = ParseId(literal);
    // Only ids are read as numbers; any other spelling is kept as text for messages.
    return Scalar(id.has_value() ? Json::Integer(*id) : Json::String(std::string(literal)));
  }
  bool String(std::string&& value) override {
    if (where_ == Where::kMerges) return AddMerge(value);
    if (where_ == Where::kMergePair) return AddMergePart(value);
    return Scalar(Json::String(std::move(value)));
  }
  bool Key(std::string&& key) override {
    if (where_ == Where::kVocab) {
      key_ = source_.strings.Keep(key);
    } else if (where_ == Where::kTop || where_ == Where::kModel) {
      name_ = where_ == Where::kModel ? Cat("model.", key) : key;
    } else if (where_ == Where::kSetting) {
      builder_.Key(std::move(key));
    }
    return true;
  }
  bool BeginObject() override { return Begin(true); }
  bool BeginArray() override { return Begin(false); }
  bool EndObject() override { return End(); }
  bool EndArray() override { return End(); }

  // Why reading was stopped, if it was.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  // null when the file does not say.
  [[nodiscard]] Json Setting(const std::string& name) const {
    const auto found = settings_.find(name);
    return found == settings_.end() ? Json() : found->second;
  }
  [[nodiscard]] bool has_vocab() const { return has_vocab_; }
  [[nodiscard]] bool has_merges() const { return has_merges_; }

 private:
  enum class Where { kStart, kTop, kModel, kVocab, kMerges, kMergePair, kSetting, kSkipped };

  bool Stop(Error error) {
    error_ = std::move(error);
    return false;
  }

  static std::optional<std::int32_t> ParseId(std::string_view literal) {
    std::int32_t id = -1;
    const auto [end, problem] = std::from_chars(literal.data(), literal.data() + literal.size(), id);
    if (problem != std::errc() || end != literal.data() + literal.size()) return std::nullopt;
    if (id < 0 || id >= kMaxTokenIds) return std::nullopt;
    return id;
  }

  bool AddToken(std::string_view literal) {
    const std::optional<std::int32_t> id = ParseId(literal);
    if (!id.has_value()) {
      return Stop(Corrupt(Cat("model.vocab must map tokens to ids from 0 to ", kMaxTokenIds - 1, ", found ", literal,
                              " for '", EscapeControls(key_), "'")));
    }
    source_.tokens.push_back({*id, key_});
    return true;
  }
  bool AddMerge(std::string_view rule) {
    if (rule.starts_with("#version")) return true;  // a header line of old merges.txt files
    const std::size_t space = rule.find(' ');
    if (space == std::string_view::npos) return StopAtMerge();
    const std::string_view kept = source_.strings.Keep(rule);
    source_.merges.push_back({kept.substr(0, space), kept.substr(space + 1)});
    return true;
  }
  bool AddMergePart(std::string_view part) {
    if (num_parts_ >= parts_.size()) return StopAtMerge();
    parts_[num_parts_++] = source_.strings.Keep(part);
    return true;
  }
  bool StopAtMerge() {
    return Stop(Corrupt(Cat("merge ", source_.merges.size(), " must be two tokens, as \"a b\" or as [\"a\", \"b\"]")));
  }

  bool Scalar(Json value) {
    switch (where_) {
      case Where::kStart:
        return Stop(Corrupt("an object was expected"));
      case Where::kVocab:
        return Stop(Corrupt("model.vocab must map tokens to ids"));
      case Where::kMerges:
      case Where::kMergePair:
        return StopAtMerge();
      case Where::kSkipped:
        return true;
      case Where::kTop:
      case Where::kModel:
        return CountSetting() && Keep(std::move(value));
      case Where::kSetting:
        if (!CountSetting()) return false;
        builder_.Scalar(std::move(value));
        return true;
    }
    return true;
  }
  bool CountSetting() {
    if (++num_settings_ <= kMaxSettings) return true;
    return Stop(Unsupported(Cat("more than ", kMaxSettings, " settings and added tokens")));
  }
  bool Keep(Json value) {
    settings_[name_] = std::move(value);
    return true;
  }

  bool Begin(bool is_object) {
    switch (where_) {
      case Where::kStart:
        if (!is_object) return Stop(Corrupt("an object was expected"));
        where_ = Where::kTop;
        return true;
      case Where::kTop:
        if (name_ == "model" && is_object) {
          where_ = Where::kModel;
          return true;
        }
        return BeginValue(is_object, name_ == "added_tokens" || name_ == "normalizer" || name_ == "pre_tokenizer" ||
                                         name_ == "decoder");
      case Where::kModel:
        if (name_ == "model.vocab" && is_object) {
          has_vocab_ = true;
          where_ = Where::kVocab;
          return true;
        }
        if (name_ == "model.merges" && !is_object) {
          has_merges_ = true;
          where_ = Where::kMerges;
          return true;
        }
        return BeginValue(is_object, false);
      case Where::kVocab:
        return Stop(Corrupt("model.vocab must map tokens to ids"));
      case Where::kMerges:
        if (is_object) return StopAtMerge();
        where_ = Where::kMergePair;
        num_parts_ = 0;
        return true;
      case Where::kMergePair:
        return StopAtMerge();
      case Where::kSetting:
        if (!CountSetting()) return false;
        builder_.Begin(is_object);
        ++depth_;
        return true;
      case Where::kSkipped:
        ++depth_;
        return true;
    }
    return true;
  }
  bool BeginValue(bool is_object, bool is_setting) {
    outer_ = where_;
    where_ = is_setting ? Where::kSetting : Where::kSkipped;
    depth_ = 1;
    if (is_setting) builder_.Begin(is_object);
    return true;
  }

  bool End() {
    switch (where_) {
      case Where::kStart:
      case Where::kTop:
        where_ = Where::kStart;
        return true;
      case Where::kModel:
        where_ = Where::kTop;
        return true;
      case Where::kVocab:
      case Where::kMerges:
        where_ = Where::kModel;
        return true;
      case Where::kMergePair:
        if (num_parts_ != parts_.size()) return StopAtMerge();
        source_.merges.push_back({parts_[0], parts_[1]});
        where_ = Where::kMerges;
        return true;
      case Where::kSetting:
      case Where::kSkipped:
        const bool is_setting = where_ == Where::kSetting;
        if (is_setting) builder_.End();
        if (--depth_ > 0) return true;
        where_ = outer_;
        return !is_setting || Keep(builder_.Take());
    }
    return true;
  }

  TokenizerSource& source_;
  Where where_ = Where::kStart;
  Where outer_ = Where::kTop;  // of a setting or a skipped value
  int depth_ = 0;              // inside it
  std::string name_;           // of the setting being read: "normalizer", "model.dropout"
  std::string_view key_;       // of the vocabulary entry being read
  std::array<std::string_view, 2> parts_;
  std::size_t num_parts_ = 0;
  std::size_t num_settings_ = 0;
  ValueBuilder builder_;
  std::map<std::string, Json> settings_;
  std::optional<Error> error_;
  bool has_vocab_ = false;
  bool has_merges_ = false;
};

// The text under `key`, "" when it is missing or no text.
std::string TextOf(const Json& object, std::string_view key) {
  const Json* value = object.Find(key);
  return value != nullptr ? value->AsString().value_or("") : "";
}
bool FlagOf(const Json& object, std::string_view key, bool otherwise) {
  const Json* value = object.Find(key);
  return value != nullptr ? value->AsBool().value_or(otherwise) : otherwise;
}
// For messages: short and printable.
std::string Shown(const Json& value) {
  constexpr std::size_t kMaxShown = 300;
  std::string text = value.Dump();
  if (text.size() > kMaxShown) text = Cat(text.substr(0, kMaxShown), "...");
  return EscapeControls(text);
}

// The steps of a "Sequence" (under `list`), or the one step itself; none for null.
std::vector<const Json*> StepsOf(const Json& setting, std::string_view list) {
  std::vector<const Json*> steps;
  if (setting.IsNull()) return steps;
  const Json* sequence = TextOf(setting, "type") == "Sequence" ? setting.Find(list) : nullptr;
  if (sequence == nullptr) return {&setting};
  for (const Json& step : sequence->items()) steps.push_back(&step);
  return steps;
}

Status CheckModel(const Reader& reader, TokenizerSource* source) {
  const Json type = reader.Setting("model.type");
  // Files of the first years do not name the type.
  if (!type.IsNull() && type.AsString() != "BPE") {
    return Unsupported(Cat("model.type must be \"BPE\", found ", Shown(type)));
  }
  if (!reader.has_vocab() || source->tokens.empty()) {
    return Error{Code::kNotFound, Cat("[", kPlace, "] model.vocab is missing or empty: the vocabulary is not here")};
  }
  if (!reader.has_merges()) {
    return Error{Code::kNotFound, Cat("[", kPlace, "] model.merges is missing: text cannot be cut into tokens")};
  }
  for (const char* name : {"model.continuing_subword_prefix", "model.end_of_word_suffix"}) {
    const Json affix = reader.Setting(name);
    if (!affix.IsNull() && affix.AsString() != "")
      return Unsupported(Cat(name, " must be empty, found ", Shown(affix)));
  }
  source->ignores_merges = reader.Setting("model.ignore_merges").AsBool().value_or(false);
  return Done{};
}

Status CheckNormalizer(const Json& normalizer, TokenizerSource* source) {
  source->normalizes = false;
  for (const Json* step : StepsOf(normalizer, "normalizers")) {
    if (TextOf(*step, "type") != "NFC") {
      return Unsupported(Cat("normalizer must be NFC as in Qwen 3.5, found ", Shown(*step)));
    }
    source->normalizes = true;
  }
  return Done{};
}

Status CheckPreTokenizer(const Json& pre_tokenizer) {
  const std::vector<const Json*> steps = StepsOf(pre_tokenizer, "pretokenizers");
  if (steps.size() != 2) {
    return Unsupported(Cat("pre_tokenizer must be Qwen 3.5's Split and ByteLevel, found ", Shown(pre_tokenizer)));
  }
  const Json& split = *steps[0];
  const Json* pattern = split.Find("pattern");
  const std::string rule = pattern != nullptr ? TextOf(*pattern, "Regex") : "";
  if (TextOf(split, "type") != "Split" || TextOf(split, "behavior") != "Isolated" || FlagOf(split, "invert", false) ||
      rule != kSplitRule) {
    return Unsupported(Cat("pre_tokenizer must split by Qwen 3.5's rule, found ", Shown(split)));
  }
  const Json& bytes = *steps[1];
  if (TextOf(bytes, "type") != "ByteLevel" || FlagOf(bytes, "add_prefix_space", true) ||
      FlagOf(bytes, "use_regex", true)) {
    return Unsupported(
        Cat("pre_tokenizer must end in ByteLevel without prefix space and without regex, found ", Shown(bytes)));
  }
  return Done{};
}

Status ReadAdded(const Json& list, TokenizerSource* source) {
  if (list.IsNull()) return Done{};
  if (!list.IsArray()) return Corrupt(Cat("added_tokens must be a list, found ", Shown(list)));
  for (const Json& item : list.items()) {
    const Json* id = item.Find("id");
    const std::optional<std::int64_t> number = id != nullptr ? id->AsInt() : std::nullopt;
    const std::string text = TextOf(item, "content");
    if (!number.has_value() || text.empty()) {
      return Corrupt(
          Cat("an added token needs an id from 0 to ", kMaxTokenIds - 1, " and a content, found ", Shown(item)));
    }
    source->added.push_back(
        {static_cast<std::int32_t>(*number), source->strings.Keep(text), FlagOf(item, "special", false)});
    for (const char* flag : {"single_word", "lstrip", "rstrip"}) {
      if (!FlagOf(item, flag, false)) continue;
      source->warnings.push_back(
          Cat("added token '", EscapeControls(text), "' asks for ", flag, ", which is not followed"));
    }
  }
  return Done{};
}

// A token named as text or as {"content": text}.
std::string TokenText(const Json* value) {
  if (value == nullptr) return "";
  return value->IsObject() ? TextOf(*value, "content") : value->AsString().value_or("");
}

}  // namespace

std::string_view StringStore::Keep(std::string_view text) {
  constexpr std::size_t kBlockBytes = std::size_t{1} << 18;
  if (text.empty()) return {};
  if (text.size() > left_bytes_) {
    const std::size_t size = std::max(kBlockBytes, text.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    next_ = blocks_.back().get();
    left_bytes_ = size;
  }
  std::memcpy(next_, text.data(), text.size());
  const std::string_view kept(next_, text.size());
  next_ += text.size();
  left_bytes_ -= text.size();
  return kept;
}

Result<TokenizerSource> ReadTokenizerJson(std::string_view json) {
  TokenizerSource source;
  Reader reader(&source);
  const Status status = ParseJson(json, kPlace, &reader);
  if (!status.ok()) return reader.error().value_or(status.error());
  THIMBLE_RETURN_IF_ERROR(CheckModel(reader, &source));
  THIMBLE_RETURN_IF_ERROR(CheckNormalizer(reader.Setting("normalizer"), &source));
  THIMBLE_RETURN_IF_ERROR(CheckPreTokenizer(reader.Setting("pre_tokenizer")));
  THIMBLE_RETURN_IF_ERROR(ReadAdded(reader.Setting("added_tokens"), &source));
  const Json decoder = reader.Setting("decoder");
  if (!decoder.IsNull() && TextOf(decoder, "type") != "ByteLevel") {
    source.warnings.push_back(
        Cat("tokenizer.json asks for another decoder than ByteLevel, which is not followed: ", Shown(decoder)));
  }
  return source;
}

void ReadEndTokens(std::string_view tokenizer_config, std::string_view generation_config, TokenizerSource* source) {
  if (!tokenizer_config.empty()) {
    const auto config = Json::Parse(tokenizer_config, "tokenizer_config.json");
    if (config.ok()) {
      std::string text = TokenText(config.value().Find("eos_token"));
      if (!text.empty()) source->end_texts.push_back(std::move(text));
    } else {
      source->warnings.push_back(config.error().message);
    }
  }
  if (generation_config.empty()) return;
  const auto config = Json::Parse(generation_config, "generation_config.json");
  if (!config.ok()) {
    source->warnings.push_back(config.error().message);
    return;
  }
  const Json* end = config.value().Find("eos_token_id");
  if (end == nullptr) return;
  const std::vector<Json> ids = end->IsArray() ? end->items() : std::vector<Json>{*end};
  for (const Json& id : ids) {
    const std::optional<std::int64_t> number = id.AsInt();
    if (!number.has_value() || *number < 0 || *number >= kMaxTokenIds) continue;
    source->end_ids.push_back(static_cast<std::int32_t>(*number));
  }
}

}  // namespace thimble
