#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/error.hpp>
#include <caf/fwd.hpp>
#include <caf/message.hpp>
#include <caf/rtti_pair.hpp>
#include <caf/type_erased_value.hpp>
#include <google/protobuf/message.h>

namespace troupe {

/// One element whose type is known at run time only: a protobuf message, which
/// CAF has no registration for, or a value that CAF made.
class payload_value {
public:
  payload_value() = default;
  explicit payload_value(std::unique_ptr<google::protobuf::Message> x)
      : message_(std::move(x)) {}
  explicit payload_value(caf::type_erased_value_ptr x) : value_(std::move(x)) {}

  caf::rtti_pair type() const;
  void* get() const;
  payload_value clone() const;
  caf::type_erased_value_ptr erased_clone() const;
  std::string stringify() const;
  caf::error save(caf::serializer& sink) const;
  caf::error load(caf::deserializer& source);

private:
  // One of the two is set.
  std::unique_ptr<google::protobuf::Message> message_;
  caf::type_erased_value_ptr value_;
};

/// The elements of a decoded message: a key or none, then the payload. One
/// payload element, the usual number, takes no memory of its own.
class payload_values {
public:
  payload_values() = default;
  explicit payload_values(std::optional<std::string> key);

  payload_values(payload_values&& other) noexcept;
  payload_values& operator=(payload_values&&) = delete;

  void append(payload_value x);
  payload_values clone() const;

  std::size_t size() const { return size_; }
  bool is_key(std::size_t pos) const { return has_key_ && pos == 0; }
  std::uint32_t type_token() const { return type_token_; }

  std::string& key() { return key_; }
  const std::string& key() const { return key_; }

  /// The element at `pos`, which is not the key.
  payload_value& at(std::size_t pos);
  const payload_value& at(std::size_t pos) const;

private:
  bool has_key_ = false;
  std::uint32_t size_ = 0; // the key included
  std::uint32_t type_token_ = 0xFFFFFFFF;
  std::string key_;
  payload_value first_;
  std::vector<payload_value> others_;
};

/// A message that holds `values`.
caf::message values_to_message(payload_values values);

} // namespace troupe
