// SPDX-License-Identifier: Apache-2.0
// OrFault<T>: what a client's request says, or why it cannot be read. A Result whose error is a Fault; the macros of
// base/result.h serve it too.
#pragma once

#include "service/error_form.h"

#include <utility>
#include <variant>

namespace thimble::service {

template <typename T>
class [[nodiscard]] OrFault {
 public:
  // Implicit on purpose, as Result's.
  OrFault(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  OrFault(Fault fault) : state_(std::in_place_index<1>, std::move(fault)) {}  // NOLINT(google-explicit-constructor)
  // NOLINTNEXTLINE(google-explicit-constructor)
  OrFault(const Error& error) : state_(std::in_place_index<1>, FaultOf(error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  [[nodiscard]] const Fault& error() const { return *std::get_if<1>(&state_); }
  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }

 private:
  std::variant<T, Fault> state_;
};

}  // namespace thimble::service
