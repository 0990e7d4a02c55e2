#pragma once

#include <concepts>
#include <string>
#include <type_traits>

#include <caf/deserializer.hpp>
#include <caf/error.hpp>
#include <caf/serializer.hpp>
#include <google/protobuf/message.h>

namespace troupe {

/// Writes the full type name and the bytes of `msg`.
caf::error save_protobuf(caf::serializer& sink,
                         const google::protobuf::Message& msg);

/// Reads what `save_protobuf` wrote. Another type name and bytes that do not
/// parse are errors; `msg` is then in no particular state.
caf::error load_protobuf(caf::deserializer& source,
                         google::protobuf::Message& msg);

/// The type name and the fields on one line: `counter.Add{n: 3}`.
std::string protobuf_to_string(const google::protobuf::Message& msg);

} // namespace troupe

/// What CAF asks of a message element, found by argument-dependent lookup for
/// every generated type. Include this where protobuf messages are sent.
namespace google::protobuf {

template <class Inspector, std::derived_from<Message> T>
typename Inspector::result_type inspect(Inspector& f, T& x) {
  if constexpr (std::derived_from<Inspector, caf::serializer>) {
    return ::troupe::save_protobuf(f, x);
  } else if constexpr (std::derived_from<Inspector, caf::deserializer>) {
    return ::troupe::load_protobuf(f, x);
  } else {
    static_assert(Inspector::reads_state);
    return f(::troupe::protobuf_to_string(x));
  }
}

template <std::derived_from<Message> T>
std::string to_string(const T& x) {
  return ::troupe::protobuf_to_string(x);
}

} // namespace google::protobuf
