// SPDX-License-Identifier: Apache-2.0
// The thimble command: what can be said on the command line, and which file acts on it.
#include "cli/options.h"
#include "cli/terminal.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <functional>

namespace thimble::cli {
namespace {

void AddCommon(CLI::App* app, CommonOptions* o) {
  app->add_option("--mmproj", o->mmproj, "vision GGUF of the model, where it is not found beside it")
      ->type_name("FILE");
  app->add_option("--threads", o->threads, "threads to compute with (default: all usable cores)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  app->add_option("--context", o->context, "tokens a conversation may hold (default: the model's, at most 8192)")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 24));
  app->add_flag("--exact", o->exact, "float32 throughout: slower, equal to the reference implementation");
  app->add_option("--isa", o->isa, "kernels to use: scalar, avx2, avx512vnni (default: the best; also THIMBLE_ISA)")
      ->type_name("NAME");
  app->add_flag("-v,--verbose", o->verbose, "say what is done and how long it takes");
}

void AddPixels(CLI::App* app, CommonOptions* o) {
  app->add_option("--min-pixels", o->min_pixels, "pictures are enlarged to this area")->type_name("N");
  app->add_option("--max-pixels", o->max_pixels, "pictures are reduced to this area: fewer tokens, less detail")
      ->type_name("N");
  app->add_option("--max-image-pixels", o->max_image_pixels,
                  "refuse picture files larger than this (default 100000000)")
      ->type_name("N");
}

void AddInput(CLI::App* app, InputOptions* o) {
  app->add_option("--image", o->images, "picture file, - for standard input, or data URL; may be given several times")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app->add_option("--frames", o->frames, "folder of pictures in name order: a video")->type_name("DIR");
  app->add_option("--fps", o->fps, "pictures per second of --frames (default 24)")->type_name("X");
  app->add_flag("--all-frames", o->all_frames, "take every picture of --frames instead of two a second");
  app->add_option("--ids", o->ids, "token ids instead of a prompt: 1,2,3")->type_name("LIST");
  app->add_option("--messages", o->messages,
                  "conversation as JSON: a list of messages, or {messages, tools, options}; - for standard input")
      ->type_name("FILE");
  app->add_option("--tools", o->tools, "JSON list of tools the model may call")->type_name("FILE");
}

void AddGenerate(CLI::App* app, GenerateOptions* o) {
  SamplerHints& s = o->sampling;
  app->add_option("-n,--max-tokens", o->max_tokens, "stop after so many tokens")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 24));
  app->add_option("--temperature", s.temperature, "0 takes the likeliest token always")
      ->type_name("X")
      ->check(CLI::Range(0.0, 100.0));
  app->add_option("--top-k", s.top_k, "choose among the K likeliest tokens (0: all)")
      ->type_name("K")
      ->check(CLI::Range(0, 1 << 24));
  app->add_option("--top-p", s.top_p, "choose among the likeliest tokens that make up this share")
      ->type_name("X")
      ->check(CLI::Range(0.0, 1.0));
  app->add_option("--min-p", s.min_p, "drop tokens below this share of the likeliest one")
      ->type_name("X")
      ->check(CLI::Range(0.0, 1.0));
  app->add_option("--presence-penalty", s.presence_penalty, "taken off tokens written before")->type_name("X");
  app->add_option("--frequency-penalty", s.frequency_penalty, "taken off per time a token was written before")
      ->type_name("X");
  app->add_option("--repetition-penalty", s.repetition_penalty, "divides logits of tokens seen before")
      ->type_name("X")
      ->check(CLI::PositiveNumber);
  app->add_option("--logit-bias", o->logit_bias, "added to a token's logit: ID=X; may be given several times")
      ->type_name("ID=X")
      ->allow_extra_args(false);
  app->add_option("--seed", o->seed, "the same seed writes the same text")->type_name("N");
  app->add_option("--stop", o->stop, "stop before this text; may be given several times")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  app->add_option("--think", o->think, "let the model reason before it answers (default: as its template says)")
      ->type_name("on|off|auto")
      ->check(CLI::IsMember({"on", "off", "auto"}));
  app->add_option("--think-budget", o->think_budget, "close the reasoning after so many tokens (0: no limit)")
      ->type_name("N")
      ->check(CLI::Range(0, 1 << 24));
  app->add_flag("--no-loop-guard", o->no_loop_guard, "let reasoning that repeats itself go on");
  app->add_flag("--ignore-eos", o->ignore_eos, "go on past end tokens");
}

constexpr const char* kFooter =
    R"(MODEL is a GGUF file, a Hugging Face folder, a name from `thimble list`, or `builtin`.
Everything runs on this machine; no command opens a network connection.

Exit status: 0 done, 1 unexpected, 2 wrong usage or request, 3 out of memory or context,
4 not found or not supported, 5 broken file or system error, 130 interrupted.)";

int Main(int argc, char** argv) {
  CLI::App app{"Qwen 3.5 small multimodal models, text and pictures, on this machine"};
  app.footer(kFooter);
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "thimble " THIMBLE_VERSION);
  std::function<int()> action;

