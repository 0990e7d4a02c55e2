#include "fixture.hpp"

#include <random>

#include <google/protobuf/stubs/logging.h>

using namespace payload_test;

namespace {

std::string damaged(std::string bytes, std::mt19937& rng) {
  auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>{0, n - 1}(rng);
  };
  for (auto n = 1 + below(4); n > 0 && !bytes.empty(); --n) {
    auto pos = below(bytes.size());
    switch (below(5)) {
    case 0:
      bytes[pos] = static_cast<char>(below(256));
      break;
    case 1:
      bytes[pos] = static_cast<char>(bytes[pos] ^ (1 << below(8)));
      break;
    case 2:
      bytes.resize(pos);
      break;
    case 3:
      bytes.insert(pos, 1 + below(3), static_cast<char>(below(256)));
      break;
    default:
      bytes += bytes.substr(pos, below(16));
      break;
    }
  }
  return bytes;
}

std::vector<std::string> samples(fixture& f) {
  caf::config_value::dictionary dict;
  dict["list"] = caf::config_value::list{caf::config_value{1}};
  auto tagged = add(5);
  (*tagged.mutable_tags())["a"] = 1;
  return {
      f.encode(tagged),
      f.encode(add(1), total(2), point{3, 4}),
      f.encode(bag{}),
      f.encode(wrapped{add(1), {total(2)}}),
      f.encode(make_error(caf::sec::invalid_argument, "because")),
      f.encode(caf::config_value{dict}, caf::make_message(1, "two")),
      f.encode(f.sys.node(), caf::timestamp{}, caf::unit, caf::atom("x")),
      f.encode(std::vector<std::vector<bool>>(3, std::vector<bool>(20))),
      f.encode_message({}),
  };
}

} // namespace

TEST_CASE("damaged bytes are an error or a message, never more",
          "[unit][payload]") {
  google::protobuf::LogSilencer quiet;
  fixture f;
  auto seed = GENERATE(1U, 2U, 3U);
  std::mt19937 rng{seed};
  std::size_t accepted = 0;
  std::size_t refused = 0;
  auto try_bytes = [&](const std::string& bytes) {
    auto result = troupe::decode_message(f.sys, bytes);
    if (auto* msg = std::get_if<caf::message>(&result)) {
      ++accepted;
      to_string(*msg);
      auto copy = *msg;
      copy.force_unshare();
      std::string out;
      auto err = troupe::encode_payload(f.sys, copy, 0, out);
      if (err)
        FAIL(err->text);
      return;
    }
    ++refused;
    auto& err = std::get<payload_error>(result);
    if (err.text.empty())
      FAIL("a refusal without a text");
  };
  for (const auto& sample : samples(f))
    for (int i = 0; i < 2'000; ++i)
      try_bytes(damaged(sample, rng));
  std::uniform_int_distribution<int> byte{0, 255};
  for (int i = 0; i < 5'000; ++i) {
    std::string bytes{1};
    for (auto n = byte(rng) % 64; n > 0; --n)
      bytes += static_cast<char>(byte(rng));
    try_bytes(bytes);
  }
  // The test sees both sides of the line.
  CHECK(accepted > 100);
  CHECK(refused > 1'000);
}

TEST_CASE("every builtin type of CAF survives arbitrary bytes",
          "[unit][payload]") {
  fixture f;
  std::mt19937 rng{7};
  std::uniform_int_distribution<int> byte{0, 255};
  std::size_t accepted = 0;
  for (std::uint16_t nr = 1; nr < caf::type_nrs; ++nr)
    for (int i = 0; i < 500; ++i) {
      auto size = byte(rng) % 32;
      std::string bytes{1, 2, static_cast<char>(nr), static_cast<char>(size)};
      for (; size > 0; --size)
        bytes += static_cast<char>(byte(rng) % 2 ? byte(rng) : byte(rng) % 4);
      auto result = troupe::decode_message(f.sys, bytes);
      if (auto* msg = std::get_if<caf::message>(&result)) {
        ++accepted;
        to_string(*msg);
      }
    }
  CHECK(accepted > 100);
}
