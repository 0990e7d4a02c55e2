#include <troupe/runtime/ctl/show.hpp>

#include <troupe/runtime/ctl/table.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <vector>

namespace troupe::ctl {

namespace {

std::string as_text(const json& x) {
  if (x.is_null())
    return {};
  if (x.is_string())
    return x.get<std::string>();
  if (x.is_boolean())
    return x.get<bool>() ? "yes" : "no";
  if (x.is_number_float()) {
    char buf[32];
    std::snprintf(buf, sizeof buf, "%.6g", x.get<double>());
    return buf;
  }
  if (!x.is_structured())
    return x.dump();
  std::string out;
  for (auto& [name, value] : x.items())
    out += (out.empty() ? "" : " ") + (x.is_object() ? name + '=' : "")
           + as_text(value);
  return out;
}

const json& member(const json& x, const char* name) {
  static const json none;
  auto i = x.find(name);
  return x.is_object() && i != x.end() ? *i : none;
}

double decimal_of(const json& x, const char* name) {
  auto& value = member(x, name);
  return value.is_number() ? value.get<double>() : 0;
}

std::string fixed(double x, int digits) {
  char buf[64];
  std::snprintf(buf, sizeof buf, "%.*f", digits, x);
  return buf;
}

std::string way_of(const json& x, double took_ms) {
  std::string path;
  for (auto& node : member(x, "path"))
    path += (path.empty() ? "" : " > ") + as_text(node);
  auto out = "partition " + text_of(x, "partition");
  auto add = [&](const char* name, const std::string& text) {
    if (!text.empty())
      out += std::string("  ") + name + ' ' + text;
  };
  add("node", text_of(x, "node"));
  add("epoch", text_of(x, "epoch"));
  add("hops", text_of(x, "hops"));
  add("path", path);
  return printable(out + "  " + fixed(took_ms, 2) + " ms");
}

} // namespace

std::string text_of(const json& x, const char* name) {
  return as_text(member(x, name));
}

std::uint64_t number_of(const json& x, const char* name) {
  auto& value = member(x, name);
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

std::string show_status(const json& x, bool) {
  auto& node = member(x, "node");
  std::string out;
  auto line = [&](std::string name, const std::string& text) {
    name.resize(13, ' ');
    out += name + (text.empty() ? "-" : printable(text)) + '\n';
  };
  auto leader = text_of(x, "leader");
  line("cluster", text_of(x, "cluster_id"));
  line("leader", (leader.empty() ? "none known" : leader) + " (term "
                     + text_of(x, "term") + ')');
  line("quorum", text_of(x, "quorum"));
  line("voters", text_of(x, "voters"));
  line("learners", text_of(x, "learners"));
  line("map version", text_of(x, "map_version"));
  line("node", text_of(node, "name") + " (id " + text_of(node, "id")
                   + ", incarnation " + text_of(node, "incarnation") + ')');
  line("address", text_of(node, "address"));
  line("role", text_of(node, "role"));
  line("status", text_of(node, "status"));
  line("lease", fixed(decimal_of(x, "lease_ms"), 0) + " ms left");
  line("roles", text_of(node, "roles"));
  line("labels", text_of(node, "labels"));
  line("weight", text_of(node, "weight"));
  line("uptime", fixed(decimal_of(node, "uptime_s"), 1) + " s");
  line("version", text_of(x, "version"));
  if (auto text = text_of(x, "messages"); !text.empty())
    line("messages", text);
  for (auto& row : member(x, "degraded"))
    line("degraded", text_of(row, "region") + ": " + text_of(row, "level")
                         + ", for " + fixed(decimal_of(row, "seconds"), 1)
                         + " s");
  return out;
}

std::string show_nodes(const json& x, bool colours) {
  table out({"ID", "NAME", "STATUS", "MEMBER", "ADDRESS", "HTTP", "WEIGHT",
             "ROLES", "LABELS", "PARTITIONS"});
  for (auto& n : member(x, "nodes"))
    out.add({text_of(n, "id"), text_of(n, "name"), text_of(n, "status"),
             text_of(n, "member"), text_of(n, "address"), text_of(n, "http"),
             text_of(n, "weight"), text_of(n, "roles"), text_of(n, "labels"),
             text_of(n, "partitions")});
  return out.text(colours);
}

std::string show_regions(const json& x, bool colours) {
  table out({"REGION", "PARTITIONS", "RUNNING", "STARTING", "PAUSING",
             "UNASSIGNED", "STRATEGY", "ROLES", "KEEP RUNNING"});
  for (auto& r : member(x, "regions")) {
    auto& settings = member(r, "settings");
    out.add({text_of(r, "region"), text_of(settings, "partitions"),
             text_of(r, "running"), text_of(r, "starting"),
             text_of(r, "pausing"), text_of(r, "unassigned"),
             text_of(settings, "strategy"), text_of(settings, "roles"),
             text_of(settings, "keep_running")});
  }
  return out.text(colours);
}

std::string show_partitions(const json& x, bool colours) {
  auto& rows = member(x, "partitions");
  auto any = [&](const char* name) {
    return std::any_of(rows.begin(), rows.end(),
                       [&](auto& p) { return p.contains(name); });
  };
  bool weights = any("weight");
  bool failures = any("failure");
  std::vector<std::string> headings{"PARTITION", "OWNER", "EPOCH", "STAGE",
                                    "NEXT"};
  if (weights)
    headings.emplace_back("WEIGHT");
  if (failures)
    headings.emplace_back("FAILED TO START");
  table out(headings);
  for (auto& p : rows) {
    bool stuck = member(p, "quarantined") == true;
    std::vector<std::string> cells{
        text_of(p, "partition"), text_of(p, "owner"), text_of(p, "epoch"),
        stuck ? "quarantined" : text_of(p, "stage"), text_of(p, "next")};
    if (weights)
      cells.push_back(p.contains("weight") ? text_of(p, "weight") : "1");
    if (failures)
      cells.push_back(text_of(p, "failure"));
    out.add(cells);
  }
  return out.text(colours);
}

std::string show_settings(const json& x, bool colours) {
  table out({"NAME", "VALUE", "UNIT", "DEFAULT", "DESCRIPTION"});
  for (auto& s : member(x, "settings"))
    out.add({text_of(s, "name"), text_of(s, "value"), text_of(s, "unit"),
             text_of(s, "default"), text_of(s, "description")});
  return out.text(colours);
}

std::string show_moves(const json& x, bool colours) {
  auto& moves = member(x, "moves");
  std::string out;
  if (!moves.empty()) {
    table rows({"REGION", "PARTITION", "FROM", "TO"});
    for (auto& m : moves)
      rows.add({text_of(m, "region"), text_of(m, "partition"),
                text_of(m, "from"), text_of(m, "to")});
    out = rows.text(colours);
  }
  auto waits = printable(text_of(x, "waiting_for"));
  if (!moves.empty())
    out +=
        std::to_string(moves.size()) + (moves.size() == 1 ? " move" : " moves");
  else
    out += waits.empty() ? "no moves: the map is balanced" : "no moves";
  return out + (waits.empty() ? "" : "; waiting for: " + waits) + '\n';
}

std::string show_event(const json& x) {
  std::string when(12, ' ');
  if (auto ms = number_of(x, "time_ms")) {
    auto s = static_cast<std::time_t>(ms / 1000);
    std::tm utc{};
    ::gmtime_r(&s, &utc);
    char buf[48];
    std::snprintf(buf, sizeof buf, "%02d:%02d:%02d.%03d", utc.tm_hour,
                  utc.tm_min, utc.tm_sec, static_cast<int>(ms % 1000));
    when = buf;
  }
  auto seq = text_of(x, "seq");
  if (seq.size() < 6)
    seq.insert(0, 6 - seq.size(), ' ');
  auto kind = text_of(x, "event");
  if (kind == "gap")
    return printable(seq + "  " + when + "  " + text_of(x, "lost")
                     + " events are missing here, " + text_of(x, "first")
                     + " to " + text_of(x, "last")
                     + ": the node does not have them any more")
           + '\n';
  if (kind.size() < 20)
    kind.resize(20, ' ');
  auto out = seq + "  " + when + "  " + kind;
  for (auto& [name, value] : x.items())
    if (name != "seq" && name != "event" && name != "time_ms") {
      auto text = as_text(value);
      bool quote = text.find(' ') != text.npos;
      out += "  " + name + '=' + (quote ? '"' + text + '"' : text);
    }
  return printable(out) + '\n';
}

std::string show_ping(const json& x, double took_ms) {
  return way_of(x, took_ms) + '\n';
}

std::string show_reply(const json& x, double took_ms) {
  auto out = way_of(x, took_ms) + '\n';
  auto type = text_of(x, "type");
  if (type.empty())
    return out;
  out += printable(type) + '\n';
  auto& message = member(x, "message");
  if (message.is_null())
    return out + printable(text_of(x, "detail")) + '\n';
  return out + message.dump(2, ' ', false, json::error_handler_t::replace)
         + '\n';
}

} // namespace troupe::ctl
