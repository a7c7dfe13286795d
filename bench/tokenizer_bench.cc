// SPDX-License-Identifier: Apache-2.0
// Time to load a tokenizer, and megabytes of text a second on one core.
//   tokenizer_bench MODEL [TEXT...]      MODEL: a GGUF file or a Hugging Face folder; TEXT: UTF-8 files
// Beside the given files it measures two texts without a single space, which a careless merge takes hours for.
#include "host/open_model_file.h"
#include "text/tokenizer.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

constexpr int kRuns = 7;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Times {
  double median;
  double best;
  double worst;
};

template <typename Function>
Times Measure(Function function) {
  std::vector<double> seconds;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = std::chrono::steady_clock::now();
    function();
    seconds.push_back(SecondsSince(start));
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2], seconds.front(), seconds.back()};
}

void PrintEncode(const thimble::Tokenizer& tokenizer, const std::string& name, const std::string& text) {
  std::vector<std::int32_t> ids;
  const Times encode = Measure([&] {
    ids.clear();
    tokenizer.EncodeTo(text, thimble::AddedTokens::kRecognise, &ids);
  });
  const Times decode = Measure([&] { (void)tokenizer.Decode(ids, /*skip_special=*/false); });
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  std::printf("%-24s %8.3f MB %9zu tokens  encode %7.1f MB/s (%.1f to %.1f)  decode %7.1f MB/s\n", name.c_str(),
              megabytes, ids.size(), megabytes / encode.median, megabytes / encode.worst, megabytes / encode.best,
              megabytes / decode.median);
}

std::string Repeat(const std::string& text, std::size_t num_bytes) {
  std::string out;
  while (out.size() < num_bytes) out += text;
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: tokenizer_bench MODEL [TEXT...]\n");
    return 2;
  }
  const auto file = thimble::host::OpenModelFile(argv[1]);
  if (!file.ok()) {
    std::fprintf(stderr, "%s\n", file.error().message.c_str());
    return 4;
  }
  auto tokenizer = thimble::Tokenizer::FromModelFile(file.value());
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", tokenizer.error().message.c_str());
    return 4;
  }
  const Times open = Measure([&] { (void)thimble::host::OpenModelFile(argv[1]); });
  const Times load = Measure([&] { (void)thimble::Tokenizer::FromModelFile(file.value()); });
  std::printf("%d tokens; open the file %.3f s, load the tokenizer %.3f s (%.3f to %.3f)\n",
              tokenizer.value().num_tokens(), open.median, load.median, load.best, load.worst);

  for (int index = 2; index < argc; ++index) {
    std::ifstream stream(argv[index], std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    const std::string path = argv[index];
    PrintEncode(tokenizer.value(), path.substr(path.rfind('/') + 1), text);
  }
  PrintEncode(tokenizer.value(), "one letter", Repeat("a", 1'000'000));
  PrintEncode(tokenizer.value(), "Chinese without spaces",
              Repeat("\xE5\xA4\xA9\xE5\x9C\xB0\xE7\x8E\x84\xE9\xBB\x84", 1'000'000));
  return 0;
}
