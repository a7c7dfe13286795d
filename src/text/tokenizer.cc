// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer.h"

#include "base/check.h"
#include "base/text.h"
#include "text/added_matcher.h"
#include "text/bpe.h"
#include "text/pretokenize.h"
#include "text/tokenizer_source.h"
#include "text/unicode.h"
#include "text/vocabulary.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

namespace thimble {
namespace {

enum class TokenKind : std::uint8_t { kNone, kNormal, kAdded, kSpecial };  // kSpecial is added too

// What is known about merging the bytes of a token: do they become just this token? Found out when the token is first
// met and then kept; every thread finds the same, so relaxed order is enough.
enum class WholeState : std::uint8_t { kUnknown, kWhole, kSplit };

constexpr std::size_t kMaxVocabularyBytes = std::size_t{1} << 30;
constexpr std::size_t kMaxMerges = std::size_t{1} << 22;

Error Corrupt(const std::string& message) { return Error{Code::kCorrupt, Cat("[tokenizer] ", message)}; }

}  // namespace

struct Tokenizer::Tables {
  // Memory of one Encode call.
  struct Scratch {
    MergeScratch merge;
    std::string normalized;
  };

  Status Build(const TokenizerSource& source);
  void EncodeStretch(std::string_view text, Scratch* scratch, std::vector<std::int32_t>* ids) const;
  void EncodePiece(std::string_view piece, Scratch* scratch, std::vector<std::int32_t>* ids) const;
  [[nodiscard]] TokenKind KindOf(std::int32_t id) const {
    return id >= 0 && static_cast<std::size_t>(id) < kinds.size() ? kinds[static_cast<std::size_t>(id)]
                                                                  : TokenKind::kNone;
  }

  Vocabulary vocabulary;
  MergeTable merges;
  AddedMatcher added;
  std::vector<TokenKind> kinds;                             // by id
  std::unique_ptr<std::atomic<WholeState>[]> whole_states;  // by id
  std::array<std::int32_t, 256> byte_tokens{};              // -1 where a byte has none
  std::vector<std::int32_t> end_tokens;
  std::vector<std::string> warnings;
  int num_tokens = 0;
  bool normalizes = true;
  bool ignores_merges = false;

