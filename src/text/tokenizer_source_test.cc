// SPDX-License-Identifier: Apache-2.0
// What tokenizer files may look like, and what is refused: a vocabulary of 256 bytes and a few words in many
// variations.
#include "text/tokenizer_source.h"

#include "base/text.h"
#include "fail.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace thimble {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Ids = std::vector<std::int32_t>;

// The byte alphabet, written a second time from its definition.
std::string ByteText(int byte) {
  int next = 256;
  for (int b = 0; b < 256; ++b) {
    const bool is_printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
    const int code_point = is_printable ? b : next++;
    if (b != byte) continue;
    std::string text;
    AppendUtf8(&text, static_cast<char32_t>(code_point));
    return text;
  }
  return "";
}

constexpr int kFirstByte = 3;  // ids 0 to 2 are added tokens
constexpr int kHe = 300;       // with holes between
constexpr int kLlo = 301;
constexpr int kLl = 400;
constexpr int kHello = 302;
constexpr int kSpaceHello = 303;

// A tokenizer.json whose parts a test can replace.
struct JsonFile {
  std::string added = R"([{"id":0,"content":"<|endoftext|>","special":true},{"id":1,"content":"<|im_end|>",)"
                      R"("special":true},{"id":2,"content":"<think>","special":false}])";
  std::string normalizer = R"({"type":"NFC"})";
  std::string split = Cat(R"({"type":"Split","pattern":{"Regex":)", JsonQuote(kSplitRule),
                          R"(},"behavior":"Isolated","invert":false})");
  std::string bytes = R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false})";
  std::string decoder = R"({"type":"ByteLevel"})";
  std::string model_type = R"("BPE")";
  std::string model_extra;
  std::string vocab_extra;
  std::string merges = R"([["l","l"],["ll","o"],["h","e"],["he","llo"],["Ġ","hello"]])";

  [[nodiscard]] std::string Text() const {
    std::string vocab = R"("<|endoftext|>":0,"<|im_end|>":1)";
    for (int byte = 0; byte < 256; ++byte) vocab += Cat(",", JsonQuote(ByteText(byte)), ":", kFirstByte + byte);
    vocab += Cat(R"(,"he":)", kHe, R"(,"llo":)", kLlo, R"(,"ll":)", kLl, R"(,"hello":)", kHello, R"(,"Ġhello":)",
                 kSpaceHello, vocab_extra);
    return Cat(R"({"version":"1.0","truncation":{"a":[1,{"b":null}]},"added_tokens":)", added, R"(,"normalizer":)",
               normalizer, R"(,"pre_tokenizer":{"type":"Sequence","pretokenizers":[)", split, ",", bytes,
               R"(]},"post_processor":null,"decoder":)", decoder, R"(,"model":{"type":)", model_type, model_extra,
               R"(,"vocab":{)", vocab, R"(},"merges":)", merges, "}}");
  }
};

Tokenizer Load(const JsonFile& file) {
  auto tokenizer = Tokenizer::FromJson(file.Text());
  if (!tokenizer.ok()) testing::Fail(tokenizer.error().message);
  return std::move(tokenizer).value();
}

void ExpectRefused(const std::string& json, Code code, const std::string& message) {
  const auto tokenizer = Tokenizer::FromJson(json);
  ASSERT_FALSE(tokenizer.ok()) << message;
  EXPECT_EQ(tokenizer.error().code, code) << tokenizer.error().message;
  EXPECT_THAT(tokenizer.error().message, HasSubstr(message));
}

constexpr std::int32_t ByteId(char c) { return kFirstByte + static_cast<unsigned char>(c); }

TEST(TokenizerJson, AddedTokensMayComeFirstAndIdsMayHaveHoles) {
  const Tokenizer tokenizer = Load({});
  EXPECT_THAT(tokenizer.warnings(), IsEmpty());
  EXPECT_EQ(tokenizer.num_tokens(), 3 + 256 + 5);
  EXPECT_EQ(tokenizer.num_ids(), kLl + 1);
  EXPECT_THAT(tokenizer.Encode("hello hello<|im_end|>hell<think>", AddedTokens::kRecognise),
              ElementsAre(kHello, kSpaceHello, 1, kHe, kLl, 2));
  EXPECT_THAT(tokenizer.end_tokens(), ElementsAre(1, 0));
  EXPECT_TRUE(tokenizer.IsSpecial(0));
  EXPECT_FALSE(tokenizer.IsSpecial(2));
  EXPECT_TRUE(tokenizer.TokenBytes(350).empty());
  EXPECT_EQ(tokenizer.Decode(Ids{kHello, 350, 1, 2}, true), "hello<think>");
}

