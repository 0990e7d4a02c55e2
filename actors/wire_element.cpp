#include <troupe/actors/wire_element.hpp>

#include <cstring>
#include <string>

#include <caf/make_type_erased_value.hpp>

#include <troupe/actors/block_pool.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/payload/payload.hpp>

namespace troupe {

caf::mailbox_element_ptr wire_element::make(caf::actor_system& sys,
                                            std::optional<std::string_view> key,
                                            std::string_view payload) {
  tail more{payload.size() + (key ? key->size() : 0)};
  return caf::mailbox_element_ptr{new (more) wire_element{sys, key, payload}};
}

wire_element::wire_element(caf::actor_system& sys,
                           std::optional<std::string_view> key,
                           std::string_view payload)
    : sys_(sys),
      key_size_(key ? static_cast<std::uint32_t>(key->size()) : 0),
      payload_size_(static_cast<std::uint32_t>(payload.size())),
      has_key_(key.has_value()) {
  auto* to = reinterpret_cast<char*>(this + 1);
  if (key_size_ > 0)
    std::memcpy(to, key->data(), key_size_);
  if (payload_size_ > 0)
    std::memcpy(to + key_size_, payload.data(), payload_size_);
}

caf::mailbox_element_ptr wire_element::copy() const {
  return make(sys_, has_key_ ? std::optional{key()} : std::nullopt, payload());
}

void* wire_element::operator new(std::size_t size, tail more) {
  return take_block(size + static_cast<std::size_t>(more));
}

void wire_element::operator delete(void* x, tail) {
  give_block(x);
}

void wire_element::operator delete(void* x) {
  give_block(x);
}

wire_element::tuple& wire_element::values() const {
  if (read_)
    return *read_;
  payload_values found{has_key_ ? std::optional{std::string{key()}}
                                : std::nullopt};
  if (auto error = decode_payload(sys_, payload(), found)) {
    auto code = error->kind == payload_error_kind::unknown_type
                    ? errc::unknown_type
                    : errc::malformed_message;
    payload_values instead;
    instead.append(payload_value{caf::make_type_erased_value<caf::error>(
        make_error(code, std::move(error->text)))});
    wrong_ = true;
    return read_.emplace(std::move(instead));
  }
  return read_.emplace(std::move(found));
}

const caf::error* wire_element::read() const {
  auto& found = values();
  return wrong_ ? &found.get_as<caf::error>(0) : nullptr;
}

caf::type_erased_tuple& wire_element::content() {
  return values();
}

const caf::type_erased_tuple& wire_element::content() const {
  return values();
}

caf::message wire_element::move_content_to_message() {
  return values_to_message(std::move(values().all()));
}

caf::message wire_element::copy_content_to_message() const {
  return values_to_message(values().all().clone());
}

} // namespace troupe
