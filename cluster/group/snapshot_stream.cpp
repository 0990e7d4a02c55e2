#include <troupe/cluster/group/snapshot_stream.hpp>

namespace troupe::raft {

namespace {
constexpr boot_time resend_after = std::chrono::milliseconds{500};
constexpr boot_time give_up_after = std::chrono::seconds{10};
} // namespace

void snapshot_stream::want(member_id to, log_index at_least, boot_time now) {
  auto& x = transfers_[to];
  x.at_least = at_least;
  x.heard_at = now;
  if (x.meta && x.meta->index >= at_least)
    return;
  x = {at_least, {}, 0, 0, false, boot_time{0}, now};
  if (newest_ && newest_->index >= at_least)
    x.meta = newest_;
}

void snapshot_stream::offer(const snapshot_meta& meta) {
  newest_ = meta;
  for (auto& [to, x] : transfers_) {
    // The file of an older one is gone.
    if (x.at_least <= meta.index && x.meta != newest_) {
      x.meta = newest_;
      x.offset = x.total = 0;
      x.asked = false;
    }
  }
}

bool snapshot_stream::wants_newer() const {
  for (auto& [to, x] : transfers_)
    if (!x.meta)
      return true;
  return false;
}

std::vector<read_chunk> snapshot_stream::due(boot_time now) {
  std::vector<read_chunk> out;
  for (auto& [to, x] : transfers_) {
    if (!x.meta || (x.asked && now - x.asked_at < resend_after))
      continue;
    x.asked = true;
    x.asked_at = now;
    out.push_back({to, *x.meta, x.offset});
  }
  return out;
}

bool snapshot_stream::sending(member_id to, log_index at, std::uint64_t total) {
  auto i = transfers_.find(to);
  if (i == transfers_.end() || !i->second.meta || i->second.meta->index != at)
    return false;
  i->second.total = total;
  return true;
}

std::optional<snapshot_meta> snapshot_stream::taken(member_id by, log_index at,
                                                    std::uint64_t next,
                                                    boot_time now) {
  auto i = transfers_.find(by);
  if (i == transfers_.end() || !i->second.meta || i->second.meta->index != at)
    return std::nullopt;
  auto& x = i->second;
  if (x.total == 0 || next > x.total)
    return std::nullopt; // nothing of this was sent
  x.heard_at = now;
  if (next == x.total) {
    auto out = std::move(x.meta);
    transfers_.erase(i);
    return out;
  }
  x.offset = next;
  x.asked = false;
  return std::nullopt;
}

std::vector<std::pair<member_id, log_index>>
snapshot_stream::take_silent(boot_time now) {
  std::vector<std::pair<member_id, log_index>> out;
  for (auto i = transfers_.begin(); i != transfers_.end();) {
    auto& x = i->second;
    if (now - x.heard_at < give_up_after) {
      ++i;
      continue;
    }
    out.emplace_back(i->first, x.meta ? x.meta->index : x.at_least);
    i = transfers_.erase(i);
  }
  return out;
}

} // namespace troupe::raft