 private:
  Status SetTokens(const TokenizerSource& source);
  Status SetByteTokens();
  Status SetMerges(const TokenizerSource& source);
  void SetEndTokens(const TokenizerSource& source);
};

Status Tokenizer::Tables::Build(const TokenizerSource& source) {
  normalizes = source.normalizes;
  ignores_merges = source.ignores_merges;
  warnings = source.warnings;
  std::size_t num_bytes = 0;
  std::int32_t last_id = -1;
  for (const auto& token : source.tokens) {
    num_bytes += token.text.size();
    last_id = std::max(last_id, token.id);
  }
  for (const auto& token : source.added) {
    num_bytes += token.text.size();
    last_id = std::max(last_id, token.id);
  }
  if (num_bytes > kMaxVocabularyBytes || source.merges.size() > kMaxMerges) {
    return Error{Code::kUnsupported,
                 Cat("[tokenizer] a vocabulary may have ", FormatBytes(kMaxVocabularyBytes), " and ", kMaxMerges,
                     " merges, found ", FormatBytes(num_bytes), " and ", source.merges.size())};
  }
  THIMBLE_CHECK(last_id < kMaxTokenIds);
  vocabulary = Vocabulary(last_id + 1);
  kinds.assign(static_cast<std::size_t>(last_id) + 1, TokenKind::kNone);
  whole_states = std::make_unique<std::atomic<WholeState>[]>(kinds.size());
  THIMBLE_RETURN_IF_ERROR(SetTokens(source));
  THIMBLE_RETURN_IF_ERROR(SetByteTokens());
  THIMBLE_RETURN_IF_ERROR(SetMerges(source));
  SetEndTokens(source);
  return Done{};
}

// An id may stand in both lists (SmolLM2's added tokens do); then the added token's text counts.
Status Tokenizer::Tables::SetTokens(const TokenizerSource& source) {
  for (const auto& token : source.added) {
    TokenKind& kind = kinds[static_cast<std::size_t>(token.id)];
    if (kind != TokenKind::kNone) {
      return Corrupt(
          Cat("added token '", EscapeControls(token.text), "' must have an id of its own, found ", token.id, " again"));
    }
    kind = token.is_special ? TokenKind::kSpecial : TokenKind::kAdded;
    vocabulary.Set(token.id, token.text);
    added.Add(token.text, token.id);
    ++num_tokens;
  }
  added.Finish();
  std::string bytes;
  for (const auto& token : source.tokens) {
    TokenKind& kind = kinds[static_cast<std::size_t>(token.id)];
    if (kind == TokenKind::kAdded || kind == TokenKind::kSpecial) continue;
    if (kind == TokenKind::kNormal) {
      return Corrupt(
          Cat("token '", EscapeControls(token.text), "' must have an id of its own, found ", token.id, " again"));
    }
    if (token.text.empty()) continue;
    kind = TokenKind::kNormal;
    ++num_tokens;
    bytes.clear();
    const bool is_reachable = AppendFromByteAlphabet(token.text, &bytes);
    // Text that is not in the byte alphabet is printed as it is, but no merge can lead to it.
    vocabulary.Set(token.id, is_reachable ? std::string_view(bytes) : token.text);
    if (is_reachable) vocabulary.Index(token.id);
  }
  // Last, so that where an added token has the bytes of an ordinary one, merges find the ordinary one.
  for (const auto& token : source.added) vocabulary.Index(token.id);
  return Done{};
}

// Small vocabularies leave out bytes that no text has; the reference drops such a byte, and so do we.
Status Tokenizer::Tables::SetByteTokens() {
  int num_missing = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    byte_tokens[static_cast<std::size_t>(byte)] = vocabulary.Find(std::string_view(&c, 1));
    // Control characters that nobody types, bytes outside UTF-8, and the first bytes of planes without characters.
    const bool is_rare = (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7F || byte == 0xC0 ||
                         byte == 0xC1 || byte == 0xF1 || byte == 0xF2 || byte > 0xF4;
    if (!is_rare && byte_tokens[static_cast<std::size_t>(byte)] < 0) ++num_missing;
  }
  if (num_missing > 128) {
    return Corrupt(Cat("the vocabulary must have a token for every byte of text, ", num_missing, " have none"));
  }
  if (num_missing > 0) {
    warnings.push_back(Cat("the vocabulary has no token for ", num_missing, " bytes; text with them loses them"));
  }
  return Done{};
}

Status Tokenizer::Tables::SetMerges(const TokenizerSource& source) {
  merges = MergeTable(source.merges.size());
  std::string bytes;
  for (std::size_t index = 0; index < source.merges.size(); ++index) {
    const auto& rule = source.merges[index];
    bytes.clear();
    bool is_good = AppendFromByteAlphabet(rule.left, &bytes);
    const std::size_t middle = bytes.size();
    is_good = is_good && AppendFromByteAlphabet(rule.right, &bytes) && middle > 0 && bytes.size() > middle;
    const std::string_view both = bytes;
    MergeTable::Merge merge;
    if (is_good) {
      merge = {vocabulary.Find(both.substr(0, middle)), vocabulary.Find(both.substr(middle)), vocabulary.Find(both),
               static_cast<std::uint32_t>(index)};
      is_good = merge.left >= 0 && merge.right >= 0 && merge.result >= 0;
    }
    if (!is_good) {
      return Corrupt(Cat("merge ", index, " must join two tokens of the vocabulary to a third, found '",
                         EscapeControls(rule.left), "' and '", EscapeControls(rule.right), "'"));
    }
    merges.Add(merge);
  }
  return Done{};
}

void Tokenizer::Tables::SetEndTokens(const TokenizerSource& source) {
  const auto add = [this](std::int32_t id) {
    if (id >= 0 && std::find(end_tokens.begin(), end_tokens.end(), id) == end_tokens.end()) end_tokens.push_back(id);
  };
  add(added.Find("<|im_end|>"));
  add(added.Find("<|endoftext|>"));
  for (const std::string& text : source.end_texts) {
    const std::int32_t id = added.Find(text);
    if (id < 0) warnings.push_back(Cat("the file's end token '", EscapeControls(text), "' is not in its vocabulary"));
    add(id);
  }
  for (const std::int32_t id : source.end_ids) {
    const bool exists = KindOf(id) != TokenKind::kNone;
    if (!exists) warnings.push_back(Cat("the file's end token ", id, " is not in its vocabulary"));
    add(exists ? id : -1);
  }
  if (end_tokens.empty()) warnings.emplace_back("no token ends a reply; replies run to their length limit");
}

void Tokenizer::Tables::EncodeStretch(std::string_view text, Scratch* scratch, std::vector<std::int32_t>* ids) const {
  if (normalizes) text = NormalizeNfc(text, &scratch->normalized);
  while (!text.empty()) {
    const std::size_t length = FirstPieceLength(text);
    EncodePiece(text.substr(0, length), scratch, ids);
    text.remove_prefix(length);
  }
}

void Tokenizer::Tables::EncodePiece(std::string_view piece, Scratch* scratch, std::vector<std::int32_t>* ids) const {
  if (piece.size() == 1) {
    const std::int32_t id = byte_tokens[static_cast<unsigned char>(piece.front())];
    if (id >= 0) ids->push_back(id);
    return;
  }
  // Most pieces are one token as a whole. Looking that up, and remembering that the merges do lead there, makes English
  // about one and a half times as fast as always merging (bench/tokenizer_bench: 34 to 40 against 23 to 27 MB/s).
  const std::int32_t whole = piece.size() <= vocabulary.longest_bytes() ? vocabulary.Find(piece) : -1;
  std::atomic<WholeState>* state = whole >= 0 ? &whole_states[static_cast<std::size_t>(whole)] : nullptr;
  if (whole >= 0 && (ignores_merges || state->load(std::memory_order_relaxed) == WholeState::kWhole)) {
    ids->push_back(whole);
    return;
  }
  const std::size_t old_size = ids->size();
  for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), kMaxPieceBytes))) {
    MergePiece(merges, byte_tokens, piece.substr(0, kMaxPieceBytes), &scratch->merge, ids);
  }
  if (state != nullptr && state->load(std::memory_order_relaxed) == WholeState::kUnknown) {
    const bool is_whole = ids->size() == old_size + 1 && ids->back() == whole;
    state->store(is_whole ? WholeState::kWhole : WholeState::kSplit, std::memory_order_relaxed);
  }
}

