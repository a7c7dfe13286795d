// SPDX-License-Identifier: Apache-2.0
#include "engine/session.h"

#include "base/check.h"
#include "base/no_memory.h"
#include "base/text.h"
#include "engine/engine_parts.h"
#include "engine/session_memory.h"
#include "model/workload.h"
#include "sys/machine.h"

#include <algorithm>
#include <cstring>

namespace thimble {

Status CheckTowerMemory(const EngineParts& parts, std::int64_t num_patches, ImageSize size) {
  const std::uint64_t needed =
      VisionScratchBytes(*parts.config.vision, num_patches, parts.pool->num_threads()) + parts.tower->bytes_to_read();
  const std::uint64_t available = AvailableMemoryBytes();
  if (available == 0 || needed <= available) return Done{};
  return Error{Code::kExhausted,
               Cat("[vision] a picture of ", size.width, " x ", size.height, " needs ", FormatBytes(needed), ", ",
                   FormatBytes(available), " free; use --max-pixels to make it smaller")};
}

std::int64_t NumPatches(const EngineParts& parts, ImageSize size) {
  const std::int64_t side = parts.config.vision->patches.patch;
  return static_cast<std::int64_t>(size.height) * size.width / (side * side);
}

const char* FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContext:
      return "context";
    case FinishReason::kCancelled:
      break;
  }
  return "cancelled";
}

Session::Session() = default;
Session::~Session() = default;

Result<std::unique_ptr<Session>> Engine::NewSession() const {
  return ExhaustedIfNoMemory([&]() -> Result<std::unique_ptr<Session>> {
    THIMBLE_ASSIGN_OR_RETURN(auto state, DecoderState::Create(parts_->config, parts_->context, parts_->kv_type));
    std::unique_ptr<Session> session(new Session());
    session->memory_ = std::make_unique<Session::Memory>(shared_from_this(), parts_.get(), std::move(state));
    return session;
  });
}

void Session::ForgetCancel() {
  if (!memory_->is_busy.load()) is_cancelled_.store(false, std::memory_order_relaxed);
}
void Session::Clear() { memory_->Clear(); }
int Session::length() const { return memory_->state.length(); }

void Session::Memory::Clear() {
  state.Clear();
  keys.clear();
  checkpoints.clear();
}

Status Session::Memory::RewindTo(std::span<const std::uint64_t> wanted, std::int64_t limit) {
  std::int64_t common = 0;
  const auto most =
      std::min<std::int64_t>({static_cast<std::int64_t>(keys.size()), static_cast<std::int64_t>(wanted.size()), limit});
  while (common < most && keys[static_cast<std::size_t>(common)] == wanted[static_cast<std::size_t>(common)]) ++common;
  if (common == state.length()) return Done{};
  // Recurrent states cannot be cut; go back to the last checkpoint inside what is shared.
  while (!checkpoints.empty() && checkpoints.back().length() > common) checkpoints.pop_back();
  if (checkpoints.empty()) {
    Clear();
    return Done{};
  }
  state.Restore(checkpoints.back());
  keys.resize(static_cast<std::size_t>(state.length()));
  return Done{};
}

Status Session::Memory::KeepCheckpoint() {
  if (!checkpoints.empty() && checkpoints.back().length() == state.length()) return Done{};
  auto checkpoint = state.Save();
  // Without room for a checkpoint the next turn reads more again; nothing is wrong with this one.
  if (!checkpoint.ok()) return Done{};
  if (checkpoints.size() >= static_cast<std::size_t>(kMaxCheckpoints)) checkpoints.erase(checkpoints.begin());
  checkpoints.push_back(std::move(checkpoint).value());
  return Done{};
}

