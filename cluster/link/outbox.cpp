#include <troupe/cluster/link/outbox.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include <troupe/cluster/assert.hpp>

namespace troupe::link {

namespace {

/// Calls `f(header, offset)` for each piece of `x` from `offset` on, until it
/// says false.
template <class F>
void each_piece(const chunk& x, F f) {
  std::size_t at = 0;
  while (at < x.size) {
    auto header = read_header(x.bytes.get() + at);
    if (!f(header, at))
      return;
    at += header_bytes + header.length;
  }
}

} // namespace

void batch::clear() {
  slices.clear();
  chunks.clear();
  bytes = 0;
}

/// Walks over the parts of a frame as if they were one string.
class outbox::part_reader {
public:
  explicit part_reader(std::span<const std::string_view> parts)
      : parts_(parts) {}

  void copy(char* to, std::size_t count) {
    while (count > 0) {
      auto& part = parts_.front();
      auto n = std::min(count, part.size() - offset_);
      if (n > 0)
        std::memcpy(to, part.data() + offset_, n);
      to += n;
      count -= n;
      offset_ += n;
      if (offset_ == part.size()) {
        parts_ = parts_.subspan(1);
        offset_ = 0;
      }
    }
  }

private:
  std::span<const std::string_view> parts_;
  std::size_t offset_ = 0;
};

void outbox::open(std::uint64_t serial) {
  TROUPE_ASSERT(!is_open(), "session {} is still open", serial_);
  TROUPE_ASSERT(serial != 0, "a session needs a number, got {}", serial);
  serial_ = serial;
}

outbox::totals outbox::close() {
  std::uint64_t open_frames = 0;
  for (auto& x : data_)
    each_piece(*x, [&](const piece_header& header, std::size_t) {
      open_frames += header.number > acknowledged_ && !header.more();
      return true;
    });
  totals result{frames_accepted_, frames_accepted_ - open_frames};
  disconnect();
  // Not recycled: a batch may still be writing them.
  data_.clear();
  data_bytes_ = front_acknowledged_bytes_ = 0;
  cursor_chunk_ = cursor_offset_ = 0;
  last_ = acknowledged_ = written_ = written_ever_ = 0;
  frames_accepted_ = 0;
  serial_ = 0;
  return result;
}

std::optional<std::vector<untaken_frame>> outbox::untaken() const {
  std::vector<untaken_frame> out;
  bool whole = true;
  for (auto& x : data_)
    each_piece(*x, [&](const piece_header& header, std::size_t at) {
      if (header.number <= acknowledged_)
        return true;
      if (header.first())
        out.push_back({header.kind, {}});
      else if (out.empty())
        return whole = false;
      out.back().payload.append(x->bytes.get() + at + header_bytes,
                                header.length);
      return true;
    });
  if (!whole)
    return std::nullopt;
  return out;
}

send_result outbox::append(frame_class how, std::uint8_t kind,
                           std::span<const std::string_view> payload) {
  if (!is_open())
    return send_result::unknown_peer;
  std::size_t size = 0;
  for (auto part : payload)
    size += part.size();
  if (size > settings_->frame_bytes_max)
    return send_result::too_large;
  auto pieces = std::max<std::size_t>(1, (size + piece_payload_max - 1)
                                             / piece_payload_max);
  auto wire_size = size + pieces * header_bytes;
  if (how == frame_class::control) {
    if (!connected_)
      return send_result::not_connected;
    if (control_bytes_ + wire_size > settings_->control_bytes_max) {
      ++counters_.overloaded;
      return send_result::overloaded;
    }
    append_pieces(control_, piece_type::control, kind, size, payload);
    control_bytes_ += wire_size;
    ++counters_.control_frames;
    counters_.control_bytes += size;
    return send_result::accepted;
  }
  if (how == frame_class::data
      && unacknowledged_bytes() + wire_size
             > settings_->unacknowledged_bytes_max) {
    ++counters_.overloaded;
    return send_result::overloaded;
  }
  append_pieces(data_, piece_type::data, kind, size, payload);
  data_bytes_ += wire_size;
  ++frames_accepted_;
  ++counters_.data_frames;
  counters_.data_bytes += size;
  return send_result::accepted;
}

void outbox::append_pieces(std::deque<chunk_ptr>& lane, piece_type type,
                           std::uint8_t kind, std::size_t size,
                           std::span<const std::string_view> payload) {
  part_reader from{payload};
  std::uint8_t flags = flag_first;
  do {
    auto n = std::min(size, piece_payload_max);
    size -= n;
    if (size > 0)
      flags |= flag_more;
    auto& to = room(lane, header_bytes + n);
    piece_header header{.length = static_cast<std::uint32_t>(n),
                        .type = type,
                        .kind = kind,
                        .flags = flags};
    if (type == piece_type::data)
      header.number = to.last = ++last_;
    write_header(header, to.bytes.get() + to.size);
    from.copy(to.bytes.get() + to.size + header_bytes, n);
    to.size += header_bytes + n;
    flags = 0;
  } while (size > 0);
}

chunk& outbox::room(std::deque<chunk_ptr>& lane, std::size_t bytes) {
  if (!lane.empty() && lane.back()->capacity - lane.back()->size >= bytes)
    return *lane.back();
  if (!spare_.empty()) {
    lane.push_back(std::move(spare_.back()));
    spare_.pop_back();
  } else {
    lane.push_back(std::make_shared<chunk>(settings_->chunk_bytes));
  }
  return *lane.back();
}

bool outbox::connect(std::uint64_t peer_received) {
  if (peer_received < acknowledged_ || peer_received > written_ever_)
    return false;
  disconnect();
  written_ = written_ever_;
  acknowledge(peer_received);
  cursor_chunk_ = 0;
  cursor_offset_ = data_.empty() ? 0 : data_.front()->size;
  if (!data_.empty())
    each_piece(*data_.front(), [&](const piece_header& header, auto at) {
      if (header.number <= peer_received)
        return true;
      cursor_offset_ = at;
      return false;
    });
  counters_.pieces_resent += written_ever_ - peer_received;
  written_ = peer_received;
  ack_sent_ = 0;
  connected_ = true;
  return true;
}

void outbox::disconnect() {
  connected_ = false;
  for (auto& x : control_)
    each_piece(*x, [&](const piece_header& header, std::size_t) {
      counters_.control_dropped += !header.more();
      return true;
    });
  control_.clear();
  control_bytes_ = 0;
}

void outbox::take_back(batch& out) {
  for (auto& x : out.chunks)
    recycle(std::move(x));
  out.clear();
}

void outbox::collect(batch& out, const signals& what) {
  take_back(out);
  if (!connected_)
    return;
  out.slices.emplace_back(); // for the signals
  collect_control(out);
  collect_data(out);
  std::size_t head = 0;
  bool ack = what.received > ack_sent_ && (what.ack_due || out.bytes > 0);
  if (ack) {
    write_header(
        {.type = piece_type::ack, .flags = flag_first, .number = what.received},
        out.head.data());
    head += header_bytes;
    ack_sent_ = what.received;
  }
  if (what.ping_due && !ack && out.bytes == 0) {
    write_header({.type = piece_type::ping, .flags = flag_first},
                 out.head.data());
    head += header_bytes;
  }
  out.bytes += head;
  if (head > 0)
    out.slices.front() = {out.head.data(), head};
  else
    out.slices.erase(out.slices.begin());
  counters_.writes += !out.empty();
}

void outbox::collect_control(batch& out) {
  std::size_t bytes = 0;
  while (!control_.empty() && bytes < settings_->batch_bytes_max) {
    auto x = std::move(control_.front());
    control_.pop_front();
    bytes += x->size;
    out.slices.emplace_back(x->bytes.get(), x->size);
    out.chunks.push_back(std::move(x));
  }
  control_bytes_ -= bytes;
  out.bytes += bytes;
}

void outbox::collect_data(batch& out) {
  std::size_t bytes = 0;
  while (cursor_chunk_ < data_.size() && bytes < settings_->batch_bytes_max) {
    auto& x = data_[cursor_chunk_];
    if (auto n = x->size - cursor_offset_; n > 0) {
      out.slices.emplace_back(x->bytes.get() + cursor_offset_, n);
      out.chunks.push_back(x);
      bytes += n;
      cursor_offset_ = x->size;
      written_ = x->last;
    }
    // The last chunk may still grow.
    if (cursor_chunk_ + 1 == data_.size())
      break;
    ++cursor_chunk_;
    cursor_offset_ = 0;
  }
  written_ever_ = std::max(written_ever_, written_);
  out.bytes += bytes;
}

bool outbox::acknowledge(std::uint64_t number) {
  if (number > written_)
    return false;
  if (number <= acknowledged_)
    return true;
  acknowledged_ = number;
  while (data_.size() > 1 && data_.front()->last <= number) {
    data_bytes_ -= data_.front()->size;
    front_acknowledged_bytes_ = 0;
    recycle(std::move(data_.front()));
    data_.pop_front();
    if (cursor_chunk_ > 0)
      --cursor_chunk_;
    else
      cursor_offset_ = 0;
  }
  if (!data_.empty() && data_.front()->last <= number) {
    // All is taken. Begin the chunk anew, unless a batch still holds it.
    auto& x = *data_.front();
    if (data_.front().use_count() == 1) {
      x.size = x.last = 0;
      data_bytes_ = front_acknowledged_bytes_ = cursor_offset_ = 0;
    } else {
      front_acknowledged_bytes_ = x.size;
    }
  }
  return true;
}

void outbox::recycle(chunk_ptr x) {
  if (x.use_count() != 1 || spare_.size() >= settings_->spare_chunks_max)
    return;
  x->size = x->last = 0;
  spare_.push_back(std::move(x));
}

bool outbox::idle() const {
  return control_bytes_ == 0 && last_ == acknowledged_;
}

} // namespace troupe::link
