#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace troupe::link {

template <class Signature>
class function_ref;

/// A callable that is only borrowed for the duration of a call: two pointers,
/// no allocation. The callable must outlive it.
template <class R, class... Ts>
class function_ref<R(Ts...)> {
public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>,
                           function_ref> && std::is_invocable_r_v<R, F&, Ts...>)
      function_ref(F&& f)
  noexcept
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Ts... xs) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(
              std::forward<Ts>(xs)...);
        }) {}

  R operator()(Ts... xs) const {
    return call_(object_, std::forward<Ts>(xs)...);
  }

private:
  void* object_;
  R (*call_)(void*, Ts...);
};

} // namespace troupe::link
