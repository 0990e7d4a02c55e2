#include <troupe/runtime/log/record.hpp>

#include <troupe/runtime/log/bytes.hpp>
#include <troupe/runtime/log/crc32c.hpp>

namespace troupe::disk {

namespace {

// Offsets in a record's header.
constexpr std::size_t length_at = 0;
constexpr std::size_t crc_at = 4;
constexpr std::size_t previous_at = 8;
constexpr std::size_t type_at = 12;
constexpr std::size_t flags_at = 13;
constexpr std::size_t zero_at = 14; // u16, reserved
constexpr std::size_t batch_at = 16;

std::uint32_t checksum(std::string_view record, std::uint64_t seq,
                       std::uint64_t offset, std::uint32_t previous) {
  char place[16];
  put(place, seq);
  put(place + 8, offset);
  auto crc = crc32c(previous, {place, sizeof(place)});
  crc = crc32c(crc, record.substr(0, crc_at));
  return crc32c(crc, record.substr(previous_at));
}

std::size_t whole_bytes(std::size_t payload_bytes) {
  return record_header_bytes + round_up(payload_bytes, 8);
}

} // namespace

void record_buffer::clear() {
  bytes_.clear();
  count_ = 0;
}

char* record_buffer::add(record_type type, std::size_t payload_bytes,
                         std::uint8_t flags) {
  auto at = bytes_.size();
  bytes_.resize(at + whole_bytes(payload_bytes));
  auto* head = bytes_.data() + at;
  put(head + length_at, static_cast<std::uint32_t>(payload_bytes));
  put(head + type_at, static_cast<std::uint8_t>(type));
  put(head + flags_at, flags);
  ++count_;
  return head + record_header_bytes;
}

std::uint32_t record_buffer::seal(std::uint64_t seq, std::uint64_t offset,
                                  std::uint64_t batch, std::uint32_t previous) {
  for (std::size_t at = 0; at < bytes_.size();) {
    auto* head = bytes_.data() + at;
    auto bytes = whole_bytes(get<std::uint32_t>(head + length_at));
    put(head + previous_at, previous);
    put(head + batch_at, batch);
    previous = checksum({head, bytes}, seq, offset + at, previous);
    put(head + crc_at, previous);
    at += bytes;
  }
  return previous;
}

std::optional<record_view> parse_record(std::string_view segment,
                                        std::uint64_t seq, std::uint64_t offset,
                                        std::optional<std::uint32_t> previous) {
  if (offset > segment.size() || segment.size() - offset < record_header_bytes)
    return std::nullopt;
  auto* head = segment.data() + offset;
  auto length = get<std::uint32_t>(head + length_at);
  auto type = get<std::uint8_t>(head + type_at);
  auto said = get<std::uint32_t>(head + previous_at);
  if (type < static_cast<std::uint8_t>(record_type::entry)
      || type > static_cast<std::uint8_t>(record_type::batch_end)
      || get<std::uint16_t>(head + zero_at) != 0 || length > record_bytes_max
      || segment.size() - offset < whole_bytes(length)
      || (previous && said != *previous))
    return std::nullopt;
  record_view r;
  r.type = static_cast<record_type>(type);
  r.flags = get<std::uint8_t>(head + flags_at);
  r.batch = get<std::uint64_t>(head + batch_at);
  r.crc = get<std::uint32_t>(head + crc_at);
  r.payload = {head + record_header_bytes, length};
  r.bytes = whole_bytes(length);
  if (checksum({head, r.bytes}, seq, offset, said) != r.crc)
    return std::nullopt;
  return r;
}

} // namespace troupe::disk
