// CAF's own remoting.
//
//   serve                     prints ready PORT
//   one-way --to PORT
//   request --to PORT --outstanding N
//   idle                      KiB that an idle actor takes
#include <caf/io/middleman.hpp>

#include "actors.hpp"
#include "memory.hpp"

namespace {

using namespace compare;

// Its queue wakes sleeping workers faster than work stealing does.
struct config : caf::actor_system_config {
  config() {
    load<caf::io::middleman>();
    set("scheduler.policy", caf::atom("sharing"));
  }
};

caf::behavior echo(caf::stateful_actor<std::uint64_t>* self) {
  return {
      [=](const std::string&, std::string& x) -> caf::result<std::string> {
        if (!self->current_message_id().is_async())
          return std::move(x);
        ++self->state;
        return caf::delegated<std::string>{};
      },
      [=](const std::string&, caf::unit_t) { return self->state; },
  };
}

void serve(caf::actor_system& sys) {
  auto port = sys.middleman().publish(sys.spawn(echo), 0, "127.0.0.1");
  if (!port)
    fail(sys.render(port.error()));
  say_ready(std::to_string(*port));
  for (;;)
    ::pause();
}

void idle(caf::actor_system& sys) {
  constexpr std::size_t count = 20000;
  std::vector<caf::actor> all;
  all.reserve(count);
  auto before = resident_bytes();
  for (std::size_t i = 0; i < count; ++i)
    all.push_back(sys.spawn(echo));
  caf::scoped_actor self{sys};
  for (auto& one : all)
    self->request(one, caf::infinite, "k", caf::unit)
        .receive([](std::uint64_t) {},
                 [&](const caf::error& e) { fail(sys.render(e)); });
  say_memory(resident_bytes() - before, count);
  std::_Exit(0);
}

} // namespace

int main(int argc, char** argv) {
  arguments args{argc, argv};
  auto& role = args.role();
  config cfg;
  caf::actor_system sys{cfg};
  if (role == "serve")
    serve(sys);
  if (role == "idle")
    idle(sys);
  auto port = static_cast<std::uint16_t>(args.count("to", 0));
  auto to = sys.middleman().remote_actor("127.0.0.1", port);
  if (!to)
    fail(sys.render(to.error()));
  load all{args};
  std::string payload(payload_bytes, 'x');
  if (role == "one-way")
    sys.spawn<flood<std::string, caf::unit_t, std::uint64_t>>(
        std::vector<caf::actor>{*to}, std::ref(all), payload,
        +[](const std::uint64_t& x) { return x; });
  else
    ask_all(sys, *to, all, payload, args.count("outstanding", 1));
  all.run();
  std::_Exit(0);
}
