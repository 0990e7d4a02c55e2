#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <caf/fwd.hpp>
#include <caf/mailbox_element.hpp>
#include <google/protobuf/message.h>

#include <troupe/actors/payload/error.hpp>

/// Protobuf messages by name and as JSON, for senders that are not C++ code.
///
/// Known are the generated types that are linked into this process.
/// Errors:  values.
/// Threads: any number at once.
namespace troupe {

/// The prototype of a generated type ("counter.Add"), null for an unknown one.
/// Lives as long as the process.
const google::protobuf::Message* find_message_type(std::string_view full_name);

/// Reads the JSON form that protobuf defines; fields the type does not have
/// are refused.
payload_result<std::unique_ptr<google::protobuf::Message>>
message_from_json(std::string_view full_name, std::string_view json);

/// Writes field names as in the schema and leaves out default values.
payload_result<std::string>
message_to_json(const google::protobuf::Message& msg);

/// A mailbox element `(key, msg)`, as a C++ sender of the same type makes it.
caf::mailbox_element_ptr
make_payload_element(caf::strong_actor_ptr sender, caf::message_id mid,
                     std::string key,
                     std::unique_ptr<google::protobuf::Message> msg);

/// The protobuf message at `pos`, null if that element is something else.
/// Lives as long as the element.
const google::protobuf::Message* as_protobuf(const caf::type_erased_tuple& xs,
                                             std::size_t pos);

} // namespace troupe
