// SPDX-License-Identifier: Apache-2.0
// thimble chat: a conversation in the terminal.
#include "base/text.h"
#include "cli/atomic_file.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/key_reader.h"
#include "cli/line_editor.h"
#include "cli/options.h"
#include "cli/pictures.h"
#include "cli/quiet_terminal.h"
#include "cli/reply_json.h"
#include "cli/reply_printer.h"
#include "cli/store.h"
#include "cli/suggest.h"
#include "cli/terminal.h"
#include "sys/folder.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>

namespace thimble::cli {

namespace {

constexpr const char* kHelp =
    R"(Write a message and press Enter. Text pasted in several lines is one message; a line that ends in \ goes on.
A picture's path in a message (or dragged into the terminal) attaches the picture.
  /image PATH         attach a picture to the next message
  /detail HOW         how much of a picture is read: low 256 tokens, auto 1,024, high what the model allows
  /think on|off|auto  let the model reason before it answers, or not; auto: as the model was made
  /reset              forget the conversation
  /save FILE          write the conversation as JSON
  /load FILE          go on with a saved one
  /stats              speed and memory of the last answer
  /help               this text
  /quit               leave (so does Ctrl-D)
Tab completes commands and paths, arrow up brings back what you wrote, Ctrl-C stops an answer.)";

constexpr std::array<std::string_view, 9> kCommands = {"/detail", "/help", "/image", "/load", "/quit",
                                                       "/reset",  "/save", "/stats", "/think"};

class Conversation {
 public:
  Conversation(const RunOptions& options, std::shared_ptr<const Engine> engine, std::unique_ptr<Session> session,
               const GenerateRequest& request)
      : options_(options),
        engine_(std::move(engine)),
        session_(std::move(session)),
        request_(request),
        editor_(kCommands) {
    Reset();
  }

  int Talk() {
    if (editor_.is_interactive()) printer_.Note("/help lists what you can say");
    while (std::ferror(stdout) == 0) {
      std::string prompt = "> ";
      if (!attached_.empty())
        prompt = Cat("[", attached_.size(), attached_.size() == 1 ? " picture] > " : " pictures] > ");
      const auto line = editor_.Read(prompt);
      if (!line.has_value() || !Take(*line)) break;
    }
    // At a terminal a failed turn was seen; in a script the exit status has to say so.
    return editor_.is_interactive() ? kExitOk : status_;
  }

 private:
  // Does what a line says; false to leave.
  bool Take(const std::string& typed) {
    const std::size_t begin = typed.find_first_not_of(" \t\n");
    if (begin == std::string::npos) return true;
    const std::string line = typed.substr(typed[begin] == '/' ? begin : 0);
    if (line.starts_with('/') && KindOfPath(line.substr(0, line.find(' '))) == PathKind::kNothing) {
      const std::string word = line.substr(0, line.find_first_of(" \n"));
      if (word.find('/', 1) == std::string::npos) return Command(word, line.substr(word.size()));
    }
    // Pasted text may mention files by the dozen; a line that somebody wrote or dragged something into means them.
    const bool is_one_line = line.find('\n') == std::string::npos;
    const LineParts parts = is_one_line ? FindPictures(line) : LineParts{{}, line};
    for (const std::string& path : parts.pictures) {
      if (!Attach(path)) return true;
    }
    if (!parts.text.empty()) Answer(parts.text);
    return true;
  }

  bool Command(const std::string& word, const std::string& rest) {
    const std::vector<Word> words = SplitWords(rest);
    // A path with spaces that nobody quoted is one path all the same.
    const std::string whole =
        words.empty() ? "" : rest.substr(words.front().begin, words.back().end - words.front().begin);
    const std::string argument = ExpandPath(words.size() == 1 ? words[0].text : whole);
    if (word == "/quit" || word == "/exit" || word == "/bye") return false;
    if (word == "/help") {
      std::printf("%s\n", kHelp);
    } else if (word == "/image") {
      AttachAll(argument, words);
    } else if (word == "/think") {
      Think(argument);
    } else if (word == "/detail") {
      ChangeDetail(argument);
    } else if (word == "/reset") {
      Reset();
      printer_.Note("forgotten");
    } else if (word == "/stats") {
      Stats();
    } else if (word == "/save") {
      Save(argument);
    } else if (word == "/load") {
      Load(argument);
    } else {
      const std::vector<std::string> known(kCommands.begin(), kCommands.end());
      const std::string nearest = Nearest(word, known);
      const std::string advice = nearest.empty() ? "; /help lists what there is" : Cat("; did you mean ", nearest, "?");
      Complain(kExitInvalid, Cat("there is no command ", word, advice));
    }
    return true;
  }

  void Reset() {
    request_.chat.messages.clear();
    request_.chat.tools.clear();
    request_.chat.options = {};
    request_.pictures.clear();
    attached_.clear();
    session_->Clear();
    if (!options_.input.system.empty()) {
      request_.chat.messages.push_back({"system", {{Part::Kind::kText, options_.input.system, ""}}, false, {}, {}});
    }
  }

