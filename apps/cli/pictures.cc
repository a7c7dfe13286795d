// SPDX-License-Identifier: Apache-2.0
#include "cli/pictures.h"

#include "base/text.h"
#include "cli/input.h"
#include "host/pictures.h"
#include "sys/folder.h"

namespace thimble::cli {

namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

DecodeOptions HowToDecode(const CommonOptions& options) {
  return {options.max_image_pixels, options.alpha == "white" ? Alpha::kWhite : Alpha::kDrop,
          options.shrinks_jpegs ? kLargestJpeg : 0};
}

}  // namespace

Result<Picture> LoadPicture(const std::string& source, const CommonOptions& options) {
  if (source != "-") return host::LoadPicture(source, HowToDecode(options));
  THIMBLE_ASSIGN_OR_RETURN(const std::string bytes, ReadStandardInput());
  return host::PictureFromBytes(bytes, "standard input", HowToDecode(options));
}

Result<Picture> LoadFrames(const std::string& folder, double fps, bool all_frames, const CommonOptions& options) {
  DecodeOptions how = HowToDecode(options);
  how.max_jpeg_pixels = 0;  // frames have one size
  return host::LoadFrames(folder, fps, all_frames, how);
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
  const std::string path = host::ExpandPath(text);
  return host::HasPictureEnding(path) && KindOfPath(path) == PathKind::kFile ? path : "";
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
