// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value, or an Error that says what went wrong.
// Every function that reads outside data or asks the system for something returns one.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace thimble {

enum class Code {
  kInvalid,      // the caller's argument or request is wrong
  kCorrupt,      // a file's bytes contradict its format
  kUnsupported,  // well formed, but not something we run
  kNotFound,
  kExhausted,  // memory, context length or another limit
  kCancelled,  // the sink or the caller stopped us
  kSystem,     // the operating system refused
};

// A way out of an error: front ends make of it the words, or the button, that they have for it.
struct Advice {
  enum class Kind {
    kShorten,           // what is asked, or was said before
    kLowerDetail,       // of pictures: a smaller budget of tokens
    kLowerPixels,       // of pictures: read them with fewer pixels
    kRaiseImagePixels,  // that a picture file may have, or make it smaller; value: what this one has
    kRaiseContext,      // value: what is possible at most; 0: not said
    kLowerContext,      // value: what would fit; 0: not said
    kSmallerFile,       // of the same model
    kSmallerModel,
    kGiveAsPicture,     // what was given is a picture, and stands where something else belongs
    kGiveAsVisionFile,  // what was given as the model is a vision file, that goes beside one
    kUseModelsFiles,    // in a pack's place: exact numbers are asked for, which it does not hold
  };
  using enum Kind;

  Kind kind = Kind::kShorten;
  std::int64_t value = 0;
};

struct Error {
  Code code = Code::kInvalid;
  std::string message;              // "[place] rule, found value", e.g. "[gguf] string of 9 bytes at 24, 4 left"
  std::vector<Advice> advice = {};  // any of them helps; what no front end has a switch for, the message says itself
};

template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return Error{...};` both read naturally.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  [[nodiscard]] const Error& error() const { return *std::get_if<1>(&state_); }
  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

struct Done {};
using Status = Result<Done>;

// The same error with `place` (a file's name, usually) in front of its message.
inline Error WithPlace(Error error, const std::string& place) {
  error.message = place + ": " + error.message;
  return error;
}

}  // namespace thimble

#define THIMBLE_CONCAT_TOKENS(a, b) a##b
#define THIMBLE_CONCAT(a, b) THIMBLE_CONCAT_TOKENS(a, b)

// Returns the error of `expr`, if any, from the enclosing function.
#define THIMBLE_RETURN_IF_ERROR(expr)                        \
  do {                                                       \
    auto thimble_status = (expr);                            \
    if (!thimble_status.ok()) return thimble_status.error(); \
  } while (false)

// THIMBLE_ASSIGN_OR_RETURN(auto name, ReadString(in));
#define THIMBLE_ASSIGN_OR_RETURN(lhs, expr) \
  THIMBLE_ASSIGN_OR_RETURN_VIA(THIMBLE_CONCAT(thimble_result, __COUNTER__), lhs, expr)
#define THIMBLE_ASSIGN_OR_RETURN_VIA(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) return tmp.error();                 \
  lhs = std::move(tmp).value()
