// SPDX-License-Identifier: Apache-2.0
// Models opened and questions asked, for tests of sessions.
#pragma once

#include "conformance/loaded_model.h"
#include "engine/session.h"
#include "host/find_model.h"
#include "pictures.h"

#include <memory>
#include <string>

namespace thimble::testing {

inline std::shared_ptr<const Engine> OpenModel(const std::string& path, Precision precision = Precision::kExact,
                                               int threads = 2, int context = 0) {
  host::OpenOptions options;
  options.model = Fixture(path);
  options.precision = precision;
  options.threads = threads;
  options.context = context;
  return Get(host::OpenModel(options));
}
inline std::unique_ptr<Session> NewSession(const std::shared_ptr<const Engine>& engine) {
  return Get(engine->NewSession());
}

inline Message UserMessage(const std::string& text, const std::string& image = "") {
  Message message;
  message.role = "user";
  if (!image.empty()) message.content.push_back({Part::Kind::kImage, "", image});
  message.content.push_back({Part::Kind::kText, text, ""});
  return message;
}
inline GenerateRequest Ask(const std::string& text, int max_tokens = 12) {
  GenerateRequest request;
  request.chat().messages.push_back(UserMessage(text));
  request.sampling.temperature = 0.0;
  request.max_tokens = max_tokens;
  request.ignore_eos = true;
  return request;
}
inline Picture LoadImage(const std::string& name) {
  Picture picture;
  picture.image = LoadPicture(name);
  return picture;
}
inline const Sink kNoSink;

}  // namespace thimble::testing
