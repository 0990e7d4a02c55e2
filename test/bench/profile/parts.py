"""Which part of a message's way a function belongs to."""

import re

# The first that matches decides, from the innermost function of a stack
# outwards; what no line knows counts for whoever called it.
PARTS = [(part, re.compile(pattern)) for part, pattern in [
    ("clock", r"clock_gettime|^\[vdso\]|steady_clock::now|boot_now"),
    ("serialise", r"encode_payload|payload_writer|encoder::|as_protobuf"
                  r"|write_message|frame_head|::ByteSizeLong|_InternalSerialize"
                  r"|Serialize|AppendToString|send_answer"),
    ("decode", r"decode_payload|decode_message|decoder::|values_to_"
               r"|payload_value|read_message|read_answer|_InternalParse"
               r"|ParsePartial|ParseFrom|find_message_type|take_text"),
    ("link write", r"link::outbox|peer_link::(send|pump|on_writable)"
                   r"|link::connection::(pump|write|on_written)"
                   r"|asio_transport::send|data_plane::send\("),
    ("link read", r"link::(inbox|assembler|connection|read_header|peer_link"
                  r"|context|session)|node::impl::on_frame|link_frames"),
    ("event loop", r"boost::asio"),
    ("senders and stand-ins", r"sender_table|remote_sender"),
    ("router", r"troupe::router|troupe::data_plane|data_plane::"
               r"|partition_slot|XXH|slot_door|open_request|partition_of"
               r"|troupe::(outgoing|stream|intake)"),
    ("partition and gate", r"troupe::partition::|reply_gate|handling_scope"),
    ("run queue", r"shared_queue|scheduler::worker|resume_job_later"
                  r"|exec_later|detail::thread_safe"),
    ("handler", r"troupe_peer|::echo<|::echo\(|echo_partition"),
    ("client's actors", r"compare::(flood|asker|paced_asker|keys|recorder"
                        r"|histogram|load)|one_round"),
    ("CAF requests", r"pending_response|response_promise|request_response"
                     r"|multiplexed_responses|add_multiplexed|::response_"
                     r"|caf::policy::single_response|response_handle"),
    ("CAF mailbox", r"enqueue|caf::intrusive|mailbox_element|fifo_inbox"
                    r"|drr_|lifo_inbox|make_mailbox"),
    ("CAF dispatch", r"caf::"),
]]

MALLOC = re.compile(
    r"^(_?_?(libc_)?(malloc|calloc|realloc|free|cfree)|_int_(malloc|free"
    r"|realloc)|malloc_consolidate|unlink_chunk|sysmalloc|tcache_\w+|systrim"
    r"|checked_request2size|arena_get2|operator (new|delete).*)(\.\w+)*$")
LOCKS = re.compile(r"pthread_mutex|lll_lock|pthread_cond|^lock\b|mutex::"
                   r"|pthread_rwlock|__pthread_|sched_yield$")
COPIES = re.compile(r"^__(mem(cpy|move|set|cmp)\w*)|^mem(cpy|move|set)")
SYSCALL = re.compile(r"^__(?:x64|se|do)_sys_(\w+)$|^do_syscall")
FAULT = re.compile(r"page_fault")
INTERRUPT = re.compile(r"sysvec_|common_interrupt|irq_exit|^asm_.*interrupt")
SWITCH = re.compile(r"exit_to_user_mode")

NAMES = {"sendmsg": "write to sockets", "writev": "write to sockets",
         "write": "write to sockets", "sendto": "write to sockets",
         "recvmsg": "read from sockets", "readv": "read from sockets",
         "read": "read from sockets", "recvfrom": "read from sockets",
         "futex": "futex", "epoll_wait": "epoll", "epoll_pwait": "epoll",
         "epoll_ctl": "epoll", "clock_nanosleep": "sleep",
         "sched_yield": "sched_yield"}


def part_of_user(frames):
    for symbol, _ in frames:
        for part, pattern in PARTS:
            if pattern.search(symbol):
                return part
    return "elsewhere"


def in_kernel(frames):
    kernel = [symbol for symbol, dso in frames if "kernel" in dso
              or dso.startswith("[") and "vdso" not in dso]
    if any(SWITCH.search(x) for x in kernel) and "schedule" in kernel:
        return "system: preempted"
    for symbol in reversed(kernel):
        if INTERRUPT.search(symbol):
            return "interrupts"
        if FAULT.search(symbol):
            return "system: page faults"
        found = SYSCALL.match(symbol)
        if found and found.group(1):
            name = found.group(1)
            return f"system: {NAMES.get(name, name)}"
    return "system: other" if kernel else None


def classify(frames):
    """(part, what called it) of a stack of (function, library), innermost
    first."""
    user = [x for x in frames if "kernel" not in x[1]]
    caller = part_of_user(user)
    inner = in_kernel(frames[:1]) and in_kernel(frames)
    if inner == "system: futex" and any(MALLOC.search(x) for x, _ in user[:3]):
        return "malloc: contended", caller
    if inner:
        return inner, caller
    symbol = frames[0][0]
    for part, pattern in (("malloc", MALLOC), ("locks", LOCKS),
                          ("copies", COPIES)):
        if pattern.search(symbol):
            return part, caller
    # An allocator's or a lock's own helpers.
    for part, pattern in (("malloc", MALLOC), ("locks", LOCKS)):
        if any(pattern.search(x) for x, _ in frames[:2]):
            return part, caller
    return caller, caller
