#include <troupe/cluster/raft/log_view.hpp>

#include <algorithm>
#include <bit>
#include <utility>

#include <troupe/cluster/assert.hpp>

namespace troupe::raft {

namespace {

// Of protobuf: a number, behind its tag.
std::size_t field_bytes(std::uint64_t x) {
  return 1 + (static_cast<std::size_t>(std::bit_width(x | 1)) + 6) / 7;
}

constexpr std::size_t how_bytes = 2;
constexpr std::size_t change_bytes = 6;

log_index last_of(const recovered& disk) {
  return disk.log.empty() ? disk.snapshot.index : disk.log.back().index;
}

} // namespace

std::size_t payload_bytes(const entry& x) {
  if (auto* command = std::get_if<payload>(&x.body))
    return *command ? (*command)->size() : 0;
  if (auto* change = std::get_if<configuration_change>(&x.body))
    return change->changes.empty()
               ? 0
               : how_bytes + change->changes.size() * change_bytes;
  return 0;
}

std::size_t entry_bytes(const entry& x) {
  auto bytes = payload_bytes(x);
  auto out = field_bytes(x.term.value) + field_bytes(x.index.value);
  if (std::holds_alternative<configuration_change>(x.body))
    out += field_bytes(1); // its kind
  if (bytes > 0 || std::holds_alternative<payload>(x.body))
    out += field_bytes(bytes) + bytes;
  return out;
}

log_view::log_view(recovered disk)
    : base_{disk.snapshot.index, disk.snapshot.term},
      committed_(std::max(disk.hard.commit, disk.snapshot.index)),
      writes_(last_of(disk)) {
  for (auto& x : disk.log)
    entries_.push_back(std::move(x));
  TROUPE_ASSERT(committed_ <= last(), "commit {} above last {}", committed_,
                last());
}

position log_view::last_position() const {
  return entries_.empty()
             ? base_
             : position{entries_.back().index, entries_.back().term};
}

std::optional<raft::term> log_view::term_at(log_index at) const {
  if (at < base_.index || at > last())
    return std::nullopt;
  if (at == base_.index)
    return base_.term;
  return this->at(at).term;
}

const entry& log_view::at(log_index index) const {
  TROUPE_ASSERT(index > base_.index, "entry {} is below {}", index, first());
  TROUPE_ASSERT(index <= last(), "entry {} is above {}", index, last());
  return entries_[index.value - base_.index.value - 1];
}

bool log_view::is_up_to_date(position their_last) const {
  auto ours = last_position();
  return their_last.term > ours.term
         || (their_last.term == ours.term && their_last.index >= ours.index);
}

position log_view::meeting_point(log_index at, raft::term limit) const {
  for (; at.value > 0; --at.value) {
    auto ours = term_at(at);
    if (!ours)
      return {at, raft::term{}};
    if (*ours <= limit)
      return {at, *ours};
  }
  return {};
}

std::vector<entry> log_view::slice(log_index from, log_index upto,
                                   std::size_t bytes_max) const {
  std::vector<entry> out;
  std::size_t bytes = 0;
  for (; from <= upto; ++from.value) {
    auto& x = at(from);
    bytes += entry_bytes(x);
    if (bytes > bytes_max && !out.empty())
      break;
    out.push_back(x);
  }
  return out;
}

void log_view::append(std::vector<entry> xs) {
  for (auto& x : xs) {
    TROUPE_ASSERT(x.index.value == last().value + 1, "entry {} behind {}",
                  x.index, last());
    entries_.push_back(std::move(x));
  }
}

void log_view::merge(position prev, const std::vector<entry>& xs) {
  TROUPE_ASSERT(holds(prev), "entries behind {}", prev.index);
  auto fresh = std::find_if(xs.begin(), xs.end(), [&](auto& x) {
    return !holds({x.index, x.term});
  });
  if (fresh == xs.end())
    return;
  TROUPE_ASSERT(fresh->index > committed_, "entry {} instead of a committed",
                fresh->index);
  if (fresh->index <= last()) {
    writes_.truncated(fresh->index);
    entries_.resize(fresh->index.value - base_.index.value - 1);
  }
  append({fresh, xs.end()});
}

void log_view::commit_to(log_index upto) {
  committed_ = std::max(committed_, std::min(upto, last()));
}

void log_view::install(const snapshot_meta& meta) {
  writes_.installed(meta, committed_);
  entries_.clear();
  base_ = {meta.index, meta.term};
  committed_ = meta.index;
}

void log_view::compact(log_index upto) {
  if (upto <= base_.index)
    return;
  TROUPE_ASSERT(upto <= committed_, "compact {} above commit {}", upto,
                committed_);
  position base{upto, *term_at(upto)};
  entries_.erase(entries_.begin(), entries_.begin()
                                       + static_cast<std::ptrdiff_t>(
                                           upto.value - base_.index.value));
  base_ = base;
}

persist_batch log_view::issue() {
  auto from = std::max(log_index{writes_.handed().value + 1}, first());
  auto out = writes_.issue(last());
  for (; from <= last(); ++from.value)
    out.append.push_back(at(from));
  return out;
}

} // namespace troupe::raft
