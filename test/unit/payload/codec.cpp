#include "fixture.hpp"

#include <google/protobuf/descriptor.pb.h>

#include <troupe/actors/payload/type_name.hpp>

using namespace payload_test;
using troupe::test::Add;
using troupe::test::Total;

TEST_CASE("a protobuf message comes back as its own type", "[unit][payload]") {
  fixture f;
  auto bytes = f.encode(add(42));
  auto msg = f.decode(bytes);
  REQUIRE(msg.match_elements<Add>());
  CHECK(msg.get_as<Add>(0).by_how_much() == 42);
  CHECK(msg.type_token() == caf::make_type_token<Add>());
  CHECK(to_string(msg) == to_string(caf::make_message(add(42))));
  // And once more, from what was decoded.
  CHECK(f.encode_message(msg) == bytes);
}

TEST_CASE("the format is what it was", "[unit][payload]") {
  fixture f;
  using namespace std::string_literals;
  CHECK(f.encode_message({}) == "\0"s);
  CHECK(f.encode(total(5)) == "\1\1\x11troupe.test.Total\2\x08\5"s);
  CHECK(f.encode(std::uint8_t{7}) == "\1\2\x25\1\7"s);
  CHECK(f.encode(point{1, -2})
        == "\1\3\x12payload_test.point\x08\1\0\0\0\xfe\xff\xff\xff"s);
  CHECK(f.encode(caf::error{3, caf::atom("a")}).substr(0, 2) == "\1\4"s);
}

TEST_CASE("an element and its bytes have one name", "[unit][payload]") {
  fixture f;
  auto name = [&](auto x) {
    auto msg = caf::make_message(std::move(x));
    auto out = troupe::type_name_of(f.sys, msg, 0);
    CHECK(troupe::type_name_of(f.encode_message(msg)) == out);
    return out;
  };
  CHECK(name(add(1)) == "troupe.test.Add");
  CHECK(name(point{1, 2}) == "payload_test.point");
  CHECK_FALSE(name(std::uint8_t{7}).empty());
  CHECK(name(std::string{"x"}) != name(std::uint8_t{7}));
  CHECK_FALSE(name(caf::error{3, caf::atom("a")}).empty());
  CHECK_FALSE(name(caf::make_message(1)).empty());
  auto one = caf::make_message(std::string{"key"}, add(1));
  CHECK(troupe::type_name_of(f.sys, one, 1) == "troupe.test.Add");
  CHECK(troupe::type_name_of(f.sys, one, 2).empty());
  for (auto* bytes :
       {"", "\1", "\1\1", "\1\1\xff", "\1\2\xff\xff\x7f", "\1\x77"})
    CHECK(troupe::type_name_of(bytes).empty());
}

TEST_CASE("the position of the first element skips the key",
          "[unit][payload]") {
  fixture f;
  auto msg = caf::make_message(std::string{"key"}, add(1), total(2));
  CHECK(f.encode_message(msg, 1) == f.encode(add(1), total(2)));
  CHECK(f.encode_message(msg, 3) == f.encode_message({}));
  CHECK(f.encode_message(msg, 9) == f.encode_message({}));
}

TEST_CASE("elements of all kinds travel together", "[unit][payload]") {
  fixture f;
  auto bytes = f.encode(add(1), point{2, 3}, std::string{"four"}, caf::unit,
                        caf::atom("five"), total(6), std::int32_t{-7}, empty{});
  auto msg = f.decode(bytes);
  REQUIRE(msg.match_elements<Add, point, std::string, caf::unit_t,
                             caf::atom_value, Total, std::int32_t, empty>());
  CHECK(msg.get_as<point>(1).y == 3);
  CHECK(msg.get_as<std::string>(2) == "four");
  CHECK(msg.get_as<caf::atom_value>(4) == caf::atom("five"));
  CHECK(msg.get_as<Total>(5).value() == 6);
  CHECK(msg.get_as<std::int32_t>(6) == -7);
  CHECK(msg.type_token()
        == caf::make_type_token<Add, point, std::string, caf::unit_t,
                                caf::atom_value, Total, std::int32_t, empty>());
  CHECK(f.encode_message(msg) == bytes);
}

TEST_CASE("every kind of field keeps its value", "[unit][payload]") {
  fixture f;
  bag from;
  auto msg = f.decode(f.encode(from));
  REQUIRE(msg.match_elements<bag>());
  const auto& to = msg.get_as<bag>(0);
  CHECK((to.tie() == from.tie()));
}

