#pragma once

#include <stdexcept>
#include <string>

#include <troupe/cluster/map/error.hpp>

namespace troupe::testing {

/// Something did not come true within its virtual time. The text ends with a
/// picture of the cluster.
class timed_out : public std::runtime_error {
public:
  using runtime_error::runtime_error;
};

/// A request or a command was answered with an error.
class refused : public std::runtime_error {
public:
  refused(errc code, const std::string& text)
      : runtime_error(text), code_(code) {}
  errc code() const { return code_; }

private:
  errc code_; // none: an error that is not troupe's
};

} // namespace troupe::testing
