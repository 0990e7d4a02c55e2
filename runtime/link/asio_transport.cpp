#include <troupe/runtime/link/asio_transport.hpp>

#include <algorithm>
#include <future>
#include <set>
#include <thread>
#include <utility>

#include <sys/eventfd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include <troupe/cluster/assert.hpp>
#include <troupe/runtime/link/introduction.hpp>
#include <troupe/runtime/link/link_table.hpp>
#include <troupe/runtime/link/reception.hpp>

namespace troupe::link {

/// Threads: as asio_transport; what is under "the transport's thread" runs
///          there, or before it starts, or after it ended.
class asio_transport::impl {
public:
  impl(const settings& what, std::string listen, transport_handler& handler)
      : shared_(std::make_shared<context>(what, handler)),
        in_(*shared_),
        listen_(std::move(listen)),
        links_(in_),
        door_(std::make_shared<reception>(
            in_, [this](const std::shared_ptr<connection>& from,
                        const hello& x) { on_hello(from, x); })),
        tick_timer_(in_.io.get_executor()),
        stop_timer_(in_.io.get_executor()),
        work_(in_.io.get_executor()) {}

  std::optional<refusal> start();
  const std::string& address() const { return door_->address(); }
  void stop(std::optional<std::chrono::milliseconds> flush_timeout);
  void post(std::function<void()> work);
  void flush();
  void every(std::chrono::nanoseconds interval, std::function<void()> work);
  int add_event(std::function<void()> work);

  void set_identity(const identity& self);
  void set_peers(const std::vector<peer_address>& peers);
  void expect(node_id peer, incarnation started);
  void drop_peer(node_id peer);
  send_result send_if(node_id to, frame_class how, std::uint8_t kind,
                      parts payload, predicate check);
  void introduce(const std::string& address, std::string request,
                 std::chrono::milliseconds timeout, introduction_callback done);
  link::metrics metrics() const;

private:
  // The transport's thread.
  void run(const std::function<void()>& work);
  void on_hello(const std::shared_ptr<connection>& from, const hello& x);
  void begin_tick();
  void tick();
  void begin_stop(std::optional<std::chrono::milliseconds> flush_timeout);
  void link_gone();
  void end_stop();

  std::shared_ptr<context> shared_; // replies of the handler may outlive us
  context& in_;
  std::string listen_;
  link_table links_;
  std::shared_ptr<reception> door_;
  steady_timer tick_timer_;
  steady_timer stop_timer_;
  steady_clock::time_point last_tick_;
  std::size_t links_to_stop_ = 0;
  std::promise<void> all_stopped_;

  asio::executor_work_guard<executor> work_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};

  std::mutex mutex_; // for what follows
  identity self_;
  std::set<std::shared_ptr<introduction>> introductions_;
  bool introductions_over_ = false;
};

// -- starting and stopping ----------------------------------------------------

std::optional<refusal> asio_transport::impl::start() {
  TROUPE_ASSERT(!thread_.joinable() && !stopping_.load(),
                "a transport starts once, this one listens on {}", listen_);
  if (auto why = door_->open(listen_))
    return why;
  in_.source = source_of(listen_);
  door_->start();
  begin_tick();
  thread_ = std::thread{[this] { in_.io.run(); }};
  return std::nullopt;
}

void asio_transport::impl::stop(
    std::optional<std::chrono::milliseconds> flush_timeout) {
  if (stopping_.exchange(true))
    return;
  if (thread_.joinable()) {
    asio::post(in_.io, [this, flush_timeout] { begin_stop(flush_timeout); });
    all_stopped_.get_future().wait();
    in_.io.stop();
    thread_.join();
  } else {
    end_stop();
  }
}

void asio_transport::impl::begin_stop(
    std::optional<std::chrono::milliseconds> flush_timeout) {
  auto links = links_.all();
  links_to_stop_ = links.size() + 1;
  for (auto* x : links)
    x->begin_stop([this] { link_gone(); }, flush_timeout.has_value());
  stop_timer_.expires_after(
      flush_timeout.value_or(std::chrono::milliseconds{0}));
  stop_timer_.async_wait([this](error_code e) {
    if (e)
      return;
    for (auto* x : links_.all())
      x->end_flush();
    stop_timer_.expires_after(in_.what.goodbye_timeout);
    stop_timer_.async_wait([this](error_code e) {
      if (e)
        return;
      for (auto* x : links_.all())
        x->end_stop();
    });
  });
  link_gone();
}

void asio_transport::impl::link_gone() {
  if (--links_to_stop_ > 0)
    return;
  stop_timer_.cancel();
  end_stop();
  all_stopped_.set_value();
}

