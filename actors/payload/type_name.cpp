#include <troupe/actors/payload/type_name.hpp>

#include <cstdlib>
#include <memory>

#include <cxxabi.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/error.hpp>
#include <caf/message.hpp>
#include <caf/type_nr.hpp>

#include <troupe/actors/payload/builtin_types.hpp>
#include <troupe/actors/payload/format.hpp>
#include <troupe/actors/payload/protobuf_types.hpp>
#include <troupe/actors/payload/wire.hpp>

namespace troupe {

std::string cpp_name_of(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> name{
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free};
  return status == 0 ? name.get() : type.name();
}

std::string type_name_of(caf::actor_system& sys,
                         const caf::type_erased_tuple& xs, std::size_t pos) {
  if (pos >= xs.size())
    return {};
  auto type = xs.type(pos);
  if (type.first != 0)
    return builtin_name(type.first);
  if (const auto* msg = as_protobuf(xs, pos))
    return std::string{msg->GetDescriptor()->full_name()};
  const auto& names = sys.config().type_names_by_rtti;
  auto i = names.find(std::type_index{*type.second});
  return i != names.end() ? i->second : cpp_name_of(*type.second);
}

std::string type_name_of(std::string_view payload) {
  std::uint64_t number;
  std::string_view kind;
  std::string_view name;
  if (!take_varint(payload, number) || !take_bytes(payload, 1, kind))
    return {};
  switch (static_cast<element_kind>(kind[0])) {
  case element_kind::protobuf:
  case element_kind::registered:
    return take_text(payload, name) ? std::string{name} : std::string{};
  case element_kind::builtin:
    return take_varint(payload, number) && is_builtin(number)
               ? builtin_name(static_cast<std::uint16_t>(number))
               : std::string{};
  case element_kind::error:
    return builtin_name(caf::type_nr<caf::error>::value);
  case element_kind::message:
    return builtin_name(caf::type_nr<caf::message>::value);
  }
  return {};
}

} // namespace troupe
