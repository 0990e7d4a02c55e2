#include <troupe/runtime/http/proto_json.hpp>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>

namespace troupe::http {

namespace {

namespace pb = google::protobuf;

std::unique_ptr<pb::Message> make(const std::string& type) {
  auto* descriptor =
      pb::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
  if (!descriptor)
    return nullptr;
  auto* prototype =
      pb::MessageFactory::generated_factory()->GetPrototype(descriptor);
  return std::unique_ptr<pb::Message>(prototype ? prototype->New() : nullptr);
}

api_error unknown_type(const std::string& type) {
  return {api_errc::unknown_type,
          "this node knows no message type '" + type + "'"};
}

} // namespace

result<std::string> proto_from_json(const std::string& type,
                                    std::string_view json) {
  auto message = make(type);
  if (!message)
    return unknown_type(type);
  auto status = pb::util::JsonStringToMessage(
      pb::StringPiece(json.data(), json.size()), message.get());
  if (!status.ok())
    return api_error{api_errc::wrong_message,
                     "the JSON is no " + type + ": "
                         + std::string(status.message())};
  if (!message->IsInitialized())
    return api_error{api_errc::wrong_message,
                     "the " + type + " lacks "
                         + message->InitializationErrorString()};
  return message->SerializeAsString();
}

result<std::string> proto_to_json(const std::string& type,
                                  std::string_view bytes) {
  auto message = make(type);
  if (!message)
    return unknown_type(type);
  if (!message->ParsePartialFromString(std::string(bytes)))
    return api_error{api_errc::wrong_message,
                     "the answer's bytes are no " + type};
  pb::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string out;
  auto status = pb::util::MessageToJsonString(*message, &out, options);
  if (!status.ok())
    return api_error{api_errc::wrong_message,
                     "the answer, a " + type + ", has no JSON form: "
                         + std::string(status.message())};
  return out;
}

} // namespace troupe::http
