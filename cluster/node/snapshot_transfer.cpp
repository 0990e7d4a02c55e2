#include <troupe/cluster/node/snapshot_transfer.hpp>

#include <algorithm>

#include <troupe/cluster/raft/codec.hpp>

namespace troupe {

namespace {
constexpr boot_time resend_after = std::chrono::milliseconds{500};
constexpr boot_time give_up_after = std::chrono::seconds{10};
} // namespace

// -- sender -------------------------------------------------------------------

void snapshot_sender::begin(node_id to, raft::snapshot_meta meta,
                            std::shared_ptr<const std::string> bytes) {
  auto i = transfers_.find(to);
  if (i != transfers_.end() && i->second.meta.index >= meta.index)
    return;
  transfers_[to] = {std::move(meta), std::move(bytes), 0, {}, {}};
}

std::optional<proto::SnapshotChunk>
snapshot_sender::chunk(node_id to, raft::term term, boot_time now) {
  auto i = transfers_.find(to);
  if (i == transfers_.end())
    return std::nullopt;
  auto& t = i->second;
  proto::SnapshotChunk out;
  raft::to_proto(t.meta, *out.mutable_meta());
  out.set_term(term.value);
  out.set_offset(t.offset);
  out.set_total(t.bytes->size());
  out.set_data(t.bytes->substr(t.offset, chunk_bytes));
  t.sent_at = now;
  if (t.progress_at == boot_time{0})
    t.progress_at = now;
  return out;
}

std::optional<raft::snapshot_meta>
snapshot_sender::taken(node_id by, raft::log_index at, std::uint64_t next) {
  auto i = transfers_.find(by);
  if (i == transfers_.end() || i->second.meta.index != at
      || next > i->second.bytes->size())
    return std::nullopt;
  auto& t = i->second;
  if (next > t.offset)
    t.progress_at = boot_time{0};
  t.offset = next;
  if (next < t.bytes->size())
    return std::nullopt;
  auto meta = t.meta;
  transfers_.erase(i);
  return meta;
}

std::vector<node_id> snapshot_sender::late(boot_time now) const {
  std::vector<node_id> out;
  for (auto& [to, t] : transfers_)
    if (now - t.sent_at > resend_after)
      out.push_back(to);
  return out;
}

std::vector<std::pair<node_id, raft::log_index>>
snapshot_sender::give_up(boot_time now) {
  std::vector<std::pair<node_id, raft::log_index>> out;
  for (auto i = transfers_.begin(); i != transfers_.end();) {
    auto& t = i->second;
    if (t.progress_at != boot_time{0} && now - t.progress_at > give_up_after) {
      out.emplace_back(i->first, t.meta.index);
      i = transfers_.erase(i);
    } else {
      ++i;
    }
  }
  return out;
}

// -- receiver -----------------------------------------------------------------

auto snapshot_receiver::add(const proto::SnapshotChunk& chunk)
    -> std::optional<progress> {
  auto meta = raft::from_proto(chunk.meta());
  if (!meta || chunk.total() > bytes_max || chunk.offset() > chunk.total()
      || chunk.data().size() > chunk.total() - chunk.offset())
    return std::nullopt;
  if (whole_ && whole_->meta == *meta) {
    if (!stored_)
      return std::nullopt; // answered when it is durable
    return progress{whole_->bytes->size(), {}};
  }
  if (!meta_ || *meta_ != *meta) {
    if (meta_ && meta_->index > meta->index)
      return std::nullopt; // of an older leader
    meta_ = std::move(*meta);
    bytes_.clear();
  }
  if (chunk.offset() == bytes_.size())
    bytes_ += chunk.data();
  if (bytes_.size() < chunk.total())
    return progress{bytes_.size(), {}};
  whole_ = {*meta_, std::make_shared<const std::string>(std::move(bytes_))};
  stored_ = false;
  bytes_.clear();
  meta_.reset();
  return progress{whole_->bytes->size(), whole_};
}

void snapshot_receiver::stored(raft::log_index at) {
  stored_ = whole_ && whole_->meta.index == at;
}

auto snapshot_receiver::find(raft::log_index at) const -> const complete* {
  return whole_ && stored_ && whole_->meta.index == at ? &*whole_ : nullptr;
}

} // namespace troupe
