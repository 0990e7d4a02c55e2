#include <troupe/runtime/ctl/waiting.hpp>

#include <troupe/runtime/ctl/failure.hpp>
#include <troupe/runtime/http/uri.hpp>

#include <cstdio>
#include <set>
#include <thread>

namespace troupe::ctl {

namespace {

using clock = std::chrono::steady_clock;

/// The node that is asked may know later than the leader that said yes.
constexpr auto known_everywhere = std::chrono::seconds(5);

/// Looks again and again, until `look` says that it is done.
template <class Look>
void poll(session& with, const char* what, Look look) {
  auto end = clock::now() + with.wait_timeout();
  while (!look()) {
    if (clock::now() >= end)
      throw failure{exit_code::deadline,
                    std::string(what) + " is not done yet, and goes on",
                    "watch it with troupectl watch, or wait longer with "
                    "--timeout"};
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

json read_region(session& with, const std::string& name) {
  return with.get("/v1/regions/" + http::percent_encode(name));
}

json rows_of(const json& x, const char* name) {
  auto i = x.find(name);
  return i != x.end() && i->is_array() ? *i : json::array();
}

/// What became of some moves.
struct tally {
  std::size_t done = 0;
  std::size_t elsewhere = 0;
};

tally count_moves(session& with, const json& moves, const epoch_table& before) {
  std::map<std::string, json> regions;
  for (auto& move : moves)
    regions.emplace(text_of(move, "region"), json());
  for (auto& [name, view] : regions)
    view = rows_of(read_region(with, name), "partitions");
  tally out;
  for (auto& move : moves) {
    auto region = text_of(move, "region");
    auto number = number_of(move, "partition");
    auto old = before.find({region, number});
    for (auto& p : regions[region]) {
      if (number_of(p, "partition") != number
          || text_of(p, "stage") != "running"
          || (old != before.end() && number_of(p, "epoch") <= old->second))
        continue;
      if (text_of(p, "owner") == text_of(move, "to"))
        ++out.done;
      else
        ++out.elsewhere;
    }
  }
  return out;
}

} // namespace

epoch_table read_epochs(session& with) {
  epoch_table out;
  for (auto& region : rows_of(with.get("/v1/regions"), "regions")) {
    auto name = text_of(region, "region");
    for (auto& p : rows_of(read_region(with, name), "partitions"))
      out[{name, number_of(p, "partition")}] = number_of(p, "epoch");
  }
  return out;
}

void wait_for_moves(session& with, const json& moves,
                    const epoch_table& before) {
  auto start = clock::now();
  std::optional<std::size_t> said;
  tally now;
  poll(with, "the move", [&] {
    now = count_moves(with, moves, before);
    if (said != now.done + now.elsewhere)
      with.progress(std::to_string(now.done) + " of "
                    + std::to_string(moves.size()) + " moved");
    said = now.done + now.elsewhere;
    return now.done + now.elsewhere >= moves.size();
  });
  if (now.elsewhere)
    throw failure{
        exit_code::refused,
        std::to_string(now.elsewhere)
            + " partitions are not where they were to go: rolled back, "
              "or moved on",
        "troupectl events shows why"};
  std::chrono::duration<double> took = clock::now() - start;
  char line[64];
  std::snprintf(line, sizeof line, "done in %.2f s", took.count());
  with.progress(line);
}

void wait_for_drain(session& with, const std::string& node) {
  auto start = clock::now();
  std::optional<std::uint64_t> first;
  std::uint64_t said = 0;
  bool began = false;
  poll(with, "the drain", [&] {
    json row;
    for (auto& x : rows_of(with.get("/v1/nodes"), "nodes"))
      if (text_of(x, "name") == node)
        row = x;
    std::uint64_t left = 0;
    if (auto i = row.find("partitions"); i != row.end() && i->is_object())
      for (auto& count : *i)
        left += count.is_number_unsigned() ? count.get<std::uint64_t>() : 0;
    auto state = text_of(row, "status");
    began = began || state == "draining";
    bool over = state == "down"
                || (state == "up"
                    && (began || clock::now() - start > known_everywhere));
    if (left > 0 && over)
      throw failure{exit_code::refused,
                    node + " is " + state + ", with " + std::to_string(left)
                        + " partitions left",
                    state == "up" ? "somebody took the drain back"
                                  : "what it owned starts on other nodes"};
    if (!first || left != said) {
      first = first.value_or(left);
      std::chrono::duration<double> took = clock::now() - start;
      auto moved = static_cast<double>(*first) - static_cast<double>(left);
      char rate[48] = "";
      if (moved > 0)
        std::snprintf(rate, sizeof rate, ", %.0f/s", moved / took.count());
      with.progress(node + ": " + std::to_string(left) + " of "
                    + std::to_string(*first) + " partitions left" + rate);
      said = left;
    }
    return left == 0;
  });
  with.progress(node + " is drained");
}

} // namespace troupe::ctl
