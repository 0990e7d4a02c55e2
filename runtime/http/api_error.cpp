#include <troupe/runtime/http/api_error.hpp>

#include <troupe/cluster/assert.hpp>

namespace troupe::http {

namespace {

struct errc_row {
  api_errc code;
  std::string_view name;
  int status;
  std::string_view hint;
};

constexpr errc_row rows[] = {
    {api_errc::malformed, "malformed", 400,
     "see the detail, and GET / for the routes"},
    {api_errc::invalid_json, "invalid_json", 400,
     "send one JSON object, encoded as UTF-8"},
    {api_errc::duplicate_parameter, "duplicate_parameter", 400,
     "give each query parameter once"},
    {api_errc::unknown_parameter, "unknown_parameter", 400,
     "check the spelling of the query parameter"},
    {api_errc::bad_percent_encoding, "bad_percent_encoding", 400,
     "write a literal % as %25"},
    {api_errc::missing_target, "missing_target", 400,
     "add ?key=K or ?partition=P"},
    {api_errc::ambiguous_target, "ambiguous_target", 400,
     "leave out either the key or the partition"},
    {api_errc::malformed_partition, "malformed_partition", 400,
     "write the partition as a decimal number, counted from 0"},
    {api_errc::wrong_message, "wrong_message", 400,
     "compare the fields with the .proto file of the type"},
    {api_errc::cross_origin, "cross_origin", 403,
     "give commands from the node's own page, or with troupectl"},
    {api_errc::unknown_path, "unknown_path", 404, "GET / lists the routes"},
    {api_errc::unknown_region, "unknown_region", 404,
     "list them with GET /v1/regions, or troupectl regions"},
    {api_errc::unknown_node, "unknown_node", 404,
     "list them with GET /v1/nodes, or troupectl nodes"},
    {api_errc::unknown_type, "unknown_type", 404,
     "use the full name with its package, of a type linked into the node"},
    {api_errc::partition_out_of_range, "partition_out_of_range", 404,
     "use a partition of the region, or a key"},
    {api_errc::method_not_allowed, "method_not_allowed", 405,
     "use a method that the Allow header names"},
    {api_errc::refused, "refused", 409,
     "see the detail; /v1/nodes and /v1/regions show how things stand"},
    {api_errc::handler_failed, "handler_failed", 409,
     "see the partition actor's own documentation"},
    {api_errc::key_too_large, "key_too_large", 413,
     "use a shorter key, for example a hash of it"},
    {api_errc::body_too_large, "body_too_large", 413,
     "send less, or raise the node's limit for bodies"},
    {api_errc::overloaded, "overloaded", 429,
     "wait as long as Retry-After says, then try again"},
    {api_errc::header_too_large, "header_too_large", 431,
     "send a shorter path and fewer headers"},
    {api_errc::internal, "internal", 500,
     "report it together with the node's log"},
    {api_errc::no_quorum, "no_quorum", 503,
     "wait until a majority of the voters is back; GET /v1/status shows them"},
    {api_errc::no_owner, "no_owner", 503,
     "try again; GET /v1/regions/{region} shows who will own it"},
    {api_errc::stopping, "stopping", 503, "ask another node"},
    {api_errc::too_many_connections, "too_many_connections", 503,
     "close idle connections, or ask another node"},
    {api_errc::deadline, "deadline", 504,
     "try again, with a longer timeout if it happens often"},
    {api_errc::outcome_unknown, "outcome_unknown", 504,
     "try again only if the message may be processed twice"},
};

static_assert(std::size(rows) == api_errc_count);

const errc_row& row_of(api_errc code) {
  auto i = static_cast<std::size_t>(code);
  TROUPE_ASSERT(i < std::size(rows), "error code {}", i);
  TROUPE_ASSERT(rows[i].code == code, "error code {} is out of order", i);
  return rows[i];
}

} // namespace

std::string_view to_string(api_errc code) {
  return row_of(code).name;
}

int status_of(api_errc code) {
  return row_of(code).status;
}

std::string_view default_hint(api_errc code) {
  return row_of(code).hint;
}

} // namespace troupe::http
