#include <troupe/runtime/group/engine.hpp>

#include <algorithm>
#include <future>
#include <utility>

#include <troupe/runtime/boot_clock.hpp>

// The group's thread and what feeds it.
namespace troupe::raft {

engine::engine(group_options options, std::unique_ptr<machine_port> machine)
    : options_(std::move(options)), machine_(std::move(machine)) {
}

engine::~engine() {
  stop();
}

// -- from any thread ----------------------------------------------------------

template <class F>
std::optional<refusal> engine::put(F give) {
  {
    std::lock_guard guard{mutex_};
    if (!running_)
      return ended_ ? *ended_ : refusal{group_code::stopped, {}};
    give(inbox_);
    if (std::exchange(due_, true) || at_it_)
      return std::nullopt;
  }
  links_->post([this] { work(); });
  return std::nullopt;
}

void engine::post(call what) {
  put([&](inbox& in) { in.calls.push_back(std::move(what)); });
}

void engine::propose(std::string_view command,
                     std::unique_ptr<completion> done) {
  if (command.size() > options_.settings.command_bytes_max)
    return done->fail({group_code::too_big, {}});
  bool full = false;
  auto why = put([&](inbox& in) {
    auto& to = in.commands;
    full = to.bytes + command.size() > options_.settings.pending_bytes_max;
    if (full)
      return;
    to.bytes += command.size();
    if (to.buffers.empty()
        || to.buffers.back().bytes().size() + command.size()
               > options_.settings.batch_bytes_max) {
      to.buffers.emplace_back();
      to.waiting.emplace_back();
    }
    to.buffers.back().add(command);
    to.waiting.back().push_back(std::move(done));
  });
  if (full)
    why = refusal{group_code::busy, {}};
  if (why)
    done->fail(*why);
}

void engine::read(read_mode how, std::unique_ptr<reader> who) {
  auto why = put([&](inbox& in) {
    in.reads[static_cast<std::size_t>(how)].push_back(std::move(who));
  });
  if (why)
    who->fail(*why);
}

void engine::wish(proto::GroupMemberCommand what, wish_done done) {
  if (what.has_add() && !flaw_of_address(what.add().address()).empty())
    return done(group_code::invalid, {});
  auto why = put([&](inbox& in) {
    in.calls.push_back([this, what, done](group_core& core, boot_time now) {
      wishes_[core.wish(now, what, true)] = done;
    });
  });
  if (why)
    done(why->why, {});
}

void engine::transfer(member_id to, wish_done done) {
  auto why = put([&](inbox& in) {
    in.calls.push_back([this, to, done](group_core& core, boot_time now) {
      wishes_[core.transfer(now, to)] = done;
    });
  });
  if (why)
    done(why->why, {});
}

member_id engine::find(const std::string& address) const {
  std::lock_guard guard{view_mutex_};
  auto* row = roster_.find(address);
  return row ? row->id : member_id{};
}

group_view engine::view() const {
  std::lock_guard guard{view_mutex_};
  return view_;
}

subscription engine::watch(watcher told) {
  auto out = std::make_shared<watcher>(std::move(told));
  post([this, weak = std::weak_ptr<watcher>{out}](group_core&, boot_time) {
    auto to = weak.lock();
    if (!to)
      return;
    watchers_.push_back(weak);
    (*to)(view().leader);
  });
  return out;
}

// -- the group's thread -------------------------------------------------------

namespace {

// Of what its own callbacks ask for; then the sockets get their turn.
constexpr int rounds_max = 2;

} // namespace

// All that is at hand. What callbacks propose takes the news of a commit along,
// which waits for it once.
void engine::work() {
  if (!at_work_)
    return;
  bool more = true;
  for (int i = 0; more && i <= rounds_max; ++i) {
    inbox in;
    {
      std::lock_guard guard{mutex_};
      at_it_ = true;
      due_ = false;
      std::swap(in, inbox_);
    }
    auto now = boot_now(); // after what it is to judge was asked
    feed(in, now);
    perform(now);
    std::lock_guard guard{mutex_};
    more = due_;
    at_it_ = more && i < rounds_max;
  }
  if (more)
    links_->post([this] { work(); });
  commit_held_ = more && !commit_held_;
  if (commit_held_)
    return;
  core_->push_commit();
  perform(boot_now());
}

void engine::on_disk() {
  if (!writer_)
    return;
  work(); // what the writer's thread said comes first
  auto batch = writer_->on_event();
  if (!batch || !at_work_)
    return;
  core_->persisted(*batch);
  work();
}

void engine::tick() {
  if (!at_work_)
    return;
  core_->tick(boot_now());
  work();
}

void engine::feed(inbox& in, boot_time now) {
  for (auto& x : in.calls)
    x(*core_, now);
  for (std::size_t i = 0; i < in.commands.buffers.size(); ++i) {
    auto number = core_->propose(now, in.commands.buffers[i]);
    proposals_[number] = std::move(in.commands.waiting[i]);
  }
  for (std::size_t how = 0; how < 3; ++how)
    if (!in.reads[how].empty()) {
      auto number = core_->read(now, static_cast<read_mode>(how));
      reads_[number] = std::move(in.reads[how]);
    }
}

void engine::publish() {
  group_view next;
  auto& leads = core_->leadership();
  auto& conf = core_->conf();
  auto in = [](const std::vector<member_id>& xs, member_id id) {
    return std::binary_search(xs.begin(), xs.end(), id);
  };
  next.self = self_;
  next.applied = core_->applied_index();
  for (auto& x : core_->members().rows()) {
    bool voter = in(conf.voters, x.id);
    next.members.push_back({x.id, x.address, voter,
                            x.leaving || voter != x.votes
                                || (!voter && !in(conf.learners, x.id))});
  }
  next.leader = {leads.leader,
                 {},
                 leads.term,
                 leads.role == role::leader && leads.caught_up};
  if (auto* row = core_->members().find(leads.leader))
    next.leader.address = row->address;
  show(next);
}

// To whoever looks or watches.
void engine::show(const group_view& next) {
  {
    std::lock_guard guard{view_mutex_};
    roster_ = core_->members();
    if (std::exchange(view_, next).leader == next.leader)
      return;
  }
  auto watchers = watchers_; // one may be added meanwhile
  for (auto& weak : watchers)
    if (auto to = weak.lock())
      (*to)(next.leader);
  std::erase_if(watchers_, [](auto& x) { return x.expired(); });
}

void engine::end_all(const refusal& why) {
  for (auto& [number, waiting] : std::exchange(proposals_, {}))
    for (auto& x : waiting)
      x->fail(why);
  for (auto& [number, waiting] : std::exchange(reads_, {}))
    for (auto& x : waiting)
      x->fail(why);
  for (auto& [number, done] : std::exchange(wishes_, {}))
    done(why.why, {});
}

void engine::end_by_itself(refusal why) {
  {
    std::lock_guard guard{mutex_};
    if (ended_ || stopping_)
      return;
    ended_ = why;
    running_ = false;
    stopping_ = true;
  }
  end_.notify_one();
  links_->post([this] { finish(); });
  if (options_.on_end)
    options_.on_end(why);
}

void engine::finish() {
  work();
  if (!std::exchange(at_work_, false))
    return;
  core_->stop();
  perform(boot_now());
  std::optional<refusal> why;
  {
    std::lock_guard guard{mutex_};
    why = ended_;
  }
  end_all(why ? *why : refusal{group_code::stopped, {}});
  auto last = view();
  last.leader = {}; // it hears of none any more
  show(last);
}

void engine::stop() {
  {
    std::lock_guard guard{mutex_};
    running_ = false;
    stopping_ = true;
    if (std::exchange(stopped_, true))
      return;
  }
  end_.notify_one();
  if (begun_) {
    std::promise<void> finished;
    links_->post([&] {
      finish();
      finished.set_value();
    });
    finished.get_future().wait();
  }
  if (machine_thread_)
    machine_thread_->stop();
  if (writer_)
    writer_->stop();
  if (links_)
    links_->stop(std::chrono::milliseconds{100});
}

} // namespace troupe::raft
