// SPDX-License-Identifier: Apache-2.0
// For tests of src/service: an answer's sink that keeps everything, and its events.
#pragma once

#include "files/json.h"
#include "service/exchange.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble::service {

// One event of a stream: its name and its data, or a comment.
struct StreamEvent {
  std::string name;     // empty: none
  std::string data;     // of an event
  std::string comment;  // of a comment
};

class KeepingSink final : public AnswerSink {
 public:
  void Begin(int code, std::vector<Header> with) override {
    EXPECT_EQ(status, 0) << "begun twice";
    status = code;
    headers = std::move(with);
  }
  void Part(std::string_view bytes) override {
    EXPECT_NE(status, 0);
    EXPECT_FALSE(is_over);
    body += bytes;
  }
  void End() override {
    EXPECT_FALSE(is_over) << "ended twice";
    is_over = true;
  }
  [[nodiscard]] bool IsFull() const override { return false; }

  [[nodiscard]] std::string HeaderValue(std::string_view name) const {
    for (const Header& header : headers) {
      if (header.name == name) return header.value;
    }
    return "";
  }
  [[nodiscard]] Json Document() const {
    auto json = Json::Parse(body, "answer");
    EXPECT_TRUE(json.ok()) << body;
    return json.ok() ? std::move(json).value() : Json();
  }
  // Of a stream, in order. Each is one block with one line of data, as the form asks.
  [[nodiscard]] std::vector<StreamEvent> Events() const {
    std::vector<StreamEvent> events;
    std::string_view rest = body;
    while (!rest.empty()) {
      const std::size_t end = rest.find("\n\n");
      EXPECT_NE(end, std::string_view::npos) << rest;
      if (end == std::string_view::npos) break;
      events.push_back(ReadBlock(rest.substr(0, end)));
      rest.remove_prefix(end + 2);
    }
    return events;
  }
  // The data of all events but comments.
  [[nodiscard]] std::vector<std::string> Data() const {
    std::vector<std::string> data;
    for (const StreamEvent& event : Events()) {
      if (event.comment.empty()) data.push_back(event.data);
    }
    return data;
  }

  int status = 0;
  std::vector<Header> headers;
  std::string body;
  bool is_over = false;

 private:
  static StreamEvent ReadBlock(std::string_view block) {
    StreamEvent event;
    if (block.starts_with(": ")) {
      event.comment = block.substr(2);
      return event;
    }
    if (block.starts_with("event: ")) {
      const std::size_t line = block.find('\n');
      event.name = block.substr(7, line - 7);
      block.remove_prefix(line + 1);
    }
    EXPECT_TRUE(block.starts_with("data: ")) << block;
    event.data = block.substr(6);
    EXPECT_EQ(event.data.find('\n'), std::string::npos);
    return event;
  }
};

}  // namespace thimble::service
