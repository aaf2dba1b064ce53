/* A QEMU TCG plugin that counts guest instructions. At each getsid(0) of the guest (system call 156 on aarch64) it writes
   the number of instructions since the one before, at each getsid of anything else a "-"; a line each, to the file named
   by out=FILE. Children of the guest's process inherit count and file.

   Prototypes are declared here, as Debian ships no qemu-plugin.h. API is QEMU_PLUGIN_VERSION: 1 up to QEMU 8.2, with a
   counter that all virtual CPUs share; from 2 (QEMU 9.0) a counter per virtual CPU, added up when asked. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))
#define GETSID 156

typedef uint64_t plugin_id;
typedef struct qemu_info info;
struct qemu_plugin_tb;
struct qemu_plugin_scoreboard;
typedef struct { struct qemu_plugin_scoreboard *score; size_t offset; } entry;
enum op { INLINE_ADD_U64 };

typedef void (*on_block)(plugin_id, struct qemu_plugin_tb *);
typedef void (*on_syscall)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                           uint64_t, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, on_block);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, on_syscall);
#if API == 1
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum op, void *, uint64_t);
#else
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *, enum op, entry, uint64_t);
uint64_t qemu_plugin_u64_sum(entry);
#endif

EXPORTED int qemu_plugin_version = API;
static FILE *out;
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

EXPORTED int qemu_plugin_install(plugin_id id, const info *about, int argc, char **argv) {
  for (int i = 0; i < argc; i++)
    if (strncmp(argv[i], "out=", 4) == 0) out = fopen(argv[i] + 4, "w");
  if (!out) return 1;
  prepare();
  qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
  qemu_plugin_register_vcpu_syscall_cb(id, system_called);
  return 0;
}
