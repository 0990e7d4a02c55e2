#include <troupe/runtime/ctl/commands.hpp>

#include <troupe/runtime/ctl/failure.hpp>
#include <troupe/runtime/http/uri.hpp>

#include <deque>

namespace troupe::ctl {

namespace {

/// A command that shows what one route says.
void add_query(CLI::App& app, session& with, const char* name, const char* what,
               const char* target, std::string (*show)(const json&, bool)) {
  auto* x = add_command(app, name, what, std::string("troupectl ") + name);
  x->callback([&with, target, show] {
    with.record(with.get_text(target), [&](const json& answer) {
      return show(answer, with.colours());
    });
  });
}

struct event_options {
  std::optional<std::uint64_t> since;
  std::optional<std::uint64_t> last;
  bool all = false;
  std::string region;
  bool local = false;
  std::uint64_t count = 0; // zero: no limit
};

/// Gaps belong to every region.
bool wanted(const json& event, const std::string& region) {
  return region.empty() || text_of(event, "region") == region
         || text_of(event, "event") == "gap";
}

/// Calls `each` for the events after a number that are wanted, until it returns
/// false.
template <class Each>
void read_events(session& with, const event_options& options,
                 std::uint64_t since, bool follow, Each each) {
  auto target = "/v1/events?since=" + std::to_string(since)
                + (follow ? "" : "&follow=false")
                + (options.local ? "&local=true" : "");
  with.node().follow(
      target, with.request_timeout(), [&](std::string_view line) {
        auto event = with.parse(line);
        return !wanted(event, options.region) || each(line, event);
      });
}

void show_events(session& with, const event_options& options, bool follow) {
  std::uint64_t shown = 0;
  auto show = [&](std::string_view line, const json& event) {
    if (with.as_json)
      with.write_line(line);
    else
      with.write(show_event(event));
    return ++shown != options.count;
  };
  auto since = options.since.value_or(0);
  if (options.last) {
    std::deque<std::string> lines;
    read_events(with, options, 0, false,
                [&](std::string_view line, const json& event) {
                  since = number_of(event, "seq");
                  lines.emplace_back(line);
                  if (lines.size() > *options.last)
                    lines.pop_front();
                  return true;
                });
    for (auto& line : lines)
      if (!show(line, with.parse(line)))
        return;
    if (!follow)
      return;
  }
  read_events(with, options, since, follow, show);
  if (follow && (options.count == 0 || shown < options.count))
    throw failure{exit_code::unreachable, "the node ended the stream of events",
                  "it may be stopping: ask another with --addr"};
}

void add_events(CLI::App& app, session& with, const char* name, bool follow,
                const char* what, const char* example) {
  auto options = std::make_shared<event_options>();
  auto* x = add_command(app, name, what, example);
  auto* since = x->add_option("--since", options->since,
                              "Begin after the event of this number")
                    ->check(CLI::NonNegativeNumber);
  auto* last = x->add_option("--last", options->last,
                             follow ? "Begin with the last so many (10 if "
                                      "nothing is said)"
                                    : "Only the last so many")
                   ->check(CLI::PositiveNumber);
  auto* all = x->add_flag("--all", options->all,
                          "Begin with the oldest that the node still has");
  since->excludes(last)->excludes(all);
  last->excludes(all);
  x->add_option("--region", options->region, "Only events of this region");
  x->add_flag("--local", options->local,
              "The node's own events instead of the cluster's");
  x->add_option("--count", options->count, "End after this many events")
      ->check(CLI::NonNegativeNumber);
  x->callback([&with, options, follow] {
    if (follow && !options->since && !options->last && !options->all)
      options->last = 10;
    show_events(with, *options, follow);
  });
}

} // namespace

void add_queries(CLI::App& app, session& with) {
  add_query(app, with, "status", "The node that answers, and its cluster",
            "/v1/status", show_status);
  auto all = std::make_shared<bool>(false);
  auto* x = add_command(app, "nodes", "The nodes, and what they own",
                        "troupectl nodes --all");
  x->add_flag("--all", *all, "Also those that left");
  x->callback([&with, all] {
    auto text = with.get_text(*all ? "/v1/nodes?all=true" : "/v1/nodes");
    with.record(text, [&](const json& answer) {
      return show_nodes(answer, with.colours());
    });
  });
  add_query(app, with, "regions", "All regions, and how they are",
            "/v1/regions", show_regions);
  auto region = std::make_shared<std::string>();
  x = add_command(app, "partitions", "Who owns the partitions of a region",
                  "troupectl partitions counter");
  x->add_option("REGION", *region, "The region's name")->required();
  x->callback([&with, region] {
    auto target = "/v1/regions/" + http::percent_encode(*region);
    with.record(with.get_text(target), [&](const json& answer) {
      return show_partitions(answer, with.colours());
    });
  });
  add_query(app, with, "settings", "The node's settings and their defaults",
            "/v1/settings", show_settings);
  add_events(app, with, "events", false, "The events that the node still has",
             "troupectl events --since 40 --region counter");
  add_events(app, with, "watch", true, "The last events, and those to come",
             "troupectl watch --region counter");
}

} // namespace troupe::ctl
