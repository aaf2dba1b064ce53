/* A QEMU TCG plugin that counts guest instructions. At each getsid(0) of the guest (system call 156 on aarch64) it writes
   the number of instructions since the one before, at each getsid of anything else a "-"; a line each, to the file named
   by out=FILE. Children of the guest's process inherit count and file. */
#include "counting.h"

static uint64_t last;

#if API == 1
static uint64_t count;
static void add(struct qemu_plugin_tb *block, uint64_t number) {
  qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD_U64, &count, number);
}
static uint64_t total(void) { return count; }
static void prepare(void) {}
#else
static entry count;
static void add(struct qemu_plugin_tb *block, uint64_t number) {
  qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(block, INLINE_ADD_U64, count, number);
}
static uint64_t total(void) { return qemu_plugin_u64_sum(count); }
static void prepare(void) { count.score = qemu_plugin_scoreboard_new(sizeof(uint64_t)); }
#endif

static void block_translated(plugin_id id, struct qemu_plugin_tb *block) { add(block, qemu_plugin_tb_n_insns(block)); }

static void system_called(plugin_id id, unsigned vcpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                          uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
  if (number != GETSID) return;
  uint64_t now = total();
  if (a == 0)
    fprintf(out, "%llu\n", (unsigned long long)(now - last));
  else
    fprintf(out, "-\n");
  fflush(out);
  last = now;
}
