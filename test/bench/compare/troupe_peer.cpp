// Our own part.
//
//   serve [--join ADDRESS]         hosts `bench`; prints ready ADDRESS HTTP
//   relay --join ADDRESS           hosts `entry`, which hands on to `bench`
//   one-way --join ADDRESS
//   request --join ADDRESS --outstanding N [--region entry]
//   paced --join ADDRESS --rate N  requests, whether answers come or not
//   local [--ways direct]          sends within one process, beside CAF's own
//   idle                           KiB that an idle partition takes
//
// All take --partitions (1000), and --workers, where CAF's own number is not
// meant.
#include <numeric>

#include <google/protobuf/wrappers.pb.h>
#include <troupe/troupe.hpp>

#include "actors.hpp"
#include "memory.hpp"
#include "pacer.hpp"

namespace {

using namespace compare;
using google::protobuf::BytesValue;
using google::protobuf::UInt64Value;

using our_flood = flood<BytesValue, UInt64Value, UInt64Value>;

troupe::sharded_counter handled;

BytesValue make_payload() {
  BytesValue out;
  out.set_value(std::string(payload_bytes, 'x'));
  return out;
}

std::uint64_t value_of(const UInt64Value& x) {
  return x.value();
}

// Answers requests with what they hold, takes plain messages in silence, and
// says how many those were.
template <class Self>
caf::behavior echo(Self* self) {
  return {
      [=](const std::string&, BytesValue& x) -> caf::result<BytesValue> {
        if (!self->current_message_id().is_async())
          return std::move(x);
        handled.add(1);
        return caf::delegated<BytesValue>{};
      },
      [](const std::string&, const UInt64Value&) {
        UInt64Value out;
        out.set_value(handled);
        return out;
      },
  };
}

caf::behavior echo_partition(troupe::partition* self) {
  self->on_save([] { return std::string(payload_bytes, 's'); });
  self->on_load([](std::string_view) {});
  return echo(self);
}

troupe::region_options region_options(const arguments& args,
                                      const std::string& role) {
  troupe::region_options out;
  out.partitions = static_cast<std::uint32_t>(args.count("partitions", 1000));
  out.roles = {role};
  return out;
}

troupe::node_options node_options(const arguments& args,
                                  std::vector<std::string> roles) {
  troupe::node_options out;
  if (auto join = args.text("join"); !join.empty())
    out.join = {join};
  out.roles = std::move(roles);
  out.name = args.text("name");
  if (args.count("http", 0) != 0)
    out.http = "127.0.0.1:0";
  if (auto workers = args.count("workers", 0))
    out.configure_caf = [=](caf::actor_system_config& cfg) {
      cfg.set("scheduler.max-threads", workers);
    };
  return out;
}

void start(troupe::node& node) {
  if (auto why = node.start())
    fail(why.detail + "; " + why.hint);
}

// -- processes that answer ----------------------------------------------------

[[noreturn]] void serve(const arguments& args) {
  troupe::node node{node_options(args, {"owner"})};
  node.spawn_region("bench", echo_partition, region_options(args, "owner"));
  start(node);
  say_ready(node.address() + " " + node.http_address());
  for (;;)
    ::pause();
}

[[noreturn]] void relay(const arguments& args) {
  troupe::node node{node_options(args, {"entry"})};
  auto bench = node.proxy_region("bench", region_options(args, "owner"));
  auto hand_on = [to = bench.router()](troupe::partition* self) {
    return caf::behavior{[=](const std::string& key, BytesValue& x) {
      return self->delegate(to, key, std::move(x));
    }};
  };
  node.spawn_region("entry", hand_on, region_options(args, "entry"));
  start(node);
  say_ready(node.address());
  for (;;)
    ::pause();
}

// -- processes that ask -------------------------------------------------------

// Partitions start while the first requests wait for them.
void wait_for_all(troupe::node& node, const caf::actor& to,
                  const arguments& args) {
  caf::scoped_actor self{node.system()};
  auto count = static_cast<std::uint32_t>(args.count("partitions", 1000));
  constexpr std::uint32_t at_once = 64;
  // Those held for a partition that has no owner yet expire: asked again.
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{120};
  auto ask = [&](std::uint32_t p) {
    return self->request(to, caf::infinite, troupe::to_partition{p, "k"},
                         make_payload());
  };
  for (std::uint32_t first = 0; first < count; first += at_once) {
    auto last = std::min(first + at_once, count);
    std::vector<std::uint32_t> left(last - first);
    std::iota(left.begin(), left.end(), first);
    while (!left.empty()) {
      std::vector<decltype(ask(0))> asked;
      for (auto p : left)
        asked.push_back(ask(p));
      std::vector<std::uint32_t> again;
      for (std::size_t i = 0; i < left.size(); ++i)
        asked[i].receive([](const BytesValue&) {},
                         [&](const caf::error& e) {
                           if (std::chrono::steady_clock::now() > deadline)
                             fail(node.system().render(e));
                           again.push_back(left[i]);
                         });
      left = std::move(again);
    }
  }
}

void ask(const std::string& role, const arguments& args) {
  troupe::node node{node_options(args, {})};
  auto name = args.text("region", "bench");
  auto region = node.proxy_region(
      name, region_options(args, name == "entry" ? "entry" : "owner"));
  start(node);
  wait_for_all(node, region.router(), args);
  load all{args};
  auto& sys = node.system();
  if (role == "one-way")
    sys.spawn<our_flood>(std::vector<caf::actor>{region.router()},
                         std::ref(all), make_payload(), value_of);
  else if (role == "request")
    ask_all(sys, region.router(), all, make_payload(),
            args.count("outstanding", 1));
  else
    pace(sys, region.router(), all, make_payload(), args.number("rate", 1000));
  all.run();
  std::_Exit(0);
}

// -- within one process -------------------------------------------------------

struct way {
  const char* name;
  std::vector<caf::actor> to;
  load::result sum;
};

void add_slice(way& x, caf::actor_system& sys) {
  using seconds = load::seconds;
  load slice{seconds{0.02}, seconds{0.1}};
  caf::scoped_actor self{sys};
  self->spawn<our_flood, caf::monitored>(x.to, std::ref(slice), make_payload(),
                                         value_of);
  load::result one;
  slice.measure(one, [] {});
  x.sum.messages += one.messages;
  x.sum.wall += one.wall;
  x.sum.cpu += one.cpu;
  self->receive([](const caf::down_msg&) {}); // it ends with its last answer
}

// In turns, so that both run at the same times.
void local(const arguments& args) {
  troupe::node node{node_options(args, {"owner"})};
  auto region =
      node.spawn_region("bench", echo_partition, region_options(args, "owner"));
  start(node);
  wait_for_all(node, region.router(), args);
  auto& sys = node.system();
  way ways[] = {{"troupe", {region.router()}, {}}, {"direct", {}, {}}};
  for (std::size_t i = 0; i < args.count("partitions", 1000); ++i)
    ways[1].to.push_back(sys.spawn(echo<caf::event_based_actor>));
  std::puts("begin");
  std::fflush(stdout);
  auto only = args.text("ways");
  for (double left = args.number("seconds", 2); left > 0;)
    for (auto& x : ways)
      if (only.empty() || only == x.name) {
        add_slice(x, sys);
        left -= 0.1;
      }
  std::printf("end {");
  for (auto& x : ways)
    std::printf("%s\"%s\": {\"messages\": %llu, \"failed\": 0, \"seconds\": "
                "%.6f, \"cpu\": %.6f}",
                &x == ways ? "" : ", ", x.name,
                static_cast<unsigned long long>(x.sum.messages),
                x.sum.wall.count(), x.sum.cpu.count());
  std::puts("}");
  std::fflush(stdout);
  std::_Exit(0);
}

void idle(const arguments& args) {
  troupe::node node{node_options(args, {"owner"})};
  start(node);
  auto before = resident_bytes();
  auto count = args.count("partitions", 20000);
  auto region = node.spawn_region("bench", echo<troupe::partition>,
                                  region_options(args, "owner"));
  wait_for_all(node, region.router(), args);
  say_memory(resident_bytes() - before, count);
  std::_Exit(0);
}

} // namespace

int main(int argc, char** argv) {
  arguments args{argc, argv};
  auto& role = args.role();
  if (role == "serve")
    serve(args);
  if (role == "relay")
    relay(args);
  if (role == "local")
    local(args);
  else if (role == "idle")
    idle(args);
  else
    ask(role, args);
}
