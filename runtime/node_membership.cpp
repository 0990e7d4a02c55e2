// How a node comes into a cluster: as a founder, as a newcomer, or back again.
#include <algorithm>

#include <troupe/cluster/bootstrap/codec.hpp>
#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/logger.hpp>
#include <troupe/runtime/node_impl.hpp>

namespace troupe {

failure node::impl::enter_cluster() {
  boot::bootstrap_config config;
  config.own = {{bytes_as<decltype(boot::uuid::bytes)>(identity_.node_uuid)},
                identity_.name,
                address_,
                1,
                1};
  config.join = options_.join;
  config.expect = options_.expect;
  config.roles = options_.roles;
  config.labels = options_.labels;
  config.weight = options_.weight;
  boot::disk_state disk;
  if (identity_.node)
    disk.identity = boot::identity{
        {bytes_as<decltype(boot::cluster_id::bytes)>(identity_.cluster)},
        identity_.node};
  if (!identity_.founding.empty())
    disk.founding_set = identity_.founding;
  bool done = false;
  boot::effects effects;
  {
    std::lock_guard guard{boot_mutex_};
    boot_ =
        std::make_unique<boot::bootstrap>(std::move(config), std::move(disk));
    effects = boot_->start(boot_now());
  }
  for (;;) {
    if (auto why = perform_bootstrap(std::move(effects), done); why || done)
      return why;
    std::deque<boot_event> events;
    {
      boot_time wake;
      {
        std::lock_guard guard{boot_mutex_};
        wake = boot_->wake_at();
      }
      std::unique_lock guard{mutex_};
      // It may have nothing to wait for but an answer.
      auto patience =
          std::clamp<boot_time>(wake - boot_now(), std::chrono::milliseconds{1},
                                std::chrono::minutes{1});
      changed_.wait_for(guard, patience, [&] {
        return !boot_events_.empty() || stop_asked_ >= 0;
      });
      if (stop_asked_ >= 0)
        return {errc::stopping, "stopped before it had found its cluster", ""};
      events.swap(boot_events_);
    }
    std::lock_guard guard{boot_mutex_};
    effects.clear();
    auto add = [&](boot::effects more) {
      effects.insert(effects.end(), std::make_move_iterator(more.begin()),
                     std::make_move_iterator(more.end()));
    };
    for (auto& event : events)
      std::visit([&](auto& x) { add(boot_->on(x, boot_now())); }, event);
    add(boot_->on(boot::tick{}, boot_now()));
  }
}

failure node::impl::perform_bootstrap(boot::effects effects, bool& done) {
  disk::identity_file file{*lock_};
  auto tell = [this](boot_event event) {
    {
      std::lock_guard guard{mutex_};
      boot_events_.push_back(std::move(event));
    }
    changed_.notify_all();
  };
  auto ask = [&](const boot::address& to, const std::string& request) {
    links_->introduce(
        to, request, std::chrono::seconds{5},
        [tell, to](link::transport::introduction_result result) {
          if (auto* bytes = std::get_if<std::string>(&result))
            tell(boot::replied{to, std::move(*bytes)});
          else
            tell(boot::failed{to, std::get<link::refusal>(result).text});
        });
  };
  for (auto& effect : effects) {
    if (auto* x = std::get_if<boot::introduce>(&effect)) {
      ask(x->to, x->request);
    } else if (auto* x = std::get_if<boot::ask_to_join>(&effect)) {
      ask(x->to, x->request);
    } else if (auto* x = std::get_if<boot::persist_founding_set>(&effect)) {
      with_identity([&](auto& id) { id.founding = x->bytes; });
      if (auto stored = file.store(identity_); !stored)
        return from_disk(stored.error());
      tell(boot::founding_set_persisted{});
    } else if (std::get_if<boot::resumed>(&effect)) {
      done = true;
      ask_neighbours();
    } else if (auto* x = std::get_if<boot::founded>(&effect)) {
      with_identity([&](auto& id) {
        id.cluster = bytes_as<disk::uuid>(x->founding.cluster.bytes);
        id.node = x->own;
      });
      done = true;
    } else if (auto* x = std::get_if<boot::admitted>(&effect)) {
      with_identity([&](auto& id) {
        id.cluster = bytes_as<disk::uuid>(x->cluster.bytes);
        id.node = x->node;
        // `start` below counts one up.
        id.self = incarnation{x->first_incarnation.value - 1};
      });
      admitted_ = *x;
      done = true;
    } else if (auto* x = std::get_if<boot::refused>(&effect)) {
      return {errc::foreign_node, x->refusal.sentence, ""};
    } else if (auto* x = std::get_if<boot::progress>(&effect)) {
      logger().info("{}: {}", identity_.name, x->sentence);
    }
  }
  if (!done)
    return {};
  if (auto stored = file.store(identity_); !stored)
    return from_disk(stored.error());
  auto counted = file.start();
  if (!counted)
    return from_disk(counted.error());
  with_identity([&](auto& id) { id.self = counted->self; });
  return {};
}

// A node that comes back is a member whatever its join list says. If that leads
// to another cluster, somebody started it with the wrong list or directory.
void node::impl::ask_neighbours() {
  boot::candidate question;
  question.who = {{bytes_as<decltype(boot::uuid::bytes)>(identity_.node_uuid)},
                  identity_.name,
                  address_,
                  1,
                  1};
  auto request = boot::encode_request(question);
  auto answered = [this, own = identity_](
                      const std::string& from,
                      link::transport::introduction_result result) {
    auto* bytes = std::get_if<std::string>(&result);
    auto said = bytes ? boot::decode_reply(*bytes) : boot::reply{};
    auto* member = std::get_if<boot::member_introduction>(&said);
    if (!member || bytes_as<disk::uuid>(member->cluster.bytes) == own.cluster)
      return;
    auto text = "this node belongs to cluster " + disk::to_string(own.cluster)
                + ", but '" + member->name + "' at " + from + " to "
                + disk::to_string(bytes_as<disk::uuid>(member->cluster.bytes));
    logger().warn("{}: {}", own.name, text);
    if (phase_ == phase::starting)
      stop_process({errc::foreign_node, text,
                    "correct the join list, or join with an empty data "
                    "directory"});
  };
  for (auto& to : options_.join)
    if (to != address_)
      links_->introduce(to, request, std::chrono::seconds{5},
                        [=](link::transport::introduction_result result) {
                          answered(to, std::move(result));
                        });
}

} // namespace troupe
