// SPDX-License-Identifier: Apache-2.0
#include "engine/prompt.h"

#include "base/sha256.h"
#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <ranges>
#include <span>
#include <utility>

namespace thimble {

namespace {

// The grid of a video after resizing, without touching its pixels.
Result<PictureGrid> GridOfVideo(const PromptParts& parts, const Picture& video) {
  const PatchSizes& sizes = parts.patches;
  const auto num_frames = static_cast<int>(video.frames.size());
  THIMBLE_ASSIGN_OR_RETURN(const ImageSize size, SmartResizeVideo(num_frames, video.frames[0].height,
                                                                  video.frames[0].width, sizes, parts.video_limits));
  return PictureGrid{(num_frames + sizes.temporal - 1) / sizes.temporal, size.height / sizes.patch,
                     size.width / sizes.patch};
}

// The first row's key; the others count on from there. Its highest bit is set, so that no token has the same.
PromptKey FirstKeyOf(const PictureId& id) {
  const std::uint64_t sides = static_cast<std::uint64_t>(id.grid.h) << 32 | static_cast<std::uint32_t>(id.grid.w);
  std::array<std::byte, 32> bytes;
  std::size_t at = 0;
  for (const std::uint64_t word : {id.digest.high, id.digest.low, sides, static_cast<std::uint64_t>(id.grid.t)}) {
    for (int shift = 0; shift < 64; shift += 8) bytes[at++] = static_cast<std::byte>(word >> shift);
  }
  Sha256 hash;
  hash.Add(bytes);
  const Digest128 mixed = hash.Finish128();
  return {mixed.high | std::uint64_t{1} << 63, mixed.low};
}

// Of `ranges` what lies between two places, counted from the first of them.
std::vector<TextRange> Clip(std::span<const TextRange> ranges, std::size_t begin, std::size_t end) {
  std::vector<TextRange> clipped;
  const auto is_before = [begin](const TextRange& range) { return range.end <= begin; };
  for (auto it = std::partition_point(ranges.begin(), ranges.end(), is_before); it != ranges.end() && it->begin < end;
       ++it)
    clipped.push_back({std::max(it->begin, begin) - begin, std::min(it->end, end) - begin});
  return clipped;
}

class Builder {
 public:
  Builder(const PromptParts& parts, const GenerateRequest& request) : parts_(parts), request_(request) {}

  Result<Prompt> Run() {
    THIMBLE_RETURN_IF_ERROR(Write());
    if (static_cast<std::int64_t>(prompt_.ids.size()) > parts_.context) {
      const bool has_budgets = request_.has_chat() && request_.detail.value_or(Detail::kFile) != Detail::kFile;
      return Error{Code::kExhausted,
                   Cat("[context] the prompt has ", prompt_.ids.size(), " tokens, the context ", parts_.context),
                   {{Advice::kShorten},
                    {has_budgets ? Advice::kLowerDetail : Advice::kLowerPixels},
                    {Advice::kRaiseContext, parts_.most_context}}};
    }
    Place();
    return std::move(prompt_);
  }

  Result<PromptCounts> Count() {
    THIMBLE_RETURN_IF_ERROR(Write());
    PromptCounts counts;
    counts.total = static_cast<std::int64_t>(prompt_.ids.size());
    counts.pictures = std::move(prompt_.readings);
    if (!request_.has_chat()) return counts;
    counts.messages.assign(request_.chat().messages.size(), 0);
    counts.answer = counts.total - prompt_.boundary;
    counts.before = prompt_.starts.empty() ? prompt_.boundary : prompt_.starts.front().first_token;
    for (std::size_t i = 0; i < prompt_.starts.size(); ++i) {
      const bool is_last = i + 1 == prompt_.starts.size();
      const std::int64_t end = is_last ? prompt_.boundary : prompt_.starts[i + 1].first_token;
      counts.messages[prompt_.starts[i].message] = end - prompt_.starts[i].first_token;
    }
    return counts;
  }

 private:
  // Ids and runs, however many.
  Status Write() {
    if (!request_.pictures.empty()) THIMBLE_RETURN_IF_ERROR(CheckSight());
    THIMBLE_RETURN_IF_ERROR(request_.has_chat() ? FromChat() : FromIds());
    if (prompt_.ids.empty()) return Error{Code::kInvalid, "[prompt] the prompt is empty"};
    return Done{};
  }

