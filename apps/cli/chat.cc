// SPDX-License-Identifier: Apache-2.0
// thimble chat: a conversation in the terminal.
#include "base/nearest_word.h"
#include "base/outside_text.h"
#include "base/text.h"
#include "cli/advice.h"
#include "cli/context_lines.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/kept_chat.h"
#include "cli/key_reader.h"
#include "cli/line_editor.h"
#include "cli/options.h"
#include "cli/pictures.h"
#include "cli/quiet_terminal.h"
#include "cli/reply_json.h"
#include "cli/reply_printer.h"
#include "cli/reply_schema.h"
#include "cli/terminal.h"
#include "host/atomic_file.h"
#include "host/pictures.h"
#include "host/store.h"
#include "sys/folder.h"
#include "talk/conversation.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <functional>

namespace thimble::cli {

namespace {

constexpr const char* kHelp =
    R"(Write a message and press Enter. Text pasted in several lines is one message; a line that ends in \ goes on.
A picture's path in a message (or dragged into the terminal) attaches the picture.
  /image PATH         attach a picture to the next message
  /detail HOW         how much of a picture is read: low 256 tokens, auto 1,024, high what the model allows
  /think on|off|auto  let the model reason before it answers, or not; auto: as the model was made
  /context            how full the context is: tokens of each message, and what attached pictures will take
  /edit N TEXT        put TEXT in place of your message N (as /context counts) and answer again from there
  /again              answer the last message anew
  /reset              begin a new conversation
  /save FILE          write the conversation as JSON
  /load FILE          go on with a saved one
  /title TEXT         what this chat is called among those that are kept
  /stats              speed and memory of the last answer
  /help               this text
  /quit               leave (so does Ctrl-D)
Tab completes commands and paths, arrow up brings back what you wrote, Ctrl-C stops an answer.)";

constexpr std::array<std::string_view, 13> kCommands = {"/again", "/context", "/detail", "/edit",  "/help",
                                                        "/image", "/load",    "/quit",   "/reset", "/save",
                                                        "/stats", "/think",   "/title"};

// Of one chat: enough to go back to the questions that were asked last, and to the system text.
constexpr std::uint64_t kBeginningsBytes = std::uint64_t{256} << 20;

// Keys and words over a conversation.
class Chatting {
 public:
  Chatting(const RunOptions& options, Conversation talk, KeptChat* kept)
      : options_(options), talk_(std::move(talk)), kept_(kept), editor_(kCommands) {}

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
    if (!parts.text.empty()) {
      kept_->BeginAsk(parts.text);
      Answer([&](const TalkListener& listener) { return talk_.Ask(parts.text, &attached_, listener); },
             "the question is taken back");
    }
    return true;
  }

  bool Command(const std::string& word, const std::string& rest) {
    const std::vector<Word> words = SplitWords(rest);
    // A path with spaces that nobody quoted is one path all the same.
    const std::string whole =
        words.empty() ? "" : rest.substr(words.front().begin, words.back().end - words.front().begin);
    const std::string argument = host::ExpandPath(words.size() == 1 ? words[0].text : whole);
    if (word == "/quit" || word == "/exit" || word == "/bye") return false;
    if (word == "/help") {
      std::printf("%s\n", kHelp);
    } else if (word == "/image") {
      AttachAll(argument, words);
    } else if (word == "/think") {
      Think(argument);
    } else if (word == "/detail") {
      ChangeDetail(argument);
    } else if (word == "/context") {
      Context();
    } else if (word == "/edit") {
      Edit(words, rest);
    } else if (word == "/again") {
      kept_->BeginAgain();
      Answer([&](const TalkListener& listener) { return talk_.Again(listener); });
    } else if (word == "/reset") {
      talk_.Reset();
      attached_.clear();
      kept_->BeginNew();
      printer_.Note("forgotten");
    } else if (word == "/title") {
      Title(whole);
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
      if (!Attach(host::ExpandPath(word.text))) return;
    }
  }

