#include <test/chaos/harness/proxy.hpp>

#include <deque>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/relay.hpp>

namespace troupe::chaos {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

tcp::endpoint parse(const std::string& address) {
  auto colon = address.rfind(':');
  return {asio::ip::make_address(address.substr(0, colon)),
          static_cast<unsigned short>(std::stoul(address.substr(colon + 1)))};
}

} // namespace

class proxy::impl {
public:
  impl() : net_(io_), work_(io_.get_executor()) {
    thread_ = std::thread{[this] { io_.run(); }};
  }

  ~impl() {
    io_.stop();
    thread_.join();
  }

  // Runs `what` on the proxy's thread, and waits for its end.
  template <class F>
  auto run(F what) {
    std::packaged_task<decltype(what())()> task{std::move(what)};
    auto out = task.get_future();
    asio::post(io_, [&] { task(); });
    return out.get();
  }

  std::string serve(const std::string& address) {
    auto to = parse(address);
    tcp::endpoint any{asio::ip::make_address(own_host()), 0};
    auto& door = doors_.emplace_back(io_, any);
    accept(door, to);
    return own_host() + ':' + std::to_string(door.local_endpoint().port());
  }

  template <class F>
  void change(const std::string& from, const std::string& to, F how) {
    run([&] {
      how(net_.between(from, to));
      look();
    });
  }

  void break_now(const std::string& one, const std::string& other) {
    for (auto& x : relays_)
      if (x->joins(one, other))
        x->reset();
  }

  void heal_all() {
    for (auto& [key, x] : net_.ways)
      x.heal();
    look();
  }

  std::uint64_t dialled(const std::string& from, const std::string& to) {
    return net_.between(from, to).dialled;
  }

  totals seen() const { return {net_.connections, net_.resets, net_.bytes}; }

private:
  void look() {
    std::erase_if(relays_, [](auto& x) { return x->closed(); });
    for (auto& x : relays_)
      x->look();
  }

  void accept(tcp::acceptor& at, const tcp::endpoint& to) {
    at.async_accept([this, &at, to](error_code e, tcp::socket socket) {
      if (e == asio::error::operation_aborted)
        return;
      auto from = e ? tcp::endpoint{} : socket.remote_endpoint(e);
      if (!e) {
        auto host = from.address().to_string();
        ++net_.connections;
        ++net_.between(host, to.address().to_string()).dialled;
        std::erase_if(relays_, [](auto& x) { return x->closed(); });
        relays_.push_back(
            std::make_shared<relay>(net_, std::move(socket), host, to));
        relays_.back()->look();
      }
      accept(at, to);
    });
  }

  asio::io_context io_{1};
  network net_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::deque<tcp::acceptor> doors_;
  std::vector<std::shared_ptr<relay>> relays_;
  std::thread thread_;
};

proxy::proxy() : impl_(std::make_unique<impl>()) {
}

proxy::~proxy() = default;

std::string proxy::serve(const std::string& address) {
  return impl_->run([&] { return impl_->serve(address); });
}

void proxy::stall(const std::string& from, const std::string& to) {
  impl_->change(from, to, [](way& x) { x.state = way::state::stalled; });
}

void proxy::cut(const std::string& from, const std::string& to) {
  impl_->change(from, to, [](way& x) { x.state = way::state::cut; });
}

void proxy::delay(const std::string& from, const std::string& to,
                  milliseconds by) {
  impl_->change(from, to, [by](way& x) { x.late = by; });
}

void proxy::break_now(const std::string& one, const std::string& other) {
  impl_->run([&] { impl_->break_now(one, other); });
}

void proxy::break_after(const std::string& from, const std::string& to,
                        std::uint64_t bytes) {
  impl_->change(from, to, [bytes](way& x) { x.left = bytes; });
}

void proxy::heal(const std::string& from, const std::string& to) {
  impl_->change(from, to, [](way& x) { x.heal(); });
}

void proxy::heal() {
  impl_->run([&] { impl_->heal_all(); });
}

proxy::totals proxy::seen() const {
  return impl_->seen();
}

std::uint64_t proxy::dialled(const std::string& from,
                             const std::string& to) const {
  return impl_->run([&] { return impl_->dialled(from, to); });
}

} // namespace troupe::chaos
