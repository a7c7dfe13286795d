// SPDX-License-Identifier: Apache-2.0
// thimble logits and thimble perplexity: what the model thinks of given tokens.
#include "base/text.h"
#include "cli/input.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/reply_json.h"
#include "cli/terminal.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace thimble::cli {

namespace {

double LogSumExp(std::span<const float> logits) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - static_cast<double>(largest));
  return static_cast<double>(largest) + std::log(sum);
}

// One position's numbers: the largest logit (lowest id on ties), the log of the sum of exponentials, the top ones.
Json PositionJson(int index, std::span<const float> logits, const LogitsOptions& options) {
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto top = std::min(static_cast<std::size_t>(std::max(options.top, 1)), order.size());
  const auto is_before = [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)];
    const float y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top), order.end(), is_before);
  std::vector<Json> best;
  for (std::size_t i = 0; i < std::min(top, static_cast<std::size_t>(std::max(options.top, 0))); ++i) {
    best.push_back(Json::Array({Json::Integer(order[i]), FloatJson(logits[static_cast<std::size_t>(order[i])])}));
  }
  Json json = Json::Object({{"index", Json::Integer(index)},
                            {"argmax", Json::Integer(order[0])},
                            {"max", FloatJson(logits[static_cast<std::size_t>(order[0])])},
                            {"logsumexp", Json::Float(LogSumExp(logits))},
                            {"top", Json::Array(std::move(best))}});
  if (options.full) {
    std::vector<Json> all;
    all.reserve(logits.size());
    for (const float x : logits) all.push_back(FloatJson(x));
    json.Set("logits", Json::Array(std::move(all)));
  }
  return json;
}

// One position for people: the likeliest tokens, one a line.
void PrintPosition(const Json& position, const Tokenizer& tokenizer) {
  std::printf("position %s\n", position.Find("index")->text().c_str());
  for (const Json& entry : position.Find("top")->items()) {
    const auto id = static_cast<std::int32_t>(entry.items()[0].AsInt().value_or(0));
    std::printf("  %7d  %9.4f  %s\n", id, entry.items()[1].AsDouble().value_or(NAN),
                QuoteBytes(tokenizer.TokenBytes(id)).c_str());
  }
}

Status CheckInput(const LogitsOptions& options) {
  const int given =
      (options.input.ids.empty() ? 0 : 1) + (options.input.messages.empty() ? 0 : 1) + (options.has_prompt ? 1 : 0);
  if (given != 1) return Error{Code::kInvalid, "[logits] give one of --ids, --prompt and --messages"};
  if (options.full && !options.common.json) return Error{Code::kInvalid, "[logits] --full goes with --json"};
  return CheckStandardInput(options.input, false);
}

}  // namespace

int Logits(const LogitsOptions& options) {
  if (auto status = CheckInput(options); !status.ok()) return Fail(status.error());
  if (auto model = ResolveModel(options.common.model); !model.ok()) return Fail(model.error());
  FileSettings file;
  auto request = BuildRequest(options.input, options.common, Purpose::kMeasurement, &file);
  if (!request.ok()) return Fail(request.error());
  CommonOptions common = options.common;
  if (common.context == 0) common.context = file.context;
  auto engine = OpenEngine(common);
  if (!engine.ok()) return Fail(engine.error());
  auto session = engine.value()->NewSession();
  if (!session.ok()) return Fail(session.error());
  // Written position by position: every logit of a long prompt would take gigabytes as one JSON value.
  bool is_first = true;
  const auto on_row = [&](int index, std::span<const float> logits) {
    const Json position = PositionJson(index, logits, options);
    if (options.common.json) {
      const bool goes_on = Write((is_first ? "{\"positions\":[" : ",") + position.Dump());
      is_first = false;
      return goes_on;
    }
    PrintPosition(position, engine.value()->tokenizer());
    return std::ferror(stdout) == 0;
  };
  auto tokens = session.value()->Evaluate(request.value(),
                                          options.positions == "all" ? LogitRows::kAll : LogitRows::kLast, on_row);
  const bool is_written = std::ferror(stdout) == 0 &&
                          (!tokens.ok() || !options.common.json || Write(Cat("],\"tokens\":", tokens.value(), "}\n")));
  if (!is_written) return Fail(Error{Code::kSystem, "[output] standard output could not be written"});
  if (!tokens.ok()) return Fail(tokens.error());
  WarnUnreadInput("--messages - reads a conversation from it");
  return kExitOk;
}

int Perplexity(const PerplexityOptions& options) {
  CommonOptions common = options.common;
  common.context = options.common.context > 0 ? options.common.context : 512;
  if (common.context < 2) return Fail(Error{Code::kInvalid, "[perplexity] --context must be at least 2"});
  if (auto model = ResolveModel(common.model); !model.ok()) return Fail(model.error());
  auto text = ReadTextFile(options.file, NulBytes::kKeep);
  if (!text.ok()) return Fail(text.error());
  auto engine = OpenEngine(common);
  if (!engine.ok()) return Fail(engine.error());
  const int window = engine.value()->context();  // at most what the model was made for
  if (window < 2) {
    return Fail(Error{Code::kUnsupported,
                      Cat("[perplexity] windows need at least 2 tokens, one to predict the other; the model's context "
                          "is ",
                          window)});
  }
  auto session = engine.value()->NewSession();
  if (!session.ok()) return Fail(session.error());
  const std::vector<std::int32_t> ids = engine.value()->tokenizer().Encode(text.value(), AddedTokens::kPlainText);
  if (ids.size() < 2)
    return Fail(Error{Code::kInvalid,
                      Cat("[perplexity] ", options.file, " has ", ids.size(), " tokens, at least 2 are needed")});
  ProgressBar bar("reading");
  double nll = 0;
  std::int64_t scored = 0;
  // Windows do not overlap, each begins with a fresh state, and its first token is not scored.
  for (std::size_t first = 0; first + 1 < ids.size(); first += static_cast<std::size_t>(window)) {
    GenerateRequest request;
    const std::size_t end = std::min(ids.size(), first + static_cast<std::size_t>(window));
    request.prompt = PromptIds{
        {ids.begin() + static_cast<std::ptrdiff_t>(first), ids.begin() + static_cast<std::ptrdiff_t>(end)}, {}};
    auto done = session.value()->Evaluate(request, LogitRows::kAll, [&](int index, std::span<const float> logits) {
      const std::size_t next = first + static_cast<std::size_t>(index) + 1;
      if (next < end) {
        nll += LogSumExp(logits) - static_cast<double>(logits[static_cast<std::size_t>(ids[next])]);
        ++scored;
      }
      bar.Show(static_cast<double>(next) / static_cast<double>(ids.size()));
      return true;
    });
    if (!done.ok()) return Fail(done.error());
  }
  bar.Clear();
  const double mean = nll / static_cast<double>(scored);
  if (options.common.json) {
    return PrintJson(Json::Object(
        {{"tokens", Json::Integer(scored)}, {"nll", Json::Float(mean)}, {"perplexity", Json::Float(std::exp(mean))}}));
  }
  std::printf("%lld tokens scored, %.5f nats each, perplexity %.4f\n", static_cast<long long>(scored), mean,
              std::exp(mean));
  return kExitOk;
}

}  // namespace thimble::cli
