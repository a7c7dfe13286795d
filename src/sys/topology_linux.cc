// SPDX-License-Identifier: Apache-2.0
#include "sys/affinity_linux.h"
#include "sys/machine.h"
#include "sys/topology.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace thimble {

namespace {

// Cores this close to the fastest of their class belong to it: makers let single cores of one kind run a little faster.
constexpr double kSameSpeed = 0.85;

// The first line, cut at what no file read here is as long as; empty when there is none.
std::string FirstLine(const std::string& path) {
  std::string text(4096, '\0');
  std::ifstream file(path);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text.substr(0, text.find('\n'));
}

// A line that is one number of at least `least`.
std::optional<std::int64_t> NumberIn(const std::string& path, std::int64_t least) {
  const std::string line = FirstLine(path);
  std::int64_t value = 0;
  const char* end = line.data() + line.size();
  const auto [at, error] = std::from_chars(line.data(), end, value);
  if (error != std::errc() || at != end || value < least) return std::nullopt;
  return value;
}

struct Range {
  int first = 0;
  int last = 0;  // of it, too
};

// Of a list like "0-1,8-9"; empty when it is no such list.
std::vector<Range> RangesOf(const std::string& list) {
  std::vector<Range> ranges;
  const char* at = list.data();
  const char* const end = at + list.size();
  while (true) {
    int first = 0;
    auto [rest, error] = std::from_chars(at, end, first);
    if (error != std::errc() || first < 0) return {};
    int last = first;
    if (rest != end && *rest == '-') {
      const auto [range_end, range_error] = std::from_chars(rest + 1, end, last);
      if (range_error != std::errc() || last < first) return {};
      rest = range_end;
    }
    ranges.push_back({first, last});
    if (rest == end) return ranges;
    if (*rest != ',') return {};
    at = rest + 1;
  }
}

// The lowest number of such a list; nothing when it does not hold `processor`.
std::optional<int> LowestSibling(const std::string& list, int processor) {
  std::optional<int> lowest;
  bool holds_processor = false;
  for (const Range& range : RangesOf(list)) {
    lowest = std::min(lowest.value_or(range.first), range.first);
    holds_processor |= range.first <= processor && processor <= range.last;
  }
  return holds_processor ? lowest : std::nullopt;
}

// What names the core of each processor, or the processor itself where that is not known for all of them.
using CoreName = std::pair<std::int64_t, std::int64_t>;
std::vector<CoreName> CoreNames(const std::string& folder, std::span<const int> allowed) {
  std::vector<CoreName> by_siblings;
  std::vector<CoreName> by_ids;
  std::vector<CoreName> alone;
  for (const int processor : allowed) {
    const std::string topology = folder + "/cpu" + std::to_string(processor) + "/topology/";
    if (const auto lowest = LowestSibling(FirstLine(topology + "thread_siblings_list"), processor))
      by_siblings.emplace_back(0, *lowest);
    const auto package = NumberIn(topology + "physical_package_id", 0);
    const auto core = NumberIn(topology + "core_id", 0);
    if (package.has_value() && core.has_value()) by_ids.emplace_back(*package, *core);
    alone.emplace_back(0, processor);
  }
  if (by_siblings.size() == allowed.size()) return by_siblings;
  return by_ids.size() == allowed.size() ? by_ids : alone;
}

// Speeds in whatever unit the system has for all of them; all 1 when it has none.
std::vector<double> Speeds(const std::string& folder, std::span<const int> allowed) {
  for (const char* file : {"/cpu_capacity", "/cpufreq/cpuinfo_max_freq"}) {
    std::vector<double> speeds;
    for (const int processor : allowed) {
      const auto speed = NumberIn(folder + "/cpu" + std::to_string(processor) + file, 1);
      if (!speed.has_value()) break;
      speeds.push_back(static_cast<double>(*speed));
    }
    if (speeds.size() == allowed.size()) return speeds;
  }
  return std::vector<double>(allowed.size(), 1.0);
}

}  // namespace

CpuTopology ReadCpuTopology(const std::string& root, std::span<const int> allowed, int num_usable) {
  CpuTopology topology;
  topology.num_usable = std::max(1, num_usable);
  if (allowed.empty()) {
    topology.classes.push_back({topology.num_usable, topology.num_usable, 1.0, {}});
    return topology;
  }
  const std::string folder = root + "/sys/devices/system/cpu";
  const std::vector<CoreName> names = CoreNames(folder, allowed);
  const std::vector<double> speeds = Speeds(folder, allowed);
  struct Core {
    double speed = 0;
    std::vector<int> processors;
  };
  std::map<CoreName, Core> by_name;
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    Core& core = by_name[names[i]];
    core.speed = std::max(core.speed, speeds[i]);
    core.processors.push_back(allowed[i]);
  }
  std::vector<Core> cores;
  cores.reserve(by_name.size());
  for (const auto& [name, core] : by_name) cores.push_back(core);
  std::sort(cores.begin(), cores.end(), [](const Core& a, const Core& b) { return a.speed > b.speed; });
  const double fastest = cores.front().speed;
  for (const Core& core : cores) {
    const double speed = core.speed / fastest;
    if (topology.classes.empty() || speed < kSameSpeed * topology.classes.back().speed)
      topology.classes.push_back({0, 0, speed, {}});
    CoreClass& of = topology.classes.back();
    ++of.num_cores;
    of.num_processors += static_cast<int>(core.processors.size());
    of.processors.insert(of.processors.end(), core.processors.begin(), core.processors.end());
  }
  for (CoreClass& one : topology.classes) std::sort(one.processors.begin(), one.processors.end());
  return topology;
}

std::vector<int> PresentProcessors(const std::string& root) {
  constexpr int kMost = 4096;
  std::vector<int> processors;
  for (const Range& range : RangesOf(FirstLine(root + "/sys/devices/system/cpu/present"))) {
    if (range.last >= kMost) return {};
    for (int number = range.first; number <= range.last; ++number) processors.push_back(number);
  }
  std::sort(processors.begin(), processors.end());
  processors.erase(std::unique(processors.begin(), processors.end()), processors.end());
  return processors;
}

CpuTopology DetectAllCores() {
  const std::vector<int> all = PresentProcessors("");
  if (all.empty()) return DetectCpuTopology();
  return ReadCpuTopology("", all, static_cast<int>(all.size()));
}

CpuTopology DetectCpuTopology() { return ReadCpuTopology("", AllowedProcessors(), NumUsableCores()); }

}  // namespace thimble