TEST_CASE("a struct may hold protobuf messages", "[unit][payload]") {
  fixture f;
  auto msg = f.decode(f.encode(wrapped{add(1), {total(2), total(3)}}));
  REQUIRE(msg.match_elements<wrapped>());
  CHECK(msg.get_as<wrapped>(0).add.by_how_much() == 1);
  CHECK(msg.get_as<wrapped>(0).totals.at(1).value() == 3);
}

TEST_CASE("an empty payload is an empty message", "[unit][payload]") {
  fixture f;
  auto bytes = f.encode_message({});
  CHECK(f.decode(bytes).empty());
  auto element = f.element(bytes);
  CHECK(element->content().match_elements<std::string>());
  CHECK(element->content().get_as<std::string>(0) == "key");
  auto bare = troupe::wire_element::make(f.sys, std::nullopt, bytes);
  auto& content = bare->content();
  CHECK(content.empty());
  CHECK(content.type_token() == caf::make_type_token<>());
}

TEST_CASE("an error keeps category, code and context", "[unit][payload]") {
  fixture f;
  auto roundtrip = [&](caf::error x) {
    auto msg = f.decode(f.encode(std::move(x)));
    REQUIRE(msg.match_elements<caf::error>());
    CHECK(msg.type_token() == caf::make_type_token<caf::error>());
    return msg.get_as<caf::error>(0);
  };
  SECTION("without a context") {
    auto x = roundtrip(caf::sec::request_timeout);
    CHECK(x == caf::sec::request_timeout);
    CHECK(x.context().empty());
  }
  SECTION("a string as it is") {
    auto x = roundtrip(make_error(caf::sec::invalid_argument, "because"));
    CHECK(x == caf::sec::invalid_argument);
    REQUIRE(x.context().match_elements<std::string>());
    CHECK(x.context().get_as<std::string>(0) == "because");
  }
  SECTION("anything else as text") {
    auto x = roundtrip(make_error(caf::sec::invalid_argument, stranger{4}, 5));
    REQUIRE(x.context().match_elements<std::string>());
    CHECK(x.context().get_as<std::string>(0) == "(4, 5)");
  }
  SECTION("of a user's own category") {
    auto x = roundtrip(caf::error{200, caf::atom("mine")});
    CHECK(x.code() == 200);
    CHECK(x.category() == caf::atom("mine"));
  }
  SECTION("and no error stays none") {
    CHECK(!roundtrip(caf::none));
  }
}

TEST_CASE("unset required fields travel as they do in one process",
          "[unit][payload]") {
  fixture f;
  google::protobuf::UninterpretedOption::NamePart x;
  x.set_name_part("part");
  REQUIRE(!x.IsInitialized());
  auto msg = f.decode(f.encode(x));
  const auto& y =
      msg.get_as<google::protobuf::UninterpretedOption::NamePart>(0);
  CHECK(y.name_part() == "part");
  CHECK(!y.has_is_extension());
}

TEST_CASE("a type that nobody registered is refused by its name",
          "[unit][payload]") {
  fixture f;
  auto err = f.encode_error(stranger{});
  CHECK(err.kind == payload_error_kind::unsupported_type);
  CHECK(err.text
        == "cannot send a payload_test::stranger: register it with "
           "add_message_type on every node, or send a protobuf message");
}

TEST_CASE("actor handles and system messages stay in the process",
          "[unit][payload]") {
  fixture f;
  auto actor = f.sys.spawn([] {});
  auto err = f.encode_error(actor);
  CHECK(err.kind == payload_error_kind::unsupported_type);
  CHECK(err.text.find("cannot send a @actor: an actor handle") == 0);
  err = f.encode_error(caf::exit_msg{actor.address(), caf::none});
  CHECK(err.kind == payload_error_kind::unsupported_type);
  CHECK(err.text.find("cannot send a @exit: CAF's system messages") == 0);
  // A peer that sends them all the same is not believed.
  for (auto nr :
       {caf::type_nr<caf::actor>::value, caf::type_nr<caf::exit_msg>::value,
        caf::type_nr<caf::upstream_msg>::value}) {
    std::string bytes{1, 2, static_cast<char>(nr), 0};
    CHECK(f.decode_error(bytes).kind == payload_error_kind::unsupported_type);
  }
}

