// SPDX-License-Identifier: Apache-2.0
#include "service/prepare.h"

#include "base/no_memory.h"
#include "base/text.h"
#include "service/chat_form.h"
#include "talk/window.h"
#include "text/data_url.h"

#include <algorithm>
#include <utility>

namespace thimble::service {

namespace {

constexpr std::string_view kShelfScheme = "thimble:";

Fault MessagesFault(const Error& error) {
  Fault fault = PictureFault(error);
  fault.param = "messages";
  return fault;
}

// By its name: from the shelf, else from the store's file.
OrFault<Picture> TakeKept(const std::string& name, const std::string& place, const PictureSources& from) {
  if (const auto kept = from.shelf->Find(name); kept != nullptr) return Picture(*kept);
  if (from.store != nullptr && IsSha256(name)) {
    auto stored = from.store->Picture(name);
    if (!stored.ok() && stored.error().status != 404) return stored.error();
    if (stored.ok()) {
      auto picture = from.decoder->Decode(stored.value().bytes, place);
      if (!picture.ok()) return MessagesFault(picture.error());
      from.shelf->Put(picture.value(), name);
      return std::move(picture).value();
    }
  }
  return Fault{400, "", "picture_not_found", "messages", Cat(place, ": this picture is no longer here; send it again")};
}

OrFault<Picture> TakePicture(const std::string& source, const std::string& place, const PictureSources& from) {
  if (source.starts_with(kShelfScheme)) return TakeKept(source.substr(kShelfScheme.size()), place, from);
  if (!IsDataUrl(source) && !LooksLikeBase64Picture(source)) {
    return Fault{400, "", "", "messages",
                 Cat(place,
                     ": pictures are taken as data URLs (data:image/png;base64,...) only; this server fetches "
                     "nothing and opens no file")};
  }
  auto bytes = IsDataUrl(source) ? DecodeDataUrl(source) : DecodeBase64(source);
  if (!bytes.ok()) return Fault{400, "", "", "messages", Cat(place, ": ", bytes.error().message)};
  auto picture = from.decoder->Decode(bytes.value(), place);
  if (picture.ok()) return std::move(picture).value();
  return MessagesFault(picture.error());
}

std::optional<Detail> DetailOf(const std::string& text) {
  if (text == "low") return Detail::kLow;
  if (text == "high" || text == "original") return Detail::kHigh;
  if (text == "auto") return Detail::kAuto;
  return std::nullopt;
}

// Takes messages [NumPinned, end) out of the conversation, with their pictures.
void DropMessages(std::size_t end, const PromptCounts& counts, Job* job) {
  GenerateRequest& request = job->ask.generate;
  std::vector<Message>& messages = request.chat().messages;
  const std::size_t begin = NumPinned(messages);
  const std::size_t num_pictures = NumPictures(std::span(messages).subspan(begin, end - begin));
  for (std::size_t i = begin; i < end; ++i) job->dropped_tokens += counts.messages[i];
  job->dropped_messages += static_cast<int>(end - begin);
  messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(begin),
                 messages.begin() + static_cast<std::ptrdiff_t>(end));
  request.pictures.erase(request.pictures.begin(),
                         request.pictures.begin() + static_cast<std::ptrdiff_t>(num_pictures));
}

// Several rounds, as Conversation's: a picture gets more room when something goes.
OrFault<Done> Fit(const Engine& engine, Job* job) {
  GenerateRequest& request = job->ask.generate;
  while (true) {
    THIMBLE_ASSIGN_OR_RETURN(const PromptCounts counts, engine.Measure(request));
    const auto too_long = [&] { return DoesNotFit(counts.total, engine.context()); };
    if (!job->ask.drops_oldest || !request.has_chat())
      return counts.total < engine.context() ? OrFault<Done>(Done{}) : too_long();
    const WindowPlan plan =
        PlanWindow(CountWindow(counts, request.chat().messages), engine.context(), request.max_tokens);
    if (!plan.fits) return too_long();
    if (plan.num_dropped == 0) return Done{};
    DropMessages(ExchangeBegins(request.chat().messages)[plan.num_dropped], counts, job);
  }
}

// A prompt that asks for what stands between two texts, as Qwen's models are taught to read it.
OrFault<Done> AskForGap(const Tokenizer& tokenizer, Ask* ask) {
  const auto find = [&](std::string_view text) {
    const auto id = tokenizer.Find(text);
    return id.has_value() && tokenizer.IsAdded(*id) ? id : std::nullopt;
  };
  const auto before = find("<|fim_prefix|>");
  const auto after = find("<|fim_suffix|>");
  const auto gap = find("<|fim_middle|>");
  if (!before.has_value() || !after.has_value() || !gap.has_value()) {
    return Fault{
        400, "", "", "suffix",
        "this model does not fill gaps: its vocabulary lacks <|fim_prefix|>, <|fim_suffix|> and <|fim_middle|>"};
  }
  PromptIds prompt;
  prompt.ids.push_back(*before);
  // Programs send files of whatever kind here, which may spell special tokens and mean none.
  tokenizer.EncodeTo(ask->raw_prompt, AddedTokens::kPlainText, &prompt.ids);
  prompt.ids.push_back(*after);
  tokenizer.EncodeTo(*ask->suffix, AddedTokens::kPlainText, &prompt.ids);
  prompt.ids.push_back(*gap);
  ask->generate.prompt = std::move(prompt);
  // What comes where a gap is full, or the next file begins.
  ask->generate.more_ends.clear();
  for (const char* text :
       {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"}) {
    if (const auto id = find(text)) ask->generate.more_ends.push_back(*id);
  }
  return Done{};
}

OrFault<Done> Prepare(const std::shared_ptr<LiveModel>& model, const FilterMaker& filter_for, Job* job) {
  const Engine* const engine = model->engine.get();
  GenerateRequest& request = job->ask.generate;
  AskByInstructions(&request);
  if (job->ask.suffix.has_value()) {
    THIMBLE_RETURN_IF_ERROR(AskForGap(engine->tokenizer(), &job->ask));
  } else if (job->ask.is_raw) {
    // Who completes text writes the special tokens himself.
    PromptIds prompt;
    engine->tokenizer().EncodeTo(job->ask.raw_prompt, AddedTokens::kRecognise, &prompt.ids);
    if (prompt.ids.empty()) return Fault{400, "", "", "prompt", "the prompt is empty"};
    request.prompt = std::move(prompt);
  }
  if (!request.pictures.empty() && !engine->can_see()) {
    Fault fault = FaultOf(engine->BlindError());
    fault.status = 400;
    fault.param = "messages";
    return fault;
  }
  THIMBLE_RETURN_IF_ERROR(Fit(*engine, job));
  THIMBLE_ASSIGN_OR_RETURN(Prompt prompt, BuildPrompt(engine->prompts(), request));
  if (job->ask.grammar.has_value()) {
    const GrammarRequest& wanted = *job->ask.grammar;
    auto filter = model->masker.NewFilter(wanted);
    // Agents bring tools of which schemas say more than can be enforced, and nobody asked for that: the model sees them
    // all the same. Who asked for an answer's form does not do without it.
    const bool may_call = wanted.kind == GrammarRequest::Kind::kToolCalls && !wanted.must_call;
    request.is_calls_or_text = may_call && !wanted.schema.IsNull();
    const bool is_wish = may_call && !wanted.is_strict && wanted.schema.IsNull();
    const bool is_left_out = !filter.ok() && is_wish && filter.error().code == Code::kUnsupported;
    if (!filter.ok() && !is_left_out) return filter.error();
    if (filter.ok()) request.filter = std::move(filter).value();
  }
  if (auto filter = filter_for ? filter_for(job->ask, *model) : nullptr; filter != nullptr)
    request.filter = std::move(filter);
  job->prompt = std::move(prompt);
  job->prepared_for = model;
  return Done{};
}

}  // namespace

Fault DoesNotFit(std::int64_t tokens, std::int64_t context) {
  return Fault{
      400, "", "context_length_exceeded", "messages",
      Cat("This model's context holds ", context, " tokens, and this request has ", tokens,
          ". Shorten the messages or their pictures, or say \"when_full\": \"window\" to leave out the oldest.")};
}

Fault PictureFault(const Error& error) {
  Fault fault = FaultOf(error);
  if (error.code == Code::kUnsupported) fault.status = 415;
  if (error.code == Code::kExhausted) fault.status = 413;
  return fault;
}

OrFault<Done> TakePictures(const PictureSources& from, GenerateRequest* request) {
  if (!request->has_chat()) return Done{};
  // Of one request, as they came: some thirty photos of 12 megapixels.
  constexpr std::size_t kMostPixelBytes = std::size_t{1} << 30;
  std::size_t pixel_bytes = 0;
  if (!request->detail.has_value()) request->detail = Detail::kAuto;
  for (Message& message : request->chat().messages) {
    for (Part& part : message.content) {
      if (part.kind == Part::Kind::kVideo)
        return Fault{400, "", "", "messages", "videos cannot be read here; send single pictures of it"};
      if (part.kind != Part::Kind::kImage) continue;
      const std::size_t number = request->pictures.size() + 1;
      THIMBLE_ASSIGN_OR_RETURN(Picture picture, TakePicture(part.source, Cat("picture ", number), from));
      pixel_bytes += picture.image.rgb.size();
      if (pixel_bytes > kMostPixelBytes) {
        return Fault{413, "", "", "messages",
                     Cat("the request's pictures have more than ", FormatBytes(kMostPixelBytes), " of pixels")};
      }
      picture.detail = DetailOf(part.detail);
      part.source.clear();  // the text of a data URL is larger than its picture
      request->pictures.push_back(std::move(picture));
    }
  }
  return Done{};
}

void AskByInstructions(GenerateRequest* request) {
  if (!request->has_chat()) return;
  std::vector<Message>& messages = request->chat().messages;
  if (messages.size() == 1 && messages[0].role == "system") messages[0].role = "user";
}

OrFault<Done> PrepareFor(const std::shared_ptr<LiveModel>& model, const FilterMaker& filter_for, Job* job) {
  OrFault<Done> done = Done{};
  const Status memory = ExhaustedIfNoMemory([&]() -> Status {
    done = Prepare(model, filter_for, job);
    return Done{};
  });
  return memory.ok() ? done : OrFault<Done>(memory.error());
}

}  // namespace thimble::service
