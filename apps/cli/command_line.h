// SPDX-License-Identifier: Apache-2.0
// What can be said on the command line: every command with its options, as CLI11 reads them.
#pragma once

#include "cli/options.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

namespace thimble::cli {

// What every option and positional of every command fills in, and what to do in the end.
struct CommandLine {
  RunOptions chat;
  RunOptions run;
  std::string run_first;
  std::string run_second;
  CommonOptions info;
  TokenizeOptions tokenize;
  TokenizeOptions detokenize;
  TokenizeOptions render;
  LogitsOptions logits;
  PerplexityOptions perplexity;
  EmbedImageOptions embed;
  BenchOptions bench;
  ImportOptions import;
  PackOptions pack;
  ServeOptions serve;
  ChatsOptions chats;
  bool import_copy = false;  // the default, said aloud
  bool list_json = false;
  std::string shell;
  bool version_json = false;
  CommonOptions unused;  // of commands that take the options of all commands and need none of them
  std::vector<std::string*> positionals;
  std::function<int()> action;
};

// Adds all commands; what is said fills `line`, which must outlive `app`.
void AddCommands(CLI::App* app, CommandLine* line);

}  // namespace thimble::cli
