#include <troupe/runtime/log/incoming_snapshot.hpp>

#include <algorithm>

namespace troupe::disk {

namespace {

constexpr std::size_t complete_max = 2;

} // namespace

incoming_snapshot::incoming_snapshot(file_system& fs, std::string directory)
    : fs_(fs), directory_(std::move(directory)) {
}

result<std::uint64_t> incoming_snapshot::begin(const raft::snapshot_meta& meta,
                                               const snapshot_digest& digest,
                                               std::uint32_t serial) {
  for (auto& done : complete_) {
    if (done.meta == meta && done.digest == digest) {
      writer_.reset();
      digest_ = digest;
      return digest.bytes;
    }
  }
  if (writer_ && writer_->meta() == meta && digest_ == digest)
    return writer_->bytes();
  writer_.reset();
  auto writer = snapshot_writer::create(fs_, directory_, meta, serial);
  if (!writer)
    return writer.error();
  digest_ = digest;
  writer_.emplace(std::move(*writer));
  return std::uint64_t{0};
}

result<std::uint64_t> incoming_snapshot::append(std::uint64_t offset,
                                                std::string_view bytes) {
  auto next = writer_ ? writer_->bytes() : digest_.bytes;
  if (offset > next)
    return refusal{errc::invalid, "a chunk of a snapshot begins at byte "
                                      + std::to_string(offset) + ", byte "
                                      + std::to_string(next)
                                      + " is next; send it from there"};
  if (offset < next || !writer_)
    return next;
  if (bytes.size() > digest_.bytes - next) {
    writer_.reset();
    digest_ = {};
    return refusal{errc::invalid, "a snapshot is longer than it was said to "
                                  "be; begin it again"};
  }
  if (auto ok = writer_->append(bytes); !ok) {
    writer_.reset();
    digest_ = {};
    return ok.error();
  }
  return writer_->bytes();
}

result<void> incoming_snapshot::finish() {
  if (!writer_) {
    if (!complete_.empty() && complete_.back().digest == digest_)
      return {};
    return refusal{errc::invalid, "no snapshot is being received; begin one"};
  }
  auto finished = writer_->finish(digest_);
  writer_.reset();
  if (!finished) {
    digest_ = {};
    return finished.error();
  }
  complete_.push_back(std::move(*finished));
  if (complete_.size() > complete_max) {
    forget(complete_.front());
    complete_.erase(complete_.begin());
  }
  return {};
}

std::optional<snapshot_file>
incoming_snapshot::take(const raft::snapshot_meta& meta) {
  auto at = std::find_if(complete_.begin(), complete_.end(),
                         [&](auto& done) { return done.meta == meta; });
  if (at == complete_.end())
    return std::nullopt;
  auto taken = std::move(*at);
  complete_.erase(at);
  return taken;
}

void incoming_snapshot::drop_through(raft::log_index index) {
  if (writer_ && writer_->meta().index <= index) {
    writer_.reset();
    digest_ = {};
  }
  std::erase_if(complete_, [&](auto& done) {
    if (done.meta.index > index)
      return false;
    forget(done);
    return true;
  });
}

void incoming_snapshot::forget(const snapshot_file& which) {
  fs_.unlink(directory_ + "/" + which.name());
}

} // namespace troupe::disk
