#include <troupe/runtime/metrics/registry.hpp>

#include <troupe/cluster/assert.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace troupe::metrics {

namespace {

bool good_name(std::string_view name, bool colons) {
  auto head = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
           || (colons && c == ':');
  };
  return !name.empty() && head(name[0])
         && std::all_of(name.begin(), name.end(), [&](char c) {
              return head(c) || (c >= '0' && c <= '9');
            });
}

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quotes)
      out += "\\\"";
    else
      out += c;
  }
  return out;
}

/// `a="1",b="2"`, without braces.
std::string written(const labels& with) {
  std::string out;
  for (auto& [name, value] : with) {
    TROUPE_ASSERT(good_name(name, false), "label name '{}'", name);
    if (!out.empty())
      out += ',';
    out += name + "=\"" + escaped(value, true) + '"';
  }
  return out;
}

std::string number(double x) {
  if (std::isnan(x))
    return "NaN";
  if (std::isinf(x))
    return x > 0 ? "+Inf" : "-Inf";
  char buf[32];
  auto res = std::to_chars(buf, buf + sizeof buf, x);
  return std::string(buf, res.ptr);
}

void line(std::string& out, const std::string& name, const std::string& with,
          const std::string& value) {
  out += name;
  if (!with.empty())
    out += '{' + with + '}';
  out += ' ' + value + '\n';
}

constexpr const char* kind_names[] = {"counter", "gauge", "histogram", "gauge"};

} // namespace

registry::family& registry::family_of(const std::string& name,
                                      const std::string& help,
                                      std::size_t kind) {
  TROUPE_ASSERT(good_name(name, true), "metric name '{}'", name);
  auto [i, added] = families_.try_emplace(name);
  if (added) {
    i->second.help = help;
    i->second.kind = kind;
  }
  TROUPE_ASSERT(i->second.kind == kind, "metric {} is a {} and a {}", name,
                kind_names[i->second.kind], kind_names[kind]);
  return i->second;
}

counter& registry::count(const std::string& name, const std::string& help,
                         const labels& with) {
  std::lock_guard guard(*mutex_);
  auto& slot = family_of(name, help, 0).metrics[written(with)];
  auto& x = std::get<0>(slot);
  if (!x)
    x = std::make_unique<counter>();
  return *x;
}

gauge& registry::level(const std::string& name, const std::string& help,
                       const labels& with) {
  std::lock_guard guard(*mutex_);
  auto [i, added] = family_of(name, help, 1).metrics.try_emplace(written(with));
  if (added)
    i->second = std::make_unique<gauge>();
  return *std::get<1>(i->second);
}

histogram& registry::distribution(const std::string& name,
                                  const std::string& help,
                                  std::span<const double> bounds,
                                  const labels& with) {
  std::lock_guard guard(*mutex_);
  auto& fam = family_of(name, help, 2);
  if (fam.metrics.empty())
    fam.bounds.assign(bounds.begin(), bounds.end());
  auto [i, added] = fam.metrics.try_emplace(written(with));
  if (added)
    i->second = std::make_unique<histogram>(fam.bounds);
  return *std::get<2>(i->second);
}

std::shared_ptr<void> registry::computed(const std::string& name,
                                         const std::string& help,
                                         std::function<double()> read,
                                         const labels& with) {
  std::lock_guard guard(*mutex_);
  auto x = std::make_shared<reader>(reader{std::move(read)});
  family_of(name, help, 3).metrics.insert_or_assign(written(with), x);
  // The registry keeps the empty reader: a name seen once stays declared.
  auto forget = [x, mutex = mutex_](void*) {
    std::lock_guard inner(*mutex);
    x->read = nullptr;
  };
  return std::shared_ptr<void>(x.get(), forget);
}

void registry::write(std::string& out, const std::string& name,
                     const std::string& with, const metric& x) {
  if (auto c = std::get_if<0>(&x)) {
    line(out, name, with, std::to_string((*c)->value()));
  } else if (auto g = std::get_if<1>(&x)) {
    line(out, name, with, number((*g)->value()));
  } else if (auto r = std::get_if<3>(&x)) {
    if ((*r)->read)
      line(out, name, with, number((*r)->read()));
  } else {
    auto& h = *std::get<2>(x);
    auto counts = h.counts();
    auto comma = with.empty() ? "" : with + ",";
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      sum += counts[i];
      auto le = i < h.bounds().size() ? number(h.bounds()[i]) : "+Inf";
      line(out, name + "_bucket", comma + "le=\"" + le + '"',
           std::to_string(sum));
    }
    line(out, name + "_sum", with, number(h.sum()));
    line(out, name + "_count", with, std::to_string(sum));
  }
}

std::string registry::text() const {
  std::lock_guard guard(*mutex_);
  std::string out;
  for (auto& [name, fam] : families_) {
    out += "# HELP " + name + ' ' + escaped(fam.help, false) + '\n';
    out += "# TYPE " + name + ' ' + kind_names[fam.kind] + '\n';
    for (auto& [with, x] : fam.metrics)
      write(out, name, with, x);
  }
  return out;
}

} // namespace troupe::metrics
