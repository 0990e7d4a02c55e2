#include "fixture.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>

using namespace payload_test;
using troupe::test::Add;
using troupe::test::Total;

TEST_CASE("a protobuf message is an element of a CAF message",
          "[unit][payload]") {
  auto msg = caf::make_message(std::string{"key"}, add(3));
  REQUIRE(msg.match_elements<std::string, Add>());
  CHECK(!msg.match_elements<std::string, Total>());
  auto copy = msg;
  copy.get_mutable_as<Add>(1).set_by_how_much(4);
  CHECK(msg.get_as<Add>(1).by_how_much() == 3);
  CHECK(copy.get_as<Add>(1).by_how_much() == 4);
  CHECK(to_string(msg)
        == R"(("key", troupe.test.Add{counter: "visits" by_how_much: 3}))");
  CHECK(caf::deep_to_string(std::vector<Total>{total(1)})
        == "[troupe.test.Total{value: 1}]");
}

TEST_CASE("any CAF serializer writes and reads a protobuf message",
          "[unit][payload]") {
  fixture f;
  std::vector<char> buf;
  caf::binary_serializer sink{f.sys, buf};
  auto from = add(-1);
  REQUIRE(!sink(from));
  SECTION("into the same type") {
    caf::binary_deserializer source{f.sys, buf};
    Add to;
    REQUIRE(!source(to));
    CHECK(to.SerializeAsString() == from.SerializeAsString());
    CHECK(source.remaining() == 0);
  }
  SECTION("but not into another one") {
    caf::binary_deserializer source{f.sys, buf};
    Total to;
    auto err = source(to);
    REQUIRE(err);
    CHECK(err == caf::sec::unknown_type);
    CHECK(to_string(err.context())
          == R"(("expected troupe.test.Total, got troupe.test.Add"))");
  }
  SECTION("nor from bytes that do not parse") {
    buf.back() = '\x80';
    caf::binary_deserializer source{f.sys, buf};
    Add to;
    CHECK(source(to));
  }
}