  void Complain(int status, const std::string& message) {
    status_ = status;
    printer_.Note(message);
  }

  void AttachAll(const std::string& whole, const std::vector<Word>& words) {
    if (words.empty()) return Complain(kExitInvalid, "/image takes the path of a picture");
    if (words.size() == 1 || KindOfPath(whole) == PathKind::kFile) {
      Attach(whole);
      return;
    }
    for (const Word& word : words) {
      if (!Attach(ExpandPath(word.text))) return;
    }
  }

  bool Attach(const std::string& path) {
    if (path == "-") {
      Complain(kExitInvalid, "standard input is what you write here; /image takes the path of a picture");
      return false;
    }
    if (!engine_->can_see()) {
      Complain(kExitNotFound, engine_->why_blind());
      return false;
    }
    CommonOptions how = options_.common;
    if (how.alpha.empty()) how.alpha = how.exact ? "drop" : "white";
    auto picture = LoadPicture(path, how);
    if (!picture.ok()) {
      Complain(ExitStatus(picture.error().code), picture.error().message);
      return false;
    }
    const Image& image = picture.value().image;
    printer_.Note(Cat("attached ", path, " (", image.width, " x ", image.height, ")"));
    std::error_code error;
    const auto absolute = std::filesystem::absolute(path, error);  // a saved conversation finds it from anywhere
    attached_.emplace_back(error ? path : absolute.string(), std::move(picture).value());
    return true;
  }

  void Think(const std::string& mode) {
    if (mode == "on" || mode == "off" || mode == "auto") {
      request_.think = mode == "on" ? ThinkMode::kOn : mode == "off" ? ThinkMode::kOff : ThinkMode::kAuto;
      printer_.Note(Cat("thinking ", mode));
    } else {
      Complain(kExitInvalid, "/think takes on, off or auto");
    }
  }

  void ChangeDetail(const std::string& detail) {
    if (detail != "low" && detail != "auto" && detail != "high")
      return Complain(kExitInvalid, "/detail takes low, auto or high");
    CommonOptions changed = options_.common;
    changed.detail = detail;
    request_.detail = ChooseDetail(changed);
    printer_.Note(request_.detail == Detail::kFile ? "the options of this chat say how pictures are read (--exact, "
                                                     "--min-pixels, --max-pixels): /detail changes nothing"
                                                   : Cat("pictures are read with detail ", detail));
  }

  Result<Reply> Generate() {
    InterruptGuard guard;
    session_->ForgetCancel();  // one that came when the last answer had just ended
    guard.Watch(session_.get());
    ProgressBar bar("reading");
    printer_.Begin();
    return session_->Generate(request_, [&](const Event& event) {
      if (event.kind == Event::Kind::kPromptProgress) {
        bar.Show(event.share);
      } else {
        bar.Clear();
      }
      if (event.kind == Event::Kind::kWarning) Warn(event.text);
      if (event.kind == Event::Kind::kPictures) {
        for (const std::string& line : ReadingLines(event.pictures)) printer_.Note(line);
      }
      if (event.kind == Event::Kind::kReply) {
        if (event.reply.kind == ReplyEvent::Kind::kThinking) printer_.Thinking(event.reply.text);
        if (event.reply.kind == ReplyEvent::Kind::kContent) printer_.Content(event.reply.text);
        if (event.reply.kind == ReplyEvent::Kind::kToolCallEnd) {
          printer_.Note(Cat("tool call: ", ToolCallJson(event.reply.call).Dump(Json::Style::kPython)));
        }
      }
      // A Ctrl-C between Enter and the guard went to the line editor.
      return std::ferror(stdout) == 0 && !InterruptGuard::was_interrupted() && !KeyReader::has_interrupt();
    });
  }

  void Answer(const std::string& text) {
    const std::size_t pictures_before = request_.pictures.size();
    Message question;
    question.role = "user";
    for (auto& [path, picture] : attached_) {
      question.content.push_back({Part::Kind::kImage, "", path});
      request_.pictures.push_back(picture);
    }
    question.content.push_back({Part::Kind::kText, text, ""});
    request_.chat.messages.push_back(std::move(question));
    auto reply = Generate();
    printer_.EndLine();
    const bool is_answered =
        reply.ok() && (reply.value().finish_reason != FinishReason::kCancelled || !reply.value().text.empty());
    if (!is_answered) {
      // The question is taken back, its pictures stay attached: nothing is lost, one can go on.
      request_.chat.messages.pop_back();
      request_.pictures.resize(pictures_before);
      if (reply.ok() || reply.error().code == Code::kCancelled) {
        printer_.Note("stopped; the question is taken back");
      } else {
        Complain(ExitStatus(reply.error().code), reply.error().message);
      }
      return;
    }
    attached_.clear();
    last_ = std::move(reply).value();
    // What was decided for a picture stays, and of a photo no more than was read.
    for (std::size_t i = 0; i < last_->pictures.size(); ++i) Settle(last_->pictures[i], &request_.pictures[i]);
    Message answer{"assistant", {{Part::Kind::kText, last_->text, ""}}, false, {}, last_->tool_calls};
    if (!last_->thinking.empty()) answer.reasoning_content = last_->thinking;
    request_.chat.messages.push_back(std::move(answer));
    NoteEnding(*last_);
    if (options_.common.verbose) Say(StatsLine(*last_));
  }

