// SPDX-License-Identifier: Apache-2.0
#include "cli/line_editor.h"

#include "base/outside_text.h"
#include "base/text.h"
#include "cli/completion.h"
#include "cli/key_reader.h"
#include "cli/terminal.h"

#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>

namespace thimble::cli {

namespace {

// A newline inside a pasted message while it is edited: a sign that is visible in one line.
constexpr std::string_view kNewlineSign = "\u23CE";
constexpr std::size_t kMostPasted = std::size_t{1} << 20;  // characters

std::string HistoryPath() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const bool has_state = state != nullptr && *state != '\0';
  if (!has_state && home == nullptr) return "";
  const std::string folder = has_state ? std::string(state) + "/thimble" : std::string(home) + "/.local/state/thimble";
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) chmod(folder.c_str(), 0700);
  return error ? "" : folder + "/history";
}

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  while (true) {
    const std::size_t at = text.find(from);
    out.append(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    out.append(to);
    text.remove_prefix(at + from.size());
  }
}

// Terminals mark what is pasted as long as this lives.
class BracketedPaste {
 public:
  BracketedPaste() { Begin(); }
  ~BracketedPaste() { Put("\033[?2004l"); }
  BracketedPaste(const BracketedPaste&) = delete;
  BracketedPaste& operator=(const BracketedPaste&) = delete;
  static void Begin() { Put("\033[?2004h"); }

 private:
  static void Put(const char* text) {
    if (!IsTerminal(STDOUT_FILENO)) return;
    std::fputs(text, stdout);
    std::fflush(stdout);
  }
};

}  // namespace

struct LineEditor::Editor {
  EditLine* line = nullptr;
  History* history = nullptr;
  std::string prompt;
  std::string path;
  std::span<const std::string_view> commands;
  KeyReader keys;
  bool was_interrupted = false;  // reading the line that el_gets works on

  static Editor* Of(EditLine* el) {
    Editor* self = nullptr;
    el_get(el, EL_CLIENTDATA, &self);
    return self;
  }
  static char* Prompt(EditLine* el) { return Of(el)->prompt.data(); }

  // Where libedit gets its characters: 1 for one, 0 for the end, -1 to give the line up.
  static int NextKey(EditLine* el, wchar_t* key) {
    Editor& e = *Of(el);
    while (true) {
      switch (e.keys.Read(key)) {
        case KeyReader::Event::kKey:
          return 1;
        case KeyReader::Event::kEnd:
          return 0;
        case KeyReader::Event::kInterrupt:
          e.was_interrupted = true;
          return -1;
        case KeyReader::Event::kRedraw:
          BracketedPaste::Begin();  // a shell in between has ended it
          el_resize(el);
          el_set(el, EL_REFRESH);
          break;
      }
    }
  }

  // Everything up to the end of a bracketed paste becomes text of this line; of a book, its beginning.
  static unsigned char Paste(EditLine* el, int) {
    constexpr std::wstring_view kEnd = L"\033[201~";
    const wchar_t newline = L'\u23CE';
    std::wstring text;
    std::wstring tail;  // what may be the end mark
    wchar_t c = 0;
    while (tail != kEnd && el_wgetc(el, &c) == 1) {
      tail.push_back(c);
      while (!kEnd.starts_with(tail)) {
        if (text.size() < kMostPasted) text.push_back(tail.front());
        tail.erase(0, 1);
      }
    }
    while (!text.empty() && (text.back() == L'\n' || text.back() == L'\r')) text.pop_back();
    std::wstring shown;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == L'\r' && i + 1 < text.size() && text[i + 1] == L'\n') continue;
      if (text[i] == L'\r' || text[i] == L'\n') {
        shown.push_back(newline);
      } else if (text[i] == L'\t') {
        shown.append(4, L' ');
      } else if (text[i] >= L' ' && text[i] != 0x7F) {
        shown.push_back(text[i]);
      }
    }
    el_winsertstr(el, shown.c_str());
    return CC_REFRESH;
  }

  static unsigned char Tab(EditLine* el, int) {
    const LineInfo* info = el_line(el);
    const std::string_view before(info->buffer, static_cast<std::size_t>(info->cursor - info->buffer));
    const Completion completion = Complete(before, Of(el)->commands);
    if (!completion.insert.empty()) {
      el_insertstr(el, completion.insert.c_str());
      return CC_REFRESH;
    }
    if (completion.choices.empty()) return CC_REFRESH_BEEP;
    constexpr std::size_t kMostShown = 40;
    std::string list = "\n";
    for (std::size_t i = 0; i < std::min(kMostShown, completion.choices.size()); ++i) {
      list += EscapeControls(completion.choices[i]) + "  ";
    }
    if (completion.choices.size() > kMostShown) list += Cat("... ", completion.choices.size(), " in all");
    std::printf("%s\n", list.c_str());
    return CC_REDISPLAY;
  }

  void Remember(const std::string& text) {
    HistEvent event;
    ::history(history, &event, H_ENTER, text.c_str());
    if (path.empty()) return;
    const mode_t old = umask(077);  // what one asks is nobody else's business
    ::history(history, &event, H_SAVE, path.c_str());
    umask(old);
  }
};

