// SPDX-License-Identifier: Apache-2.0
// thimble chat: a conversation in the terminal.
#include "base/text.h"
#include "cli/input.h"
#include "cli/line_editor.h"
#include "cli/options.h"
#include "cli/store.h"
#include "cli/terminal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

namespace thimble::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* kHelp =
    R"(Write a message and press Enter. Text pasted in several lines is one message; a line that ends in \ goes on.
  /image PATH     attach a picture to the next message (dragging a file into the terminal works too)
  /think on|off|auto
  /reset          forget the conversation
  /save FILE      write the conversation as JSON        /load FILE   go on with a saved one
  /stats          speed and memory of the last answer   /help        this text
  /quit           leave (so does Ctrl-D)                Ctrl-C       stop the answer)";

// A path as terminals paste it: quoted, with escaped spaces, as a file URL, with ~.
std::string CleanPath(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.pop_back();
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.erase(0, 1);
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front()) {
    text = text.substr(1, text.size() - 2);
  } else {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      plain.push_back(text[i]);
    }
    text = plain;
  }
  if (text.starts_with("~/")) {
    if (const char* home = std::getenv("HOME"); home != nullptr) text = std::string(home) + text.substr(1);
  }
  return text;
}

bool IsPicturePath(const std::string& path) {
  std::string lower = path;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::error_code error;
  for (const char* ending : {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".heic", ".heif"}) {
    if (lower.ends_with(ending)) return lower.starts_with("file://") || fs::is_regular_file(path, error);
  }
  return false;
}

class Conversation {
 public:
  Conversation(const RunOptions& options, std::shared_ptr<const Engine> engine, std::unique_ptr<Session> session)
      : options_(options), engine_(std::move(engine)), session_(std::move(session)), think_(options.generate.think) {
    Reset();
  }

  int Talk() {
    LineEditor editor;
    while (true) {
      auto line = editor.Read(
          attached_.empty() ? "> "
                            : Cat("[", attached_.size(), attached_.size() == 1 ? " picture] > " : " pictures] > "));
      if (!line.has_value()) break;
      if (line->find_first_not_of(" \t\n") == std::string::npos) continue;
      if (const std::string path = CleanPath(*line); IsPicturePath(path)) {
        Attach(path);
        continue;
      }
      if (line->front() == '/' && line->find('\n') == std::string::npos) {
        if (!Command(*line)) break;
        continue;
      }
      Answer(*line);
      if (std::ferror(stdout) != 0) return kExitOk;  // nobody reads any more
    }
    return kExitOk;
  }

 private:
  void Reset() {
    messages_.clear();
    pictures_.clear();
    attached_.clear();
    session_->Clear();
    if (!options_.input.system.empty())
      messages_.push_back({"system", {{Part::Kind::kText, options_.input.system, ""}}, false, {}, {}});
  }

  void Attach(const std::string& path) {
    if (!engine_->can_see()) {
      printer_.Note(engine_->why_blind());
      return;
    }
    auto picture = LoadPicture(path, options_.common);
    if (!picture.ok()) {
      printer_.Note(picture.error().message);
      return;
    }
    printer_.Note(Cat("attached ", path, " (", picture.value().image.width, " x ", picture.value().image.height, ")"));
    attached_.emplace_back(path, std::move(picture).value());
  }

  // False to leave.
  bool Command(const std::string& line) {
    std::istringstream words(line);
    std::string name;
    std::string rest;
    words >> name;
    std::getline(words, rest);
    rest = CleanPath(rest);
    if (name == "/quit" || name == "/exit" || name == "/bye") return false;
    if (name == "/help") {
      std::printf("%s\n", kHelp);
    } else if (name == "/image") {
      if (rest.empty()) {
        printer_.Note("/image takes the path of a picture");
      } else {
        Attach(rest);
      }
    } else if (name == "/think") {
      if (rest == "on" || rest == "off" || rest == "auto") {
        think_ = rest;
        printer_.Note(Cat("thinking ", rest));
      } else {
        printer_.Note("/think takes on, off or auto");
      }
    } else if (name == "/reset") {
      Reset();
      printer_.Note("forgotten");
    } else if (name == "/stats") {
      Stats();
    } else if (name == "/save") {
      Save(rest);
    } else if (name == "/load") {
      Load(rest);
    } else {
      printer_.Note(Cat("no command ", EscapeControls(name), "; /help lists them"));
    }
    return true;
  }

