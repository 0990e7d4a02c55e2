#include <troupe/cluster/link/inbox.hpp>

namespace troupe::link {

namespace {

/// More than this is given back after a frame.
constexpr std::size_t kept_bytes_max = 1 << 20;

} // namespace

assembler::outcome assembler::take(const piece& x) {
  if (x.header.first() == open_ || (open_ && x.header.kind != kind_))
    return {.wrong = malformed_reason::fragment};
  if (x.header.first() && !x.header.more()) {
    if (x.payload.size() > max_)
      return {.wrong = malformed_reason::oversized};
    return {.frame = x.payload};
  }
  if (x.header.first()) {
    if (bytes_.capacity() > kept_bytes_max)
      std::string{}.swap(bytes_);
    bytes_.clear();
  }
  if (x.payload.empty())
    return {.wrong = malformed_reason::fragment};
  if (bytes_.size() + x.payload.size() > max_)
    return {.wrong = malformed_reason::oversized};
  bytes_ += x.payload;
  kind_ = x.header.kind;
  open_ = x.header.more();
  if (open_)
    return {};
  return {.frame = std::string_view{bytes_}};
}

void assembler::reset() {
  open_ = false;
  std::string{}.swap(bytes_);
}

inbox::inbox(const settings& what)
    : data_(what.frame_bytes_max), control_(what.frame_bytes_max) {
}

void inbox::reset() {
  received_ = session_frames_ = 0;
  data_.reset();
  control_.reset();
}

void inbox::connect() {
  control_.reset();
}

std::optional<malformed_reason> inbox::take(const piece& x,
                                            frame_function deliver) {
  if (x.header.type == piece_type::control) {
    auto [frame, wrong] = control_.take(x);
    if (wrong)
      return wrong;
    if (frame) {
      ++counters_.control_frames;
      counters_.control_bytes += frame->size();
      deliver(lane::control, x.header.kind, *frame);
    }
    return std::nullopt;
  }
  if (x.header.number <= received_) {
    ++counters_.pieces_duplicate;
    return std::nullopt;
  }
  if (x.header.number != received_ + 1)
    return malformed_reason::sequence;
  auto [frame, wrong] = data_.take(x);
  if (wrong)
    return wrong;
  ++received_;
  if (frame) {
    ++session_frames_;
    ++counters_.data_frames;
    counters_.data_bytes += frame->size();
    deliver(lane::data, x.header.kind, *frame);
  }
  return std::nullopt;
}

} // namespace troupe::link
