#pragma once

#include <typeinfo>

namespace troupe {

/// The object as a T if that is its most derived type, else null. Costs one
/// comparison, where `dynamic_cast` walks through bases and compares names.
template <class T, class Base>
T* exactly(Base& x) {
  return &typeid(x) == &typeid(T) ? static_cast<T*>(&x) : nullptr;
}

template <class T, class Base>
const T* exactly(const Base& x) {
  return exactly<T>(const_cast<Base&>(x));
}

} // namespace troupe
