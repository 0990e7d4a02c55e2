#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include <troupe/cluster/group/cow_map.hpp>
#include <troupe/proto/group.pb.h>
#include <troupe/runtime/group/engine.hpp>
#include <troupe/runtime/group/machine.hpp>

namespace troupe::raft {

/// A value, or why there is none.
template <class T>
class [[nodiscard]] outcome {
public:
  outcome(T value) : value_(std::move(value)) {}
  outcome(refusal why) : value_(std::move(why)) {}

  explicit operator bool() const { return value_.index() == 0; }
  T& operator*() { return std::get<0>(value_); }
  const T& operator*() const { return std::get<0>(value_); }
  T* operator->() { return &std::get<0>(value_); }
  const T* operator->() const { return &std::get<0>(value_); }
  const refusal& error() const { return std::get<1>(value_); }

private:
  std::variant<T, refusal> value_;
};

/// One member of a group that replicates the state machine `M`:
///
///     troupe::raft::group<my_machine> g{{.data = "data", .members = {...}}};
///     if (auto why = g.start()) ...
///     auto result = g.propose(command).get();
///     auto value = g.read([](const my_machine& m) { return m.get("k"); });
///     auto id = g.add("10.0.0.4:7001", true).get();
///
/// Any member takes any request but `transfer`. A command runs on every member,
/// in the same order, once its place is on the disks of a majority of the
/// voters; its result comes from the member that was asked.
///
/// Errors:  see group_code: each says whether anything was done.
/// Threads: any, except `start` and `stop`: from one. Callbacks run on the
///          group's thread (with `machine_thread`, results and reads on the
///          machine's), must not block, and may call everything but `stop`
///          and what returns a future to wait for it.
template <machine M>
class group {
public:
  using command = typename M::command;
  using result = typename M::result;

  explicit group(
      group_options options, typename typed_machine<M>::factory make =
                                 [] { return std::make_unique<M>(); })
      : engine_(std::move(options),
                std::make_unique<typed_machine<M>>(std::move(make))) {}

  /// Nothing: it is a member, and takes requests.
  std::optional<refusal> start() { return engine_.start(); }
  void stop() { engine_.stop(); }

  std::string address() const { return engine_.address(); }
  member_id self() const { return engine_.self(); }

  // -- commands ---------------------------------------------------------------

  /// `done` takes an outcome<result>.
  template <class F>
  requires std::invocable<F&, outcome<result>>
  void propose(const command& what, F done) {
    struct waiting final : result_completion<result> {
      explicit waiting(F f) : done_(std::move(f)) {}
      void done(result x) override { done_(outcome<result>{std::move(x)}); }
      void fail(const refusal& why) override { done_(outcome<result>{why}); }
      F done_;
    };
    engine_.propose(what.SerializeAsString(),
                    std::make_unique<waiting>(std::move(done)));
  }

  std::future<outcome<result>> propose(const command& what) {
    std::promise<outcome<result>> done;
    auto out = done.get_future();
    propose(what, [done = std::move(done)](outcome<result> x) mutable {
      done.set_value(std::move(x));
    });
    return out;
  }

  // -- reads ------------------------------------------------------------------

  /// `f` reads the machine; `done` takes the outcome of what it returned.
  template <class F, class Done>
  void read(read_mode how, F f, Done done) {
    using value = std::invoke_result_t<F&, const M&>;
    struct waiting final : engine::reader {
      waiting(F f, Done d) : f_(std::move(f)), done_(std::move(d)) {}
      void read(const machine_port& from) override {
        auto& m = static_cast<const typed_machine<M>&>(from).get();
        done_(outcome<value>{f_(m)});
      }
      void fail(const refusal& why) override { done_(outcome<value>{why}); }
      F f_;
      Done done_;
    };
    engine_.read(how, std::make_unique<waiting>(std::move(f), std::move(done)));
  }

  template <class F>
  auto read(F f, read_mode how = read_mode::linearizable) {
    using value = std::invoke_result_t<F&, const M&>;
    std::promise<outcome<value>> done;
    auto out = done.get_future();
    read(how, std::move(f), [done = std::move(done)](outcome<value> x) mutable {
      done.set_value(std::move(x));
    });
    return out;
  }

  // -- members ----------------------------------------------------------------

  /// Takes a group_code and the member. `none`: it is in force; `under_way`:
  /// agreed on, and the group keeps at it.
  using member_done = engine::wish_done;
  /// The member, or why not: `under_way` too.
  using member_outcome = std::future<outcome<member_id>>;

  /// Room for a member with this address, HOST:PORT, which then joins by
  /// itself.
  void add(const std::string& address, bool votes, member_done done) {
    proto::GroupMemberCommand what;
    what.mutable_add()->set_address(address);
    what.mutable_add()->set_votes(votes);
    engine_.wish(std::move(what), std::move(done));
  }
  member_outcome add(const std::string& address, bool votes) {
    return later([&](member_done done) { add(address, votes, done); });
  }
  /// It ends by itself once it hears of it, with `removed`.
  void remove(member_id who, member_done done) {
    proto::GroupMemberCommand what;
    what.set_remove(who.value);
    engine_.wish(std::move(what), std::move(done));
  }
  member_outcome remove(member_id who) {
    return later([&](member_done done) { remove(who, done); });
  }
  /// Is to vote as soon as it has caught up.
  void promote(member_id who, member_done done) {
    proto::GroupMemberCommand what;
    what.set_promote(who.value);
    engine_.wish(std::move(what), std::move(done));
  }
  member_outcome promote(member_id who) {
    return later([&](member_done done) { promote(who, done); });
  }
  void demote(member_id who, member_done done) {
    proto::GroupMemberCommand what;
    what.set_demote(who.value);
    engine_.wish(std::move(what), std::move(done));
  }
  member_outcome demote(member_id who) {
    return later([&](member_done done) { demote(who, done); });
  }
  /// Of the leader: to this voter, or none: to the one that is furthest.
  /// `no_leader`: this member does not lead, `view` says who does.
  void transfer(member_id to, member_done done) {
    engine_.transfer(to, std::move(done));
  }
  member_outcome transfer(member_id to) {
    return later([&](member_done done) { transfer(to, done); });
  }

  group_view view() const { return engine_.view(); }
  std::vector<member_view> members() const { return engine_.view().members; }
  /// By its address; none: there is no such member.
  member_id find(const std::string& address) const {
    return engine_.find(address);
  }

  /// `told` takes a leader_view: the present one at once, then every change.
  /// Without a leader: none is known; one that hears no majority of the voters
  /// for an election timeout says so too. Ends with the subscription.
  subscription watch_leader(std::function<void(const leader_view&)> told) {
    return engine_.watch(std::move(told));
  }

private:
  template <class F>
  static member_outcome later(F ask) {
    auto told = std::make_shared<std::promise<outcome<member_id>>>();
    auto out = told->get_future();
    ask([told](group_code why, member_id who) {
      told->set_value(why == group_code::none
                          ? outcome<member_id>{who}
                          : outcome<member_id>{refusal{why, {}}});
    });
    return out;
  }

  engine engine_;
};

} // namespace troupe::raft
