// chaos_numbers node: a node of a cluster whose partitions take numbers, and
// check that those of each key come without a gap and in order.
#include <atomic>
#include <cstdint>
#include <map>
#include <sstream>
#include <thread>

#include <google/protobuf/wrappers.pb.h>

#include <test/chaos/harness/node_main.hpp>

namespace {

using google::protobuf::Int32Value;
using google::protobuf::StringValue;
using google::protobuf::UInt64Value;

struct numbers_state {
  std::map<std::string, std::uint64_t> next; // by key
  std::uint64_t taken = 0;
  std::uint64_t wrong = 0;
};

using numbers_partition = troupe::stateful_partition<numbers_state>;

// UInt64Value n:  the next number of the key, from 0 up
// Int32Value us:  takes so many microseconds
// StringValue:    answered with "TAKEN WRONG"
caf::behavior take(numbers_partition* self) {
  auto text = [=] {
    auto& x = self->state;
    return std::to_string(x.taken) + ' ' + std::to_string(x.wrong);
  };
  self->on_save([=] {
    auto out = text();
    for (auto& [key, next] : self->state.next)
      out += ' ' + key + ' ' + std::to_string(next);
    return out;
  });
  self->on_load([=](std::string_view bytes) {
    std::istringstream in{std::string{bytes}};
    auto& x = self->state;
    in >> x.taken >> x.wrong;
    std::string key;
    std::uint64_t next = 0;
    while (in >> key >> next)
      x.next[key] = next;
  });
  return {
      [=](const std::string& key, const UInt64Value& n) {
        auto& next = self->state.next[key];
        self->state.wrong += n.value() != next;
        next = n.value() + 1;
        ++self->state.taken;
      },
      [=](const std::string&, const Int32Value& us) {
        std::this_thread::sleep_for(std::chrono::microseconds{us.value()});
        ++self->state.taken;
      },
      [=](const std::string&, const StringValue&) {
        StringValue out;
        out.set_value(text());
        return out;
      },
  };
}

} // namespace

int main(int argc, char** argv) {
  troupe::chaos::node_main program{"chaos_numbers"};
  return program.run(argc, argv, [&](troupe::node& node) {
    node.spawn_region("counter", take, program.region);
  });
}
