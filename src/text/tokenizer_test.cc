// SPDX-License-Identifier: Apache-2.0
// The tokenizer against the reference: the published vocabulary in both of its file forms, and the small models'.
#include "text/tokenizer.h"

#include "base/rng.h"
#include "base/text.h"
#include "fail.h"
#include "sources.h"
#include "text/unicode.h"
#include "text_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace thimble {
namespace {

using ::testing::ElementsAre;

using Ids = std::vector<std::int32_t>;

const std::string kFixtures = THIMBLE_FIXTURES_DIR;

using testing::ReadTextFile;

Json ReadJson(const std::string& path) {
  auto json = Json::Parse(ReadTextFile(path), path);
  if (!json.ok()) testing::Fail(json.error().message);
  return std::move(json).value();
}

std::vector<Json> ReadLines(const std::string& path) {
  std::vector<Json> lines;
  for (const std::string& line : testing::ReadTextLines(path)) {
    auto json = Json::Parse(line, path);
    if (!json.ok()) testing::Fail(json.error().message);
    lines.push_back(std::move(json).value());
  }
  return lines;
}

Tokenizer Load(const std::string& path) {
  auto file = path.ends_with(".gguf") ? testing::MappedGguf(path) : testing::SideFilesIn(path);
  if (!file.ok()) testing::Fail(file.error().message);
  auto tokenizer = Tokenizer::FromModelFile(file.value());
  if (!tokenizer.ok()) testing::Fail(tokenizer.error().message);
  return std::move(tokenizer).value();
}

// The published tokenizer, loaded once.
const Tokenizer& FromGguf() {
  static const Tokenizer tokenizer = Load(kFixtures + "/tokenizer/qwen35-vocab.gguf");
  return tokenizer;
}
const Tokenizer& FromJsonFile() {
  static const Tokenizer tokenizer = [] {
    auto loaded = Tokenizer::FromJson(ReadTextFile(kFixtures + "/tokenizer/tokenizer.json"));
    if (!loaded.ok()) testing::Fail(loaded.error().message);
    return std::move(loaded).value();
  }();
  return tokenizer;
}

Ids ReadIds(const Json& list) {
  Ids ids;
  for (const Json& id : list.items()) ids.push_back(static_cast<std::int32_t>(id.AsInt().value()));
  return ids;
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::string Stream(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  StreamDecoder decoder(&tokenizer, skip_special);
  std::string text;
  for (const std::int32_t id : ids) {
    const std::string piece = decoder.Append(id);
    EXPECT_TRUE(IsValidUtf8(piece));
    text += piece;
  }
  return text + decoder.Flush();
}

class PublishedTokenizer : public ::testing::TestWithParam<const Tokenizer& (*)()> {
 protected:
  const Tokenizer& tokenizer_ = GetParam()();
};
INSTANTIATE_TEST_SUITE_P(Forms, PublishedTokenizer, ::testing::Values(&FromGguf, &FromJsonFile),
                         [](const auto& form) { return form.index == 0 ? "Gguf" : "Json"; });

TEST_P(PublishedTokenizer, EncodesAsTheReference) {
  const std::vector<Json> cases = ReadLines(kFixtures + "/tokenizer/cases.jsonl");
  ASSERT_EQ(cases.size(), 615u);
  int num_plain = 0;
  for (const Json& test_case : cases) {
    const std::string& text = test_case.Find("text")->text();
    const Ids expected = ReadIds(*test_case.Find("ids"));
    EXPECT_EQ(tokenizer_.Encode(text, AddedTokens::kRecognise), expected) << JsonQuote(text);
    const Json* plain = test_case.Find("ids_without_added_tokens");
    if (plain != nullptr) ++num_plain;
    EXPECT_EQ(tokenizer_.Encode(text, AddedTokens::kPlainText), plain != nullptr ? ReadIds(*plain) : expected)
        << JsonQuote(text);
  }
  EXPECT_GT(num_plain, 10);
}

TEST_P(PublishedTokenizer, DecodesAsTheReference) {
  const std::vector<Json> cases = ReadLines(kFixtures + "/tokenizer/decode_cases.jsonl");
  ASSERT_EQ(cases.size(), 445u);
  for (const Json& test_case : cases) {
    const Ids ids = ReadIds(*test_case.Find("ids"));
    EXPECT_EQ(tokenizer_.Decode(ids, false), FromHex(test_case.Find("bytes_hex")->text()));
    const std::string skipped = FromHex(test_case.Find("bytes_hex_skip_special")->text());
    EXPECT_EQ(tokenizer_.Decode(ids, true), skipped);
    EXPECT_EQ(Stream(tokenizer_, ids, false), test_case.Find("text_lossy")->text());
    EXPECT_EQ(Stream(tokenizer_, ids, true), ReplaceInvalidUtf8(skipped));
  }
}

TEST_P(PublishedTokenizer, KnowsItsTokens) {
  EXPECT_EQ(tokenizer_.num_tokens(), 248077);
  EXPECT_EQ(tokenizer_.num_ids(), 248077);
  EXPECT_TRUE(tokenizer_.warnings().empty());
  EXPECT_EQ(tokenizer_.Find("<|im_end|>"), 248046);
  EXPECT_EQ(tokenizer_.Find("<|image_pad|>"), 248056);
  EXPECT_EQ(tokenizer_.Find("<think>"), 248068);
  EXPECT_EQ(tokenizer_.Find(" user"), 1156);
  EXPECT_EQ(tokenizer_.Find("\n"), 198);
  EXPECT_EQ(tokenizer_.Find("<|no_such_token|>"), std::nullopt);
  EXPECT_EQ(tokenizer_.Find("[PAD248077]"), std::nullopt);
  EXPECT_EQ(tokenizer_.Find(""), std::nullopt);
  EXPECT_THAT(tokenizer_.end_tokens(), ElementsAre(248046, 248044));
  EXPECT_EQ(tokenizer_.TokenBytes(1156), " user");
  EXPECT_EQ(tokenizer_.TokenBytes(248068), "<think>");
}

TEST_P(PublishedTokenizer, TellsSpecialFromAdded) {
  for (const char* text : {"<|endoftext|>", "<|im_start|>", "<|video_pad|>", "<tts_pad>", "<|audio_pad|>"}) {
    const std::int32_t id = tokenizer_.Find(text).value_or(-1);
    EXPECT_TRUE(tokenizer_.IsSpecial(id)) << text;
    EXPECT_TRUE(tokenizer_.IsAdded(id)) << text;
  }
  for (const char* text : {"<think>", "</tool_call>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"}) {
    const std::int32_t id = tokenizer_.Find(text).value_or(-1);
    EXPECT_FALSE(tokenizer_.IsSpecial(id)) << text;
    EXPECT_TRUE(tokenizer_.IsAdded(id)) << text;
  }
  EXPECT_FALSE(tokenizer_.IsAdded(198));
}

TEST_P(PublishedTokenizer, IdsOutsideHaveNoBytes) {
  for (const std::int32_t id : {-1, -2147483647 - 1, 248077, 248319, 248320, 2147483647}) {
    EXPECT_TRUE(tokenizer_.TokenBytes(id).empty()) << id;
    EXPECT_FALSE(tokenizer_.IsSpecial(id)) << id;
    EXPECT_FALSE(tokenizer_.IsAdded(id)) << id;
  }
  EXPECT_EQ(tokenizer_.Decode(Ids{-1, 198, 248319, 1'000'000}, false), "\n");
  EXPECT_EQ(Stream(tokenizer_, {-1, 198, 248319}, false), "\n");
}

TEST(PublishedTokenizerForms, AgreeOnEveryToken) {
  for (std::int32_t id = 0; id < 248'320; ++id) {
    ASSERT_EQ(FromGguf().TokenBytes(id), FromJsonFile().TokenBytes(id)) << id;
    ASSERT_EQ(FromGguf().IsSpecial(id), FromJsonFile().IsSpecial(id)) << id;
    ASSERT_EQ(FromGguf().IsAdded(id), FromJsonFile().IsAdded(id)) << id;
  }
}

TEST(Encode, AppendsAndReusesMemory) {
  Ids ids = {7};
  FromGguf().EncodeTo("user", AddedTokens::kPlainText, &ids);
  FromGguf().EncodeTo("\n", AddedTokens::kPlainText, &ids);
  EXPECT_THAT(ids, ElementsAre(7, 846, 198));
}

TEST(Encode, RoundTripIsTheNormalForm) {
  std::string storage;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    std::string text;
    for (std::uint64_t step = 0; step < 50; ++step) {
      const auto bits = static_cast<char32_t>(RandomBits(seed, step) >> 40);
      const char32_t c = bits % 2 == 0 ? 0x20 + bits / 2 % 0x60 : bits / 2 % 0x110000;
      AppendUtf8(&text, c >= 0xD800 && c < 0xE000 ? U' ' : c);
    }
    const std::string normal(NormalizeNfc(text, &storage));
    const Ids ids = FromGguf().Encode(text, AddedTokens::kPlainText);
    EXPECT_EQ(FromGguf().Decode(ids, false), normal);
    EXPECT_EQ(Stream(FromGguf(), ids, false), normal);
  }
}

TEST(Encode, InvalidUtf8CountsAsReplacementCharacters) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    std::string bytes;
    for (std::uint64_t step = 0; step < 40; ++step) bytes += static_cast<char>(RandomBits(seed, step));
    bytes += seed % 2 == 0 ? "<|im_end|>" : "\xE4\xBD";
    for (const AddedTokens added : {AddedTokens::kRecognise, AddedTokens::kPlainText}) {
      EXPECT_EQ(FromGguf().Encode(bytes, added), FromGguf().Encode(ReplaceInvalidUtf8(bytes), added));
    }
  }
  EXPECT_EQ(FromGguf().Decode(FromGguf().Encode("a\xFF"
                                                "b",
                                                AddedTokens::kRecognise),
                              false),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Encode, VeryLongPiecesKeepTheirBytes) {
  for (const std::string unit : {"a", "\xE5\xA4\xA9\xE5\x9C\xB0\xE7\x8E\x84\xE9\xBB\x84", " ", "!?", "<"}) {
    std::string text;
    while (text.size() < 300'000) text += unit;
    const Ids ids = FromGguf().Encode(text, AddedTokens::kRecognise);
    EXPECT_LT(ids.size(), text.size());
    EXPECT_EQ(FromGguf().Decode(ids, false), text);
  }
}

#if !defined(__wasm__)  // which has no threads
TEST(Encode, AnyThreadGetsTheSame) {
  // A tokenizer that has not met any word yet, so that threads find out about them at the same time.
  const Tokenizer tokenizer = Load(kFixtures + "/gguf/text-tied-q8_0.gguf");
  std::string text;
  for (const Json& test_case : ReadLines(kFixtures + "/tokenizer/cases.jsonl")) text += test_case.Find("text")->text();
  std::vector<Ids> found(4);
  {
    std::vector<std::jthread> threads;
    for (Ids& ids : found) {
      threads.emplace_back([&] { tokenizer.EncodeTo(text, AddedTokens::kRecognise, &ids); });
    }
  }
  EXPECT_GT(found[0].size(), 10'000u);
  for (const Ids& ids : found) EXPECT_EQ(ids, found[0]);
  EXPECT_EQ(tokenizer.Encode(text, AddedTokens::kRecognise), found[0]);
}
#endif

TEST(StreamDecoder, EqualsLossyDecodingOfRandomTokens) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Ids ids;
    for (std::uint64_t step = 0; step < 60; ++step) {
      // Half of them tokens of one byte, which tear characters apart.
      const std::uint64_t bits = RandomBits(seed, step) >> 20;
      ids.push_back(static_cast<std::int32_t>(bits / 2 % (bits % 2 == 0 ? 256 : 248'320)));
    }
    for (const bool skip_special : {false, true}) {
      EXPECT_EQ(Stream(FromGguf(), ids, skip_special), ReplaceInvalidUtf8(FromGguf().Decode(ids, skip_special)));
    }
  }
}

TEST(StreamDecoder, HoldsBackHalfCharacters) {
  // U+1F600 is F0 9F 98 80; feed it byte by byte.
  const std::string face = "\xF0\x9F\x98\x80";
  Ids ids;
  for (const char c : face) ids.push_back(FromGguf().Find(std::string_view(&c, 1)).value());
  StreamDecoder decoder(&FromGguf(), false);
  EXPECT_EQ(decoder.Append(ids[0]), "");
  EXPECT_EQ(decoder.Append(ids[1]), "");
  EXPECT_EQ(decoder.Append(ids[2]), "");
  EXPECT_EQ(decoder.Append(ids[3]), face);
  EXPECT_EQ(decoder.Flush(), "");
  EXPECT_EQ(decoder.Append(ids[0]), "");
  EXPECT_EQ(decoder.Flush(), "\xEF\xBF\xBD");
  EXPECT_EQ(decoder.Flush(), "");
}

struct SmallModel {
  const char* folder;
  const char* gguf;
};
constexpr SmallModel kSmallModels[] = {{"text-tied", "text-tied-f32"},
                                       {"text-untied", "text-untied-q8_0"},
                                       {"text-real-heads", "text-real-heads-bf16"},
                                       {"vl", "vl-f32"},
                                       {"vl-mtp", "vl-mtp-nomtp-bf16"}};

TEST(SmallModels, FolderAndGgufAgree) {
  const std::vector<Json> cases = ReadLines(kFixtures + "/tokenizer/cases.jsonl");
  for (const SmallModel& model : kSmallModels) {
    const Tokenizer folder = Load(kFixtures + "/models/" + model.folder);
    const Tokenizer gguf = Load(kFixtures + "/gguf/" + model.gguf + ".gguf");
    EXPECT_EQ(folder.num_tokens(), 2033);
    EXPECT_EQ(gguf.num_tokens(), 2033);
    EXPECT_THAT(folder.end_tokens(), ElementsAre(2002, 2000));
    EXPECT_THAT(gguf.end_tokens(), ElementsAre(2002, 2000));
    for (std::int32_t id = 0; id < 2048; ++id) {
      ASSERT_EQ(folder.TokenBytes(id), gguf.TokenBytes(id)) << model.folder << " " << id;
      ASSERT_EQ(folder.IsSpecial(id), gguf.IsSpecial(id)) << model.folder << " " << id;
    }
    for (const Json& test_case : cases) {
      const std::string& text = test_case.Find("text")->text();
      EXPECT_EQ(folder.Encode(text, AddedTokens::kRecognise), gguf.Encode(text, AddedTokens::kRecognise));
    }
  }
}

// The reference's prompts with pictures: it repeats the placeholder of a picture once per patch of the language model.
TEST(SmallModels, EncodePicturePromptsAsTheReference) {
  for (const char* name : {"vl", "vl-mtp"}) {
    const Tokenizer tokenizer = Load(kFixtures + "/models/" + name);
    const std::int32_t image = tokenizer.Find("<|image_pad|>").value();
    const Json cases = ReadJson(kFixtures + "/expected/" + name + "/vision/vision_cases.json");
    ASSERT_FALSE(cases.items().empty());
    for (const Json& test_case : cases.items()) {
      Ids expected;
      for (const std::int32_t id : ReadIds(*test_case.Find("ids"))) {
        if (id != image || expected.empty() || expected.back() != image) expected.push_back(id);
      }
      const std::string& prompt = test_case.Find("prompt_before_expansion")->text();
      EXPECT_EQ(tokenizer.Encode(prompt, AddedTokens::kRecognise), expected) << prompt;
    }
  }
}

TEST(SmallModels, ChatIdsSurviveARoundTrip) {
  for (const SmallModel& model : kSmallModels) {
    const Tokenizer tokenizer = Load(kFixtures + "/models/" + model.folder);
    const Json index = ReadJson(kFixtures + "/expected/" + model.folder + "/text_cases.json");
    int num_chats = 0;
    for (const Json& test_case : index.Find("cases")->items()) {
      if (test_case.Find("name")->text() != "chat") continue;
      ++num_chats;
      const Ids ids = ReadIds(*test_case.Find("ids"));
      EXPECT_EQ(tokenizer.Encode(tokenizer.Decode(ids, false), AddedTokens::kRecognise), ids) << model.folder;
    }
    EXPECT_EQ(num_chats, 1) << model.folder;
  }
}

}  // namespace
}  // namespace thimble
