// SPDX-License-Identifier: Apache-2.0
#include "service/text_answers.h"

#include "base/text.h"
#include "engine/prompt.h"
#include "service/models_form.h"
#include "service/prepare.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace thimble::service {

namespace {

WholeAnswer JsonAnswer(const Json& body) { return {200, {{"content-type", "application/json"}}, body.Dump()}; }

Json Integers(std::span<const std::int64_t> values) {
  std::vector<Json> items;
  for (const std::int64_t value : values) items.push_back(Json::Integer(value));
  return Json::Array(std::move(items));
}

bool Flag(const Json& body, std::string_view key, bool otherwise) {
  const Json* const value = body.Find(key);
  return value == nullptr ? otherwise : value->AsBool().value_or(otherwise);
}

// A token's text, or where its bytes are no text its bytes.
Json PieceOf(std::string_view bytes) {
  Json text = Json::String(std::string(bytes));
  if (Json::Parse(text.Dump(), "piece").ok() && JsonQuote(bytes).find("\xEF\xBF\xBD") == std::string::npos) return text;
  std::vector<Json> numbers;
  for (const char byte : bytes) numbers.push_back(Json::Integer(static_cast<unsigned char>(byte)));
  return Json::Array(std::move(numbers));
}

}  // namespace

OrFault<WholeAnswer> Tokenize(const LiveModel& model, const Json& body) {
  const Json* const content = body.Find("content");
  if (content == nullptr || !content->IsString())
    return Fault{400, "", "", "content", "\"content\" must be the text to be tokenized"};
  const Tokenizer& tokenizer = model.engine->tokenizer();
  const AddedTokens added = Flag(body, "parse_special", true) ? AddedTokens::kRecognise : AddedTokens::kPlainText;
  const bool has_pieces = Flag(body, "with_pieces", false);
  std::vector<Json> tokens;
  for (const std::int32_t id : tokenizer.Encode(content->text(), added)) {
    Json number = Json::Integer(id);
    if (!has_pieces) {
      tokens.push_back(std::move(number));
      continue;
    }
    tokens.push_back(Json::Object({{"id", std::move(number)}, {"piece", PieceOf(tokenizer.TokenBytes(id))}}));
  }
  return JsonAnswer(Json::Object({{"tokens", Json::Array(std::move(tokens))}}));
}

OrFault<WholeAnswer> Detokenize(const LiveModel& model, const Json& body) {
  const Json* const tokens = body.Find("tokens");
  const Fault wrong{400, "", "", "tokens", "\"tokens\" must be a list of token ids of this model"};
  if (tokens == nullptr || !tokens->IsArray()) return wrong;
  const Tokenizer& tokenizer = model.engine->tokenizer();
  std::vector<std::int32_t> ids;
  for (const Json& item : tokens->items()) {
    const auto id = item.AsInt();
    if (!id.has_value() || *id < 0 || *id >= tokenizer.num_ids()) return wrong;
    ids.push_back(static_cast<std::int32_t>(*id));
  }
  return JsonAnswer(Json::Object({{"content", Json::String(tokenizer.Decode(ids, false))}}));
}

OrFault<WholeAnswer> CountConversation(const LiveModel& model, const CountTools& tools, CountForm form,
                                       GenerateRequest request) {
  THIMBLE_RETURN_IF_ERROR(TakePictures(tools.decoder, tools.shelf, &request));
  const Engine& engine = *model.engine;
  if (form == CountForm::kPrompt) {
    THIMBLE_ASSIGN_OR_RETURN(const Prompt prompt, BuildPrompt(engine.prompts(), request));
    return JsonAnswer(Json::Object({{"prompt", Json::String(engine.tokenizer().Decode(prompt.ids, false))}}));
  }
  THIMBLE_ASSIGN_OR_RETURN(const PromptCounts counts, engine.Measure(request));
  if (form == CountForm::kInputTokens) return InputTokensAnswer(counts.total);
  if (form == CountForm::kCountTokens) return CountTokensAnswer(counts.total);
  std::vector<Json> pictures;
  for (const PictureReading& reading : counts.pictures) {
    pictures.push_back(Json::Object({{"width", Json::Integer(reading.read.width)},
                                     {"height", Json::Integer(reading.read.height)},
                                     {"tokens", Json::Integer(reading.tokens)}}));
  }
  return JsonAnswer(Json::Object({{"context", Json::Integer(engine.context())},
                                  {"total", Json::Integer(counts.total)},
                                  {"before", Json::Integer(counts.before)},
                                  {"messages", Integers(counts.messages)},
                                  {"answer", Json::Integer(counts.answer)},
                                  {"pictures", Json::Array(std::move(pictures))}}));
}

OrFault<Json> PriceOf(const LiveModel& model, std::int64_t width, std::int64_t height) {
  const Engine& engine = *model.engine;
  if (!engine.can_see()) {
    Fault fault = FaultOf(engine.BlindError());
    fault.status = 400;
    fault.code = "model_is_blind";
    return fault;
  }
  constexpr std::int64_t kMostSide = 65535;
  if (width < 1 || height < 1 || width > kMostSide || height > kMostSide)
    return Fault{400, "", "", "width", Cat("width and height must be from 1 to ", kMostSide)};
  const PromptParts& parts = engine.prompts();
  const ImageSize given{static_cast<int>(height), static_cast<int>(width)};
  Json tokens = Json::Object();
  for (const Detail detail : {Detail::kLow, Detail::kAuto, Detail::kHigh}) {
    THIMBLE_ASSIGN_OR_RETURN(const PictureReading reading,
                             ChooseReading(given, detail, parts.patches, parts.pixel_limits, 0, parts.context));
    tokens.Set(DetailName(detail), Json::Integer(reading.tokens));
  }
  return Json::Object(
      {{"width", Json::Integer(width)}, {"height", Json::Integer(height)}, {"tokens", std::move(tokens)}});
}

}  // namespace thimble::service