  void NoteEnding(const Reply& reply) {
    if (const std::string line = AboutMissingAnswer(reply, engine_->context()); !line.empty()) printer_.Note(line);
    if (reply.stats.think_closed_by_loop) printer_.Note("(the reasoning repeated itself and was closed)");
    if (reply.stats.think_closed_by_budget) printer_.Note("(the reasoning reached its budget and was closed)");
    if (reply.finish_reason == FinishReason::kCancelled) printer_.Note("stopped");
    if (reply.finish_reason == FinishReason::kLength) printer_.Note("stopped at --max-tokens");
    if (reply.finish_reason == FinishReason::kContext) {
      printer_.Note(
          Cat("the context of ", engine_->context(), " tokens is full: /reset, or start with a larger --context"));
    }
  }

  void Stats() {
    if (!last_.has_value()) return printer_.Note("nothing answered yet");
    printer_.Note(Cat(StatsLine(*last_), "; context ", session_->length(), " of ", engine_->context(), " tokens"));
  }

  void Save(const std::string& path) {
    if (path.empty()) return Complain(kExitInvalid, "/save takes a file name");
    Json talk = MessagesToJson(request_.chat.messages);
    // Tools come along from a file that was loaded.
    if (!request_.chat.tools.empty())
      talk = Json::Object({{"messages", std::move(talk)}, {"tools", Json::Array(request_.chat.tools)}});
    const std::string text = talk.Dump(Json::Style::kPretty) + "\n";
    if (auto status = WriteFileAtomically(path, text); !status.ok()) {
      return Complain(ExitStatus(status.error().code), Cat("not saved: ", status.error().message));
    }
    printer_.Note(Cat("saved ", request_.chat.messages.size(), " messages to ", path));
  }

  void Load(const std::string& path) {
    if (path.empty() || path == "-") return Complain(kExitInvalid, "/load takes a file name");
    InputOptions input;
    input.messages = path;
    FileSettings file;
    auto loaded = BuildRequest(input, options_.common, Purpose::kConversation, &file);
    if (!loaded.ok()) return Complain(ExitStatus(loaded.error().code), Cat("not loaded: ", loaded.error().message));
    if (!loaded.value().pictures.empty() && !engine_->can_see()) {
      return Complain(kExitNotFound, Cat("not loaded, for it has pictures: ", engine_->why_blind()));
    }
    Reset();
    request_.chat.messages = std::move(loaded.value().chat.messages);
    request_.chat.tools = std::move(loaded.value().chat.tools);
    request_.chat.options.enable_thinking = loaded.value().chat.options.enable_thinking;
    request_.chat.options.add_vision_id = loaded.value().chat.options.add_vision_id;
    request_.pictures = std::move(loaded.value().pictures);
    printer_.Note(Cat("loaded ", request_.chat.messages.size(), " messages"));
    if (!file.keys.empty()) {
      std::string keys;
      for (const std::string& key : file.keys) keys += Cat(keys.empty() ? "" : ", ", Excerpt(key));
      printer_.Note(Cat("this chat keeps its own settings; the file's are not taken over: ", keys));
    }
  }

  const RunOptions& options_;
  std::shared_ptr<const Engine> engine_;
  std::unique_ptr<Session> session_;
  GenerateRequest request_;                                // the conversation so far, and how to answer
  std::vector<std::pair<std::string, Picture>> attached_;  // for the next message
  std::optional<Reply> last_;
  int status_ = kExitOk;
  ReplyPrinter printer_;
  LineEditor editor_;
};

// The one line about the built-in model that every chat with it begins with.
std::string AboutBuiltin() {
  const auto builtin = FindBuiltinModel();
  const auto fact = [&](std::string_view key, const char* fallback) {
    const Json* value = builtin.has_value() ? builtin->facts.Find(key) : nullptr;
    return value != nullptr && value->IsString() ? value->text() : std::string(fallback);
  };
  return Cat("This is ", fact("name", "the built-in model"), ", ",
             fact("note", "a tiny model for the first minute: get a Qwen 3.5 GGUF and run `thimble chat FILE`"));
}

}  // namespace

int RunChat(const RunOptions& options) {
  GenerateRequest request;
  if (auto status = ApplyGenerate(options.generate, &request); !status.ok()) return Fail(status.error());
  request.detail = ChooseDetail(options.common);
  const QuietTerminal quiet;
  auto engine = OpenEngine(options.common);
  if (!engine.ok()) return Fail(engine.error());
  auto session = engine.value()->NewSession();
  if (!session.ok()) return Fail(session.error());
  if (options.common.model.empty() || options.common.model == "builtin") ReplyPrinter().Note(AboutBuiltin());
  return Conversation(options, engine.value(), std::move(session).value(), request).Talk();
}

}  // namespace thimble::cli
