// SPDX-License-Identifier: Apache-2.0
#include "android/native/self_check.h"

#include "android/native/call_check.h"
#include "android/native/folder_storage.h"
#include "android/native/frame_writer.h"
#include "base/text.h"
#include "common/model_places.h"
#include "engine/core_choice.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "kernels/kernels.h"
#include "kernels/self_check.h"
#include "measure/machine_limits.h"
#include "sys/affinity.h"
#include "sys/byte_source.h"
#include "sys/folder.h"
#include "sys/machine.h"
#include "sys/topology.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace thimble::android {

namespace {

constexpr double kSpeedSeconds = 0.4;
constexpr std::size_t kReadBytes = std::size_t{64} << 20;
constexpr int kAnswerTokens = 8;

Json NumberOf(std::uint64_t value) { return Json::Integer(static_cast<std::int64_t>(value)); }

Json ErrorJson(const Error& error) { return Json::Object({{"error", Json::String(error.message)}}); }

Json KernelsJson(const CpuFeatures& features, bool* passed) {
  std::vector<Json> tables;
  for (const kernels::KernelTable* table : kernels::AllTables()) {
    const bool runs = kernels::Choose(features, table->name).ok();
    const std::string wrong = runs ? kernels::SelfTest(*table) : std::string();
    *passed = *passed && wrong.empty();
    tables.push_back(Json::Object({{"name", Json::String(table->name)},
                                   {"runs", Json::Bool(runs)},
                                   {"passed", runs ? Json::Bool(wrong.empty()) : Json()},
                                   {"wrong", Json::String(wrong)}}));
  }
  return Json::Array(std::move(tables));
}

// How many threads compute, and where.
struct Placement {
  int threads = 1;
  std::vector<int> processors;
};

Json ProcessorJson(const CpuFeatures& features, const CpuTopology& topology, const Placement& placement) {
  return Json::Object({{"features", Json::String(CpuFeatureNames(features))},
                       {"cores", Json::String(TopologyText(topology))},
                       {"threads", Json::Integer(placement.threads)},
                       {"chosen", NumbersJson(placement.processors)},
                       {"placed", NumbersJson(TryPlacement(placement.processors))},
                       {"isa", Json::String(KernelsOfThis())}});
}

Json MemoryJson(const CpuFeatures& features, const Placement& placement) {
  Json memory = Json::Object({{"available_bytes", NumberOf(AvailableMemoryBytes())},
                              {"resident_bytes", NumberOf(ResidentBytes())},
                              {"anonymous_bytes", NumberOf(AnonymousBytes())}});
  const auto table = kernels::Choose(features, "");
  if (!table.ok()) return memory;
  ThreadPool pool(placement.threads);
  (void)pool.Place(placement.processors);
  LimitOptions options;
  options.seconds = kSpeedSeconds;
  options.read_bytes = kReadBytes;
  const auto limits = MeasureLimits(Ops{*table.value(), pool}, options);
  if (!limits.ok()) {
    memory.Set("error", Json::String(limits.error().message));
    return memory;
  }
  memory.Set("read_bytes_per_second", Json::Float(limits.value().read_bytes));
  memory.Set("int8_multiply_adds_per_second", Json::Float(limits.value().int8_multiply_adds));
  memory.Set("float_multiply_adds_per_second", Json::Float(limits.value().float_multiply_adds));
  return memory;
}

Json CallsJson(bool* passed) {
  Json calls = Json::Object();
  for (const CallCheck& check : CheckCalls()) {
    *passed = *passed && check.is_allowed;
    calls.Set(check.name, Json::Bool(check.is_allowed));
  }
  return calls;
}

// The pack in the models' folder, else the file that it is made from.
std::string ModelPath(const SelfCheckOptions& options) {
  std::string pack = Cat(options.folder, "/", common::PackPlace(std::string(common::kBuiltinModel)));
  if (!options.folder.empty() && KindOfPath(pack) == PathKind::kFile) return pack;
  return options.builtin;
}

Result<Json> AnswerOnce(std::shared_ptr<const ByteSource> source, const Placement& placement) {
  const double begin = MonotonicSeconds();
  THIMBLE_ASSIGN_OR_RETURN(auto text, ModelFile::FromGguf(std::move(source), "built-in model"));
  ModelFiles files;
  files.text = std::make_shared<const ModelFile>(std::move(text));
  EngineOptions how;
  how.threads = placement.threads;
  how.processors = placement.processors;
  how.context = 512;
  how.beginnings_bytes = 0;
  how.most_rows = 64;
  THIMBLE_ASSIGN_OR_RETURN(const auto engine, Engine::Open(files, how));
  const double opened = MonotonicSeconds();
  THIMBLE_ASSIGN_OR_RETURN(const auto session, engine->NewSession());
  GenerateRequest request;
  Chat chat;
  Message message;
  message.role = "user";
  message.content.push_back({Part::Kind::kText, "Say hello.", ""});
  chat.messages.push_back(std::move(message));
  request.prompt = std::move(chat);
  request.think = ThinkMode::kOff;
  request.max_tokens = kAnswerTokens;
  request.ignore_eos = true;
  request.sampling.temperature = 0;
  THIMBLE_ASSIGN_OR_RETURN(const Reply reply, session->Generate(request, {}));
  const GenerateStats& stats = reply.stats;
  return Json::Object({{"text", Json::String(reply.text)},
                       {"tokens", Json::Integer(stats.tokens)},
                       {"open_seconds", Json::Float(opened - begin)},
                       {"prompt_tokens", Json::Integer(stats.prompt_tokens)},
                       {"prompt_seconds", Json::Float(stats.prompt_seconds)},
                       {"seconds", Json::Float(stats.seconds)},
                       {"cpu_seconds", Json::Float(stats.cpu_seconds)},
                       {"weights_bytes", NumberOf(engine->memory_needs().weights_bytes)},
                       {"mapped_bytes", NumberOf(engine->memory_needs().mapped_bytes)}});
}

void CheckModel(const SelfCheckOptions& options, const Placement& placement, Json* report, bool* passed) {
  const std::string path = ModelPath(options);
  if (path.empty()) return;
  auto source = MapFile(path);
  if (!source.ok()) {
    *passed = false;
    report->Set("file", ErrorJson(source.error()));
    return;
  }
  report->Set("file", Json::Object({{"name", Json::String(NameOf(path))},
                                    {"bytes", NumberOf(source.value()->size())},
                                    {"mapped", Json::Bool(!source.value()->mapped().empty())}}));
  const auto answer = AnswerOnce(std::move(source).value(), placement);
  *passed = *passed && answer.ok();
  report->Set("answer", answer.ok() ? answer.value() : ErrorJson(answer.error()));
}

}  // namespace

std::string KernelsOfThis() {
  const auto table = kernels::Choose(DetectCpuFeatures(), "");
  return table.ok() ? table.value()->name : "";
}

Json SelfCheck(const SelfCheckOptions& options) {
  const CpuFeatures features = DetectCpuFeatures();
  const CpuTopology topology = DetectCpuTopology();
  Placement placement;
  placement.threads = options.threads > 0 ? options.threads : DefaultThreads(DetectAllCores());
  placement.processors = ChooseProcessors(DetectAllCores(), placement.threads, CoreWish::kFastest);
  const PlacementScope back;
  bool passed = true;
  Json report = Json::Object({{"version", Json::String(options.version)}});
  report.Set("processor", ProcessorJson(features, topology, placement));
  report.Set("kernels", KernelsJson(features, &passed));
  report.Set("calls", CallsJson(&passed));
  report.Set("memory", MemoryJson(features, placement));
  CheckModel(options, placement, &report, &passed);
  report.Set("passed", Json::Bool(passed));
  return report;
}

}  // namespace thimble::android
