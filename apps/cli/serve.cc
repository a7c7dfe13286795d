// SPDX-License-Identifier: Apache-2.0
// thimble serve: the API that programs expect, and the page, on this machine.
#include "server/serve.h"
#include "base/text.h"
#include "cli/input.h"
#include "cli/model_name.h"
#include "cli/open_browser.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "host/chat_store.h"
#include "host/model_shelf.h"
#include "host/model_store.h"
#include "host/pack_files.h"
#include "host/store.h"
#include "server/api_keys.h"
#include "server/embedded_page.h"
#include "server/folder_page.h"
#include "server/opening_code.h"
#include "server/private_file.h"
#include "server/running_mark.h"
#include "server/sandbox.h"
#include "server/server.h"
#include "sys/machine.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>

namespace thimble::cli {

namespace {

// Models above this give their memory back after a quarter of an hour, where a pack cache makes opening them quick.
constexpr std::uint64_t kLargeModel = std::uint64_t{1} << 30;
constexpr double kIdleMinutes = 15;

server::Server* running = nullptr;

void StopServer(int /*signal*/) {
  if (running != nullptr) running->Stop();
}

// SIGINT and SIGTERM end the server as long as this lives.
class StopOnSignal {
 public:
  explicit StopOnSignal(server::Server* server) {
    running = server;
    std::signal(SIGINT, StopServer);
    std::signal(SIGTERM, StopServer);
    std::signal(SIGPIPE, SIG_IGN);
  }
  ~StopOnSignal() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    running = nullptr;
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
};

std::string FolderOf(const std::string& path) {
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) return path;
  const auto folder = std::filesystem::absolute(path, none).parent_path();
  return folder.empty() ? "/" : folder.string();
}

// Files of the store's models that lie elsewhere (thimble import --link), which may be changed to later.
void AddLinked(const std::string& folder, int levels, std::vector<std::string>* readable) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.is_symlink(error)) {
      const auto aim = std::filesystem::canonical(entry.path(), error);
      if (!error) readable->push_back(aim.string());
    } else if (levels > 1 && entry.is_directory(error)) {
      AddLinked(entry.path().string(), levels - 1, readable);
    }
  }
}

server::SandboxRules RulesFor(const host::OpenOptions& open) {
  server::SandboxRules rules;
  rules.writable = {host::StoreHome(), host::ModelsFolder()};
  if (const std::string cache = host::CacheFolder(); !cache.empty()) rules.writable.push_back(cache);
  rules.readable = {FolderOf(open.model), "/dev/urandom"};
  if (!open.mmproj.empty()) rules.readable.push_back(FolderOf(open.mmproj));
  if (const auto builtin = host::FindBuiltinModel(); builtin.has_value())
    rules.readable.push_back(FolderOf(builtin->path));
  AddLinked(host::ModelsFolder(), 2, &rules.readable);
  // A pack cache beside the model, where it is wanted.
  if (open.pack_cache.store != nullptr) rules.writable.push_back(FolderOf(open.model));
  return rules;
}

int PrintProbes(const std::vector<server::SandboxProbe>& probes) {
  Json found = Json::Object();
  for (const server::SandboxProbe& probe : probes) found.Set(probe.name, Json::Integer(probe.error));
  if (const int status = PrintJson(found); status != kExitOk) return status;
  return server::AllRefused(probes) ? kExitOk : kExitUnexpected;
}

int CheckSandbox(const host::OpenOptions& open) {
  auto check = server::SandboxCheck::Prepare();
  if (!check.ok()) return Fail(check.error());
  server::SandboxReport report;
  server::RestrictFiles(RulesFor(open), &report);
  server::RestrictCalls(&report);
  for (const std::string& sentence : report.lacks) Warn(sentence);
  return PrintProbes(check.value()->Try());
}

const service::PageFiles* PageOf(const ServeOptions& options) {
  return options.has_no_page ? nullptr : server::BuiltPage();
}

// The token behind '#' goes to the page, and in no request.
std::string PageAddress(const std::string& url, const std::string& token) { return Cat(url, "/#token=", token); }

// What opens the page, for the eyes of others: a browser's arguments can be read as long as it runs. Servers that other
// machines reach take no codes.
std::string OpeningAddress(const std::string& url, const std::string& token) {
  const bool is_local = url.starts_with("http://127.") || url.starts_with("http://[::1]");
  const auto code = server::DrawOpeningCode(token, static_cast<std::int64_t>(std::time(nullptr)));
  return is_local && code.ok() ? Cat(url, "/#code=", code.value()) : PageAddress(url, token);
}

