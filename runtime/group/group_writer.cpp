#include <troupe/runtime/group/group_writer.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace troupe::raft {

using disk::errc;

group_writer::group_writer(std::unique_ptr<group_store> store, callbacks calls)
    : store_(std::move(store)),
      calls_(std::move(calls)),
      thread_([this] { run(); }) {
}

group_writer::~group_writer() {
  stop();
}

void group_writer::give(job what) {
  {
    std::lock_guard guard{mutex_};
    jobs_.push_back(std::move(what));
    if (user_ != user::nobody)
      return; // it looks again
  }
  work_.notify_one();
}

void group_writer::persist(persist_batch batch) {
  auto id = batch.id;
  std::vector<persist_batch> batches;
  {
    std::lock_guard guard{mutex_};
    if (user_ != user::nobody || !jobs_.empty()) {
      jobs_.push_back(std::move(batch));
      return;
    }
    bool now = batch.must_sync;
    later_.push_back(std::move(batch)); // no promise may rest on it
    if (now) {
      batches.swap(later_);
      user_ = user::group;
    }
  }
  if (batches.empty())
    calls_.persisted(id);
  else
    begin_write(std::move(batches));
}

void group_writer::begin_write(std::vector<persist_batch> batches) {
  auto id = batches.back().id;
  switch (store_->log().begin_write(batches)) {
  case disk::begun_write::refused:
    return leave_to_thread({std::make_move_iterator(batches.begin()),
                            std::make_move_iterator(batches.end())});
  case disk::begun_write::under_way:
    begun_ = id;
    return;
  default:
    return leave_to_thread({complete_write(id)});
  }
}

auto group_writer::complete_write(std::uint64_t id) -> task {
  return [this, id](group_store& to) -> disk::result<void> {
    auto written = to.log().complete_write();
    if (written)
      calls_.persisted(id);
    return written;
  };
}

void group_writer::leave_to_thread(std::vector<job> first) {
  {
    std::lock_guard guard{mutex_};
    jobs_.insert(jobs_.begin(), std::make_move_iterator(first.begin()),
                 std::make_move_iterator(first.end()));
    user_ = user::nobody;
    if (jobs_.empty() && !stopping_)
      return;
  }
  work_.notify_one();
}

std::optional<std::uint64_t> group_writer::on_event() {
  if (begun_ == 0)
    return std::nullopt;
  auto ended = store_->log().poll_write();
  if (ended == disk::begun_write::under_way)
    return std::nullopt;
  auto id = std::exchange(begun_, 0);
  if (ended == disk::begun_write::waits) {
    leave_to_thread({complete_write(id)});
    return std::nullopt;
  }
  if (auto done = store_->log().complete_write(); !done) {
    fail(done.error());
    leave_to_thread({});
    return std::nullopt;
  }
  std::vector<persist_batch> next;
  {
    std::lock_guard guard{mutex_};
    next = take_batches(jobs_);
  }
  if (next.empty())
    leave_to_thread({});
  else
    begin_write(std::move(next));
  return id;
}

void group_writer::store(store_chunk what, store_done done) {
  give(task{[what = std::move(what),
             done = std::move(done)](group_store& to) -> disk::result<void> {
    auto stored = to.store(what);
    if (!stored)
      return stored.error();
    done(*stored);
    return {};
  }});
}

void group_writer::read(read_chunk what, std::size_t bytes, read_done done) {
  give(task{[what = std::move(what), bytes,
             done = std::move(done)](group_store& from) -> disk::result<void> {
    auto piece = from.read(what, bytes);
    if (!piece)
      return piece.error();
    done(std::move(*piece));
    return {};
  }});
}

