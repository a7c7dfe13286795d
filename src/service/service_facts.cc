// SPDX-License-Identifier: Apache-2.0
// Service: what it tells of itself and its models, and of pictures before they are sent.
#include "base/text.h"
#include "engine/prompt.h"
#include "sampling/sampler.h"
#include "service/models_form.h"
#include "service/prepare.h"
#include "service/query.h"
#include "service/service.h"
#include "service/text_answers.h"
#include "service/upload_head.h"
#include "sys/machine.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace thimble::service {

namespace {

ModelCard CardOf(const LiveModel& model) {
  const Engine& engine = *model.engine;
  ModelCard card;
  card.name = model.name;
  card.context = engine.context();
  card.train_context = engine.config().context_length;
  card.vocab = engine.config().vocab;
  card.size_bytes = engine.memory_needs().weights_bytes + engine.memory_needs().mapped_bytes;
  card.has_vision = engine.can_see();
  card.is_loaded = true;
  return card;
}

ModelsForm FormFor(const Request& request) {
  return request.FindHeader("anthropic-version") == nullptr ? ModelsForm::kOpenAi : ModelsForm::kAnthropic;
}

// "application/x-thimble-rgb; width=4; height=3": the number behind "width=".
std::optional<std::int64_t> ParameterOf(std::string_view type, std::string_view name) {
  for (std::size_t at = type.find(';'); at != std::string_view::npos; at = type.find(';', at + 1)) {
    std::string_view rest = type.substr(at + 1);
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    if (rest.size() <= name.size() || !rest.starts_with(name) || rest[name.size()] != '=') continue;
    std::string_view value = rest.substr(name.size() + 1);
    value = value.substr(0, value.find(';'));
    while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
    return NumberOf(value);
  }
  return std::nullopt;
}

// The kinds that a page has its own words for; nullptr: none of them.
const char* FailureCode(Code code) {
  if (code == Code::kExhausted) return "out_of_memory";
  return code == Code::kCorrupt ? "damaged" : nullptr;
}

// What a picture's file is by its first bytes, whatever a client calls it: browsers are told that.
std::string PictureType(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG")) return "image/png";
  if (bytes.starts_with("\xff\xd8\xff")) return "image/jpeg";
  if (bytes.starts_with("GIF8")) return "image/gif";
  if (bytes.starts_with("BM")) return "image/bmp";
  if (bytes.size() > 12 && bytes.starts_with("RIFF") && bytes.substr(8).starts_with("WEBP")) return "image/webp";
  if (bytes.size() > 12 && bytes.substr(4).starts_with("ftyp")) {
    return bytes.substr(8).starts_with("avif") ? "image/avif" : "image/heic";
  }
  return "application/octet-stream";
}

// Pixels as a carrier that decodes itself sends them: rows from the top, three bytes each.
OrFault<Picture> PictureFromPixels(std::string_view type, std::string_view bytes) {
  const auto width = ParameterOf(type, "width");
  const auto height = ParameterOf(type, "height");
  constexpr std::int64_t kMostSide = 16384;
  if (!width || !height || *width < 1 || *height < 1 || *width > kMostSide || *height > kMostSide)
    return Fault{400, "", "", "content-type", Cat("width and height must be from 1 to ", kMostSide)};
  if (bytes.size() != static_cast<std::size_t>(3 * *width * *height))
    return Fault{
        400, "", "", "",
        Cat("a picture of ", *width, " x ", *height, " has ", 3 * *width * *height, " bytes, found ", bytes.size())};
  Picture picture;
  picture.image.width = static_cast<int>(*width);
  picture.image.height = static_cast<int>(*height);
  picture.image.rgb.assign(bytes.begin(), bytes.end());
  return picture;
}

}  // namespace

WholeAnswer Service::Health() {
  const DeskState state = desk_.State();
  return HealthAnswer(state.live == nullptr && state.loading < 1 && !state.was_open && !state.model.empty());
}

WholeAnswer Service::Models(const Visit& visit) {
  std::vector<ModelCard> cards;
  const auto live = desk_.live();
  const std::string current = desk_.State().model;
  if (live != nullptr) cards.push_back(CardOf(*live));
  for (const ShelfModel& model : shelf_->List()) {
    if (live != nullptr && model.name == live->name) continue;
    ModelCard card;
    card.name = model.name;
    card.size_bytes = model.bytes;
    // The one that will answer stands first.
    cards.insert(model.name == current ? cards.begin() : cards.end(), std::move(card));
  }
  for (ModelCard& card : cards) card.created = began_;
  return ModelsAnswer(cards, FormFor(visit.request));
}