TEST(TokenizerJson, MergesMayBePairsOrStrings) {
  JsonFile file;
  file.merges = R"(["#version: 0.2","l l","ll o","h e","he llo","Ġ hello"])";
  EXPECT_THAT(Load(file).Encode("hello hello", AddedTokens::kPlainText), ElementsAre(kHello, kSpaceHello));
}

TEST(TokenizerJson, RanksDecideNotIds) {
  // "ll" has the highest id, yet merges before "he"; a rule for "el" with the first rank takes the word apart.
  JsonFile file;
  file.vocab_extra = R"(,"el":500)";
  file.merges = R"([["e","l"],["l","l"],["ll","o"],["h","e"],["he","llo"],["Ġ","hello"]])";
  EXPECT_THAT(Load(file).Encode("hello", AddedTokens::kPlainText),
              ElementsAre(ByteId('h'), 500, ByteId('l'), ByteId('o')));
}

TEST(TokenizerJson, IgnoreMergesTakesWholeWords) {
  JsonFile file;
  file.vocab_extra = R"(,"abc":500)";
  EXPECT_THAT(Load(file).Encode("abc", AddedTokens::kPlainText), ElementsAre(ByteId('a'), ByteId('b'), ByteId('c')));
  file.model_extra = R"(,"ignore_merges":true)";
  EXPECT_THAT(Load(file).Encode("abc abcd", AddedTokens::kPlainText),
              ElementsAre(500, ByteId(' '), ByteId('a'), ByteId('b'), ByteId('c'), ByteId('d')));
}

TEST(TokenizerJson, TheNormalFormIsTheFilesChoice) {
  JsonFile file;
  const std::string decomposed = "e\xCC\x81";
  EXPECT_EQ(Load(file).Encode(decomposed, AddedTokens::kPlainText).size(), 2u);
  file.normalizer = R"({"type":"Sequence","normalizers":[{"type":"NFC"}]})";
  EXPECT_EQ(Load(file).Encode(decomposed, AddedTokens::kPlainText).size(), 2u);
  file.normalizer = "null";
  EXPECT_EQ(Load(file).Encode(decomposed, AddedTokens::kPlainText).size(), 3u);
}

TEST(TokenizerJson, TheLeftmostThenTheLongestAddedTokenWins) {
  JsonFile file;
  file.added = R"([{"id":600,"content":"ab"},{"id":601,"content":"abcd"},{"id":602,"content":"bcde"},)"
               R"({"id":603,"content":"<x>"}])";
  const Tokenizer tokenizer = Load(file);
  EXPECT_THAT(tokenizer.Encode("abcde", AddedTokens::kRecognise), ElementsAre(601, ByteId('e')));
  EXPECT_THAT(tokenizer.Encode("abcx", AddedTokens::kRecognise), ElementsAre(600, ByteId('c'), ByteId('x')));
  EXPECT_THAT(tokenizer.Encode("bcde<x><x", AddedTokens::kRecognise), ElementsAre(602, 603, ByteId('<'), ByteId('x')));
}

TEST(TokenizerJson, AddedTokensAreSoughtBeforeNormalisation) {
  JsonFile file;
  file.added = R"([{"id":600,"content":"e\u0301"}])";
  const Tokenizer tokenizer = Load(file);
  EXPECT_THAT(tokenizer.Encode("e\xCC\x81", AddedTokens::kRecognise), ElementsAre(600));
  EXPECT_EQ(tokenizer.Encode("e\xCC\x81", AddedTokens::kPlainText).size(), 2u);
  EXPECT_EQ(tokenizer.Encode("\xC3\xA9", AddedTokens::kRecognise).size(), 2u);
  EXPECT_THAT(tokenizer.warnings(), ElementsAre(HasSubstr("no token ends a reply")));
}

TEST(TokenizerJson, WarnsOfWhatIsNotFollowed) {
  JsonFile file;
  file.added = R"([{"id":1,"content":"<|im_end|>","special":true,"lstrip":true}])";
  file.decoder = R"({"type":"Replace"})";
  EXPECT_THAT(Load(file).warnings(), ElementsAre(HasSubstr("lstrip"), HasSubstr("decoder")));
}

