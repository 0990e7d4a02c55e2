#pragma once

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>

namespace troupe {

[[noreturn]] inline void assert_failed(const char* file, int line,
                                       const char* cond,
                                       const std::string& what) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s: %s\n", file, line, cond,
               what.c_str());
  std::abort();
}

namespace detail {

template <class... Ts>
std::string assert_text(std::string_view form, const Ts&... xs) {
  std::ostringstream out;
  [[maybe_unused]] auto put = [&](const auto& x) {
    auto at = form.find("{}");
    out << form.substr(0, at);
    form.remove_prefix(at == form.npos ? form.size() : at + 2);
    if constexpr (requires { x.value; })
      out << x.value;
    else
      out << x;
  };
  (put(xs), ...);
  out << form;
  return out.str();
}

} // namespace detail
} // namespace troupe

/// Ends the process when `cond` does not hold: a bug of ours, never a peer's
/// or a user's. On in every build. `{}` in the text takes the next value.
#define TROUPE_ASSERT(cond, ...)                                               \
  do {                                                                         \
    if (!(cond)) [[unlikely]]                                                  \
      ::troupe::assert_failed(__FILE__, __LINE__, #cond,                       \
                              ::troupe::detail::assert_text(__VA_ARGS__));     \
  } while (false)