  bool Attach(const std::string& path) {
    if (path == "-") {
      Complain(kExitInvalid, "standard input is what you write here; /image takes the path of a picture");
      return false;
    }
    if (!talk_.engine().can_see()) {
      Complain(ExitStatus(talk_.engine().BlindError().code), talk_.engine().why_blind());
      return false;
    }
    auto picture = LoadPicture(path, ForConversation(options_.common));
    if (!picture.ok()) {
      Complain(ExitStatus(picture.error().code), WordsOf(picture.error()));
      return false;
    }
    const Image& image = picture.value().image;
    printer_.Note(Cat("attached ", path, " (", image.width, " x ", image.height, ")"));
    std::error_code error;
    const auto absolute = std::filesystem::absolute(path, error);  // a saved conversation finds it from anywhere
    kept_->Attach(error ? path : absolute.string(), image);
    attached_.push_back({error ? path : absolute.string(), std::move(picture).value()});
    return true;
  }

  void Think(const std::string& mode) {
    if (mode == "on" || mode == "off" || mode == "auto") {
      talk_.set_think(mode == "on" ? ThinkMode::kOn : mode == "off" ? ThinkMode::kOff : ThinkMode::kAuto);
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
    talk_.set_detail(ChooseDetail(changed));
    printer_.Note(talk_.detail() == Detail::kFile ? "the options of this chat say how pictures are read (--exact, "
                                                    "--min-pixels, --max-pixels): /detail changes nothing"
                                                  : Cat("pictures are read with detail ", detail));
  }

  // What happens while a reply is made: how far it is, and its words as they come.
  bool Show(const Event& event, ProgressBar* bar) {
    ShowBeforeTheReply(event, bar, [this](const std::string& line) { printer_.Note(line); });
    if (event.kind == Event::Kind::kReply) {
      kept_->Piece(event.reply);
      if (event.reply.kind == ReplyEvent::Kind::kThinking) printer_.Thinking(event.reply.text);
      if (event.reply.kind == ReplyEvent::Kind::kContent) printer_.Content(event.reply.text);
      if (event.reply.kind == ReplyEvent::Kind::kToolCallEnd) {
        printer_.Note(Cat("tool call: ", ToolCallJson(event.reply.call).Dump(Json::Style::kPython)));
      }
    }
    // A Ctrl-C between Enter and the guard went to the line editor.
    return std::ferror(stdout) == 0 && !InterruptGuard::was_interrupted() && !KeyReader::has_interrupt();
  }

  // `ask` says what is to be answered: a new message, an edited one, or the last one again.
  void Answer(const std::function<Result<thimble::Answer>(const TalkListener&)>& ask,
              std::string_view taken_back = "the conversation is as it was") {
    auto answer = [&] {
      InterruptGuard guard;
      talk_.session()->ForgetCancel();  // one that came when the last answer had just ended
      guard.Watch(talk_.session());
      ProgressBar bar("reading");
      printer_.Begin();
      return ask({[&](const Event& event) { return Show(event, &bar); },
                  [&](const LeftOut& now, bool is_first) { printer_.Note(LeftOutLine(now, is_first)); }});
    }();
    printer_.EndLine();
    kept_->End(answer, talk_);
    if (answer.ok() ? !answer.value().is_kept : answer.error().code == Code::kCancelled) {
      // Nothing is lost, and pictures stay attached: one can go on.
      printer_.Note(Cat("stopped; ", taken_back));
    } else if (!answer.ok()) {
      Complain(ExitStatus(answer.error().code), WordsOf(answer.error()));
    } else {
      last_ = std::move(answer).value().reply;
      NoteEnding(*last_);
      if (options_.common.verbose) Say(StatsLine(*last_));
    }
  }

  void Edit(const std::vector<Word>& words, const std::string& rest) {
    int number = 0;
    const std::string& text = words.empty() ? rest : words.front().text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (words.size() < 2 || error != std::errc() || end != text.data() + text.size())
      return Complain(kExitInvalid, "/edit takes the number of one of your messages, as /context shows it, and a text");
    const std::string changed = rest.substr(words[1].begin);
    kept_->BeginEdit(number, changed);
    Answer([&](const TalkListener& listener) { return talk_.Edit(number, changed, listener); });
  }

  void Title(const std::string& title) {
    if (title.empty()) return printer_.Note(kept_->title().empty() ? "this chat has no title yet" : kept_->title());
    kept_->SetTitle(title);
    printer_.Note("titled");
  }

  void Context() {
    auto use = talk_.Count(&attached_);
    if (!use.ok()) return Complain(ExitStatus(use.error().code), WordsOf(use.error()));
    for (const std::string& line : ContextLines(talk_, use.value(), attached_)) printer_.Note(line);
  }

  void NoteEnding(const Reply& reply) {
    if (const std::string line = AboutMissingAnswer(reply, talk_.engine().context()); !line.empty())
      printer_.Note(line);
    if (reply.stats.think_closed_by_loop) printer_.Note("(the reasoning repeated itself and was closed)");
    if (reply.stats.think_closed_by_budget) printer_.Note("(the reasoning reached its budget and was closed)");
    if (reply.finish_reason == FinishReason::kCancelled) printer_.Note("stopped");
    if (reply.finish_reason == FinishReason::kLength) printer_.Note("stopped at --max-tokens");
    if (reply.finish_reason == FinishReason::kContext) {
      const bool goes_on = talk_.when_full() == WhenFull::kWindow;
      printer_.Note(Cat("the context of ", talk_.engine().context(), " tokens is full: ",
                        goes_on ? "the answer was cut; older exchanges make room for the next one"
                                : "/reset, or start with a larger --context"));
    }
  }

  void Stats() {
    if (!last_.has_value()) return printer_.Note("nothing answered yet");
    printer_.Note(
        Cat(StatsLine(*last_), "; context ", talk_.session()->length(), " of ", talk_.engine().context(), " tokens"));
  }

  void Save(const std::string& path) {
    if (path.empty()) return Complain(kExitInvalid, "/save takes a file name");
    const std::string text = talk_.Save().Dump(Json::Style::kPretty) + "\n";
    if (auto status = host::WriteFileAtomically(path, text); !status.ok()) {
      return Complain(ExitStatus(status.error().code), Cat("not saved: ", WordsOf(status.error())));
    }
    printer_.Note(Cat("saved ", talk_.num_left_out() + talk_.messages().size(), " messages to ", path));
  }

  void Load(const std::string& path) {
    if (path.empty() || path == "-") return Complain(kExitInvalid, "/load takes a file name");
    InputOptions input;
    input.messages = path;
    FileSettings file;
    auto loaded = BuildRequest(input, options_.common, Purpose::kConversation, &file);
    if (!loaded.ok()) return Complain(ExitStatus(loaded.error().code), Cat("not loaded: ", WordsOf(loaded.error())));
    if (!loaded.value().pictures.empty() && !talk_.engine().can_see()) {
      return Complain(ExitStatus(talk_.engine().BlindError().code),
                      Cat("not loaded, for it has pictures: ", talk_.engine().why_blind()));
    }
    attached_.clear();
    talk_.Load(std::move(loaded.value().chat()), std::move(loaded.value().pictures));
    kept_->BeginLoaded(talk_);
    printer_.Note(Cat("loaded ", talk_.messages().size(), " messages"));
    if (!file.keys.empty()) {
      std::string keys;
      for (const std::string& key : file.keys) keys += Cat(keys.empty() ? "" : ", ", Excerpt(key));
      printer_.Note(Cat("this chat keeps its own settings; the file's are not taken over: ", keys));
    }
  }

  const RunOptions& options_;
  Conversation talk_;
  KeptChat* kept_;
  std::vector<Attachment> attached_;  // for the next message
  std::optional<Reply> last_;
  int status_ = kExitOk;
  ReplyPrinter printer_;
  LineEditor editor_;
};

// The one line about the built-in model that every chat with it begins with.
std::string AboutBuiltin() {
  const auto builtin = host::FindBuiltinModel();
  const auto fact = [&](std::string_view key, const char* fallback) {
    const Json* value = builtin.has_value() ? builtin->facts.Find(key) : nullptr;
    return value != nullptr && value->IsString() ? value->text() : std::string(fallback);
  };
  return Cat("This is ", fact("name", "the built-in model"), ", ",
             fact("note", "a tiny model for the first minute: get a Qwen 3.5 GGUF and run `thimble chat FILE`"));
}

}  // namespace

