#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::raft::script {

/// `key`, `key=value` or `key=(a,b)`.
struct argument {
  std::string key;
  std::vector<std::string> values;
};

/// One step of a script: a line, with the lines up to `----` as its body.
struct directive {
  std::string name;
  std::vector<argument> args;
  std::vector<std::string> body;

  /// The arguments without a value that are numbers.
  std::vector<std::uint64_t> ids() const;

  /// The first value of the argument; nothing if it is not there.
  std::optional<std::string> find(std::string_view key) const;

  /// As one line: arguments, then ` | ` and the body.
  std::string text() const;
};

std::optional<std::uint64_t> to_number(std::string_view text);

/// The next directive of a script. Comments and the output recorded behind
/// `----`, up to an empty line, are skipped. Nothing: the end.
std::optional<directive> next_directive(std::istream& in);

} // namespace troupe::raft::script
