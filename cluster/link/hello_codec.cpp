#include <troupe/cluster/link/hello_codec.hpp>

#include <algorithm>

#include <troupe/proto/link.pb.h>

namespace troupe::link {

namespace {

constexpr std::size_t text_bytes_max = 1024;

/// Text of a peer goes to logs and terminals: no control characters.
bool printable(std::string_view x) {
  return x.size() <= text_bytes_max && std::ranges::all_of(x, [](char c) {
           auto byte = static_cast<unsigned char>(c);
           return byte >= 0x20 && byte != 0x7f;
         });
}

std::string to_bytes(const bytes16& from) {
  return {from.begin(), from.end()};
}

bool from_bytes(std::string_view from, bytes16& to) {
  if (from.size() != to.size())
    return false;
  std::ranges::copy(from, to.begin());
  return true;
}

} // namespace

std::string encode(const hello& x) {
  proto::LinkHello out;
  out.set_protocol_min(x.protocol.min);
  out.set_protocol_max(x.protocol.max);
  out.set_cluster(to_bytes(x.from.cluster));
  out.set_node(x.from.node.value);
  out.set_incarnation(x.from.incarnation.value);
  out.set_boot(x.from.boot);
  out.set_uuid(to_bytes(x.from.uuid));
  out.set_name(x.from.name);
  out.set_address(x.from.address);
  out.set_to(x.to.value);
  auto& resume = *out.mutable_resume();
  resume.set_attempt(x.resume.attempt);
  resume.set_attempt_seen(x.resume.attempt_seen);
  resume.set_session(x.resume.session);
  resume.set_peer_boot(x.resume.peer_boot);
  resume.set_peer_session(x.resume.peer_session);
  resume.set_received(x.resume.received);
  return out.SerializeAsString();
}

std::optional<hello> decode_hello(std::string_view bytes) {
  proto::LinkHello in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return std::nullopt;
  hello x;
  x.protocol = {in.protocol_min(), in.protocol_max()};
  x.from.node = node_id{in.node()};
  x.from.incarnation = troupe::incarnation{in.incarnation()};
  x.from.boot = in.boot();
  x.from.name = in.name();
  x.from.address = in.address();
  x.to = node_id{in.to()};
  x.resume = {.attempt = in.resume().attempt(),
              .attempt_seen = in.resume().attempt_seen(),
              .session = in.resume().session(),
              .peer_boot = in.resume().peer_boot(),
              .peer_session = in.resume().peer_session(),
              .received = in.resume().received()};
  bool sound = from_bytes(in.cluster(), x.from.cluster)
               && from_bytes(in.uuid(), x.from.uuid) && x.from.node
               && x.from.incarnation && x.from.boot != 0 && x.to
               && x.protocol.min > 0 && x.protocol.min <= x.protocol.max
               && printable(x.from.name) && printable(x.from.address)
               && x.resume.attempt != 0 && x.resume.session != 0
               && (x.resume.peer_session != 0) == (x.resume.peer_boot != 0)
               && (x.resume.peer_session != 0 || x.resume.received == 0);
  return sound ? std::optional{std::move(x)} : std::nullopt;
}

std::string encode(const sent_refusal& x) {
  proto::LinkRefusal out;
  out.set_code(static_cast<std::uint32_t>(x.what.code));
  out.set_text(x.what.text.substr(0, text_bytes_max));
  out.set_owner_code(x.what.owner_code);
  out.set_incarnation(x.incarnation.value);
  return out.SerializeAsString();
}

std::optional<sent_refusal> decode_refusal(std::string_view bytes) {
  proto::LinkRefusal in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))
      || in.code() == 0 || !printable(in.text()))
    return std::nullopt;
  sent_refusal x;
  // A code of a later version reads as the word of its owner.
  auto known = in.code() <= static_cast<std::uint32_t>(refusal_code::stopped);
  x.what.code =
      known ? static_cast<refusal_code>(in.code()) : refusal_code::owner;
  x.what.text = in.text();
  x.what.owner_code = known ? in.owner_code() : in.code();
  x.incarnation = troupe::incarnation{in.incarnation()};
  return x;
}

} // namespace troupe::link
