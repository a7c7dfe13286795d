// SPDX-License-Identifier: Apache-2.0
// What a folder, or Ollama's one file, says about preparing pictures and videos: how large they may be, and whether
// anything is meant to be done otherwise than here.
#include "base/text.h"
#include "model/config.h"
#include "model/config_limits.h"

#include <array>
#include <cmath>
#include <string>
#include <utility>

namespace thimble {

namespace {

// Where transformers 5 looks, in this order: a part of processor_config.json, then files of their own. Videos fall back
// on the pictures' file.
struct Sources {
  const char* part;
  std::array<const char*, 2> files;
};
constexpr Sources kImages = {"image_processor", {"preprocessor_config.json", nullptr}};
constexpr Sources kVideos = {"video_processor", {"video_preprocessor_config.json", "preprocessor_config.json"}};

struct Settings {
  std::string name;  // of the file, for messages
  Json json;         // null where there is none
};

// A file that is there and that the system does not read is an error: other settings would be another model.
Result<Settings> FindSettings(const ModelFile& file, const Sources& sources, std::vector<std::string>* warnings) {
  if (file.format() != ModelFile::Format::kSafetensors) return Settings();
  const auto parsed = [&](const char* name) -> Result<Json> {
    const auto source = file.SideFile(name);
    if (!source.ok() && source.error().code == Code::kSystem) return source.error();
    if (!source.ok()) return Json();
    auto json = Json::Parse(source.value(), name);
    if (json.ok()) return json;
    Warn(warnings, Cat(name, " cannot be read, the released settings are used: ", json.error().message));
    return Json();
  };
  THIMBLE_ASSIGN_OR_RETURN(const Json whole, parsed("processor_config.json"));
  if (const Json* part = whole.Find(sources.part); part != nullptr && part->IsObject())
    return Settings{Cat("processor_config.json's ", sources.part), *part};
  for (const char* name : sources.files) {
    if (name == nullptr) continue;
    THIMBLE_ASSIGN_OR_RETURN(Json json, parsed(name));
    if (json.IsObject()) return Settings{name, std::move(json)};
  }
  return Settings();
}

void TakeLimit(std::optional<std::int64_t> value, std::int64_t* limit) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (value.has_value() && *value > 0 && *value < kMost) *limit = *value;
}

std::optional<std::int64_t> IntAt(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  return value == nullptr ? std::nullopt : value->AsInt();
}

// {"size": {"shortest_edge", "longest_edge"}}, the oldest {"size": {"min_pixels", "max_pixels"}}, or min_pixels and
// max_pixels; all are areas, despite the names. Where the last two stand beside size, the reference takes them for
// pictures and does not know them for videos.
template <typename Limits>
Limits TakeLimits(const Json& json, bool older_win) {
  Limits limits;
  const Json* size = json.Find("size");
  const bool has_size = size != nullptr && size->IsObject();
  if (has_size) {
    for (const auto& [least, most] :
         {std::pair{"min_pixels", "max_pixels"}, std::pair{"shortest_edge", "longest_edge"}}) {
      TakeLimit(IntAt(*size, least), &limits.min_pixels);
      TakeLimit(IntAt(*size, most), &limits.max_pixels);
    }
  }
  if (!has_size || older_win) {
    TakeLimit(IntAt(json, "min_pixels"), &limits.min_pixels);
    TakeLimit(IntAt(json, "max_pixels"), &limits.max_pixels);
  }
  return limits;
}

// The released limits in place of some that contradict each other, of which `name`, what they stand in, is warned.
template <typename Limits>
Limits Ordered(const Limits& limits, std::string_view name, std::vector<std::string>* warnings) {
  if (limits.min_pixels <= limits.max_pixels) return limits;
  const Limits released;
  Warn(warnings,
       Cat(name, " says that pictures have at least ", limits.min_pixels, " pixels (shortest_edge) and at most ",
           limits.max_pixels, " (longest_edge), which contradict each other: the released limits are used, ",
           released.min_pixels, " and ", released.max_pixels));
  return released;
}

template <typename Limits>
Limits LimitsOf(const Settings& settings, bool older_win, std::vector<std::string>* warnings) {
  return Ordered(TakeLimits<Limits>(settings.json, older_win), settings.name, warnings);
}

PixelLimits GgufLimits(const Metadata& meta, std::vector<std::string>* warnings) {
  PixelLimits limits;
  TakeLimit(meta.Int("qwen35.vision.shortest_edge"), &limits.min_pixels);
  TakeLimit(meta.Int("qwen35.vision.longest_edge"), &limits.max_pixels);
  return Ordered(limits, "the file (qwen35.vision)", warnings);
}

bool IsNear(double value, double wanted) { return std::fabs(value - wanted) <= 1e-6 * std::fabs(wanted); }

// Warns of `key` unless it is missing or each of its numbers is `wanted`.
void ExpectNumber(const Settings& settings, const char* key, double wanted, std::vector<std::string>* warnings) {
  const Json* value = settings.json.Find(key);
  if (value == nullptr || value->IsNull()) return;
  bool is_wanted = value->AsDouble().has_value() && IsNear(*value->AsDouble(), wanted);
  // Some write the kind of resampling as a word.
  if (value->IsString()) is_wanted = value->text() == "bicubic" || value->text() == "BICUBIC";
  if (value->IsArray()) {
    is_wanted = true;
    for (const Json& item : value->items()) is_wanted = is_wanted && IsNear(item.AsDouble().value_or(NAN), wanted);
  }
  if (is_wanted) return;
  Warn(warnings, Cat(settings.name, " says ", key, " ", EscapeControls(value->Dump().substr(0, 60)), ", ", wanted,
                     " is used: this family's towers take nothing else"));
}

void ExpectOn(const Settings& settings, const char* key, std::vector<std::string>* warnings) {
  const Json* value = settings.json.Find(key);
  if (value == nullptr || value->AsBool().value_or(true)) return;
  Warn(warnings, Cat(settings.name, " says ", key, " false; it is done all the same"));
}

// Settings of the reference's processor that have one value in this family (spec 3.1, 3.7).
void CheckSettings(const Settings& settings, std::vector<std::string>* warnings) {
  if (!settings.json.IsObject()) return;
  constexpr std::array<std::pair<const char*, double>, 7> kNumbers = {{{"patch_size", 16},
                                                                       {"merge_size", 2},
                                                                       {"temporal_patch_size", 2},
                                                                       {"image_mean", 0.5},
                                                                       {"image_std", 0.5},
                                                                       {"rescale_factor", 1.0 / 255.0},
                                                                       {"resample", 3}}};
  for (const auto& [key, wanted] : kNumbers) ExpectNumber(settings, key, wanted, warnings);
  for (const char* key : {"do_resize", "do_rescale", "do_normalize", "do_convert_rgb"})
    ExpectOn(settings, key, warnings);
  const Json* size = settings.json.Find("size");
  if (size != nullptr && (size->Find("height") != nullptr || size->Find("width") != nullptr || size->IsNumber())) {
    Warn(warnings, Cat(settings.name, " says size ", EscapeControls(size->Dump().substr(0, 60)),
                       ", which is no limit of areas (shortest_edge, longest_edge), and is not used"));
  }
}

}  // namespace

