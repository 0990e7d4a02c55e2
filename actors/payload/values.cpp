#include <troupe/actors/payload/values.hpp>

#include <utility>

#include <caf/detail/message_data.hpp>
#include <caf/make_counted.hpp>
#include <caf/make_type_erased_value.hpp>

#include <troupe/actors/payload/protobuf_inspect.hpp>
#include <troupe/actors/payload/values_tuple.hpp>

namespace troupe {

namespace {

std::unique_ptr<google::protobuf::Message>
clone_message(const google::protobuf::Message& x) {
  std::unique_ptr<google::protobuf::Message> result{x.New()};
  result->CopyFrom(x);
  return result;
}

/// A single protobuf message, as CAF's message builder takes it.
class protobuf_value final : public caf::type_erased_value {
public:
  explicit protobuf_value(payload_value x) : x_(std::move(x)) {}

  void* get_mutable() override { return x_.get(); }
  const void* get() const override { return x_.get(); }
  caf::rtti_pair type() const override { return x_.type(); }
  std::string stringify() const override { return x_.stringify(); }
  caf::error load(caf::deserializer& source) override {
    return x_.load(source);
  }
  caf::error save(caf::serializer& sink) const override {
    return x_.save(sink);
  }
  caf::type_erased_value_ptr copy() const override { return x_.erased_clone(); }

private:
  payload_value x_;
};

class values_message final : public values_tuple<caf::detail::message_data> {
public:
  using super = values_tuple<caf::detail::message_data>;
  using super::copy;
  using super::super;

  values_message* copy() const override {
    return new values_message(xs_.clone());
  }
};

} // namespace

caf::rtti_pair payload_value::type() const {
  if (const auto* msg = message_.get())
    return {0, &typeid(*msg)};
  return value_->type();
}

// Handlers cast to the generated type, so they get the whole object.
void* payload_value::get() const {
  return message_ ? dynamic_cast<void*>(message_.get()) : value_->get_mutable();
}

payload_value payload_value::clone() const {
  return message_ ? payload_value{clone_message(*message_)}
                  : payload_value{value_->copy()};
}

caf::type_erased_value_ptr payload_value::erased_clone() const {
  if (message_)
    return std::make_unique<protobuf_value>(clone());
  return value_->copy();
}

std::string payload_value::stringify() const {
  return message_ ? protobuf_to_string(*message_) : value_->stringify();
}

caf::error payload_value::save(caf::serializer& sink) const {
  return message_ ? save_protobuf(sink, *message_) : value_->save(sink);
}

caf::error payload_value::load(caf::deserializer& source) {
  return message_ ? load_protobuf(source, *message_) : value_->load(source);
}

payload_values::payload_values(std::optional<std::string> key) {
  if (!key)
    return;
  has_key_ = true;
  size_ = 1;
  type_token_ = caf::make_type_token<std::string>();
  key_ = std::move(*key);
}

payload_values::payload_values(payload_values&& other) noexcept
    : has_key_(std::exchange(other.has_key_, false)),
      size_(std::exchange(other.size_, 0)),
      type_token_(std::exchange(other.type_token_, 0xFFFFFFFF)),
      key_(std::move(other.key_)),
      first_(std::move(other.first_)),
      others_(std::move(other.others_)) {
}

void payload_values::append(payload_value x) {
  type_token_ = caf::add_to_type_token(type_token_, x.type().first);
  if (size_ == (has_key_ ? 1U : 0U))
    first_ = std::move(x);
  else
    others_.push_back(std::move(x));
  ++size_;
}

payload_values payload_values::clone() const {
  payload_values result{has_key_ ? std::optional{key_} : std::nullopt};
  for (std::size_t pos = has_key_ ? 1 : 0; pos < size_; ++pos)
    result.append(at(pos).clone());
  return result;
}

payload_value& payload_values::at(std::size_t pos) {
  std::size_t i = has_key_ ? pos - 1 : pos;
  return i == 0 ? first_ : others_[i - 1];
}

const payload_value& payload_values::at(std::size_t pos) const {
  std::size_t i = has_key_ ? pos - 1 : pos;
  return i == 0 ? first_ : others_[i - 1];
}

caf::message values_to_message(payload_values values) {
  if (values.size() == 0)
    return {};
  return caf::message{caf::detail::message_data::cow_ptr{
      caf::make_counted<values_message>(std::move(values))}};
}

} // namespace troupe
