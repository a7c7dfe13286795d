// SPDX-License-Identifier: Apache-2.0
// The one file that knows XGrammar. It throws; nothing but std::bad_alloc leaves this file (where a filter is used: the
// engine makes an error of it).
#include "grammar/token_masker.h"

#include "base/no_memory.h"
#include "base/outside_text.h"
#include "base/token_mask.h"
#include "grammar/ebnf_rules.h"
#include "grammar/schema_gate.h"
#include "grammar/tool_grammar.h"
#include "sys/background.h"
#include "sys/mutex.h"

#include <xgrammar/xgrammar.h>

#include <algorithm>
#include <exception>
#include <list>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// What XGrammar calls with its log (XGRAMMAR_LOG_CUSTOMIZE).
namespace xgrammar {
namespace {
constexpr int kWarning = 2;
// The first warning since somebody looked: what the library would leave out of a grammar, and go on.
thread_local std::optional<std::string> last_warning;
}  // namespace
[[noreturn]] void LogFatalImpl(const std::string& file, int line, const std::string& message);
void LogMessageImpl(const std::string& file, int line, int level, const std::string& message);

void LogFatalImpl(const std::string& /*file*/, int /*line*/, const std::string& message) {
  throw std::runtime_error(message);
}
void LogMessageImpl(const std::string& /*file*/, int /*line*/, int level, const std::string& message) {
  if (level >= kWarning && !last_warning.has_value()) last_warning = message;
}
}  // namespace xgrammar

namespace thimble {

namespace {

constexpr int kMaxBlanks = 2;  // in a row, between the parts of JSON
constexpr std::size_t kCacheBytes = 32U << 20;
constexpr std::int64_t kRuleCacheBytes = 48 << 20;  // XGrammar's own, of which a third is for parts of grammars
// What most schemas have in them; made once, in the background.
constexpr const char* kOrdinary =
    R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"string","minLength":1}},
  "b":{"type":"number"},"c":{"type":"string"}},"propertyNames":{"pattern":"[\\u002d0-9A-Z\\u005fa-z]*"}})";
constexpr std::string_view kThinkClose = "</think>";
constexpr std::string_view kBehindThinking = "\n\n";  // what the template has behind </think>

// What all filters of one tokenizer use.
struct Vocabulary {
  const Tokenizer* tokenizer = nullptr;
  std::optional<xgrammar::TokenizerInfo> info;
  TokenMask not_ends{0};  // every token that exists, but those that end a reply
  std::vector<std::int32_t> ends;
  std::optional<std::int32_t> gap;
};

class GrammarFilter : public TokenFilter {
 public:
  GrammarFilter(std::shared_ptr<const Vocabulary> vocabulary, const xgrammar::CompiledGrammar& grammar)
      : vocabulary_(std::move(vocabulary)),
        matcher_(grammar),
        words_(static_cast<std::size_t>(xgrammar::GetBitmaskSize(vocabulary_->info->GetVocabSize()))),
        mask_(vocabulary_->not_ends.size()) {}

  void Begin(bool starts_in_thinking) override {
    state_ = starts_in_thinking ? State::kThinking : State::kAnswer;
    is_current_ = false;
    is_behind_gap_ = false;
    thinking_.clear();
    forced_.clear();
    next_forced_ = 0;
    Guarded([&] { matcher_.Reset(); });
  }

  const TokenMask* Allowed() override {
    if (state_ == State::kThinking) return &vocabulary_->not_ends;
    if (is_current_) return &mask_;
    if (state_ == State::kGap) {
      Only(*vocabulary_->gap);
    } else {
      Guarded([&] { FillAnswer(); });
      if (state_ == State::kOver) Only(vocabulary_->ends[0]);
    }
    is_current_ = true;
    return &mask_;
  }

  void Accept(std::int32_t id) override {
    is_current_ = false;
    Guarded([&] { Take(id); });
  }

 private:
  enum class State { kThinking, kGap, kAnswer, kOver };

  // Where XGrammar gives up, the reply ends.
  template <typename Body>
  void Guarded(const Body& body) {
    try {
      body();
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception&) {
      state_ = State::kOver;
    }
  }

  void Only(std::int32_t id) {
    mask_.Assign({});
    mask_.Allow(id);
  }
  [[nodiscard]] bool IsEnd(std::int32_t id) const {
    return std::find(vocabulary_->ends.begin(), vocabulary_->ends.end(), id) != vocabulary_->ends.end();
  }

