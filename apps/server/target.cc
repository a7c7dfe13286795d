// SPDX-License-Identifier: Apache-2.0
#include "server/target.h"

#include "base/text.h"

#include <algorithm>

namespace thimble::server {

namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsNameCharacter(char c) {
  return (Lower(c) >= 'a' && Lower(c) <= 'z') || IsDigit(c) || c == '-' || c == '.' || c == '_';
}

bool IsAddressCharacter(char c) { return HexDigit(c) >= 0 || c == ':' || c == '.'; }

std::optional<std::uint16_t> ReadPort(std::string_view text) {
  constexpr int kMostPort = 65535;
  if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), IsDigit)) return std::nullopt;
  int port = 0;
  for (const char c : text) port = port * 10 + (c - '0');
  if (port == 0 || port > kMostPort) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

// Undoes the escapes of a path. Whatever two readers could take differently is refused.
Result<std::string> ReadPath(std::string_view text) {
  std::string path;
  path.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    const bool is_escaped = c == '%';
    if (is_escaped) {
      const int high = i + 1 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return Error{Code::kInvalid, "[path] an escape has two hexadecimal digits"};
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return Error{Code::kInvalid, "[path] has no control characters"};
    if (c == '\\' || (is_escaped && c == '/'))
      return Error{Code::kInvalid, "[path] has no backslashes or escaped slashes"};
    path.push_back(c);
  }
  if (!IsValidUtf8(path)) return Error{Code::kInvalid, "[path] is UTF-8"};
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = std::string_view(path).substr(begin, end - begin);
    if (part == "." || part == ".." || (part.empty() && end < path.size())) {
      return Error{Code::kInvalid, "[path] has no '//', '.' or '..'"};
    }
    begin = end + 1;
  }
  return path;
}

}  // namespace

Result<Authority> ReadAuthority(std::string_view text) {
  constexpr std::size_t kLongest = 255;
  const Error wrong{Code::kInvalid, "[host] is a name or an address, with a port behind ':' where it has one"};
  if (text.empty() || text.size() > kLongest) return wrong;
  std::size_t end = 0;
  if (text.front() == '[') {
    end = text.find(']');
    if (end == std::string_view::npos || end < 3) return wrong;
    if (!std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(end), IsAddressCharacter))
      return wrong;
    ++end;
  } else {
    while (end < text.size() && IsNameCharacter(text[end])) ++end;
    if (end == 0) return wrong;
  }
  Authority authority;
  authority.name = text.substr(0, end);
  std::transform(authority.name.begin(), authority.name.end(), authority.name.begin(), Lower);
  if (end == text.size()) return authority;
  if (text[end] != ':') return wrong;
  authority.port = ReadPort(text.substr(end + 1));
  if (!authority.port) return wrong;
  return authority;
}

Result<Target> ReadTarget(std::string_view text) {
  const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
  if (!is_plain) return Error{Code::kInvalid, "[path] is written in printable ASCII, without '#'"};
  Target target;
  if (text == "*") {
    target.path = Cat(text);
    return target;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    text.remove_prefix(scheme.size());
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    THIMBLE_ASSIGN_OR_RETURN(target.authority, ReadAuthority(text.substr(0, end)));
    text.remove_prefix(end);
    break;
  }
  const std::size_t mark = std::min(text.find('?'), text.size());
  const std::string_view path = text.substr(0, mark);
  if (mark < text.size()) target.query = text.substr(mark + 1);
  if (path.empty() && target.authority) {
    target.path = Cat("/");
    return target;
  }
  if (!path.starts_with('/')) return Error{Code::kInvalid, "[path] begins with '/'"};
  THIMBLE_ASSIGN_OR_RETURN(target.path, ReadPath(path));
  return target;
}

}  // namespace thimble::server
