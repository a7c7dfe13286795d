// SPDX-License-Identifier: Apache-2.0
#include "engine/prompt.h"

#include "base/text.h"

#include <algorithm>
#include <cstdio>
#include <ranges>

namespace thimble {

namespace {

// The grid of a picture after resizing, without touching its pixels.
struct Grid {
  int t = 1, h = 0, w = 0;
  [[nodiscard]] std::int64_t rows() const {
    return static_cast<std::int64_t>(h / 2) * (w / 2);
  }  // of one temporal patch
};

Result<Grid> GridOfVideo(const EngineParts& engine, const Picture& video) {
  const PatchSizes& sizes = engine.config.vision->patches;
  const auto num_frames = static_cast<int>(video.frames.size());
  THIMBLE_ASSIGN_OR_RETURN(const ImageSize size, SmartResizeVideo(num_frames, video.frames[0].height,
                                                                  video.frames[0].width, sizes, engine.video_limits));
  return Grid{(num_frames + sizes.temporal - 1) / sizes.temporal, size.height / sizes.patch, size.width / sizes.patch};
}

class Builder {
 public:
  Builder(const EngineParts& engine, const GenerateRequest& request) : engine_(engine), request_(request) {}

  Result<Prompt> Run() {
    THIMBLE_RETURN_IF_ERROR(Write());
    if (static_cast<std::int64_t>(prompt_.ids.size()) > engine_.context) {
      const bool has_budgets = request_.ids.empty() && request_.detail.value_or(Detail::kFile) != Detail::kFile;
      return Error{Code::kExhausted,
                   Cat("[context] the prompt has ", prompt_.ids.size(), " tokens, the context ", engine_.context,
                       "; shorten it, use smaller pictures (", has_budgets ? "--detail low" : "--max-pixels",
                       "), or raise --context (at most ", engine_.config.context_length, ")")};
    }
    Place();
    return std::move(prompt_);
  }

  Result<PromptCounts> Count() {
    THIMBLE_RETURN_IF_ERROR(Write());
    PromptCounts counts;
    counts.total = static_cast<std::int64_t>(prompt_.ids.size());
    counts.pictures = std::move(prompt_.readings);
    if (!request_.ids.empty()) return counts;
    counts.messages.assign(request_.chat.messages.size(), 0);
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
    THIMBLE_RETURN_IF_ERROR(request_.ids.empty() ? FromChat() : FromIds());
    if (prompt_.ids.empty()) return Error{Code::kInvalid, "[prompt] the prompt is empty"};
    return Done{};
  }

  Status CheckSight() const {
    if (engine_.why_blind.empty()) return Done{};
    return Error{engine_.blind_code, Cat("[prompt] ", engine_.why_blind)};
  }

  // How the next picture is read; what was decided for those before it stays as it was. Pictures of given ids keep
  // the file's limits, unless they were decided before: their placeholders are there already.
  Status MeasureNext() {
    const Picture& picture = request_.pictures[grids_.size()];
    PictureReading reading;
    if (picture.is_video()) {
      THIMBLE_ASSIGN_OR_RETURN(const Grid grid, GridOfVideo(engine_, picture));
      grids_.push_back(grid);
    } else {
      THIMBLE_ASSIGN_OR_RETURN(reading, ReadingOf(picture));
      reading.context_can_grow = reading.fills_its_share && engine_.context < engine_.config.context_length;
      const int patch = engine_.config.vision->patches.patch;
      grids_.push_back({1, reading.read.height / patch, reading.read.width / patch});
    }
    reading.digest = DigestOf(picture);
    const Grid& grid = grids_.back();
    const std::uint64_t sides = static_cast<std::uint64_t>(grid.h) << 32 | static_cast<std::uint32_t>(grid.w);
    prompt_.picture_hashes.push_back((reading.digest ^ sides * 0x9E3779B97F4A7C15ull) * 0x94D049BB133111EBull);
    prompt_.readings.push_back(reading);
    return Done{};
  }

