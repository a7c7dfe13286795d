// SPDX-License-Identifier: Apache-2.0
// thimble run: one prompt, one answer.
#include "base/text.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/reply_json.h"
#include "cli/reply_printer.h"
#include "cli/reply_schema.h"
#include "cli/terminal.h"
#include "host/store.h"

#include <unistd.h>

#include <cstdio>

namespace thimble::cli {

namespace {

struct Placed {
  bool has_prompt = false;   // among the arguments
  bool takes_input = false;  // the prompt, or its end, comes from standard input
};

// Which positional is what (docs/cli.md): two are MODEL PROMPT; one is MODEL when --ids or --messages say what to read
// or when it names a model, else PROMPT. Standard input is read where nothing else is, or where the prompt asks for it.
// Reads nothing yet: wrong usage and a missing model are told first.
Result<Placed> PlacePositionals(RunOptions* options) {
  const auto& p = options->positionals;
  const bool has_input = !options->input.ids.empty() || !options->input.messages.empty();
  if (!options->input.ids.empty() && !options->input.messages.empty())
    return Error{Code::kInvalid, "[run] give --ids or --messages, not both"};
  Placed placed;
  placed.has_prompt = p.size() == 2 || (p.size() == 1 && !has_input && !host::IsModel(p[0]));
  if (p.size() == 2 || (p.size() == 1 && !placed.has_prompt)) options->common.model = p[0];
  if (placed.has_prompt && has_input)
    return Error{Code::kInvalid, "[run] give a PROMPT, --ids or --messages, not two of them"};
  std::string& prompt = options->input.prompt;
  if (placed.has_prompt) prompt = p.back();
  const bool asks_for_input = placed.has_prompt && (prompt == "-" || prompt.ends_with(" -"));
  placed.takes_input = asks_for_input || (!placed.has_prompt && !has_input);
  THIMBLE_RETURN_IF_ERROR(CheckStandardInput(options->input, placed.takes_input));
  GenerateRequest wishes;  // whether they can be fulfilled, before anything is read
  THIMBLE_RETURN_IF_ERROR(ApplyGenerate(options->generate, &wishes));
  return placed;
}

Status ReadPrompt(const Placed& placed, InputOptions* input) {
  if (placed.takes_input && !placed.has_prompt && isatty(STDIN_FILENO) != 0) {
    return Error{
        Code::kInvalid,
        "[run] a prompt is needed: thimble run MODEL \"your question\", or pipe it in; thimble chat MODEL for a "
        "conversation"};
  }
  std::string& prompt = input->prompt;
  if (placed.takes_input) {
    THIMBLE_ASSIGN_OR_RETURN(const std::string text, ReadStandardText());
    prompt = placed.has_prompt ? prompt.substr(0, prompt.size() - 1) + text : text;
  }
  const bool has_other = !input->ids.empty() || !input->messages.empty() || !input->images.empty();
  const bool is_blank = prompt.find_first_not_of(" \t\r\n") == std::string::npos;
  if (is_blank && !has_other && input->frames.empty()) return Error{Code::kInvalid, "[run] the prompt is empty"};
  return Done{};
}

// What the reply's events become on stdout; false when nobody reads it any more or Ctrl-C was pressed.
bool Show(const Event& event, bool is_json, ReplyPrinter* printer, ProgressBar* bar) {
  ShowBeforeTheReply(event, bar, [](const std::string& line) { Say(line); });
  if (event.kind == Event::Kind::kReply && !is_json) {
    switch (event.reply.kind) {
      case ReplyEvent::Kind::kThinking:
        printer->Thinking(event.reply.text);
        break;
      case ReplyEvent::Kind::kContent:
        printer->Content(event.reply.text);
        break;
      case ReplyEvent::Kind::kToolCallEnd:
        printer->EndLine();
        printer->Content(ToolCallJson(event.reply.call).Dump(Json::Style::kPython));
        printer->EndLine();
        break;
      default:
        break;
    }
  }
  return std::ferror(stdout) == 0 && !InterruptGuard::was_interrupted();
}

// Success and silence look alike from outside: what nobody can see in the answer is said.
void TellWhatIsMissing(const Reply& reply, int context, bool is_json, bool has_prompt) {
  if (std::ferror(stdout) != 0) return;
  const std::string line = AboutMissingAnswer(reply, context);
  if (!is_json && !line.empty()) Warn(line);
  if (!is_json && line.empty() && reply.finish_reason == FinishReason::kContext)
    Warn(Cat("the answer was cut: the context of ", context, " tokens is full; what helps: a larger --context"));
  if (reply.finish_reason == FinishReason::kCancelled) return;
  WarnUnreadInput(has_prompt ? "a prompt that ends in \" -\" takes text in, --image - a picture"
                             : "--messages - reads a conversation from it");
}

}  // namespace

int Run(RunOptions options) {
  auto placed = PlacePositionals(&options);
  if (!placed.ok()) return Fail(placed.error());
  if (auto model = ResolveModel(options.common.model); !model.ok()) return Fail(model.error());
  if (auto status = ReadPrompt(placed.value(), &options.input); !status.ok()) return Fail(status.error());
  ReplySchema schema;
  if (auto status = schema.Read(options.generate); !status.ok()) return Fail(status.error());
  FileSettings file;
  auto request = BuildRequest(options.input, options.common, Purpose::kConversation, &file);
  if (!request.ok()) return Fail(request.error());
  if (auto status = ApplyGenerate(options.generate, &request.value()); !status.ok()) return Fail(status.error());
  if (options.common.context == 0) options.common.context = file.context;
  InterruptGuard guard;
  auto engine = OpenEngine(options.common);
  if (!engine.ok()) return Fail(engine.error());
  auto session = engine.value()->NewSession();
  if (!session.ok()) return Fail(session.error());
  guard.Watch(session.value().get());
  if (auto status = schema.Apply(*engine.value(), &request.value()); !status.ok()) return Fail(status.error());

  ReplyPrinter printer;
  ProgressBar bar("reading");
  auto reply = session.value()->Generate(
      request.value(), [&](const Event& event) { return Show(event, options.common.json, &printer, &bar); });
  guard.Watch(nullptr);
  bar.Clear();
  if (!reply.ok()) return Fail(reply.error());
  if (options.common.json) {
    if (const int status = PrintJson(ReplyJson(reply.value())); status != kExitOk) return status;
  } else {
    printer.EndLine();
  }
  if (options.common.verbose) Say(StatsLine(reply.value()));
  schema.TellIfCut(reply.value());
  TellWhatIsMissing(reply.value(), engine.value()->context(), options.common.json, placed.value().has_prompt);
  return InterruptGuard::was_interrupted() ? kExitInterrupted : kExitOk;
}

}  // namespace thimble::cli
