#include <raft_script/directive.hpp>

#include <charconv>
#include <istream>

namespace troupe::raft::script {

namespace {

constexpr std::string_view space = " \t\r";

std::string_view trimmed(std::string_view x) {
  auto from = x.find_first_not_of(space);
  if (from == x.npos)
    return {};
  return x.substr(from, x.find_last_not_of(space) - from + 1);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    auto end = std::min(text.find_first_of(", "), text.size());
    if (auto one = trimmed(text.substr(0, end)); !one.empty())
      out.emplace_back(one);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// Up to the next space that is not inside parentheses.
std::string_view take_word(std::string_view& line) {
  line = trimmed(line);
  std::size_t end = 0;
  for (int depth = 0; end < line.size(); ++end) {
    if (line[end] == '(')
      ++depth;
    else if (line[end] == ')')
      --depth;
    else if (depth <= 0 && space.find(line[end]) != space.npos)
      break;
  }
  auto out = line.substr(0, end);
  line.remove_prefix(end);
  return out;
}

argument parse_argument(std::string_view word) {
  auto eq = word.find('=');
  if (eq == word.npos)
    return {std::string{word}, {}};
  auto value = word.substr(eq + 1);
  argument out{std::string{word.substr(0, eq)}, {}};
  if (value.size() >= 2 && value.front() == '(' && value.back() == ')')
    out.values = split_list(value.substr(1, value.size() - 2));
  else
    out.values.emplace_back(value);
  return out;
}

// What an earlier run printed: to an empty line or, if it begins with a second
// mark, to two marks in a row.
void skip_recorded(std::istream& in) {
  std::string line;
  if (!std::getline(in, line) || trimmed(line).empty())
    return;
  bool marked = trimmed(line) == "----";
  int marks = 0;
  while (std::getline(in, line)) {
    auto text = trimmed(line);
    marks = text == "----" ? marks + 1 : 0;
    if (marked ? marks == 2 : text.empty())
      return;
  }
}

} // namespace

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t out = 0;
  auto end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, out);
  if (error != std::errc{} || at != end)
    return std::nullopt;
  return out;
}

std::vector<std::uint64_t> directive::ids() const {
  std::vector<std::uint64_t> out;
  for (auto& x : args)
    if (x.values.empty())
      if (auto id = to_number(x.key))
        out.push_back(*id);
  return out;
}

std::optional<std::string> directive::find(std::string_view key) const {
  for (auto& x : args)
    if (x.key == key && !x.values.empty())
      return x.values.front();
  return std::nullopt;
}

std::string directive::text() const {
  auto out = name;
  for (auto& x : args) {
    out += " " + x.key;
    if (x.values.empty())
      continue;
    out += "=";
    if (x.values.size() == 1) {
      out += x.values.front();
      continue;
    }
    out += "(";
    for (auto& value : x.values)
      out += (&value == &x.values.front() ? "" : ", ") + value;
    out += ")";
  }
  for (auto& line : body)
    out += (&line == &body.front() ? " | " : " ") + line;
  return out;
}

std::optional<directive> next_directive(std::istream& in) {
  std::optional<directive> out;
  std::string line;
  while (std::getline(in, line)) {
    auto text = trimmed(line);
    if (out && text == "----") {
      skip_recorded(in);
      return out;
    }
    if (text.empty() || text.front() == '#')
      continue;
    if (out) {
      out->body.emplace_back(text);
      continue;
    }
    out.emplace();
    out->name = take_word(text);
    while (!trimmed(text).empty())
      out->args.push_back(parse_argument(take_word(text)));
  }
  return out;
}

} // namespace troupe::raft::script