TEST_CASE("nor do they travel inside of other values", "[unit][payload]") {
  fixture f;
  auto actor = f.sys.spawn([] {});
  auto err = f.encode_error(caf::unit, caf::make_message(1, actor));
  CHECK(err.kind == payload_error_kind::unsupported_type);
  CHECK(err.text.find("cannot send a @actor") == 0);
  err = f.encode_error(with_actor{actor});
  CHECK(err.kind == payload_error_kind::unsupported_type);
  CHECK(err.text.find("cannot send a payload_test.with_actor: it holds an "
                      "actor handle")
        == 0);
  with_error with_context{make_error(caf::sec::invalid_argument, "why")};
  CHECK(f.encode_error(with_context).kind
        == payload_error_kind::unsupported_type);
  auto without = f.decode(f.encode(with_error{caf::sec::invalid_argument}));
  CHECK(without.get_as<with_error>(0).why == caf::sec::invalid_argument);
  // A peer that sends one all the same: actor 1 of no node.
  std::string name = "payload_test.with_actor";
  std::string bytes{1, 3, static_cast<char>(name.size())};
  bytes += name + std::string{16, 1} + std::string(7, '\0')
           + static_cast<char>(caf::atom("")) + std::string(7, '\0');
  CHECK(f.decode_error(bytes).kind == payload_error_kind::unsupported_type);
}

TEST_CASE("a message may hold messages, to a depth", "[unit][payload]") {
  fixture f;
  auto inner = caf::make_message(add(1), std::string{"two"},
                                 make_error(caf::sec::invalid_argument, "x"));
  auto msg = f.decode(f.encode(caf::unit, inner, caf::message{}));
  REQUIRE(msg.match_elements<caf::unit_t, caf::message, caf::message>());
  const auto& nested = msg.get_as<caf::message>(1);
  REQUIRE(nested.match_elements<Add, std::string, caf::error>());
  CHECK(to_string(nested) == to_string(inner));
  CHECK(msg.get_as<caf::message>(2).empty());
  auto deep = caf::make_message(caf::unit, caf::unit);
  std::string bytes{"\2\2\x26\0\2\x26\0", 7};
  REQUIRE(f.encode_message(deep) == bytes);
  for (int i = 1; i < 8; ++i) {
    deep = caf::make_message(caf::unit, deep);
    bytes = std::string{"\2\2\x26\0\5", 5} + bytes;
    REQUIRE(f.encode_message(deep) == bytes);
    f.decode(bytes);
  }
  CHECK(f.encode_error(caf::unit, deep).kind == payload_error_kind::too_large);
  bytes = std::string{"\1\5", 2} + bytes;
  CHECK(f.decode_error(bytes).kind == payload_error_kind::too_large);
}

TEST_CASE("an inspect that throws is a refusal", "[unit][payload]") {
  fixture f;
  auto err = f.encode_error(thrower{13});
  CHECK(err.kind == payload_error_kind::unsupported_type);
  CHECK(err.text.find("thirteen") != std::string::npos);
  CHECK(f.decode(f.encode(thrower{12})).get_as<thrower>(0).x == 12);
}

TEST_CASE("the number of elements is bounded", "[unit][payload]") {
  fixture f;
  caf::message_builder builder;
  for (int i = 0; i < 64; ++i)
    builder.append(i);
  CHECK(f.decode(f.encode_message(builder.to_message())).size() == 64);
  builder.append(64);
  std::string out;
  auto err = troupe::encode_payload(f.sys, builder.to_message(), 0, out);
  REQUIRE(err);
  CHECK(err->kind == payload_error_kind::too_large);
  CHECK(out.empty());
  // The key does not count.
  CHECK(!troupe::encode_payload(f.sys, builder.to_message(), 1, out));
  CHECK(f.decode_error(std::string{65}).kind == payload_error_kind::too_large);
}

TEST_CASE("the length of a type name is bounded", "[unit][payload]") {
  fixture f;
  for (char kind : {1, 3}) {
    // 512 as a varint, then 513.
    auto fits = std::string{1, kind} + "\x80\x04" + std::string(512, 'x')
                + std::string(1, '\0');
    CHECK(f.decode_error(fits).kind == payload_error_kind::unknown_type);
    auto over = std::string{1, kind} + "\x81\x04" + std::string(513, 'x')
                + std::string(1, '\0');
    CHECK(f.decode_error(over).kind == payload_error_kind::too_large);
  }
}