  RunOptions chat;
  const auto set_up_chat = [&](CLI::App* sub) {
    AddCommon(sub, &chat.common);
    AddPixels(sub, &chat.common);
    AddGenerate(sub, &chat.generate);
    sub->add_option("--system", chat.input.system, "what the model is told before the conversation")->type_name("TEXT");
  };
  CLI::App* chat_command = app.add_subcommand("chat", "a conversation in the terminal (what `thimble` alone does)");
  chat_command->add_option("MODEL", chat.common.model, "default: the built-in model");
  set_up_chat(chat_command);
  chat_command->footer(
      "Examples:\n  thimble chat qwen3.5-0.8b-q4_k_m.gguf\n  thimble chat qwen3.5-2b --think on\nIn the chat, /help "
      "lists what you can say.");
  chat_command->callback([&] { action = [&] { return Chat(chat); }; });

  RunOptions run;
  CLI::App* run_command = app.add_subcommand("run", "one prompt, one answer; reads pipes, writes JSON");
  run_command
      ->add_option("MODEL PROMPT", run.positionals,
                   "model and prompt; a prompt that is - or ends in ' -' takes standard input")
      ->expected(0, 64);
  AddCommon(run_command, &run.common);
  AddPixels(run_command, &run.common);
  AddInput(run_command, &run.input);
  AddGenerate(run_command, &run.generate);
  run_command->add_option("--system", run.input.system, "what the model is told before the prompt")->type_name("TEXT");
  run_command->add_flag("--json", run.common.json, "one JSON object instead of text");
  run_command->footer(
      "Examples:\n  thimble run \"Why is the sky blue?\"\n  thimble run model.gguf \"What is in this picture?\" "
      "--image photo.jpg\n"
      "  git diff | thimble run model.gguf \"Summarise this change: -\"\n  thimble run model.gguf --messages talk.json "
      "--json");
  run_command->callback([&] { action = [&] { return Run(run); }; });

  CommonOptions info;
  CLI::App* info_command = app.add_subcommand("info", "what a model is and needs");
  info_command->add_option("MODEL", info.model);
  AddCommon(info_command, &info);
  info_command->add_flag("--json", info.json);
  info_command->callback([&] { action = [&] { return Info(info); }; });

  TokenizeOptions tokenize;
  TokenizeOptions detokenize;
  TokenizeOptions render;
  CLI::App* tokenize_command = app.add_subcommand("tokenize", "text to token ids");
  tokenize_command->add_option("MODEL", tokenize.model)->required();
  tokenize_command->add_option("TEXT", tokenize.text, "default: standard input");
  tokenize_command->add_flag("--plain", tokenize.plain, "take <|im_end|> and the like as ordinary text");
  tokenize_command->add_flag("--jsonl", tokenize.jsonl,
                             "lines {\"text\": s, \"special\": bool} to lines {\"ids\": [...]}");
  tokenize_command->callback([&] { action = [&] { return Tokenize(tokenize); }; });
  CLI::App* detokenize_command = app.add_subcommand("detokenize", "token ids to text");
  detokenize_command->add_option("MODEL", detokenize.model)->required();
  detokenize_command->add_option("IDS", detokenize.text, "1,2,3; default: standard input");
  detokenize_command->add_flag("--skip-special", detokenize.plain, "leave out <|im_end|> and the like");
  detokenize_command->add_flag("--jsonl", detokenize.jsonl,
                               "lines {\"ids\": [...], \"skip_special\": bool} to lines {\"bytes_hex\": s}");
  detokenize_command->callback([&] { action = [&] { return Detokenize(detokenize); }; });
  CLI::App* render_command = app.add_subcommand("render", "conversations to prompts, by the model's chat template");
  render_command->add_option("MODEL", render.model)->required();
  render_command->add_flag("--jsonl", render.jsonl,
                           "lines {\"messages\", \"tools\", \"options\"} to lines {\"rendered\": s} (the only form)");
  render_command->callback([&] { action = [&] { return RenderLines(render); }; });

