// SPDX-License-Identifier: Apache-2.0
// What the app says to its native program: lines, and the bytes behind them, cut in pieces.
#include "android/native/frame_reader.h"
#include "android/native/lines.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <variant>

namespace {

namespace android = thimble::android;

void Check(const android::ReadLine& line) {
  if (line.bytes.has_value() && *line.bytes > android::kMostBytes) std::abort();
  if (!line.line.ok()) return;
  if (const auto* const start = std::get_if<android::StartLine>(&line.line.value())) {
    if (start->models.empty() || start->threads < 0 || start->threads > 64 || start->context < 1) std::abort();
  } else if (const auto* const request = std::get_if<android::RequestLine>(&line.line.value())) {
    if (request->id == 0 || !request->request.path.starts_with('/')) std::abort();
  } else if (const auto* const told = std::get_if<android::ReadingsLine>(&line.line.value())) {
    const auto decision = thimble::Govern(told->readings, told->mode, nullptr, 8);
    if (decision.threads < 1 || decision.threads > 8 || decision.step > thimble::kMostGovernorSteps) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 64 + std::size_t{1};
  std::size_t at = 1;
  android::FrameReader reader([&](std::span<char> to) {
    const std::size_t count = std::min({piece, to.size(), size - at});
    std::copy_n(data + at, count, to.begin());
    at += count;
    return count;
  });
  while (true) {
    const auto line = reader.Line();
    if (!line.ok()) continue;
    if (!line.value().has_value()) return 0;
    const android::ReadLine read = android::ParseLine(*line.value());
    Check(read);
    std::uint64_t taken = 0;
    const auto take = [&](std::span<const std::uint8_t> bytes) { taken += bytes.size(); };
    if (read.bytes.has_value() && !reader.Bytes(*read.bytes, take).ok()) return 0;
    if (read.bytes.has_value() && taken != *read.bytes) std::abort();
  }
}
