// SPDX-License-Identifier: Apache-2.0
// From options to an engine and a request.
#pragma once

#include "base/outside_text.h"
#include "base/result.h"
#include "cli/options.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "host/find_model.h"
#include "host/thread_choice.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::cli {

// How many threads these options mean on this machine: --threads at its word, else the choice that threads.json in
// host::CacheFolder() holds, else measured, as `when` says. Errors of a wrong --isa, and kCancelled.
Result<host::ThreadChoice> ThreadsFor(const CommonOptions& options, host::MeasureThreadsWhen when);
// What the options of every command say about opening a model; MODEL is resolved. Threads are as --threads says only.
Result<host::OpenOptions> ToOpenOptions(const CommonOptions& options);
// Opens the model with a progress bar; prints warnings. Stops (kCancelled) on a Ctrl-C that an InterruptGuard caught.
// Threads are ThreadsFor(options, kNeeded). `beginnings_bytes` as EngineOptions': what answers once remembers nothing.
Result<std::shared_ptr<const Engine>> OpenEngine(const CommonOptions& options, std::uint64_t beginnings_bytes = 0);

// All of standard input, at most 256 MiB.
Result<std::string> ReadStandardInput();
// The same as text (base/outside_text.h).
Result<std::string> ReadStandardText();
// A text file of at most 1 GiB, or standard input for "-".
Result<std::string> ReadTextFile(const std::string& path, NulBytes nul_bytes = NulBytes::kRefuse);
// Says so where standard input is a pipe or a file with bytes that nobody read. Neither reads nor waits.
void WarnUnreadInput(std::string_view advice);
// kInvalid when more than one thing is to be read from standard input.
Status CheckStandardInput(const InputOptions& input, bool prompt_takes_it);

Result<std::vector<std::int32_t>> ParseIds(const std::string& text);

// What a request is for. Pictures of conversations are made to fit (--detail) and have white under what is transparent;
// measurements read them as the reference does, and so does --exact.
enum class Purpose { kConversation, kMeasurement };
// The options with what a conversation takes where nothing was said: white under what is transparent, but for --exact.
CommonOptions ForConversation(CommonOptions common);
// The detail that pictures of a conversation are read with: kFile where --exact, --min-pixels or --max-pixels rule.
Detail ChooseDetail(const CommonOptions& common);

// What a file of --messages says beside what a request holds.
struct FileSettings {
  int context = 0;                // tokens; 0: nothing
  std::vector<std::string> keys;  // of its settings, in the file's own words
};

// The part of a request that says what to read: ids, conversation or prompt, with pictures; and how to write, as far as
// a file of --messages says so. Warns of what such a file says in vain.
Result<GenerateRequest> BuildRequest(const InputOptions& input, const CommonOptions& common, Purpose purpose,
                                     FileSettings* from_file = nullptr);
// The part that says how to write, over what the request says already. kInvalid for numbers that are none.
Status ApplyGenerate(const GenerateOptions& options, GenerateRequest* request);

}  // namespace thimble::cli
