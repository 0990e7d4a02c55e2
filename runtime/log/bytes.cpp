#include <troupe/runtime/log/bytes.hpp>

namespace troupe::disk {

namespace {

int digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

} // namespace

std::string to_hex(std::string_view bytes) {
  std::string to;
  for (unsigned char c : bytes) {
    to += "0123456789abcdef"[c >> 4];
    to += "0123456789abcdef"[c & 15];
  }
  return to;
}

bool from_hex(std::string_view text, std::string& to) {
  to.clear();
  if (text.size() % 2 != 0)
    return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    auto high = digit(text[i]);
    auto low = digit(text[i + 1]);
    if (high < 0 || low < 0)
      return false;
    to += static_cast<char>(high << 4 | low);
  }
  return true;
}

} // namespace troupe::disk
