// SPDX-License-Identifier: Apache-2.0
#include "host/pictures.h"

#include "base/outside_text.h"
#include "base/text.h"
#include "image/preprocess.h"
#include "sys/folder.h"
#include "sys/machine.h"
#include "text/data_url.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>
#include <vector>

namespace thimble::host {

namespace {

constexpr std::array<std::string_view, 8> kEndings = {".png", ".jpg", ".jpeg", ".webp",
                                                      ".gif", ".bmp", ".heic", ".heif"};
constexpr std::size_t kLongestName = 255;  // longer ones are told in short
constexpr double kAssumedFps = 24.0;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsThere(const std::string& path) { return KindOfPath(path) != PathKind::kNothing; }

// Whether `a` comes before `b`, runs of digits compared as numbers.
bool IsBefore(const std::string& a, const std::string& b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!IsDigit(a[i]) || !IsDigit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
      continue;
    }
    const auto number = [](const std::string& text, std::size_t* at) {
      while (*at + 1 < text.size() && text[*at] == '0' && IsDigit(text[*at + 1])) ++*at;
      const std::size_t begin = *at;
      while (*at < text.size() && IsDigit(text[*at])) ++*at;
      return std::string_view(text).substr(begin, *at - begin);
    };
    const std::string_view x = number(a, &i);
    const std::string_view y = number(b, &j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  if (a.size() - i != b.size() - j) return a.size() - i < b.size() - j;
  return a < b;
}

// Whether a frame is as large as those before, or there is room for `count` of the first one's size.
Status CheckFrame(const Image& frame, const std::string& path, const std::vector<Image>& frames, std::size_t count) {
  if (!frames.empty()) {
    if (frame.width == frames[0].width && frame.height == frames[0].height) return Done{};
    return Error{Code::kInvalid, Cat("[frames] ", path, " is ", frame.width, " x ", frame.height, ", the first frame ",
                                     frames[0].width, " x ", frames[0].height)};
  }
  const std::uint64_t needed =
      std::uint64_t{3} * static_cast<std::uint64_t>(frame.width) * static_cast<std::uint64_t>(frame.height) * count;
  const std::uint64_t available = AvailableMemoryBytes();
  if (available == 0 || needed <= available) return Done{};
  return Error{Code::kExhausted,
               Cat("[frames] ", count, " frames of ", frame.width, " x ", frame.height, " need ", FormatBytes(needed),
                   ", ", FormatBytes(available), " free; make the pictures smaller or fewer")};
}

}  // namespace

bool HasPictureEnding(std::string_view path) {
  const std::string lower = AsciiLower(path.substr(path.size() - std::min<std::size_t>(path.size(), 5)));
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return lower.ends_with(ending); });
}

Result<Picture> PictureFromBytes(std::string_view bytes, const std::string& place, const DecodeOptions& how) {
  auto image = DecodeImage(std::as_bytes(std::span(bytes)), how);
  if (!image.ok()) return WithPlace(image.error(), place);
  Picture picture;
  picture.image = std::move(image).value();
  return picture;
}

Result<Picture> LoadPicture(const std::string& source, const DecodeOptions& how) {
  constexpr const char* kBase64 = "picture in base64";
  if (IsDataUrl(source)) {
    THIMBLE_ASSIGN_OR_RETURN(const std::string bytes, DecodeDataUrl(source));
    return PictureFromBytes(bytes, kBase64, how);
  }
  if (LooksLikeBase64Picture(source) && !IsThere(source)) {
    THIMBLE_ASSIGN_OR_RETURN(const std::string bytes, DecodeBase64(source));
    return PictureFromBytes(bytes, kBase64, how);
  }
  if (source.starts_with("http://") || source.starts_with("https://")) {
    return Error{Code::kUnsupported,
                 Cat("[picture] Thimble opens no network connection: save ", Excerpt(source), " and give its path")};
  }
  if (source.size() > kLongestName && !IsThere(source)) {
    return Error{Code::kNotFound,
                 Cat("[picture] this is no path of a file, no data URL and no picture in base64: ", Excerpt(source))};
  }
  Picture picture;
  THIMBLE_ASSIGN_OR_RETURN(picture.image,
                           DecodeImageFile(source.starts_with("file://") ? ExpandPath(source) : source, how));
  return picture;
}

Result<Picture> LoadFrames(const std::string& folder, double fps, bool all_frames, const DecodeOptions& how) {
  THIMBLE_ASSIGN_OR_RETURN(std::vector<std::string> names, NamesInFolder(folder));
  std::erase_if(names, [](const std::string& name) { return name.starts_with('.') || !HasPictureEnding(name); });
  if (names.empty()) return Error{Code::kNotFound, Cat("[frames] ", folder, " holds no pictures")};
  std::sort(names.begin(), names.end(), IsBefore);
  const double rate = fps > 0 ? fps : kAssumedFps;
  std::vector<int> indices(names.size());
  std::iota(indices.begin(), indices.end(), 0);
  if (!all_frames) indices = SampleFrameIndices(static_cast<int>(names.size()), rate);
  Picture picture;
  for (const int index : indices) {
    const std::string path = Cat(folder, "/", names[static_cast<std::size_t>(index)]);
    THIMBLE_ASSIGN_OR_RETURN(Image frame, DecodeImageFile(path, how));
    THIMBLE_RETURN_IF_ERROR(CheckFrame(frame, path, picture.frames, indices.size()));
    picture.frames.push_back(std::move(frame));
  }
  picture.timestamps = FrameTimestamps(indices, rate);
  return picture;
}

std::string ExpandPath(std::string_view text) {
  if (text.starts_with("~/")) {
    if (const char* home = std::getenv("HOME"); home != nullptr) return Cat(home, text.substr(1));
  }
  constexpr std::string_view kFile = "file://";
  if (!text.starts_with(kFile)) return std::string(text);
  text.remove_prefix(kFile.size());
  if (text.starts_with("localhost/")) text.remove_prefix(std::string_view("localhost").size());
  return DecodePercent(text);
}

}  // namespace thimble::host
