#include <troupe/runtime/ctl/table.hpp>

#include <algorithm>

namespace troupe::ctl {

namespace {

/// Columns on the screen, one for each UTF-8 character.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool numeric(std::string_view text) {
  return text.find_first_not_of("0123456789.") == text.npos || text == "-";
}

const char* colour_of(std::string_view cell) {
  for (auto good : {"up", "running", "yes"})
    if (cell == good)
      return "\x1b[32m";
  for (auto moving : {"joining", "draining", "restarting", "starting",
                      "pausing", "suspected"})
    if (cell == moving)
      return "\x1b[33m";
  for (auto bad : {"down", "left", "unassigned", "quarantined", "no quorum"})
    if (cell == bad)
      return "\x1b[31m";
  return "";
}

} // namespace

std::string printable(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      c = '?';
  return out;
}

table::table(std::vector<std::string> headings)
    : headings_(std::move(headings)) {
}

void table::add(std::vector<std::string> cells) {
  cells.resize(headings_.size());
  for (auto& cell : cells)
    cell = cell.empty() ? "-" : printable(cell);
  rows_.push_back(std::move(cells));
}

std::string table::text(bool colours) const {
  auto count = headings_.size();
  std::vector<std::size_t> widths(count);
  std::vector<bool> right(count, !rows_.empty());
  for (std::size_t i = 0; i < count; ++i) {
    widths[i] = width(headings_[i]);
    for (auto& row : rows_) {
      widths[i] = std::max(widths[i], width(row[i]));
      right[i] = right[i] && numeric(row[i]);
    }
  }
  std::string out;
  auto line = [&](const std::vector<std::string>& cells, const char* colour) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      std::string space(widths[i] - width(cells[i]), ' ');
      std::string paint = !colours  ? ""
                          : *colour ? colour
                                    : colour_of(cells[i]);
      auto cell = paint.empty() ? cells[i] : paint + cells[i] + "\x1b[0m";
      text += (i ? "  " : "") + (right[i] ? space + cell : cell + space);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + '\n';
  };
  line(headings_, "\x1b[2m");
  for (auto& row : rows_)
    line(row, "");
  return out;
}

} // namespace troupe::ctl
