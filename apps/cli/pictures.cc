// SPDX-License-Identifier: Apache-2.0
#include "cli/pictures.h"

#include "base/outside_text.h"
#include "base/text.h"
#include "cli/input.h"
#include "image/decode.h"
#include "image/preprocess.h"
#include "sys/folder.h"
#include "sys/machine.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <numeric>

namespace thimble::cli {

namespace {

constexpr std::array<std::string_view, 8> kEndings = {".png", ".jpg", ".jpeg", ".webp",
                                                      ".gif", ".bmp", ".heic", ".heif"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

bool HasPictureEnding(std::string_view path) {
  const std::string lower = Lower(path.substr(path.size() - std::min<std::size_t>(path.size(), 5)));
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return lower.ends_with(ending); });
}

int Base64Value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

Result<std::string> DecodeBase64(std::string_view text) {
  while (!text.empty() && (text.back() == '=' || IsSpace(text.back()))) text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (IsSpace(c)) continue;
    const int value = Base64Value(c);
    if (value < 0) {
      return Error{Code::kInvalid, Cat("[picture] base64 is letters, digits, + and /, found '",
                                       EscapeControls(std::string_view(&c, 1)), "' in a data URL")};
    }
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xFFFFFFu;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 255u));
    }
  }
  return out;
}

// "%2B" -> "+"; a percent sign without two digits behind it stays.
std::string DecodePercent(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      out.push_back(static_cast<char>(value));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

bool IsDataUrl(std::string_view source) { return Lower(source.substr(0, 5)) == "data:"; }

Result<std::string> DecodeDataUrl(std::string_view url) {
  const std::size_t comma = url.find(',');
  if (comma == std::string_view::npos || !Lower(url.substr(0, comma)).ends_with(";base64")) {
    return Error{Code::kInvalid, "[picture] a data URL must be base64: data:image/png;base64,..."};
  }
  return DecodeBase64(DecodePercent(url.substr(comma + 1)));
}

constexpr std::size_t kLongestPath = 4096;
constexpr std::size_t kLongestName = 255;  // longer ones are told in short

// Base64 without the beginning of a data URL, as many clients send pictures: nothing but its letters, no file's name,
// and the first bytes of a picture, or longer than any name.
bool IsBareBase64(const std::string& source) {
  constexpr std::size_t kShortest = 24;
  const auto is_letter = [](char c) { return Base64Value(c) >= 0 || c == '=' || IsSpace(c); };
  if (source.size() < kShortest || !std::all_of(source.begin(), source.end(), is_letter)) return false;
  if (source.size() >= kLongestPath) return true;
  if (KindOfPath(source) != PathKind::kNothing) return false;
  const auto begin = DecodeBase64(std::string_view(source).substr(0, kShortest));
  if (!begin.ok()) return false;
  const std::string& bytes = begin.value();
  constexpr std::string_view kBegins[] = {"\x89PNG", "\xff\xd8\xff", "GIF8", "RIFF", "BM"};
  return std::any_of(std::begin(kBegins), std::end(kBegins),
                     [&](std::string_view b) { return bytes.starts_with(b); }) ||
         (bytes.size() >= 8 && bytes.compare(4, 4, "ftyp") == 0);
}

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

}  // namespace

namespace {

DecodeOptions HowToDecode(const CommonOptions& options) {
  return {options.max_image_pixels, options.alpha == "white" ? Alpha::kWhite : Alpha::kDrop};
}

}  // namespace

Result<Picture> LoadPicture(const std::string& source, const CommonOptions& options) {
  const DecodeOptions how = HowToDecode(options);
  Picture picture;
  std::string bytes;
  if (IsDataUrl(source)) {
    THIMBLE_ASSIGN_OR_RETURN(bytes, DecodeDataUrl(source));
  } else if (IsBareBase64(source)) {
    THIMBLE_ASSIGN_OR_RETURN(bytes, DecodeBase64(source));
  } else if (source == "-") {
    THIMBLE_ASSIGN_OR_RETURN(bytes, ReadStandardInput());
  } else if (source.starts_with("http://") || source.starts_with("https://")) {
    return Error{Code::kUnsupported,
                 Cat("[picture] Thimble opens no network connection: save ", Excerpt(source), " and give its path")};
  } else if (source.size() > kLongestName && KindOfPath(source) == PathKind::kNothing) {
    return Error{Code::kNotFound,
                 Cat("[picture] this is no path of a file, no data URL and no picture in base64: ", Excerpt(source))};
  } else {
    THIMBLE_ASSIGN_OR_RETURN(picture.image,
                             DecodeImageFile(source.starts_with("file://") ? ExpandPath(source) : source, how));
    return picture;
  }
  auto image = DecodeImage(std::as_bytes(std::span(bytes)), how);
  if (!image.ok()) return WithPlace(image.error(), source == "-" ? "standard input" : "picture in base64");
  picture.image = std::move(image).value();
  return picture;
}

