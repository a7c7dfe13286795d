// SPDX-License-Identifier: Apache-2.0
// Reads a prompt of PROMPT tokens and then DECODE single ones, each of these with its logits, in one thread:
//   model_tokens MODEL PROMPT DECODE
// MODEL is a GGUF file or a whole pack. Prints nothing: tokens.py runs it under an emulator that counts instructions.
#include "engine/engine.h"
#include "measure/bench.h"
#include "sys/byte_source.h"

#include <charconv>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

namespace {

using namespace thimble;

Status ReadTokens(const char* path, int prompt, int decode) {
  THIMBLE_ASSIGN_OR_RETURN(auto source, MapFile(path));
  THIMBLE_ASSIGN_OR_RETURN(auto text, ModelFile::FromGguf(std::move(source), path));
  ModelFiles files;
  files.text = std::make_shared<const ModelFile>(std::move(text));
  EngineOptions options;
  options.threads = 1;
  options.context = prompt + decode;
  options.beginnings_bytes = 0;
  THIMBLE_ASSIGN_OR_RETURN(auto engine, Engine::Open(files, options));
  THIMBLE_ASSIGN_OR_RETURN(const auto bench, Bench::Create(std::move(engine), options.context, {}));
  THIMBLE_RETURN_IF_ERROR(bench->Fill(prompt));
  THIMBLE_ASSIGN_OR_RETURN(const double seconds, bench->Decode(decode));
  (void)seconds;
  return Done{};
}

// -1 where that is no number from 0 to 4096.
int NumberOf(std::string_view text) {
  int number = -1;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && number <= 4096 ? number : -1;
}

}  // namespace

int main(int argc, char** argv) {
  const int prompt = argc == 4 ? NumberOf(argv[2]) : -1;
  const int decode = argc == 4 ? NumberOf(argv[3]) : -1;
  if (prompt < 0 || decode < 0 || prompt + decode == 0) {
    std::fputs("model_tokens MODEL PROMPT DECODE, both of them numbers from 0 to 4096\n", stderr);
    return 2;
  }
  const Status status = ReadTokens(argv[1], prompt, decode);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.error().message.c_str());
  return status.ok() ? 0 : 1;
}
