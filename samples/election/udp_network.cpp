#include "udp_network.hpp"

#include <charconv>
#include <sstream>
#include <stdexcept>

using boost::asio::ip::udp;
using error_code = boost::system::error_code;

namespace {

template <class T>
bool parse_number(std::string_view text, T& out) {
  auto* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, out);
  return error == std::errc{} && at == end && out != 0;
}

} // namespace

address_book address_book::parse(const std::string& text) {
  address_book out;
  std::istringstream in{text};
  for (std::string one; std::getline(in, one, ';');) {
    auto no = [&](const std::string& why) {
      return std::invalid_argument("--members: '" + one + "' " + why);
    };
    auto comma = std::min(one.find(','), one.size());
    auto is = one.find('=');
    auto colon = one.rfind(':');
    if (is == one.npos || colon == one.npos || colon < is || comma < colon)
      throw no("is not ID=HOST:PORT: write for example 1=127.0.0.1:9001");
    if (comma != one.size() && one.substr(comma) != ",later")
      throw no("has something else behind it than ',later'");
    std::uint64_t id = 0;
    if (!parse_number(std::string_view{one}.substr(0, is), id))
      throw no("begins with no number above 0");
    std::uint16_t port = 0;
    auto digits = std::string_view{one}.substr(colon + 1, comma - colon - 1);
    if (!parse_number(digits, port))
      throw no("has no port from 1 to 65535");
    error_code wrong;
    auto host = boost::asio::ip::make_address(
        one.substr(is + 1, colon - is - 1), wrong);
    if (wrong)
      throw no("has no numeric address such as 127.0.0.1");
    endpoint at{host, port};
    for (auto& [other, place] : out.all)
      if (other.value == id || place == at)
        throw no("repeats the number or the address of another: correct one");
    out.all[member_id{id}] = at;
    if (comma == one.size())
      out.first.emplace_back(id);
  }
  if (out.all.empty())
    throw std::invalid_argument(
        "--members is empty: write for example 1=127.0.0.1:9001;2=127.0.0.1:"
        "9002;3=127.0.0.1:9003, the same for every member");
  return out;
}

udp_network::udp_network(address_book who, member_id self)
    : who_(std::move(who)), socket_(io_) {
  auto own = who_.all.find(self);
  if (own == who_.all.end())
    throw std::invalid_argument("--members has no address for --id "
                                + std::to_string(self.value)
                                + ": add it there, the same for every member");
  error_code e;
  socket_.open(own->second.protocol(), e);
  if (!e)
    socket_.bind(own->second, e);
  if (e) {
    std::ostringstream why;
    why << "cannot listen on " << own->second << " (" << e.message()
        << "): end what uses it, or choose another port";
    throw std::runtime_error(why.str());
  }
}

udp_network::~udp_network() {
  stop();
}

void udp_network::stop() {
  io_.stop();
  if (thread_.joinable())
    thread_.join();
}

void udp_network::start(receiver to) {
  to_ = std::move(to);
  next();
  thread_ = std::thread{[this] { io_.run(); }};
}

void udp_network::send(member_id to, std::string_view bytes) {
  error_code lost;
  if (auto i = who_.all.find(to); i != who_.all.end())
    socket_.send_to(boost::asio::buffer(bytes), i->second, 0, lost);
}

// What comes from nobody in the book is dropped. An error is of one datagram
// that could not be delivered.
void udp_network::next() {
  socket_.async_receive_from(boost::asio::buffer(buffer_), from_,
                             [this](error_code e, std::size_t n) {
                               for (auto& [id, at] : who_.all)
                                 if (!e && at == from_)
                                   to_(id, buffer_.substr(0, n));
                               next();
                             });
}
