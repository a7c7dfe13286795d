// SPDX-License-Identifier: Apache-2.0
#include "engine/picture_rows.h"

#include "base/check.h"
#include "base/text.h"
#include "model/workload.h"
#include "sys/machine.h"

#include <algorithm>
#include <utility>

namespace thimble {

Status CheckTowerMemory(const EngineParts& parts) {
  const auto shortage = parts.memory->Lacks(parts.tower->bytes_to_read());
  if (!shortage.has_value()) return Done{};
  return shortage->Say("vision", "the vision tower", {{Advice::kSmallerModel}});
}

Status CheckPictureMemory(const EngineParts& parts, std::int64_t num_patches, ImageSize size) {
  const auto shortage = parts.memory->Lacks(
      VisionScratchBytes(*parts.config.vision, num_patches, parts.pool->num_threads()) + parts.tower->bytes_to_read());
  if (!shortage.has_value()) return Done{};
  return shortage->Say("vision", Cat("a picture of ", size.width, " x ", size.height), {{Advice::kLowerPixels}});
}

std::int64_t NumPatches(const EngineParts& parts, ImageSize size) {
  const std::int64_t side = parts.config.vision->patches.patch;
  return static_cast<std::int64_t>(size.height) * size.width / (side * side);
}

PictureRows::PictureRows(EngineParts* parts, const Prompt* prompt, std::span<const Picture> pictures,
                         std::int64_t first)
    : parts_(parts), prompt_(prompt), pictures_(pictures), first_(first) {
  for (const PictureRun& run : prompt->runs) {
    if (run.first_token + run.count <= first) continue;
    // A video has several runs, which are encoded together.
    if (needed_.empty() || needed_.back().picture != run.picture) {
      Needed needed;
      needed.picture = run.picture;
      needed.rows = parts->album.Find(IdOf(needed));
      needed_.push_back(std::move(needed));
    }
    Needed& needed = needed_.back();
    const auto is_same = [&](const Needed& other) { return &other != &needed && IdOf(other) == IdOf(needed); };
    // The same picture again is encoded once.
    if (needed.rows != nullptr || std::any_of(needed_.begin(), needed_.end(), is_same)) continue;
    // A run is one temporal patch, whose patches attend one another.
    const VisionConfig& vision = *parts->config.vision;
    const std::int64_t patches = run.count * vision.patches.merge * vision.patches.merge;
    needed.work += static_cast<double>(PictureMultiplyAdds(vision, 1, 1, patches));
  }
  for (const Needed& needed : needed_) work_ += needed.work;
  if (needed_.empty()) return;
  while (next_ < needed_.size() && needed_[next_].rows != nullptr) ++next_;
  if (is_complete()) Place();
}

double PictureRows::share() const {
  if (is_complete() || work_ == 0) return 1.0;
  const double running = encoder_ == nullptr ? 0.0 : encoder_->share() * needed_[next_].work;
  return std::min(1.0, (done_ + running) / work_);
}

Result<bool> PictureRows::Step(const Lease& lease, GenerateStats* stats) {
  if (is_complete()) return false;
  const double begin = MonotonicSeconds();
  if (encoder_ == nullptr) {
    Needed& needed = needed_[next_];
    needed.rows = parts_->album.Find(IdOf(needed));  // another session's, or the same picture's, by now
    if (needed.rows == nullptr) THIMBLE_RETURN_IF_ERROR(Begin(stats));
  }
  bool has_more = encoder_ != nullptr;
  if (has_more) {
    THIMBLE_ASSIGN_OR_RETURN(has_more, encoder_->Step(lease.ops()));
  }
  if (!has_more) Finish();
  stats->picture_seconds += MonotonicSeconds() - begin;
  return !is_complete();
}

// Gets the tower and cuts the next picture into patches. A picture's size is known before they take memory; a video's
// only then.
Status PictureRows::Begin(GenerateStats* stats) {
  const auto index = static_cast<std::size_t>(needed_[next_].picture);
  const Picture& picture = pictures_[index];
  const PictureReading& reading = prompt_->readings[index];
  // Being cancelled stops it through the pool. The turn is not given away meanwhile: others may wait for the tower.
  THIMBLE_RETURN_IF_ERROR(picture.is_video()
                              ? CheckTowerMemory(*parts_)
                              : CheckPictureMemory(*parts_, NumPatches(*parts_, reading.read), reading.read));
  THIMBLE_ASSIGN_OR_RETURN(tower_, parts_->tower->Get(parts_->pool.get()));
  THIMBLE_ASSIGN_OR_RETURN(patches_, PatchifyPicture(parts_->prompts, picture, reading));
  if (picture.is_video())
    THIMBLE_RETURN_IF_ERROR(CheckPictureMemory(*parts_, patches_.num_patches(), patches_.resized));
  THIMBLE_ASSIGN_OR_RETURN(encoder_, VisionEncoder::Create(*parts_->config.vision, *tower_, patches_, *parts_->pool));
  ++stats->pictures_encoded;
  return Done{};
}

void PictureRows::Finish() {
  Needed& needed = needed_[next_];
  if (encoder_ != nullptr) {
    needed.rows = std::make_shared<const VisionRows>(encoder_->TakeRows());
    parts_->album.Keep(IdOf(needed), needed.rows);
    encoder_.reset();
    tower_.reset();
    patches_ = Patches();
  }
  done_ += needed.work;
  while (next_ < needed_.size() && needed_[next_].rows != nullptr) ++next_;
  if (is_complete()) Place();
}

void PictureRows::Place() {
  places_.assign(prompt_->ids.size() - static_cast<std::size_t>(first_), nullptr);
  const std::int64_t width = parts_->config.width;
  for (const PictureRun& run : prompt_->runs) {
    if (run.first_token + run.count <= first_) continue;
    const auto it = std::find_if(needed_.begin(), needed_.end(),
                                 [&](const Needed& needed) { return needed.picture == run.picture; });
    THIMBLE_CHECK(run.first_row + run.count <= it->rows->num_rows);
    for (std::int64_t k = std::max<std::int64_t>(0, first_ - run.first_token); k < run.count; ++k)
      places_[static_cast<std::size_t>(run.first_token + k - first_)] =
          it->rows->rows.data() + (run.first_row + k) * width;
  }
}

std::span<const float* const> PictureRows::Of(std::int64_t first, std::int64_t count) const {
  THIMBLE_CHECK(is_complete() && first >= first_);
  if (places_.empty()) return {};
  return std::span(places_).subspan(static_cast<std::size_t>(first - first_), static_cast<std::size_t>(count));
}

Batch BatchOf(const Prompt& prompt, const PictureRows& pictures, std::int64_t first, std::int64_t count,
              LogitRows logits) {
  Batch batch;
  batch.tokens = std::span(prompt.ids).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  batch.positions =
      std::span(prompt.positions).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  batch.picture_rows = pictures.Of(first, count);
  batch.logits = logits;
  return batch;
}

}  // namespace thimble
