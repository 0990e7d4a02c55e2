#pragma once

#include <test/model/digest.hpp>
#include <troupe/cluster/coordinator/lease.hpp>

/// Every field of the objects that the models drive: the digest of a state must
/// miss none, and some rules are switched off by turning a field back. The
/// classes know nothing of it: an explicit instantiation may name what is
/// private.
namespace troupe::model {

template <class Tag, auto Member>
struct expose {
  friend constexpr auto member_of(Tag) { return Member; }
};

#define TROUPE_FIELD(tag, cls, field)                                          \
  struct tag {                                                                 \
    friend constexpr auto member_of(tag);                                      \
  };                                                                           \
  template struct expose<tag, &cls::field>;

template <class Tag, class T>
auto& field(T& of) {
  return of.*member_of(Tag{});
}

TROUPE_FIELD(lease_last_sent, lease, last_sent_)
TROUPE_FIELD(lease_end, lease, end_)
TROUPE_FIELD(lease_waiting, lease, waiting_)
TROUPE_FIELD(lease_next, lease, next_)

inline void add(digester& d, const lease& x) {
  d.add(field<lease_last_sent>(x), field<lease_end>(x));
  for (auto* one : {&field<lease_waiting>(x), &field<lease_next>(x)}) {
    d.add(one->has_value());
    if (*one)
      d.add((*one)->sent, (*one)->index);
  }
}

} // namespace troupe::model
