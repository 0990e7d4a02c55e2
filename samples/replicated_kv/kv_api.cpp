#include "kv_api.hpp"

#include <charconv>
#include <mutex>
#include <optional>

#include <nlohmann/json.hpp>

#include "member_list.hpp"

using namespace troupe::raft;
using nlohmann::json;

namespace {

std::string text(const json& x) {
  return x.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

response no(int status, const std::string& why) {
  return {status, text({{"error", why}})};
}

response no(const refusal& why) {
  int status = 503;
  if (why.why == group_code::rejected || why.why == group_code::invalid
      || why.why == group_code::not_voter)
    status = 400;
  if (why.why == group_code::unknown_member)
    status = 404;
  if (why.why == group_code::known_member
      || why.why == group_code::too_few_voters
      || why.why == group_code::too_many_members)
    status = 409;
  if (why.why == group_code::too_big)
    status = 413;
  if (why.why == group_code::under_way)
    status = 202;
  return {status, text({{"code", to_string(why.why)}, {"error", why.text()}})};
}

std::optional<std::uint64_t> parse_number(const std::string& text) {
  std::uint64_t out = 0;
  auto* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, out);
  return error == std::errc{} && at == end ? std::optional{out} : std::nullopt;
}

json to_json(const change& x) {
  json out{{"index", x.index}, {"key", x.key}};
  if (x.put)
    out["value"] = x.value;
  else
    out["deleted"] = true;
  return out;
}

json to_json(const leader_view& x) {
  return {{"leader", x.leader.value},
          {"address", x.address},
          {"term", x.term.value},
          {"here", x.here}};
}

} // namespace

void kv_api::handle(request in, responder out) {
  auto& path = in.path;
  if (path.size() == 2 && path[0] == "kv")
    return on_key(std::move(in), std::move(out));
  if (path.size() == 1 && path[0] == "watch" && in.method == "GET")
    return on_watch(in, out);
  if (!path.empty() && path[0] == "members")
    return on_members(in, out);
  if (path.size() == 1 && path[0] == "leader")
    return on_leader(in, out);
  out.whole(no(404, "there are /kv/KEY, /watch, /members and /leader"));
}

void kv_api::on_key(request in, responder out) {
  auto key = in.path[1];
  if (in.method == "GET") {
    auto how = in.get("read", "linearizable");
    if (how != "linearizable" && how != "lease" && how != "local")
      return out.whole(
          no(400, "read is '" + how + "': write linearizable, lease or local"));
    auto mode = how == "lease"   ? read_mode::lease
                : how == "local" ? read_mode::local
                                 : read_mode::linearizable;
    return group_.read(
        mode,
        [key](const kv_machine& m) {
          auto* x = m.find(key);
          return x ? std::optional{*x} : std::nullopt;
        },
        [=](outcome<std::optional<kv_machine::row>> x) {
          if (!x)
            return out.whole(no(x.error()));
          if (!*x)
            return out.whole(no(404, "there is no such key"));
          out.whole({200, text({{"key", key},
                                {"value", (*x)->value},
                                {"index", (*x)->index}})});
        });
  }
  kv::Command what;
  kv::Condition* only_if = nullptr;
  auto conditions = in.query.count("if") + in.query.count("if_absent");
  if (conditions > 1)
    return out.whole(no(400, "give if or if_absent, not both"));
  bool conditional = conditions > 0;
  if (in.method == "PUT" || in.method == "POST") {
    what.mutable_put()->set_key(key);
    what.mutable_put()->set_value(in.body);
    only_if = conditional ? what.mutable_put()->mutable_only_if() : nullptr;
  } else if (in.method == "DELETE") {
    if (in.query.count("if_absent") > 0)
      return out.whole(no(400, "what is absent cannot be deleted: use if=OLD"));
    what.mutable_remove()->set_key(key);
    only_if = conditional ? what.mutable_remove()->mutable_only_if() : nullptr;
  } else {
    return out.whole(no(405, "a key takes GET, PUT (or POST) and DELETE"));
  }
  if (only_if) {
    only_if->set_absent(in.query.count("if_absent") > 0);
    only_if->set_value(in.get("if"));
  }
  group_.propose(what, [out](outcome<kv::Result> x) {
    if (!x)
      return out.whole(no(x.error()));
    json result{{"done", x->done()}, {"index", x->index()}};
    if (x->existed())
      result["before"] = x->value();
    out.whole({x->done() ? 200 : 412, text(result)});
  });
}

