// SPDX-License-Identifier: Apache-2.0
// The TCP carrier with a handler that does what its tests ask for: no model, no service. Writes a line of JSON when it
// listens, and ends at SIGTERM.
#include "base/text.h"
#include "files/json.h"
#include "server/private_file.h"
#include "server/sandbox.h"
#include "server/server.h"
#include "service/error_form.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <map>
#include <mutex>
#include <thread>

namespace thimble::server {

namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t Asked(const std::string& query, const std::string& name, std::uint64_t otherwise) {
  const std::size_t found = ("&" + query).find("&" + name + "=");
  return found == std::string::npos ? otherwise : std::strtoull(query.c_str() + found + name.size() + 1, nullptr, 10);
}

// What a page of the server's own does: asks it, and shows the answer.
constexpr std::string_view kPageScript = R"(
fetch('/echo', {method: 'POST', headers: {'content-type': 'application/json'}, body: '{}'})
  .then((answer) => answer.json(), (error) => ({bytes: String(error)}))
  .then((answer) => { document.querySelector('p').textContent = `asked: ${answer.bytes}`; });
)";

class Counter : public service::BodyReceiver {
 public:
  Counter(std::uint64_t most, int failure_status) : most_(most), failure_status_(failure_status) {}
  Status Take(std::span<const std::uint8_t> piece) override {
    count_ += piece.size();
    if (count_ > most_) return Error{Code::kInvalid, "[upload] this is no such file"};
    return Done{};
  }
  [[nodiscard]] int FailureStatus() const override { return failure_status_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::uint64_t most_;
  int failure_status_;
  std::uint64_t count_ = 0;
};

struct Job {
  service::RequestId id = 0;
  std::string path;
  std::string query;
  std::shared_ptr<service::AnswerSink> sink;
  bool has_begun = false;
  std::uint64_t num_parts = 0;
  Clock::time_point next;
};

// Answers of these paths come from another thread, as a service's do: /slow (parts, ms), /endless, /deaf (does not look
// at IsFull), /never, /late.
class TestHandler : public service::Handler {
 public:
  TestHandler() : thread_([this] { Work(); }) {}
  ~TestHandler() override {
    stops_.store(true);
    thread_.join();
  }

  service::BodyRule Expect(const service::Request& head) override {
    service::BodyRule rule;
    rule.most_bytes = 1 << 20;
    if (head.path == "/nothing") {
      service::Fault fault;
      fault.status = 404;
      fault.message = "there is nothing";
      rule.refusal = MakeError(head.path, fault);
    }
    if (head.path == "/thimble/v1/upload") {
      rule.most_bytes = std::uint64_t{64} << 20;
      rule.receiver = std::make_unique<Counter>(Asked(head.query, "most", rule.most_bytes),
                                                static_cast<int>(Asked(head.query, "status", 0)));
    }
    return rule;
  }

  service::RequestId Submit(service::Request request, std::unique_ptr<service::BodyReceiver> received,
                            std::shared_ptr<service::AnswerSink> sink) override {
    const service::RequestId id = ++num_submitted_;
    for (const char* path : {"/slow", "/endless", "/deaf", "/never", "/late"}) {
      if (request.path != path) continue;
      const std::lock_guard lock(mutex_);
      Job job;
      job.id = id;
      job.path = request.path;
      job.query = request.query;
      job.sink = std::move(sink);
      jobs_.push_back(std::move(job));
      return id;
    }
    Json answer = Json::Object();
    if (request.path == "/counts") {
      answer.Set("submitted", Json::Integer(static_cast<std::int64_t>(num_submitted_.load())));
      answer.Set("cancelled", Json::Integer(static_cast<std::int64_t>(num_cancelled_.load())));
      answer.Set("written", Json::Integer(static_cast<std::int64_t>(num_written_.load())));
    } else if (request.path == "/page") {
      return AnswerWhole(sink.get(), id, "text/html",
                         "<!doctype html><title>page</title><p></p><script src=/page.js></script>");
    } else if (request.path == "/page.js") {
      return AnswerWhole(sink.get(), id, "text/javascript", kPageScript);
    } else if (request.path == "/whole") {
      sink->Begin(200, {{"content-type", "text/plain"}, {"x-bad", "a\r\nx-split: 1"}});
      sink->Part(std::string(Asked(request.query, "bytes", 1), 'w'));
      sink->End();
      return id;
    } else {
      answer = Echo(request, received.get());
    }
    sink->Begin(200, {{"content-type", "application/json"}});
    sink->Part(answer.Dump());
    sink->End();
    return id;
  }

