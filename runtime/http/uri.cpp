#include <troupe/runtime/http/uri.hpp>

#include <algorithm>

namespace troupe::http {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
         || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_'
         || c == '~';
}

/// Takes the text up to the separator off the front.
std::string_view next_part(std::string_view& text, char separator) {
  auto at = std::min(text.find(separator), text.size());
  auto part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

} // namespace

result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    auto high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
    auto low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return api_error{api_errc::bad_percent_encoding,
                       "'" + std::string(text.substr(i, 3))
                           + "' is not % and two hexadecimal digits"};
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    if (unreserved(c)) {
      out += c;
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

result<uri> parse_uri(std::string_view text) {
  if (text.empty() || text[0] != '/')
    return api_error{api_errc::malformed,
                     "the request target does not start with '/'"};
  uri out;
  auto query = text;
  auto path = next_part(query, '?');
  path.remove_prefix(1);
  bool last = path.empty();
  while (!last) {
    last = path.find('/') == path.npos;
    auto segment = percent_decode(next_part(path, '/'));
    if (!segment)
      return segment.error();
    out.path.push_back(std::move(*segment));
  }
  while (!query.empty()) {
    auto value_text = next_part(query, '&');
    if (value_text.empty())
      continue;
    auto name = percent_decode(next_part(value_text, '='));
    if (!name)
      return name.error();
    auto value = percent_decode(value_text);
    if (!value)
      return value.error();
    if (!out.query.emplace(*name, std::move(*value)).second)
      return api_error{api_errc::duplicate_parameter,
                       "'" + *name + "' is given more than once"};
  }
  return out;
}

} // namespace troupe::http
