#include <troupe/runtime/ctl/commands.hpp>

#include <troupe/runtime/ctl/failure.hpp>
#include <troupe/runtime/ctl/table.hpp>
#include <troupe/runtime/ctl/waiting.hpp>
#include <troupe/runtime/http/uri.hpp>

namespace troupe::ctl {

namespace {

std::string scoped(const char* path, const std::string& region) {
  return region.empty()
             ? std::string(path)
             : std::string(path) + "?region=" + http::percent_encode(region);
}

void add_plan(CLI::App& app, session& with) {
  auto region = std::make_shared<std::string>();
  auto* x = add_command(app, "plan", "What a rebalance would do now",
                        "troupectl plan counter");
  x->add_option("REGION", *region, "Only this region");
  x->callback([&with, region] {
    auto text = with.post_text(scoped("/v1/plan", *region));
    with.record(text, [&](const json& answer) {
      return show_moves(answer, with.colours());
    });
  });
}

void add_rebalance(CLI::App& app, session& with) {
  auto region = std::make_shared<std::string>();
  auto wait = std::make_shared<bool>(false);
  auto* x = add_command(app, "rebalance", "Starts the moves of the plan",
                        "troupectl rebalance --wait");
  x->add_option("REGION", *region, "Only this region");
  x->add_flag("--wait", *wait, "Wait until they are done");
  x->callback([&with, region, wait] {
    auto before = *wait ? read_epochs(with) : epoch_table();
    auto text = with.post_text(scoped("/v1/rebalance", *region));
    with.record(text, [&](const json& answer) {
      return show_moves(answer, with.colours());
    });
    auto answer = with.parse(text);
    if (*wait && answer.contains("moves") && !answer["moves"].empty())
      wait_for_moves(with, answer["moves"], before);
  });
}

struct move_options {
  std::string region;
  std::uint32_t partition = 0;
  std::string to;
  bool wait = false;
};

void move(session& with, const move_options& options) {
  json body{{"region", options.region},
            {"partition", options.partition},
            {"to", options.to}};
  auto text = with.post_text(
      "/v1/moves", body.dump(-1, ' ', false, json::error_handler_t::replace));
  with.record(text, [](const json& x) {
    auto from = text_of(x, "from");
    return printable("partition " + text_of(x, "partition") + " of "
                     + text_of(x, "region") + " goes from "
                     + (from.empty() ? "nobody" : from) + " to "
                     + text_of(x, "to"))
           + '\n';
  });
  if (!options.wait)
    return;
  auto accepted = with.parse(text);
  epoch_table before;
  before[{options.region, options.partition}] = number_of(accepted, "epoch");
  wait_for_moves(with, json::array({accepted}), before);
}

void add_move(CLI::App& app, session& with) {
  auto options = std::make_shared<move_options>();
  auto* x = add_command(app, "move", "Moves one partition",
                        "troupectl move counter 3 --to n2 --wait");
  x->add_option("REGION", options->region, "The region's name")->required();
  x->add_option("PARTITION", options->partition, "The partition's number")
      ->required()
      ->check(CLI::NonNegativeNumber);
  x->add_option("--to", options->to, "The node that is to own it")->required();
  x->add_flag("--wait", options->wait, "Wait until it is done");
  x->callback([&with, options] { move(with, *options); });
}

/// drain, undrain and restart: a node's name, and a line about the answer.
void command_node(session& with, const std::string& node, const char* verb) {
  auto text =
      with.post_text("/v1/nodes/" + http::percent_encode(node) + '/' + verb);
  with.record(text, [](const json& x) {
    return printable(text_of(x, "node") + " is " + text_of(x, "status")
                     + " and owns " + text_of(x, "partitions") + " partitions")
           + '\n';
  });
}

CLI::App* add_node_command(CLI::App& app, session& with, const char* verb,
                           const char* what,
                           std::shared_ptr<std::string> node) {
  auto* x =
      add_command(app, verb, what, std::string("troupectl ") + verb + " n2");
  x->add_option("NODE", *node, "The node's name")->required();
  x->callback([&with, node, verb] { command_node(with, *node, verb); });
  return x;
}

} // namespace

void add_cluster_commands(CLI::App& app, session& with) {
  add_plan(app, with);
  add_rebalance(app, with);
  add_move(app, with);
  auto name = [] { return std::make_shared<std::string>(); };
  auto node = name();
  auto wait = std::make_shared<bool>(true);
  auto* x =
      add_node_command(app, with, "drain", "Moves everything off a node", node);
  x->add_flag("--wait,!--no-wait", *wait,
              "Wait until it owns nothing (the default)");
  x->callback([&with, node, wait] {
    command_node(with, *node, "drain");
    if (*wait)
      wait_for_drain(with, *node);
  });
  add_node_command(app, with, "undrain", "Takes a drain back", name());
  add_node_command(app, with, "restart",
                   "Stops a node that is to come back, with its partitions",
                   name());
}

} // namespace troupe::ctl