  void Cancel(service::RequestId id) override {
    const std::lock_guard lock(mutex_);
    for (auto job = jobs_.begin(); job != jobs_.end(); ++job) {
      if (job->id != id) continue;
      jobs_.erase(job);
      ++num_cancelled_;
      return;
    }
  }

 private:
  static service::RequestId AnswerWhole(service::AnswerSink* sink, service::RequestId id, const char* type,
                                        std::string_view body) {
    sink->Begin(200, {{"content-type", type}});
    sink->Part(body);
    sink->End();
    return id;
  }

  static Json Echo(const service::Request& request, const service::BodyReceiver* received) {
    Json answer = Json::Object();
    answer.Set("method", Json::String(request.method));
    answer.Set("path", Json::String(request.path));
    answer.Set("query", Json::String(request.query));
    Json headers = Json::Array();
    for (const auto& header : request.headers)
      headers.items().push_back(Json::String(ReplaceInvalidUtf8(header.name + ": " + header.value)));
    answer.Set("headers", std::move(headers));
    answer.Set("body", Json::String(ReplaceInvalidUtf8(request.body.substr(0, 1000))));
    answer.Set("bytes", Json::Integer(static_cast<std::int64_t>(request.body.size())));
    if (received != nullptr) {
      answer.Set("received", Json::Integer(static_cast<std::int64_t>(static_cast<const Counter*>(received)->count())));
    }
    return answer;
  }

  void Work() {
    while (!stops_.load()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      const std::lock_guard lock(mutex_);
      for (auto job = jobs_.begin(); job != jobs_.end();) job = Step(&*job) ? jobs_.erase(job) : std::next(job);
    }
  }

  // Whether the job is done.
  bool Step(Job* job) {
    if (job->path == "/never" || Clock::now() < job->next) return false;
    if (job->path == "/late") {
      job->sink->Begin(200, {{"content-type", "application/json"}});
      job->sink->Part("{\"late\":");
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      job->sink->Part("true}");
      job->sink->End();
      return true;
    }
    if (!job->has_begun) job->sink->Begin(200, {{"content-type", "text/event-stream"}});
    job->has_begun = true;
    if (job->path == "/slow") {
      job->sink->Part(Cat("data: ", job->num_parts, "\n\n"));
      job->next = Clock::now() + std::chrono::milliseconds(Asked(job->query, "ms", 50));
      if (++job->num_parts < Asked(job->query, "parts", 5)) return false;
      job->sink->End();
      return true;
    }
    const std::string part(16 << 10, 'e');
    for (int i = 0; i < 64 && (job->path == "/deaf" || !job->sink->IsFull()); ++i) {
      job->sink->Part(part);
      num_written_ += part.size();
    }
    return false;
  }

