#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <caf/serializer.hpp>
#include <google/protobuf/message.h>

namespace troupe {

/// Appends bytes to a string, counts them, or looks for a protobuf message.
///
/// By default it has no actor system, so that CAF refuses to write an actor
/// handle, which another node would take for one of its own actors.
///
/// In:      values through CAF's inspection; the layout is that of CAF's
///          binary format, except for little-endian numbers.
/// Errors:  a protobuf message of more than 2 GiB; in mode `probe` anything
///          that is not a protobuf message.
/// Threads: used by one at a time.
class payload_writer final : public caf::serializer {
public:
  enum class purpose { count, probe };

  /// Appends to `out`.
  explicit payload_writer(std::string& out);

  explicit payload_writer(purpose what);

  /// Counts, with an actor system: CAF skips a message inside of a value
  /// without a word where there is none, and with one it can be noticed.
  explicit payload_writer(caf::actor_system& sys);

  /// Takes a protobuf message as a whole: its name and its bytes.
  caf::error write(const google::protobuf::Message& msg);

  void write_byte(std::uint8_t x) { put(&x, 1); }
  void write_varint(std::uint64_t x);
  void write_text(std::string_view x);

  /// Puts the number of bytes written since `mark` in front of them.
  void write_size_at(std::size_t mark);

  /// Bytes written by this writer.
  std::size_t size() const { return size_; }

  /// The first protobuf message a probe has met.
  const google::protobuf::Message* found() const { return found_; }

  /// Whether a value held a message that is not empty.
  bool met_message() const { return met_message_; }

  caf::error begin_object(std::uint16_t& nr, std::string& name) override;
  caf::error end_object() override;
  caf::error begin_sequence(std::size_t& size) override;
  caf::error end_sequence() override;
  caf::error apply_raw(std::size_t size, void* data) override;

protected:
  caf::error apply_impl(std::int8_t& x) override;
  caf::error apply_impl(std::uint8_t& x) override;
  caf::error apply_impl(std::int16_t& x) override;
  caf::error apply_impl(std::uint16_t& x) override;
  caf::error apply_impl(std::int32_t& x) override;
  caf::error apply_impl(std::uint32_t& x) override;
  caf::error apply_impl(std::int64_t& x) override;
  caf::error apply_impl(std::uint64_t& x) override;
  caf::error apply_impl(float& x) override;
  caf::error apply_impl(double& x) override;
  caf::error apply_impl(long double& x) override;
  caf::error apply_impl(std::string& x) override;
  caf::error apply_impl(std::u16string& x) override;
  caf::error apply_impl(std::u32string& x) override;

private:
  enum class mode { append, count, probe };

  caf::error put(const void* data, std::size_t size);

  template <class T>
  caf::error put_number(T x);

  mode mode_;
  std::string* out_ = nullptr;
  std::size_t size_ = 0;
  const google::protobuf::Message* found_ = nullptr;
  bool met_message_ = false;
};

} // namespace troupe
