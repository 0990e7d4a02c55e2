#pragma once

#include <cstddef>

/// Memory for what one thread makes and another one ends, such as messages on
/// their way from a link to a worker.
///
/// An allocator's lists belong to threads: what a thread ends it may use again,
/// what it makes comes from locked lists, and at a million messages a second
/// two threads do little but wait for each other there. Here a block goes home:
/// who ends blocks gathers some and gives them back to the thread that made
/// them, with one atomic operation for all.
///
/// Blocks of up to `block_pool_bytes_max` bytes, of three sizes; larger ones,
/// and what is more than a thread may keep (4 MiB of a size, and 4 MiB on their
/// way to it), are the allocator's.
///
/// Errors:  std::bad_alloc.
/// Threads: any, at any time.
namespace troupe {

constexpr std::size_t block_pool_bytes_max = 2032;

/// Not where the address sanitizer is to see who uses what has ended.
#ifdef __SANITIZE_ADDRESS__
constexpr bool blocks_are_pooled = false;
#else
constexpr bool blocks_are_pooled = true;
#endif

void* take_block(std::size_t bytes);
void give_block(void* block) noexcept;

} // namespace troupe