void kv_api::on_watch(const request& in, const responder& out) {
  struct place {
    std::uint64_t since = 0;
    std::uint64_t listener = 0;
  };
  auto at = std::make_shared<place>();
  auto since = parse_number(in.get("since", std::to_string(feed_->newest())));
  if (!since)
    return out.whole(no(400, "since takes the index of a change"));
  at->since = *since;
  auto feed = feed_;
  auto prefix = in.get("prefix");
  stream x;
  x.begin = [=](std::function<void()> wake) {
    at->listener = feed->listen(std::move(wake));
  };
  x.more = [=] {
    auto page = feed->after(at->since, prefix);
    std::string lines;
    if (page.gap) {
      lines += text({{"gap", true}});
      at->since = std::max(at->since, feed->newest());
    }
    for (auto& one : page.changes) {
      lines += text(to_json(one));
      at->since = one.index;
    }
    return lines;
  };
  x.end = [=] { feed->unlisten(at->listener); };
  out.streamed(std::move(x));
}

void kv_api::on_members(const request& in, const responder& out) {
  auto done = [out](group_code why, member_id who) {
    if (why != group_code::none)
      return out.whole(no({why, {}}));
    out.whole({200, text({{"id", who.value}})});
  };
  auto& path = in.path;
  if (path.size() == 1 && in.method == "POST") {
    auto address = in.get("address");
    if (auto flaw = flaw_of_address(address); !flaw.empty())
      return out.whole(no(400, "address: " + flaw));
    auto votes = in.get("votes", "true");
    if (votes != "true" && votes != "false")
      return out.whole(no(400, "votes takes true or false"));
    return group_.add(address, votes == "true", done);
  }
  if (path.size() == 1 && in.method == "GET") {
    auto rows = json::array();
    auto view = group_.view();
    for (auto& x : view.members)
      rows.push_back({{"id", x.id.value},
                      {"address", x.address},
                      {"votes", x.votes},
                      {"pending", x.pending},
                      {"leads", x.id == view.leader.leader}});
    return out.whole({200, text({{"self", view.self.value},
                                 {"applied", view.applied.value},
                                 {"members", rows}})});
  }
  if (path.size() < 2)
    return out.whole(no(405, "the members take GET and POST"));
  auto number = parse_number(path[1]);
  auto who = number ? member_id{*number} : group_.find(path[1]);
  if (!who)
    return out.whole(no(404, "no member has the number or address '" + path[1]
                                 + "': GET /members lists them"));
  if ((path.size() == 2 && in.method == "DELETE")
      || (path.size() == 3 && in.method == "POST" && path[2] == "remove"))
    return group_.remove(who, done);
  if (path.size() == 3 && in.method == "POST" && path[2] == "promote")
    return group_.promote(who, done);
  if (path.size() == 3 && in.method == "POST" && path[2] == "demote")
    return group_.demote(who, done);
  out.whole(no(404, "a member takes POST to promote, demote or remove"));
}

void kv_api::on_leader(const request& in, const responder& out) {
  if (in.method == "POST") {
    auto to = parse_number(in.get("to", "0"));
    if (!to)
      return out.whole(no(400, "to takes the number of a member"));
    auto now = group_.view().leader;
    if (now.leader && now.leader != group_.self())
      return out.whole(no(409, "member " + std::to_string(now.leader.value)
                                   + " at " + now.address
                                   + " leads: ask that one"));
    return group_.transfer(member_id{*to},
                           [out](group_code why, member_id who) {
                             if (why != group_code::none)
                               return out.whole(no({why, {}}));
                             out.whole({200, text({{"leader", who.value}})});
                           });
  }
  if (in.method != "GET")
    return out.whole(no(405, "the leader takes GET and POST"));
  if (in.query.count("watch") == 0)
    return out.whole({200, text(to_json(group_.view().leader))});
  struct news {
    std::mutex mutex;
    std::string lines;
    std::function<void()> wake;
    subscription told;
  };
  auto x = std::make_shared<news>();
  stream to;
  to.begin = [this, x](std::function<void()> wake) {
    x->wake = std::move(wake);
    x->told = group_.watch_leader(
        [weak = std::weak_ptr<news>{x}](const leader_view& now) {
          auto to = weak.lock();
          if (!to)
            return;
          {
            std::lock_guard guard{to->mutex};
            to->lines += text(to_json(now));
          }
          to->wake();
        });
  };
  to.more = [x] {
    std::lock_guard guard{x->mutex};
    return std::exchange(x->lines, {});
  };
  to.end = [x] { x->told.reset(); };
  out.streamed(std::move(to));
}
