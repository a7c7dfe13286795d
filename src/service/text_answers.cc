// SPDX-License-Identifier: Apache-2.0
#include "service/text_answers.h"

#include "base/text.h"
#include "engine/prompt.h"
#include "service/models_form.h"
#include "service/prepare.h"
#include "service/text_forms.h"

#include <algorithm>
#include <utility>

namespace thimble::service {

namespace {

Json Integers(std::span<const std::int64_t> values) {
  std::vector<Json> items;
  for (const std::int64_t value : values) items.push_back(Json::Integer(value));
  return Json::Array(std::move(items));
}

}  // namespace

OrFault<WholeAnswer> Tokenize(const LiveModel& model, const Json& body) {
  THIMBLE_ASSIGN_OR_RETURN(const TokenizeRequest request, ParseTokenize(body));
  const Tokenizer& tokenizer = model.engine->tokenizer();
  const AddedTokens added = request.parse_special ? AddedTokens::kRecognise : AddedTokens::kPlainText;
  const std::vector<std::int32_t> ids = tokenizer.Encode(request.content, added);
  std::vector<std::string> pieces;
  if (request.with_pieces) {
    for (const std::int32_t id : ids) pieces.emplace_back(tokenizer.TokenBytes(id));
  }
  return TokenizeAnswer(ids, pieces);
}

OrFault<WholeAnswer> Detokenize(const LiveModel& model, const Json& body) {
  THIMBLE_ASSIGN_OR_RETURN(const std::vector<std::int32_t> ids, ParseDetokenize(body));
  const Tokenizer& tokenizer = model.engine->tokenizer();
  for (const std::int32_t id : ids) {
    if (id >= tokenizer.num_ids())
      return Fault{400, "", "", "tokens",
                   Cat("this model's tokens are 0 to ", tokenizer.num_ids() - 1, ", found ", id)};
  }
  return DetokenizeAnswer(tokenizer.Decode(ids, false));
}

OrFault<WholeAnswer> CountConversation(const LiveModel& model, const PictureSources& from, CountForm form,
                                       GenerateRequest request) {
  THIMBLE_RETURN_IF_ERROR(TakePictures(from, &request));
  AskByInstructions(&request);
  const Engine& engine = *model.engine;
  THIMBLE_ASSIGN_OR_RETURN(const PromptCounts counts, engine.Measure(request));
  if (form == CountForm::kPrompt) {
    if (counts.total >= engine.context()) return DoesNotFit(counts.total, engine.context());
    THIMBLE_ASSIGN_OR_RETURN(const Prompt prompt, BuildPrompt(engine.prompts(), request));
    return TemplateAnswer(engine.tokenizer().Decode(prompt.ids, false));
  }
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
                                  {"pictures", Json::Array(std::move(pictures))}})
                        .Dump());
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