  void FillAnswer() {
    if (state_ != State::kAnswer) return;
    if (next_forced_ < forced_.size()) {
      Only(forced_[next_forced_]);
      return;
    }
    std::int64_t shape = static_cast<std::int64_t>(words_.size());
    DLTensor tensor{};
    tensor.data = words_.data();
    tensor.device = DLDevice{kDLCPU, 0};
    tensor.ndim = 1;
    tensor.dtype = DLDataType{kDLInt, 32, 1};
    tensor.shape = &shape;
    matcher_.FillNextTokenBitmask(&tensor);
    // Bits behind the last token are set, too.
    const auto rest = static_cast<std::uint32_t>(vocabulary_->info->GetVocabSize()) % 32;
    if (rest != 0) words_.back() &= (std::uint32_t{1} << rest) - 1;
    mask_.Assign(words_);
    std::size_t num_ends = 0;
    for (const std::int32_t end : vocabulary_->ends) num_ends += mask_.Allows(end) ? 1 : 0;
    if (mask_.count() == num_ends) state_ = State::kOver;  // nothing else is left, or nothing at all
    if (state_ == State::kAnswer && num_ends == 0) Force();
  }

  // Where the text can go on in one way only, the tokens that the tokenizer makes of it; but the last, which what
  // follows may become a part of.
  void Force() {
    constexpr std::size_t kFewest = 2;
    constexpr std::size_t kMost = 64;  // with more tokens to choose from there is more than one way
    if (mask_.count() < kFewest || mask_.count() > kMost) return;
    const std::string text = matcher_.FindJumpForwardString();
    if (text.size() < kFewest) return;
    forced_ = vocabulary_->tokenizer->Encode(text, AddedTokens::kRecognise);
    next_forced_ = 0;
    if (!forced_.empty() && !vocabulary_->tokenizer->IsAdded(forced_.back())) forced_.pop_back();
    if (forced_.empty() || !mask_.Allows(forced_[0])) {
      forced_.clear();
      return;
    }
    Only(forced_[0]);
  }

  void Take(std::int32_t id) {
    const std::string_view bytes = vocabulary_->tokenizer->TokenBytes(id);
    switch (state_) {
      case State::kThinking: {
        thinking_ += bytes;
        const std::size_t close = thinking_.find(kThinkClose);
        if (close == std::string::npos) {
          const std::size_t kept = kThinkClose.size() - 1;
          if (thinking_.size() > kept) thinking_.erase(0, thinking_.size() - kept);
          return;
        }
        state_ = vocabulary_->gap.has_value() ? State::kGap : State::kAnswer;
        const std::string rest = thinking_.substr(close + kThinkClose.size());
        is_behind_gap_ = true;
        if (!rest.empty()) TakeGap(rest);
        return;
      }
      case State::kGap:
        TakeGap(bytes);
        return;
      case State::kAnswer:
        TakeAnswer(id);
        return;
      case State::kOver:
        return;
    }
  }

  // What stands behind </think> and not in the answer.
  void TakeGap(std::string_view bytes) {
    state_ = State::kAnswer;
    const std::size_t begin = bytes.find_first_not_of('\n');
    is_behind_gap_ = begin == std::string_view::npos;
    if (is_behind_gap_) return;
    if (!matcher_.AcceptString(std::string(bytes.substr(begin)))) state_ = State::kOver;
  }

  void TakeAnswer(std::int32_t id) {
    // The line ends that the engine writes behind the </think> of its own may be more than one token.
    const std::string_view bytes = vocabulary_->tokenizer->TokenBytes(id);
    if (is_behind_gap_ && !bytes.empty() && bytes.find_first_not_of('\n') == std::string_view::npos) return;
    is_behind_gap_ = false;
    if (next_forced_ < forced_.size()) {
      next_forced_ = forced_[next_forced_] == id ? next_forced_ + 1 : forced_.size();
    }
    if (IsEnd(id) || !matcher_.AcceptToken(id)) state_ = State::kOver;
  }

  std::shared_ptr<const Vocabulary> vocabulary_;
  xgrammar::GrammarMatcher matcher_;
  State state_ = State::kAnswer;
  std::string thinking_;        // its end
  bool is_behind_gap_ = false;  // thinking is over, and nothing of the answer came yet
  std::vector<std::int32_t> forced_;
  std::size_t next_forced_ = 0;
  std::vector<std::uint32_t> words_;
  TokenMask mask_;
  bool is_current_ = false;
};

