#include <troupe/actors/payload/payload.hpp>

#include <climits>
#include <exception>
#include <memory>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/make_type_erased_value.hpp>
#include <caf/sec.hpp>

#include <troupe/actors/payload/builtin_types.hpp>
#include <troupe/actors/payload/format.hpp>
#include <troupe/actors/payload/protobuf_types.hpp>
#include <troupe/actors/payload/reader.hpp>
#include <troupe/actors/payload/values.hpp>
#include <troupe/actors/payload/wire.hpp>

namespace troupe {

namespace {

using kind = payload_error_kind;
using maybe_error = std::optional<payload_error>;

/// Reads the elements of one payload.
class decoder {
public:
  decoder(caf::actor_system& sys, std::string_view bytes)
      : sys_(sys), bytes_(bytes) {}

  maybe_error all(payload_values& to) {
    if (auto err = elements(to))
      return err;
    if (!bytes_.empty())
      return malformed(std::to_string(bytes_.size())
                       + " bytes too many at its end");
    return std::nullopt;
  }

private:
  static maybe_error malformed(const std::string& what) {
    return payload_error{kind::malformed, "malformed payload: " + what};
  }

  maybe_error elements(payload_values& to) {
    if (++depth_ > nesting_max)
      return payload_error{kind::too_large,
                           "messages inside of messages, more than "
                               + std::to_string(nesting_max) + " deep"};
    std::uint64_t count;
    if (!take_varint(bytes_, count))
      return malformed("no count");
    if (count > payload_elements_max)
      return payload_error{kind::too_large,
                           "the payload claims " + std::to_string(count)
                               + " elements, the most is "
                               + std::to_string(payload_elements_max)};
    for (; count > 0; --count)
      if (auto err = one(to))
        return err;
    --depth_;
    return std::nullopt;
  }

  maybe_error one(payload_values& to) {
    std::string_view byte;
    if (!take_bytes(bytes_, 1, byte))
      return malformed("an element is missing");
    switch (static_cast<element_kind>(byte[0])) {
    case element_kind::protobuf:
      return protobuf(to);
    case element_kind::builtin:
      return builtin(to);
    case element_kind::registered:
      return registered(to);
    case element_kind::error:
      return error(to);
    case element_kind::message:
      return message(to);
    }
    return malformed("an element of unknown kind "
                     + std::to_string(static_cast<std::uint8_t>(byte[0])));
  }

  maybe_error take_name(std::string_view& name) {
    std::uint64_t size;
    if (!take_varint(bytes_, size))
      return malformed("a type name is cut off");
    if (size > payload_name_bytes_max)
      return payload_error{kind::too_large,
                           "a type name of " + std::to_string(size)
                               + " bytes, the most is "
                               + std::to_string(payload_name_bytes_max)};
    if (!take_bytes(bytes_, size, name))
      return malformed("a type name is cut off");
    return std::nullopt;
  }

  maybe_error protobuf(payload_values& to) {
    std::string_view name;
    std::string_view raw;
    if (auto err = take_name(name))
      return err;
    if (!take_text(bytes_, raw) || raw.size() > INT_MAX)
      return malformed("a protobuf message is cut off");
    const auto* prototype = find_message_type(name);
    if (!prototype)
      return payload_error{kind::unknown_type,
                           "no protobuf type " + std::string{name}
                               + " is linked into this process"};
    std::unique_ptr<google::protobuf::Message> msg{prototype->New()};
    if (!msg->ParsePartialFromArray(raw.data(), static_cast<int>(raw.size())))
      return malformed("the bytes are no " + std::string{name});
    to.append(payload_value{std::move(msg)});
    return std::nullopt;
  }

  maybe_error builtin(payload_values& to) {
    std::uint64_t nr;
    if (!take_varint(bytes_, nr))
      return malformed("a type number is cut off");
    if (!is_builtin(nr))
      return payload_error{kind::unknown_type,
                           "CAF has no type number " + std::to_string(nr)};
    auto type_nr = static_cast<std::uint16_t>(nr);
    if (const auto* why = why_it_stays(type_nr))
      return payload_error{kind::unsupported_type,
                           "refused a " + builtin_name(type_nr) + ": " + why};
    if (type_nr == caf::type_nr<caf::message>::value
        || type_nr == caf::type_nr<caf::error>::value)
      return malformed("a " + builtin_name(type_nr)
                       + " comes as a kind of its own");
    return value(to, sys_.types().make_value(type_nr), builtin_name(type_nr));
  }

  maybe_error registered(payload_values& to) {
    std::string_view view;
    if (auto err = take_name(view))
      return err;
    std::string name{view};
    const auto& factories = sys_.config().value_factories_by_name;
    auto i = factories.find(name);
    if (i == factories.end())
      return payload_error{kind::unknown_type,
                           "no type " + name
                               + " is registered here; register it with "
                                 "add_message_type"};
    return value(to, i->second(), name);
  }

  maybe_error value(payload_values& to, caf::type_erased_value_ptr x,
                    const std::string& name) {
    std::string_view raw;
    if (!take_text(bytes_, raw))
      return malformed("a " + name + " is cut off");
    payload_reader reader{raw};
    if (auto err = x->load(reader)) {
      if (err == caf::sec::no_context)
        return payload_error{kind::unsupported_type,
                             "refused a " + name
                                 + ": it holds an actor handle, a caf::message "
                                   "or a caf::error"};
      return malformed("the bytes are no " + name + ", " + to_string(err));
    }
    if (!reader.at_end())
      return malformed("bytes are left over behind a " + name);
    to.append(payload_value{std::move(x)});
    return std::nullopt;
  }

  maybe_error error(payload_values& to) {
    std::uint64_t category;
    std::string_view code;
    std::string_view context;
    if (!take_varint(bytes_, category) || !take_bytes(bytes_, 1, code)
        || !take_text(bytes_, context))
      return malformed("an error is cut off");
    auto x = context.empty()
                 ? caf::error{static_cast<std::uint8_t>(code[0]),
                              static_cast<caf::atom_value>(category)}
                 : caf::error{static_cast<std::uint8_t>(code[0]),
                              static_cast<caf::atom_value>(category),
                              caf::make_message(std::string{context})};
    to.append(
        payload_value{caf::make_type_erased_value<caf::error>(std::move(x))});
    return std::nullopt;
  }

  maybe_error message(payload_values& to) {
    payload_values nested;
    if (auto err = elements(nested))
      return err;
    to.append(payload_value{caf::make_type_erased_value<caf::message>(
        values_to_message(std::move(nested)))});
    return std::nullopt;
  }

  caf::actor_system& sys_;
  std::string_view bytes_;
  int depth_ = 0;
};

} // namespace

// A user's inspect and the allocator may throw; both stop here.
std::optional<payload_error> decode_payload(caf::actor_system& sys,
                                            std::string_view bytes,
                                            payload_values& to) {
  try {
    return decoder{sys, bytes}.all(to);
  } catch (const std::bad_alloc&) {
    return payload_error{kind::too_large, "no memory for this payload"};
  } catch (const std::exception& e) {
    return payload_error{kind::malformed,
                         std::string{"malformed payload: "} + e.what()};
  } catch (...) {
    return payload_error{kind::malformed, "malformed payload"};
  }
}

payload_result<caf::message> decode_message(caf::actor_system& sys,
                                            std::string_view bytes,
                                            std::optional<std::string> key) {
  payload_values values{std::move(key)};
  if (auto err = decode_payload(sys, bytes, values))
    return *std::move(err);
  return values_to_message(std::move(values));
}

} // namespace troupe
