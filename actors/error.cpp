#include <troupe/actors/error.hpp>

#include <caf/make_message.hpp>
#include <caf/message.hpp>

namespace troupe {

caf::error make_error(errc code, std::string detail) {
  auto number = static_cast<std::uint8_t>(code);
  if (detail.empty())
    return caf::error{number, error_category};
  return caf::error{number, error_category,
                    caf::make_message(std::move(detail))};
}

caf::error make_error(const failure& why) {
  auto text = why.detail;
  if (!why.hint.empty())
    text += text.empty() ? why.hint : "; " + why.hint;
  return make_error(why.code, std::move(text));
}

errc code_of(const caf::error& err) {
  return err && err.category() == error_category ? static_cast<errc>(err.code())
                                                 : errc::none;
}

std::optional<std::chrono::milliseconds> retry_after(errc code) {
  if (code != errc::overloaded)
    return std::nullopt;
  return std::chrono::milliseconds{100};
}

std::string text_of(const caf::error& err) {
  if (!err)
    return {};
  auto& context = err.context();
  if (context.size() == 1 && context.match_element<std::string>(0))
    return context.get_as<std::string>(0);
  return to_string(context);
}

} // namespace troupe