OrFault<WholeAnswer> Service::Model(const Visit& visit, const std::string& name) {
  std::optional<ModelCard> card;
  const auto live = desk_.live();
  if (live != nullptr && live->name == name) card = CardOf(*live);
  for (const ShelfModel& model : shelf_->List()) {
    if (card.has_value() || model.name != name) continue;
    card.emplace();
    card->name = model.name;
    card->size_bytes = model.bytes;
  }
  if (!card.has_value()) return Fault{404, "", "model_not_found", "model", Cat("There is no model ", name, " here.")};
  card->created = began_;
  return ModelAnswer(*card, FormFor(visit.request));
}

OrFault<WholeAnswer> Service::PropsOf() {
  THIMBLE_ASSIGN_OR_RETURN(const auto model, NeedModel());
  Props props;
  props.model = CardOf(*model);
  props.num_slots = options_.desk.parallel;
  props.build = Cat("thimble ", options_.version);
  const bool is_small = model->engine->chat_template().variant == TemplateVariant::kSmall;
  const SamplerOptions sampling =
      ToOptions(CardPreset(is_small ? ModelClass::kSmall : ModelClass::kLarge, !is_small, false));
  props.temperature = sampling.temperature;
  props.top_k = sampling.top_k;
  props.top_p = sampling.top_p;
  props.min_p = sampling.min_p;
  props.presence_penalty = sampling.presence_penalty;
  props.frequency_penalty = sampling.frequency_penalty;
  props.repetition_penalty = sampling.repetition_penalty;
  return PropsAnswer(props);
}

WholeAnswer Service::SlotsOf() {
  const DeskState state = desk_.State();
  std::vector<Slot> slots(static_cast<std::size_t>(options_.desk.parallel));
  for (std::size_t i = 0; i < slots.size(); ++i) {
    slots[i].is_busy = i < state.active;
    if (state.live != nullptr) slots[i].context = state.live->engine->context();
  }
  return SlotsAnswer(slots);
}

WholeAnswer Service::MetricsOf() {
  const DeskState state = desk_.State();
  Metrics metrics;
  metrics.prompt_tokens = state.prompt_tokens;
  metrics.cached_tokens = state.cached_tokens;
  metrics.prompt_seconds = state.prompt_seconds;
  metrics.tokens = state.tokens;
  metrics.seconds = state.seconds;
  metrics.passes = state.passes;
  metrics.most_tokens = state.most_tokens;
  metrics.busy_slots_per_pass =
      state.passes == 0 ? 0 : static_cast<double>(state.pass_rows) / static_cast<double>(state.passes);
  metrics.num_busy = static_cast<int>(state.active);
  metrics.num_waiting = static_cast<int>(state.waiting);
  metrics.requests = num_requests_;
  metrics.refused = num_refused_;
  metrics.turned_away = num_turned_away_;
  metrics.failed = num_failed_;
  metrics.cancelled = state.cancelled;
  if (options_.resident_bytes) metrics.resident_bytes = options_.resident_bytes();
  metrics.is_loaded = state.live != nullptr;
  return MetricsAnswer(metrics);
}

WholeAnswer Service::Info() {
  const DeskState state = desk_.State();
  Json model = Json::Object({{"name", Json::String(state.model)},
                             {"open", Json::Bool(state.live != nullptr)},
                             {"loading", Json::Float(state.loading)}});
  if (state.live != nullptr) {
    const Engine& engine = *state.live->engine;
    model.Set("context", Json::Integer(engine.context()));
    model.Set("sees", Json::Bool(engine.can_see()));
    if (!engine.can_see()) model.Set("why_blind", Json::String(engine.why_blind()));
    model.Set("threads", Json::Integer(engine.num_threads()));
    model.Set("instructions", Json::String(engine.isa()));
  }
  if (state.failure.has_value()) model.Set("failure", Json::String(state.failure->message));
  Json info =
      Json::Object({{"version", Json::String(options_.version)},
                    {"model", std::move(model)},
                    {"machine", Json::Object({{"cores", Json::Integer(NumUsableCores())},
                                              {"memory_free", Json::Integer(static_cast<std::int64_t>(FreeBytes()))}})},
                    {"limits", Json::Object({{"parallel", Json::Integer(options_.desk.parallel)},
                                             {"queue", Json::Integer(options_.desk.queue)},
                                             {"picture_bytes", Json::Integer(64 << 20)}})}});
  if (options_.about_carrier) {
    const Json more = options_.about_carrier();
    for (const auto& [key, value] : more.members()) info.Set(key, value);
  }
  return JsonAnswer(info.Dump());
}

std::uint64_t Service::FreeBytes() const {
  return options_.free_bytes ? options_.free_bytes() : AvailableMemoryBytes();
}

