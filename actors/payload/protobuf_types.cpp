#include <troupe/actors/payload/protobuf_types.hpp>

#include <typeinfo>
#include <unordered_map>
#include <utility>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/util/json_util.h>

#include <troupe/actors/payload/values.hpp>
#include <troupe/actors/payload/writer.hpp>

namespace troupe {

namespace {

namespace pb = google::protobuf;

const pb::Message* look_up(std::string_view full_name) {
  const auto* type =
      pb::DescriptorPool::generated_pool()->FindMessageTypeByName(
          std::string{full_name});
  if (!type || type->options().map_entry())
    return nullptr;
  return pb::MessageFactory::generated_factory()->GetPrototype(type);
}

} // namespace

// Protobuf's own look-up takes two locks; a thread asks once for each type.
// Only types that exist are kept, so a peer cannot make this grow.
const pb::Message* find_message_type(std::string_view full_name) {
  thread_local std::unordered_map<std::string_view, const pb::Message*> known;
  if (auto i = known.find(full_name); i != known.end())
    return i->second;
  const auto* prototype = look_up(full_name);
  if (prototype)
    known.emplace(prototype->GetDescriptor()->full_name(), prototype);
  return prototype;
}

payload_result<std::unique_ptr<pb::Message>>
message_from_json(std::string_view full_name, std::string_view json) {
  const auto* prototype = find_message_type(full_name);
  if (!prototype)
    return payload_error{payload_error_kind::unknown_type,
                         "no protobuf type " + std::string{full_name}
                             + " is linked into this process"};
  std::unique_ptr<pb::Message> msg{prototype->New()};
  auto status =
      pb::util::JsonStringToMessage({json.data(), json.size()}, msg.get());
  if (!status.ok())
    return payload_error{payload_error_kind::malformed,
                         "this JSON is no " + std::string{full_name} + ": "
                             + std::string{status.message()}};
  return msg;
}

payload_result<std::string> message_to_json(const pb::Message& msg) {
  pb::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string result;
  auto status = pb::util::MessageToJsonString(msg, &result, options);
  if (!status.ok())
    return payload_error{payload_error_kind::unsupported_type,
                         "no JSON for this "
                             + std::string{msg.GetDescriptor()->full_name()}
                             + ": " + std::string{status.message()}};
  return result;
}

caf::mailbox_element_ptr
make_payload_element(caf::strong_actor_ptr sender, caf::message_id mid,
                     std::string key, std::unique_ptr<pb::Message> msg) {
  payload_values values{std::move(key)};
  values.append(payload_value{std::move(msg)});
  return caf::make_mailbox_element(std::move(sender), mid, {},
                                   values_to_message(std::move(values)));
}

// CAF erases the type, but not the way to a serializer. A struct whose first
// member is a message leads there too; its type is another.
const pb::Message* as_protobuf(const caf::type_erased_tuple& xs,
                               std::size_t pos) {
  auto type = xs.type(pos);
  if (type.first != 0)
    return nullptr;
  payload_writer probe{payload_writer::purpose::probe};
  try {
    xs.save(pos, probe);
  } catch (...) {
    return nullptr;
  }
  const auto* msg = probe.found();
  return msg && typeid(*msg) == *type.second ? msg : nullptr;
}

} // namespace troupe
