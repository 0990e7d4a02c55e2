#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <caf/deep_to_string.hpp>
#include <caf/make_type_erased_value.hpp>
#include <caf/rtti_pair.hpp>
#include <caf/type_erased_value.hpp>

#include <troupe/actors/payload/values.hpp>

namespace troupe {

/// What CAF asks of a tuple, for a mailbox element and for a message alike.
template <class Base>
class values_tuple : public Base {
public:
  explicit values_tuple(payload_values xs) : xs_(std::move(xs)) {}

  std::size_t size() const noexcept override { return xs_.size(); }

  std::uint32_t type_token() const noexcept override {
    return xs_.type_token();
  }

  caf::rtti_pair type(std::size_t pos) const noexcept override {
    if (xs_.is_key(pos))
      return caf::make_rtti_pair<std::string>();
    return xs_.at(pos).type();
  }

  const void* get(std::size_t pos) const noexcept override {
    return xs_.is_key(pos) ? &xs_.key() : xs_.at(pos).get();
  }

  void* get_mutable(std::size_t pos) override {
    return xs_.is_key(pos) ? &xs_.key() : xs_.at(pos).get();
  }

  std::string stringify(std::size_t pos) const override {
    return xs_.is_key(pos) ? caf::deep_to_string(xs_.key())
                           : xs_.at(pos).stringify();
  }

  using Base::copy;

  caf::type_erased_value_ptr copy(std::size_t pos) const override {
    if (xs_.is_key(pos))
      return caf::make_type_erased_value<std::string>(xs_.key());
    return xs_.at(pos).erased_clone();
  }

  using Base::load;

  caf::error load(std::size_t pos, caf::deserializer& source) override {
    return xs_.is_key(pos) ? source(xs_.key()) : xs_.at(pos).load(source);
  }

  using Base::save;

  caf::error save(std::size_t pos, caf::serializer& sink) const override {
    return xs_.is_key(pos) ? sink(xs_.key()) : xs_.at(pos).save(sink);
  }

protected:
  payload_values xs_;
};

} // namespace troupe
