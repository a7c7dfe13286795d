// SPDX-License-Identifier: Apache-2.0
// A fixture model opened for tests: files, config, weights, kernels, threads, scratch.
#pragma once

#include "fail.h"
#include "files/json.h"
#include "files/model_file.h"
#include "host/open_model_file.h"
#include "kernels/kernels.h"
#include "model/config.h"
#include "model/decoder.h"
#include "model/load.h"
#include "model/scratch.h"
#include "model/state.h"
#include "sys/byte_source.h"
#include "sys/machine.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace thimble::testing {

template <typename T>
T Get(Result<T> result) {
  if (!result.ok()) Fail(result.error().message);
  return std::move(result).value();
}

inline std::string Fixture(const std::string& path) { return std::string(THIMBLE_FIXTURES_DIR) + "/" + path; }

// Names of a parameterised test's cases: the file that each is about.
inline std::string CaseName(std::string name) {
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}
struct NamedByPath {
  template <typename Info>
  std::string operator()(const Info& info) const {
    return CaseName(info.param.path);
  }
};

inline Json LoadJson(const std::string& path) {
  const auto bytes = Get(ReadFile(path, std::uint64_t{1} << 30));
  return Get(Json::Parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path));
}

inline std::vector<std::int32_t> Ids(const Json& json) {
  std::vector<std::int32_t> ids;
  for (const Json& item : json.items()) ids.push_back(static_cast<std::int32_t>(item.AsInt().value()));
  return ids;
}

struct LoadedModel {
  ModelFile text;
  std::unique_ptr<ModelFile> vision;
  std::vector<std::string> warnings;
  ModelConfig config;
  ThreadPool pool;
  const kernels::KernelTable* table;
  Weights weights;
  Ops ops;
  Scratch scratch;
  Decoder decoder;

  LoadedModel(const std::string& path, const std::string& mmproj, Precision precision, int threads = 2,
              kernels::Family tower_floats = kernels::Family::kFileRows)
      : text(Get(host::OpenModelFile(path))),
        vision(mmproj.empty() ? nullptr : std::make_unique<ModelFile>(Get(host::OpenModelFile(mmproj)))),
        config(Get(ReadModelConfig(text, vision.get(), &warnings))),
        pool(threads),
        table(Get(kernels::Choose(DetectCpuFeatures(),
                                  std::getenv("THIMBLE_ISA") != nullptr ? std::getenv("THIMBLE_ISA") : ""))),
        weights(Get(
            LoadWeights(text, vision.get(), config, LoadOptions{&pool, precision, &warnings, nullptr, tower_floats}))),
        ops{*table, pool, precision},
        scratch(Get(Scratch::Create(config, Decoder::kMaxRows, threads))),
        decoder(&config, &weights) {}

  [[nodiscard]] DecoderState NewState(int max_tokens = 512) const {
    return Get(
        DecoderState::Create(config, max_tokens, ops.precision == Precision::kExact ? KvType::kF32 : KvType::kF16));
  }
};

inline std::vector<Position> TextPositions(std::int64_t first, std::size_t count) {
  std::vector<Position> positions(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto p = static_cast<std::int32_t>(first + static_cast<std::int64_t>(i));
    positions[i] = {p, p, p};
  }
  return positions;
}

inline Batch TextBatch(std::span<const std::int32_t> ids, std::span<const Position> positions, LogitRows logits) {
  Batch batch;
  batch.tokens = ids;
  batch.positions = positions;
  batch.logits = logits;
  return batch;
}

// Ordinary tokens, the same for the same seed.
inline std::vector<std::int32_t> RandomIds(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::int32_t> ids(count);
  for (auto& id : ids) id = static_cast<std::int32_t>(random() % 2000);
  return ids;
}

// Runs `ids` after what the state holds and commits them.
inline void Feed(LoadedModel& model, DecoderState& state, std::span<const std::int32_t> ids, LogitRows logits,
                 const Trace* trace = nullptr) {
  const auto positions = TextPositions(state.length(), ids.size());
  Get(model.decoder.Forward(TextBatch(ids, positions, logits), &state, &model.scratch, model.ops, trace));
  state.CommitAll();
}

inline float LargestDifference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) Fail("sizes differ: " + std::to_string(a.size()) + " and " + std::to_string(b.size()));
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::isnan(a[i]) ? INFINITY : std::fabs(a[i] - b[i]));
  return largest;
}
inline float Largest(std::span<const float> a) {
  float largest = 0;
  for (const float x : a) largest = std::max(largest, std::fabs(x));
  return largest;
}
inline double RelativeRms(std::span<const float> a, std::span<const float> b) {
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(error / size);
}
inline int ArgMax(std::span<const float> a) {
  return static_cast<int>(std::max_element(a.begin(), a.end()) - a.begin());
}

}  // namespace thimble::testing