// The schema, or the tags with schemas in them, with a name in place of each string's pattern.
Json WithNames(const Json& what, std::vector<std::string>* patterns) {
  if (what.IsArray()) {
    std::vector<Json> items;
    for (const Json& item : what.items()) items.push_back(WithNames(item, patterns));
    return Json::Array(std::move(items));
  }
  if (!what.IsObject()) return what;
  const Json* type = what.Find("type");
  const bool is_string = type != nullptr && type->IsString() && type->text() == "string";
  std::vector<Json::Member> members;
  for (const auto& [word, value] : what.members()) {
    if (word == "enum") {
      members.emplace_back(word, value);
    } else if (word == "pattern" && is_string && value.IsString()) {
      members.emplace_back(word, Json::String(PatternName(patterns->size())));
      patterns->push_back(value.text());
    } else {
      members.emplace_back(word, WithNames(value, patterns));
    }
  }
  return Json::Object(std::move(members));
}

// What `body` returns; what it throws as an error.
template <typename Body>
auto Caught(const Body& body) -> decltype(body()) {
  try {
    xgrammar::last_warning.reset();
    auto result = body();
    if (result.ok() && xgrammar::last_warning.has_value())
      return Error{Code::kUnsupported,
                   "[grammar] not all of it would be enforced: " + Excerpt(*xgrammar::last_warning)};
    return result;
  } catch (const std::bad_alloc&) {
    return NoMemory();
  } catch (const std::exception& error) {
    return Error{Code::kUnsupported, "[grammar] cannot be made: " + Excerpt(error.what())};
  }
}

}  // namespace

struct TokenMasker::Work {
  struct Entry {
    std::string key;
    xgrammar::CompiledGrammar grammar;
    std::size_t bytes;
  };

  Status Prepare(const Tokenizer* tokenizer, std::size_t mask_size);
  Result<xgrammar::CompiledGrammar> GrammarFor(const GrammarRequest& request);
  Result<xgrammar::CompiledGrammar> Compile(const xgrammar::Grammar& grammar, std::span<const std::string> patterns);
  Result<xgrammar::CompiledGrammar> Kept(const std::string& key, const Json& what, bool is_tag);

  std::shared_ptr<const Vocabulary> vocabulary;  // const after `preparing`, with the next two
  std::optional<xgrammar::GrammarCompiler> compiler;
  std::optional<Error> failure;

  Mutex mutex;                                         // compiling is one at a time
  std::list<Entry> entries THIMBLE_GUARDED_BY(mutex);  // used last first
  std::size_t bytes THIMBLE_GUARDED_BY(mutex) = 0;

  Mutex waiting;                        // for `preparing`, which one thread at a time may wait for
  std::optional<Background> preparing;  // last: it uses the others
};

Status TokenMasker::Work::Prepare(const Tokenizer* tokenizer, std::size_t mask_size) {
  return Caught([&]() -> Status {
    auto made = std::make_shared<Vocabulary>();
    made->tokenizer = tokenizer;
    const auto ends = tokenizer->end_tokens();
    for (const std::int32_t end : ends) {
      if (static_cast<std::size_t>(end) < mask_size) made->ends.push_back(end);
    }
    if (made->ends.empty()) return Error{Code::kUnsupported, "[grammar] the tokenizer has no token that ends a reply"};
    made->not_ends = TokenMask(mask_size);
    const int num_ids =
        static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(tokenizer->num_ids()), mask_size));
    std::vector<std::string> texts(static_cast<std::size_t>(num_ids));
    for (std::int32_t id = 0; id < num_ids; ++id) {
      const bool is_end = std::find(made->ends.begin(), made->ends.end(), id) != made->ends.end();
      if (!tokenizer->Exists(id) || is_end) continue;
      made->not_ends.Allow(id);
      // Without a text they are never written.
      const std::string_view text = tokenizer->TokenBytes(id);
      if (tokenizer->IsSpecial(id) || (tokenizer->IsAdded(id) && text.ends_with("think>"))) continue;
      texts[static_cast<std::size_t>(id)] = text;
    }
    const auto gap = tokenizer->Encode(kBehindThinking, AddedTokens::kPlainText);
    if (gap.size() == 1) made->gap = gap[0];
    made->info.emplace(texts, xgrammar::VocabType::RAW, num_ids, made->ends);
    compiler.emplace(*made->info, 1, true, kRuleCacheBytes);
    vocabulary = std::move(made);
    (void)Compile(xgrammar::Grammar::FromJSONSchema(kOrdinary, true, std::nullopt, std::nullopt, false, kMaxBlanks),
                  {});
    return Done{};
  });
}