TEST(TokenizerJson, RefusesOtherTokenizers) {
  JsonFile file;
  file.split = R"({"type":"Split","pattern":{"Regex":"\\p{N}{1,3}"},"behavior":"Isolated","invert":false})";
  ExpectRefused(file.Text(), Code::kUnsupported, R"(\\p{N}{1,3})");
  file = {};
  file.bytes = R"({"type":"ByteLevel","add_prefix_space":true,"use_regex":false})";
  ExpectRefused(file.Text(), Code::kUnsupported, "prefix space");
  file = {};
  file.bytes = R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true})";
  ExpectRefused(file.Text(), Code::kUnsupported, "without regex");
  file = {};
  file.bytes = R"({"type":"Digits"},{"type":"ByteLevel"})";
  ExpectRefused(file.Text(), Code::kUnsupported, "pre_tokenizer must be");
  file = {};
  file.normalizer = R"({"type":"NFKC"})";
  ExpectRefused(file.Text(), Code::kUnsupported, "NFKC");
  file = {};
  file.model_type = R"("Unigram")";
  ExpectRefused(file.Text(), Code::kUnsupported, "Unigram");
  file = {};
  file.model_extra = R"(,"end_of_word_suffix":"</w>")";
  ExpectRefused(file.Text(), Code::kUnsupported, "end_of_word_suffix");
}

TEST(TokenizerJson, RefusesContradictions) {
  JsonFile file;
  for (const char* merges :
       {R"([["l"]])", R"([["l","l","l"]])", R"(["ll"])", R"([[1,2]])", R"([{}])", R"([7])", R"([[["l"],"l"]])"}) {
    file.merges = merges;
    ExpectRefused(file.Text(), Code::kCorrupt, "merge 0 must be two tokens");
  }
  for (const char* merges :
       {R"([["x","y"]])", R"([["l","nosuch"]])", R"([["","l"]])", R"([["l",""]])", R"([["l"," "]])", R"(["l l l"])"}) {
    file.merges = merges;
    ExpectRefused(file.Text(), Code::kCorrupt, "merge 0 must join two tokens");
  }
  file = {};
  for (const char* id : {"-1", "2097152", "99999999999999999999", "1.5", "1e3", "\"7\"", "null", "[]", "{}"}) {
    file.vocab_extra = Cat(R"(,"zz":)", id);
    ExpectRefused(file.Text(), Code::kCorrupt, "model.vocab must map tokens to ids");
  }
  file.vocab_extra = R"(,"zz":300)";
  ExpectRefused(file.Text(), Code::kCorrupt, "'zz' must have an id of its own, found 300 again");
  file = {};
  file.added = R"([{"id":0,"content":"<a>"},{"id":0,"content":"<b>"}])";
  ExpectRefused(file.Text(), Code::kCorrupt, "'<b>' must have an id of its own");
  for (const char* added :
       {R"([{"content":"<a>"}])", R"([{"id":-1,"content":"<a>"}])", R"([{"id":3000000,"content":"a"}])",
        R"([{"id":1,"content":""}])", R"([{"id":1}])", R"([7])", R"({"id":1})"}) {
    file.added = added;
    ExpectRefused(file.Text(), Code::kCorrupt, "added");
  }
}

TEST(TokenizerJson, RefusesWhatIsNoTokenizer) {
  ExpectRefused("", Code::kCorrupt, "tokenizer.json");
  ExpectRefused("[]", Code::kCorrupt, "object");
  ExpectRefused("7", Code::kCorrupt, "object");
  ExpectRefused("{}", Code::kNotFound, "model.vocab");
  ExpectRefused(R"({"model":{"type":"BPE","vocab":{}}})", Code::kNotFound, "model.vocab");
  ExpectRefused(R"({"model":{"type":"BPE","vocab":{"a":0}}})", Code::kNotFound, "model.merges");
  ExpectRefused(R"({"model":{"type":"BPE","vocab":[["a",0]],"merges":[]}})", Code::kNotFound, "model.vocab");
  const std::string whole = JsonFile().Text();
  ASSERT_TRUE(Tokenizer::FromJson(whole).ok());
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    EXPECT_FALSE(Tokenizer::FromJson(std::string_view(whole).substr(0, length)).ok()) << length;
  }
}

TEST(TokenizerJson, RefusesAVocabularyWithoutBytes) {
  const JsonFile file;
  std::string text = file.Text();
  const std::size_t first = text.find("\"!\"");
  const std::size_t last = text.find("\"he\"");
  text.erase(first, last - first);
  ExpectRefused(text, Code::kCorrupt, "a token for every byte");
}

