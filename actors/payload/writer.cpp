#include <troupe/actors/payload/writer.hpp>

#include <bit>
#include <climits>
#include <iomanip>
#include <limits>
#include <sstream>

#include <caf/make_message.hpp>
#include <caf/sec.hpp>

#include <troupe/actors/payload/wire.hpp>

namespace troupe {

payload_writer::payload_writer(std::string& out)
    : mode_(mode::append), out_(&out) {
}

payload_writer::payload_writer(purpose what)
    : mode_(what == purpose::count ? mode::count : mode::probe) {
}

payload_writer::payload_writer(caf::actor_system& sys)
    : caf::serializer(sys), mode_(mode::count) {
}

caf::error payload_writer::write(const google::protobuf::Message& msg) {
  if (mode_ == mode::probe) {
    if (!found_)
      found_ = &msg;
    return caf::none;
  }
  auto size = msg.ByteSizeLong();
  if (size > INT_MAX)
    return caf::make_error(caf::sec::invalid_argument,
                           "a protobuf message has more than 2 GiB");
  write_text(msg.GetDescriptor()->full_name());
  write_varint(size);
  size_ += size;
  if (mode_ == mode::append) {
    auto at = out_->size();
    out_->resize(at + size);
    msg.SerializeWithCachedSizesToArray(
        reinterpret_cast<std::uint8_t*>(out_->data() + at));
  }
  return caf::none;
}

void payload_writer::write_varint(std::uint64_t x) {
  std::uint8_t buf[varint_bytes_max];
  put(buf, put_varint(x, buf));
}

void payload_writer::write_text(std::string_view x) {
  write_varint(x.size());
  put(x.data(), x.size());
}

void payload_writer::write_size_at(std::size_t mark) {
  std::uint8_t buf[varint_bytes_max];
  auto body = size_ - mark;
  auto n = put_varint(body, buf);
  size_ += n;
  if (mode_ == mode::append)
    out_->insert(out_->size() - body, reinterpret_cast<const char*>(buf), n);
}

caf::error payload_writer::put(const void* data, std::size_t size) {
  if (mode_ == mode::probe)
    return caf::sec::invalid_argument;
  size_ += size;
  if (mode_ == mode::append)
    out_->append(static_cast<const char*>(data), size);
  return caf::none;
}

template <class T>
caf::error payload_writer::put_number(T x) {
  std::uint8_t buf[sizeof(T)];
  for (auto& byte : buf) {
    byte = static_cast<std::uint8_t>(x);
    x = static_cast<T>(static_cast<std::uint64_t>(x) >> 8);
  }
  return put(buf, sizeof(T));
}

caf::error payload_writer::begin_object(std::uint16_t& nr, std::string& name) {
  if (name != "@<>")
    met_message_ = true;
  if (auto err = apply_impl(nr))
    return err;
  return nr != 0 ? caf::error{} : apply_impl(name);
}

caf::error payload_writer::end_object() {
  return caf::none;
}

caf::error payload_writer::begin_sequence(std::size_t& size) {
  std::uint8_t buf[varint_bytes_max];
  return put(buf, put_varint(size, buf));
}

caf::error payload_writer::end_sequence() {
  return caf::none;
}

caf::error payload_writer::apply_raw(std::size_t size, void* data) {
  return put(data, size);
}

caf::error payload_writer::apply_impl(std::int8_t& x) {
  return put(&x, 1);
}

caf::error payload_writer::apply_impl(std::uint8_t& x) {
  return put(&x, 1);
}

caf::error payload_writer::apply_impl(std::int16_t& x) {
  return put_number(static_cast<std::uint16_t>(x));
}

caf::error payload_writer::apply_impl(std::uint16_t& x) {
  return put_number(x);
}

caf::error payload_writer::apply_impl(std::int32_t& x) {
  return put_number(static_cast<std::uint32_t>(x));
}

caf::error payload_writer::apply_impl(std::uint32_t& x) {
  return put_number(x);
}

caf::error payload_writer::apply_impl(std::int64_t& x) {
  return put_number(static_cast<std::uint64_t>(x));
}

caf::error payload_writer::apply_impl(std::uint64_t& x) {
  return put_number(x);
}

caf::error payload_writer::apply_impl(float& x) {
  return put_number(std::bit_cast<std::uint32_t>(x));
}

caf::error payload_writer::apply_impl(double& x) {
  return put_number(std::bit_cast<std::uint64_t>(x));
}

// Its size differs between machines; text does not.
caf::error payload_writer::apply_impl(long double& x) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out << std::setprecision(std::numeric_limits<long double>::max_digits10) << x;
  auto text = out.str();
  return apply_impl(text);
}

caf::error payload_writer::apply_impl(std::string& x) {
  auto size = x.size();
  if (auto err = begin_sequence(size))
    return err;
  return put(x.data(), x.size());
}

caf::error payload_writer::apply_impl(std::u16string& x) {
  auto size = x.size();
  if (auto err = begin_sequence(size))
    return err;
  for (auto c : x)
    put_number(static_cast<std::uint16_t>(c));
  return caf::none;
}

caf::error payload_writer::apply_impl(std::u32string& x) {
  auto size = x.size();
  if (auto err = begin_sequence(size))
    return err;
  for (auto c : x)
    put_number(static_cast<std::uint32_t>(c));
  return caf::none;
}

} // namespace troupe
