#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <caf/fwd.hpp>
#include <caf/message.hpp>

#include <troupe/actors/payload/error.hpp>
#include <troupe/actors/payload/values.hpp>

/// The bytes of a message's payload, as they travel between nodes.
///
///     payload  = count element*                 (integers are varints)
///     element  = 1 name size bytes              protobuf message
///              | 2 type number size bytes       type built into CAF
///              | 3 name size bytes              type registered with CAF
///              | 4 category code size context   caf::error
///              | 5 payload                      caf::message
///     name     = size bytes
///
/// Protobuf messages need no registration; other types are registered with
/// `actor_system_config::add_message_type` on both sides. Actor handles and
/// CAF's own system messages do not travel, nor does a registered type that
/// holds an actor handle, a caf::message or a caf::error with a context. (A
/// message inside of it whose own types are not registered is one that CAF
/// prints about and leaves out; we cannot see it.)
///
/// Errors:  values, for the sender's types as for a peer's bytes; never throws.
/// Threads: any number at once.
namespace troupe {

constexpr std::size_t payload_elements_max = 64;
constexpr std::size_t payload_name_bytes_max = 512;

/// Appends the elements of `xs` from position `first` on (1 skips the key).
/// After an error `out` is as it was.
std::optional<payload_error> encode_payload(caf::actor_system& sys,
                                            const caf::type_erased_tuple& xs,
                                            std::size_t first,
                                            std::string& out);

/// How many bytes `encode_payload` would append.
payload_result<std::size_t> payload_size(caf::actor_system& sys,
                                         const caf::type_erased_tuple& xs,
                                         std::size_t first);

/// Reads a payload, behind what `to` has already. After an error `to` holds the
/// elements in front of the one that is wrong.
std::optional<payload_error> decode_payload(caf::actor_system& sys,
                                            std::string_view bytes,
                                            payload_values& to);

/// The same, into a message; `key`, if given, becomes element 0. Handlers see
/// what a local sender would have given them.
payload_result<caf::message>
decode_message(caf::actor_system& sys, std::string_view bytes,
               std::optional<std::string> key = std::nullopt);

} // namespace troupe