LineEditor::LineEditor(std::span<const std::string_view> commands) {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) return;
  editor_ = std::make_unique<Editor>();
  Editor& e = *editor_;
  e.commands = commands;
  e.line = el_init("thimble", stdin, stdout, stderr);
  e.history = history_init();
  if (e.line == nullptr || e.history == nullptr) {
    editor_.reset();
    return;
  }
  constexpr int kMostRemembered = 1000;
  HistEvent event;
  history(e.history, &event, H_SETSIZE, kMostRemembered);
  history(e.history, &event, H_SETUNIQUE, 1);
  e.path = HistoryPath();
  if (!e.path.empty()) history(e.history, &event, H_LOAD, e.path.c_str());
  el_set(e.line, EL_CLIENTDATA, editor_.get());
  el_set(e.line, EL_GETCFN, &Editor::NextKey);
  el_set(e.line, EL_PROMPT_ESC, &Editor::Prompt, '\1');
  // Between two lines libedit would have the terminal echo and gather lines again; QuietTerminal says why not.
  el_set(e.line, EL_SETTY, "-x", "-icanon", "-echo", "-icrnl", nullptr);
  el_set(e.line, EL_SETTY, "-d", "-icrnl", "-inlcr", nullptr);
  el_set(e.line, EL_EDITOR, "emacs");
  el_set(e.line, EL_HIST, history, e.history);
  // In wide characters, since el_set() never frees the copies that it makes of these words.
  el_wset(e.line, EL_ADDFN, L"thimble-paste", L"insert pasted text", &Editor::Paste);
  el_wset(e.line, EL_ADDFN, L"thimble-tab", L"complete a command or a path", &Editor::Tab);
  el_set(e.line, EL_BIND, "\033[200~", "thimble-paste", nullptr);
  el_set(e.line, EL_BIND, "^I", "thimble-tab", nullptr);
  el_set(e.line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_set(e.line, EL_BIND, "^W", "ed-delete-prev-word", nullptr);
  // Home, End, Delete and words left and right, as terminals of today send them.
  el_set(e.line, EL_BIND, "\033[H", "ed-move-to-beg", nullptr);
  el_set(e.line, EL_BIND, "\033[F", "ed-move-to-end", nullptr);
  el_set(e.line, EL_BIND, "\033[3~", "ed-delete-next-char", nullptr);
  el_set(e.line, EL_BIND, "\033[1;5D", "ed-prev-word", nullptr);
  el_set(e.line, EL_BIND, "\033[1;5C", "em-next-word", nullptr);
}

LineEditor::~LineEditor() {
  if (editor_ == nullptr) return;
  history_end(editor_->history);
  el_end(editor_->line);
}

// One line without its newline; input ends at Ctrl-D or a second Ctrl-C in a row. `is_dropped` tells of one Ctrl-C.
std::optional<std::string> LineEditor::ReadLine(const std::string& prompt, bool is_first, bool* is_dropped) {
  Editor& e = *editor_;
  // Prompts end in a space; libedit prints a colour change only in front of a character, so the last one is before it.
  e.prompt = prompt;
  if (HasColours(STDOUT_FILENO)) e.prompt = Cat("\1\033[1m\1", prompt.substr(0, prompt.size() - 1), "\1\033[0m\1 ");
  el_resize(e.line);  // the window may have changed meanwhile
  int count = 0;
  e.was_interrupted = false;
  e.keys.ForgetSignals();
  const char* text = nullptr;
  {
    const BracketedPaste paste;
    text = el_gets(e.line, &count);
  }
  const bool has_line = text != nullptr && count > 0;
  if (!has_line && e.was_interrupted) {
    const LineInfo* info = el_line(e.line);
    const bool was_empty = is_first && info->lastchar == info->buffer;
    el_reset(e.line);
    std::fputs("\n", stdout);
    if (was_empty && was_interrupted_) return std::nullopt;
    was_interrupted_ = was_empty;
    if (was_empty) std::fputs("(once more, Ctrl-D or /quit to leave)\n", stdout);
    *is_dropped = true;
    return "";
  }
  was_interrupted_ = false;
  if (!has_line) {
    std::fputs("\n", stdout);
    return std::nullopt;
  }
  std::string line(text, static_cast<std::size_t>(count));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  if (line.find_first_not_of(' ') != std::string::npos) e.Remember(line);
  return ReplaceAll(line, kNewlineSign, "\n");
}

// A line of standard input, as it comes. A mark in front of the first one is dropped; UTF-16, whose lines cannot be
// told apart byte by byte, is read to its end and converted.
std::optional<std::string> LineEditor::ReadPlainLine() {
  std::string line;
  std::istream& source = is_converted_ ? static_cast<std::istream&>(converted_) : std::cin;
  if (!std::getline(source, line)) return std::nullopt;
  if (has_begun_) return line;
  has_begun_ = true;
  if (line.starts_with("\xff\xfe") || line.starts_with("\xfe\xff")) {
    std::string rest((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
    auto text = TextFromOutside(line + '\n' + rest, "standard input", NulBytes::kKeep);
    is_converted_ = true;
    if (text.ok()) converted_.str(std::move(text).value());
    if (!std::getline(converted_, line)) return std::nullopt;
  } else if (line.starts_with("\xef\xbb\xbf")) {
    line.erase(0, 3);
  }
  return line;
}

std::optional<std::string> LineEditor::Read(const std::string& prompt) {
  std::string message;
  bool is_first = true;
  while (true) {
    std::optional<std::string> line;
    if (editor_ == nullptr) {
      line = ReadPlainLine();
      if (!line.has_value()) return message.empty() ? std::nullopt : std::optional(message);
      if (line->ends_with('\r')) line->pop_back();  // as Windows ends lines
    } else {
      bool is_dropped = false;
      line = ReadLine(is_first ? prompt : ". ", is_first, &is_dropped);
      if (!line.has_value()) return std::nullopt;
      if (is_dropped) {
        message.clear();
        is_first = true;
        continue;
      }
    }
    if (!line->ends_with('\\')) return message + *line;
    line->pop_back();
    message += *line + '\n';
    is_first = false;
  }
}

}  // namespace thimble::cli
