// SPDX-License-Identifier: Apache-2.0
#include "engine/prefix_store.h"

#include "base/check.h"

#include <algorithm>
#include <utility>

namespace thimble {

namespace {

bool BeginsWith(std::span<const PromptKey> keys, std::span<const PromptKey> beginning) {
  return keys.size() >= beginning.size() && std::equal(beginning.begin(), beginning.end(), keys.begin());
}

}  // namespace

void PrefixStore::SetBudget(std::uint64_t budget) {
  const MutexLock lock(&mutex_);
  budget_ = budget;
  while (bytes_ > budget_) DropLeast();
}

void PrefixStore::Clear() {
  const MutexLock lock(&mutex_);
  while (!entries_.empty()) DropLeast();
}

std::optional<Checkpoint> PrefixStore::Find(std::span<const PromptKey> wanted, std::int64_t limit) {
  const MutexLock lock(&mutex_);
  Entry* best = nullptr;
  for (Entry& entry : entries_) {
    if (static_cast<std::int64_t>(entry.keys.size()) > limit) continue;
    if (best != nullptr && entry.keys.size() <= best->keys.size()) continue;
    if (BeginsWith(wanted, entry.keys)) best = &entry;
  }
  if (best == nullptr) return std::nullopt;
  // Those that it goes on from were used too.
  for (Entry& entry : entries_) {
    if (BeginsWith(best->keys, entry.keys)) Touch(&entry);
  }
  return best->checkpoint;
}

bool PrefixStore::Wants(std::span<const PromptKey> keys, std::uint64_t recurrent_bytes) const {
  const MutexLock lock(&mutex_);
  return recurrent_bytes < budget_ && !keys.empty() && FindExactly(keys) == nullptr;
}

void PrefixStore::Keep(std::span<const PromptKey> keys, Checkpoint checkpoint) {
  THIMBLE_CHECK(static_cast<std::size_t>(checkpoint.length()) == keys.size() && keys.size() % kStride == 0);
  const MutexLock lock(&mutex_);
  if (keys.empty() || FindExactly(keys) != nullptr) return;
  entries_.push_back({std::vector<PromptKey>(keys.begin(), keys.end()), std::move(checkpoint), 0});
  Count(entries_.back(), true);
  Touch(&entries_.back());
  while (bytes_ > budget_ || entries_.size() > kMostEntries) DropLeast();
}

bool PrefixStore::keeps_any() const {
  const MutexLock lock(&mutex_);
  return budget_ > 0;
}
std::uint64_t PrefixStore::bytes() const {
  const MutexLock lock(&mutex_);
  return bytes_;
}
std::size_t PrefixStore::size() const {
  const MutexLock lock(&mutex_);
  return entries_.size();
}

const PrefixStore::Entry* PrefixStore::FindExactly(std::span<const PromptKey> keys) const {
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.keys.size() == keys.size() && BeginsWith(keys, entry.keys);
  });
  return it == entries_.end() ? nullptr : &*it;
}

bool PrefixStore::IsLeaf(const Entry& entry) const {
  return std::none_of(entries_.begin(), entries_.end(), [&](const Entry& other) {
    return other.keys.size() > entry.keys.size() && BeginsWith(other.keys, entry.keys);
  });
}

std::int64_t PrefixStore::OwnTokens(const Entry& entry) const {
  std::size_t longest = 0;
  for (const Entry& other : entries_) {
    if (other.keys.size() < entry.keys.size() && other.keys.size() > longest && BeginsWith(entry.keys, other.keys))
      longest = other.keys.size();
  }
  return static_cast<std::int64_t>(entry.keys.size() - longest);
}

// A page that several share counts once.
void PrefixStore::Count(const Entry& entry, bool is_added) {
  const std::uint64_t own = entry.checkpoint.recurrent_bytes() + entry.keys.size() * sizeof(PromptKey);
  bytes_ = is_added ? bytes_ + own : bytes_ - own;
  for (const auto& page : entry.checkpoint.pages()) {
    int& users = page_users_[page.get()];
    if (is_added && users++ == 0) bytes_ += page->size_bytes();
    if (!is_added && --users == 0) {
      bytes_ -= page->size_bytes();
      page_users_.erase(page.get());
    }
  }
}

void PrefixStore::DropLeast() {
  auto least = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if ((least == entries_.end() || it->worth < least->worth) && IsLeaf(*it)) least = it;
  }
  THIMBLE_CHECK(least != entries_.end());
  clock_ = std::max(clock_, least->worth);
  Count(*least, false);
  entries_.erase(least);
}

}  // namespace thimble