void group_writer::save(take_snapshot what,
                        std::unique_ptr<frozen_machine> machine,
                        compression how, std::uint64_t keep_tail,
                        std::function<void(bool)> done) {
  // std::function wants to be copied.
  std::shared_ptr<frozen_machine> frozen = std::move(machine);
  give(task{[=, this](group_store& to) -> disk::result<void> {
    auto begun = to.begin_snapshot(what.meta);
    if (!begun && begun.error().code == errc::io)
      return begun.error();
    if (!begun) {
      done(false);
      return {};
    }
    auto writer = std::make_shared<disk::snapshot_writer>(std::move(*begun));
    snapshots_.give([=, this] {
      auto written =
          write_snapshot(*writer, what.members, how,
                         [&](byte_sink& to) { return frozen->save(to); });
      auto file = written ? writer->finish()
                          : disk::result<disk::snapshot_file>{written.error()};
      if (!file && file.error().code == errc::io)
        return fail(file.error());
      if (!file)
        return done(false);
      give(task{[=, file = *file](group_store& to) -> disk::result<void> {
        auto recorded = to.record_snapshot(file, keep_tail);
        if (!recorded && recorded.error().code != errc::invalid)
          return recorded;
        done(bool(recorded));
        return {};
      }});
    });
    return {};
  }});
}

void group_writer::restore(
    std::unique_ptr<machine_port> into,
    std::function<void(std::unique_ptr<machine_port>, roster)> done) {
  auto box = std::make_shared<std::unique_ptr<machine_port>>(std::move(into));
  give(task{[=, this](group_store& from) -> disk::result<void> {
    auto opened = from.open_snapshot();
    if (!opened)
      return opened.error();
    auto reader = std::make_shared<disk::snapshot_reader>(std::move(*opened));
    snapshots_.give([=, this] {
      auto members = restore_machine(std::move(*reader), **box);
      if (!members)
        return fail(members.error());
      done(std::move(*box), std::move(*members));
    });
    return {};
  }});
}

disk::result<roster> restore_machine(disk::snapshot_reader from,
                                     machine_port& into) {
  auto at = std::to_string(from.meta().index.value);
  auto opened = open_snapshot(std::move(from));
  if (!opened)
    return opened.error();
  if (opened->has_machine && !into.restore(*opened->machine))
    return disk::refusal{errc::corrupt,
                         "the state machine cannot read its snapshot at " + at
                             + "; start a program that can"};
  return std::move(opened->members);
}

void group_writer::stop() {
  snapshots_.stop();
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
  }
  work_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void group_writer::fail(const disk::refusal& why) {
  {
    std::lock_guard guard{mutex_};
    if (std::exchange(failed_, true))
      return;
  }
  calls_.failed(why);
}

void group_writer::run() {
  for (;;) {
    std::deque<job> jobs;
    {
      std::unique_lock guard{mutex_};
      if (user_ == user::thread)
        user_ = user::nobody;
      work_.wait(guard, [this] {
        return user_ == user::nobody && (stopping_ || !jobs_.empty());
      });
      if (failed_)
        return;
      if (jobs_.empty())
        break;
      jobs.swap(jobs_);
      user_ = user::thread;
    }
    while (!jobs.empty()) {
      disk::result<void> done;
      if (auto* what = std::get_if<task>(&jobs.front())) {
        auto run = std::move(*what);
        jobs.pop_front();
        done = run(*store_);
      } else {
        done = write_batches(jobs);
      }
      if (!done)
        return fail(done.error());
    }
  }
  if (!later_.empty())
    (void)bool(store_->write(later_));
  store_.reset();
}

std::vector<persist_batch> group_writer::take_batches(std::deque<job>& jobs) {
  std::vector<persist_batch> out;
  while (!jobs.empty() && std::holds_alternative<persist_batch>(jobs.front())) {
    out.push_back(std::move(std::get<persist_batch>(jobs.front())));
    jobs.pop_front();
  }
  return out;
}

disk::result<void> group_writer::write_batches(std::deque<job>& jobs) {
  std::vector<persist_batch> batches;
  {
    std::lock_guard guard{mutex_};
    batches.swap(later_);
  }
  std::ranges::move(take_batches(jobs), std::back_inserter(batches));
  auto written = store_->write(batches);
  if (written)
    calls_.persisted(batches.back().id);
  return written;
}

} // namespace troupe::raft
