#include "fixture.hpp"

#include <google/protobuf/stubs/logging.h>

using namespace payload_test;
using troupe::test::Tree;

TEST_CASE("an unknown type is named", "[unit][payload]") {
  fixture f;
  auto bytes = f.encode(add(1));
  bytes.replace(bytes.find("Add"), 3, "Sub");
  auto err = f.decode_error(bytes);
  CHECK(err.kind == payload_error_kind::unknown_type);
  CHECK(err.text.find("troupe.test.Sub") != std::string::npos);
  bytes = f.encode(point{1, 2});
  bytes.replace(bytes.find("point"), 5, "joint");
  err = f.decode_error(bytes);
  CHECK(err.kind == payload_error_kind::unknown_type);
  CHECK(err.text.find("payload_test.joint") != std::string::npos);
  CHECK(f.decode_error(std::string{1, 2, 0, 0}).kind
        == payload_error_kind::unknown_type);
  CHECK(f.decode_error(std::string{1, 2, 60, 0}).kind
        == payload_error_kind::unknown_type);
}

TEST_CASE("the entry type of a map is not a message to send",
          "[unit][payload]") {
  fixture f;
  std::string name = "troupe.test.Add.TagsEntry";
  std::string bytes{1, 1, static_cast<char>(name.size())};
  bytes += name + std::string(1, '\0');
  CHECK(f.decode_error(bytes).kind == payload_error_kind::unknown_type);
}

TEST_CASE("every cut and every byte too many is malformed", "[unit][payload]") {
  google::protobuf::LogSilencer quiet;
  fixture f;
  auto bytes = f.encode(add(300), point{2, 3}, std::string{"four"},
                        make_error(caf::sec::invalid_argument, "because"));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    INFO(n);
    CHECK(f.decode_error(bytes.substr(0, n)).kind
          == payload_error_kind::malformed);
  }
  CHECK(f.decode_error(bytes + "x").kind == payload_error_kind::malformed);
  CHECK(f.decode_error(std::string{1, 9, 0}).kind
        == payload_error_kind::malformed);
  CHECK(f.decode_error(std::string{1, 0, 0}).kind
        == payload_error_kind::malformed);
}

TEST_CASE("bytes left over inside a value are malformed", "[unit][payload]") {
  fixture f;
  std::string bytes{1, 2, static_cast<char>(caf::type_nr<std::uint8_t>::value),
                    2, 7, 7};
  auto err = f.decode_error(bytes);
  CHECK(err.kind == payload_error_kind::malformed);
  CHECK(err.text.find("@u8") != std::string::npos);
}

namespace {

std::string builtin(std::uint16_t nr, const std::string& body) {
  std::string bytes{1, 2, static_cast<char>(nr)};
  for (auto n = body.size(); true; n >>= 7) {
    bytes += static_cast<char>((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
    if (n <= 0x7f)
      break;
  }
  return bytes + body;
}

} // namespace

TEST_CASE("a sequence that claims more than there is takes no memory",
          "[unit][payload]") {
  fixture f;
  // 4 GiB of characters, and 2^63 of them.
  for (const char* size :
       {"\xff\xff\xff\xff\x0f", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"})
    for (auto nr :
         {caf::type_nr<std::vector<char>>::value,
          caf::type_nr<std::string>::value, caf::type_nr<std::u16string>::value,
          caf::type_nr<std::u32string>::value,
          caf::type_nr<std::vector<std::string>>::value})
      CHECK(f.decode_error(builtin(nr, size)).kind
            == payload_error_kind::malformed);
  // Many sequences share one budget: each of these claims all of it.
  std::string bits;
  for (int i = 0; i < 100; ++i)
    bits += std::string("\xe8\x1f\0", 3);
  std::string name = "payload_test.bits";
  std::string bytes{1, 3, static_cast<char>(name.size())};
  bytes += name;
  auto body = "\x64" + bits;
  bytes += static_cast<char>((body.size() & 0x7f) | 0x80);
  bytes += static_cast<char>(body.size() >> 7);
  CHECK(f.decode_error(bytes + body).kind == payload_error_kind::malformed);
}

TEST_CASE("a builtin type comes as the kind of element it has",
          "[unit][payload]") {
  fixture f;
  std::string name = "@actor";
  std::string bytes{1, 3, static_cast<char>(name.size())};
  bytes += name + std::string(1, '\0');
  CHECK(f.decode_error(bytes).kind == payload_error_kind::unknown_type);
  for (auto nr :
       {caf::type_nr<caf::message>::value, caf::type_nr<caf::error>::value})
    CHECK(f.decode_error(std::string{1, 2, static_cast<char>(nr), 0}).kind
          == payload_error_kind::malformed);
}

TEST_CASE("elements without bytes are counted all the same",
          "[unit][payload]") {
  fixture f;
  auto msg = f.decode(f.encode(std::vector<empty>(4000)));
  CHECK(msg.get_as<std::vector<empty>>(0).size() == 4000);
  CHECK(f.decode_error(f.encode(std::vector<empty>(5000))).kind
        == payload_error_kind::malformed);
}

TEST_CASE("values nested without end do not exhaust the stack",
          "[unit][payload]") {
  fixture f;
  caf::config_value x{1};
  for (int i = 0; i < 20; ++i)
    x = caf::config_value{caf::config_value::list{x}};
  auto bytes = f.encode(x);
  CHECK(f.decode(bytes).get_as<caf::config_value>(0) == x);
  // The tag of a list, then its size 1, again and again.
  auto body = f.encode(x).substr(4, 2);
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i)
    deep += body;
  auto err =
      f.decode_error(builtin(caf::type_nr<caf::config_value>::value, deep));
  CHECK(err.kind == payload_error_kind::malformed);
  CHECK(err.text.find("nested too deeply") != std::string::npos);
}

TEST_CASE("protobuf messages nested without end are malformed",
          "[unit][payload]") {
  google::protobuf::LogSilencer quiet;
  fixture f;
  Tree root;
  auto* leaf = &root;
  for (int i = 0; i < 200; ++i)
    leaf = leaf->add_children();
  CHECK(f.decode_error(f.encode(root)).kind == payload_error_kind::malformed);
}
