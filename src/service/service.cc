// SPDX-License-Identifier: Apache-2.0
#include "service/service.h"

#include "base/no_memory.h"
#include "base/text.h"
#include "service/anthropic_request.h"
#include "service/openai_request.h"
#include "service/prepare.h"
#include "service/request_body.h"
#include "service/text_answers.h"
#include "sys/machine.h"

#include <utility>

namespace thimble::service {

namespace {

// Bodies up to this are read at once: some milliseconds. Larger ones, with pictures in them, wait for Help.
constexpr std::size_t kQuickBody = 256 << 10;

OrFault<Ask> ParseAsk(RouteKind kind, const Json& body) {
  switch (kind) {
    case RouteKind::kMessages:
      return ParseAnthropicMessages(body);
    case RouteKind::kCompletion:
      return ParseCompletion(body);
    default:
      return ParseOpenAiChat(body);
  }
}

std::unique_ptr<AnswerWriter> NewWriter(RouteKind kind, const Ask& ask, AnswerFacts facts,
                                        const std::shared_ptr<AnswerSink>& sink) {
  switch (kind) {
    case RouteKind::kMessages:
      return NewAnthropicWriter(ask, std::move(facts), sink);
    case RouteKind::kCompletion:
      return NewCompletionWriter(ask, std::move(facts), sink);
    default:
      return NewOpenAiChatWriter(ask, std::move(facts), sink);
  }
}

bool IsAsked(RouteKind kind) {
  return kind == RouteKind::kChat || kind == RouteKind::kCompletion || kind == RouteKind::kMessages;
}

bool NeedsModel(RouteKind kind) {
  switch (kind) {
    case RouteKind::kChatCount:
    case RouteKind::kMessagesCount:
    case RouteKind::kTokenize:
    case RouteKind::kDetokenize:
    case RouteKind::kApplyTemplate:
    case RouteKind::kCount:
      return true;
    default:
      return false;
  }
}

bool IsJson(const Request& request) {
  const std::string* const type = request.FindHeader("content-type");
  return type != nullptr && AsciiLower(Trim(type->substr(0, type->find(';')))) == "application/json";
}

ServiceOptions WithClock(ServiceOptions options) {
  if (!options.clock) options.clock = MonotonicSeconds;
  return options;
}

// Under which its client reads the answer again; nullptr: it does not want to.
const std::string* AnswerName(const Request& request) { return request.FindHeader("x-conversation-id"); }

Fault NoSuchRoute(const RouteMatch& match) {
  if (match.allowed.empty()) return Fault{404, "", "", "", "There is nothing here. /openapi.json lists what there is."};
  return Fault{405, "", "", "", Cat("This can be asked with ", match.allowed, " only.")};
}

}  // namespace

Service::Service(ServiceOptions options, ModelShelf* shelf, PictureDecoder* decoder, Wakers wakers)
    : options_(WithClock(std::move(options))),
      began_(options_.now()),
      shelf_(shelf),
      decoder_(decoder),
      pictures_(options_.picture_bytes),
      help_(wakers.help),
      kept_(options_.kept, options_.clock, wakers.help),
      replies_(options_.chats, options_.clock, wakers.help),
      desk_(options_.desk, shelf, wakers.pump) {}

BodyRule Service::Expect(const Request& head) {
  BodyRule rule;
  const RouteMatch match = FindRoute(head.method, head.path);
  if (match.route == nullptr && (IsOfPage(head) || IsForWorker(head))) return rule;
  if (match.route == nullptr) {
    rule.refusal = MakeError(head.path, NoSuchRoute(match));
    if (!match.allowed.empty()) rule.refusal->headers.push_back({"allow", match.allowed});
  } else if (match.route->needs_json && !IsJson(head)) {
    rule.refusal = MakeError(head.path, {415, "", "", "", "The body must be JSON, and content-type application/json."});
  } else if (match.route->kind == RouteKind::kPutModelFile) {
    return ExpectModelFile(head, match.names);
  } else {
    rule.most_bytes = match.route->most_body_bytes;
  }
  return rule;
}

RequestId Service::Submit(Request request, std::unique_ptr<BodyReceiver> received, std::shared_ptr<AnswerSink> sink) {
  auto visit = std::make_shared<Visit>();
  visit->id = next_id_++;
  visit->request = std::move(request);
  visit->sink = std::move(sink);
  RouteMatch match = FindRoute(visit->request.method, visit->request.path);
  visit->route = match.route;
  visit->names = std::move(match.names);
  // Expect gives one for this route only.
  if (visit->route != nullptr && visit->route->kind == RouteKind::kPutModelFile)
    visit->upload.reset(static_cast<ModelUpload*>(received.release()));
  ++num_requests_;
  const Status status = ExhaustedIfNoMemory([&]() -> Status {
    if (visit->route == nullptr) {
      HandlePage(*visit, match);
    } else {
      Handle(visit);
    }
    return Done{};
  });
  if (!status.ok()) Answer(*visit, FaultOf(status.error()));
  return visit->id;
}

void Service::Cancel(RequestId id) {
  kept_.Leave(id);
  desk_.Cancel(id);
}

bool Service::Help() {
  const bool has_more = help_.Run();
  TendKept();
  return has_more;
}

bool Service::IsOfPage(const Request& request) const {
  return options_.page != nullptr && request.method == "GET" && options_.page->Find(request.path) != nullptr;
}

void Service::HandlePage(const Visit& visit, const RouteMatch& match) {
  if (IsOfPage(visit.request)) {
    Answer(visit, PageAnswer(*options_.page->Find(visit.request.path), visit.request));
  } else if (IsForWorker(visit.request)) {
    Answer(visit, RetiringWorker());
  } else {
    Answer(visit, NoSuchRoute(match));
  }
}

void Service::Handle(const Visitor& visit) {
  const RouteKind kind = visit->route->kind;
  if (kind == RouteKind::kPutPicture) {
    help_.Add([this, visit] { Answer(*visit, PutPicture(*visit)); });
  } else if (kind == RouteKind::kPutModelFile) {
    PutModelFile(visit);
  } else if (kind == RouteKind::kDeleteModel) {
    help_.Add([this, visit] { Answer(*visit, DeleteModel(*visit)); });
  } else if (kind == RouteKind::kDeletePacks) {
    help_.Add([this, visit] { Answer(*visit, DeletePacks()); });
  } else if (IsOfChats(kind)) {
    help_.Add([this, visit] { Answer(*visit, AnswerChats(*visit)); });
  } else if (kind == RouteKind::kKeptAnswer) {
    ReadKept(*visit);
  } else if (!IsAsked(kind) && !NeedsModel(kind)) {
    Answer(*visit, AnswerNow(*visit));
  } else if (visit->request.body.size() <= kQuickBody) {
    HandleBody(visit);
  } else {
    help_.Add([this, visit] { HandleBody(visit); });
  }
}

void Service::HandleBody(const Visitor& visit) {
  const auto body = ParseBody(visit->request.body);
  visit->request.body = {};
  if (!body.ok()) {
    Answer(*visit, body.error());
  } else if (IsAsked(visit->route->kind)) {
    Ask(visit, body.value());
  } else {
    help_.Add([this, visit, json = body.value()] { Answer(*visit, AnswerWithModel(*visit, json)); });
  }
}

void Service::Ask(const Visitor& visit, const Json& body) {
  auto ask = ParseAsk(visit->route->kind, body);
  if (!ask.ok()) {
    Answer(*visit, ask.error());
    return;
  }
  if (options_.temper) options_.temper(&ask.value().generate);
  const std::string* name = visit->route->kind == RouteKind::kChat ? AnswerName(visit->request) : nullptr;
  if (name != nullptr && !KeptAnswers::IsName(*name)) {
    Answer(*visit, Fault{400, "", "", "x-conversation-id", "X-Conversation-Id is 1 to 128 visible characters"});
    return;
  }
  if (!ask.value().is_stream) name = nullptr;  // only streams go on
  auto job = std::make_shared<Job>();
  job->id = next_id_++;
  if (name == nullptr) job->id = visit->id;  // whoever leaves cancels it
  job->ask = std::move(ask).value();
  if (job->ask.echoes && !job->ask.is_raw) {
    const auto model = NeedModel();
    if (!model.ok()) {
      Answer(*visit, model.error());
      return;
    }
    job->ask.raw_prompt = model.value()->engine->tokenizer().Decode(job->ask.generate.ids(), false);
  }
  job->sink = visit->sink;
  if (auto fault = desk_.Admit(job); fault.has_value()) {
    Answer(*visit, *fault);
    return;
  }
  if (name != nullptr) {
    if (const auto kept = Keep(*visit, *name, job); !kept.ok()) {
      desk_.Leave(*job);
      Answer(*visit, kept.error());
      return;
    }
  }
  AnswerFacts facts{options_.new_id(), desk_.State().model, options_.now()};
  job->writer = NewWriter(visit->route->kind, job->ask, std::move(facts), job->sink);
  if (job->reply != nullptr) job->writer = NewKeepingWriter(std::move(job->writer), job->reply);
  help_.Add([this, job] { Prepare(job); });
}

// On Help's thread, after the request was let in.
void Service::Prepare(const std::shared_ptr<Job>& job) {
  const auto prepare = [&]() -> OrFault<Done> {
    if (job->is_cancelled) return Done{};
    if (job->reply != nullptr) {
      const auto begun = replies_.Begin(job->reply);
      // Where the message is gone, its answer is read all the same.
      if (!begun.ok() && begun.error().status != 404) return begun.error();
    }
    THIMBLE_RETURN_IF_ERROR(TakePictures({decoder_, &pictures_, options_.chats}, &job->ask.generate));
    const auto model = desk_.live();
    // Where none is open yet, this waits for its turn.
    if (model != nullptr && model->name == desk_.State().model)
      THIMBLE_RETURN_IF_ERROR(PrepareFor(model, options_.desk.filter_for, job.get()));
    return Done{};
  };
  OrFault<Done> done = Done{};
  const Status memory = ExhaustedIfNoMemory([&]() -> Status {
    done = prepare();
    return Done{};
  });
  if (!memory.ok()) done = OrFault<Done>(memory.error());
  if (done.ok() && !job->is_cancelled) {
    desk_.Ready(job);
    return;
  }
  if (!done.ok() && !job->is_cancelled) job->writer->Fail(done.error());
  if (!done.ok()) Count(done.error().status);
  desk_.Leave(*job);
}

OrFault<std::shared_ptr<LiveModel>> Service::NeedModel() const {
  if (auto model = desk_.live(); model != nullptr) return model;
  const DeskState state = desk_.State();
  if (state.failure.has_value()) return Fault{503, "", "model_not_loaded", "", state.failure->message};
  if (state.model.empty())
    return Fault{503, "", "model_not_loaded", "",
                 "No model is open here yet: open one, after importing it if there is none."};
  return Fault{503, "", "", "", "The model is being loaded. Try again in a few seconds."};
}

OrFault<WholeAnswer> Service::AnswerWithModel(const Visit& visit, const Json& body) {
  OrFault<WholeAnswer> answer = WholeAnswer{};
  const auto make = [&]() -> OrFault<WholeAnswer> {
    // One that was put away is wanted again.
    if (const DeskState state = desk_.State(); state.live == nullptr && state.was_open) (void)desk_.Switch(state.model);
    THIMBLE_ASSIGN_OR_RETURN(const auto model, NeedModel());
    const RouteKind kind = visit.route->kind;
    if (kind == RouteKind::kTokenize) return Tokenize(*model, body);
    if (kind == RouteKind::kDetokenize) return Detokenize(*model, body);
    THIMBLE_ASSIGN_OR_RETURN(service::Ask ask,
                             kind == RouteKind::kMessagesCount ? ParseAnthropicCount(body) : ParseOpenAiCount(body));
    const CountForm form = kind == RouteKind::kApplyTemplate   ? CountForm::kPrompt
                           : kind == RouteKind::kCount         ? CountForm::kMessages
                           : kind == RouteKind::kMessagesCount ? CountForm::kCountTokens
                                                               : CountForm::kInputTokens;
    return CountConversation(*model, {decoder_, &pictures_, options_.chats}, form, std::move(ask.generate));
  };
  const Status memory = ExhaustedIfNoMemory([&]() -> Status {
    answer = make();
    return Done{};
  });
  return memory.ok() ? answer : OrFault<WholeAnswer>(memory.error());
}

OrFault<WholeAnswer> Service::AnswerNow(const Visit& visit) {
  switch (visit.route->kind) {
    case RouteKind::kRoot:
      if (IsOfPage(visit.request)) return PageAnswer(*options_.page->Find("/"), visit.request);
      return WholeAnswer{200,
                         {{"content-type", "text/plain; charset=utf-8"}},
                         "Thimble answers here: OpenAI's API is at /v1, Anthropic's at /v1/messages, and /openapi.json "
                         "describes both. There is no page here.\n"};
    case RouteKind::kHealth:
      return Health();
    case RouteKind::kModels:
      return Models(visit);
    case RouteKind::kModel:
      return Model(visit, visit.names[0]);
    case RouteKind::kProps:
      return PropsOf();
    case RouteKind::kSlots:
      return SlotsOf();
    case RouteKind::kMetrics:
      return MetricsOf();
    case RouteKind::kOpenApi:
      return JsonAnswer(std::string(OpenApiDocument()));
    case RouteKind::kEmbeddings: {
      WholeAnswer answer =
          MakeError(visit.request.path, {501, "not_supported_error", "embeddings_not_supported", "",
                                         "This server answers with words only; it has no embeddings."});
      answer.headers.push_back({"x-should-retry", "false"});
      return answer;
    }
    case RouteKind::kInfo:
      return Info();
    case RouteKind::kPicturePrice:
      return PicturePrice(visit);
    case RouteKind::kStoreModels:
      return StoreModels();
    case RouteKind::kModelFile:
      return ModelFile(visit);
    case RouteKind::kOpenModel:
      return OpenModel(visit);
    case RouteKind::kUnloadModel:
      return UnloadModel(visit);
    case RouteKind::kStopAnswer:
      return StopKept(visit.names[0]);
    default:
      return Fault{501, "", "", "", "This is not built into this version."};
  }
}

void Service::Answer(const Visit& visit, const OrFault<WholeAnswer>& answer) {
  WholeAnswer whole = answer.ok() ? answer.value() : MakeError(visit.request.path, answer.error());
  if (whole.status == 429) whole.headers.push_back({"retry-after", "2"});
  Count(whole.status);
  visit.sink->Begin(whole.status, std::move(whole.headers));
  if (!whole.body.empty()) visit.sink->Part(whole.body);
  visit.sink->End();
}

void Service::Count(int status) {
  if (status == 429) ++num_turned_away_;
  if (status >= 400 && status < 500) ++num_refused_;
  if (status >= 500) ++num_failed_;
}

}  // namespace thimble::service
