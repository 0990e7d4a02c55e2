#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe::ctl {

/// Rows under headings, in columns that are as wide as they must be. Numbers
/// stand to the right, everything else to the left.
class table {
public:
  explicit table(std::vector<std::string> headings);

  void add(std::vector<std::string> cells);

  /// With `colours`, headings are dim and states speak: green is well, yellow
  /// on its way, red not well.
  std::string text(bool colours) const;

private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

/// Without what a terminal would obey: control characters become `?`.
std::string printable(std::string_view text);

} // namespace troupe::ctl