void asio_transport::impl::end_stop() {
  tick_timer_.cancel();
  door_->close();
  std::set<std::shared_ptr<introduction>> open;
  {
    std::lock_guard guard{mutex_};
    introductions_over_ = true;
    open.swap(introductions_);
  }
  for (auto& x : open)
    x->finish(refusal{refusal_code::stopped, "this node is stopping"});
}

void asio_transport::impl::begin_tick() {
  auto interval = std::clamp(
      std::min(in_.what.ping_interval, in_.what.handshake_timeout) / 5,
      std::chrono::milliseconds{5}, std::chrono::milliseconds{100});
  last_tick_ = steady_clock::now();
  tick_timer_.expires_after(interval);
  tick_timer_.async_wait([this](error_code e) {
    if (!e)
      tick();
  });
}

void asio_transport::impl::tick() {
  auto now = steady_clock::now();
  auto links = links_.all();
  if (now - last_tick_ > in_.what.silence_timeout / 2)
    for (auto* x : links)
      x->forgive(now);
  for (auto* x : links)
    x->tick(now);
  door_->tick(now);
  begin_tick();
}

// What it sends leaves at its end, without another turn of the loop.
void asio_transport::impl::run(const std::function<void()>& work) {
  gather_sends all{in_};
  work();
}

void asio_transport::impl::flush() {
  flush_sends(in_);
}

void asio_transport::impl::post(std::function<void()> work) {
  asio::post(in_.io, [this, work = std::move(work)] { run(work); });
}

void asio_transport::impl::every(std::chrono::nanoseconds interval,
                                 std::function<void()> work) {
  auto timer = std::make_shared<steady_timer>(in_.io.get_executor(), interval);
  timer->async_wait(
      [=, this, kept = timer, work = std::move(work)](error_code e) mutable {
        if (e)
          return;
        run(work);
        every(interval, std::move(work));
      });
}

int asio_transport::impl::add_event(std::function<void()> work) {
  struct event : std::enable_shared_from_this<event> {
    event(executor where, int fd) : in(where, fd) {}
    void wait() {
      in.async_read_some(
          asio::buffer(&count, sizeof(count)),
          [self = shared_from_this()](error_code e, std::size_t) {
            if (e)
              return;
            self->work();
            self->wait();
          });
    }
    asio::posix::basic_stream_descriptor<executor> in;
    std::function<void()> work;
    std::uint64_t count = 0;
  };
  auto fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0)
    return fd;
  auto waiting = std::make_shared<event>(in_.io.get_executor(), fd);
  waiting->work = [this, work = std::move(work)] { run(work); };
  asio::post(in_.io, [waiting] { waiting->wait(); });
  return fd;
}

// -- peers --------------------------------------------------------------------

void asio_transport::impl::set_identity(const identity& self) {
  TROUPE_ASSERT(self.node && self.incarnation && self.boot != 0,
                "node {}, incarnation {}, boot {}", self.node, self.incarnation,
                self.boot);
  {
    std::lock_guard guard{mutex_};
    TROUPE_ASSERT(in_.self.load() == nullptr, "already node {}", self_.node);
    self_ = self;
    in_.self = &self_;
  }
  for (auto* x : links_.all())
    asio::post(in_.io, [x] { x->settle(); });
}

void asio_transport::impl::set_peers(const std::vector<peer_address>& peers) {
  if (stopping_.load())
    return;
  auto* self = in_.self.load();
  std::vector<node_id> ids;
  for (auto& x : peers) {
    if (self && x.id == self->node)
      continue;
    if (auto* to = links_.obtain(x.id)) {
      to->want(x);
      ids.push_back(x.id);
    }
  }
  std::ranges::sort(ids);
  for (auto* x : links_.all())
    if (!std::ranges::binary_search(ids, x->peer()))
      x->unwant();
}

void asio_transport::impl::expect(node_id peer, incarnation started) {
  if (auto* x = links_.find(peer))
    x->expect(started);
}

void asio_transport::impl::drop_peer(node_id peer) {
  if (auto* x = links_.find(peer))
    x->drop();
}

send_result asio_transport::impl::send_if(node_id to, frame_class how,
                                          std::uint8_t kind, parts payload,
                                          predicate check) {
  auto* x = links_.find(to);
  return x ? x->send(how, kind, payload, check) : send_result::unknown_peer;
}

