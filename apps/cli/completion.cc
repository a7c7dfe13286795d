// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include "base/text.h"
#include "cli/pictures.h"
#include "host/pictures.h"
#include "sys/folder.h"

#include <algorithm>

namespace thimble::cli {

namespace {

// What all candidates share beyond the first `given` bytes; whole characters only.
std::string SharedRest(const std::vector<std::string>& candidates, std::size_t given) {
  std::string_view shared = candidates.front();
  for (const std::string& candidate : candidates) {
    std::size_t same = given;
    while (same < shared.size() && same < candidate.size() && shared[same] == candidate[same]) ++same;
    shared = shared.substr(0, same);
  }
  const std::string_view rest = shared.substr(given);
  return std::string(rest.substr(0, CompletePrefixLength(rest)));
}

std::string WithBackslashes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == '\\' || c == '"' || c == '\'') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

Completion Choose(std::vector<std::string> candidates, std::size_t given, std::string_view after_the_only_one) {
  if (candidates.empty()) return {};
  Completion completion;
  completion.insert = SharedRest(candidates, given);
  if (candidates.size() == 1) {
    completion.insert += after_the_only_one;
  } else {
    completion.choices = std::move(candidates);
  }
  return completion;
}

Completion CompletePath(std::string_view spelled) {
  // The word to complete is the last one; a space after it begins an empty one.
  const std::vector<Word> words = SplitWords(spelled);
  const bool is_open = !words.empty() && words.back().end == spelled.size();
  const std::string path = host::ExpandPath(is_open ? words.back().text : "");
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  const std::string begin = path.substr(folder.size());
  auto names = NamesInFolder(folder.empty() ? "." : folder);
  if (!names.ok()) return {};
  // Names that hold line ends or other controls cannot stand in a line.
  std::erase_if(names.value(), [&](const std::string& name) {
    return !name.starts_with(begin) || (begin.empty() && name.starts_with('.')) ||
           name.find_first_of("\n\t") != std::string::npos || EscapeControls(name) != name;
  });
  const bool is_folder = names.value().size() == 1 && KindOfPath(folder + names.value().front()) == PathKind::kFolder;
  Completion completion = Choose(std::move(names).value(), begin.size(), is_folder ? "/" : "");
  completion.insert = WithBackslashes(completion.insert);
  return completion;
}

}  // namespace

Completion Complete(std::string_view line, std::span<const std::string_view> commands) {
  if (!line.starts_with('/')) return {};
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  if (space != std::string_view::npos) {
    if (word == "/image" || word == "/save" || word == "/load") return CompletePath(line.substr(space + 1));
    return {};
  }
  std::vector<std::string> candidates;
  for (const std::string_view command : commands) {
    if (command.starts_with(word)) candidates.emplace_back(command);
  }
  return Choose(std::move(candidates), word.size(), " ");
}

}  // namespace thimble::cli
