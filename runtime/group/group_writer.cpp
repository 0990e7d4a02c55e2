#include <troupe/runtime/group/group_writer.hpp>

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
    if (busy_)
      return; // it looks again before it sleeps
  }
  work_.notify_one();
}

void group_writer::persist(persist_batch batch) {
  auto id = batch.id;
  {
    std::lock_guard guard{mutex_};
    if (batch.must_sync || busy_ || !jobs_.empty()) {
      jobs_.push_back(std::move(batch));
      id = 0;
    } else {
      later_.push_back(std::move(batch)); // no promise rests on it
    }
  }
  if (id != 0)
    calls_.persisted(id);
  else
    work_.notify_one();
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
      busy_ = false;
      work_.wait(guard, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty())
        break;
      jobs.swap(jobs_);
      busy_ = true;
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

disk::result<void> group_writer::write_batches(std::deque<job>& jobs) {
  std::vector<persist_batch> batches;
  {
    std::lock_guard guard{mutex_};
    batches.swap(later_);
  }
  while (!jobs.empty() && std::holds_alternative<persist_batch>(jobs.front())) {
    batches.push_back(std::move(std::get<persist_batch>(jobs.front())));
    jobs.pop_front();
  }
  auto written = store_->write(batches);
  if (written)
    calls_.persisted(batches.back().id);
  return written;
}

} // namespace troupe::raft
