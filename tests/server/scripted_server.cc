// SPDX-License-Identifier: Apache-2.0
// `thimble serve` with replies from a script (reply_script.h): the real carrier, service, engine and sandbox over a
// model of any size, for tests of clients and of the page.
//
//   scripted_server MODEL SCRIPT.json [--port N] [--home FOLDER] [--api-key-file FILE] [--parallel N] [--context N]
//                   [--threads N] [--page built|test|none] [--keep-seconds N]
//
// Prints the line of `thimble serve --json` when it answers, and ends at SIGTERM. `--home` holds the page's token;
// without it the page's own routes are closed, and conversations are kept in memory. `--page`: the one that was built
// (else a small one of the tests), the small one, or none. `--keep-seconds`: how long answers that have ended can be
// read again (300).
#include "base/text.h"
#include "host/chat_store.h"
#include "host/find_model.h"
#include "host/model_shelf.h"
#include "memory_chat_store.h"
#include "reply_script.h"
#include "server/embedded_page.h"
#include "server/private_file.h"
#include "server/serve.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <unistd.h>

namespace thimble::server {

std::span<const service::PageFile> TestPageFiles();  // made from tests/server/page

namespace {

Server* running = nullptr;

void OnSignal(int /*signal*/) { running->Stop(); }

int Fail(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return 1;
}

struct Wanted {
  std::string model, script, home, key_file, page = "built";
  int port = 0, parallel = 4, context = 0, threads = 2, keep_seconds = 300;
};

bool ReadArguments(int count, char** texts, Wanted* wanted) {
  if (count < 3 || count % 2 == 0) return false;
  wanted->model = texts[1];
  wanted->script = texts[2];
  for (int i = 3; i + 1 < count; i += 2) {
    const std::string name = texts[i];
    std::string* const text = name == "--home"           ? &wanted->home
                              : name == "--api-key-file" ? &wanted->key_file
                              : name == "--page"         ? &wanted->page
                                                         : nullptr;
    if (text != nullptr) {
      *text = texts[i + 1];
      continue;
    }
    int* const number = name == "--port"           ? &wanted->port
                        : name == "--parallel"     ? &wanted->parallel
                        : name == "--context"      ? &wanted->context
                        : name == "--threads"      ? &wanted->threads
                        : name == "--keep-seconds" ? &wanted->keep_seconds
                                                   : nullptr;
    if (number == nullptr) return false;
    *number = std::atoi(texts[i + 1]);
  }
  return true;
}

Result<testing::ReplyScript> ReadScript(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error{Code::kNotFound, Cat("[script] there is no ", path)};
  return testing::ParseReplyScript(std::string(std::istreambuf_iterator<char>(file), {}));
}

const service::PageFiles* PageOf(const std::string& wanted) {
  static const EmbeddedPage small(TestPageFiles());
  if (wanted == "none") return nullptr;
  return wanted == "built" && BuiltPage() != nullptr ? BuiltPage() : &small;
}

void TellReady(const Server& server, const std::string& model, const std::string& token) {
  const Json line = Json::Object({{"url", Json::String(server.url())},
                                  {"port", Json::Integer(server.port())},
                                  {"pid", Json::Integer(getpid())},
                                  {"model", Json::String(model)},
                                  {"token", Json::String(token)}});
  std::printf("%s\n", line.Dump().c_str());
  std::fflush(stdout);
}

Result<Options> NetworkOptions(const Wanted& wanted, const service::PageFiles* page) {
  Options network;
  network.port = static_cast<std::uint16_t>(wanted.port);
  if (!wanted.home.empty()) {
    THIMBLE_ASSIGN_OR_RETURN(network.token, ReadToken(wanted.home, false));
  }
  if (!wanted.key_file.empty()) {
    THIMBLE_ASSIGN_OR_RETURN(network.keys, ApiKeys::Read(wanted.key_file));
  }
  network.takes_codes = page != nullptr;
  if (page != nullptr) {
    for (const service::PageFile& file : page->All()) {
      network.open_paths.emplace_back(file.path);
      if (file.type.starts_with("text/html")) network.pages.emplace_back(file.path);
    }
  }
  return network;
}

int Main(int count, char** texts) {
  Wanted wanted;
  if (!ReadArguments(count, texts, &wanted)) {
    std::fprintf(stderr, "scripted_server MODEL SCRIPT.json [--NAME VALUE...]: its source tells of the names\n");
    return 2;
  }
  const auto script = ReadScript(wanted.script);
  if (!script.ok()) return Fail(script.error());
  const service::PageFiles* const page = PageOf(wanted.page);
  const auto network = NetworkOptions(wanted, page);
  if (!network.ok()) return Fail(network.error());
  const auto server = Server::Listen(network.value());
  if (!server.ok()) return Fail(server.error());
  running = server.value().get();
  std::signal(SIGTERM, OnSignal);
  std::signal(SIGINT, OnSignal);
  std::signal(SIGPIPE, SIG_IGN);

  host::OpenOptions open;
  open.model = wanted.model;
  open.threads = wanted.threads;
  open.context = wanted.context;
  const std::string name = host::ShelfName(wanted.model, wanted.model);
  host::FileModelShelf shelf(open, name, nullptr);
  host::CodecPictureDecoder decoder(DecodeOptions{.max_jpeg_pixels = kLargestJpeg});
  testing::MemoryChatStore in_memory;
  std::unique_ptr<service::ChatStore> in_files;
  if (!wanted.home.empty()) {
    auto opened = host::OpenChatStore(wanted.home);
    if (!opened.ok() && opened.error().code != Code::kUnsupported) return Fail(opened.error());
    if (opened.ok()) in_files = std::move(opened).value();
  }
  ServeOptions serve;
  serve.service.version = "scripted";
  serve.service.chats = in_files != nullptr ? in_files.get() : &in_memory;
  serve.service.page = page;
  serve.service.kept.seconds = wanted.keep_seconds;
  serve.service.desk.model = name;
  serve.service.desk.parallel = wanted.parallel;
  serve.service.desk.filter_for = [&script](const service::Ask& ask, const service::LiveModel& model) {
    return testing::ScriptedFilter(script.value(), ask, model);
  };
  serve.sandbox.readable = {std::filesystem::absolute(wanted.model).parent_path().string(), "/dev/urandom"};
  if (!wanted.home.empty()) serve.sandbox.writable = {wanted.home};
  serve.ready = [&](const SandboxReport& /*report*/) { TellReady(*running, name, network.value().token); };
  const Status status = Serve(std::move(serve), running, &shelf, &decoder);
  return status.ok() ? 0 : Fail(status.error());
}

}  // namespace

}  // namespace thimble::server

int main(int count, char** texts) { return thimble::server::Main(count, texts); }