TEST(TokenizerJson, RefusesEndlessSettings) {
  JsonFile file;
  file.decoder = "[";
  for (int i = 0; i < 300'000; ++i) file.decoder += "0,";
  file.decoder += "0]";
  ExpectRefused(file.Text(), Code::kUnsupported, "settings");
}

TEST(EndTokens, ComeFromTheSideFilesToo) {
  auto source = ReadTokenizerJson(JsonFile().Text());
  ASSERT_TRUE(source.ok());
  ReadEndTokens(R"({"eos_token":{"content":"<|eot|>"}})", R"({"eos_token_id":[5,6,"x",-1,99999999]})", &source.value());
  EXPECT_THAT(source.value().end_texts, ElementsAre("<|eot|>"));
  EXPECT_THAT(source.value().end_ids, ElementsAre(5, 6));
  ReadEndTokens(R"({"eos_token":"<|b|>"})", R"({"eos_token_id":8})", &source.value());
  EXPECT_THAT(source.value().end_texts, ElementsAre("<|eot|>", "<|b|>"));
  EXPECT_THAT(source.value().end_ids, ElementsAre(5, 6, 8));
  ReadEndTokens("", "", &source.value());
  ReadEndTokens("[]", "7", &source.value());
  EXPECT_THAT(source.value().warnings, IsEmpty());
  ReadEndTokens("{", "{", &source.value());
  EXPECT_THAT(source.value().warnings, ElementsAre(HasSubstr("tokenizer_config"), HasSubstr("generation_config")));
}

// The same small tokenizer as GGUF metadata. Texts must outlive the metadata's views.
struct GgufFile {
  GgufFile() {
    texts = {"<|endoftext|>", "<|im_end|>", "<think>"};
    types = {3, 3, 4};
    for (int byte = 0; byte < 256; ++byte) Add(ByteText(byte), 1);
    for (const char* text : {"he", "llo", "ll", "hello", "Ġhello"}) Add(text, 1);
  }
  void Add(std::string text, std::int64_t type) {
    texts.push_back(std::move(text));
    types.push_back(type);
  }
  [[nodiscard]] Metadata Build() const {
    Metadata metadata;
    auto& values = metadata.mutable_values();
    const auto put = [&values](const char* key, Metadata::Value::Kind kind) -> Metadata::Value& {
      Metadata::Value& value = values[key];
      value.kind = kind;
      return value;
    };
    if (!model.empty()) put("tokenizer.ggml.model", Metadata::Value::Kind::kString).text = model;
    if (!rule.empty()) put("tokenizer.ggml.pre", Metadata::Value::Kind::kString).text = rule;
    if (!texts.empty()) {
      put("tokenizer.ggml.tokens", Metadata::Value::Kind::kStrings).strings.assign(texts.begin(), texts.end());
    }
    if (!types.empty()) put("tokenizer.ggml.token_type", Metadata::Value::Kind::kInts).ints = types;
    if (has_merges) {
      put("tokenizer.ggml.merges", Metadata::Value::Kind::kStrings).strings.assign(merges.begin(), merges.end());
    }
    if (end_id.has_value()) put("tokenizer.ggml.eos_token_id", Metadata::Value::Kind::kInt).integer = *end_id;
    return metadata;
  }

  std::string model = "gpt2";
  std::string rule = "qwen35";
  std::vector<std::string> texts;
  std::vector<std::int64_t> types;
  bool has_merges = true;
  std::vector<std::string> merges = {"l l", "ll o", "h e", "he llo", "Ġ hello"};
  std::optional<std::int64_t> end_id = 1;
};

Tokenizer Load(const GgufFile& file) {
  auto tokenizer = Tokenizer::FromMetadata(file.Build());
  if (!tokenizer.ok()) testing::Fail(tokenizer.error().message);
  return std::move(tokenizer).value();
}

void ExpectRefused(const GgufFile& file, Code code, const std::string& message) {
  const auto tokenizer = Tokenizer::FromMetadata(file.Build());
  ASSERT_FALSE(tokenizer.ok()) << message;
  EXPECT_EQ(tokenizer.error().code, code) << tokenizer.error().message;
  EXPECT_THAT(tokenizer.error().message, HasSubstr(message));
}

TEST(TokenizerGguf, ReadsTokensKindsAndMerges) {
  GgufFile file;
  file.Add("<|custom|>", 3);     // 264
  file.Add("<|mine|>", 4);       // 265
  file.Add("[PAD266]", 5);       // unused
  file.Add("[PAD267]", 1);       // padding that nobody marked
  file.Add("[PAD2]", 1);         // an ordinary word that only looks like it
  file.Add("<|repo_name|>", 3);  // 269: control in the file, not special in the published tokenizer
  const Tokenizer tokenizer = Load(file);
  EXPECT_THAT(tokenizer.warnings(), IsEmpty());
  EXPECT_THAT(tokenizer.Encode("hello<|im_end|> hello<|custom|><|mine|>", AddedTokens::kRecognise),
              ElementsAre(262, 1, 263, 264, 265));
  EXPECT_TRUE(tokenizer.IsSpecial(264));
  EXPECT_TRUE(tokenizer.IsAdded(265));
  EXPECT_FALSE(tokenizer.IsSpecial(265));
  EXPECT_TRUE(tokenizer.TokenBytes(266).empty());
  EXPECT_TRUE(tokenizer.TokenBytes(267).empty());
  EXPECT_EQ(tokenizer.TokenBytes(268), "[PAD2]");
  EXPECT_TRUE(tokenizer.IsAdded(269));
  EXPECT_FALSE(tokenizer.IsSpecial(269));
  EXPECT_EQ(tokenizer.num_tokens(), 264 + 4);
  EXPECT_THAT(tokenizer.end_tokens(), ElementsAre(1, 0));
}

TEST(TokenizerGguf, TheFilesOwnEndTokenCounts) {
  GgufFile file;
  file.Add("<|custom|>", 3);
  file.end_id = 264;
  EXPECT_THAT(Load(file).end_tokens(), ElementsAre(1, 0, 264));
  file.end_id = std::nullopt;
  EXPECT_THAT(Load(file).end_tokens(), ElementsAre(1, 0));
  for (const std::int64_t end_id : {std::int64_t{5000}, std::int64_t{-1}, std::int64_t{1} << 40}) {
    file.end_id = end_id;
    const Tokenizer tokenizer = Load(file);
    EXPECT_THAT(tokenizer.end_tokens(), ElementsAre(1, 0));
    EXPECT_EQ(tokenizer.warnings().size(), 1u);
  }
}

TEST(TokenizerGguf, GuessesWhatOldFilesLeaveOut) {
  GgufFile file;
  file.rule = "";
  file.types.clear();
  const Tokenizer tokenizer = Load(file);
  EXPECT_THAT(tokenizer.warnings(), ElementsAre(HasSubstr("tokenizer.ggml.pre"), HasSubstr("token_type")));
  EXPECT_THAT(tokenizer.Encode("hello<|im_end|>", AddedTokens::kRecognise), ElementsAre(262, 1));
  EXPECT_TRUE(tokenizer.IsSpecial(1));
  EXPECT_FALSE(tokenizer.IsSpecial(2));
  file.rule = "default";
  EXPECT_EQ(Load(file).warnings().size(), 2u);
}

TEST(TokenizerGguf, AddedTokensGiveWayToOrdinaryOnesInMerges) {
  // An added token with the bytes of an ordinary entry: text that is not searched for it merges to the ordinary one.
  GgufFile file;
  file.Add("hello", 4);
  const Tokenizer tokenizer = Load(file);
  EXPECT_THAT(tokenizer.Encode("hello", AddedTokens::kPlainText), ElementsAre(262));
  EXPECT_THAT(tokenizer.Encode("hello", AddedTokens::kRecognise), ElementsAre(264));
}

TEST(TokenizerGguf, Refusals) {
  GgufFile file;
  file.model = "";
  ExpectRefused(file, Code::kNotFound, "not its vision part");
  file.model = "llama";
  ExpectRefused(file, Code::kUnsupported, "found 'llama'");
  file = {};
  file.rule = "qwen2";
  ExpectRefused(file, Code::kUnsupported, "found 'qwen2'");
  file = {};
  file.texts.clear();
  ExpectRefused(file, Code::kNotFound, "tokenizer.ggml.tokens");
  file = {};
  file.types.pop_back();
  ExpectRefused(file, Code::kCorrupt, "one entry for each of the 264 tokens, found 263");
  file = {};
  file.has_merges = false;
  ExpectRefused(file, Code::kNotFound, "tokenizer.ggml.merges");
  file = {};
  file.merges.push_back("nospace");
  ExpectRefused(file, Code::kCorrupt, "merge 5");
  file = {};
  file.merges.push_back("hello hello");
  ExpectRefused(file, Code::kCorrupt, "merge 5 must join two tokens");
  file = {};
  file.texts.resize(kMaxTokenIds + 1);
  ExpectRefused(file, Code::kUnsupported, "may have 2097152 entries");
}

TEST(StringStore, KeepsStringsInPlace) {
  StringStore store;
  std::vector<std::string_view> kept;
  std::vector<std::string> originals;
  for (int i = 0; i < 3000; ++i)
    originals.push_back(std::string(static_cast<std::size_t>(i % 500), static_cast<char>('a' + i % 26)));
  originals.push_back(std::string(1'000'000, 'z'));
  originals.emplace_back("after");
  for (const std::string& text : originals) kept.push_back(store.Keep(text));
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i], originals[i]);
}

}  // namespace
}  // namespace thimble