  Status CheckSight() const {
    if (parts_.why_blind.empty()) return Done{};
    return Error{parts_.blind_code, Cat("[prompt] ", parts_.why_blind)};
  }

  // How the next picture is read; what was decided for those before it stays as it was. Pictures of given ids keep
  // the file's limits, unless they were decided before: their placeholders are there already.
  Status MeasureNext() {
    const Picture& picture = request_.pictures[grids_.size()];
    PictureReading reading;
    if (picture.is_video()) {
      THIMBLE_ASSIGN_OR_RETURN(const PictureGrid grid, GridOfVideo(parts_, picture));
      grids_.push_back(grid);
    } else {
      THIMBLE_ASSIGN_OR_RETURN(reading, ReadingOf(picture));
      reading.context_can_grow = reading.fills_its_share && parts_.context < parts_.most_context;
      const int patch = parts_.patches.patch;
      grids_.push_back({1, reading.read.height / patch, reading.read.width / patch});
    }
    reading.digest = DigestOf(picture);
    prompt_.pictures.push_back({reading.digest, grids_.back()});
    prompt_.readings.push_back(reading);
    return Done{};
  }

  [[nodiscard]] Result<PictureReading> ReadingOf(const Picture& picture) const {
    const PatchSizes& sizes = parts_.patches;
    const Detail detail =
        request_.has_chat() ? picture.detail.value_or(request_.detail.value_or(Detail::kFile)) : Detail::kFile;
    if (!picture.read_size.has_value()) {
      return ChooseReading(picture.size(), detail, sizes, parts_.pixel_limits,
                           static_cast<std::int64_t>(prompt_.ids.size()), parts_.context);
    }
    PictureReading reading;
    reading.given = picture.size();
    reading.read = *picture.read_size;
    reading.detail = detail;
    const int block = sizes.patch * sizes.merge;
    if (reading.read.height < block || reading.read.width < block || reading.read.height % block != 0 ||
        reading.read.width % block != 0)
      return Error{Code::kInvalid, Cat("[prompt] a picture is read in whole blocks of ", block, " pixels, found ",
                                       reading.read.width, " x ", reading.read.height)};
    reading.tokens = static_cast<std::int64_t>(reading.read.height / block) * (reading.read.width / block);
    return reading;
  }

  // Our own words.
  void AddText(std::string_view text) { parts_.tokenizer->EncodeTo(text, AddedTokens::kRecognise, &prompt_.ids); }

  // Messages and the generation prompt begin with a special token, so cutting before it changes no token. Between two
  // cuts text is encoded in one go, as the reference does, but for special tokens in what others said.
  void AddTextPiece(const RenderedChat& rendered, std::size_t index, std::size_t offset) {
    const std::string_view text = rendered.pieces[index].text;
    std::size_t done = 0;
    const auto add_up_to = [&](std::size_t at) {
      parts_.tokenizer->EncodeTo(text.substr(done, at - done), Clip(rendered.own, offset + done, offset + at),
                                 &prompt_.ids);
      done = at;
      return static_cast<std::int64_t>(prompt_.ids.size());
    };
    for (std::size_t i = prompt_.starts.size(); i < rendered.message_begins.size(); ++i) {
      const RenderedChat::MessageBegin& begin = rendered.message_begins[i];
      if (begin.offset >= offset + text.size()) break;
      prompt_.starts.push_back({begin.message, add_up_to(begin.offset - offset)});
    }
    if (index == rendered.generation_prompt_piece) prompt_.boundary = add_up_to(rendered.generation_prompt_offset);
    add_up_to(text.size());
  }

  void AddRun(int picture, std::int64_t first_row, std::int32_t pad) {
    const std::int64_t count = grids_[static_cast<std::size_t>(picture)].rows();
    prompt_.runs.push_back({picture, static_cast<std::int64_t>(prompt_.ids.size()), count, first_row});
    prompt_.ids.insert(prompt_.ids.end(), static_cast<std::size_t>(count), pad);
  }

