#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include <troupe/cluster/raft/types.hpp>

/// Who there is, and where: "ID=HOST:PORT;ID=HOST:PORT,later".
struct address_book {
  using member_id = troupe::raft::member_id;
  using endpoint = boost::asio::ip::udp::endpoint;

  std::map<member_id, endpoint> all;
  std::vector<member_id> first; // without those that come later

  /// Throws std::invalid_argument with a sentence for whom wrote it.
  static address_book parse(const std::string& text);
};

/// Messages in UDP datagrams: they may be lost, repeated and overtaken.
///
/// Threads: `send` from any; what arrives is given out on one of its own.
class udp_network {
public:
  using member_id = troupe::raft::member_id;
  using receiver = std::function<void(member_id from, std::string bytes)>;

  /// Throws if the member's own address cannot be listened on.
  udp_network(address_book who, member_id self);
  ~udp_network();

  void start(receiver to);
  /// Nothing is given out any more.
  void stop();
  void send(member_id to, std::string_view bytes);

private:
  void next();

  address_book who_;
  boost::asio::io_context io_{1};
  boost::asio::ip::udp::socket socket_;
  receiver to_;
  std::string buffer_ = std::string(64u << 10, '\0');
  address_book::endpoint from_;
  std::thread thread_;
};