  [[nodiscard]] Result<PictureReading> ReadingOf(const Picture& picture) const {
    const PatchSizes& sizes = engine_.config.vision->patches;
    const Detail detail =
        request_.ids.empty() ? picture.detail.value_or(request_.detail.value_or(Detail::kFile)) : Detail::kFile;
    if (!picture.read_size.has_value()) {
      return ChooseReading(picture.size(), detail, sizes, engine_.pixel_limits,
                           static_cast<std::int64_t>(prompt_.ids.size()), engine_.context);
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

  void AddText(std::string_view text) {
    engine_.text_model->tokenizer.EncodeTo(text, AddedTokens::kRecognise, &prompt_.ids);
  }

  // Messages and the generation prompt begin with a special token, so cutting before it changes no token. Between two
  // cuts text is encoded in one go, as the reference does.
  void AddTextPiece(const RenderedChat& rendered, std::size_t index, std::size_t offset) {
    const std::string_view text = rendered.pieces[index].text;
    std::size_t done = 0;
    const auto cut = [&](std::size_t at) {
      AddText(text.substr(done, at - done));
      done = at;
      return static_cast<std::int64_t>(prompt_.ids.size());
    };
    for (std::size_t i = prompt_.starts.size(); i < rendered.message_begins.size(); ++i) {
      const RenderedChat::MessageBegin& begin = rendered.message_begins[i];
      if (begin.offset >= offset + text.size()) break;
      prompt_.starts.push_back({begin.message, cut(begin.offset - offset)});
    }
    if (index == rendered.generation_prompt_piece) prompt_.boundary = cut(rendered.generation_prompt_offset);
    AddText(text.substr(done));
  }

  void AddRun(int picture, std::int64_t first_row, std::int32_t pad) {
    const std::int64_t count = grids_[static_cast<std::size_t>(picture)].rows();
    prompt_.runs.push_back({picture, static_cast<std::int64_t>(prompt_.ids.size()), count, first_row});
    prompt_.ids.insert(prompt_.ids.end(), static_cast<std::size_t>(count), pad);
  }

  // Spec 3.7: the pad becomes, per temporal patch, "<1.5 seconds>" and a start, the rows, an end.
  Status AddVideo(int index) {
    const Picture& picture = request_.pictures[static_cast<std::size_t>(index)];
    const Grid& grid = grids_[static_cast<std::size_t>(index)];
    if (picture.timestamps.size() != static_cast<std::size_t>(grid.t)) {
      return Error{Code::kInvalid, Cat("[prompt] a video of ", grid.t, " temporal patches has ",
                                       picture.timestamps.size(), " timestamps")};
    }
    for (int t = 0; t < grid.t; ++t) {
      char stamp[64];
      std::snprintf(stamp, sizeof stamp, "<%.1f seconds>", picture.timestamps[static_cast<std::size_t>(t)]);
      AddText(Cat(std::string_view(stamp), "<|vision_start|>"));
      AddRun(index, t * grid.rows(), *engine_.special.video_pad);
      AddText("<|vision_end|>");
    }
    return Done{};
  }

  Status FromChat() {
    Chat chat = request_.chat;
    if (request_.think != ThinkMode::kAuto) chat.options.enable_thinking = request_.think == ThinkMode::kOn;
    THIMBLE_ASSIGN_OR_RETURN(const RenderedChat rendered, RenderChat(engine_.text_model->chat_template.variant, chat));
    int next_picture = 0;
    std::size_t offset = 0;  // of the piece in the rendered text
    for (std::size_t i = 0; i < rendered.pieces.size(); offset += rendered.pieces[i++].text.size()) {
      const PromptPiece& piece = rendered.pieces[i];
      if (piece.kind == PromptPiece::Kind::kText) {
        AddTextPiece(rendered, i, offset);
        continue;
      }
      THIMBLE_RETURN_IF_ERROR(CheckSight());
      const int index = next_picture++;
      if (index >= static_cast<int>(request_.pictures.size())) {
        return Error{Code::kInvalid, Cat("[prompt] the conversation has more places for pictures than the ",
                                         request_.pictures.size(), " given")};
      }
      const bool is_video = request_.pictures[static_cast<std::size_t>(index)].is_video();
      if (is_video != (piece.kind == PromptPiece::Kind::kVideo)) {
        return Error{Code::kInvalid, Cat("[prompt] picture ", index + 1,
                                         is_video ? " is a video where an image is expected"
                                                  : " is an image where a video is expected")};
      }
      if (is_video && !engine_.special.video_pad.has_value())
        return Error{Code::kUnsupported, "[prompt] the vocabulary has no <|video_pad|> token"};
      THIMBLE_RETURN_IF_ERROR(MeasureNext());
      if (is_video) {
        THIMBLE_RETURN_IF_ERROR(AddVideo(index));
      } else {
        AddRun(index, 0, *engine_.special.image_pad);
      }
    }
    if (next_picture != static_cast<int>(request_.pictures.size())) {
      return Error{Code::kInvalid, Cat("[prompt] ", request_.pictures.size(), " pictures for ", next_picture,
                                       " places in the conversation")};
    }
    if (rendered.generation_prompt_piece >= rendered.pieces.size())
      prompt_.boundary = static_cast<std::int64_t>(prompt_.ids.size());
    // A message that goes on may itself end inside <think>.
    prompt_.ends_in_thinking = rendered.ends_in_thinking || (chat.options.continue_final_message && EndsInThinking());
    return Done{};
  }

  // Runs of placeholders in given ids take the pictures in order; a video has one run a temporal patch.
  Status FromIds() {
    const auto vocab = engine_.config.vocab;
    for (const std::int32_t id : request_.ids) {
      if (id < 0 || id >= vocab)
        return Error{Code::kInvalid, Cat("[prompt] token id ", id, " is not below the vocabulary's ", vocab)};
    }
    while (grids_.size() < request_.pictures.size()) THIMBLE_RETURN_IF_ERROR(MeasureNext());
    prompt_.ids = request_.ids;
    std::size_t picture = 0;
    int temporal = 0;
    for (std::size_t i = 0; i < prompt_.ids.size();) {
      const std::int32_t id = prompt_.ids[i];
      if (id != engine_.special.image_pad && id != engine_.special.video_pad) {
        ++i;
        continue;
      }
      std::size_t end = i;
      while (end < prompt_.ids.size() && prompt_.ids[end] == id) ++end;
      // Without any picture, placeholders are ordinary tokens.
      while (i < end && !request_.pictures.empty()) {
        if (picture >= request_.pictures.size()) {
          return Error{Code::kInvalid, Cat("[prompt] the ids hold placeholders for more than the ",
                                           request_.pictures.size(), " pictures given")};
        }
        const Grid& grid = grids_[picture];
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
      i = end;
    }
    if (picture != request_.pictures.size()) {
      return Error{Code::kInvalid, Cat("[prompt] ", request_.pictures.size(), " pictures, but placeholders for ",
                                       picture, " in the ids")};
    }
    prompt_.boundary = static_cast<std::int64_t>(prompt_.ids.size());
    prompt_.ends_in_thinking = EndsInThinking();
    return Done{};
  }

  // Whether the last think block is still open.
  [[nodiscard]] bool EndsInThinking() const {
    for (const std::int32_t id : prompt_.ids | std::views::reverse) {
      if (id == engine_.special.think_close) return false;
      if (id == engine_.special.think_open) return true;
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
        const Grid& grid = grids_[static_cast<std::size_t>(r.picture)];
        const int columns = grid.w / 2;
        for (std::int64_t k = 0; k < r.count; ++k, ++i) {
          prompt_.positions[i] = {cursor, cursor + static_cast<std::int32_t>(k / columns),
                                  cursor + static_cast<std::int32_t>(k % columns)};
          prompt_.keys[i] = prompt_.picture_hashes[static_cast<std::size_t>(r.picture)] +
                            0x9E3779B97F4A7C15ull * static_cast<std::uint64_t>(r.first_row + k + 1);
        }
        cursor += std::max(grid.h, grid.w) / 2;
        continue;
      }
      prompt_.positions[i] = {cursor, cursor, cursor};
      prompt_.keys[i] = static_cast<std::uint64_t>(prompt_.ids[i]);
      ++cursor;
      ++i;
    }
    prompt_.next_position = cursor;
  }

  const EngineParts& engine_;
  const GenerateRequest& request_;
  Prompt prompt_;
  std::vector<Grid> grids_;
};

}  // namespace

Result<Prompt> BuildPrompt(const EngineParts& engine, const GenerateRequest& request) {
  return Builder(engine, request).Run();
}

Result<PromptCounts> CountPrompt(const EngineParts& engine, const GenerateRequest& request) {
  return Builder(engine, request).Count();
}

Result<Patches> PatchifyPicture(const EngineParts& engine, const Picture& picture, const PictureReading& reading) {
  const PatchSizes& sizes = engine.config.vision->patches;
  if (picture.is_video()) return PatchifyVideo(picture.frames, sizes, engine.video_limits);
  return PatchifyAt(picture.image, sizes, reading.read);
}

}  // namespace thimble
