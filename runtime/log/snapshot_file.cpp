#include <troupe/runtime/log/snapshot_file.hpp>

#include <algorithm>

#include <troupe/runtime/log/bytes.hpp>
#include <troupe/runtime/log/crc32c.hpp>

namespace troupe::disk {

namespace {

constexpr std::string_view magic = "troupeSN";
constexpr std::uint32_t version = 1;
constexpr std::size_t buffer_bytes = 256u << 10;

std::string trailer(const snapshot_file& of) {
  std::string to{magic};
  put(to, version);
  put(to, of.digest.crc32c);
  put(to, of.digest.bytes);
  put(to, of.meta.index.value);
  put(to, of.meta.term.value);
  put(to, of.serial);
  put(to, crc32c(0, to));
  return to;
}

refusal damaged(const std::string& path) {
  return {errc::corrupt,
          path
              + ": is not the snapshot that was written; restore the file, or "
                "remove this node, wipe its data directory and let it join as "
                "a new one"};
}

} // namespace

std::string snapshot_file::name() const {
  return std::to_string(meta.index.value) + "-"
         + std::to_string(meta.term.value) + "-" + std::to_string(serial)
         + ".snap";
}

// -- writer ------------------------------------------------------------------

snapshot_writer::snapshot_writer(snapshot_writer&&) noexcept = default;

snapshot_writer& snapshot_writer::operator=(snapshot_writer&& other) noexcept {
  discard();
  fs_ = other.fs_;
  directory_ = std::move(other.directory_);
  file_ = std::move(other.file_);
  out_ = std::move(other.out_);
  buffer_ = std::move(other.buffer_);
  written_ = other.written_;
  return *this;
}

snapshot_writer::~snapshot_writer() {
  discard();
}

result<snapshot_writer> snapshot_writer::create(file_system& fs,
                                                std::string directory,
                                                raft::snapshot_meta meta,
                                                std::uint32_t serial) {
  snapshot_writer to;
  to.fs_ = &fs;
  to.directory_ = std::move(directory);
  to.file_.meta = std::move(meta);
  to.file_.serial = serial;
  auto out = fs.open(to.temporary(), open_mode::create);
  if (out.error != 0)
    return failed_call("create", to.temporary(), out.error);
  to.out_ = std::move(out.handle);
  return to;
}

std::string snapshot_writer::temporary() const {
  return directory_ + "/" + file_.name() + ".tmp";
}

void snapshot_writer::discard() {
  if (!out_)
    return;
  out_.reset();
  fs_->unlink(temporary());
}

result<void> snapshot_writer::append(std::string_view bytes) {
  TROUPE_ASSERT(out_ != nullptr, "snapshot {} is finished", file_.name());
  file_.digest.crc32c = crc32c(file_.digest.crc32c, bytes);
  file_.digest.bytes += bytes.size();
  buffer_ += bytes;
  if (buffer_.size() < buffer_bytes)
    return {};
  return flush();
}

result<void> snapshot_writer::flush() {
  if (auto ok = write_fully(*out_, temporary(), buffer_, written_); !ok)
    return ok;
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

result<snapshot_file>
snapshot_writer::finish(std::optional<snapshot_digest> expected) {
  TROUPE_ASSERT(out_ != nullptr, "snapshot {} is finished", file_.name());
  if (expected && *expected != file_.digest)
    return refusal{errc::corrupt,
                   temporary()
                       + ": the bytes received are not those that were "
                         "sent; fetch the snapshot again"};
  buffer_ += trailer(file_);
  if (auto ok = flush(); !ok)
    return ok.error();
  if (auto rc = out_->fsync(); rc != 0)
    return failed_call("sync", temporary(), rc);
  auto path = directory_ + "/" + file_.name();
  if (auto rc = fs_->rename(temporary(), path); rc != 0)
    return failed_call("rename", temporary(), rc);
  out_.reset();
  if (auto ok = sync_directory(*fs_, directory_); !ok)
    return ok.error();
  // Older snapshots go once this one counts, so it must be readable.
  auto check = snapshot_reader::open(*fs_, directory_, file_);
  if (!check)
    return check.error();
  if (auto ok = check->verify(); !ok)
    return ok.error();
  return file_;
}

// -- reader ------------------------------------------------------------------

result<snapshot_reader> snapshot_reader::open(file_system& fs,
                                              const std::string& directory,
                                              const snapshot_file& which) {
  snapshot_reader to;
  to.path_ = directory + "/" + which.name();
  to.file_ = which;
  auto in = fs.open(to.path_, open_mode::read);
  if (in.error != 0)
    return failed_call("open", to.path_, in.error);
  to.in_ = std::move(in.handle);
  auto end = read_fully(*to.in_, to.path_, which.digest.bytes,
                        snapshot_writer::trailer_bytes + 1);
  if (!end)
    return end.error();
  if (*end != trailer(which))
    return damaged(to.path_);
  return to;
}

result<std::string> snapshot_reader::read(std::uint64_t offset,
                                          std::uint64_t bytes) const {
  auto left = file_.digest.bytes - std::min(offset, file_.digest.bytes);
  auto part = read_fully(*in_, path_, offset, std::min(bytes, left));
  if (part && part->size() != std::min(bytes, left))
    return damaged(path_);
  return part;
}

result<std::string> snapshot_reader::read_all() const {
  auto all = read(0, file_.digest.bytes);
  if (all && crc32c(0, *all) != file_.digest.crc32c)
    return damaged(path_);
  return all;
}

result<void> snapshot_reader::verify() const {
  in_->drop_cache();
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < file_.digest.bytes;) {
    auto part = read(at, buffer_bytes);
    if (!part)
      return part.error();
    crc = crc32c(crc, *part);
    at += part->size();
  }
  return crc == file_.digest.crc32c ? result<void>{} : damaged(path_);
}

} // namespace troupe::disk
