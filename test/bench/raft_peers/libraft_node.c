/* One node of canonical's libraft, a group of three; the load runs inside the
   leader. Speaks as bench_raft_group does:

     libraft_node NUMBER DIRECTORY PORT,PORT,PORT */

#include <raft.h>
#include <raft/uv.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { outstanding_max = 4096, samples_max = 1 << 23, warm_up_ms = 1000 };

struct slot {
  struct raft_apply request;
  uint64_t from;
};

static struct raft raft;
static uv_timer_t timer;
static struct slot slots[outstanding_max];
static float* us; /* of the operations since the load was warm */
static size_t us_count;
static size_t failed;
static int under_way;
static int warm;
static int stopping;
static double seconds; /* asked for, then measured */
static uint64_t warm_at;

static void say(const char* text) {
  printf("%s\n", text);
  fflush(stdout);
}

static void check(int rc, const char* what) {
  if (rc == 0)
    return;
  fprintf(stderr, "libraft_node: %s: %s\n", what, raft_errmsg(&raft));
  exit(1);
}

/* -- a state machine without a state -------------------------------------- */

static int on_apply(struct raft_fsm* fsm, const struct raft_buffer* bytes,
                    void** result) {
  (void)fsm;
  (void)bytes;
  *result = NULL;
  return 0;
}

static int on_snapshot(struct raft_fsm* fsm, struct raft_buffer* buffers[],
                       unsigned* count) {
  (void)fsm;
  *count = 1;
  *buffers = raft_malloc(sizeof **buffers);
  (*buffers)->len = 8;
  (*buffers)->base = raft_calloc(1, 8);
  return 0;
}

static int on_restore(struct raft_fsm* fsm, struct raft_buffer* bytes) {
  (void)fsm;
  raft_free(bytes->base);
  return 0;
}

/* -- the load -------------------------------------------------------------- */

static void propose(struct slot* x);

static int by_size(const void* a, const void* b) {
  float x = *(const float*)a, y = *(const float*)b;
  return (x > y) - (x < y);
}

static double at(size_t percent) {
  return us_count == 0 ? 0 : us[us_count * percent / 100];
}

static void report(void) {
  qsort(us, us_count, sizeof *us, by_size);
  printf("%f %f %f %zu\n", (double)us_count / seconds, at(50), at(99), failed);
  fflush(stdout);
}

static void applied(struct raft_apply* request, int status, void* result) {
  struct slot* x = (struct slot*)request;
  (void)result;
  if (status != 0)
    ++failed;
  else if (warm && us_count < samples_max)
    us[us_count++] = (float)(uv_hrtime() - x->from) / 1000;
  --under_way;
  if (!stopping && raft_state(&raft) == RAFT_LEADER)
    propose(x);
  else if (stopping && under_way == 0)
    report();
}

static void propose(struct slot* x) {
  struct raft_buffer bytes;
  bytes.len = 40; /* 36, as it must be a multiple of 8 */
  bytes.base = raft_malloc(bytes.len);
  memset(bytes.base, 'x', bytes.len);
  x->from = uv_hrtime();
  ++under_way;
  if (raft_apply(&raft, &x->request, &bytes, 1, applied) != 0) {
    raft_free(bytes.base);
    --under_way;
    ++failed;
  }
}

static void on_end(uv_timer_t* t) {
  (void)t;
  seconds = (double)(uv_hrtime() - warm_at) / 1e9;
  warm = 0;
  stopping = 1;
  say("over");
  if (under_way == 0)
    report();
}

static void on_warm(uv_timer_t* t) {
  warm_at = uv_hrtime();
  warm = 1;
  say("warm");
  uv_timer_start(t, on_end, (uint64_t)(seconds * 1000), 0);
}

static void answer(const char* line) {
  char word[32];
  int outstanding = 0;
  int i;
  if (strcmp(line, "leader") == 0) {
    say(raft_state(&raft) == RAFT_LEADER ? "1" : "0");
    return;
  }
  if (sscanf(line, "%31s %d %lf", word, &outstanding, &seconds) != 3
      || strcmp(word, "write") != 0 || outstanding > outstanding_max
      || under_way != 0) {
    say("?");
    return;
  }
  us_count = failed = 0;
  stopping = 0;
  for (i = 0; i < outstanding; ++i)
    propose(&slots[i]);
  uv_timer_start(&timer, on_warm, warm_up_ms, 0);
}

/* -- the process ------------------------------------------------------------
 */

static void on_input(uv_poll_t* poll, int status, int events) {
  static char line[256];
  static size_t size;
  char text[256];
  ssize_t count = read(0, text, sizeof text);
  ssize_t i;
  (void)poll;
  (void)status;
  (void)events;
  if (count <= 0)
    exit(0);
  for (i = 0; i < count; ++i) {
    if (text[i] != '\n' && size + 1 < sizeof line) {
      line[size++] = text[i];
      continue;
    }
    line[size] = '\0';
    size = 0;
    answer(line);
  }
}

int main(int argc, char** argv) {
  static struct uv_loop_s loop;
  static struct raft_uv_transport transport;
  static struct raft_io io;
  static uv_poll_t input;
  static struct raft_fsm fsm = {.version = 1,
                                .apply = on_apply,
                                .snapshot = on_snapshot,
                                .restore = on_restore};
  struct raft_configuration group;
  char address[3][32];
  int ports[3];
  int self, i;
  if (argc != 4
      || sscanf(argv[3], "%d,%d,%d", ports, ports + 1, ports + 2) != 3)
    return 2;
  self = atoi(argv[1]);
  us = malloc(samples_max * sizeof *us);
  signal(SIGPIPE, SIG_IGN);
  mkdir(argv[2], 0777);
  uv_loop_init(&loop);
  raft_configuration_init(&group);
  for (i = 0; i < 3; ++i) {
    snprintf(address[i], sizeof address[i], "127.0.0.1:%d", ports[i]);
    raft_configuration_add(&group, (raft_id)i + 1, address[i], RAFT_VOTER);
  }
  check(raft_uv_tcp_init(&transport, &loop), "transport");
  check(raft_uv_init(&io, &loop, argv[2], &transport), "disk");
  check(raft_init(&raft, &io, &fsm, (raft_id)self + 1, address[self]), "init");
  check(raft_bootstrap(&raft, &group), "bootstrap");
  raft_set_snapshot_threshold(&raft, 1u << 30);
  check(raft_start(&raft), "start");
  uv_timer_init(&loop, &timer);
  uv_poll_init(&loop, &input, 0);
  uv_poll_start(&input, UV_READABLE, on_input);
  say("up");
  return uv_run(&loop, UV_RUN_DEFAULT);
}
