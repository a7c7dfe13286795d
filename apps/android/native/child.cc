// SPDX-License-Identifier: Apache-2.0
#include "android/native/child.h"

#include "android/native/builtin.h"
#include "android/native/content_packs.h"
#include "android/native/self_check.h"
#include "base/text.h"
#include "common/body_check.h"
#include "host/chat_id.h"
#include "host/chat_store.h"
#include "service/error_form.h"
#include "sys/affinity.h"
#include "sys/machine.h"
#include "sys/topology.h"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <limits>
#include <span>
#include <utility>

namespace thimble::android {

namespace {

// A step of the engine ends between two layers after this, so that a pause or a stop is not waited for.
constexpr double kStepSeconds = 0.1;
constexpr int kMostRows = 256;
constexpr std::uint64_t kBeginnings = std::uint64_t{128} << 20;
constexpr std::size_t kAlbum = std::size_t{64} << 20;
constexpr std::size_t kPictures = std::size_t{96} << 20;
// Bodies that come at a time.
constexpr std::size_t kMostIncoming = 16;
constexpr double kNever = 1e9;
constexpr std::string_view kSelfCheckPath = "/thimble/v1/self-check";

// A part of what the app may take, where that is known.
std::uint64_t PartOf(std::uint64_t memory_bytes, std::uint64_t share, std::uint64_t most) {
  return memory_bytes == 0 ? most : std::min(most, memory_bytes / share);
}

void SkipBytes(std::span<const std::uint8_t> /*piece*/) {}

}  // namespace

// One answer on its way to the app. Nothing goes there after a Leave.
class Child::Sink : public service::AnswerSink {
 public:
  Sink(Child* child, AnswerId id) : child_(child), id_(id) {}
  void Begin(int status, std::vector<service::Header> headers) override {
    if (!is_gone_) child_->out_->Answer(id_, status, headers);
  }
  void Part(std::string_view bytes) override {
    if (!is_gone_) child_->out_->Part(id_, bytes);
  }
  void End() override {
    if (is_gone_.exchange(true)) return;
    child_->out_->End(id_);
    const MutexLock lock(&child_->mutex_);
    child_->asked_.erase(id_);
  }
  [[nodiscard]] bool IsFull() const override { return child_->out_->IsFull(); }
  void Leave() { is_gone_ = true; }

