#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <typeinfo>

#include <caf/fwd.hpp>
#include <caf/type_erased_tuple.hpp>

namespace troupe {

/// What people call the type of an element: the full name of a protobuf
/// message, the name that a type was registered under, CAF's name of its own,
/// else that of C++. Empty: there is no such element.
std::string type_name_of(caf::actor_system& sys,
                         const caf::type_erased_tuple& xs, std::size_t pos);

/// The same of the first element of an encoded payload. Empty: it is none.
std::string type_name_of(std::string_view payload);

/// As it is written in C++.
std::string cpp_name_of(const std::type_info& type);

} // namespace troupe
