#include <troupe/runtime/log/log_replay.hpp>

#include <algorithm>

#include <troupe/cluster/raft/codec.hpp>
#include <troupe/proto/raft.pb.h>
#include <troupe/runtime/log/bytes.hpp>

namespace troupe::disk {

namespace {

constexpr std::uint8_t install_flag = 1;
constexpr std::size_t snapshot_fixed_bytes = 24;

template <class Message>
void add_message(record_buffer& to, record_type type, const Message& message) {
  auto bytes = message.ByteSizeLong();
  auto* at = to.add(type, bytes);
  message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(at));
}

template <class Message>
bool parse(std::string_view from, Message& to) {
  return to.ParseFromArray(from.data(), static_cast<int>(from.size()));
}

refusal nonsense(const std::string& what) {
  return {errc::corrupt,
          what
              + "; no version of troupe writes this: report it, remove this "
                "node, wipe its data directory and let it join as a new one"};
}

} // namespace

void add_entry(record_buffer& to, const raft::entry& what) {
  proto::RaftEntry message;
  raft::to_proto(what, message);
  add_message(to, record_type::entry, message);
}

void add_hard_state(record_buffer& to, const raft::hard_state& what) {
  proto::RaftHardState message;
  raft::to_proto(what, message);
  add_message(to, record_type::hard_state, message);
}

void add_truncate_from(record_buffer& to, raft::log_index from) {
  put(to.add(record_type::truncate_from, 8), from.value);
}

void add_snapshot(record_buffer& to, const snapshot_record& what) {
  proto::RaftSnapshotMeta message;
  raft::to_proto(what.file.meta, message);
  auto bytes = message.ByteSizeLong();
  auto* at = to.add(record_type::snapshot, snapshot_fixed_bytes + bytes,
                    what.install ? install_flag : 0);
  put(at, what.file.digest.bytes);
  put(at + 8, what.file.digest.crc32c);
  put(at + 12, what.file.serial);
  put(at + 16, what.keep_tail);
  message.SerializeWithCachedSizesToArray(
      reinterpret_cast<std::uint8_t*>(at + snapshot_fixed_bytes));
}

result<void> log_replay::apply(const record_view& record) {
  switch (record.type) {
  case record_type::entry:
    return apply_entry(record);
  case record_type::hard_state: {
    proto::RaftHardState message;
    if (!parse(record.payload, message))
      return nonsense("a vote cannot be decoded");
    hard_ = raft::from_proto(message);
    return {};
  }
  case record_type::truncate_from:
    return apply_truncate(record);
  case record_type::snapshot:
    return apply_snapshot(record);
  case record_type::batch_end:
    break;
  }
  return nonsense("a batch ends twice");
}

result<void> log_replay::apply_entry(const record_view& record) {
  proto::RaftEntry message;
  if (!parse(record.payload, message))
    return nonsense("an entry cannot be decoded");
  auto what = raft::from_proto(message);
  if (!what)
    return nonsense("entry " + std::to_string(message.index())
                    + " makes no sense");
  if (!entries_.empty() && what->index.value != entries_.back().index.value + 1)
    return nonsense("entry " + std::to_string(what->index.value)
                    + " follows entry "
                    + std::to_string(entries_.back().index.value));
  entries_.push_back(std::move(*what));
  return {};
}

result<void> log_replay::apply_truncate(const record_view& record) {
  if (record.payload.size() != 8)
    return nonsense("a truncation cannot be decoded");
  raft::log_index from{get<std::uint64_t>(record.payload.data())};
  auto at = std::lower_bound(
      entries_.begin(), entries_.end(), from,
      [](const raft::entry& e, raft::log_index i) { return e.index < i; });
  entries_.erase(at, entries_.end());
  return {};
}

result<void> log_replay::apply_snapshot(const record_view& record) {
  if (record.payload.size() < snapshot_fixed_bytes)
    return nonsense("a snapshot's record cannot be decoded");
  auto* at = record.payload.data();
  proto::RaftSnapshotMeta message;
  auto parsed = parse(record.payload.substr(snapshot_fixed_bytes), message);
  auto meta = raft::from_proto(message);
  if (!parsed || !meta)
    return nonsense("a snapshot's record cannot be decoded");
  snapshot_record s;
  s.file = {std::move(*meta),
            {get<std::uint64_t>(at), get<std::uint32_t>(at + 8)},
            get<std::uint32_t>(at + 12)};
  s.keep_tail = get<std::uint64_t>(at + 16);
  s.install = record.flags == install_flag;
  if (s.install)
    entries_.clear();
  snapshot_ = std::move(s);
  return {};
}

result<log_replay::outcome> log_replay::finish() {
  outcome to;
  std::uint64_t base = 0;
  std::uint64_t keep_tail = 0;
  if (snapshot_) {
    to.state.snapshot = snapshot_->file.meta;
    base = snapshot_->file.meta.index.value;
    keep_tail = snapshot_->keep_tail;
  }
  auto last = entries_.empty() ? base : entries_.back().index.value;
  if (!entries_.empty() && entries_.front().index.value > base + 1)
    return nonsense("entries " + std::to_string(base + 1) + " to "
                    + std::to_string(entries_.front().index.value - 1)
                    + " are missing");
  if (last < base)
    return nonsense("the log ends at entry " + std::to_string(last)
                    + ", before its snapshot at " + std::to_string(base));
  if (hard_.commit.value > last)
    return nonsense("entries " + std::to_string(last + 1) + " to "
                    + std::to_string(hard_.commit.value)
                    + " are committed but missing");
  for (auto& e : entries_) {
    if (e.index.value > base)
      to.state.log.push_back(std::move(e));
    else if (base - e.index.value < keep_tail)
      to.tail.push_back(std::move(e));
  }
  to.state.hard = hard_;
  to.state.hard.commit.value = std::max(hard_.commit.value, base);
  to.snapshot = std::move(snapshot_);
  return to;
}

} // namespace troupe::disk
