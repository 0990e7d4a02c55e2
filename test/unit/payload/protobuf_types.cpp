#include "fixture.hpp"

#include <thread>

#include <google/protobuf/any.pb.h>

using namespace payload_test;
using troupe::test::Add;
using troupe::test::Total;

TEST_CASE("types are found by their full name", "[unit][payload]") {
  const auto* found = troupe::find_message_type("troupe.test.Add");
  REQUIRE(found);
  CHECK(typeid(*found) == typeid(Add));
  CHECK(troupe::find_message_type("troupe.test.Add") == found);
  std::thread{[&] {
    if (troupe::find_message_type("troupe.test.Add") != found)
      found = nullptr;
  }}.join();
  CHECK(found);
  for (const char* name : {"", "Add", ".troupe.test.Add", "troupe.test",
                           "troupe.test.Add.TagsEntry", "no.such.Type"})
    CHECK(!troupe::find_message_type(name));
}

TEST_CASE("a message is read from JSON and written to it", "[unit][payload]") {
  auto read = troupe::message_from_json(
      "troupe.test.Add", R"({"counter": "visits", "by_how_much": 5})");
  auto& msg = std::get<std::unique_ptr<google::protobuf::Message>>(read);
  CHECK(dynamic_cast<Add&>(*msg).by_how_much() == 5);
  auto json = troupe::message_to_json(*msg);
  CHECK(std::get<std::string>(json)
        == R"({"counter":"visits","by_how_much":"5"})");
  json = troupe::message_to_json(total(0));
  CHECK(std::get<std::string>(json) == "{}");
}

TEST_CASE("JSON that is no message of the type is refused", "[unit][payload]") {
  auto refused = [](const char* name, const char* json) {
    auto result = troupe::message_from_json(name, json);
    REQUIRE(std::holds_alternative<payload_error>(result));
    return std::get<payload_error>(result);
  };
  for (const char* json : {"", "[]", "{", R"({"n": 1})", "7", "nul",
                           R"({"by_how_much": "many"})", R"({"tags": 3})"}) {
    INFO(json);
    auto err = refused("troupe.test.Add", json);
    CHECK(err.kind == payload_error_kind::malformed);
    CHECK(err.text.find("troupe.test.Add") != std::string::npos);
  }
  auto deep = std::string(100'000, '[');
  CHECK(refused("troupe.test.Add", deep.c_str()).kind
        == payload_error_kind::malformed);
  auto err = refused("troupe.test.Sub", "{}");
  CHECK(err.kind == payload_error_kind::unknown_type);
  CHECK(err.text.find("troupe.test.Sub") != std::string::npos);
}

TEST_CASE("what has no JSON form is refused", "[unit][payload]") {
  google::protobuf::Any any;
  any.set_type_url("type.googleapis.com/no.such.Type");
  any.set_value("x");
  auto result = troupe::message_to_json(any);
  REQUIRE(std::holds_alternative<payload_error>(result));
  CHECK(std::get<payload_error>(result).kind
        == payload_error_kind::unsupported_type);
}

TEST_CASE("an element made from a message equals a decoded one",
          "[unit][payload]") {
  fixture f;
  auto made = troupe::make_payload_element(
      nullptr, caf::make_message_id(), "key", std::make_unique<Add>(add(2)));
  auto decoded = f.element(f.encode(add(2)));
  CHECK(made->content().match_elements<std::string, Add>());
  CHECK(made->content().stringify() == decoded->content().stringify());
  CHECK(made->content().type_token() == decoded->content().type_token());
}

TEST_CASE("a protobuf message is found behind CAF's erased type",
          "[unit][payload]") {
  fixture f;
  auto n = [](const caf::type_erased_tuple& xs, std::size_t pos) {
    const auto* msg = troupe::as_protobuf(xs, pos);
    return msg ? dynamic_cast<const Add&>(*msg).by_how_much() : -1;
  };
  auto native = caf::make_message(std::string{"key"}, add(1), point{1, 2},
                                  wrapped{add(9), {}}, stranger{}, thrower{13},
                                  thrower{12}, bag{});
  CHECK(n(native, 1) == 1);
  CHECK(troupe::as_protobuf(native, 1) == native.get(1));
  for (std::size_t pos : {0, 2, 3, 4, 5, 6, 7})
    CHECK(n(native, pos) == -1);
  CHECK(n(caf::message::copy(native), 1) == 1);
  CHECK(n(native.drop(1), 0) == 1);
  auto element = f.element(f.encode(add(2), point{1, 2}));
  CHECK(n(element->content(), 1) == 2);
  CHECK(n(element->content(), 0) == -1);
  CHECK(n(element->content(), 2) == -1);
  CHECK(n(element->move_content_to_message(), 1) == 2);
  auto local = caf::make_mailbox_element(nullptr, caf::make_message_id(), {},
                                         std::string{"key"}, add(3));
  CHECK(n(local->content(), 1) == 3);
}
