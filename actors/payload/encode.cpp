#include <troupe/actors/payload/payload.hpp>

#include <exception>
#include <typeinfo>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/sec.hpp>
#include <caf/type_nr.hpp>

#include <troupe/actors/payload/builtin_types.hpp>
#include <troupe/actors/payload/format.hpp>
#include <troupe/actors/payload/protobuf_types.hpp>
#include <troupe/actors/payload/type_name.hpp>
#include <troupe/actors/payload/writer.hpp>

namespace troupe {

namespace {

using maybe_error = std::optional<payload_error>;

maybe_error unsupported(const std::string& type, const std::string& why) {
  return payload_error{payload_error_kind::unsupported_type,
                       "cannot send a " + type + ": " + why};
}

constexpr const char* holds_what_stays =
    "it holds an actor handle, a caf::message or a caf::error with a context; "
    "send messages and errors as elements of their own";

/// Writes the elements of one payload.
class encoder {
public:
  encoder(caf::actor_system& sys, payload_writer& out) : sys_(sys), out_(out) {}

  maybe_error all(const caf::type_erased_tuple& xs, std::size_t first) {
    if (++depth_ > nesting_max)
      return payload_error{payload_error_kind::too_large,
                           "messages inside of messages, more than "
                               + std::to_string(nesting_max) + " deep"};
    auto count = xs.size() > first ? xs.size() - first : 0;
    if (count > payload_elements_max)
      return payload_error{payload_error_kind::too_large,
                           "a message of " + std::to_string(count)
                               + " elements; send at most "
                               + std::to_string(payload_elements_max)};
    out_.write_varint(count);
    for (auto pos = first; pos < xs.size(); ++pos)
      if (auto err = one(xs, pos))
        return err;
    --depth_;
    return std::nullopt;
  }

private:
  void begin(element_kind kind) {
    out_.write_byte(static_cast<std::uint8_t>(kind));
  }

  maybe_error one(const caf::type_erased_tuple& xs, std::size_t pos) {
    auto type = xs.type(pos);
    if (type.first == caf::type_nr<caf::error>::value)
      return error(xs.get_as<caf::error>(pos));
    if (type.first == caf::type_nr<caf::message>::value) {
      begin(element_kind::message);
      return all(xs.get_as<caf::message>(pos), 0);
    }
    if (type.first != 0)
      return builtin(xs, pos, type.first);
    if (const auto* msg = as_protobuf(xs, pos))
      return protobuf(*msg);
    return registered(xs, pos, *type.second);
  }

  maybe_error protobuf(const google::protobuf::Message& msg) {
    const auto& name = msg.GetDescriptor()->full_name();
    if (name.size() > payload_name_bytes_max)
      return long_name(std::string{name});
    begin(element_kind::protobuf);
    if (out_.write(msg))
      return payload_error{payload_error_kind::too_large,
                           "a " + std::string{name}
                               + " of more than 2 GiB; split it"};
    return std::nullopt;
  }

  maybe_error builtin(const caf::type_erased_tuple& xs, std::size_t pos,
                      std::uint16_t nr) {
    if (const auto* why = why_it_stays(nr))
      return unsupported(builtin_name(nr), why);
    begin(element_kind::builtin);
    out_.write_varint(nr);
    return body(xs, pos, builtin_name(nr));
  }

  maybe_error registered(const caf::type_erased_tuple& xs, std::size_t pos,
                         const std::type_info& type) {
    const auto& names = sys_.config().type_names_by_rtti;
    auto i = names.find(std::type_index{type});
    if (i == names.end())
      return unsupported(cpp_name_of(type),
                         "register it with add_message_type on every node, or "
                         "send a protobuf message");
    if (i->second.size() > payload_name_bytes_max)
      return long_name(i->second);
    begin(element_kind::registered);
    out_.write_text(i->second);
    if (auto err = body(xs, pos, i->second))
      return err;
    payload_writer check{sys_};
    if (xs.save(pos, check) || check.met_message())
      return unsupported(i->second, holds_what_stays);
    return std::nullopt;
  }

  maybe_error body(const caf::type_erased_tuple& xs, std::size_t pos,
                   const std::string& name) {
    auto mark = out_.size();
    if (auto err = xs.save(pos, out_)) {
      if (err == caf::sec::no_context)
        return unsupported(name, holds_what_stays);
      return unsupported(name, "its inspect failed with " + to_string(err));
    }
    out_.write_size_at(mark);
    return std::nullopt;
  }

  maybe_error error(const caf::error& x) {
    begin(element_kind::error);
    out_.write_varint(x ? static_cast<std::uint64_t>(x.category()) : 0);
    out_.write_byte(x ? x.code() : 0);
    out_.write_text(x ? context_of(x) : std::string{});
    return std::nullopt;
  }

  static std::string context_of(const caf::error& x) {
    const auto& context = x.context();
    if (context.empty())
      return {};
    if (context.size() == 1 && context.match_element<std::string>(0))
      return context.get_as<std::string>(0);
    return to_string(context);
  }

  static maybe_error long_name(const std::string& name) {
    return payload_error{
        payload_error_kind::too_large,
        "the type name " + name.substr(0, 32) + "... is too long; use at most "
            + std::to_string(payload_name_bytes_max) + " bytes"};
  }

  caf::actor_system& sys_;
  payload_writer& out_;
  int depth_ = 0;
};

// What a user's inspect throws is the value's fault, so it is a refusal.
maybe_error encode(caf::actor_system& sys, const caf::type_erased_tuple& xs,
                   std::size_t first, payload_writer& out) {
  try {
    return encoder{sys, out}.all(xs, first);
  } catch (const std::bad_alloc&) {
    return payload_error{payload_error_kind::too_large,
                         "no memory for the bytes of this message"};
  } catch (const std::exception& e) {
    return unsupported("message", std::string{"its inspect threw "} + e.what());
  } catch (...) {
    return unsupported("message", "its inspect threw");
  }
}

} // namespace

std::optional<payload_error> encode_payload(caf::actor_system& sys,
                                            const caf::type_erased_tuple& xs,
                                            std::size_t first,
                                            std::string& out) {
  auto size = out.size();
  payload_writer writer{out};
  auto err = encode(sys, xs, first, writer);
  if (err)
    out.resize(size);
  return err;
}

payload_result<std::size_t> payload_size(caf::actor_system& sys,
                                         const caf::type_erased_tuple& xs,
                                         std::size_t first) {
  payload_writer writer{payload_writer::purpose::count};
  if (auto err = encode(sys, xs, first, writer))
    return *std::move(err);
  return writer.size();
}

} // namespace troupe
