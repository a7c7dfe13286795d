// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include "base/text.h"
#include "cli/shell_completion.h"
#include "cli/terminal.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace thimble::cli {

namespace {

constexpr int kMost = 1 << 24;

// Whole numbers with all their digits.
std::string Plain(double value) {
  return value == std::floor(value) && std::fabs(value) < 1e15 ? Cat(static_cast<std::int64_t>(value)) : Cat(value);
}

// Numbers within limits; not-a-number is outside of any.
CLI::Validator From(double least, double most) {
  const auto check = [least, most](const std::string& text) -> std::string {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (!text.empty() && *end == '\0' && value >= least && value <= most) return "";
    return Cat("a number from ", Plain(least), " to ", Plain(most), " is needed, found '", text, "'");
  };
  return CLI::Validator([check](std::string& text) { return check(text); }, "");
}

// What CLI11 would take for a large number: a sign, or more digits than there is room for.
CLI::Validator Seed() {
  const auto check = [](const std::string& text) -> std::string {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return "";
    return Cat("a whole number from 0 to 18446744073709551615 is needed, found '", text, "'");
  };
  return CLI::Validator([check](std::string& text) { return check(text); }, "");
}

// An empty name or list, as an unset variable of a script leaves it, is not the same as none.
CLI::Validator NotEmpty() {
  return CLI::Validator([](std::string& text) { return text.empty() ? std::string("is empty") : std::string(); }, "");
}

CLI::Option* AddPositional(CLI::App* app, CommandLine* line, const char* name, std::string* value, const char* help) {
  line->positionals.push_back(value);
  return app->add_option(name, *value, help)->type_name("");
}

CLI::Option* AddModel(CLI::App* app, CommandLine* line, std::string* value) {
  return AddPositional(app, line, "MODEL", value, "GGUF file, folder, name from `thimble list`, or builtin");
}

void AddCommon(CLI::App* app, CommonOptions* o) {
  constexpr const char* kGroup = "Machine";
  app->add_option("--threads", o->threads, "threads to compute with (default: what suits this machine)")
      ->type_name("N")
      ->check(From(1, 1024))
      ->group(kGroup);
  app->add_option("--context", o->context, "tokens a conversation may hold (default: the model's, at most 8192)")
      ->type_name("N")
      ->check(From(1, kMost))
      ->group(kGroup);
  app->add_option("--mmproj", o->mmproj, "vision GGUF of the model, if it is not found beside it")
      ->type_name("FILE")
      ->check(NotEmpty())
      ->group(kGroup);
  app->add_flag("--exact", o->exact, "float32 throughout: slower, equal to the reference")->group(kGroup);
  app->add_option("--kv", o->kv, "keep keys and values of the context in 16 bits or, in half the memory, in 8")
      ->type_name("f16|q8")
      ->check(CLI::IsMember({"f16", "q8"}).description(""))
      ->group(kGroup);
  // Of versions that could screen the output head: accepted, with a warning.
  app->add_option("--head", o->head)->check(CLI::IsMember({"full", "screened"}).description(""))->group("");
  app->add_option("--isa", o->isa, "kernels to use (default: the best; also THIMBLE_ISA)")
      ->type_name("NAME")
      ->group(kGroup);
  app->add_option("--pack-cache", o->pack_cache,
                  "keep packed weights in a file beside the model; auto: use one that is there")
      ->type_name("on|off|auto")
      ->check(CLI::IsMember({"on", "off", "auto"}).description(""))
      ->group(kGroup);
  app->add_flag("-v,--verbose", o->verbose, "say what is done and how long it takes")->group(kGroup);
}

// Scripts may pass the options of all commands to any of them.
void AddUnused(CLI::App* app, CommandLine* line, CommonOptions* o) {
  app->add_option("--threads", line->unused.threads)->check(From(1, 1024))->group("");
  app->add_option("--context", line->unused.context)->check(From(1, kMost))->group("");
  app->add_option("--mmproj", line->unused.mmproj)->group("");
  app->add_option("--kv", line->unused.kv)->group("");
  app->add_option("--head", line->unused.head)->group("");
  app->add_option("--isa", line->unused.isa)->group("");
  app->add_option("--pack-cache", line->unused.pack_cache)
      ->check(CLI::IsMember({"on", "off", "auto"}).description(""))
      ->group("");
  app->add_flag("--exact", line->unused.exact)->group("");
  app->add_flag("-v,--verbose", o->verbose, "say what is done and how long it takes");
}

void AddPixels(CLI::App* app, CommonOptions* o) {
  constexpr const char* kGroup = "Pictures";
  app->add_option("--min-pixels", o->min_pixels, "enlarge pictures (not frames) to this area")
      ->type_name("N")
      ->check(From(1, 1e12))
      ->group(kGroup);
  app->add_option("--max-pixels", o->max_pixels, "reduce pictures and frames to this area: faster, less detail")
      ->type_name("N")
      ->check(From(1, 1e12))
      ->group(kGroup);
  app->add_option("--max-image-pixels", o->max_image_pixels, "refuse larger picture files (default 100000000)")
      ->type_name("N")
      ->check(From(1, 1e12))
      ->group(kGroup);
  app->add_option("--alpha", o->alpha, "under transparent pixels: white (default in conversations), or what is stored")
      ->type_name("white|drop")
      ->check(CLI::IsMember({"white", "drop"}).description(""))
      ->group(kGroup);
}

// How pictures of a conversation are read.
void AddDetail(CLI::App* app, CommonOptions* o) {
  app->add_option("--detail", o->detail,
                  "tokens a picture may take: 256, 1024 (auto, the default), or all the model allows")
      ->type_name("low|auto|high")
      ->check(CLI::IsMember({"low", "auto", "high"}).description(""))
      ->group("Pictures");
}

void AddInput(CLI::App* app, InputOptions* o) {
  constexpr const char* kGroup = "What to read";
  app->add_option("--image", o->images, "picture file, data URL, or - for standard input; repeatable")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->group(kGroup);
  app->add_option("--frames", o->frames, "a video: folder of pictures, in the order of their names")
      ->type_name("DIR")
      ->check(NotEmpty())
      ->group(kGroup);
  app->add_option("--fps", o->fps, "pictures per second of --frames (default 24)")
      ->type_name("X")
      ->check(From(0.001, 1000))
      ->group(kGroup);
  app->add_flag("--all-frames", o->all_frames, "take every picture of --frames, not two a second")->group(kGroup);
  app->add_option("--ids", o->ids, "token ids instead of a prompt: 1,2,3")
      ->type_name("LIST")
      ->check(NotEmpty())
      ->group(kGroup);
  app->add_option("--messages", o->messages, "conversation as JSON (docs/cli.md); - for standard input")
      ->type_name("FILE")
      ->check(NotEmpty())
      ->group(kGroup);
  app->add_option("--tools", o->tools, "JSON list of tools that the model may call")
      ->type_name("FILE")
      ->check(NotEmpty())
      ->group(kGroup);
}

void AddSystem(CLI::App* app, InputOptions* o) {
  app->add_option("--system", o->system, "what the model is told before all else")->type_name("TEXT");
}

void AddSampling(CLI::App* app, GenerateOptions* o) {
  constexpr const char* kGroup = "How to write (default: what the model's makers recommend)";
  SamplerHints& s = o->sampling;
  const auto number = [&](const char* name, std::optional<double>* value, const char* help) {
    return app->add_option(name, *value, help)->type_name("X")->group(kGroup);
  };
  number("--temperature", &s.temperature, "0 always takes the likeliest token")->check(From(0, 100));
  app->add_option("--top-k", s.top_k, "choose among the K likeliest tokens (0: all)")
      ->type_name("K")
      ->check(From(0, kMost))
      ->group(kGroup);
  number("--top-p", &s.top_p, "choose among the likeliest that make up this share")->check(From(0, 1));
  number("--min-p", &s.min_p, "drop tokens below this share of the likeliest one")->check(From(0, 1));
  number("--presence-penalty", &s.presence_penalty, "taken off the logits of tokens written before");
  number("--frequency-penalty", &s.frequency_penalty, "taken off once for each time a token was written");
  number("--repetition-penalty", &s.repetition_penalty, "divides the logits of tokens seen before")
      ->check(From(0.01, 100));
  app->add_option("--logit-bias", o->logit_bias, "added to the logit of token ID; repeatable")
      ->type_name("ID=X")
      ->allow_extra_args(false)
      ->group(kGroup);
  app->add_option("--seed", o->seed, "the same seed writes the same text")
      ->type_name("N")
      ->check(Seed())
      ->group(kGroup);
}

void AddLength(CLI::App* app, GenerateOptions* o) {
  constexpr const char* kGroup = "When to stop, and thinking";
  app->add_option("-n,--max-tokens", o->max_tokens, "write so many tokens at most")
      ->type_name("N")
      ->check(From(1, std::numeric_limits<int>::max()))
      ->group(kGroup);
  app->add_option("--stop", o->stop, "end before this text; repeatable")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->group(kGroup);
  app->add_flag("--ignore-eos", o->ignore_eos, "go on past end tokens")->group(kGroup);
  app->add_option("--schema", o->schema, "JSON schema that the answer must be valid by")
      ->type_name("FILE")
      ->check(NotEmpty())
      ->group(kGroup);
  app->add_option("--think", o->think, "reason first? auto: as the model was made")
      ->type_name("on|off|auto")
      ->check(CLI::IsMember({"on", "off", "auto"}).description(""))
      ->group(kGroup);
  app->add_option("--think-budget", o->think_budget, "close the reasoning after N tokens (0: never)")
      ->type_name("N")
      ->check(From(0, kMost))
      ->group(kGroup);
  app->add_flag("--no-loop-guard", o->no_loop_guard, "let reasoning that repeats itself go on")->group(kGroup);
}

void AddJson(CLI::App* app, bool* value) { app->add_flag("--json", *value, "one JSON object, for programs"); }

void AddChat(CLI::App* app, CommandLine* line) {
  CLI::App* c = app->add_subcommand("chat", "talk with a model (what `thimble` alone does)");
  AddModel(c, line, &line->chat.common.model);
  AddSystem(c, &line->chat.input);
  AddCommon(c, &line->chat.common);
  AddDetail(c, &line->chat.common);
  AddPixels(c, &line->chat.common);
  AddSampling(c, &line->chat.generate);
  AddLength(c, &line->chat.generate);
  c->add_option("--when-full", line->chat.when_full,
                "window (default): the oldest exchanges make room; stop: the chat ends there")
      ->type_name("window|stop")
      ->check(CLI::IsMember({"window", "stop"}).description(""));
  constexpr const char* kGroup = "Chats that are kept";
  CLI::Option* newest = c->add_flag("--continue", line->chat.continues, "go on with the newest one")->group(kGroup);
  CLI::Option* named = c->add_option("--resume", line->chat.resume, "go on with the one of this id or title")
                           ->type_name("ID|TITLE")
                           ->check(NotEmpty())
                           ->group(kGroup);
  CLI::Option* none = c->add_flag("--no-history", line->chat.keeps_nothing, "keep nothing of this chat")->group(kGroup);
  newest->excludes(named)->excludes(none);
  named->excludes(none);
  c->footer(
      "Examples:\n"
      "  thimble chat                                 the built-in model\n"
      "  thimble chat Qwen3.5-0.8B-Q4_K_M.gguf\n"
      "  thimble chat qwen3.5-2b --think on --context 16384\n"
      "  thimble chat --continue                      go on with the last one\n"
      "In the chat, /help lists what you can say.");
  c->callback([line] { line->action = [line] { return RunChat(line->chat); }; });
}

void AddChats(CLI::App* app, CommandLine* line) {
  CLI::App* c = app->add_subcommand("chats", "chats that are kept: list, search, export, delete");
  ChatsOptions* o = &line->chats;
  AddPositional(c, line, "WORDS", &o->search, "only chats that have these words in their title or a message");
  CLI::Option* remove = c->add_option("--delete", o->remove, "delete the chat with this id, from backups too")
                            ->type_name("ID")
                            ->check(NotEmpty());
  CLI::Option* exported = c->add_option("--export", o->export_id, "print the chat with this id")
                              ->type_name("ID")
                              ->check(NotEmpty())
                              ->excludes(remove);
  c->add_option("--format", o->format, "of --export (default: markdown)")
      ->type_name("markdown|json")
      ->check(CLI::IsMember({"markdown", "json"}).description(""))
      ->needs(exported);
  AddJson(c, &o->json);
  AddUnused(c, line, &line->unused);
  c->footer(
      "Newest first. They are kept in ~/.local/share/thimble/chats, or in $THIMBLE_HOME/chats.\n\n"
      "Examples:\n  thimble chats\n  thimble chats \"green tea\"\n"
      "  thimble chats --export ID > tea.md\n  thimble chat --resume ID");
  c->callback([line] { line->action = [line] { return ListChats(line->chats); }; });
}

void AddRun(CLI::App* app, CommandLine* line) {
  CLI::App* c = app->add_subcommand("run", "one prompt, one answer; pipes welcome");
  CLI::Option* first = AddModel(c, line, &line->run_first);
  CLI::Option* second =
      AddPositional(c, line, "PROMPT", &line->run_second, "what to ask; - stands for standard input, also at its end");
  AddSystem(c, &line->run.input);
  AddJson(c, &line->run.common.json);
  AddInput(c, &line->run.input);
  AddCommon(c, &line->run.common);
  AddDetail(c, &line->run.common);
  AddPixels(c, &line->run.common);
  AddSampling(c, &line->run.generate);
  AddLength(c, &line->run.generate);
  c->footer(
      "Examples:\n"
      "  thimble run \"Why is the sky blue?\"           the built-in model\n"
      "  thimble run model.gguf \"What is in this picture?\" --image photo.jpg\n"
      "  git diff | thimble run model.gguf \"Summarise this change: -\"\n"
      "  thimble run model.gguf --messages talk.json --json | jq -r .text\n"
      "  thimble run model.gguf --schema city.json \"Tell me of Bern.\"\n"
      "  thimble run model.gguf --frames shots/ --fps 4 \"What happens?\"\n"
      "  thimble run model.gguf -- \"-5 + 3 is?\"       after -- nothing is an option");
  c->callback([=] {
    if (first->count() > 0) line->run.positionals.push_back(line->run_first);
    if (second->count() > 0) line->run.positionals.push_back(line->run_second);
    line->action = [line] { return Run(line->run); };
  });
}

void AddInfo(CLI::App* app, CommandLine* line) {
  CLI::App* c = app->add_subcommand("info", "what a model is, and the memory it needs");
  AddModel(c, line, &line->info.model);
  AddJson(c, &line->info.json);
  AddCommon(c, &line->info);
  c->footer("Examples:\n  thimble info model.gguf --context 32768\n  thimble info builtin --json");
  c->callback([line] { line->action = [line] { return Info(line->info); }; });
}

void AddTextCommands(CLI::App* app, CommandLine* line) {
  CLI::App* c = app->add_subcommand("tokenize", "text to token ids");
  AddModel(c, line, &line->tokenize.common.model)->required();
  CLI::Option* text = AddPositional(c, line, "TEXT", &line->tokenize.text, "default: standard input");
  c->add_flag("--plain", line->tokenize.plain, "take <|im_end|> and the like as ordinary text");
  c->add_flag("--jsonl", line->tokenize.jsonl, "a line {\"text\", \"special\"} in, a line {\"ids\"} out");
  AddUnused(c, line, &line->tokenize.common);
  c->footer(
      "Examples:\n  thimble tokenize model.gguf \"Hello, world\"\n"
      "  echo '{\"text\": \"<|im_end|>\", \"special\": false}' | thimble tokenize model.gguf --jsonl");
  c->callback([=] {
    line->tokenize.has_text = text->count() > 0;
    line->action = [line] { return Tokenize(line->tokenize); };
  });

  c = app->add_subcommand("detokenize", "token ids to text");
  AddModel(c, line, &line->detokenize.common.model)->required();
  CLI::Option* ids = AddPositional(c, line, "IDS", &line->detokenize.text, "1,2,3; default: standard input");
  c->add_flag("--skip-special", line->detokenize.plain, "leave out <|im_end|> and the like");
  c->add_flag("--jsonl", line->detokenize.jsonl, "a line {\"ids\", \"skip_special\"} in, a line {\"bytes_hex\"} out");
  AddUnused(c, line, &line->detokenize.common);
  c->footer("Example:\n  thimble detokenize model.gguf 9419,11,1814");
  c->callback([=] {
    line->detokenize.has_text = ids->count() > 0;
    line->action = [line] { return Detokenize(line->detokenize); };
  });

  c = app->add_subcommand("render", "conversations to prompts, by the chat template");
  AddModel(c, line, &line->render.common.model)->required();
  c->add_flag("--jsonl", line->render.jsonl, "the only form: lines {\"messages\", \"tools\", \"options\"}");
  AddUnused(c, line, &line->render.common);
  c->footer(
      "Example:\n  echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"options\": "
      "{\"add_generation_prompt\": true}}' \\\n    | thimble render model.gguf --jsonl");
  c->callback([line] { line->action = [line] { return RenderLines(line->render); }; });
}

void AddMeasurements(CLI::App* app, CommandLine* line) {
  CLI::App* c = app->add_subcommand("logits", "the numbers behind the next token");
  AddModel(c, line, &line->logits.common.model)->required();
  CLI::Option* prompt = c->add_option("--prompt", line->logits.input.prompt, "a user's message")->type_name("TEXT");
  c->add_option("--positions", line->logits.positions, "after the last token (default), or after all")
      ->type_name("last|all")
      ->check(CLI::IsMember({"last", "all"}).description(""));
  c->add_option("--top", line->logits.top, "list the K largest (default 10)")->type_name("K")->check(From(0, kMost));
  c->add_flag("--full", line->logits.full, "every logit (with --json)");
  AddJson(c, &line->logits.common.json);
  AddSystem(c, &line->logits.input);
  AddInput(c, &line->logits.input);
  AddCommon(c, &line->logits.common);
  AddPixels(c, &line->logits.common);
  c->footer(
      "Examples:\n  thimble logits model.gguf --prompt \"Hello\" --top 5\n"
      "  thimble logits model.gguf --ids 1,2,3 --positions all --exact --json");
  c->callback([=] {
    line->logits.has_prompt = prompt->count() > 0;
    line->action = [line] { return Logits(line->logits); };
  });

  c = app->add_subcommand("perplexity", "how well a model predicts a text");
  AddModel(c, line, &line->perplexity.common.model)->required();
  AddPositional(c, line, "FILE", &line->perplexity.file, "text file, - for standard input")->required();
  AddJson(c, &line->perplexity.common.json);
  AddCommon(c, &line->perplexity.common);
  c->get_option("--context")->description("tokens of a window (default: 512)");
  c->footer(
      "Windows of --context tokens that do not overlap, each from a fresh state; the\n"
      "first token of each is not scored; natural logarithms.\n\n"
      "Example:\n  thimble perplexity model.gguf wiki.txt --context 2048");
  c->callback([line] { line->action = [line] { return Perplexity(line->perplexity); }; });

  c = app->add_subcommand("embed-image", "what the vision tower makes of a picture");
  AddModel(c, line, &line->embed.common.model)->required();
  AddPositional(c, line, "FILE", &line->embed.file, "picture file, data URL, or - for standard input")->required();
  AddJson(c, &line->embed.common.json);
  AddCommon(c, &line->embed.common);
  AddPixels(c, &line->embed.common);
  c->footer("Example:\n  thimble embed-image model.gguf photo.jpg --json > rows.json");
  c->callback([line] { line->action = [line] { return EmbedImage(line->embed); }; });
}

void AddBench(CLI::App* app, CommandLine* line) {
  CLI::App* c = app->add_subcommand("bench", "how fast a model runs here, and how fast it could at most");
  BenchOptions& o = line->bench;
  AddModel(c, line, &o.common.model)->required();
  const auto count = [&](const char* name, int* value, int least, const char* help) {
    c->add_option(name, *value, help)->type_name("N")->check(From(least, kMost));
  };
  count("--prompt", &o.prompt, 0, "read so many tokens (default 256; 0: none)");
  count("--decode", &o.decode, 0, "then, from an empty context, decode so many (default 32; 0: none)");
  count("--depth", &o.depth, 0, "begin decoding with so many tokens in the context (default 0)");
  c->add_option("--image", o.image, "encode a picture of this size too (default: none)")->type_name("WxH");
  c->add_option("--repeat", o.repeat, "measure R times, report medians (default 5)")
      ->type_name("R")
      ->check(From(1, 1000));
  c->add_option("--sessions", o.sessions,
                "measure N conversations that write --decode tokens at once too (default: none)")
      ->type_name("N")
      ->check(From(1, 32));
  c->add_flag("--calibrate", o.calibrate, "measure anew how many threads suit this machine, and remember it");
  AddJson(c, &o.common.json);
  AddCommon(c, &o.common);
  c->get_option("--calibrate")->excludes("--threads");
  AddPixels(c, &o.common);
  c->footer(
      "Beside the speed stands how much of the machine it uses: decoding is held against the time that reading the\n"
      "weights takes, prompts and pictures against that of their multiply-adds; both limits are measured first.\n\n"
      "Examples:\n  thimble bench model.gguf\n"
      "  thimble bench model.gguf --prompt 512 --decode 64 --depth 4096 --threads 4 --json\n"
      "  thimble bench model.gguf --image 768x768");
  c->callback([line] { line->action = [line] { return RunBench(line->bench); }; });
}

void AddServe(CLI::App* app, CommandLine* line) {
  ServeOptions* o = &line->serve;
  CLI::App* c = app->add_subcommand(
      "serve", "OpenAI's and Anthropic's API on this machine, for other programs, and a page to chat");
  AddModel(c, line, &o->common.model);
  constexpr const char* kGroup = "Network";
  c->add_option("--port", o->port, "port (default 17741; 0: any that is free)")
      ->type_name("N")
      ->check(From(0, 65535))
      ->group(kGroup);
  c->add_option("--host", o->host, "listen on this address (default: this machine only); others need --api-key-file")
      ->type_name("ADDR")
      ->group(kGroup);
  c->add_option("--api-key-file", o->key_file, "file of the keys that clients must show, one a line")
      ->type_name("FILE")
      ->group(kGroup);
  c->add_option("--allow-host", o->allow_hosts, "another name under which it may be asked")
      ->type_name("HOST")
      ->group(kGroup);
  c->add_option("--allow-origin", o->allow_origins, "a web page's origin that may ask")
      ->type_name("ORIGIN")
      ->group(kGroup);
  c->add_flag("--new-token", o->new_token, "make the page's token anew")->group(kGroup);
  c->add_flag("--check-sandbox", o->checks_sandbox, "try what the sandbox forbids, print what happened")->group(kGroup);
  c->add_option("--parallel", o->parallel, "requests answered at the same time (default 4)")
      ->type_name("N")
      ->check(From(1, 16));
  c->add_option("--queue", o->queue, "requests that may wait besides (default 64)")
      ->type_name("N")
      ->check(From(0, 10000));
  c->add_option("--idle-unload", o->idle_minutes, "minutes without a request until the memory is given back; 0: never")
      ->type_name("MIN")
      ->check(From(0, 1e6));
  c->add_flag("--strict-model", o->is_strict, "refuse names of models that are not here");
  c->add_flag("--no-page", o->has_no_page, "no page at /, only the API");
  c->add_option("--page-only", o->page_folder, "give out this folder's page, which computes in the browser, and no API")
      ->type_name("FOLDER");
  c->add_flag("--no-open", o->opens_no_browser, "do not open the page in a browser");
  c->add_flag("--json", o->common.json, "print one JSON line when it is ready, for programs");
  AddPixels(c, &o->common);
  AddCommon(c, &o->common);
  c->footer("Example:\n  thimble serve Qwen3.5-0.8B-Q4_K_M.gguf\n  (docs/serve.md has clients)");
  c->callback([line] { line->action = [line] { return Serve(line->serve); }; });
}

void AddStore(CLI::App* app, CommandLine* line) {
  CLI::App* c = app->add_subcommand("list", "models that have a name");
  AddJson(c, &line->list_json);
  AddUnused(c, line, &line->unused);
  c->footer(
      "Models live in ~/.local/share/thimble/models, or in $THIMBLE_HOME/models: a folder each; delete one to\n"
      "forget it.");
  c->callback([line] { line->action = [line] { return List(line->list_json); }; });

  c = app->add_subcommand("import", "give a model a name: copy or link it into the store");
  AddPositional(c, line, "PATH", &line->import.path,
                "GGUF file (all its parts and its vision file come along) or folder")
      ->required();
  c->add_option("--name", line->import.name, "name in the store (default: from the file's)")->type_name("NAME");
  CLI::Option* link = c->add_flag("--link", line->import.link, "leave the files where they are");
  CLI::Option* copy = c->add_flag("--copy", line->import_copy, "copy them (the default)");
  AddJson(c, &line->import.json);
  AddUnused(c, line, &line->unused);
  c->footer(
      "Of several vision files --mmproj FILE chooses the one that comes along.\n\n"
      "Examples:\n  thimble import ~/Downloads/Qwen3.5-0.8B-Q4_K_M.gguf --name small\n"
      "  thimble import /data/Qwen3.5-2B/ --link");
  c->callback([=] {
    if (link->count() > 0 && copy->count() > 0) throw CLI::ExcludesError("--link", "--copy");
    line->import.mmproj = line->unused.mmproj;
    line->action = [line] { return Import(line->import); };
  });

  c = app->add_subcommand("pack", "make one file of a model, laid out for this processor and whole in itself");
  AddModel(c, line, &line->pack.common.model)->required();
  AddPositional(c, line, "OUT", &line->pack.out, "file to write, MODEL.thimble by custom")->required();
  c->add_flag("--vision", line->pack.vision, "pack the vision file in place of the model");
  AddCommon(c, &line->pack.common);
  c->footer(
      "It starts faster and needs no other file, but for a vision file, which gets a pack of its own.\n\n"
      "Examples:\n  thimble pack Qwen3.5-0.8B-Q4_K_M.gguf small.thimble\n"
      "  thimble pack Qwen3.5-0.8B-Q4_K_M.gguf eyes.thimble --vision\n"
      "  thimble chat small.thimble --mmproj eyes.thimble");
  c->callback([line] { line->action = [line] { return Pack(line->pack); }; });

  c = app->add_subcommand("completion", "what Tab does in a shell");
  AddPositional(c, line, "SHELL", &line->shell, "bash")->required()->check(CLI::IsMember({"bash"}).description(""));
  c->footer("Example:\n  source <(thimble completion bash)       in ~/.bashrc");
  c->callback([=] { line->action = [app] { return Write(BashCompletion(*app)) ? kExitOk : kExitCorrupt; }; });

  c = app->add_subcommand("version", "version, kernels, processor");
  AddJson(c, &line->version_json);
  AddUnused(c, line, &line->unused);
  c->footer("Example:\n  thimble version --json");
  c->callback([line] { line->action = [line] { return Version(line->version_json); }; });
}

}  // namespace

void AddCommands(CLI::App* app, CommandLine* line) {
  AddChat(app, line);
  AddChats(app, line);
  AddRun(app, line);
  AddServe(app, line);
  AddInfo(app, line);
  AddTextCommands(app, line);
  AddMeasurements(app, line);
  AddBench(app, line);
  AddStore(app, line);
}

}  // namespace thimble::cli