 private:
  Child* child_;
  AnswerId id_;
  std::atomic<bool> is_gone_{false};
};

Child::Child(StartLine start, common::Storage* storage, FrameWriter* out)
    : start_(std::move(start)),
      out_(out),
      threads_(start_.threads > 0 ? start_.threads : DefaultThreads(DetectAllCores())),
      pace_(threads_, DetectAllCores()),
      packs_(start_.cache.empty() ? nullptr
                                  : std::make_shared<const host::WatchedPacks>(ContentPackStore(start_.cache))),
      store_(
          storage, threads_, [this] { return FreeMemory(); }, [this] { helper_.Wake(); },
          [out](const std::string& text) { out->Log(LogLevel::kWarning, text); }),
      shelf_(
          storage, EngineFor(), {},
          [this](const Engine& engine) {
            pace_.SetEngine(engine);
            for (const std::string& warning : engine.warnings()) out_->Log(LogLevel::kWarning, warning);
          },
          [out](const std::string& text) { out->Log(LogLevel::kWarning, text); }) {
  OpenChats();
  const bool has_builtin = PackBuiltin(start_.builtin, storage, threads_, [this] { return FreeMemory(); }, out_);
  store_.Recover();
  service_ = std::make_unique<service::Service>(
      OptionsOf(), &shelf_, &decoder_, service::Wakers{[this] { engine_.Wake(); }, [this] { helper_.Wake(); }});
  engine_.Start([this] { return Work(); }, [this] { return WorkDue(); });
  helper_.Start(
      [this] {
        std::optional<AnswerId> check;
        {
          const MutexLock lock(&mutex_);
          check = std::exchange(self_check_, std::nullopt);
        }
        if (check.has_value()) CheckSelf(*check);
        const bool has_more = service_->Help();
        return store_.Help() || has_more;
      },
      [this] { return service_->HelpDue(); });
  out_->Started(
      {start_.version, KernelsOfThis(), threads_, TryPlacement(pace_.processors()), shelf_.List().size(), has_builtin});
}

bool Child::Work() {
  rests_ = false;
  if (pace_.is_stopped()) return false;
  const bool has_more = service_->Pump();
  rests_ = has_more && pace_.rest_seconds() > 0;
  return has_more && !rests_;
}

double Child::WorkDue() const {
  if (pace_.is_stopped()) return kNever;  // the next decision wakes
  return rests_ ? pace_.rest_seconds() : service_->PumpDue();
}

Child::~Child() {
  engine_.End();
  helper_.End();
  service_->Close();
}

void Child::OpenChats() {
  if (start_.chats.empty()) {
    why_no_chats_ = "Conversations are not kept here.";
    return;
  }
  auto opened = host::OpenChatStore(start_.chats);
  if (opened.ok()) {
    chats_ = std::move(opened).value();
    return;
  }
  why_no_chats_ = Cat("Conversations are not kept: ", opened.error().message);
  out_->Log(LogLevel::kWarning, why_no_chats_);
}

std::uint64_t Child::FreeMemory() const {
  const std::uint64_t available = AvailableMemoryBytes();
  if (start_.memory_bytes == 0) return available;
  const std::uint64_t taken = AnonymousBytes();
  // 0 would be "unknown".
  const std::uint64_t left = taken < start_.memory_bytes ? start_.memory_bytes - taken : 1;
  return available == 0 ? left : std::min(available, left);
}

EngineOptions Child::EngineFor() const {
  EngineOptions how;
  how.threads = threads_;
  how.processors = pace_.processors();
  how.context = start_.context;
  how.kv = start_.kv;
  how.most_rows = kMostRows;
  how.beginnings_bytes = PartOf(start_.memory_bytes, 8, kBeginnings);
  how.album_bytes = static_cast<std::size_t>(PartOf(start_.memory_bytes, 16, kAlbum));
  how.free_memory = [this] { return FreeMemory(); };
  // What is packed and is no pack yet, a vision file's matrices, is mapped as well, from its second use on.
  if (packs_ != nullptr) how.pack_cache = {PackCacheUse::kOn, packs_};
  return how;
}

service::ServiceOptions Child::OptionsOf() {
  service::ServiceOptions options;
  options.desk.parallel = 1;  // one person's app; what else is asked waits
  options.desk.step_seconds = kStepSeconds;
  for (const service::ShelfModel& model : shelf_.List()) {
    if (model.is_builtin) options.desk.model = model.name;  // answers before any other is chosen
  }
  options.version = start_.version;
  options.now = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
  options.new_id = host::NewChatId;
  options.about_carrier = [this] { return start_.page; };
  options.resident_bytes = ResidentBytes;
  options.free_bytes = [this] { return FreeMemory(); };
  options.store = &store_;
  options.chats = chats_.get();
  options.why_no_chats = why_no_chats_;
  options.pack_bytes = [this] {
    return store_.PackBytes() + host::PackBytes({&start_.cache, packs_ != nullptr ? 1U : 0U});
  };
  if (packs_ != nullptr) options.delete_packs = [this] { return host::DeletePacks({&start_.cache, 1}, packs_.get()); };
  options.picture_bytes = static_cast<std::size_t>(PartOf(start_.memory_bytes, 8, kPictures));
  options.temper = [this](GenerateRequest* request) { pace_.Temper(request); };
  return options;
}

Status Child::Run(FrameReader* in) {
  while (true) {
    const auto line = in->Line();
    if (!line.ok()) {
      out_->Log(LogLevel::kError, line.error().message);
      continue;
    }
    if (!line.value().has_value()) {
      if (incoming_.empty()) return Done{};
      return Error{Code::kCorrupt, "[frame] the stream ended in the middle of a request's body"};
    }
    THIMBLE_ASSIGN_OR_RETURN(const bool is_last, Take(ParseLine(*line.value()), in));
    if (is_last) return Done{};
  }
}

Result<bool> Child::Take(ReadLine line, FrameReader* in) {
  if (!line.line.ok()) {
    out_->Log(LogLevel::kError, line.line.error().message);
    if (line.bytes.has_value()) THIMBLE_RETURN_IF_ERROR(in->Bytes(*line.bytes, SkipBytes));
    return false;
  }
  AppLine& said = line.line.value();
  if (auto* const request = std::get_if<RequestLine>(&said)) {
    THIMBLE_RETURN_IF_ERROR(TakeRequest(std::move(*request), line.bytes, in));
  } else if (const auto* const body = std::get_if<BodyLine>(&said)) {
    THIMBLE_RETURN_IF_ERROR(TakeBody(*body, line.bytes, in));
  } else if (const auto* const cancel = std::get_if<CancelLine>(&said)) {
    Cancel(cancel->id);
  } else if (const auto* const told = std::get_if<ReadingsLine>(&said)) {
    if (const auto decision = pace_.Take(told->readings, told->mode); decision.has_value()) {
      out_->Decision(*decision);
      engine_.Wake();
    }
  } else if (std::holds_alternative<StartLine>(said)) {
    out_->Log(LogLevel::kError, "[line] it is started already");
  }
  return std::holds_alternative<StopLine>(said);
}

bool Child::IsKnown(AnswerId id) {
  const MutexLock lock(&mutex_);
  return incoming_.contains(id) || asked_.contains(id) || self_check_ == id;
}

Status Child::TakeRequest(RequestLine line, std::optional<std::uint64_t> bytes, FrameReader* in) {
  if (IsKnown(line.id)) {
    out_->Log(LogLevel::kError, Cat("[line] a request ", line.id, " is on its way already"));
    return bytes.has_value() ? in->Bytes(*bytes, SkipBytes) : Status(Done{});
  }
  Incoming& incoming = incoming_[line.id];
  incoming.request = std::move(line.request);
  if (!line.has_more) {
    // What comes counts, not what was announced.
    std::erase_if(incoming.request.headers, [](const auto& header) { return header.name == "content-length"; });
    incoming.request.headers.push_back({"content-length", Cat(bytes.value_or(0))});
  }
  const bool is_ours = incoming.request.path == kSelfCheckPath;
  if (incoming_.size() > kMostIncoming) {
    Refuse(line.id, &incoming,
           service::MakeError(incoming.request.path, {429, "", "", "", "Too many requests are being sent at a time."}));
  } else if (!is_ours) {
    service::BodyRule rule = service_->Expect(incoming.request);
    incoming.most_bytes = rule.most_bytes;
    incoming.receiver = std::move(rule.receiver);
    if (rule.refusal.has_value()) Refuse(line.id, &incoming, *rule.refusal);
  }
  return TakeBody({line.id, line.has_more}, bytes, in);
}

Status Child::TakeBody(const BodyLine& line, std::optional<std::uint64_t> bytes, FrameReader* in) {
  const auto found = incoming_.find(line.id);
  if (found == incoming_.end()) {
    // Of a request that was cancelled, this may still be on its way.
    return bytes.has_value() ? in->Bytes(*bytes, SkipBytes) : Status(Done{});
  }
  Incoming& incoming = found->second;
  if (const auto refusal = incoming.is_refused ? std::nullopt : CheckBody(incoming, bytes.value_or(0));
      refusal.has_value())
    Refuse(line.id, &incoming, *refusal);
  if (bytes.has_value()) {
    THIMBLE_RETURN_IF_ERROR(
        in->Bytes(*bytes, [&](std::span<const std::uint8_t> piece) { TakePiece(line.id, &incoming, piece); }));
  }
  if (line.has_more) return Done{};
  Incoming whole = std::move(incoming);
  incoming_.erase(found);
  if (!whole.is_refused) Submit(line.id, std::move(whole));
  return Done{};
}

std::optional<service::WholeAnswer> Child::CheckBody(const Incoming& incoming, std::uint64_t more) const {
  const common::BodySize size = {incoming.num_bytes + more, incoming.most_bytes, incoming.receiver == nullptr};
  return common::CheckBody(incoming.request.path, size, FreeMemory());
}

void Child::TakePiece(AnswerId id, Incoming* incoming, std::span<const std::uint8_t> piece) {
  if (incoming->is_refused) return;
  incoming->num_bytes += piece.size();
  if (incoming->receiver == nullptr) {
    incoming->request.body.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return;
  }
  const auto refusal = common::GivePiece(incoming->request.path, incoming->receiver.get(), piece);
  if (refusal.has_value()) Refuse(id, incoming, *refusal);
}

void Child::Refuse(AnswerId id, Incoming* incoming, const service::WholeAnswer& answer) {
  incoming->is_refused = true;
  incoming->receiver.reset();
  incoming->request.body = std::string();
  Answer(id, answer);
}

void Child::Answer(AnswerId id, const service::WholeAnswer& answer) {
  out_->Answer(id, answer.status, answer.headers);
  out_->Part(id, answer.body);
  out_->End(id);
}

void Child::Submit(AnswerId id, Incoming incoming) {
  if (incoming.request.path == kSelfCheckPath && incoming.request.method == "GET") {
    bool is_first = false;
    {
      const MutexLock lock(&mutex_);
      is_first = !self_check_.has_value();
      if (is_first) self_check_ = id;
    }
    if (is_first) {
      helper_.Wake();
    } else {
      Answer(id, service::MakeError(incoming.request.path, {429, "", "", "", "It is being checked already."}));
    }
    return;
  }
  auto sink = std::make_shared<Sink>(this, id);
  {
    const MutexLock lock(&mutex_);
    asked_[id].sink = sink;
  }
  const service::RequestId number = service_->Submit(std::move(incoming.request), std::move(incoming.receiver), sink);
  const MutexLock lock(&mutex_);
  if (const auto asked = asked_.find(id); asked != asked_.end()) asked->second.request = number;
}

void Child::Cancel(AnswerId id) {
  incoming_.erase(id);
  Asked gone;
  {
    const MutexLock lock(&mutex_);
    if (self_check_ == id) self_check_.reset();
    const auto asked = asked_.find(id);
    if (asked == asked_.end()) return;
    gone = asked->second;
    asked_.erase(asked);
  }
  gone.sink->Leave();
  service_->Cancel(gone.request);
}

void Child::CheckSelf(AnswerId id) {
  SelfCheckOptions options;
  options.version = start_.version;
  options.threads = threads_;
  options.builtin = start_.builtin;
  options.folder = start_.models;
  Answer(id, service::JsonAnswer(SelfCheck(options).Dump()));
}

int RunChild(FrameReader* in, FrameWriter* out) {
  const auto first = in->Line();
  if (first.ok() && !first.value().has_value()) return 0;  // nobody wants anything
  auto line = first.ok() ? ParseLine(*first.value()).line : Result<AppLine>(first.error());
  if (line.ok() && !std::holds_alternative<StartLine>(line.value()))
    line = Error{Code::kInvalid, "[line] the first line is {\"start\": {...}}"};
  if (!line.ok()) {
    out->Failed(line.error());
    return 2;
  }
  StartLine start = std::move(std::get<StartLine>(line.value()));
  FolderStorage storage(start.models);
  const Status status = [&] {
    Child child(std::move(start), &storage, out);
    return child.Run(in);
  }();
  if (status.ok()) return 0;
  out->Failed(status.error());
  return 2;
}

}  // namespace thimble::android
