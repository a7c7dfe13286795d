// SPDX-License-Identifier: Apache-2.0
// The thimble command: reads the command line, and calls what acts on it.
#include "base/nearest_word.h"
#include "base/outside_text.h"
#include "base/text.h"
#include "cli/command_line.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "sys/folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

namespace thimble::cli {
namespace {

constexpr const char* kFooter =
    R"(Examples:
  thimble                                       chat with the built-in model
  thimble chat Qwen3.5-0.8B-Q4_K_M.gguf         chat with a real one
  thimble run model.gguf "What is in this picture?" --image photo.jpg
  thimble run --help                            all about one command

MODEL is a GGUF file, a Hugging Face folder, a name from `thimble list`, or builtin. A vision file (mmproj)
beside a model is found by itself. Everything runs on this machine; no command opens a network connection.

Exit status: 0 done, 1 unexpected, 2 wrong usage or request, 3 out of memory or context, 4 not found or not
supported, 5 broken file or system error, 130 interrupted.)";

// The command whose options were being read when parsing failed.
const CLI::App* ActiveCommand(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? &app : commands.front();
}

// What follows a bare -- is no option. CLI11 would take it from the subcommand, so such words get a mark in front for
// as long as it reads.
constexpr char kMark = '\1';

struct Arguments {
  std::vector<std::string> words;
  std::vector<std::string> marked;  // those of the words that got a mark
};

Arguments MarkedArguments(int argc, char** argv) {
  Arguments arguments;
  bool is_plain = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!is_plain && argument == "--") {
      is_plain = true;
      continue;
    }
    const bool needs_mark = is_plain && argument.starts_with('-');
    arguments.words.push_back(needs_mark ? Cat(kMark, argument) : std::string(argument));
    if (needs_mark) arguments.marked.push_back(arguments.words.back());
  }
  return arguments;
}

// Takes the marks out of a message, so that it shows arguments as they were typed.
std::string Unmarked(std::string message, const std::vector<std::string>& marked) {
  for (const std::string& word : marked) {
    for (std::size_t at = message.find(word); at != std::string::npos; at = message.find(word, at))
      message.erase(at, 1);
  }
  return message;
}

// What to say about arguments that nothing takes.
std::string AboutExtras(const CLI::App& app, const CLI::App& command) {
  std::vector<std::string> extras = app.remaining(true);
  const std::string word = extras.empty() ? "" : Excerpt(extras.front());
  std::vector<std::string> known;
  if (word.starts_with(kMark))
    return Cat("'", word.substr(1), "' is one argument too many; what follows -- is no option");
  if (word.starts_with("-")) {
    for (const CLI::Option* option : command.get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
    const std::string nearest = Nearest(word.substr(0, word.find('=')), known);
    return Cat("there is no option ", word,
               nearest.empty() ? "; a text that begins with - goes after --" : Cat("; did you mean ", nearest, "?"));
  }
  if (&command == &app) {
    if (KindOfPath(word) != PathKind::kNothing || word.ends_with(".gguf"))
      return Cat("there is no command '", word, "'; to talk with that model: thimble chat ", word);
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
      known.push_back(sub->get_name());
    const std::string nearest = Nearest(word, known);
    return Cat("there is no command '", word, "'", nearest.empty() ? "" : Cat("; did you mean ", nearest, "?"));
  }
  return Cat("'", word, "' is one argument too many; a text of several words goes into quotes");
}

int ReportUsage(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& marked) {
  const CLI::App* command = ActiveCommand(app);
  const bool is_extra = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  const std::string help = command == &app ? "thimble --help" : Cat("thimble ", command->get_name(), " --help");
  const std::string what = Unmarked(is_extra ? AboutExtras(app, *command) : error.what(), marked);
  return Fail(Error{Code::kInvalid, Cat("[usage] ", what, "\nSee ", help)});
}

// `thimble --context 4096` is a chat too: options and no command.
bool IsChatWithoutName(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty() || !arguments[0].starts_with('-')) return false;
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  return std::none_of(arguments.begin(), arguments.end(), [&](const std::string& argument) {
    return argument == "-h" || argument == "--help" || argument == "--version" ||
           std::any_of(commands.begin(), commands.end(),
                       [&](const CLI::App* command) { return command->get_name() == argument; });
  });
}

// CLI11 separates groups by two empty lines; one is enough.
int PrintHelp(const CLI::App& app) {
  std::string help = app.help();
  for (std::size_t at = help.find("\n\n\n"); at != std::string::npos; at = help.find("\n\n\n", at)) help.erase(at, 1);
  std::fputs(help.c_str(), stdout);
  return kExitOk;
}

// A program that is started without one of the standard streams would get its number for the next file that it opens,
// and print into that. Such a stream becomes one that can neither be read nor written.
void OpenStandardStreams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) _exit(kExitCorrupt);
  }
}

int Main(int argc, char** argv) {
  OpenStandardStreams();
  // A reader that goes away ends us at once and without a word, as it does other commands, whatever we inherited.
  std::signal(SIGPIPE, SIG_DFL);
  UseUtf8();
  CLI::App app{"Qwen 3.5 small multimodal models, text and pictures, on this machine", "thimble"};
  CommandLine line;
  app.footer(kFooter);
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "thimble " THIMBLE_VERSION, "print the version");
  app.set_help_flag("-h,--help", "print this");
  app.get_formatter()->column_width(26);
  AddCommands(&app, &line);
  Arguments arguments = MarkedArguments(argc, argv);
  try {
    if (IsChatWithoutName(app, arguments.words)) arguments.words.insert(arguments.words.begin(), "chat");
    std::reverse(arguments.words.begin(), arguments.words.end());  // as CLI11 wants them
    app.parse(std::move(arguments.words));
  } catch (const CLI::CallForHelp&) {
    return PrintHelp(app);
  } catch (const CLI::Success& success) {
    return app.exit(success);  // --version
  } catch (const CLI::ParseError& error) {
    return ReportUsage(app, error, arguments.marked);
  }
  const auto unmark = [&](std::string* text) {
    const bool is_marked = std::find(arguments.marked.begin(), arguments.marked.end(), *text) != arguments.marked.end();
    if (is_marked) text->erase(0, 1);
  };
  for (std::string* positional : line.positionals) unmark(positional);
  for (std::string& positional : line.run.positionals) unmark(&positional);
  return line.action ? line.action() : RunChat(line.chat);
}

// What was printed must have arrived: a full disk is no success.
int Finish(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  if (status != kExitOk) return status;
  return Fail(Error{Code::kSystem, "[output] standard output could not be written; is the disk full?"});
}

}  // namespace
}  // namespace thimble::cli

int main(int argc, char** argv) {
  try {
    return thimble::cli::Finish(thimble::cli::Main(argc, argv));
  } catch (const std::bad_alloc&) {
    std::fputs("thimble: [memory] the system has no room left; try a smaller model, or a smaller --context\n", stderr);
    return thimble::cli::kExitExhausted;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "thimble: [unexpected] %s\n", thimble::EscapeControls(error.what()).c_str());
    return thimble::cli::kExitUnexpected;
  }
}
