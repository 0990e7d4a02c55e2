#pragma once

#include <memory>

#include "http_server.hpp"
#include "kv_machine.hpp"

using kv_group = troupe::raft::group<kv_machine>;

/// The group as HTTP:
///
///     GET    /kv/KEY[?read=linearizable|lease|local]
///     PUT    /kv/KEY[?if=OLD|?if_absent]      body: the value; or POST
///     DELETE /kv/KEY[?if=OLD]
///     GET    /watch[?prefix=P&since=INDEX]    a line of JSON for each change
///     GET    /members    POST /members?address=HOST:PORT[&votes=false]
///     POST   /members/ID/promote|demote|remove   or DELETE; or an address
///     GET    /leader[?watch]    POST /leader[?to=ID]
class kv_api {
public:
  kv_api(kv_group& group, std::shared_ptr<change_feed> feed)
      : group_(group), feed_(std::move(feed)) {}

  void handle(request in, responder out);

private:
  void on_key(request in, responder out);
  void on_watch(const request& in, const responder& out);
  void on_members(const request& in, const responder& out);
  void on_leader(const request& in, const responder& out);

  kv_group& group_;
  std::shared_ptr<change_feed> feed_;
};
