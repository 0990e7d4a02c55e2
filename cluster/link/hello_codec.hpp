#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <troupe/cluster/link/types.hpp>

/// The one place where handshakes meet their schema (link.proto). Decoding
/// answers nothing for what no correct peer sends.
namespace troupe::link {

/// A refusal as it travels, with the incarnation of who refuses (none: it has
/// no id yet).
struct sent_refusal {
  refusal what;
  troupe::incarnation incarnation;
};

std::string encode(const hello& x);
std::optional<hello> decode_hello(std::string_view bytes);

std::string encode(const sent_refusal& x);
std::optional<sent_refusal> decode_refusal(std::string_view bytes);

} // namespace troupe::link
