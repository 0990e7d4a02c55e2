#include <iostream>

#include <caf/scoped_actor.hpp>
#include <troupe/troupe.hpp>

#include "hello.pb.h"

caf::behavior greeter(troupe::partition* self) {
  return {[=](const std::string& key, const hello::Greet& msg) {
    hello::Greeting out;
    out.set_text("Hello, " + msg.name() + "! This is partition "
                 + std::to_string(self->number()) + " for '" + key + "'.");
    return out;
  }};
}

int main() {
  troupe::node node;
  auto greeters = node.spawn_region("greeter", greeter);
  if (auto why = node.start())
    return std::cerr << why.detail << "; " << why.hint << "\n", 1;
  caf::scoped_actor self{node.system()};
  hello::Greet msg;
  msg.set_name("world");
  self->send(greeters.router(), "alice", msg); // nobody waits for this answer
  self->request(greeters.router(), std::chrono::seconds{5}, "alice", msg)
      .receive([](const hello::Greeting& g) { std::cout << g.text() << "\n"; },
               [&](const caf::error& err) {
                 std::cerr << node.system().render(err) << "\n";
               });
}