  // Spec 3.7: the pad becomes, per temporal patch, "<1.5 seconds>" and a start, the rows, an end.
  Status AddVideo(int index) {
    const Picture& picture = request_.pictures[static_cast<std::size_t>(index)];
    const PictureGrid& grid = grids_[static_cast<std::size_t>(index)];
    if (picture.timestamps.size() != static_cast<std::size_t>(grid.t)) {
      return Error{Code::kInvalid, Cat("[prompt] a video of ", grid.t, " temporal patches has ",
                                       picture.timestamps.size(), " timestamps")};
    }
    for (int t = 0; t < grid.t; ++t) {
      char stamp[64];
      std::snprintf(stamp, sizeof stamp, "<%.1f seconds>", picture.timestamps[static_cast<std::size_t>(t)]);
      AddText(Cat(std::string_view(stamp), "<|vision_start|>"));
      AddRun(index, t * grid.rows(), *parts_.special.video_pad);
      AddText("<|vision_end|>");
    }
    return Done{};
  }

  Status FromChat() {
    Chat chat = request_.chat();
    if (request_.think != ThinkMode::kAuto) chat.options.enable_thinking = request_.think == ThinkMode::kOn;
    THIMBLE_ASSIGN_OR_RETURN(const RenderedChat rendered, RenderChat(parts_.chat_template, chat));
    std::size_t offset = 0;  // of the piece in the rendered text
    for (std::size_t i = 0; i < rendered.pieces.size(); offset += rendered.pieces[i++].text.size()) {
      if (rendered.pieces[i].kind == PromptPiece::Kind::kText) {
        AddTextPiece(rendered, i, offset);
      } else {
        THIMBLE_RETURN_IF_ERROR(AddPicture(rendered.pieces[i].kind));
      }
    }
    if (grids_.size() != request_.pictures.size()) {
      return Error{Code::kInvalid, Cat("[prompt] ", request_.pictures.size(), " pictures for ", grids_.size(),
                                       " places in the conversation")};
    }
    if (rendered.generation_prompt_piece >= rendered.pieces.size())
      prompt_.boundary = static_cast<std::int64_t>(prompt_.ids.size());
    for (const MessageStart& start : prompt_.starts) {
      if (start.first_token > 0) prompt_.message_ends.push_back(start.first_token);
    }
    if (prompt_.boundary > 0) prompt_.message_ends.push_back(prompt_.boundary);
    prompt_.ends_in_thinking = rendered.ends_in_thinking;
    return Done{};
  }

  // What stands in a conversation's place for the next picture.
  Status AddPicture(PromptPiece::Kind kind) {
    THIMBLE_RETURN_IF_ERROR(CheckSight());
    const auto index = static_cast<int>(grids_.size());
    if (grids_.size() >= request_.pictures.size()) {
      return Error{Code::kInvalid, Cat("[prompt] the conversation has more places for pictures than the ",
                                       request_.pictures.size(), " given")};
    }
    const bool is_video = request_.pictures[grids_.size()].is_video();
    if (is_video != (kind == PromptPiece::Kind::kVideo)) {
      return Error{Code::kInvalid,
                   Cat("[prompt] picture ", index + 1,
                       is_video ? " is a video where an image is expected" : " is an image where a video is expected")};
    }
    if (is_video && !parts_.special.video_pad.has_value())
      return Error{Code::kUnsupported, "[prompt] the vocabulary has no <|video_pad|> token"};
    THIMBLE_RETURN_IF_ERROR(MeasureNext());
    if (is_video) return AddVideo(index);
    AddRun(index, 0, *parts_.special.image_pad);
    return Done{};
  }

  // Runs of placeholders in given ids take the pictures in order; a video has one run a temporal patch.
  Status FromIds() {
    for (const std::int32_t id : request_.ids()) {
      if (id < 0 || id >= parts_.vocab)
        return Error{Code::kInvalid, Cat("[prompt] token id ", id, " is not below the vocabulary's ", parts_.vocab)};
    }
    while (grids_.size() < request_.pictures.size()) THIMBLE_RETURN_IF_ERROR(MeasureNext());
    prompt_.ids = request_.ids();
    // Without any picture, placeholders are ordinary tokens.
    if (!request_.pictures.empty()) THIMBLE_RETURN_IF_ERROR(FindRuns());
    prompt_.boundary = static_cast<std::int64_t>(prompt_.ids.size());
    prompt_.ends_in_thinking = EndsInThinking();
    return Done{};
  }

