#include <troupe/runtime/log/segment.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>

#include <troupe/runtime/log/bytes.hpp>
#include <troupe/runtime/log/crc32c.hpp>

namespace troupe::disk {

namespace {

constexpr std::string_view magic = "troupeRL";
constexpr std::uint32_t version = 1;
constexpr std::size_t header_bytes = 76; // without its checksum

// One past the last byte that is not zero, at least `from`.
std::uint64_t end_of_data(std::string_view bytes, std::uint64_t from) {
  auto end = static_cast<std::uint64_t>(bytes.size());
  static constexpr char zeros[4096] = {};
  while (end > from) {
    auto n = std::min<std::uint64_t>(sizeof(zeros), end - from);
    if (std::memcmp(bytes.data() + end - n, zeros, n) != 0)
      break;
    end -= n;
  }
  while (end > from && bytes[end - 1] == 0)
    --end;
  return std::max(end, from);
}

struct batch_tail {
  std::uint64_t count = 0;
  std::uint64_t last_index = 0;
};

std::optional<batch_tail> parse_batch_end(const record_view& r) {
  if (r.type != record_type::batch_end || r.payload.size() != 16)
    return std::nullopt;
  return batch_tail{get<std::uint64_t>(r.payload.data()),
                    get<std::uint64_t>(r.payload.data() + 8)};
}

// Appends the batch's records to the scan and moves its end behind the batch.
bool take_batch(std::string_view segment, std::uint64_t seq, segment_scan& to) {
  auto at = to.kept;
  auto crc = to.end.crc;
  auto before = to.records.size();
  for (;;) {
    auto r = parse_record(segment, seq, at, crc);
    if (!r || r->batch != to.end.next_batch)
      break;
    at += r->bytes;
    crc = r->crc;
    if (r->type != record_type::batch_end) {
      to.records.push_back(*r);
      continue;
    }
    auto tail = parse_batch_end(*r);
    if (!tail || tail->count != to.records.size() - before)
      break;
    to.end = {to.end.next_batch + 1, tail->last_index, crc};
    to.kept = round_up(at, sector_bytes);
    to.index_max = std::max(to.index_max, tail->last_index);
    return true;
  }
  to.records.resize(before);
  return false;
}

void find_later(std::string_view segment, std::uint64_t seq, segment_scan& to) {
  for (auto at = to.kept; at < to.dirty; at += 8) {
    auto r = parse_record(segment, seq, at, std::nullopt);
    if (!r || r->batch <= to.end.next_batch)
      continue;
    if (!to.later)
      to.later = at;
    if (auto tail = parse_batch_end(*r))
      to.later_index = std::max(to.later_index, tail->last_index);
    at += r->bytes - 8;
  }
}

} // namespace

std::string encode(const segment_header& header) {
  std::string to{magic};
  put(to, version);
  put(to, std::uint32_t{0});
  to.append(reinterpret_cast<const char*>(header.cluster.data()),
            header.cluster.size());
  put(to, header.node.value);
  put(to, header.maker.value);
  put(to, header.seq);
  put(to, header.first_batch);
  put(to, header.last_index);
  put(to, header.carried_crc);
  TROUPE_ASSERT(to.size() == header_bytes, "{} bytes", to.size());
  put(to, crc32c(0, to));
  to.resize(sector_bytes);
  return to;
}

header_view parse_segment_header(std::string_view segment) {
  header_view view;
  if (segment.size() < sector_bytes || !segment.starts_with(magic))
    return view;
  auto* at = segment.data();
  if (get<std::uint32_t>(at + header_bytes)
      != crc32c(0, segment.substr(0, header_bytes)))
    return view;
  view.newer_version = get<std::uint32_t>(at + 8) > version;
  segment_header h;
  std::memcpy(h.cluster.data(), at + 16, h.cluster.size());
  h.node = node_id{get<std::uint64_t>(at + 32)};
  h.maker = incarnation{get<std::uint64_t>(at + 40)};
  h.seq = get<std::uint64_t>(at + 48);
  h.first_batch = get<std::uint64_t>(at + 56);
  h.last_index = get<std::uint64_t>(at + 64);
  h.carried_crc = get<std::uint32_t>(at + 72);
  view.header = h;
  return view;
}

std::string segment_name(std::uint64_t seq) {
  auto digits = std::to_string(seq);
  if (digits.size() < 10)
    digits.insert(0, 10 - digits.size(), '0');
  return digits + ".log";
}

std::uint64_t segment_seq(std::string_view name) {
  std::uint64_t seq = 0;
  auto* end = name.data() + name.size();
  auto [at, error] = std::from_chars(name.data(), end, seq);
  if (error != std::errc{} || segment_name(seq) != name)
    return 0;
  return seq;
}

segment_scan scan_segment(std::string_view segment, std::uint64_t seq,
                          const chain_position& from) {
  segment_scan to;
  to.end = from;
  while (take_batch(segment, seq, to)) {
  }
  to.dirty = end_of_data(segment, to.kept);
  find_later(segment, seq, to);
  return to;
}

} // namespace troupe::disk