Result<const VisionRows*> Session::Memory::RowsOf(const Picture& picture, const PictureReading& reading,
                                                  std::uint64_t hash, const Lease& lease,
                                                  const std::function<bool(double)>& progress, GenerateStats* stats) {
  for (auto it = pictures.begin(); it != pictures.end(); ++it) {
    if (it->hash != hash) continue;
    std::rotate(it, it + 1, pictures.end());  // most recently used last
    return &pictures.back().rows;
  }
  const double begin = MonotonicSeconds();
  // Being cancelled stops it through the pool; `progress` would give the turn to others, who may wait for the tower.
  THIMBLE_ASSIGN_OR_RETURN(const auto tower, parts->tower->Get(parts->pool.get()));
  // A picture's size is known before its patches take memory; a video's only then.
  if (!picture.is_video())
    THIMBLE_RETURN_IF_ERROR(CheckTowerMemory(*parts, NumPatches(*parts, reading.read), reading.read));
  THIMBLE_ASSIGN_OR_RETURN(const Patches patches, PatchifyPicture(*parts, picture, reading));
  if (picture.is_video()) THIMBLE_RETURN_IF_ERROR(CheckTowerMemory(*parts, patches.num_patches(), patches.resized));
  VisionOptions options;
  options.progress = progress;
  CachedPicture cached;
  cached.hash = hash;
  THIMBLE_ASSIGN_OR_RETURN(cached.rows, EncodePatches(*parts->config.vision, *tower, patches, lease.ops(), options));
  stats->picture_seconds += MonotonicSeconds() - begin;
  ++stats->pictures_encoded;
  pictures.push_back(std::move(cached));
  picture_bytes += pictures.back().rows.rows.size_bytes();
  while (pictures.size() > 1 && picture_bytes > most_picture_bytes) {
    picture_bytes -= pictures.front().rows.rows.size_bytes();
    pictures.erase(pictures.begin());
  }
  return &pictures.back().rows;
}

Session::Memory::PictureWork Session::Memory::PicturesToEncode(const Prompt& prompt, std::int64_t first) const {
  PictureWork work;
  const auto& hashes = prompt.picture_hashes;
  for (const PictureRun& run : prompt.runs) {
    const std::uint64_t hash = hashes[static_cast<std::size_t>(run.picture)];
    const auto is_it = [hash](const CachedPicture& picture) { return picture.hash == hash; };
    if (run.first_token + run.count <= first || std::any_of(pictures.begin(), pictures.end(), is_it)) continue;
    // The same picture again is encoded once.
    if (std::find(hashes.begin(), hashes.begin() + run.picture, hash) != hashes.begin() + run.picture) continue;
    // A run is one temporal patch, whose patches attend one another.
    const VisionConfig& vision = *parts->config.vision;
    const std::int64_t patches = run.count * vision.patches.merge * vision.patches.merge;
    work.rows += run.count;
    work.multiply_adds += static_cast<double>(PictureMultiplyAdds(vision, 1, 1, patches));
  }
  return work;
}

Status Session::Memory::GatherRows(const Prompt& prompt, std::span<const Picture> request_pictures, std::int64_t first,
                                   const Lease& lease, const std::function<bool(double)>& progress,
                                   GenerateStats* stats, PictureRows* out) {
  const auto width = static_cast<std::size_t>(parts->config.width);
  std::int64_t needed = 0;
  for (const PictureRun& run : prompt.runs) {
    if (run.first_token + run.count > first) needed += run.count;
  }
  out->row_of_token.clear();
  if (needed == 0) return Done{};
  out->row_of_token.assign(prompt.ids.size(), -1);
  THIMBLE_ASSIGN_OR_RETURN(out->rows, Buffer<float>::Create(static_cast<std::size_t>(needed) * width));
  const std::int64_t to_encode = PicturesToEncode(prompt, first).rows;
  std::int64_t encoded = 0;
  const auto rows_of = [&](int picture) {
    std::int64_t count = 0;
    for (const PictureRun& run : prompt.runs) {
      if (run.picture == picture && run.first_token + run.count > first) count += run.count;
    }
    return count;
  };
  std::int64_t at = 0;
  for (const PictureRun& run : prompt.runs) {
    if (run.first_token + run.count <= first) continue;
    const auto picture = static_cast<std::size_t>(run.picture);
    const auto report = [&](double share) {
      const double done = static_cast<double>(encoded) + share * static_cast<double>(rows_of(run.picture));
      return !progress || progress(std::min(1.0, done / static_cast<double>(std::max<std::int64_t>(1, to_encode))));
    };
    const int num_encoded = stats->pictures_encoded;
    THIMBLE_ASSIGN_OR_RETURN(const VisionRows* rows, RowsOf(request_pictures[picture], prompt.readings[picture],
                                                            prompt.picture_hashes[picture], lease, report, stats));
    if (stats->pictures_encoded > num_encoded) encoded += rows_of(run.picture);
    THIMBLE_CHECK(run.first_row + run.count <= rows->num_rows);
    std::memcpy(out->rows.data() + static_cast<std::size_t>(at) * width,
                rows->rows.data() + static_cast<std::size_t>(run.first_row) * width,
                static_cast<std::size_t>(run.count) * width * sizeof(float));
    for (std::int64_t k = 0; k < run.count; ++k) {
      out->row_of_token[static_cast<std::size_t>(run.first_token + k)] = static_cast<std::int32_t>(at + k);
    }
    at += run.count;
  }
  out->view = {out->rows.data(), needed, parts->config.width};
  return Done{};
}

