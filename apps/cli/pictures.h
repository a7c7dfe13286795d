// SPDX-License-Identifier: Apache-2.0
// Pictures as people name them: paths (quoted, dragged, file URLs), data URLs, standard input, folders of frames.
#pragma once

#include "base/result.h"
#include "cli/options.h"
#include "engine/session.h"

#include <string>
#include <string_view>
#include <vector>

namespace thimble::cli {

// A picture from "-" (standard input), or what host::LoadPicture takes.
Result<Picture> LoadPicture(const std::string& source, const CommonOptions& options);

// A video from the pictures in `folder` (host/pictures.h).
Result<Picture> LoadFrames(const std::string& folder, double fps, bool all_frames, const CommonOptions& options);

// The words of a line as a shell would cut them: quotes and backslashes keep spaces.
struct Word {
  std::size_t begin;  // where it stands in the line, quotes included
  std::size_t end;
  std::string text;
};
std::vector<Word> SplitWords(std::string_view line);

// What a chat line holds: pictures that exist (by name and ending), and the words around them. A path within a sentence
// stays there by its name; one dragged to either end of the line is taken out.
struct LineParts {
  std::vector<std::string> pictures;
  std::string text;
};
LineParts FindPictures(const std::string& line);

}  // namespace thimble::cli