  std::mutex mutex_;  // of the jobs, and held while their sinks are called, so that none is after Cancel
  std::list<Job> jobs_;
  std::atomic<std::uint64_t> num_submitted_{0};
  std::atomic<std::uint64_t> num_cancelled_{0};
  std::atomic<std::uint64_t> num_written_{0};
  std::atomic<bool> stops_{false};
  std::thread thread_;
};

Server* running = nullptr;
void OnSignal(int) { running->Stop(); }

int Fail(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return error.code == Code::kSystem ? 5 : 2;
}

bool SetLimit(const std::string& name, std::uint64_t value, Limits* limits) {
  const std::map<std::string, std::chrono::milliseconds*> times = {
      {"header", &limits->header},   {"body", &limits->body},     {"idle", &limits->idle},
      {"stalled", &limits->stalled}, {"linger", &limits->linger}, {"shutdown", &limits->shutdown}};
  const std::map<std::string, std::size_t*> sizes = {{"connections", &limits->connections},
                                                     {"refused", &limits->refused_connections},
                                                     {"body_memory", &limits->body_memory_bytes},
                                                     {"most_waiting", &limits->most_waiting_bytes}};
  if (const auto found = times.find(name); found != times.end()) {
    *found->second = std::chrono::milliseconds(value);
  } else if (const auto size = sizes.find(name); size != sizes.end()) {
    *size->second = value;
  } else {
    return false;
  }
  return true;
}

struct Wanted {
  Options options;
  std::string home;
  std::string key_file;
  bool renews_token = false;
  bool has_sandbox = false;
};

// NAME VALUE pairs.
bool ReadArguments(int count, char** texts, Wanted* wanted) {
  wanted->options.port = 0;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = texts[i];
    const std::string value = texts[i + 1];
    if (name == "address") {
      wanted->options.addresses.push_back(value);
    } else if (name == "port") {
      wanted->options.port = static_cast<std::uint16_t>(std::atoi(value.c_str()));
    } else if (name == "allow-host") {
      wanted->options.allow_hosts.push_back(value);
    } else if (name == "allow-origin") {
      wanted->options.allow_origins.push_back(value);
    } else if (name == "key-file") {
      wanted->key_file = value;
    } else if (name == "home") {
      wanted->home = value;
    } else if (name == "new-token") {
      wanted->renews_token = value == "yes";
    } else if (name == "sandbox") {
      wanted->has_sandbox = value == "yes";
    } else if (!SetLimit(name, std::strtoull(value.c_str(), nullptr, 10), &wanted->options.limits)) {
      return false;
    }
  }
  return true;
}

Json ProbesOf(SandboxCheck* check) {
  Json probes = Json::Object();
  for (const SandboxProbe& probe : check->Try()) probes.Set(probe.name, Json::Integer(probe.error));
  return probes;
}

int Main(int count, char** texts) {
  Wanted wanted;
  if (!ReadArguments(count, texts, &wanted)) return 2;
  if (!wanted.key_file.empty()) {
    auto keys = ApiKeys::Read(wanted.key_file);
    if (!keys.ok()) return Fail(keys.error());
    wanted.options.keys = std::move(keys).value();
  }
  Json line = Json::Object();
  if (!wanted.home.empty()) {
    auto token = ReadToken(wanted.home, wanted.renews_token);
    if (!token.ok()) return Fail(token.error());
    wanted.options.token = token.value();
    line.Set("token", Json::String(token.value()));
  }
  auto server = Server::Listen(std::move(wanted.options));
  if (!server.ok()) return Fail(server.error());
  if (wanted.has_sandbox) {
    auto check = SandboxCheck::Prepare();
    if (!check.ok()) return Fail(check.error());
    SandboxReport report;
    RestrictFiles({{}, {wanted.home}}, &report);
    RestrictCalls(&report);
    line.Set("sandbox", Json::String(DescribeSandbox(report)));
    line.Set("probes", ProbesOf(check.value().get()));
  }
  running = server.value().get();
  struct sigaction action{};
  action.sa_handler = OnSignal;
  sigaction(SIGTERM, &action, nullptr);
  line.Set("url", Json::String(running->url()));
  line.Set("port", Json::Integer(running->port()));
  std::printf("%s\n", line.Dump().c_str());
  std::fflush(stdout);
  TestHandler handler;
  running->Run(&handler);
  return 0;
}

}  // namespace

}  // namespace thimble::server

int main(int count, char** texts) { return thimble::server::Main(count, texts); }