Result<xgrammar::CompiledGrammar> TokenMasker::Work::Compile(const xgrammar::Grammar& grammar,
                                                             std::span<const std::string> patterns) {
  const std::string rules = TightenJsonRules(grammar.ToString(), patterns);
  if (rules.empty())
    return Error{Code::kUnsupported, "[grammar] this is not the XGrammar that Thimble was written for"};
  return compiler->CompileGrammar(xgrammar::Grammar::FromEBNF(rules));
}

// The grammar of a schema or a structural tag: one that is kept, or a new one.
Result<xgrammar::CompiledGrammar> TokenMasker::Work::Kept(const std::string& key, const Json& what, bool is_tag) {
  const MutexLock lock(&mutex);
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  if (found != entries.end()) {
    entries.splice(entries.begin(), entries, found);
    return found->grammar;
  }
  std::vector<std::string> patterns;
  const std::string text = WithNames(what, &patterns).Dump();
  auto made = Caught([&]() -> Result<xgrammar::CompiledGrammar> {
    if (!is_tag)
      return Compile(xgrammar::Grammar::FromJSONSchema(text, true, std::nullopt, std::nullopt, false, kMaxBlanks),
                     patterns);
    auto grammar = xgrammar::Grammar::FromStructuralTag(text, vocabulary->info);
    if (auto* error = std::get_if<1>(&grammar))
      return std::visit(
          [](const auto& one) { return Error{Code::kUnsupported, "[grammar] cannot be made: " + Excerpt(one.what())}; },
          *error);
    return Compile(std::get<0>(grammar), patterns);
  });
  if (!made.ok()) return made;
  const std::size_t size = made.value().MemorySizeBytes() + key.size();
  if (size > kCacheBytes) return made;
  entries.push_front({key, made.value(), size});
  for (bytes += size; bytes > kCacheBytes; entries.pop_back()) bytes -= entries.back().bytes;
  return made;
}

Result<xgrammar::CompiledGrammar> TokenMasker::Work::GrammarFor(const GrammarRequest& request) {
  {
    const MutexLock lock(&waiting);
    preparing->Wait();
  }
  if (failure.has_value()) return *failure;
  if (request.kind == GrammarRequest::Kind::kToolCalls) {
    THIMBLE_ASSIGN_OR_RETURN(const Json tag, ToolCallTag(request));
    return Kept("tag " + tag.Dump(), tag, true);
  }
  const bool is_any = request.kind == GrammarRequest::Kind::kJsonObject;
  const Json any = Json::Object({{"type", Json::String("object")}});
  THIMBLE_ASSIGN_OR_RETURN(const Json schema, EnforceableSchema(is_any ? any : request.schema, request.is_strict));
  return Kept("schema " + schema.Dump(), schema, false);
}

bool TokenMasker::IsBuilt() { return true; }

TokenMasker::TokenMasker(const Tokenizer* tokenizer, std::size_t mask_size) : work_(std::make_unique<Work>()) {
  Work* work = work_.get();
  work->preparing.emplace([work, tokenizer, mask_size] {
    const Status prepared = work->Prepare(tokenizer, mask_size);
    if (!prepared.ok()) work->failure = prepared.error();
  });
}

TokenMasker::~TokenMasker() = default;

Result<std::shared_ptr<TokenFilter>> TokenMasker::NewFilter(const GrammarRequest& request) {
  using Filter = Result<std::shared_ptr<TokenFilter>>;
  return ExhaustedIfNoMemory([&]() -> Filter {
    THIMBLE_ASSIGN_OR_RETURN(const auto grammar, work_->GrammarFor(request));
    return Caught([&]() -> Filter {
      return std::shared_ptr<TokenFilter>(std::make_shared<GrammarFilter>(work_->vocabulary, grammar));
    });
  });
}

Status TokenMasker::Check(const GrammarRequest& request) {
  return ExhaustedIfNoMemory([&]() -> Status {
    THIMBLE_ASSIGN_OR_RETURN(const auto grammar, work_->GrammarFor(request));
    return Done{};
  });
}

}  // namespace thimble
