// SPDX-License-Identifier: Apache-2.0
#include "cli/shell_completion.h"

#include "base/text.h"

#include <vector>

namespace thimble::cli {

namespace {

constexpr std::string_view kBegin = R"(# bash completion for thimble, as `thimble completion bash` prints it
_thimble() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command= options= values= word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word != -* ]]; then command=$word; break; fi
  done
)";

// Where no option's value and no option is asked for, it is a model, a file or a text: the shell offers paths by
// itself.
constexpr std::string_view kEnd = R"(  if [[ $current == -* ]]; then
    values=$options
  elif [[ -z $values && -n $command ]]; then
    values=$("${COMP_WORDS[0]}" list 2>/dev/null | cut -d ' ' -f 1)
  fi
  COMPREPLY=($(compgen -W "$values" -- "$current"))
}
complete -o default -o bashdefault -F _thimble thimble
)";

std::string Joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += Cat(line.empty() ? "" : " ", word);
  return line;
}

// The long names of all options that --help shows.
std::string OptionsOf(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return Joined(names);
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::vector<std::string> commands;
  std::string cases;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(command->get_name());
    cases += Cat("    ", command->get_name(), ") options=\"", OptionsOf(*command), "\" ;;\n");
  }
  return Cat(kBegin, "  case $command in\n    '') values=\"", Joined(commands), "\"; options=\"", OptionsOf(app),
             "\" ;;\n", cases,
             "  esac\n"
             "  case $previous in\n"
             "    --think) COMPREPLY=($(compgen -W 'on off auto' -- \"$current\")); return ;;\n"
             "    --format) COMPREPLY=($(compgen -W 'markdown json' -- \"$current\")); return ;;\n"
             "    --resume | --delete | --export) return ;;\n"
             "    --positions) COMPREPLY=($(compgen -W 'last all' -- \"$current\")); return ;;\n"
             "    --image | --frames | --messages | --tools | --schema | --mmproj) return ;;\n"
             "  esac\n",
             kEnd);
}

}  // namespace thimble::cli