Result<Picture> LoadFrames(const std::string& folder, double fps, bool all_frames, const CommonOptions& options) {
  THIMBLE_ASSIGN_OR_RETURN(std::vector<std::string> names, NamesInFolder(folder));
  std::erase_if(names, [](const std::string& name) { return name.starts_with('.') || !HasPictureEnding(name); });
  if (names.empty()) return Error{Code::kNotFound, Cat("[frames] ", folder, " holds no pictures")};
  std::sort(names.begin(), names.end(), IsBefore);
  constexpr double kAssumedFps = 24.0;
  const double rate = fps > 0 ? fps : kAssumedFps;
  std::vector<int> indices(names.size());
  std::iota(indices.begin(), indices.end(), 0);
  if (!all_frames) indices = SampleFrameIndices(static_cast<int>(names.size()), rate);
  Picture picture;
  for (const int index : indices) {
    const std::string path = Cat(folder, "/", names[static_cast<std::size_t>(index)]);
    THIMBLE_ASSIGN_OR_RETURN(Image frame, DecodeImageFile(path, HowToDecode(options)));
    if (picture.frames.empty()) {
      const std::uint64_t needed = std::uint64_t{3} * static_cast<std::uint64_t>(frame.width) *
                                   static_cast<std::uint64_t>(frame.height) * indices.size();
      const std::uint64_t available = AvailableMemoryBytes();
      if (available > 0 && needed > available) {
        return Error{Code::kExhausted, Cat("[frames] ", indices.size(), " frames of ", frame.width, " x ", frame.height,
                                           " need ", FormatBytes(needed), ", ", FormatBytes(available),
                                           " free; make the pictures smaller or fewer")};
      }
    } else if (frame.width != picture.frames[0].width || frame.height != picture.frames[0].height) {
      return Error{Code::kInvalid, Cat("[frames] ", path, " is ", frame.width, " x ", frame.height,
                                       ", the first frame ", picture.frames[0].width, " x ", picture.frames[0].height)};
    }
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

std::vector<Word> SplitWords(std::string_view line) {
  std::vector<Word> words;
  std::size_t i = 0;
  while (true) {
    while (i < line.size() && IsSpace(line[i])) ++i;
    if (i == line.size()) return words;
    Word word{i, i, ""};
    // A quote counts only where a word begins and where its other half ends one: it's, not a quotation.
    const std::size_t closing = line[i] == '"' || line[i] == '\'' ? line.find(line[i], i + 1) : std::string_view::npos;
    if (closing != std::string_view::npos && (closing + 1 == line.size() || IsSpace(line[closing + 1]))) {
      word.text = line.substr(i + 1, closing - i - 1);
      i = closing + 1;
    } else {
      while (i < line.size() && !IsSpace(line[i])) {
        if (line[i] == '\\' && i + 1 < line.size()) ++i;
        word.text.push_back(line[i++]);
      }
    }
    word.end = i;
    words.push_back(std::move(word));
  }
}

namespace {

std::string Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return std::string(text);
}

// The path of an existing picture that `text` spells, or nothing.
std::string PicturePath(std::string_view text) {
  const std::string path = ExpandPath(text);
  return HasPictureEnding(path) && KindOfPath(path) == PathKind::kFile ? path : "";
}

}  // namespace

LineParts FindPictures(const std::string& line) {
  const std::string whole = Trim(line);
  if (const std::string path = PicturePath(whole); !path.empty()) return {{path}, ""};
  LineParts parts;
  std::size_t done = 0;
  const std::vector<Word> words = SplitWords(line);
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view spelled = words[i].text;
    std::string path = PicturePath(spelled);
    while (path.empty() && !spelled.empty() && std::string_view(".,;:!?)").find(spelled.back()) != std::string::npos) {
      spelled.remove_suffix(1);
      path = PicturePath(spelled);
    }
    if (path.empty()) continue;
    const std::string_view punctuation = std::string_view(words[i].text).substr(spelled.size());
    parts.text += line.substr(done, words[i].begin - done);
    // "what is in a.png?" needs the name; "/tmp/a.png what is this" and "what is this /tmp/a.png" do not.
    const bool is_first = Trim(parts.text).empty();
    const bool is_dragged = i + 1 == words.size() && path.find('/') != std::string::npos && punctuation.empty();
    if (!is_first && !is_dragged) parts.text += Cat(NameOf(path), punctuation);
    done = words[i].end;
    parts.pictures.push_back(std::move(path));
  }
  parts.text = Trim(parts.text + line.substr(done));
  return parts;
}

}  // namespace thimble::cli
