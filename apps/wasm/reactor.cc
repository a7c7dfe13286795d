// SPDX-License-Identifier: Apache-2.0
// The functions that the page's worker calls: docs/browser.md, "The seam".
#include "base/text.h"
#include "kernels/kernels.h"
#include "kernels/self_check.h"
#include "sys/machine.h"
#include "wasm/carrier.h"
#include "wasm/heap.h"
#include "wasm/imported_storage.h"
#include "wasm/imports.h"

#if defined(__wasm_atomics__)
#include "sys/thread_pool_wasm.h"
#endif

#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#define THIMBLE_EXPORT(name) extern "C" __attribute__((export_name(#name)))

namespace {

using thimble::browser::AnswerId;
using thimble::browser::LogLevel;

#if defined(__wasm_relaxed_simd__) && defined(__wasm_atomics__)
constexpr std::string_view kVariant = "relaxed-threads";
#elif defined(__wasm_relaxed_simd__)
constexpr std::string_view kVariant = "relaxed";
#elif defined(__wasm_atomics__)
constexpr std::string_view kVariant = "simd-threads";
#else
constexpr std::string_view kVariant = "simd";
#endif

std::uint32_t LengthOf(std::string_view text) { return static_cast<std::uint32_t>(text.size()); }

void Log(LogLevel level, std::string_view text) {
  log_line(static_cast<std::int32_t>(level), text.data(), LengthOf(text));
}

class WorkersPage : public thimble::browser::Page {
 public:
  void Begin(AnswerId id, int status, const std::string& headers) override {
    answer_begin(static_cast<double>(id), status, headers.data(), LengthOf(headers));
  }
  void Part(AnswerId id, std::string_view bytes) override {
    answer_part(static_cast<double>(id), bytes.data(), LengthOf(bytes));
  }
  void End(AnswerId id) override { answer_end(static_cast<double>(id)); }
  void Log(LogLevel level, std::string_view text) override { ::Log(level, text); }
  std::string NewId() override {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    std::array<unsigned char, 24> bytes{};
    if (getentropy(bytes.data(), bytes.size()) != 0) std::abort();
    std::string id;
    for (const unsigned char byte : bytes) id += kLetters[byte % kLetters.size()];
    return id;
  }
};

thimble::browser::ImportedStorage storage;
WorkersPage page;
std::unique_ptr<thimble::browser::Carrier> carrier;
std::string last_text;  // of thimble_self_check

std::string_view TextAt(const char* text, std::uint32_t length) {
  return length == 0 ? std::string_view() : std::string_view(text, length);
}

}  // namespace

THIMBLE_EXPORT(thimble_alloc) void* thimble_alloc(std::uint32_t size) { return std::malloc(size); }
THIMBLE_EXPORT(thimble_free) void thimble_free(void* memory) { std::free(memory); }

THIMBLE_EXPORT(thimble_start) std::int32_t thimble_start(const char* config, std::uint32_t length) {
  auto parsed = thimble::browser::ParseStartConfig(TextAt(config, length));
  if (!parsed.ok()) {
    Log(LogLevel::kError, parsed.error().message);
    return -1;
  }
  if (carrier != nullptr) {
    Log(LogLevel::kError, "[start] the engine is started already");
    return -1;
  }
#if defined(__wasm_atomics__)
  thimble::SetNumThreads(parsed.value().threads);
#else
  parsed.value().threads = 1;
#endif
  thimble::browser::SetMemoryLimit(parsed.value().memory_bytes);
  thimble::browser::MemoryGauge memory;
  memory.free = thimble::browser::FreeMemoryBytes;
  memory.resident = thimble::browser::MemoryBytes;
#if defined(__wasm_atomics__)
  memory.reserve = [threads = parsed.value().threads](std::uint64_t bytes) {
    thimble::browser::ReserveMemory(bytes, threads);
  };
#endif
  carrier = std::make_unique<thimble::browser::Carrier>(std::move(parsed).value(), &storage, &page, std::move(memory));
  return 0;
}

THIMBLE_EXPORT(thimble_submit)
double thimble_submit(const char* head, std::uint32_t length, const char* body, std::uint32_t body_length) {
  if (carrier == nullptr) return 0;
  return static_cast<double>(carrier->Submit(TextAt(head, length), TextAt(body, body_length)));
}
THIMBLE_EXPORT(thimble_cancel) void thimble_cancel(double id) {
  constexpr double kMost = 9007199254740992.0;
  if (carrier != nullptr && id >= 0 && id <= kMost) carrier->Cancel(static_cast<AnswerId>(id));
}
THIMBLE_EXPORT(thimble_pump) std::int32_t thimble_pump() { return carrier != nullptr && carrier->Pump() ? 1 : 0; }
THIMBLE_EXPORT(thimble_help) std::int32_t thimble_help() { return carrier != nullptr && carrier->Help() ? 1 : 0; }
THIMBLE_EXPORT(thimble_due) double thimble_due() {
  return carrier != nullptr ? carrier->Due() : std::numeric_limits<double>::infinity();
}

THIMBLE_EXPORT(thimble_join) void thimble_join(std::int32_t worker) {
#if defined(__wasm_atomics__)
  thimble::JoinThreadPools(worker);
#else
  (void)worker;
#endif
}

THIMBLE_EXPORT(thimble_self_check) const char* thimble_self_check() {
  const auto table = thimble::kernels::Choose(thimble::DetectCpuFeatures(), "");
  const std::string wrong = table.ok() ? thimble::kernels::SelfTest(*table.value()) : table.error().message;
  last_text = thimble::Json::Object({{"variant", thimble::Json::String(std::string(kVariant))},
                                     {"isa", thimble::Json::String(table.ok() ? table.value()->name : "")},
                                     {"passed", thimble::Json::Bool(wrong.empty())},
                                     {"detail", thimble::Json::String(wrong)}})
                  .Dump();
  return last_text.data();
}
THIMBLE_EXPORT(thimble_text_length) std::uint32_t thimble_text_length() { return LengthOf(last_text); }
