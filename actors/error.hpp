#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <caf/atom.hpp>
#include <caf/error.hpp>

#include <troupe/cluster/map/error.hpp>

namespace troupe {

/// The category of troupe's errors in CAF.
inline constexpr caf::atom_value error_category = caf::atom("troupe");

/// A refusal as CAF shows it: `to_string` gives code, detail and hint.
caf::error make_error(errc code, std::string detail = {});
caf::error make_error(const failure& why);

/// The code of a troupe error; none for others.
errc code_of(const caf::error& err);

/// How long to wait before the same is worth another try: after `overloaded`,
/// until the owner has said what it is done with. None for others.
std::optional<std::chrono::milliseconds> retry_after(errc code);

/// The sentence in an error's context, if there is one.
std::string text_of(const caf::error& err);

} // namespace troupe
