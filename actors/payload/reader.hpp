#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <caf/deserializer.hpp>

namespace troupe {

/// Reads what `payload_writer` wrote, from bytes that nobody vouches for.
///
/// CAF's own reader believes every length it is told and follows nested values
/// to any depth. This one charges the lengths of sequences against a budget
/// that grows with the bytes there are, and stops at a depth of stack.
///
/// Like the writer it has no actor system, so CAF finds no actor for a handle.
///
/// Errors:  values.
/// Threads: used by one at a time.
class payload_reader final : public caf::deserializer {
public:
  explicit payload_reader(std::string_view bytes);

  bool at_end() const { return bytes_.empty(); }

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
  caf::error take(std::size_t size, std::string_view& x);

  template <class T>
  caf::error take_number(T& x);

  template <class String, class Unit>
  caf::error take_wide(String& x);

  std::string_view bytes_;
  std::uint64_t sequence_budget_; // elements that sequences may still claim
  std::uintptr_t stack_;          // where the stack stood at the start
};

} // namespace troupe