  void Answer(const std::string& text) {
    Message message;
    message.role = "user";
    const std::size_t pictures_before = pictures_.size();
    for (auto& [path, picture] : attached_) {
      message.content.push_back({Part::Kind::kImage, "", path});
      pictures_.push_back(picture);
    }
    message.content.push_back({Part::Kind::kText, text, ""});
    messages_.push_back(message);

    GenerateRequest request;
    if (auto status = ApplyGenerate(options_.generate, &request); !status.ok()) {
      printer_.Note(status.error().message);
    }
    request.think = think_ == "on" ? ThinkMode::kOn : think_ == "off" ? ThinkMode::kOff : ThinkMode::kAuto;
    request.chat.messages = messages_;
    request.pictures = pictures_;
    Result<Reply> reply = Error{Code::kCancelled, ""};
    {
      const InterruptGuard guard(session_.get());
      ProgressBar bar("reading");
      reply = session_->Generate(request, [&](const Event& event) {
        if (event.kind == Event::Kind::kPromptProgress) {
          bar.Show(event.share);
          return true;
        }
        bar.Clear();
        if (event.reply.kind == ReplyEvent::Kind::kThinking) printer_.Thinking(event.reply.text);
        if (event.reply.kind == ReplyEvent::Kind::kContent) printer_.Content(event.reply.text);
        return std::ferror(stdout) == 0;
      });
    }
    printer_.EndLine();
    if (!reply.ok()) {
      // The question is taken back, pictures stay attached: nothing is lost, one can go on.
      messages_.pop_back();
      pictures_.resize(pictures_before);
      printer_.Note(reply.error().message);
      return;
    }
    attached_.clear();
    last_ = reply.value();
    Message answer{"assistant", {{Part::Kind::kText, last_.text, ""}}, false, {}, last_.tool_calls};
    if (!last_.thinking.empty()) answer.reasoning_content = last_.thinking;
    messages_.push_back(std::move(answer));
    if (last_.finish_reason == FinishReason::kCancelled) printer_.Note("stopped");
    if (last_.finish_reason == FinishReason::kLength) printer_.Note("stopped at --max-tokens");
    if (last_.finish_reason == FinishReason::kContext)
      printer_.Note("the context is full: /reset, or start with a larger --context");
    if (last_.stats.think_closed_by_loop) printer_.Note("(the reasoning repeated itself and was closed)");
    if (last_.stats.think_closed_by_budget) printer_.Note("(the reasoning reached its budget and was closed)");
  }

  void Stats() {
    const GenerateStats& s = last_.stats;
    const int read = s.prompt_tokens - s.reused_tokens;
    printer_.Note(Cat("read ", read, " tokens (", s.reused_tokens, " remembered) in ", s.prompt_seconds, " s, ",
                      s.pictures_encoded, " pictures encoded; wrote ", s.tokens, " in ", s.seconds, " s (",
                      s.seconds > 0 ? s.tokens / s.seconds : 0.0, " a second); context ", session_->length(), " of ",
                      engine_->context(), "; peak memory ", FormatBytes(s.peak_rss_bytes)));
  }

  void Save(const std::string& path) {
    if (path.empty()) return printer_.Note("/save takes a file name");
    const std::string part = Cat(path, ".", getpid(), ".part");
    const std::string text = MessagesToJson(messages_).Dump(Json::Style::kPretty) + "\n";
    std::FILE* file = std::fopen(part.c_str(), "wx");
    const bool is_written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    const bool is_closed = file != nullptr && std::fclose(file) == 0;
    if (!is_written || !is_closed || std::rename(part.c_str(), path.c_str()) != 0) {
      const int error = errno;
      std::remove(part.c_str());
      return printer_.Note(Cat("not saved: ", std::strerror(error)));
    }
    printer_.Note(Cat("saved ", messages_.size(), " messages to ", path));
  }

  void Load(const std::string& path) {
    if (path.empty()) return printer_.Note("/load takes a file name");
    InputOptions input;
    input.messages = path;
    auto request = BuildRequest(input, options_.common);
    if (!request.ok()) return printer_.Note(Cat("not loaded: ", request.error().message));
    Reset();
    messages_ = request.value().chat.messages;
    pictures_ = request.value().pictures;
    printer_.Note(Cat("loaded ", messages_.size(), " messages"));
  }

  const RunOptions& options_;
  std::shared_ptr<const Engine> engine_;
  std::unique_ptr<Session> session_;
  std::string think_;
  std::vector<Message> messages_;
  std::vector<Picture> pictures_;                          // of all messages, in order
  std::vector<std::pair<std::string, Picture>> attached_;  // for the next message
  Reply last_;
  ReplyPrinter printer_;
};

}  // namespace

int Chat(const RunOptions& options) {
  const bool is_builtin = options.common.model.empty() || options.common.model == "builtin";
  auto engine = OpenEngine(options.common);
  if (!engine.ok()) return Fail(engine.error());
  auto session = engine.value()->NewSession();
  if (!session.ok()) return Fail(session.error());
  ReplyPrinter printer;
  if (is_builtin) {
    printer.Note(
        "This is Thimble Mini, a tiny model that is often wrong. For a real one get a Qwen 3.5 GGUF and run: thimble "
        "chat FILE");
  }
  if (isatty(STDIN_FILENO) != 0) printer.Note("/help lists what you can say; Ctrl-C stops an answer, Ctrl-D leaves");
  return Conversation(options, engine.value(), std::move(session).value()).Talk();
}

}  // namespace thimble::cli