namespace {

// As it is named among the chats that are kept.
std::string ModelName(const std::string& model) {
  if (model.empty()) return "builtin";
  const std::string name = NameOf(model);
  return name.ends_with(".gguf") ? name.substr(0, name.size() - 5) : name;
}

// The options for a chat that was kept: its system text and, where it is here by its name, its model.
RunOptions ResumedOptions(RunOptions options, const service::ChatSummary& chat) {
  if (options.input.system.empty()) options.input.system = chat.instructions;
  if (!options.common.model.empty() || chat.model.empty() || chat.model == "builtin") return options;
  if (host::IsPlainName(chat.model) && !host::FindModelByName(chat.model).error.has_value()) {
    options.common.model = chat.model;
  } else {
    ReplyPrinter().Note(Cat("this chat was with ", Excerpt(chat.model),
                            ", which has no name here: name its file to go on with it (thimble chat FILE --continue)"));
  }
  return options;
}

}  // namespace

int RunChat(const RunOptions& given) {
  KeptChat kept(!given.keeps_nothing, [](const std::string& line) { ReplyPrinter().Note(line); });
  const bool is_resumed = given.continues || !given.resume.empty();
  if (is_resumed) {
    if (auto status = kept.Resume(given.resume); !status.ok()) return Fail(status.error());
  }
  const RunOptions options = is_resumed ? ResumedOptions(given, kept.chat()) : given;
  GenerateRequest request;
  if (auto status = ApplyGenerate(options.generate, &request); !status.ok()) return Fail(status.error());
  request.detail = ChooseDetail(options.common);
  ReplySchema schema;
  if (auto status = schema.Read(options.generate); !status.ok()) return Fail(status.error());
  const QuietTerminal quiet;
  auto engine = OpenEngine(options.common, kBeginningsBytes);
  if (!engine.ok()) return Fail(engine.error());
  auto session = engine.value()->NewSession();
  if (!session.ok()) return Fail(session.error());
  if (auto status = schema.Apply(*engine.value(), &request); !status.ok()) return Fail(status.error());
  if (options.common.model.empty() || options.common.model == "builtin") ReplyPrinter().Note(AboutBuiltin());
  Conversation talk(engine.value(), std::move(session).value(), std::move(request), options.input.system,
                    options.when_full == "stop" ? WhenFull::kStop : WhenFull::kWindow);
  kept.SetModel(ModelName(options.common.model));
  kept.SetInstructions(options.input.system);
  if (is_resumed) {
    if (auto status = kept.PutInto(options.common, &talk); !status.ok()) return Fail(status.error());
    const bool is_open = !talk.messages().empty() && talk.messages().back().role == "user";
    ReplyPrinter().Note(Cat("going on with \"", Excerpt(kept.title()), "\", ", talk.messages().size(), " messages"));
    if (is_open) ReplyPrinter().Note("the last message has no answer; /again answers it");
  }
  return Chatting(options, std::move(talk), &kept).Talk();
}

}  // namespace thimble::cli
