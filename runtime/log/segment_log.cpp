#include <troupe/runtime/log/segment_log.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <troupe/runtime/log/bytes.hpp>

namespace troupe::disk {

namespace {

constexpr std::size_t batch_end_bytes = 16;

std::string entries(std::uint64_t first, std::uint64_t last) {
  if (first >= last)
    return "entry " + std::to_string(first) + " and what follows it";
  return "entries " + std::to_string(first) + " to " + std::to_string(last);
}

} // namespace

segment_log::segment_log(file_system& fs, std::string directory,
                         segment_log_settings settings,
                         checkpoint make_checkpoint)
    : fs_(fs),
      directory_(std::move(directory)),
      settings_(settings),
      make_checkpoint_(std::move(make_checkpoint)),
      supply_(fs, directory_, settings.segment_bytes, settings.background) {
}

std::string segment_log::path(std::uint64_t seq) const {
  return directory_ + "/" + segment_name(seq);
}

refusal segment_log::damaged(std::uint64_t seq, std::uint64_t offset,
                             std::uint64_t first, std::uint64_t last,
                             std::string_view how) const {
  return {
      errc::corrupt,
      path(seq) + ": damaged at byte " + std::to_string(offset) + " ("
          + std::string{how} + "); " + entries(first, last)
          + " cannot be read, and others may rely on them; restore the file, "
            "or remove this node, wipe its data directory and let it join as "
            "a new one"};
}

// -- recovery ----------------------------------------------------------------

result<void> segment_log::recover(const visitor& visit) {
  auto found = find_segments();
  if (!found)
    return found.error();
  for (auto seq : *found)
    if (auto ok = recover_segment(seq, seq == found->back(), visit); !ok)
      return ok;
  if (newest_.later)
    return damaged(
        out_seq_, newest_.kept, end_.last_index + 1, newest_.later_index,
        "a valid record follows at byte " + std::to_string(*newest_.later));
  if (!segments_.empty()) {
    auto out = open_segment(out_seq_);
    if (!out)
      return out.error();
    out_ = std::move(*out);
    if (auto ok = cut(out_seq_, *out_, newest_.kept, newest_.dirty); !ok)
      return ok;
  }
  // A name may be there that the dead process did not make durable.
  if (auto ok = sync_directory(fs_, directory_); !ok)
    return ok;
  supply_.request(out_seq_ + 1);
  return {};
}

result<std::vector<std::uint64_t>> segment_log::find_segments() {
  std::vector<std::string> names;
  if (auto rc = fs_.list(directory_, names); rc != 0)
    return failed_call("list", directory_, rc);
  std::vector<std::uint64_t> seqs;
  for (auto& name : names) {
    if (auto seq = segment_seq(name); seq != 0)
      seqs.push_back(seq);
    else if (name.ends_with(".log.tmp"))
      fs_.unlink(directory_ + "/" + name);
  }
  std::sort(seqs.begin(), seqs.end());
  for (std::size_t i = 1; i < seqs.size(); ++i)
    if (seqs[i] != seqs[i - 1] + 1)
      return refusal{errc::corrupt,
                     path(seqs[i - 1] + 1)
                         + ": the file is missing; restore it, or remove this "
                           "node, wipe its data directory and let it join as a "
                           "new one"};
  return seqs;
}

result<void> segment_log::check_header(const segment_header& header,
                                       std::uint64_t seq) {
  if (header.cluster != settings_.cluster || header.node != settings_.node)
    return refusal{errc::foreign,
                   path(seq) + ": belongs to node "
                       + std::to_string(header.node.value) + " of cluster "
                       + to_string(header.cluster) + ", this is node "
                       + std::to_string(settings_.node.value) + " of cluster "
                       + to_string(settings_.cluster)
                       + "; start with that node's own data directory"};
  if (header.maker > settings_.self)
    return refusal{
        errc::corrupt,
        path(seq) + ": was written by start "
            + std::to_string(header.maker.value)
            + " of this node, and this is start "
            + std::to_string(settings_.self.value)
            + ": the identity file is an old copy; remove this node, "
              "wipe its data directory and let it join as a new one"};
  if (header.seq != seq)
    return damaged(seq, 0, header.last_index + 1, 0,
                   "it is a copy of segment " + std::to_string(header.seq));
  return {};
}

result<void> segment_log::recover_segment(std::uint64_t seq, bool last,
                                          const visitor& visit) {
  auto bytes = read_file(fs_, path(seq));
  if (!bytes)
    return bytes.error();
  auto [header, newer_version] = parse_segment_header(*bytes);
  if (newer_version)
    return refusal{errc::foreign,
                   path(seq)
                       + ": was written by a newer version of troupe; "
                         "start that version"};
  if (!header) {
    if (!last || (segments_.empty() && seq != 1))
      return damaged(seq, 0, end_.last_index + 1, 0, "no valid header");
    return recover_unused(seq, *bytes);
  }
  if (auto ok = check_header(*header, seq); !ok)
    return ok;
  if (segments_.empty())
    end_ = {header->first_batch, header->last_index, header->carried_crc};
  else if (header->first_batch != end_.next_batch
           || header->carried_crc != end_.crc
           || header->last_index != end_.last_index)
    return damaged(out_seq_, newest_.kept, end_.last_index + 1,
                   std::max(header->last_index, newest_.later_index),
                   "the next segment begins with batch "
                       + std::to_string(header->first_batch)
                       + ", this one ends before batch "
                       + std::to_string(end_.next_batch));
  newest_ = scan_segment(*bytes, seq, end_);
  for (auto& record : newest_.records)
    if (auto ok = visit(record); !ok)
      return refusal{ok.error().code, path(seq) + ": " + ok.error().what};
  newest_.records.clear();
  end_ = newest_.end;
  at_ = newest_.kept;
  out_seq_ = seq;
  out_bytes_ = bytes->size();
  segments_.push_back({seq, newest_.index_max});
  ++report_.segments;
  report_.bytes += newest_.kept;
  return {};
}

// A segment that was made ahead, or whose first batch was torn.
result<void> segment_log::recover_unused(std::uint64_t seq,
                                         std::string_view bytes) {
  auto scan = scan_segment(bytes, seq, end_);
  if (scan.later)
    return damaged(seq, 0, end_.last_index + 1, scan.later_index,
                   "no valid header, but a valid record at byte "
                       + std::to_string(*scan.later));
  scan.records.clear();
  auto out = open_segment(seq);
  if (!out)
    return out.error();
  // Also its first batch, if that is whole: without a header it does not count.
  auto end = std::max(scan.dirty, scan.kept);
  if (bytes.substr(0, end).find_first_not_of('\0') != bytes.npos)
    if (auto ok = cut(seq, **out, 0, end); !ok)
      return ok;
  if (bytes.size() == settings_.segment_bytes)
    supply_.adopt(seq, std::move(*out));
  else if (auto rc = fs_.unlink(path(seq)); rc != 0)
    return failed_call("delete", path(seq), rc);
  return {};
}

result<void> segment_log::cut(std::uint64_t seq, file& in, std::uint64_t from,
                              std::uint64_t to) {
  if (from == to)
    return {};
  if (auto ok = write_fully(in, path(seq), std::string(to - from, '\0'), from);
      !ok)
    return ok;
  if (auto rc = in.fsync(); rc != 0)
    return failed_call("sync", path(seq), rc);
  report_.cut_bytes += to - from;
  report_.cut_at = path(seq) + ", byte " + std::to_string(from);
  return {};
}

result<std::unique_ptr<file>> segment_log::open_segment(std::uint64_t seq) {
  auto out = fs_.open(path(seq), open_mode::write);
  if (out.error != 0)
    return failed_call("open", path(seq), out.error);
  return std::move(out.handle);
}

// -- writing -----------------------------------------------------------------

bool segment_log::fits(const record_buffer& records) const {
  return at_ + records.bytes().size() + record_header_bytes + batch_end_bytes
         <= out_bytes_;
}

result<void> segment_log::append(record_buffer& records,
                                 std::uint64_t last_index) {
  if (!out_ || (!fits(records) && at_ != sector_bytes))
    if (auto ok = rotate(); !ok)
      return ok;
  compose(records, last_index);
  return write_batch(records);
}

// Puts the checksums into the records.
void segment_log::compose(record_buffer& records, std::uint64_t last_index) {
  batch_.first = at_ == sector_bytes;
  batch_.header.clear();
  start_.clear();
  auto crc = end_.crc;
  if (batch_.first) {
    batch_.header =
        encode({settings_.cluster, settings_.node, settings_.self, out_seq_,
                end_.next_batch, end_.last_index, end_.crc});
    make_checkpoint_(start_);
    crc = start_.seal(out_seq_, at_, end_.next_batch, crc);
  }
  auto count = start_.count() + records.count();
  auto* tail = records.add(record_type::batch_end, batch_end_bytes);
  put(tail, count);
  put(tail + 8, last_index);
  auto body_at = at_ + start_.bytes().size();
  crc = records.seal(out_seq_, body_at, end_.next_batch, crc);
  batch_.end = round_up(body_at + records.bytes().size(), sector_bytes);
  batch_.chain = {end_.next_batch + 1, last_index, crc};
}

result<void> segment_log::write_batch(record_buffer& records) {
  static constexpr char zeros[sector_bytes] = {};
  auto part = [](std::string_view bytes) {
    return iovec{const_cast<char*>(bytes.data()), bytes.size()};
  };
  auto rest = batch_.end - at_ - start_.bytes().size() - records.bytes().size();
  iovec parts[] = {part(batch_.header), part(start_.bytes()),
                   part(records.bytes()), part({zeros, rest})};
  if (auto ok =
          write_fully(*out_, path(out_seq_), parts, batch_.first ? 0 : at_);
      !ok)
    return ok;
  if (auto rc = out_->fdatasync(); rc != 0)
    return failed_call("sync", path(out_seq_), rc);
  return settle(records);
}

// It is on the disk.
result<void> segment_log::settle(record_buffer& records) {
  records.clear();
  end_ = batch_.chain;
  at_ = batch_.end;
  out_bytes_ = std::max(out_bytes_, at_);
  if (segments_.empty() || segments_.back().seq != out_seq_)
    segments_.push_back({out_seq_, 0});
  segments_.back().index_max =
      std::max(segments_.back().index_max, end_.last_index);
  if (batch_.first)
    supply_.request(out_seq_ + 1);
  return {};
}

begun_write segment_log::begin_append(record_buffer& records,
                                      std::uint64_t last_index) {
  if (settings_.event < 0 || !out_ || at_ == sector_bytes || !fits(records)
      || out_bytes_ % sector_bytes != 0
      || records.bytes().size() > begun_bytes_max)
    return begun_write::refused;
  compose(records, last_index);
  auto& bytes = records.bytes();
  sectors_bytes_ = batch_.end - at_;
  if (!sectors_)
    sectors_.reset(
        static_cast<char*>(std::aligned_alloc(4096, begun_bytes_max + 4096)));
  std::memcpy(sectors_.get(), bytes.data(), bytes.size());
  std::memset(sectors_.get() + bytes.size(), 0, sectors_bytes_ - bytes.size());
  direct_end_.reset();
  if (out_->begin_durable({sectors_.get(), sectors_bytes_}, at_,
                          settings_.event))
    return begun_write::under_way;
  direct_end_ = file::not_written;
  return begun_write::waits;
}

begun_write segment_log::poll() {
  if (!direct_end_)
    direct_end_ = out_->end_durable();
  if (!direct_end_)
    return begun_write::under_way;
  bool written = static_cast<std::size_t>(*direct_end_) == sectors_bytes_;
  return written || *direct_end_ < 0 ? begun_write::ended : begun_write::waits;
}

result<void> segment_log::complete(record_buffer& records) {
  switch (poll()) {
  case begun_write::ended:
    if (*direct_end_ < 0)
      return failed_call("write", path(out_seq_),
                         static_cast<int>(*direct_end_));
    return settle(records);
  default: // not at all, or in part
    return write_batch(records);
  }
}

result<void> segment_log::rotate() {
  auto taken = supply_.take(out_seq_ + 1);
  if (!taken)
    return taken.error();
  out_ = std::move(*taken);
  ++out_seq_;
  out_bytes_ = settings_.segment_bytes;
  at_ = sector_bytes;
  return {};
}

result<void> segment_log::drop_through(std::uint64_t index) {
  while (segments_.size() > 1 && segments_.front().index_max <= index)
    if (auto ok = drop_oldest(); !ok)
      return ok;
  return {};
}

result<void> segment_log::drop_older() {
  while (segments_.size() > 1)
    if (auto ok = drop_oldest(); !ok)
      return ok;
  return {};
}

// One at a time and synced, so that a crash leaves no hole in the chain.
result<void> segment_log::drop_oldest() {
  auto oldest = path(segments_.front().seq);
  if (auto rc = fs_.unlink(oldest); rc != 0)
    return failed_call("delete", oldest, rc);
  segments_.erase(segments_.begin());
  return sync_directory(fs_, directory_);
}

} // namespace troupe::disk
