// SPDX-License-Identifier: Apache-2.0
// thimble run: one prompt, one answer.
#include "base/text.h"
#include "cli/input.h"
#include "cli/options.h"
#include "cli/reply_json.h"
#include "cli/store.h"
#include "cli/terminal.h"

#include <unistd.h>

namespace thimble::cli {

namespace {

// Which positional is what (docs/cli.md): two are MODEL PROMPT; one is MODEL when --ids or --messages say what to read
// or when it names a model, else PROMPT.
Status PlacePositionals(RunOptions* options) {
  const auto& p = options->positionals;
  const bool has_input = !options->input.ids.empty() || !options->input.messages.empty();
  if (p.size() > 2)
    return Error{Code::kInvalid, "[run] at most MODEL and PROMPT; put a prompt of several words into quotes"};
  bool has_prompt = false;
  if (p.size() == 2) {
    options->common.model = p[0];
    options->input.prompt = p[1];
    has_prompt = true;
  } else if (p.size() == 1 && (has_input || IsModel(p[0]))) {
    options->common.model = p[0];
  } else if (p.size() == 1) {
    options->input.prompt = p[0];
    has_prompt = true;
  }
  if (has_prompt && has_input)
    return Error{Code::kInvalid, "[run] give a PROMPT, --ids or --messages, not two of them"};
  if (!options->input.ids.empty() && !options->input.messages.empty())
    return Error{Code::kInvalid, "[run] give --ids or --messages, not both"};
  std::string& prompt = options->input.prompt;
  const bool takes_input = prompt == "-" || prompt.ends_with(" -");
  if ((!has_prompt && !has_input) || (has_prompt && takes_input)) {
    if (!has_prompt && isatty(STDIN_FILENO) != 0) {
      return Error{Code::kInvalid,
                   "[run] a prompt is needed: thimble run MODEL \"your question\", or pipe it in; thimble chat MODEL "
                   "for a conversation"};
    }
    THIMBLE_ASSIGN_OR_RETURN(const std::string text, ReadStandardInput());
    prompt = has_prompt ? prompt.substr(0, prompt.size() - 1) + text : text;
  }
  if (!has_input && prompt.empty() && options->input.images.empty() && options->input.frames.empty()) {
    return Error{Code::kInvalid, "[run] the prompt is empty"};
  }
  return Done{};
}

void PrintStats(const Reply& reply) {
  const GenerateStats& s = reply.stats;
  const int read = s.prompt_tokens - s.reused_tokens;
  std::fprintf(stderr,
               "thimble: read %d tokens in %.2f s (%.1f/s), wrote %d in %.2f s (%.1f/s), finish: %s, peak memory %s\n",
               read, s.prompt_seconds, s.prompt_seconds > 0 ? read / s.prompt_seconds : 0.0, s.tokens, s.seconds,
               s.seconds > 0 ? s.tokens / s.seconds : 0.0, FinishReasonName(reply.finish_reason),
               FormatBytes(s.peak_rss_bytes).c_str());
}

}  // namespace

int Run(RunOptions options) {
  if (auto status = PlacePositionals(&options); !status.ok()) return Fail(status.error());
  auto request = BuildRequest(options.input, options.common);
  if (!request.ok()) return Fail(request.error());
  if (auto status = ApplyGenerate(options.generate, &request.value()); !status.ok()) return Fail(status.error());
  auto engine = OpenEngine(options.common);
  if (!engine.ok()) return Fail(engine.error());
  auto session = engine.value()->NewSession();
  if (!session.ok()) return Fail(session.error());

  const InterruptGuard guard(session.value().get());
  ReplyPrinter printer;
  ProgressBar bar("reading");
  const bool shows_thinking = IsTerminal(STDOUT_FILENO);
  const auto sink = [&](const Event& event) {
    if (event.kind == Event::Kind::kPromptProgress) {
      bar.Show(event.share);
      return true;
    }
    bar.Clear();
    if (options.common.json) return true;
    switch (event.reply.kind) {
      case ReplyEvent::Kind::kThinking:
        if (shows_thinking) printer.Thinking(event.reply.text);
        break;
      case ReplyEvent::Kind::kContent:
        printer.Content(event.reply.text);
        break;
      case ReplyEvent::Kind::kToolCallEnd:
        printer.EndLine();
        printer.Content(ToolCallJson(event.reply.call).Dump(Json::Style::kPython) + "\n");
        break;
      default:
        break;
    }
    return std::ferror(stdout) == 0;
  };
  auto reply = session.value()->Generate(request.value(), sink);
  bar.Clear();
  if (!reply.ok()) return Fail(reply.error());
  if (options.common.json) {
    if (const int status = PrintJson(ReplyJson(reply.value())); status != kExitOk) return status;
  } else {
    printer.EndLine();
    if (std::ferror(stdout) != 0) return Fail(Error{Code::kSystem, "[output] standard output could not be written"});
  }
  if (options.common.verbose) PrintStats(reply.value());
  return InterruptGuard::was_interrupted() ? kExitInterrupted : kExitOk;
}

}  // namespace thimble::cli
