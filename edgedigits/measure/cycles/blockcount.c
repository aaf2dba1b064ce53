/* A QEMU TCG plugin that counts how often each translated block of the guest runs. A getsid(0) of the guest (system call 156 on
   aarch64) begins a count, the next one ends it and writes it, a getsid of anything else ends a model; to the file out=FILE:

       b INDEX ADDRESS WORDS  a block when it is first written: where it stands, its instructions as hexadecimal bytes
       c INDEX EXECUTIONS     of a count, one for each block that ran
       m                      the end of a count
       -                      the end of a model

   Children of the guest's process inherit blocks and file, so a later "b" of an index replaces an earlier one.

   Prototypes are declared here, as Debian ships no qemu-plugin.h. API is QEMU_PLUGIN_VERSION: 1 up to QEMU 8.2, with counters
   that all virtual CPUs share; from 2 (QEMU 9.0) a counter per virtual CPU, added up when asked; from 3 (QEMU 9.1) an
   instruction's bytes are copied to where one says. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))
#define GETSID 156
#define WORD 4
#define CHUNK 4096
#define CHUNKS 4096

typedef uint64_t plugin_id;
typedef struct qemu_info info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
typedef struct { struct qemu_plugin_scoreboard *score; size_t offset; } entry;
enum op { INLINE_ADD_U64 };

typedef void (*on_block)(plugin_id, struct qemu_plugin_tb *);
typedef void (*on_syscall)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                           uint64_t, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, on_block);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, on_syscall);
#if API < 3
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
static void read_word(const struct qemu_plugin_insn *insn, uint8_t *to) { memcpy(to, qemu_plugin_insn_data(insn), WORD); }
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *, void *, size_t);
static void read_word(const struct qemu_plugin_insn *insn, uint8_t *to) { qemu_plugin_insn_data(insn, to, WORD); }
#endif

EXPORTED int qemu_plugin_version = API;
static FILE *out;
static bool counting;

typedef struct {
  uint8_t *words;
  size_t length;
  uint64_t address, runs, before;
  bool written;
} block;
static block *chunks[CHUNKS];
static size_t known;
/* Blocks never move: generated code adds to them. */
static block *find(size_t index) { return &chunks[index / CHUNK][index % CHUNK]; }

#if API == 1
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum op, void *, uint64_t);
static void watch(struct qemu_plugin_tb *tb, size_t index) {
  qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &find(index)->runs, 1);
}
static uint64_t total(size_t index) { return find(index)->runs; }
#else
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *, enum op, entry, uint64_t);
uint64_t qemu_plugin_u64_sum(entry);
static struct qemu_plugin_scoreboard *scores[CHUNKS];
static entry score(size_t index) {
  entry one = {scores[index / CHUNK], index % CHUNK * sizeof(uint64_t)};
  return one;
}
static void watch(struct qemu_plugin_tb *tb, size_t index) {
  size_t chunk = index / CHUNK;
  if (!scores[chunk]) scores[chunk] = qemu_plugin_scoreboard_new(CHUNK * sizeof(uint64_t));
  qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, INLINE_ADD_U64, score(index), 1);
}
static uint64_t total(size_t index) { return qemu_plugin_u64_sum(score(index)); }
#endif

static void block_translated(plugin_id id, struct qemu_plugin_tb *tb) {
  if (known == (size_t)CHUNK * CHUNKS) abort();
  if (known % CHUNK == 0) chunks[known / CHUNK] = calloc(CHUNK, sizeof(block));
  block *one = find(known);
  one->address = qemu_plugin_tb_vaddr(tb);
  one->length = qemu_plugin_tb_n_insns(tb);
  one->words = malloc(one->length * WORD);
  for (size_t at = 0; at < one->length; at++) read_word(qemu_plugin_tb_get_insn(tb, at), one->words + at * WORD);
  watch(tb, known++);
}

static void write_count(size_t index, uint64_t runs) {
  block *one = find(index);
  if (!one->written) {
    fprintf(out, "b %zu %llx ", index, (unsigned long long)one->address);
    for (size_t at = 0; at < one->length * WORD; at++) fprintf(out, "%02x", one->words[at]);
    fprintf(out, "\n");
    one->written = true;
  }
  fprintf(out, "c %zu %llu\n", index, (unsigned long long)runs);
}

static void system_called(plugin_id id, unsigned vcpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                          uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
  if (number != GETSID) return;
  if (a != 0) {
    fprintf(out, "-\n");
    counting = false;
  } else {
    for (size_t index = 0; index < known; index++) {
      uint64_t now = total(index);
      if (counting && now != find(index)->before) write_count(index, now - find(index)->before);
      find(index)->before = now;
    }
    if (counting) fprintf(out, "m\n");
    counting = !counting;
  }
  fflush(out);
}

EXPORTED int qemu_plugin_install(plugin_id id, const info *about, int argc, char **argv) {
  for (int i = 0; i < argc; i++)
    if (strncmp(argv[i], "out=", 4) == 0) out = fopen(argv[i] + 4, "w");
  if (!out) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
  qemu_plugin_register_vcpu_syscall_cb(id, system_called);
  return 0;
}