// In a browser where somebody sits before one, else in words.
void ShowPage(const ServeOptions& options, const std::string& url, const std::string& token) {
  if (PageOf(options) == nullptr || options.common.json) return;
  const std::string address = PageAddress(url, token);
  const bool is_open = !options.opens_no_browser && CanOpenBrowser() && OpenBrowser(OpeningAddress(url, token));
  Say(is_open ? Cat("your browser opens the page: ", url) : Cat("the page: ", address));
}

Result<server::Options> NetworkOptions(const ServeOptions& options) {
  server::Options network;
  if (!options.host.empty()) network.addresses = {options.host};
  network.port = static_cast<std::uint16_t>(options.port);
  network.allow_hosts = options.allow_hosts;
  network.allow_origins = options.allow_origins;
  if (const service::PageFiles* const page = PageOf(options); page != nullptr) {
    for (const service::PageFile& file : page->All()) {
      network.open_paths.emplace_back(file.path);
      if (file.type.starts_with("text/html")) network.pages.emplace_back(file.path);
    }
  }
  network.takes_codes = PageOf(options) != nullptr;
  if (!options.key_file.empty()) {
    THIMBLE_ASSIGN_OR_RETURN(network.keys, server::ApiKeys::Read(host::ExpandHome(options.key_file)));
  }
  THIMBLE_ASSIGN_OR_RETURN(network.token, server::ReadToken(host::StoreHome(), options.new_token));
  return network;
}

double IdleSeconds(const ServeOptions& options, const host::OpenOptions& open) {
  if (options.idle_minutes.has_value()) return *options.idle_minutes * 60;
  std::error_code none;
  const auto bytes = std::filesystem::file_size(open.model, none);
  const bool is_large = !none && bytes > kLargeModel && open.pack_cache.store != nullptr;
  return is_large ? kIdleMinutes * 60 : 0;
}

// Where packs lie: beside the store's models, and in the folder for caches. Those of models that lie elsewhere are
// their owner's business.
std::vector<std::string> PackFolders() {
  std::vector<std::string> folders{host::ModelsFolder()};
  if (std::string cache = host::CacheFolder(); !cache.empty()) folders.push_back(std::move(cache));
  return folders;
}

// Of the models that `open` opens from now on.
std::shared_ptr<const host::WatchedPacks> WatchPacks(host::OpenOptions* open) {
  if (open->pack_cache.store == nullptr) return nullptr;
  auto packs = std::make_shared<const host::WatchedPacks>(open->pack_cache.store);
  open->pack_cache.store = packs;
  return packs;
}

// Programs are answered without it, too: nullptr, and why.
std::unique_ptr<service::ChatStore> OpenHistory(std::string* why_none) {
  auto opened = host::OpenChatStore(host::StoreHome());
  if (opened.ok()) return std::move(opened).value();
  *why_none = Cat("Conversations are not kept: ", opened.error().message);
  Warn(*why_none);
  return nullptr;
}

void TellReady(const ServeOptions& options, const std::string& model, const server::Server& server,
               const std::string& token, const server::SandboxReport& report) {
  if (options.common.json) {
    (void)PrintJson(Json::Object({{"url", Json::String(server.url())},
                                  {"port", Json::Integer(server.port())},
                                  {"pid", Json::Integer(getpid())},
                                  {"model", Json::String(model)},
                                  {"token", Json::String(token)}}));
    std::fflush(stdout);
    return;
  }
  Say(Cat(model, " answers at ", server.url(), "/v1 (OpenAI's API) and ", server.url(), " (Anthropic's)"));
  Say(Cat("try: curl ", server.url(),
          "/v1/chat/completions -H 'Content-Type: application/json' -d '{\"messages\": [{\"role\": \"user\", "
          "\"content\": \"Hello!\"}]}'"));
  Say(server::DescribeSandbox(report));
  for (const std::string& sentence : report.lacks) Say(sentence);
  Say("Ctrl-C ends it");
}

// The port is taken: by a server of the same user's, which is as good, or by something else.
int PortIsTaken(const ServeOptions& options, const server::Options& network, const Error& error) {
  const auto url = server::RunningMark::Find(host::StoreHome(), network.port);
  if (!url.has_value()) return Fail(Error{error.code, error.message + "; --port N chooses another"});
  if (options.common.json) {
    return PrintJson(Json::Object(
        {{"url", Json::String(*url)}, {"port", Json::Integer(network.port)}, {"token", Json::String(network.token)}}));
  }
  Say(Cat("your server is running already: ", *url, "; --port N starts another one beside it"));
  ShowPage(options, *url, network.token);
  return kExitOk;
}

