#include <troupe/runtime/group/group_store.hpp>

#include <troupe/runtime/log/crc32c.hpp>

namespace troupe::raft {

using disk::errc;

disk::result<void> group_store::found(const snapshot_meta& meta,
                                      const roster& members) {
  proto::GroupSnapshotHead head;
  members.save(*head.mutable_roster());
  head.set_compression(proto::GROUP_COMPRESSION_NONE);
  struct : byte_sink {
    bool write(std::string_view x) override {
      bytes += x;
      return true;
    }
    std::string bytes;
  } text;
  write_message(text, head);
  snapshot_size size{text.bytes.size(), disk::crc32c(0, text.bytes)};
  auto stored = store({{}, meta, size, 0, text.bytes});
  if (!stored)
    return stored.error();
  persist_batch batch;
  batch.id = 1;
  batch.install = meta;
  batch.hard = hard_state{meta.term, {}, meta.index};
  batch.must_sync = true;
  return write({&batch, 1});
}

disk::result<std::optional<group_core::stored>>
group_store::store(const store_chunk& what) {
  using answer = std::optional<group_core::stored>;
  auto passing = [](const disk::refusal& why)
      -> disk::result<std::optional<group_core::stored>> {
    if (why.code == errc::io)
      return why;
    return answer{}; // no room, or no use for it: the sender tries again
  };
  auto next =
      store_->begin_incoming(what.meta, {what.size.bytes, what.size.crc32c});
  if (!next)
    return passing(next.error());
  if (*next == what.offset && *next < what.size.bytes) {
    next = store_->append_incoming(what.offset, what.bytes);
    if (!next)
      return passing(next.error());
  }
  if (*next < what.size.bytes)
    return answer{{*next, false}};
  if (auto ok = store_->finish_incoming(); !ok)
    return passing(ok.error());
  return answer{{*next, true}};
}

disk::result<group_store::piece> group_store::read(const read_chunk& what,
                                                   std::size_t bytes) {
  if (!reader_ || reader_->meta() != what.meta) {
    reader_.reset();
    auto opened = store_->open_snapshot();
    if (!opened)
      return opened.error().code == errc::io
                 ? disk::result<piece>{opened.error()}
                 : piece{};
    if (opened->meta() != what.meta)
      return piece{};
    reader_.emplace(std::move(*opened));
  }
  auto& digest = reader_->digest();
  auto got = reader_->read(what.offset, bytes);
  if (!got)
    return got.error();
  return piece{{digest.bytes, digest.crc32c}, std::move(*got)};
}

} // namespace troupe::raft