  Status FindRuns() {
    std::size_t picture = 0;
    int temporal = 0;
    for (std::size_t i = 0; i < prompt_.ids.size();) {
      const std::int32_t id = prompt_.ids[i];
      if (id != parts_.special.image_pad && id != parts_.special.video_pad) {
        ++i;
        continue;
      }
      std::size_t end = i;
      while (end < prompt_.ids.size() && prompt_.ids[end] == id) ++end;
      while (i < end) {
        if (picture >= request_.pictures.size()) {
          return Error{Code::kInvalid, Cat("[prompt] the ids hold placeholders for more than the ",
                                           request_.pictures.size(), " pictures given")};
        }
        const PictureGrid& grid = grids_[picture];
        if (static_cast<std::int64_t>(end - i) < grid.rows()) {
          return Error{Code::kInvalid, Cat("[prompt] picture ", picture + 1, " takes ", grid.rows(),
                                           " placeholders, the ids have a run of ", end - i)};
        }
        prompt_.runs.push_back(
            {static_cast<int>(picture), static_cast<std::int64_t>(i), grid.rows(), temporal * grid.rows()});
        i += static_cast<std::size_t>(grid.rows());
        if (++temporal >= grid.t) {
          temporal = 0;
          ++picture;
        }
      }
    }
    if (picture == request_.pictures.size()) return Done{};
    return Error{Code::kInvalid, Cat("[prompt] ", request_.pictures.size(), " pictures, but placeholders for ", picture,
                                     " in the ids")};
  }

  // Whether the last think block is still open.
  [[nodiscard]] bool EndsInThinking() const {
    for (const std::int32_t id : prompt_.ids | std::views::reverse) {
      if (id == parts_.special.think_close) return false;
      if (id == parts_.special.think_open) return true;
    }
    return false;
  }

  // Positions (spec 2.5) and keys.
  void Place() {
    const std::size_t count = prompt_.ids.size();
    prompt_.positions.resize(count);
    prompt_.keys.resize(count);
    std::int32_t cursor = 0;
    std::size_t run = 0;
    for (std::size_t i = 0; i < count;) {
      if (run < prompt_.runs.size() && prompt_.runs[run].first_token == static_cast<std::int64_t>(i)) {
        const PictureRun& r = prompt_.runs[run++];
        const PictureGrid& grid = grids_[static_cast<std::size_t>(r.picture)];
        const int columns = grid.w / 2;
        const PromptKey first = FirstKeyOf(prompt_.pictures[static_cast<std::size_t>(r.picture)]);
        for (std::int64_t k = 0; k < r.count; ++k, ++i) {
          prompt_.positions[i] = {cursor, cursor + static_cast<std::int32_t>(k / columns),
                                  cursor + static_cast<std::int32_t>(k % columns)};
          prompt_.keys[i] = {first.high, first.low + static_cast<std::uint64_t>(r.first_row + k)};
        }
        cursor += std::max(grid.h, grid.w) / 2;
        continue;
      }
      prompt_.positions[i] = {cursor, cursor, cursor};
      prompt_.keys[i] = PromptKey::OfToken(prompt_.ids[i]);
      ++cursor;
      ++i;
    }
    prompt_.next_position = cursor;
  }

  const PromptParts& parts_;
  const GenerateRequest& request_;
  Prompt prompt_;
  std::vector<PictureGrid> grids_;
};

}  // namespace

SpecialIds FindSpecialIds(const Tokenizer& tokenizer) {
  return {tokenizer.Find("<|image_pad|>"), tokenizer.Find("<|video_pad|>"), tokenizer.Find("<think>"),
          tokenizer.Find("</think>")};
}

Result<Prompt> BuildPrompt(const PromptParts& parts, const GenerateRequest& request) {
  return Builder(parts, request).Run();
}

Result<PromptCounts> CountPrompt(const PromptParts& parts, const GenerateRequest& request) {
  return Builder(parts, request).Count();
}

Result<Patches> PatchifyPicture(const PromptParts& parts, const Picture& picture, const PictureReading& reading) {
  if (picture.is_video()) return PatchifyVideo(picture.frames, parts.patches, parts.video_limits);
  return PatchifyAt(picture.image, parts.patches, reading.read);
}

}  // namespace thimble
