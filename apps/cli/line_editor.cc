// SPDX-License-Identifier: Apache-2.0
#include "cli/line_editor.h"

#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string_view>

namespace thimble::cli {

namespace {

// A newline inside a pasted message while it is edited: a sign that is visible in one line.
constexpr std::string_view kNewlineSign = "\u23CE";

std::string HistoryPath() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if ((state == nullptr || *state == '\0') && home == nullptr) return "";
  const std::string folder = state != nullptr && *state != '\0' ? std::string(state) + "/thimble"
                                                                : std::string(home) + "/.local/state/thimble";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
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

volatile std::sig_atomic_t was_interrupted = 0;
void OnInterrupt(int) { was_interrupted = 1; }

}  // namespace

struct LineEditor::Editor {
  EditLine* line = nullptr;
  History* history = nullptr;
  std::string prompt;
  std::string path;

  static char* Prompt(EditLine* el) {
    Editor* self = nullptr;
    el_get(el, EL_CLIENTDATA, &self);
    return self->prompt.data();
  }
  // Everything up to the end of a bracketed paste becomes text of this line.
  static unsigned char Paste(EditLine* el, int) {
    std::string text;
    char c = 0;
    constexpr std::string_view kEnd = "\033[201~";
    constexpr std::size_t kMost = 1 << 20;
    while (!text.ends_with(kEnd) && text.size() < kMost && el_getc(el, &c) == 1) text.push_back(c);
    if (text.ends_with(kEnd)) text.resize(text.size() - kEnd.size());
    text = ReplaceAll(ReplaceAll(text, "\r\n", "\n"), "\r", "\n");
    while (!text.empty() && text.back() == '\n') text.pop_back();
    text = ReplaceAll(text, "\n", kNewlineSign);
    el_insertstr(el, text.c_str());
    return CC_REFRESH;
  }
};

LineEditor::LineEditor() {
  if (isatty(STDIN_FILENO) == 0) return;
  std::setlocale(LC_CTYPE, "");
  editor_ = std::make_unique<Editor>();
  Editor& e = *editor_;
  e.line = el_init("thimble", stdin, stdout, stderr);
  e.history = history_init();
  HistEvent event;
  history(e.history, &event, H_SETSIZE, 1000);
  history(e.history, &event, H_SETUNIQUE, 1);
  e.path = HistoryPath();
  if (!e.path.empty()) history(e.history, &event, H_LOAD, e.path.c_str());
  el_set(e.line, EL_CLIENTDATA, editor_.get());
  el_set(e.line, EL_PROMPT, &Editor::Prompt);
  el_set(e.line, EL_EDITOR, "emacs");
  el_set(e.line, EL_HIST, history, e.history);
  el_set(e.line, EL_ADDFN, "thimble-paste", "insert pasted text", &Editor::Paste);
  el_set(e.line, EL_BIND, "\033[200~", "thimble-paste", nullptr);
  el_set(e.line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  std::fputs("\033[?2004h", stdout);  // terminals then mark what is pasted
  std::fflush(stdout);
}

LineEditor::~LineEditor() {
  if (editor_ == nullptr) return;
  std::fputs("\033[?2004l", stdout);
  std::fflush(stdout);
  if (!editor_->path.empty()) {
    HistEvent event;
    const mode_t old = umask(077);  // what one asks is nobody else's business
    history(editor_->history, &event, H_SAVE, editor_->path.c_str());
    umask(old);
  }
  history_end(editor_->history);
  el_end(editor_->line);
}

std::optional<std::string> LineEditor::Read(const std::string& prompt) {
  std::string message;
  std::string shown = prompt;
  while (true) {
    std::string line;
    if (editor_ == nullptr) {
      if (!std::getline(std::cin, line)) return message.empty() ? std::nullopt : std::optional(message);
    } else {
      editor_->prompt = shown;
      was_interrupted = 0;
      struct sigaction action{};
      struct sigaction previous{};
      action.sa_handler = OnInterrupt;
      sigemptyset(&action.sa_mask);
      sigaction(SIGINT, &action, &previous);
      int count = 0;
      const char* text = el_gets(editor_->line, &count);
      const bool interrupted = was_interrupted != 0 || (text == nullptr && errno == EINTR);
      sigaction(SIGINT, &previous, nullptr);
      if (interrupted) {
        el_reset(editor_->line);
        std::fputs("\n", stdout);
        message.clear();
        shown = prompt;
        continue;
      }
      if (text == nullptr || count <= 0) {
        std::fputs("\n", stdout);
        return std::nullopt;
      }
      line.assign(text, static_cast<std::size_t>(count));
      while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
      if (!line.empty()) {
        HistEvent event;
        history(editor_->history, &event, H_ENTER, line.c_str());
      }
      line = ReplaceAll(line, kNewlineSign, "\n");
    }
    if (line.ends_with('\\')) {
      line.pop_back();
      message += line;
      message += '\n';
      shown = ". ";
      continue;
    }
    return message + line;
  }
}

}  // namespace thimble::cli