Tokenizer::Tokenizer() : tables_(std::make_unique<Tables>()) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Result<Tokenizer> Tokenizer::FromModelFile(const ModelFile& file) {
  if (file.format() == ModelFile::Format::kGguf) return FromMetadata(file.metadata());
  THIMBLE_ASSIGN_OR_RETURN(const std::string json, file.SideFile("tokenizer.json"));
  THIMBLE_ASSIGN_OR_RETURN(TokenizerSource source, ReadTokenizerJson(json));
  const auto tokenizer_config = file.SideFile("tokenizer_config.json");
  const auto generation_config = file.SideFile("generation_config.json");
  ReadEndTokens(tokenizer_config.ok() ? tokenizer_config.value() : "",
                generation_config.ok() ? generation_config.value() : "", &source);
  return FromSource(source);
}

Result<Tokenizer> Tokenizer::FromMetadata(const Metadata& metadata) {
  THIMBLE_ASSIGN_OR_RETURN(const TokenizerSource source, ReadTokenizerGguf(metadata));
  return FromSource(source);
}

Result<Tokenizer> Tokenizer::FromJson(std::string_view tokenizer_json) {
  THIMBLE_ASSIGN_OR_RETURN(const TokenizerSource source, ReadTokenizerJson(tokenizer_json));
  return FromSource(source);
}

