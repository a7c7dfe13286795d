// SPDX-License-Identifier: Apache-2.0
#include "host/thread_choice.h"

#include "base/text.h"
#include "files/json.h"
#include "host/atomic_file.h"
#include "host/store.h"
#include "kernels/kernels.h"
#include "sys/byte_source.h"
#include "sys/folder.h"
#include "sys/machine.h"

#include <algorithm>
#include <optional>

namespace thimble::host {

namespace {

constexpr std::size_t kMostChoices = 16;  // machines that share a home, programs of several versions
constexpr int kMostThreads = 1024;

// What a choice belongs to, as one string.
std::string KeyOf(const ThreadQuestion& question) {
  std::string key = Cat(TopologyText(question.topology), "; speeds");
  for (const CoreClass& one : question.topology.classes) key += Cat(" ", Fixed(100 * one.speed, 0), " %");
  return Cat(key, "; ", question.kernels);
}

// {"choices": [{"machine", "threads"}]}, latest first. What is no such file, or was made by people, may hold anything:
// only entries that could be ours are taken.
std::vector<std::pair<std::string, int>> ReadChoices(const std::string& file) {
  std::vector<std::pair<std::string, int>> choices;
  if (file.empty() || KindOfPath(file) != PathKind::kFile) return choices;
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 16;
  const auto bytes = ReadFile(file, kMostBytes);
  if (!bytes.ok()) return choices;
  const auto json =
      Json::Parse({reinterpret_cast<const char*>(bytes.value().data()), bytes.value().size()}, "threads.json");
  const Json* list = json.ok() ? json.value().Find("choices") : nullptr;
  if (list == nullptr) return choices;
  for (const Json& item : list->items()) {
    const Json* machine = item.Find("machine");
    const Json* threads = item.Find("threads");
    if (machine == nullptr || threads == nullptr || !machine->IsString()) continue;
    const auto count = threads->AsInt();
    if (count.has_value() && *count >= 1 && *count <= kMostThreads)
      choices.emplace_back(machine->text(), static_cast<int>(*count));
  }
  return choices;
}

// Whether it was written. Of two processes that write at once the later one wins; the other's choice is made again.
bool Remember(const std::string& file, const std::string& key, int threads) {
  if (file.empty() || !MakeFolders(FolderOf(file))) return false;
  auto choices = ReadChoices(file);
  std::erase_if(choices, [&](const auto& choice) { return choice.first == key; });
  choices.insert(choices.begin(), {key, threads});
  if (choices.size() > kMostChoices) choices.resize(kMostChoices);
  std::vector<Json> items;
  items.reserve(choices.size());
  for (const auto& [machine, count] : choices)
    items.push_back(Json::Object({{"machine", Json::String(machine)}, {"threads", Json::Integer(count)}}));
  const Json json = Json::Object({{"choices", Json::Array(std::move(items))}});
  return WriteFileAtomically(file, json.Dump(Json::Style::kPretty) + "\n").ok();
}

std::string TimingsText(std::span<const ThreadTiming> timings) {
  std::string text;
  for (const ThreadTiming& timing : timings) {
    text += Cat(text.empty() ? "" : ", ", timing.threads, ": ", Fixed(1e3 * timing.decode_seconds, 1), " + ",
                Fixed(1e3 * timing.prompt_seconds, 1), " ms");
  }
  return text;
}

}  // namespace

Result<ThreadQuestion> QuestionForThisMachine(const std::string& isa, const std::string& version,
                                              std::function<bool()> goes_on) {
  const CpuFeatures features = DetectCpuFeatures();
  THIMBLE_ASSIGN_OR_RETURN(const kernels::KernelTable* table, kernels::Choose(features, isa));
  ThreadQuestion question;
  question.topology = DetectCpuTopology();
  question.kernels = Cat(table->name, " kernels of ", version, " on ", CpuFeatureNames(features));
  if (const std::string folder = CacheFolder(); !folder.empty()) question.file = folder + "/threads.json";
  question.measure = [topology = question.topology, isa, goes_on = std::move(goes_on)](std::span<const int> counts) {
    return MeasureThreads(topology, counts, isa, goes_on);
  };
  return question;
}

Result<ThreadChoice> ChooseThreads(const ThreadQuestion& question, MeasureThreadsWhen when) {
  const CpuTopology& topology = question.topology;
  const std::string machine = TopologyText(topology);
  const std::string key = KeyOf(question);
  std::vector<int> counts = ThreadCandidates(topology);
  if (when != MeasureThreadsWhen::kAnew) {
    for (const auto& [remembered, threads] : ReadChoices(question.file)) {
      if (remembered == key && threads <= std::max(counts.back(), topology.num_usable))
        return ThreadChoice{threads, Cat(machine, ", as measured before (", question.file, ")")};
    }
    if (counts.size() == 1) return ThreadChoice{counts.front(), Cat(machine, ", no choice to measure")};
    if (when == MeasureThreadsWhen::kNever)
      return ThreadChoice{DefaultThreads(topology), Cat(machine, ", not measured yet")};
  }
  if (counts.size() == 1 && counts.front() > 1) counts.insert(counts.begin(), counts.front() / 2);
  auto timings = question.measure(counts);
  if (!timings.ok() && timings.error().code != Code::kExhausted) return timings.error();
  const bool is_busy = timings.ok() && WereCoresBusy(timings.value());
  const int best = timings.ok() && !is_busy ? BestThreads(timings.value()) : 0;
  if (best == 0) {
    const std::string reason = is_busy        ? ": other programs keep the cores busy"
                               : timings.ok() ? ""
                                              : Cat(": ", timings.error().message);
    return ThreadChoice{DefaultThreads(topology), Cat(machine, ", not measured", reason)};
  }
  const bool is_kept = Remember(question.file, key, best);
  return ThreadChoice{best, Cat(machine, ", measured now (threads: decoding + prompt, ", TimingsText(timings.value()),
                                ")", is_kept ? Cat(" and kept in ", question.file) : "")};
}

}  // namespace thimble::host
