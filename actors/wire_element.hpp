#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <caf/fwd.hpp>
#include <caf/mailbox_element.hpp>

#include <troupe/actors/exactly.hpp>
#include <troupe/actors/message_extra.hpp>
#include <troupe/actors/payload/error.hpp>
#include <troupe/actors/payload/values_tuple.hpp>
#include <troupe/cluster/assert.hpp>

namespace troupe {

/// A message in the form in which it travels: the bytes of its key and of its
/// payload, in one block of the `block_pool`. The link's thread makes it; what
/// it holds is read when somebody asks for the content, which is the worker
/// that handles it.
///
/// Errors:  a payload that cannot be read shows as a caf::error, the only
///          element of the content; `read` says so beforehand.
/// Threads: as any mailbox element: one at a time.
class wire_element final : public caf::mailbox_element {
public:
  /// Without a key the content is the payload alone, as that of an answer.
  static caf::mailbox_element_ptr make(caf::actor_system& sys,
                                       std::optional<std::string_view> key,
                                       std::string_view payload);

  std::string_view key() const {
    TROUPE_ASSERT(has_key_, "an answer of {} bytes has no key", payload_size_);
    return {bytes(), key_size_};
  }
  std::string_view payload() const {
    return {bytes() + key_size_, payload_size_};
  }

  /// Reads it, the first time. What is wrong with it; null: nothing.
  const caf::error* read() const;

  /// The same once more, unread, without sender, stages and extra.
  caf::mailbox_element_ptr copy() const;

  message_extra extra;

  caf::type_erased_tuple& content() override;
  const caf::type_erased_tuple& content() const override;
  caf::message move_content_to_message() override;
  caf::message copy_content_to_message() const override;

  enum class tail : std::size_t {}; // behind the object, for the bytes
  static void* operator new(std::size_t size, tail more);
  static void operator delete(void* x, tail);
  static void operator delete(void* x);

private:
  class tuple final : public values_tuple<caf::type_erased_tuple> {
  public:
    using values_tuple<caf::type_erased_tuple>::values_tuple;
    payload_values& all() { return xs_; }
  };

  wire_element(caf::actor_system& sys, std::optional<std::string_view> key,
               std::string_view payload);
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  tuple& values() const;

  caf::actor_system& sys_;
  std::uint32_t key_size_;
  std::uint32_t payload_size_;
  bool has_key_;
  mutable bool wrong_ = false;
  mutable std::optional<tuple> read_;
};

/// Null: it has none.
inline message_extra* extra_of(caf::mailbox_element& x) {
  if (auto* wire = exactly<wire_element>(x))
    return &wire->extra;
  if (auto* extended = exactly<extended_element>(x))
    return &extended->extra;
  return nullptr;
}

} // namespace troupe