Result<PixelLimits> ReadPixelLimits(const ModelFile& text) {
  if (text.format() == ModelFile::Format::kGguf) return GgufLimits(text.metadata(), nullptr);
  THIMBLE_ASSIGN_OR_RETURN(const Settings settings, FindSettings(text, kImages, nullptr));
  return LimitsOf<PixelLimits>(settings, true, nullptr);
}

Result<VideoLimits> ReadVideoLimits(const ModelFile& text) {
  THIMBLE_ASSIGN_OR_RETURN(const Settings settings, FindSettings(text, kVideos, nullptr));
  return LimitsOf<VideoLimits>(settings, false, nullptr);
}

Status CheckProcessor(const ModelFile& file, std::vector<std::string>* warnings) {
  if (file.format() == ModelFile::Format::kGguf) {
    (void)GgufLimits(file.metadata(), warnings);
    return Done{};
  }
  THIMBLE_ASSIGN_OR_RETURN(const Settings images, FindSettings(file, kImages, warnings));
  CheckSettings(images, warnings);
  (void)LimitsOf<PixelLimits>(images, true, warnings);
  THIMBLE_ASSIGN_OR_RETURN(const Settings videos, FindSettings(file, kVideos, warnings));
  (void)LimitsOf<VideoLimits>(videos, false, warnings);
  CheckSettings(videos, warnings);
  if (!videos.json.IsObject()) return Done{};
  ExpectNumber(videos, "fps", 2, warnings);
  ExpectNumber(videos, "min_frames", 4, warnings);
  ExpectNumber(videos, "max_frames", 768, warnings);
  return Done{};
}

}  // namespace thimble
