// SPDX-License-Identifier: Apache-2.0
// Journals of replies, as a process that died left them: the bytes as they are, and whole records with these behind
// them.
#include "base/text.h"
#include "host/reply_journal.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace thimble;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckRead(std::string_view bytes, std::size_t most) {
  const host::JournalText text = host::ReadJournal(bytes, most);
  Require(text.num_bytes <= bytes.size() && text.text.size() <= most && text.reasoning.size() <= most);
  // What is torn changes nothing about what stands in front of it.
  const host::JournalText whole = host::ReadJournal(bytes.substr(0, text.num_bytes), most);
  Require(whole.text == text.text && whole.reasoning == text.reasoning && whole.num_bytes == text.num_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckRead(bytes, size);
  CheckRead(bytes, size / 4);
  // Pieces up to each zero byte as records, of the two kinds in turn; what the last one holds stands torn behind them.
  std::string journal = host::JournalBegin();
  std::string wanted[2];
  std::string_view rest = bytes;
  for (int i = 0; rest.find('\0') != std::string_view::npos; ++i) {
    const std::string_view piece = rest.substr(0, rest.find('\0'));
    journal += host::JournalRecord(i % 2 == 1, piece, journal.size());
    wanted[i % 2] += piece;
    rest.remove_prefix(piece.size() + 1);
  }
  const host::JournalText text = host::ReadJournal(Cat(journal, rest), size + 1);
  Require(text.num_bytes >= journal.size() && text.text.starts_with(wanted[0]) &&
          text.reasoning.starts_with(wanted[1]));
  return 0;
}