void asio_transport::impl::on_hello(const std::shared_ptr<connection>& from,
                                    const hello& x) {
  auto* self = in_.self.load();
  auto no = [&](const refusal& why) {
    ++in_.refused_here;
    refuse(in_, *from, why);
    if (!is_passing(why.code))
      in_.handler.on_refused({x.from.node, from->remote(), why, false});
  };
  if (self == nullptr)
    return no({refusal_code::not_ready,
               "this node has not joined a cluster yet; try again"});
  if (stopping_.load() && links_.find(x.from.node) == nullptr)
    return no({refusal_code::stopped, "this node is stopping"});
  if (auto why = check_hello(x, *self, in_.what.protocol))
    return no(*why);
  if (auto why = in_.handler.on_hello(x)) {
    why->code = refusal_code::owner;
    return no(*why);
  }
  if (auto* to = links_.obtain(x.from.node))
    return to->on_hello(from, x);
  no({refusal_code::owner,
      "node ids end at " + std::to_string(link_table::node_ids_max - 1)});
}

// -- introductions and metrics ------------------------------------------------

void asio_transport::impl::introduce(const std::string& address,
                                     std::string request,
                                     std::chrono::milliseconds timeout,
                                     introduction_callback done) {
  std::optional<refusal> no;
  if (request.size() > in_.what.introduction_bytes_max)
    no = {refusal_code::too_large,
          "an introduction may be at most "
              + std::to_string(in_.what.introduction_bytes_max) + " bytes"};
  std::unique_lock guard{mutex_};
  if (introductions_over_) {
    guard.unlock();
    return done(refusal{refusal_code::stopped, "this node is stopping"});
  }
  if (!no && introductions_.size() >= in_.what.introductions_max)
    no = {refusal_code::overloaded,
          "too many introductions at once; try again"};
  // Even a refused one is kept until its callback was called.
  auto x = std::make_shared<introduction>(
      in_, std::move(request),
      [this, done = std::move(done)](introduction_result result) {
        done(std::move(result));
        std::lock_guard guard{mutex_};
        std::erase_if(introductions_, [](auto& y) { return y->finished(); });
      });
  introductions_.insert(x);
  asio::post(in_.io, [x, address, timeout, no = std::move(no)] {
    if (no)
      x->finish(*no);
    else
      x->start(address, timeout);
  });
}

link::metrics asio_transport::impl::metrics() const {
  link::metrics sum;
  for (auto* x : links_.all())
    x->add_to(sum);
  sum.connections_opened = in_.connections_opened;
  sum.connections_closed = in_.connections_closed;
  sum.strangers_closed = in_.strangers_closed;
  sum.hellos_refused_here = in_.refused_here;
  sum.hellos_refused_by_peer = in_.refused_by_peer;
  sum.introductions_served = in_.introductions_served;
  std::ranges::copy(in_.malformed_count, sum.malformed.begin());
  return sum;
}

// -- asio_transport -----------------------------------------------------------

asio_transport::asio_transport(const settings& what, std::string listen,
                               transport_handler& handler) {
  auto wrong = check(what);
  TROUPE_ASSERT(!wrong, "settings of the link: {}", *wrong);
  impl_ = std::make_unique<impl>(what, std::move(listen), handler);
}

asio_transport::~asio_transport() {
  stop(std::chrono::milliseconds{0});
}

std::optional<refusal> asio_transport::start() {
  return impl_->start();
}

std::string asio_transport::local_address() const {
  return impl_->address();
}

void asio_transport::stop(std::chrono::milliseconds flush_timeout) {
  impl_->stop(flush_timeout);
}

void asio_transport::abandon() {
  impl_->stop(std::nullopt);
}

void asio_transport::post(std::function<void()> work) {
  impl_->post(std::move(work));
}

void asio_transport::flush() {
  impl_->flush();
}

void asio_transport::every(std::chrono::nanoseconds interval,
                           std::function<void()> work) {
  impl_->every(interval, std::move(work));
}

int asio_transport::add_event(std::function<void()> work) {
  return impl_->add_event(std::move(work));
}

void asio_transport::set_identity(const identity& self) {
  impl_->set_identity(self);
}

void asio_transport::set_peers(const std::vector<peer_address>& peers) {
  impl_->set_peers(peers);
}

void asio_transport::expect(node_id peer, incarnation started) {
  impl_->expect(peer, started);
}

void asio_transport::drop_peer(node_id peer) {
  impl_->drop_peer(peer);
}

send_result asio_transport::send_if(node_id to, frame_class how,
                                    std::uint8_t kind, parts payload,
                                    predicate check) {
  return impl_->send_if(to, how, kind, payload, check);
}

void asio_transport::introduce(const std::string& address, std::string request,
                               std::chrono::milliseconds timeout,
                               introduction_callback done) {
  impl_->introduce(address, std::move(request), timeout, std::move(done));
}

link::metrics asio_transport::metrics() const {
  return impl_->metrics();
}

} // namespace troupe::link
