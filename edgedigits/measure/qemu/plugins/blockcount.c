/* A QEMU TCG plugin that counts how often each translated block of the guest runs. A getsid(0) of the guest (system call 156 on
   aarch64) begins a count, the next one ends it and writes it, a getsid of anything else ends a model; to the file out=FILE:

       b INDEX ADDRESS WORDS  a block when it is first written: where it stands, its instructions as hexadecimal bytes
       c INDEX EXECUTIONS     of a count, one for each block that ran
       m                      the end of a count
       -                      the end of a model

   Children of the guest's process inherit blocks and file, so a later "b" of an index replaces an earlier one. */
#include "counting.h"

#define WORD 4
#define CHUNK 4096
#define CHUNKS 4096

#if API < 3
static void read_word(const struct qemu_plugin_insn *insn, uint8_t *to) { memcpy(to, qemu_plugin_insn_data(insn), WORD); }
#else
static void read_word(const struct qemu_plugin_insn *insn, uint8_t *to) { qemu_plugin_insn_data(insn, to, WORD); }
#endif

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
static void watch(struct qemu_plugin_tb *tb, size_t index) {
  qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &find(index)->runs, 1);
}
static uint64_t total(size_t index) { return find(index)->runs; }
#else
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

static void prepare(void) {}

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