Result<Tokenizer> Tokenizer::FromSource(const TokenizerSource& source) {
  Tokenizer tokenizer;
  THIMBLE_RETURN_IF_ERROR(tokenizer.tables_->Build(source));
  return tokenizer;
}

std::vector<std::int32_t> Tokenizer::Encode(std::string_view text, AddedTokens added) const {
  std::vector<std::int32_t> ids;
  EncodeTo(text, added, &ids);
  return ids;
}

void Tokenizer::EncodeTo(std::string_view text, AddedTokens added, std::vector<std::int32_t>* ids) const {
  std::string repaired;
  if (!IsValidUtf8(text)) {
    repaired = ReplaceInvalidUtf8(text);
    text = repaired;
  }
  const TextRange all{0, text.size()};
  EncodeTo(text, std::span(&all, added == AddedTokens::kRecognise ? 1 : 0), ids);
}

void Tokenizer::EncodeTo(std::string_view text, std::span<const TextRange> trusted,
                         std::vector<std::int32_t>* ids) const {
  const bool is_valid = IsValidUtf8(text);
  Tables::Scratch scratch;
  std::size_t done = 0;
  const auto encode_up_to = [&](std::size_t end) {
    const std::string_view stretch = text.substr(done, end - done);
    // Repaired here, so that the ranges stay where they are.
    if (is_valid) {
      tables_->EncodeStretch(stretch, &scratch, ids);
    } else {
      tables_->EncodeStretch(ReplaceInvalidUtf8(stretch), &scratch, ids);
    }
    done = end;
  };
  for (const TextRange& range : trusted) {
    const std::string_view before_end = text.substr(0, range.end);
    for (std::size_t at = range.begin; at < range.end; at = done) {
      const AddedMatcher::Match match = tables_->added.FindNext(before_end, at);
      if (match.id < 0) break;
      encode_up_to(match.position);
      ids->push_back(match.id);
      done += match.num_bytes;
    }
  }
  encode_up_to(text.size());
}

std::string_view Tokenizer::TokenBytes(std::int32_t id) const { return tables_->vocabulary.Bytes(id); }

bool Tokenizer::IsSpecial(std::int32_t id) const { return tables_->KindOf(id) == TokenKind::kSpecial; }

bool Tokenizer::IsAdded(std::int32_t id) const {
  const TokenKind kind = tables_->KindOf(id);
  return kind == TokenKind::kAdded || kind == TokenKind::kSpecial;
}

std::string Tokenizer::Decode(std::span<const std::int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (const std::int32_t id : ids) {
    if (!skip_special || !IsSpecial(id)) bytes.append(TokenBytes(id));
  }
  return bytes;
}

std::optional<std::int32_t> Tokenizer::Find(std::string_view token_text) const {
  std::int32_t id = tables_->added.Find(token_text);
  if (id < 0 && !token_text.empty()) id = tables_->vocabulary.Find(token_text);
  return id >= 0 ? std::optional(id) : std::nullopt;
}

bool Tokenizer::Exists(std::int32_t id) const { return tables_->KindOf(id) != TokenKind::kNone; }
int Tokenizer::num_tokens() const { return tables_->num_tokens; }
int Tokenizer::num_ids() const { return tables_->vocabulary.num_ids(); }
std::span<const std::int32_t> Tokenizer::end_tokens() const { return tables_->end_tokens; }
std::span<const std::string> Tokenizer::warnings() const { return tables_->warnings; }

std::string StreamDecoder::Append(std::int32_t id) {
  if (skip_special_ && tokenizer_->IsSpecial(id)) return {};
  held_.append(tokenizer_->TokenBytes(id));
  const std::size_t length = CompletePrefixLength(held_);
  std::string text = ReplaceInvalidUtf8(std::string_view(held_).substr(0, length));
  held_.erase(0, length);
  return text;
}

std::string StreamDecoder::Flush() {
  std::string text = ReplaceInvalidUtf8(held_);
  held_.clear();
  return text;
}

}  // namespace thimble
