#include <troupe/cluster/group/group_core.hpp>

#include <utility>

#include <troupe/cluster/raft/codec.hpp>

// Snapshots: taking them, sending them, receiving them.
namespace troupe::raft {

namespace {
constexpr boot_time try_again_after = std::chrono::seconds{1};
} // namespace

void group_core::snapshot_if_due(boot_time now) {
  if (saving_ || restoring_ || installing_)
    return;
  auto& newest = stream_.newest();
  if (newest && newest->index >= given_)
    return;
  bool wanted = stream_.wants_newer() && now - saved_at_ >= boot_time{0};
  if (!wanted && !config_.settings.snapshots.due(now - saved_at_, changes_))
    return;
  saving_ = true;
  changes_saving_ = std::exchange(changes_, 0);
  emit(take_snapshot{{given_, given_term_, raft_.conf()}, roster_});
}

void group_core::snapshot_saved(boot_time now, const snapshot_meta& meta) {
  saving_ = false;
  saved_at_ = now;
  if (stream_.newest() && stream_.newest()->index >= meta.index)
    return; // a received one was faster
  stream_.offer(meta);
  raft_.snapshot_taken(meta.index);
}

void group_core::snapshot_failed(boot_time now) {
  saving_ = false;
  changes_ += changes_saving_;
  saved_at_ = now + try_again_after;
}

void group_core::stream_snapshots(boot_time now) {
  if (stream_.empty())
    return;
  for (auto& x : stream_.due(now))
    emit(std::move(x));
}

void group_core::chunk_read(const read_chunk& what, snapshot_size size,
                            std::optional<std::string> bytes) {
  if (!bytes) {
    stream_.drop(what.to);
    raft_.snapshot_sent(what.to, false, what.meta.index);
    return;
  }
  if (leadership_.role != role::leader
      || !stream_.sending(what.to, what.meta.index, size.bytes))
    return;
  proto::GroupChunk out;
  to_proto(what.meta, *out.mutable_meta());
  out.set_term(leadership_.term.value);
  out.set_total(size.bytes);
  out.set_crc32c(size.crc32c);
  out.set_offset(what.offset);
  out.set_data(std::move(*bytes));
  send(what.to, group_frame::chunk, out.SerializeAsString());
}

void group_core::on_chunk(boot_time, member_id from, std::string_view bytes) {
  proto::GroupChunk x;
  auto meta = std::optional<snapshot_meta>{};
  if (x.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    meta = from_proto(x.meta());
  if (!meta || !meta->index || x.total() == 0 || x.offset() > x.total()
      || x.data().size() > x.total() - x.offset()) {
    ++malformed_;
    return;
  }
  if (term{x.term()} < leadership_.term || storing_ || installing_)
    return; // of an older leader, or too early: it will come again
  if (meta->index <= raft_.status().commit) {
    proto::GroupChunkTaken out;
    out.set_index(meta->index.value);
    out.set_next(x.total());
    return send(from, group_frame::chunk_taken, out.SerializeAsString());
  }
  storing_ = true;
  emit(store_chunk{from,
                   std::move(*meta),
                   {x.total(), x.crc32c()},
                   x.offset(),
                   std::move(*x.mutable_data())});
}

void group_core::chunk_stored(member_id from, const snapshot_meta& meta,
                              std::optional<stored> what) {
  storing_ = false;
  if (!what)
    return;
  if (what->complete)
    received_ = meta;
  proto::GroupChunkTaken out;
  out.set_index(meta.index.value);
  out.set_next(what->next);
  send(from, group_frame::chunk_taken, out.SerializeAsString());
}

void group_core::on_chunk_taken(boot_time now, member_id from,
                                std::string_view bytes) {
  proto::GroupChunkTaken x;
  if (!x.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    ++malformed_;
    return;
  }
  auto whole = stream_.taken(from, log_index{x.index()}, x.next(), now);
  if (!whole)
    return;
  if (auto offer = raft_.offer_snapshot(from, *whole))
    send_raft(*offer);
  raft_.snapshot_sent(from, true, whole->index);
}

} // namespace troupe::raft
