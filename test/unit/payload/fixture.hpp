#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <troupe/actors/payload/payload.hpp>
#include <troupe/actors/payload/protobuf_inspect.hpp>
#include <troupe/actors/payload/protobuf_types.hpp>
#include <troupe/actors/wire_element.hpp>

#include <test/catch.hpp>
#include <test/protos/payload.pb.h>

namespace payload_test {

struct point {
  std::int32_t x;
  std::int32_t y;
};

template <class Inspector>
auto inspect(Inspector& f, point& p) {
  return f(caf::meta::type_name("point"), p.x, p.y);
}

/// Every kind of field that CAF's inspection knows.
struct bag {
  std::int8_t a = std::numeric_limits<std::int8_t>::min();
  std::uint16_t b = 0xBEEF;
  std::int64_t c = std::numeric_limits<std::int64_t>::min();
  std::uint64_t d = std::numeric_limits<std::uint64_t>::max();
  float e = -1.5F;
  double f = 0.1;
  long double g = 2.5L;
  bool h = true;
  std::string i = std::string("nul\0inside", 10);
  std::u16string j = u"sechzehn";
  std::u32string k = U"zweiunddreissig";
  std::vector<bool> l = std::vector<bool>(100, true);
  std::vector<char> m = {'a', 'b'};
  std::map<std::string, std::vector<std::int32_t>> n = {{"x", {1, -2}},
                                                        {"", {}}};
  std::set<std::string> o = {"p", "q"};
  caf::atom_value q = caf::atom("atom");

  auto tie() const {
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, q);
  }
};

template <class Inspector>
auto inspect(Inspector& f, bag& x) {
  return f(caf::meta::type_name("bag"), x.a, x.b, x.c, x.d, x.e, x.f, x.g, x.h,
           x.i, x.j, x.k, x.l, x.m, x.n, x.o, x.q);
}

/// Begins with a protobuf message, but is none.
struct wrapped {
  troupe::test::Add add;
  std::vector<troupe::test::Total> totals;
};

template <class Inspector>
auto inspect(Inspector& f, wrapped& x) {
  return f(caf::meta::type_name("wrapped"), x.add, x.totals);
}

/// No node registers it.
struct stranger {
  int x = 0;
};

template <class Inspector>
auto inspect(Inspector& f, stranger& x) {
  return f(x.x);
}

/// Throws when written, if told so.
struct thrower {
  int x = 0;
};

template <class Inspector>
auto inspect(Inspector& f, thrower& x) -> decltype(f(x.x)) {
  if (x.x == 13)
    throw std::runtime_error("thirteen");
  return f(x.x);
}

struct with_actor {
  caf::actor who;
};

template <class Inspector>
auto inspect(Inspector& f, with_actor& x) {
  return f(x.who);
}

struct with_error {
  caf::error why;
};

template <class Inspector>
auto inspect(Inspector& f, with_error& x) {
  return f(x.why);
}

struct empty {};

struct config : caf::actor_system_config {
  config() {
    add_message_type<point>("payload_test.point");
    add_message_type<bag>("payload_test.bag");
    add_message_type<wrapped>("payload_test.wrapped");
    add_message_type<thrower>("payload_test.thrower");
    add_message_type<with_actor>("payload_test.with_actor");
    add_message_type<with_error>("payload_test.with_error");
    add_message_type<empty>("payload_test.empty");
    add_message_type<std::vector<empty>>("payload_test.empties");
    add_message_type<std::vector<std::vector<bool>>>("payload_test.bits");
    set("scheduler.policy", caf::atom("testing"));
    set("logger.file-verbosity", caf::atom("quiet"));
  }
};

struct fixture {
  config cfg;
  caf::actor_system sys{cfg};

  fixture() = default;

  ~fixture() { run(); }

  template <class... Ts>
  std::string encode(Ts... xs) {
    return encode_message(caf::make_message(std::move(xs)...));
  }

  std::string encode_message(const caf::message& xs, std::size_t first = 0) {
    std::string out;
    auto err = troupe::encode_payload(sys, xs, first, out);
    INFO((err ? err->text : ""));
    REQUIRE(!err);
    auto size = troupe::payload_size(sys, xs, first);
    REQUIRE(std::get<std::size_t>(size) == out.size());
    return out;
  }

  /// The refusal to encode; `out` stays as it was.
  template <class... Ts>
  troupe::payload_error encode_error(Ts... xs) {
    auto msg = caf::make_message(std::move(xs)...);
    std::string out = "before";
    auto err = troupe::encode_payload(sys, msg, 0, out);
    REQUIRE(err);
    CHECK(out == "before");
    auto size = troupe::payload_size(sys, msg, 0);
    CHECK(std::get<troupe::payload_error>(size).text == err->text);
    return *err;
  }

  caf::message decode(std::string_view bytes) {
    auto result = troupe::decode_message(sys, bytes);
    if (auto* err = std::get_if<troupe::payload_error>(&result))
      FAIL(err->text);
    return std::get<caf::message>(result);
  }

  troupe::payload_error decode_error(std::string_view bytes) {
    auto result = troupe::decode_message(sys, bytes);
    REQUIRE(std::holds_alternative<troupe::payload_error>(result));
    // Both ways of reading agree.
    auto element = troupe::wire_element::make(sys, "key", bytes);
    CHECK(troupe::exactly<troupe::wire_element>(*element)->read());
    CHECK(element->content().match_elements<caf::error>());
    return std::get<troupe::payload_error>(result);
  }

  caf::mailbox_element_ptr
  element(std::string_view bytes, caf::strong_actor_ptr sender = nullptr,
          caf::message_id mid = caf::make_message_id()) {
    auto result = troupe::wire_element::make(sys, "key", bytes);
    result->sender = std::move(sender);
    result->mid = mid;
    auto* wire = troupe::exactly<troupe::wire_element>(*result);
    if (auto* err = wire->read())
      FAIL(to_string(*err));
    CHECK(wire->key() == "key");
    CHECK(wire->payload() == bytes);
    return result;
  }

  /// Lets the actors work until none has anything to do.
  void run() {
    dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler()).run();
  }
};

inline troupe::test::Add add(std::int64_t n) {
  troupe::test::Add x;
  x.set_counter("visits");
  x.set_by_how_much(n);
  return x;
}

inline troupe::test::Total total(std::int64_t n) {
  troupe::test::Total x;
  x.set_value(n);
  return x;
}

using troupe::payload_error;
using troupe::payload_error_kind;

} // namespace payload_test
