#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// What is fed with bytes that nobody may rely on. Each function takes any
/// input, leaves nothing behind, and ends the process if something does not
/// hold. Threads: one.
namespace troupe::fuzz {

/// What a connection carries, as a link reads it. The first byte says in what
/// portions it arrives.
void frames(std::string_view input);

/// What a stranger says at a node's port, while two other nodes talk. The first
/// byte says whether the greeting of the protocol goes before.
void port(std::string_view input);

/// What a peer sends on the data lane. The first byte is the kind of the frame.
void plane(std::string_view input);

/// Of a build without asserts too.
inline void must(bool holds, const char* file = __builtin_FILE(),
                 int line = __builtin_LINE()) {
  if (holds)
    return;
  std::fprintf(stderr, "%s:%d: what must hold does not\n", file, line);
  std::abort();
}

} // namespace troupe::fuzz