void ShowPageOnly(const ServeOptions& options, const server::Server& server, const server::SandboxReport& report) {
  if (options.common.json) {
    (void)PrintJson(Json::Object({{"url", Json::String(server.url())},
                                  {"port", Json::Integer(server.port())},
                                  {"pid", Json::Integer(getpid())}}));
    std::fflush(stdout);
    return;
  }
  Say(Cat("the page is at ", server.url(), "/ and computes in the browser; once it is open, it needs this no more"));
  Say(server::DescribeSandbox(report));
  Say("Ctrl-C ends it");
}

// The page with the engine inside, for a browser on this machine; as any host of plain files would give it.
int ServePageOnly(const ServeOptions& options) {
  const auto page = server::FolderPage::Open(host::ExpandHome(options.page_folder));
  if (!page.ok()) return Fail(page.error());
  server::Options network;
  if (!options.host.empty()) network.addresses = {options.host};
  network.port = static_cast<std::uint16_t>(options.port);
  network.allow_hosts = options.allow_hosts;
  for (const service::PageFile& file : page.value()->All()) network.open_paths.emplace_back(file.path);
  const auto listening = server::Server::Listen(network);
  if (!listening.ok())
    return Fail(Error{listening.error().code, listening.error().message + "; --port N chooses another"});
  server::Server& server = *listening.value();
  const StopOnSignal stop(&server);
  const bool opens = !options.common.json && !options.opens_no_browser && CanOpenBrowser();
  if (opens) (void)OpenBrowser(Cat(server.url(), "/"));
  server::SandboxReport report;
  server::RestrictFiles({}, &report);
  server::RestrictCalls(&report);
  ShowPageOnly(options, server, report);
  const auto handler = server::GivePage(page.value().get());
  server.Run(handler.get());
  return kExitOk;
}

}  // namespace

int Serve(const ServeOptions& options) {
  if (!options.page_folder.empty()) return ServePageOnly(options);
  auto open = ToOpenOptions(options.common);
  if (!open.ok()) return Fail(open.error());
  if (options.checks_sandbox) return CheckSandbox(open.value());
  auto network = NetworkOptions(options);
  if (!network.ok()) return Fail(network.error());
  const auto threads = ThreadsFor(options.common, host::MeasureThreadsWhen::kNeeded);
  if (!threads.ok()) return Fail(threads.error());
  open.value().threads = threads.value().threads;

  auto listening = server::Server::Listen(network.value());
  if (!listening.ok() && listening.error().code == Code::kSystem)
    return PortIsTaken(options, network.value(), listening.error());
  if (!listening.ok()) return Fail(listening.error());
  server::Server& server = *listening.value();
  const StopOnSignal stop(&server);
  const auto mark = server::RunningMark::Leave(host::StoreHome(), server.port(), server.url());
  if (!mark.ok()) return Fail(mark.error());

  // Before the sandbox, which starts no programs.
  ShowPage(options, server.url(), network.value().token);

  const auto packs = WatchPacks(&open.value());
  const std::string name = host::ShelfName(options.common.model, open.value().model);
  host::FileModelShelf shelf(open.value(), name, [](const Engine& engine) {
    for (const std::string& warning : engine.warnings()) Warn(warning);
  });
  DecodeOptions decode;
  decode.max_pixels = options.common.max_image_pixels;
  decode.alpha = options.common.alpha == "drop" ? Alpha::kDrop : Alpha::kWhite;
  decode.max_jpeg_pixels = options.common.exact ? 0 : kLargestJpeg;
  host::CodecPictureDecoder decoder(decode);

  host::FileModelStore store;
  if (!options.common.json)
    Say(Cat("opening ", name, "; ", server.url(), " is there already, and answers when it is open"));
  server::ServeOptions serve;
  serve.service.store = &store;
  serve.service.page = PageOf(options);
  const auto history = OpenHistory(&serve.service.why_no_chats);
  serve.service.chats = history.get();
  serve.service.pack_bytes = [] { return host::PackBytes(PackFolders()); };
  serve.service.delete_packs = [packs] { return host::DeletePacks(PackFolders(), packs.get()); };
  serve.service.version = THIMBLE_VERSION;
  serve.service.desk.model = name;
  serve.service.desk.parallel = options.parallel;
  serve.service.desk.queue = options.queue;
  serve.service.desk.is_strict = options.is_strict;
  serve.service.desk.idle_seconds = IdleSeconds(options, open.value());
  serve.sandbox = RulesFor(open.value());
  serve.ready = [&](const server::SandboxReport& report) {
    TellReady(options, name, server, network.value().token, report);
  };
  const Status status = server::Serve(std::move(serve), &server, &shelf, &decoder);
  return status.ok() ? kExitOk : Fail(status.error());
}

}  // namespace thimble::cli
