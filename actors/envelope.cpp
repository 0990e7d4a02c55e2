#include <troupe/actors/envelope.hpp>

#include <troupe/actors/payload/type_name.hpp>
#include <troupe/actors/wire_element.hpp>

namespace troupe {

std::string_view key_of(const caf::mailbox_element& x) {
  if (auto* wire = exactly<wire_element>(x))
    return wire->key();
  return x.content().get_as<std::string>(0);
}

std::string type_of(caf::actor_system& sys, const caf::mailbox_element& x) {
  if (auto* wire = exactly<wire_element>(x))
    return type_name_of(wire->payload());
  return type_name_of(sys, x.content(), 1);
}

} // namespace troupe
