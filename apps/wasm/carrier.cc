// SPDX-License-Identifier: Apache-2.0
#include "wasm/carrier.h"

#include "base/text.h"
#include "common/body_check.h"
#include "common/request_head.h"
#include "service/error_form.h"

#include <algorithm>
#include <ctime>
#include <span>
#include <utility>

namespace thimble::browser {

namespace {

// A step of the engine ends between two layers after this; with the layer that is under way it stays below 100 ms.
constexpr double kStepSeconds = 0.05;
// Steps that end so soon read no more rows at once than these, but on computers that are faster than most.
constexpr int kMostRows = 128;
constexpr std::uint64_t kBeginnings = std::uint64_t{32} << 20;
constexpr std::size_t kAlbum = std::size_t{32} << 20;
constexpr std::size_t kPictures = std::size_t{64} << 20;

EngineOptions EngineFor(const StartConfig& config, const MemoryGauge& memory) {
  EngineOptions how;
  how.threads = config.threads;
  how.context = config.context;
  how.kv = config.kv;
  how.most_rows = kMostRows;
  how.beginnings_bytes = kBeginnings;
  how.album_bytes = kAlbum;
  how.free_memory = memory.free;
  return how;
}

}  // namespace

// One answer on its way to the page. Nothing goes there after a Cancel.
class Carrier::Sink : public service::AnswerSink {
 public:
  Sink(Carrier* carrier, AnswerId id) : carrier_(carrier), id_(id) {}
  void Begin(int status, std::vector<service::Header> headers) override {
    if (!is_gone_) carrier_->page_->Begin(id_, status, common::HeadersText(headers));
  }
  void Part(std::string_view bytes) override {
    if (!is_gone_) carrier_->page_->Part(id_, bytes);
  }
  void End() override {
    if (std::exchange(is_gone_, true)) return;
    carrier_->page_->End(id_);
    carrier_->asked_.erase(id_);
  }
  [[nodiscard]] bool IsFull() const override { return false; }  // messages wait where there is room for them
  void Leave() { is_gone_ = true; }
  [[nodiscard]] bool is_gone() const { return is_gone_; }

 private:
  Carrier* carrier_;
  AnswerId id_;
  bool is_gone_ = false;
};

Carrier::Carrier(const StartConfig& config, common::Storage* storage, Page* page, MemoryGauge memory)
    : page_(page),
      memory_(std::move(memory)),
      about_page_(config.page),
      store_(
          storage, config.threads, memory_.free, [this] { wants_help_ = true; },
          [page](const std::string& text) { page->Log(LogLevel::kWarning, text); }),
      shelf_(
          storage, EngineFor(config, memory_), memory_.reserve,
          [page](const Engine& engine) {
            for (const std::string& warning : engine.warnings()) page->Log(LogLevel::kWarning, warning);
          },
          [page](const std::string& text) { page->Log(LogLevel::kWarning, text); }),
      service_(OptionsOf(config), &shelf_, &decoder_,
               {[this] { wants_pump_ = true; }, [this] { wants_help_ = true; }}) {
  store_.Recover();
}

Carrier::~Carrier() { service_.Close(); }

service::ServiceOptions Carrier::OptionsOf(const StartConfig& config) {
  service::ServiceOptions options;
  options.desk.parallel = 1;  // one person's page; what else is asked waits
  options.desk.step_seconds = kStepSeconds;
  options.version = config.version;
  options.now = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
  options.new_id = [this] { return page_->NewId(); };
  options.about_carrier = [this] { return about_page_; };
  options.resident_bytes = memory_.resident;
  options.free_bytes = memory_.free;
  options.store = &store_;
  options.why_no_chats = "The page keeps its conversations itself.";
  options.pack_bytes = [this] { return store_.PackBytes(); };
  options.picture_bytes = kPictures;
  return options;
}

void Carrier::Answer(AnswerId id, const service::WholeAnswer& answer) {
  page_->Begin(id, answer.status, common::HeadersText(answer.headers));
  page_->Part(id, answer.body);
  page_->End(id);
}

std::optional<service::WholeAnswer> Carrier::TakeBody(std::string_view body, service::Request* request,
                                                      std::unique_ptr<service::BodyReceiver>* receiver) {
  service::BodyRule rule = service_.Expect(*request);
  if (rule.refusal) return std::move(rule.refusal);
  const common::BodySize size = {body.size(), rule.most_bytes, rule.receiver == nullptr};
  if (auto refusal = common::CheckBody(request->path, size, memory_.free ? memory_.free() : 0); refusal.has_value())
    return refusal;
  if (rule.receiver == nullptr) {
    request->body = body;
    return std::nullopt;
  }
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(body.data()), body.size());
  if (auto refusal = common::GivePiece(request->path, rule.receiver.get(), bytes); refusal.has_value()) return refusal;
  *receiver = std::move(rule.receiver);
  return std::nullopt;
}

AnswerId Carrier::Submit(std::string_view head, std::string_view body) {
  const AnswerId id = ++last_id_;
  auto parsed = common::ParseHead(head);
  if (!parsed.ok()) {
    Answer(id, service::MakeError("/", service::FaultOf(parsed.error())));
    return id;
  }
  service::Request request = std::move(parsed).value();
  // What is here counts, not what was announced.
  std::erase_if(request.headers, [](const service::Header& header) { return header.name == "content-length"; });
  request.headers.push_back({"content-length", Cat(body.size())});
  std::unique_ptr<service::BodyReceiver> receiver;
  if (const auto refusal = TakeBody(body, &request, &receiver); refusal.has_value()) {
    Answer(id, *refusal);
    return id;
  }
  auto sink = std::make_shared<Sink>(this, id);
  asked_[id].sink = sink;
  const service::RequestId number = service_.Submit(std::move(request), std::move(receiver), sink);
  if (const auto asked = asked_.find(id); asked != asked_.end()) asked->second.request = number;
  return id;
}

void Carrier::Cancel(AnswerId id) {
  const auto asked = asked_.find(id);
  if (asked == asked_.end()) return;
  const Asked gone = asked->second;
  asked_.erase(asked);
  gone.sink->Leave();
  service_.Cancel(gone.request);
}

bool Carrier::Pump() {
  wants_pump_ = false;
  const bool has_more = service_.Pump();
  return has_more || wants_pump_ || wants_help_;
}

bool Carrier::Help() {
  wants_help_ = false;
  const bool has_more = service_.Help();
  const bool has_models = store_.Help();
  return has_more || has_models || wants_pump_ || wants_help_;
}

double Carrier::Due() const {
  if (wants_pump_ || wants_help_) return 0;
  return std::min(service_.PumpDue(), service_.HelpDue());
}

}  // namespace thimble::browser
