#include "witnessed.hpp"

#include <algorithm>

namespace troupe::chaos {

namespace {

cluster_options with_book(const witnessed_options& options,
                          const std::string& path) {
  cluster_options out;
  out.nodes = options.nodes;
  out.flags = options.flags;
  out.flags.insert(out.flags.end(), {"--book", path});
  if (options.loose > 0)
    out.flags.insert(out.flags.end(),
                     {"--loose", std::to_string(options.loose)});
  out.program = witness_program();
  out.proxied = true;
  return out;
}

} // namespace

witnessed::witnessed(witnessed_options options)
    : cluster(with_book(options, path)) {
}

std::vector<std::string> witnessed::https() {
  std::vector<std::string> out;
  for (auto* one : running())
    out.push_back(one->http);
  return out;
}

counter_node&
witnessed::other_than(std::initializer_list<const counter_node*> some) {
  for (auto* one : running())
    if (std::find(some.begin(), some.end(), one) == some.end())
      return *one;
  throw std::runtime_error{"no other node runs"};
}

unsigned witnessed::owned_by(counter_node& node) {
  auto map = node.partitions();
  for (unsigned p = 0; p < map.size(); ++p)
    if (map[p].owner == node.name)
      return p;
  throw std::runtime_error{node.name + " owns nothing"};
}

void witnessed::cut(counter_node& from, counter_node& to) {
  net().cut(from.host(), to.host());
}

void witnessed::stall(counter_node& from, counter_node& to) {
  net().stall(from.host(), to.host());
}

void witnessed::isolate(counter_node& node) {
  for (std::size_t i = 0; i < size(); ++i)
    if (&(*this)[i] != &node) {
      cut(node, (*this)[i]);
      cut((*this)[i], node);
    }
}

bool witnessed::answers() {
  for (auto* one : running())
    for (unsigned p = 0; p < options().partitions; ++p)
      if (!one->post("/v1/regions/counter/ping?partition=" + std::to_string(p))
               .good())
        return false;
  return true;
}

std::optional<double> witnessed::healed_ms(milliseconds limit) {
  auto from = clock::now();
  heal();
  bool good = eventually(limit, [this] { return answers(); });
  auto took = ms_since(from);
  if (!good || took > static_cast<double>(limit.count()))
    return std::nullopt;
  return took;
}

bool witnessed::ask_move(unsigned partition, counter_node& to) {
  return leader()
      ->post(
          "/v1/moves",
          json{{"region", "counter"}, {"partition", partition}, {"to", to.name}}
              .dump())
      .good();
}

std::string witnessed::story() {
  auto out = picture();
  for (auto* one : running()) {
    out += one->name + " tells:\n";
    out += one->get("/v1/events?follow=false&since=0").text;
    out += one->get("/v1/events?follow=false&since=0&local=true").text;
  }
  return out;
}

std::string witnessed::unsound(load& l) {
  l.stop();
  l.verify(running().front()->http);
  auto wrong = l.problems();
  for (auto& one : overlaps(runs()))
    wrong.push_back(one);
  if (!books_balance())
    wrong.push_back("the books do not balance");
  std::string out;
  for (auto& one : wrong)
    out += one + '\n';
  return out.empty() ? out : out + l.summary();
}

bool always(milliseconds length, const std::function<bool()>& check) {
  return !eventually(length, [&] { return !check(); });
}

} // namespace troupe::chaos