  LogitsOptions logits;
  CLI::App* logits_command = app.add_subcommand("logits", "the numbers behind the next token");
  logits_command->add_option("MODEL", logits.common.model)->required();
  logits_command->add_option("--prompt", logits.input.prompt, "a user's message")->type_name("TEXT");
  AddCommon(logits_command, &logits.common);
  AddPixels(logits_command, &logits.common);
  AddInput(logits_command, &logits.input);
  logits_command->add_option("--positions", logits.positions, "last (default) or all")
      ->check(CLI::IsMember({"last", "all"}));
  logits_command->add_option("--top", logits.top, "how many of the largest to list (default 10)")
      ->check(CLI::Range(0, 1 << 24));
  logits_command->add_flag("--full", logits.full, "every logit (with --json)");
  logits_command->add_flag("--json", logits.common.json);
  logits_command->callback([&] { action = [&] { return Logits(logits); }; });

  PerplexityOptions perplexity;
  CLI::App* perplexity_command = app.add_subcommand("perplexity", "how well a model predicts a text");
  perplexity_command->add_option("MODEL", perplexity.common.model)->required();
  perplexity_command->add_option("FILE", perplexity.file, "text file, - for standard input")->required();
  AddCommon(perplexity_command, &perplexity.common);
  perplexity_command->add_flag("--json", perplexity.common.json);
  perplexity_command->footer(
      "Windows of --context tokens (default 512 here) that do not overlap, each from a fresh state; the first token "
      "of\neach is not scored; nats.");
  perplexity_command->callback([&] { action = [&] { return Perplexity(perplexity); }; });

  EmbedImageOptions embed;
  CLI::App* embed_command = app.add_subcommand("embed-image", "what the vision tower makes of a picture");
  embed_command->add_option("MODEL", embed.common.model)->required();
  embed_command->add_option("FILE", embed.file)->required();
  AddCommon(embed_command, &embed.common);
  AddPixels(embed_command, &embed.common);
  embed_command->add_flag("--json", embed.common.json);
  embed_command->callback([&] { action = [&] { return EmbedImage(embed); }; });

  bool list_json = false;
  CLI::App* list_command = app.add_subcommand("list", "models in the store");
  list_command->add_flag("--json", list_json);
  list_command->callback([&] { action = [&] { return List(list_json); }; });

  ImportOptions import;
  CLI::App* import_command = app.add_subcommand("import", "put a model into the store, so that a name is enough");
  import_command
      ->add_option("PATH", import.path,
                   "GGUF file (all its parts and its vision file come along) or Hugging Face folder")
      ->required();
  import_command->add_option("--name", import.name, "name in the store (default: from the file's)");
  import_command->add_flag("--link", import.link, "link instead of copying");
  import_command->add_flag("--json", import.json);
  import_command->callback([&] { action = [&] { return Import(import); }; });

  bool version_json = false;
  CLI::App* version_command = app.add_subcommand("version", "version, kernels, processor");
  version_command->add_flag("--json", version_json);
  version_command->callback([&] { action = [&] { return Version(version_json); }; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? kExitOk : kExitInvalid;
  }
  return action ? action() : Chat(chat);
}

}  // namespace
}  // namespace thimble::cli

int main(int argc, char** argv) {
  try {
    return thimble::cli::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("thimble: [memory] the system has no room left; try a smaller model, or --context\n", stderr);
    return thimble::cli::kExitExhausted;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "thimble: unexpected: %s\n", error.what());
    return thimble::cli::kExitUnexpected;
  }
}
