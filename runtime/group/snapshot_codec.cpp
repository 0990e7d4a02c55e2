#include <troupe/runtime/group/snapshot_codec.hpp>

#include <zlib.h>

#include <optional>

#include <troupe/proto/group.pb.h>

namespace troupe::raft {

namespace {

constexpr std::size_t piece_bytes = 64u << 10;

// -- writing ------------------------------------------------------------------

class file_sink final : public byte_sink {
public:
  explicit file_sink(disk::snapshot_writer& to) : to_(to) {}

  bool write(std::string_view bytes) override {
    if (why)
      return false;
    if (auto ok = to_.append(bytes); !ok)
      why = ok.error();
    return !why;
  }

  std::optional<disk::refusal> why;

private:
  disk::snapshot_writer& to_;
};

class zlib_sink final : public byte_sink {
public:
  explicit zlib_sink(byte_sink& to) : to_(to), buffer_(piece_bytes, '\0') {
    sound_ = deflateInit(&z_, 1) == Z_OK;
  }
  ~zlib_sink() override { deflateEnd(&z_); }

  bool write(std::string_view bytes) override {
    return feed(bytes, Z_NO_FLUSH);
  }
  bool finish() { return feed({}, Z_FINISH); }

private:
  bool feed(std::string_view bytes, int flush) {
    if (!sound_)
      return false;
    z_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    z_.avail_in = static_cast<uInt>(bytes.size());
    do {
      z_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      z_.avail_out = static_cast<uInt>(buffer_.size());
      if (deflate(&z_, flush) == Z_STREAM_ERROR)
        return sound_ = false;
      auto n = buffer_.size() - z_.avail_out;
      if (n > 0 && !to_.write({buffer_.data(), n}))
        return sound_ = false;
    } while (z_.avail_out == 0);
    return true;
  }

  byte_sink& to_;
  std::string buffer_;
  z_stream z_{};
  bool sound_ = false;
};

// -- reading ------------------------------------------------------------------

class file_source final : public byte_source {
public:
  explicit file_source(disk::snapshot_reader from) : from_(std::move(from)) {}

  std::ptrdiff_t read(std::span<char> to) override {
    if (at_ == buffer_.size()) {
      auto got = from_.read(offset_, piece_bytes);
      if (!got)
        return -1;
      buffer_ = std::move(*got);
      offset_ += buffer_.size();
      at_ = 0;
    }
    auto n = std::min(to.size(), buffer_.size() - at_);
    std::copy_n(buffer_.data() + at_, n, to.data());
    at_ += n;
    return static_cast<std::ptrdiff_t>(n);
  }

private:
  disk::snapshot_reader from_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t offset_ = 0;
};

class zlib_source final : public byte_source {
public:
  explicit zlib_source(std::unique_ptr<byte_source> from)
      : from_(std::move(from)), buffer_(piece_bytes, '\0') {
    sound_ = inflateInit(&z_) == Z_OK;
  }
  ~zlib_source() override { inflateEnd(&z_); }

  std::ptrdiff_t read(std::span<char> to) override {
    if (to.empty() || ended_)
      return sound_ ? 0 : -1;
    z_.next_out = reinterpret_cast<Bytef*>(to.data());
    z_.avail_out = static_cast<uInt>(to.size());
    while (sound_ && !ended_ && z_.avail_out == to.size()) {
      if (z_.avail_in == 0) {
        auto n = from_->read({buffer_.data(), buffer_.size()});
        if (n <= 0) {
          sound_ = false; // ends before its end
          break;
        }
        z_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
        z_.avail_in = static_cast<uInt>(n);
      }
      auto rc = inflate(&z_, Z_NO_FLUSH);
      ended_ = rc == Z_STREAM_END;
      sound_ = ended_ || rc == Z_OK || rc == Z_BUF_ERROR;
    }
    if (!sound_)
      return -1;
    return static_cast<std::ptrdiff_t>(to.size() - z_.avail_out);
  }

private:
  std::unique_ptr<byte_source> from_;
  std::string buffer_;
  z_stream z_{};
  bool sound_ = false;
  bool ended_ = false;
};

} // namespace

disk::result<void> write_snapshot(disk::snapshot_writer& to,
                                  const roster& members, compression how,
                                  const std::function<bool(byte_sink&)>& save) {
  file_sink file{to};
  proto::GroupSnapshotHead head;
  members.save(*head.mutable_roster());
  head.set_has_machine(save != nullptr);
  head.set_compression(how == compression::zlib
                           ? proto::GROUP_COMPRESSION_ZLIB
                           : proto::GROUP_COMPRESSION_NONE);
  bool done = write_message(file, head);
  if (done && save && how == compression::zlib) {
    zlib_sink packed{file};
    done = save(packed) && packed.finish();
  } else if (done && save) {
    done = save(file);
  }
  if (file.why)
    return *file.why;
  if (!done)
    return disk::refusal{disk::errc::invalid,
                         "the state machine did not save itself; look at its "
                         "own messages"};
  return {};
}

disk::result<opened_snapshot> open_snapshot(disk::snapshot_reader from) {
  opened_snapshot out;
  proto::GroupSnapshotHead head;
  out.machine = std::make_unique<file_source>(std::move(from));
  auto members = std::optional<roster>{};
  if (read_message(*out.machine, head) == read_message_result::message)
    members = roster::load(head.roster());
  if (!members
      || (head.compression() != proto::GROUP_COMPRESSION_NONE
          && head.compression() != proto::GROUP_COMPRESSION_ZLIB))
    return disk::refusal{disk::errc::corrupt,
                         "the snapshot is not one of a group; use the data "
                         "directory of a member"};
  out.members = std::move(*members);
  out.has_machine = head.has_machine();
  if (head.compression() == proto::GROUP_COMPRESSION_ZLIB) {
    out.how = compression::zlib;
    out.machine = std::make_unique<zlib_source>(std::move(out.machine));
  }
  return out;
}

} // namespace troupe::raft
