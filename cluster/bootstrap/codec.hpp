#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <troupe/cluster/bootstrap/messages.hpp>

namespace troupe::proto {
class FoundingSet;
} // namespace troupe::proto

/// The one place where these values meet their schema (bootstrap.proto).
namespace troupe::boot {

/// Names and addresses: 1 to 255 bytes of UTF-8 without control characters.
bool valid_text(std::string_view x);

template <class Tag>
void put_id(const id128<Tag>& from, std::string& to) {
  to.assign(from.bytes.begin(), from.bytes.end());
}

/// False: not 16 bytes, or none.
template <class Tag>
bool get_id(std::string_view from, id128<Tag>& to) {
  if (from.size() != to.bytes.size())
    return false;
  std::copy(from.begin(), from.end(), to.bytes.begin());
  return static_cast<bool>(to);
}

void to_proto(const founding_set& from, proto::FoundingSet& to);
std::optional<founding_set> from_proto(const proto::FoundingSet& from);

std::string encode_request(const candidate& x);
std::string encode_request(const join_request& x);
request decode_request(std::string_view bytes);

std::string encode_reply(const candidate& x);
std::string encode_reply(const member_introduction& x);
std::string encode_reply(const refusal& x);
std::string encode_reply(const join_reply& x);
reply decode_reply(std::string_view bytes);

} // namespace troupe::boot
