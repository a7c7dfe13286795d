// SPDX-License-Identifier: Apache-2.0
// What the command line says, as plain values; main.cc fills them, one file per command acts on them.
#pragma once

#include "sampling/sampler.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace thimble::cli {

// Options that every command with a model has.
struct CommonOptions {
  std::string model;
  std::string mmproj;
  int threads = 0;
  int context = 0;
  bool exact = false;
  std::string kv = "f16";
  std::string head = "full";
  bool verbose = false;
  bool json = false;
  std::string isa;
  std::string pack_cache;  // "on", "off", "auto"; empty: as THIMBLE_PACK_CACHE says
  std::optional<std::int64_t> min_pixels;
  std::optional<std::int64_t> max_pixels;
  std::int64_t max_image_pixels = 100'000'000;
  std::string detail;          // "low", "auto", "high"; empty: auto in conversations
  std::string alpha;           // "white", "drop"; empty: white in conversations
  bool shrinks_jpegs = false;  // those above max_image_pixels; in conversations
};

// What the model is asked.
struct InputOptions {
  std::string prompt;
  std::string ids;       // "1,2,3"
  std::string messages;  // file or "-"
  std::vector<std::string> images;
  std::string frames;  // folder of a video's pictures
  double fps = 0;
  bool all_frames = false;
  std::string system;
  std::string tools;  // JSON file
};

struct GenerateOptions {
  SamplerHints sampling;
  std::vector<std::string> logit_bias;  // "ID=X"
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;
  int max_tokens = 0;
  std::string think;  // "on", "off", "auto"; empty: as the request says
  std::optional<int> think_budget;
  bool no_loop_guard = false;
  bool ignore_eos = false;
  std::string schema;  // JSON file
};

struct RunOptions {
  CommonOptions common;
  InputOptions input;
  GenerateOptions generate;
  std::vector<std::string> positionals;
  std::string when_full = "window";  // chat: "window", "stop"
  bool continues = false;            // chat: with the newest one that was kept
  std::string resume;                // chat: id or title of one that was kept
  bool keeps_nothing = false;        // chat
};

struct LogitsOptions {
  CommonOptions common;
  InputOptions input;
  bool has_prompt = false;
  std::string positions = "last";
  int top = 10;
  bool full = false;
};

struct TokenizeOptions {
  CommonOptions common;
  std::string text;
  bool has_text = false;
  bool jsonl = false;
  bool plain = false;  // tokenize: added tokens in the text are ordinary characters; detokenize: leave them out
};

struct PerplexityOptions {
  CommonOptions common;
  std::string file;
};

struct EmbedImageOptions {
  CommonOptions common;
  std::string file;
};

struct BenchOptions {
  CommonOptions common;
  int prompt = 256;   // tokens to read; 0: none
  int decode = 32;    // tokens to decode; 0: none
  int depth = 0;      // tokens in the context before decoding
  std::string image;  // "768x512"; empty: no picture
  int repeat = 5;
  int sessions = 0;        // conversations that write at once; 0: not measured
  bool calibrate = false;  // measure thread counts anew
};

struct ImportOptions {
  std::string path;
  std::string mmproj;  // the vision file that comes along; empty: the one found beside the model
  std::string name;
  bool link = false;
  bool json = false;
};

struct ServeOptions {
  CommonOptions common;
  std::string host;  // an address to listen on; empty: this machine only
  int port = 17741;  // 0: any that is free
  std::string key_file;
  std::vector<std::string> allow_hosts;
  std::vector<std::string> allow_origins;
  bool has_no_page = false;
  std::string page_folder;  // --page-only: its page is given out, and nothing else is done
  bool opens_no_browser = false;
  int parallel = 4;
  int queue = 64;
  std::optional<double> idle_minutes;  // 0: never; unset: by the model's size
  bool is_strict = false;
  bool new_token = false;
  bool checks_sandbox = false;
};

struct ChatsOptions {
  std::string search;
  std::string remove;     // id
  std::string export_id;  // id
  std::string format;     // of the export: "markdown", "json"
  bool json = false;
};

struct PackOptions {
  CommonOptions common;
  std::string out;
  bool vision = false;  // the vision file's pack, in place of the model's
};

// Each returns the process's exit status.
int Run(RunOptions options);
int RunChat(const RunOptions& options);
int Logits(const LogitsOptions& options);
int Tokenize(const TokenizeOptions& options);
int Detokenize(const TokenizeOptions& options);
int RenderLines(const TokenizeOptions& options);
int Info(const CommonOptions& options);
int Perplexity(const PerplexityOptions& options);
int EmbedImage(const EmbedImageOptions& options);
int RunBench(const BenchOptions& options);
int List(bool json);
int ListChats(const ChatsOptions& options);
int Import(const ImportOptions& options);
int Pack(const PackOptions& options);
int Serve(const ServeOptions& options);
int Version(bool json);

}  // namespace thimble::cli
