#include <troupe/runtime/http/api.hpp>

#include <troupe/runtime/http/uri.hpp>

#include <algorithm>
#include <exception>

namespace troupe::http {

namespace {

/// Compares a decoded path with a pattern, and takes the arguments out.
bool matches(std::string_view pattern, const std::vector<std::string>& path,
             std::vector<std::string>& args) {
  args.clear();
  std::size_t i = 0;
  for (pattern.remove_prefix(1); !pattern.empty(); ++i) {
    auto end = std::min(pattern.find('/'), pattern.size());
    auto segment = pattern.substr(0, end);
    pattern.remove_prefix(std::min(end + 1, pattern.size()));
    if (i == path.size())
      return false;
    if (segment[0] == '{' && !path[i].empty())
      args.push_back(path[i]);
    else if (segment != path[i])
      return false;
  }
  return i == path.size();
}

api_error unknown_parameter(const std::string& name, const route& where) {
  std::string known;
  for (auto param : where.params)
    known += (known.empty() ? "" : ", ") + std::string(param);
  auto hint = known.empty() ? "this route takes no parameters"
                            : "this route takes " + known;
  return {api_errc::unknown_parameter,
          "'" + name + "' is no parameter of " + std::string(where.pattern),
          hint};
}

} // namespace

std::vector<route> all_routes() {
  std::vector<route> out;
  for (auto group : {status_routes(), region_routes(), message_routes(),
                     admin_routes(), event_routes()})
    out.insert(out.end(), group.begin(), group.end());
  return out;
}

api::api(api_backend& backend, api_limits limits)
    : backend_(backend), limits_(limits), routes_(all_routes()) {
}

const route* api::find(const std::string& method,
                       const std::vector<std::string>& path,
                       std::vector<std::string>& args,
                       std::string& allowed) const {
  for (auto& x : routes_) {
    if (!matches(x.pattern, path, args))
      continue;
    if (x.method == method)
      return &x;
    allowed += (allowed.empty() ? "" : ", ") + std::string(x.method);
    if (x.method == "GET")
      allowed += ", HEAD";
  }
  return nullptr;
}

api_verdict api::handle(api_request request, respond done) {
  auto refuse = [&](const api_error& error, std::string_view pattern = {}) {
    done(to_answer(error));
    return api_verdict{pattern, {}};
  };
  auto where = parse_uri(request.target);
  if (!where)
    return refuse(where.error());
  // A HEAD is a GET whose answer's body the server leaves out.
  auto method = request.method == "HEAD" ? "GET" : request.method;
  api_call call{
      backend_, limits_, {}, std::move(where->query), std::move(request.body)};
  std::string allowed;
  auto* to = find(method, where->path, call.args, allowed);
  if (!to && allowed.empty())
    return refuse({api_errc::unknown_path,
                   "there is nothing at " + request.target.substr(0, 200)});
  if (!to) {
    auto answer = to_answer(
        {api_errc::method_not_allowed, "this path takes " + allowed + ", not "
                                           + request.method.substr(0, 32)});
    answer.headers.emplace_back("Allow", allowed);
    done(std::move(answer));
    return {};
  }
  for (auto& [name, value] : call.query)
    if (std::find(to->params.begin(), to->params.end(), name)
        == to->params.end())
      return refuse(unknown_parameter(name, *to), to->pattern);
  try {
    return {to->pattern, to->handle(call, done)};
  } catch (const std::exception& ex) {
    return refuse({api_errc::internal, ex.what()}, to->pattern);
  }
}

} // namespace troupe::http