Batch Session::Memory::BatchOf(const Prompt& prompt, const PictureRows& rows, std::int64_t first, std::int64_t count,
                               LogitRows logits) {
  const auto from = static_cast<std::size_t>(first);
  const auto size = static_cast<std::size_t>(count);
  Batch batch;
  batch.tokens = std::span(prompt.ids).subspan(from, size);
  batch.positions = std::span(prompt.positions).subspan(from, size);
  if (!rows.row_of_token.empty()) {
    batch.image_row = std::span(rows.row_of_token).subspan(from, size);
    batch.image_rows = rows.view;
  }
  batch.logits = logits;
  return batch;
}

Result<int> Session::Evaluate(const GenerateRequest& request, LogitRows rows,
                              const std::function<bool(int index, std::span<const float> logits)>& on_row) {
  return ExhaustedIfNoMemory([&] { return EvaluateRows(request, rows, on_row); });
}

Result<int> Session::EvaluateRows(const GenerateRequest& request, LogitRows rows,
                                  const std::function<bool(int index, std::span<const float> logits)>& on_row) {
  Memory& m = *memory_;
  const BusyScope busy(&m.is_busy);
  THIMBLE_RETURN_IF_ERROR(busy.status());
  THIMBLE_ASSIGN_OR_RETURN(const Prompt prompt, BuildPrompt(*m.parts, request));
  THIMBLE_ASSIGN_OR_RETURN(const auto held, Lease::Take(m.parts, nullptr));
  const Lease& lease = *held;
  GenerateStats stats;
  PictureRows picture_rows;
  THIMBLE_RETURN_IF_ERROR(m.GatherRows(prompt, request.pictures, 0, lease, {}, &stats, &picture_rows));
  m.Clear();
  const Decoder decoder(&m.parts->config, &m.parts->weights);
  const auto total = static_cast<std::int64_t>(prompt.ids.size());
  for (std::int64_t first = 0; first < total;) {
    const std::int64_t count = std::min<std::int64_t>(Decoder::kMaxRows, total - first);
    const bool is_last = first + count == total;
    const Batch batch = Memory::BatchOf(prompt, picture_rows, first, count,
                                        is_last && rows == LogitRows::kLast ? LogitRows::kLast : LogitRows::kNone);
    THIMBLE_RETURN_IF_ERROR(decoder.Forward(batch, &m.state, lease.scratch(), lease.ops()));
    m.state.CommitAll();
    if (rows == LogitRows::kAll) {
      const MatView<const float> hidden = lease.scratch()->hidden();
      for (std::int64_t row = 0; row < count; row += Memory::kHeadRows) {
        const std::int64_t some = std::min<std::int64_t>(Memory::kHeadRows, count - row);
        THIMBLE_RETURN_IF_ERROR(decoder.Head(hidden.Rows(row, some), lease.scratch(), lease.ops()));
        for (std::int64_t i = 0; i < some; ++i) {
          if (!on_row(static_cast<int>(first + row + i), lease.scratch()->logits().RowSpan(i)))
            return Error{Code::kCancelled, "[evaluate] cancelled"};
        }
      }
    } else if (is_last && !on_row(static_cast<int>(total - 1), lease.scratch()->logits().RowSpan(0))) {
      return Error{Code::kCancelled, "[evaluate] cancelled"};
    }
    first += count;
  }
  m.Clear();
  return static_cast<int>(total);
}

}  // namespace thimble
