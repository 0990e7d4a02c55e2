// What one message of about 100 bytes costs on its way out and in: time and
// allocations, with CAF's own means beside it. Prints a table; judges nothing.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <caf/all.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>

#include <troupe/actors/payload/payload.hpp>
#include <troupe/actors/payload/protobuf_inspect.hpp>
#include <troupe/actors/payload/protobuf_types.hpp>
#include <troupe/actors/wire_element.hpp>

#include <test/protos/payload.pb.h>

namespace {

std::size_t allocations = 0;

struct point {
  double x;
  double y;
};

template <class Inspector>
auto inspect(Inspector& f, point& p) {
  return f(p.x, p.y);
}

template <class F>
void measure(const char* what, F fun) {
  constexpr int rounds = 1'000'000;
  for (int i = 0; i < rounds / 10; ++i)
    fun();
  auto before = allocations;
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i)
    fun();
  auto time = std::chrono::steady_clock::now() - start;
  auto ns = std::chrono::duration<double, std::nano>(time).count() / rounds;
  std::printf("%-44s %8.1f ns %6.2f allocations\n", what, ns,
              static_cast<double>(allocations - before) / rounds);
}

} // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (auto* ptr = std::malloc(size))
    return ptr;
  throw std::bad_alloc{};
}

void operator delete(void* ptr) noexcept {
  std::free(ptr);
}

void operator delete(void* ptr, std::size_t) noexcept {
  std::free(ptr);
}

int main() {
  caf::actor_system_config cfg;
  cfg.add_message_type<point>("bench.point");
  cfg.set("scheduler.max-threads", 1);
  caf::actor_system sys{cfg};
  troupe::test::Add add;
  add.set_counter("visits");
  add.set_by_how_much(7);
  add.set_blob(std::string(88, 'x'));
  auto msg = caf::make_message(std::string{"key"}, add);
  auto points = caf::make_message(std::string{"key"}, point{1, 2});
  std::string out;
  auto encode = [&](const caf::message& xs) {
    out.clear();
    if (troupe::encode_payload(sys, xs, 1, out))
      std::abort();
  };
  auto decode = [&](const std::string& bytes) {
    auto x = troupe::wire_element::make(sys, "key", bytes);
    if (troupe::exactly<troupe::wire_element>(*x)->read())
      std::abort();
  };
  encode(points);
  auto point_bytes = out;
  encode(msg);
  auto bytes = out;
  std::printf("protobuf %zu bytes, payload %zu; point payload %zu\n",
              add.ByteSizeLong(), bytes.size(), point_bytes.size());
  measure("protobuf: size", [&] { troupe::payload_size(sys, msg, 1); });
  measure("protobuf: encode", [&] { encode(msg); });
  measure("protobuf: decode and destroy", [&] { decode(bytes); });
  measure("protobuf: parse and destroy alone", [&] {
    auto x = std::make_unique<troupe::test::Add>();
    x->ParseFromArray(bytes.data() + 19, static_cast<int>(bytes.size() - 19));
  });
  measure("protobuf: a local element, made of a copy", [&] {
    caf::make_mailbox_element(nullptr, caf::make_message_id(), {},
                              std::string{"key"}, add);
  });
  measure("protobuf: find behind the erased type",
          [&] { troupe::as_protobuf(msg, 1); });
  measure("point: encode", [&] { encode(points); });
  measure("point: decode and destroy", [&] { decode(point_bytes); });
  std::vector<char> buf;
  measure("point: CAF's message serialization", [&] {
    buf.clear();
    caf::binary_serializer sink{sys, buf};
    sink(points);
  });
  measure("point: CAF's message deserialization", [&] {
    caf::binary_deserializer source{sys, buf};
    caf::message x;
    source(x);
  });
}
