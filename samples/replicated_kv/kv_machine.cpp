#include "kv_machine.hpp"

using namespace troupe::raft;

applied_result<kv::Result> kv_machine::apply(log_index at,
                                             const command& what) {
  bool put = what.has_put();
  if (!put && !what.has_remove())
    return rejected{"the command is neither a put nor a delete"};
  auto& key = put ? what.put().key() : what.remove().key();
  bool conditional =
      put ? what.put().has_only_if() : what.remove().has_only_if();
  auto& only_if = put ? what.put().only_if() : what.remove().only_if();
  kv::Result out;
  auto* before = rows_.find(key);
  out.set_existed(before != nullptr);
  if (before != nullptr) {
    out.set_value(before->value);
    out.set_index(before->index);
  }
  if (conditional
      && (only_if.absent()
              ? before != nullptr
              : before == nullptr || before->value != only_if.value()))
    return out;
  out.set_done(true);
  out.set_index(at.value);
  if (put)
    rows_.assign(key, {what.put().value(), at.value});
  else
    rows_.erase(key);
  if (feed_)
    feed_->add({at.value, key, put, put ? what.put().value() : ""});
  return out;
}

bool kv_machine::frozen::save(byte_sink& to) const {
  bool ok = true;
  rows.for_each([&](const std::string& key, const row& x) {
    kv::Row line;
    line.set_key(key);
    line.set_value(x.value);
    line.set_index(x.index);
    ok = ok && write_message(to, line);
  });
  return ok;
}

bool kv_machine::restore(byte_source& from) {
  for (kv::Row line;;) {
    switch (read_message(from, line)) {
    case read_message_result::end:
      if (feed_)
        feed_->jump();
      return true;
    case read_message_result::damaged:
      return false;
    case read_message_result::message:
      rows_.assign(line.key(), {line.value(), line.index()});
    }
  }
}
