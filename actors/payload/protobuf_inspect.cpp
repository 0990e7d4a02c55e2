#include <troupe/actors/payload/protobuf_inspect.hpp>

#include <typeinfo>

#include <caf/make_message.hpp>
#include <caf/sec.hpp>

#include <troupe/actors/payload/writer.hpp>

namespace troupe {

caf::error save_protobuf(caf::serializer& sink,
                         const google::protobuf::Message& msg) {
  // The class is final, so this is the dynamic_cast without its search.
  if (typeid(sink) == typeid(payload_writer))
    return static_cast<payload_writer&>(sink).write(msg);
  std::string name{msg.GetDescriptor()->full_name()};
  std::string bytes;
  if (!msg.SerializePartialToString(&bytes))
    return caf::make_error(caf::sec::invalid_argument,
                           name + " does not serialize");
  return sink(name, bytes);
}

caf::error load_protobuf(caf::deserializer& source,
                         google::protobuf::Message& msg) {
  std::string name;
  std::string bytes;
  if (auto err = source(name, bytes))
    return err;
  std::string expected{msg.GetDescriptor()->full_name()};
  if (name != expected)
    return caf::make_error(caf::sec::unknown_type,
                           "expected " + expected + ", got " + name);
  if (!msg.ParsePartialFromString(bytes))
    return caf::make_error(caf::sec::invalid_argument,
                           "the bytes are no " + expected);
  return caf::none;
}

std::string protobuf_to_string(const google::protobuf::Message& msg) {
  std::string result{msg.GetDescriptor()->full_name()};
  result += '{';
  result += msg.ShortDebugString();
  result += '}';
  return result;
}

} // namespace troupe
