#include <troupe/actors/payload/reader.hpp>

#include <bit>
#include <cstring>
#include <sstream>

#include <caf/make_message.hpp>
#include <caf/sec.hpp>

#include <troupe/actors/payload/wire.hpp>

namespace troupe {

namespace {

// Elements without bytes, which no length of input pays for.
constexpr std::uint64_t free_elements_max = 4096;

// A vector<bool> has eight elements a byte; nothing legitimate has more.
constexpr std::uint64_t elements_per_byte_max = 8;

constexpr std::uintptr_t stack_bytes_max = 256 * 1024;

std::uintptr_t stack_position() {
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

std::uintptr_t distance(std::uintptr_t x, std::uintptr_t y) {
  return x < y ? y - x : x - y;
}

} // namespace

payload_reader::payload_reader(std::string_view bytes)
    : bytes_(bytes),
      sequence_budget_(elements_per_byte_max * bytes.size()
                       + free_elements_max),
      stack_(stack_position()) {
}

caf::error payload_reader::take(std::size_t size, std::string_view& x) {
  if (distance(stack_, stack_position()) > stack_bytes_max)
    return caf::make_error(caf::sec::invalid_argument, "nested too deeply");
  if (!take_bytes(bytes_, size, x))
    return caf::sec::end_of_stream;
  return caf::none;
}

template <class T>
caf::error payload_reader::take_number(T& x) {
  std::string_view raw;
  if (auto err = take(sizeof(T), raw))
    return err;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(raw[i]))
             << (8 * i);
  x = static_cast<T>(value);
  return caf::none;
}

template <class String, class Unit>
caf::error payload_reader::take_wide(String& x) {
  std::size_t size;
  if (auto err = begin_sequence(size))
    return err;
  if (size > bytes_.size() / sizeof(Unit))
    return caf::sec::end_of_stream;
  x.resize(size);
  for (auto& c : x) {
    Unit unit{};
    if (auto err = take_number(unit))
      return err;
    c = static_cast<typename String::value_type>(unit);
  }
  return caf::none;
}

caf::error payload_reader::begin_object(std::uint16_t& nr, std::string& name) {
  if (auto err = apply_impl(nr))
    return err;
  return nr != 0 ? caf::error{} : apply_impl(name);
}

caf::error payload_reader::end_object() {
  return caf::none;
}

caf::error payload_reader::begin_sequence(std::size_t& size) {
  std::uint64_t n;
  if (!take_varint(bytes_, n))
    return caf::sec::end_of_stream;
  if (n > sequence_budget_)
    return caf::make_error(caf::sec::invalid_argument,
                           "a sequence claims more elements than there are");
  sequence_budget_ -= n;
  size = n;
  return caf::none;
}

caf::error payload_reader::end_sequence() {
  return caf::none;
}

caf::error payload_reader::apply_raw(std::size_t size, void* data) {
  std::string_view raw;
  if (auto err = take(size, raw))
    return err;
  std::memcpy(data, raw.data(), raw.size());
  return caf::none;
}

caf::error payload_reader::apply_impl(std::int8_t& x) {
  return apply_raw(1, &x);
}

caf::error payload_reader::apply_impl(std::uint8_t& x) {
  return apply_raw(1, &x);
}

caf::error payload_reader::apply_impl(std::int16_t& x) {
  return take_number(x);
}

caf::error payload_reader::apply_impl(std::uint16_t& x) {
  return take_number(x);
}

caf::error payload_reader::apply_impl(std::int32_t& x) {
  return take_number(x);
}

caf::error payload_reader::apply_impl(std::uint32_t& x) {
  return take_number(x);
}

caf::error payload_reader::apply_impl(std::int64_t& x) {
  return take_number(x);
}

caf::error payload_reader::apply_impl(std::uint64_t& x) {
  return take_number(x);
}

caf::error payload_reader::apply_impl(float& x) {
  std::uint32_t bits = 0;
  if (auto err = take_number(bits))
    return err;
  x = std::bit_cast<float>(bits);
  return caf::none;
}

caf::error payload_reader::apply_impl(double& x) {
  std::uint64_t bits = 0;
  if (auto err = take_number(bits))
    return err;
  x = std::bit_cast<double>(bits);
  return caf::none;
}

caf::error payload_reader::apply_impl(long double& x) {
  std::string text;
  if (auto err = apply_impl(text))
    return err;
  std::istringstream in{text};
  in.imbue(std::locale::classic());
  if (!(in >> x))
    return caf::make_error(caf::sec::invalid_argument, "not a number");
  return caf::none;
}

caf::error payload_reader::apply_impl(std::string& x) {
  std::uint64_t size;
  std::string_view raw;
  if (!take_varint(bytes_, size))
    return caf::sec::end_of_stream;
  if (auto err = take(size, raw))
    return err;
  x.assign(raw);
  return caf::none;
}

caf::error payload_reader::apply_impl(std::u16string& x) {
  return take_wide<std::u16string, std::uint16_t>(x);
}

caf::error payload_reader::apply_impl(std::u32string& x) {
  return take_wide<std::u32string, std::uint32_t>(x);
}

} // namespace troupe