WholeAnswer Service::StoreModels() {
  const DeskState state = desk_.State();
  std::uint64_t free = FreeBytes();
  // Where memory is counted exactly, what the open model has is free for another one.
  if (options_.free_bytes && state.live != nullptr) free += state.live->engine->memory_needs().weights_bytes;
  std::vector<Json> items;
  for (const ShelfModel& model : shelf_->List()) {
    const bool is_open = state.live != nullptr && state.live->name == model.name;
    // Its weights are most of what it needs; opening it says exactly.
    const bool fits = is_open || free == 0 || model.bytes <= free;
    Json item = Json::Object({{"name", Json::String(model.name)},
                              {"bytes", Json::Integer(static_cast<std::int64_t>(model.bytes))},
                              {"built_in", Json::Bool(model.is_builtin)},
                              {"open", Json::Bool(is_open)},
                              {"fits", Json::Bool(fits)}});
    if (!model.title.empty()) item.Set("title", Json::String(model.title));
    if (!fits)
      item.Set("why", Json::String(Cat("it needs ", FormatBytes(model.bytes), ", ", FormatBytes(free), " are free")));
    if (state.is_opening && state.model == model.name) item.Set("opening", Json::Float(state.loading));
    if (state.failed_model == model.name) {
      item.Set("failure", Json::String(state.failed_why));
      if (const char* code = FailureCode(state.failed_code); code != nullptr)
        item.Set("failure_code", Json::String(code));
    }
    if (!model.failure.empty()) {
      item.Set("failure", Json::String(model.failure));
      if (!model.failure_code.empty()) item.Set("failure_code", Json::String(model.failure_code));
    }
    items.push_back(std::move(item));
  }
  Json answer = Json::Object({{"models", Json::Array(std::move(items))}});
  if (options_.store != nullptr) answer.Set("unfinished", UnfinishedJson(options_.store->Unfinished()));
  return JsonAnswer(answer.Dump());
}

OrFault<WholeAnswer> Service::PutPicture(const Visit& visit) {
  const std::string* const type = visit.request.FindHeader("content-type");
  constexpr std::string_view kPixels = "application/x-thimble-rgb";
  const std::string kind = type == nullptr ? "" : AsciiLower(type->substr(0, type->find(';')));
  const auto take = [&]() -> OrFault<Picture> {
    if (kind == kPixels) return PictureFromPixels(*type, visit.request.body);
    if (!kind.empty() && !kind.starts_with("image/") && kind != "application/octet-stream")
      return Fault{415, "", "", "content-type", "Send a picture as image/..., or pixels as application/x-thimble-rgb."};
    auto picture = decoder_->Decode(visit.request.body, "picture");
    if (picture.ok()) return std::move(picture).value();
    return PictureFault(picture.error());
  };
  const std::string_view keep = QueryValue(visit.request.query, "keep");
  const bool is_kept = keep == "1";
  if (!is_kept && !keep.empty() && keep != "0") return Fault{400, "", "", "keep", "keep is 1 or 0"};
  if (is_kept && options_.chats == nullptr)
    return Fault{501, "", "no_history", "keep", "Conversations are not kept here, nor are their pictures."};
  if (is_kept && kind == kPixels)
    return Fault{415, "", "", "content-type", "Of pictures that are kept, send the file."};
  THIMBLE_ASSIGN_OR_RETURN(Picture picture, take());
  std::string sha256;
  if (is_kept) {
    const std::string& file = visit.request.body;
    THIMBLE_ASSIGN_OR_RETURN(sha256, options_.chats->PutPicture(file, PictureType(file)));
  }
  const ImageSize size = picture.size();
  Json answer = Json::Object({{"width", Json::Integer(size.width)}, {"height", Json::Integer(size.height)}});
  if (const auto model = desk_.live(); model != nullptr && model->engine->can_see()) {
    THIMBLE_ASSIGN_OR_RETURN(answer, PriceOf(*model, size.width, size.height));
  }
  answer.Set("id", Json::String(pictures_.Put(std::move(picture), sha256)));
  if (is_kept) answer.Set("sha256", Json::String(sha256));
  return JsonAnswer(answer.Dump());
}

OrFault<WholeAnswer> Service::PicturePrice(const Visit& visit) {
  THIMBLE_ASSIGN_OR_RETURN(const auto model, NeedModel());
  const auto width = NumberOf(QueryValue(visit.request.query, "width"));
  const auto height = NumberOf(QueryValue(visit.request.query, "height"));
  if (!width || !height) return Fault{400, "", "", "width", "width and height are needed: ?width=640&height=480"};
  THIMBLE_ASSIGN_OR_RETURN(const Json price, PriceOf(*model, *width, *height));
  return JsonAnswer(price.Dump());
}

}  // namespace thimble::service
